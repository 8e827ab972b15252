//! What is selected, and the way of the camera.
//!
//! - 1 km high and 16 × 16 km, or 4 × 4 km; 70% of the instances lie in 200 clusters (normal about
//!   the centre, σ 1/100 of the width along each axis, held inside), the others anywhere. In Morton
//!   order, as an octree would keep them.
//! - 32 assets of five levels. Their radii run from 0.3 to 9.3 m, the errors of their levels are 0,
//!   1, 3, 10 and 30% of the radius; each instance is scaled by 0.8 to 1.25.
//! - The camera flies through the middle at 100 m/s and 60 Hz, a frame 1.67 m further each time.

use crate::random::Random;
use farplane_geom::Vec3;
use farplane_lod::{AssetCosts, AssetLods, Instances, LodView, spatial_order};

const ASSETS: usize = 32;
const ERRORS: [f32; 5] = [0.0, 0.01, 0.03, 0.1, 0.3];
const TRIANGLES: [u32; 5] = [20_000, 6_000, 1_500, 300, 40];
const CLUSTERS: usize = 200;
const CLUSTERED: f64 = 0.7;
const HEIGHT_M: f64 = 1000.0;
const STEP_M: f32 = 100.0 / 60.0;

/// Instances in columns, and their assets.
pub struct Scene {
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    pub z: Vec<f32>,
    pub radius_m: Vec<f32>,
    pub asset: Vec<u32>,
    pub assets: Vec<AssetLods>,
    pub costs: Vec<AssetCosts>,
    pub width_m: f32,
}

impl Scene {
    /// So many instances on a square of a width.
    pub fn new(seed: u64, count: usize, width_m: f32) -> Self {
        let mut random = Random::new(seed);
        let size = [f64::from(width_m), f64::from(width_m), HEIGHT_M];
        let anywhere = |random: &mut Random| size.map(|s| random.between(0.0, s));
        let centers: Vec<_> = (0..CLUSTERS).map(|_| anywhere(&mut random)).collect();
        let radii: Vec<f64> =
            (0..ASSETS).map(|i| 0.3 + 9.0 * (i * i) as f64 / (ASSETS * ASSETS) as f64).collect();
        let (mut places, mut kinds) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let mut at = anywhere(&mut random);
            if random.unit() < CLUSTERED {
                let center = centers[random.below(CLUSTERS)];
                for (axis, v) in at.iter_mut().enumerate() {
                    let spread = center[axis] + size[axis] * 0.01 * random.normal();
                    *v = spread.clamp(0.0, size[axis]);
                }
            }
            places.push(at.map(|v| v as f32));
            let asset = random.below(ASSETS);
            kinds.push((asset as u32, (radii[asset] * random.between(0.8, 1.25)) as f32));
        }
        let axis = |a: usize| places.iter().map(|p| p[a]).collect::<Vec<f32>>();
        let mut order = Vec::new();
        spatial_order([&axis(0), &axis(1), &axis(2)], &mut order);
        let sorted = |a: usize| order.iter().map(|&i| places[i as usize][a]).collect();
        let lods = |&radius: &f64| {
            AssetLods::new(&ERRORS.map(|share| share * radius as f32)).expect("five errors")
        };
        let costs = AssetCosts::new(&TRIANGLES, &TRIANGLES.map(|n| n * 24)).expect("five levels");
        Self {
            x: sorted(0),
            y: sorted(1),
            z: sorted(2),
            radius_m: order.iter().map(|&i| kinds[i as usize].1).collect(),
            asset: order.iter().map(|&i| kinds[i as usize].0).collect(),
            assets: radii.iter().map(lods).collect(),
            costs: vec![costs; ASSETS],
            width_m,
        }
    }

    /// As selection takes them.
    pub fn instances(&self) -> Instances<'_> {
        Instances::new([&self.x, &self.y, &self.z], &self.radius_m, &self.asset)
            .expect("columns of equal length")
    }

    /// The view of a frame.
    pub fn view(&self, frame: usize) -> LodView {
        let x = self.width_m * 0.3 + STEP_M * frame as f32;
        LodView { position: Vec3::new(x, self.width_m * 0.5, 500.0), focal_px: 935.3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_scene_within_its_bounds() {
        let (a, b) = (Scene::new(3, 500, 4000.0), Scene::new(3, 500, 4000.0));
        assert_eq!((&a.x, &a.asset), (&b.x, &b.asset));
        assert!(a.x.iter().all(|v| (0.0..=4000.0).contains(v)));
        assert!(a.radius_m.iter().all(|v| (0.2..12.0).contains(v)));
    }
}
