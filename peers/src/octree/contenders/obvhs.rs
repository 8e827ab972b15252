use super::{Index, Move};
use farplane_geom::{Aabb, Frustum, Sphere, Vec3};
use obvhs::BvhBuildParams;
use obvhs::aabb::Aabb as ObvhsAabb;
use obvhs::bvh2::Bvh2;
use obvhs::bvh2::builder::build_bvh2;
use std::time::Duration;

/// obvhs' binary hierarchy, of its medium quality; radii and frusta by a walk over its public nodes,
/// since it has no such queries.
pub struct Obvhs(Bvh2);

fn to_obvhs(b: &Aabb) -> ObvhsAabb {
    ObvhsAabb::new(b.min.to_array().into(), b.max.to_array().into())
}

fn from_obvhs(b: &ObvhsAabb) -> Aabb {
    let corner = |v: [f32; 3]| Vec3::from_array(v);
    Aabb::new(corner(b.min.to_array()), corner(b.max.to_array()))
}

impl Obvhs {
    fn walk(&self, out: &mut Vec<u32>, test: impl Fn(&Aabb) -> bool) {
        let mut stack = vec![0];
        while let Some(index) = stack.pop() {
            let Some(node) = self.0.nodes.get(index as usize) else { continue };
            if !test(&from_obvhs(node.aabb())) {
                continue;
            }
            if node.is_leaf() {
                let first = node.first_index as usize;
                // Leaves of one primitive, whose box is the node's.
                out.extend(&self.0.primitive_indices[first..first + node.prim_count as usize]);
            } else {
                stack.extend([node.first_index + 1, node.first_index]);
            }
        }
    }
}

impl Index for Obvhs {
    fn build(boxes: &[Aabb]) -> Self {
        let boxes: Vec<_> = boxes.iter().map(to_obvhs).collect();
        let params = BvhBuildParams { max_prims_per_leaf: 1, ..BvhBuildParams::medium_build() };
        Self(build_bvh2(&boxes, params, &mut Duration::default()))
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        let limit = sphere.radius * sphere.radius;
        self.walk(out, |b| b.distance_squared(sphere.center) <= limit);
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.walk(out, |b| frustum.intersects_aabb(b));
    }

    fn bytes(&self) -> Option<usize> {
        let nodes = self.0.nodes.capacity() * size_of_val(&self.0.nodes[0]);
        let tables = [&self.0.primitive_indices, &self.0.primitives_to_nodes, &self.0.parents];
        Some(nodes + tables.iter().map(|t| t.capacity() * size_of::<u32>()).sum::<usize>())
    }

    fn moves(&mut self, moves: &[Move]) -> bool {
        self.0.init_primitives_to_nodes_if_uninit();
        self.0.init_parents_if_uninit();
        for m in moves {
            let node = self.0.primitives_to_nodes[m.item as usize] as usize;
            self.0.resize_node(node, to_obvhs(&m.to));
            self.0.reinsert_node(node);
        }
        true
    }
}
