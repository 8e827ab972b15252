use super::{Index, Move};
use farplane_geom::{Aabb, Frustum, Sphere, Vec3};
use parry3d::bounding_volume::Aabb as ParryAabb;
use parry3d::math::Vector;
use parry3d::partitioning::{Bvh, BvhBuildStrategy, BvhNode, BvhWorkspace};

/// parry3d's bounding volume hierarchy; frusta by its own traversal, since it has no such query.
pub struct Parry {
    bvh: Bvh,
    workspace: BvhWorkspace,
}

fn to_parry(b: &Aabb) -> ParryAabb {
    let corner = |v: Vec3| Vector::new(v.x, v.y, v.z);
    ParryAabb::new(corner(b.min), corner(b.max))
}

fn node_box(node: &BvhNode) -> Aabb {
    let (min, max) = (node.mins(), node.maxs());
    Aabb::new(Vec3::new(min.x, min.y, min.z), Vec3::new(max.x, max.y, max.z))
}

impl Index for Parry {
    fn build(boxes: &[Aabb]) -> Self {
        let bvh = Bvh::from_iter(BvhBuildStrategy::Binned, boxes.iter().map(to_parry).enumerate());
        Self { bvh, workspace: BvhWorkspace::default() }
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        let limit = sphere.radius * sphere.radius;
        out.extend(self.bvh.leaves(|n| node_box(n).distance_squared(sphere.center) <= limit));
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        out.extend(self.bvh.leaves(|n| frustum.intersects_aabb(&node_box(n))));
    }

    fn bytes(&self) -> Option<usize> {
        Some(self.bvh.total_memory_size())
    }

    fn moves(&mut self, moves: &[Move]) -> bool {
        for m in moves {
            self.bvh.insert(to_parry(&m.to), m.item);
        }
        self.bvh.optimize_incremental(&mut self.workspace);
        true
    }
}
