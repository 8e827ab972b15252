use super::Index;
use farplane_geom::{Aabb, Frustum, Sphere};
use kiddo::{ImmutableKdTree, SquaredEuclidean};

/// kiddo's k-d tree, over the centres of the boxes: points only, and no frusta.
pub struct Kiddo(ImmutableKdTree<f32, 3>);

impl Index for Kiddo {
    fn build(boxes: &[Aabb]) -> Self {
        let points: Vec<_> = boxes.iter().map(|b| b.center().to_array()).collect();
        Self(ImmutableKdTree::new_from_slice(&points).expect("points of the scene are valid"))
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        let center = sphere.center.to_array();
        let limit = sphere.radius * sphere.radius;
        let found = self.0.query(&center).within::<SquaredEuclidean<f32>>(limit).unsorted();
        out.extend(found.execute().iter().map(|found| found.item));
    }

    fn frustum(&self, _frustum: &Frustum, _out: &mut Vec<u32>) {}

    fn bytes(&self) -> Option<usize> {
        None
    }
}
