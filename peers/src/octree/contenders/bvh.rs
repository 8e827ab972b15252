use super::Index;
use bvh::aabb::{Aabb as BvhAabb, Bounded, IntersectsAabb};
use bvh::bounding_hierarchy::BHShape;
use farplane_geom::{Aabb, Frustum, Sphere, Vec3};

/// bvh's hierarchy; its own traversal with the tests of the scene.
pub struct Bvh {
    shapes: Vec<Shape>,
    bvh: bvh::bvh::Bvh<f32, 3>,
}

struct Shape {
    bounds: BvhAabb<f32, 3>,
    item: u32,
    node: usize,
}

impl Bounded<f32, 3> for Shape {
    fn aabb(&self) -> BvhAabb<f32, 3> {
        self.bounds
    }
}

impl BHShape<f32, 3> for Shape {
    fn set_bh_node_index(&mut self, index: usize) {
        self.node = index;
    }

    fn bh_node_index(&self) -> usize {
        self.node
    }
}

fn from_bvh(b: &BvhAabb<f32, 3>) -> Aabb {
    Aabb::new(Vec3::new(b.min.x, b.min.y, b.min.z), Vec3::new(b.max.x, b.max.y, b.max.z))
}

struct Within<'a>(&'a Sphere);

impl IntersectsAabb<f32, 3> for Within<'_> {
    fn intersects_aabb(&self, b: &BvhAabb<f32, 3>) -> bool {
        from_bvh(b).distance_squared(self.0.center) <= self.0.radius * self.0.radius
    }
}

struct Seen<'a>(&'a Frustum);

impl IntersectsAabb<f32, 3> for Seen<'_> {
    fn intersects_aabb(&self, b: &BvhAabb<f32, 3>) -> bool {
        self.0.intersects_aabb(&from_bvh(b))
    }
}

impl Index for Bvh {
    fn build(boxes: &[Aabb]) -> Self {
        let bounds =
            |b: &Aabb| BvhAabb::with_bounds(b.min.to_array().into(), b.max.to_array().into());
        let shape = |(b, item)| Shape { bounds: bounds(b), item, node: 0 };
        let mut shapes: Vec<_> = boxes.iter().zip(0..).map(shape).collect();
        let bvh = bvh::bvh::Bvh::build(&mut shapes);
        Self { shapes, bvh }
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        out.extend(self.bvh.traverse_iterator(&Within(sphere), &self.shapes).map(|s| s.item));
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        out.extend(self.bvh.traverse_iterator(&Seen(frustum), &self.shapes).map(|s| s.item));
    }

    fn bytes(&self) -> Option<usize> {
        let nodes = self.bvh.nodes.capacity() * size_of::<bvh::bvh::BvhNode<f32, 3>>();
        Some(nodes + self.shapes.capacity() * size_of::<Shape>())
    }
}
