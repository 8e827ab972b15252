use super::{Index, Move};
use farplane_geom::{Aabb, Frustum, Sphere, Vec3};
use rstar::{AABB, RTree, RTreeObject, SelectionFunction};

/// rstar's R*-tree; its own search with the tests of the scene.
pub struct Rstar(RTree<Object>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Object {
    bounds: Aabb,
    item: u32,
}

impl RTreeObject for Object {
    type Envelope = AABB<[f32; 3]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(self.bounds.min.to_array(), self.bounds.max.to_array())
    }
}

struct Select<F>(F);

impl<F: Fn(&Aabb) -> bool> SelectionFunction<Object> for Select<F> {
    fn should_unpack_parent(&self, envelope: &AABB<[f32; 3]>) -> bool {
        let (min, max) = (envelope.lower(), envelope.upper());
        (self.0)(&Aabb::new(Vec3::from_array(min), Vec3::from_array(max)))
    }

    fn should_unpack_leaf(&self, leaf: &Object) -> bool {
        (self.0)(&leaf.bounds)
    }
}

impl Rstar {
    fn search(&self, out: &mut Vec<u32>, test: impl Fn(&Aabb) -> bool) {
        out.extend(self.0.locate_with_selection_function(Select(test)).map(|o| o.item));
    }
}

impl Index for Rstar {
    fn build(boxes: &[Aabb]) -> Self {
        let objects = boxes.iter().zip(0..).map(|(&bounds, item)| Object { bounds, item });
        Self(RTree::bulk_load(objects.collect()))
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        let limit = sphere.radius * sphere.radius;
        self.search(out, |b| b.distance_squared(sphere.center) <= limit);
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.search(out, |b| frustum.intersects_aabb(b));
    }

    fn bytes(&self) -> Option<usize> {
        None
    }

    fn moves(&mut self, moves: &[Move]) -> bool {
        for m in moves {
            let removed = self.0.remove(&Object { bounds: m.from, item: m.item });
            assert!(removed.is_some(), "the box is in the tree");
            self.0.insert(Object { bounds: m.to, item: m.item });
        }
        true
    }
}
