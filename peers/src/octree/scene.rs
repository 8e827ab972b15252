//! The boxes and the queries that every index answers.
//!
//! - 16 × 16 km, 1 km high. In a clustered scene 70% of the boxes lie in 200 clusters (normal about the centre, σ 150 m
//!   along each axis, held inside), the others anywhere.
//! - Half sizes of 0.25 to 4 m along each axis.
//! - 32 places, each with a sphere of 500 m and a frustum of 60° (vertical, 16:9) that looks level
//!   in any direction and ends at 2 km.

use crate::random::Random;
use farplane_geom::{Aabb, DVec3, Frustum, Sphere, Vec3, View};

/// Places that queries are asked from.
const PLACES: usize = 32;
pub const SIZE_M: [f64; 3] = [16_000.0, 16_000.0, 1000.0];
const CLUSTERS: usize = 200;
const CLUSTER_SIGMA_M: f64 = 150.0;
/// Part of the boxes that lie in clusters; 0 for a uniform scene.
pub const CLUSTERED: f64 = 0.7;

const RADIUS_M: f32 = 500.0;
const FAR_M: f64 = 2000.0;

/// Boxes and queries.
pub struct Scene {
    /// What is indexed; the item is the place in this list.
    pub boxes: Vec<Aabb>,
    /// Radius queries.
    pub spheres: Vec<Sphere>,
    /// Frustum queries.
    pub frusta: Vec<Frustum>,
}

fn anywhere(random: &mut Random) -> [f64; 3] {
    SIZE_M.map(|size| random.between(0.0, size))
}

impl Scene {
    /// A scene of so many boxes, a part of them in clusters.
    pub fn new(seed: u64, count: usize, clustered: f64) -> Self {
        let mut random = Random::new(seed);
        let centers: Vec<_> = (0..CLUSTERS).map(|_| anywhere(&mut random)).collect();
        let mut one = || {
            let mut at = anywhere(&mut random);
            if random.unit() < clustered {
                let center = centers[random.below(CLUSTERS)];
                for (axis, v) in at.iter_mut().enumerate() {
                    let spread = center[axis] + CLUSTER_SIGMA_M * random.normal();
                    *v = spread.clamp(0.0, SIZE_M[axis]);
                }
            }
            let center = Vec3::from_array(at.map(|v| v as f32));
            let half = Vec3::from_array([0.0; 3].map(|_: f32| random.between(0.25, 4.0) as f32));
            Aabb::new(center - half, center + half)
        };
        let boxes = (0..count).map(|_| one()).collect();
        let (mut spheres, mut frusta) = (Vec::new(), Vec::new());
        for _ in 0..PLACES {
            let at = DVec3::from_array(anywhere(&mut random));
            spheres.push(Sphere::new(at.as_vec3(), RADIUS_M));
            let direction = [random.between(-1.0, 1.0), random.between(-1.0, 1.0)];
            let direction = DVec3::new(direction[0], direction[1], 0.0) + DVec3::X * 1e-3;
            let mut view = View::looking(at, direction, 60.0, [1920, 1080]);
            view.clip_m[1] = FAR_M;
            frusta.push(view.frustum(DVec3::ZERO));
        }
        Self { boxes, spheres, frusta }
    }

    /// The boxes' centres, as boxes without a size.
    pub fn points(&self) -> Vec<Aabb> {
        self.boxes.iter().map(|b| Aabb::new(b.center(), b.center())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_tenths_are_clustered_and_all_are_valid() {
        let scene = Scene::new(1, 20_000, CLUSTERED);
        assert!(scene.boxes.iter().all(Aabb::is_valid));
        // 200 clusters of 70 boxes within a few hundred metres: neighbours are far denser than the
        // 1.7 boxes that a sphere of 500 m (cut at 1 km of height) holds at 20,000 spread evenly.
        let near = |b: &Aabb| {
            let s = Sphere::new(b.center(), 500.0);
            scene.boxes.iter().filter(|o| o.distance_squared(s.center) < 250_000.0).count()
        };
        let crowded = scene.boxes.iter().take(500).filter(|b| near(b) > 45).count();
        assert!((250..450).contains(&crowded), "{crowded} of 500");
    }

    #[test]
    fn the_same_seed_gives_the_same_boxes() {
        assert_eq!(Scene::new(7, 100, CLUSTERED).boxes, Scene::new(7, 100, CLUSTERED).boxes);
        assert_ne!(Scene::new(7, 100, CLUSTERED).boxes, Scene::new(8, 100, CLUSTERED).boxes);
    }
}
