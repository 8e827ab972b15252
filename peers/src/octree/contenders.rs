//! Spatial indices behind one trait, each used as its own documentation shows.

use farplane_geom::{Aabb, Frustum, Sphere, Vec3};
use parry3d::bounding_volume::Aabb as ParryAabb;
use parry3d::math::Vector;
use parry3d::partitioning::{Bvh, BvhBuildStrategy, BvhNode};

/// An index over boxes; items are their places in the list.
pub trait Index {
    /// An index of all boxes.
    fn build(boxes: &[Aabb]) -> Self;
    /// Appends the boxes that a sphere touches.
    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>);
    /// Appends the boxes that are not outside a plane of a frustum.
    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>);
    /// Bytes it holds.
    fn bytes(&self) -> usize;
}

/// farplane-octree.
pub struct Farplane(farplane_octree::Octree);

impl Index for Farplane {
    fn build(boxes: &[Aabb]) -> Self {
        let items: Vec<_> = boxes.iter().copied().zip(0..).collect();
        Self(farplane_octree::Octree::build(&items).expect("boxes of the scene are valid"))
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        self.0.query().sphere(sphere, out);
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.0.query().frustum(frustum, out);
    }

    fn bytes(&self) -> usize {
        self.0.index_bytes()
    }
}

/// parry3d's bounding volume hierarchy; frusta by its own traversal, since it has no such query.
pub struct Parry(Bvh);

fn node_box(node: &BvhNode) -> Aabb {
    let (min, max) = (node.mins(), node.maxs());
    Aabb::new(Vec3::new(min.x, min.y, min.z), Vec3::new(max.x, max.y, max.z))
}

impl Index for Parry {
    fn build(boxes: &[Aabb]) -> Self {
        let corner = |v: Vec3| Vector::new(v.x, v.y, v.z);
        let boxes = boxes.iter().map(|b| ParryAabb::new(corner(b.min), corner(b.max)));
        Self(Bvh::from_iter(BvhBuildStrategy::Binned, boxes.enumerate()))
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        let limit = sphere.radius * sphere.radius;
        out.extend(self.0.leaves(|n| node_box(n).distance_squared(sphere.center) <= limit));
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        out.extend(self.0.leaves(|n| frustum.intersects_aabb(&node_box(n))));
    }

    fn bytes(&self) -> usize {
        self.0.total_memory_size()
    }
}

/// Every box, coordinate by coordinate, in lanes that the compiler makes vectors of (of the
/// instruction set that the build is for).
pub struct Scan {
    min: [Vec<f32>; 3],
    max: [Vec<f32>; 3],
    count: usize,
}

const LANES: usize = 16;

impl Scan {
    /// Tests lanes by their corners and appends those that pass. The last lanes are padded.
    fn each(
        &self,
        out: &mut Vec<u32>,
        test: impl Fn([&[f32; LANES]; 3], [&[f32; LANES]; 3]) -> [bool; LANES],
    ) {
        for start in (0..self.min[0].len()).step_by(LANES) {
            let lanes = |of: &[Vec<f32>; 3]| -> [[f32; LANES]; 3] {
                std::array::from_fn(|axis| {
                    of[axis][start..start + LANES].try_into().expect("padded to whole lanes")
                })
            };
            let (min, max) = (lanes(&self.min), lanes(&self.max));
            let hits = test([&min[0], &min[1], &min[2]], [&max[0], &max[1], &max[2]]);
            if hits.contains(&true) {
                let inside = (start..self.count).zip(hits).filter(|(_, hit)| *hit);
                out.extend(inside.map(|(i, _)| i as u32));
            }
        }
    }
}

impl Index for Scan {
    fn build(boxes: &[Aabb]) -> Self {
        let lanes = |corner: fn(&Aabb) -> Vec3| {
            std::array::from_fn(|axis| {
                let mut lane: Vec<f32> = boxes.iter().map(|b| corner(b)[axis]).collect();
                lane.resize(boxes.len().next_multiple_of(LANES), 0.0);
                lane
            })
        };
        Self { min: lanes(|b| b.min), max: lanes(|b| b.max), count: boxes.len() }
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        let (center, limit) = (sphere.center.to_array(), sphere.radius * sphere.radius);
        self.each(out, |min, max| {
            let mut sum = [0.0f32; LANES];
            for axis in 0..3 {
                for (i, sum) in sum.iter_mut().enumerate() {
                    let below = min[axis][i] - center[axis];
                    let above = center[axis] - max[axis][i];
                    let d = below.max(above).max(0.0);
                    *sum += d * d;
                }
            }
            sum.map(|d| d <= limit)
        });
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.each(out, |min, max| {
            let mut hits = [true; LANES];
            for p in &frustum.planes {
                for (i, hit) in hits.iter_mut().enumerate() {
                    let c: [f32; 3] = std::array::from_fn(|a| (min[a][i] + max[a][i]) * 0.5);
                    let h: [f32; 3] = std::array::from_fn(|a| (max[a][i] - min[a][i]) * 0.5);
                    let r = p.x.abs() * h[0] + p.y.abs() * h[1] + p.z.abs() * h[2];
                    let d = p.x * c[0] + p.y * c[1] + p.z * c[2] + p.w;
                    *hit &= d >= -r;
                }
            }
            hits
        });
    }

    fn bytes(&self) -> usize {
        self.min.iter().chain(&self.max).map(|lane| lane.len() * size_of::<f32>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;

    #[test]
    fn every_index_finds_what_testing_every_box_finds() {
        let scene = Scene::new(3, 5003);
        let indices: [Box<dyn Dyn>; 3] = [
            Box::new(Farplane::build(&scene.boxes)),
            Box::new(Parry::build(&scene.boxes)),
            Box::new(Scan::build(&scene.boxes)),
        ];
        let mut found = 0;
        for (sphere, frustum) in scene.spheres.iter().zip(&scene.frusta) {
            let near = |b: &Aabb| b.distance_squared(sphere.center) <= 250_000.0;
            let tests: [&dyn Fn(&Aabb) -> bool; 2] = [&near, &|b| frustum.intersects_aabb(b)];
            for (kind, test) in tests.into_iter().enumerate() {
                let all = scene.boxes.iter().zip(0u32..);
                let expected: Vec<u32> = all.filter(|(b, _)| test(b)).map(|(_, i)| i).collect();
                found += expected.len();
                for (k, index) in indices.iter().enumerate() {
                    assert_eq!(index.sorted(kind, sphere, frustum), expected, "index {k}");
                }
            }
        }
        assert!(found > 1000, "queries that find nothing would compare nothing");
    }

    trait Dyn {
        fn sorted(&self, kind: usize, sphere: &Sphere, frustum: &Frustum) -> Vec<u32>;
    }

    impl<I: Index> Dyn for I {
        fn sorted(&self, kind: usize, sphere: &Sphere, frustum: &Frustum) -> Vec<u32> {
            let mut out = Vec::new();
            if kind == 0 {
                self.radius(sphere, &mut out)
            } else {
                self.frustum(frustum, &mut out)
            }
            out.sort_unstable();
            out
        }
    }
}
