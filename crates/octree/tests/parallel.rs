//! Parallel queries give what the others give, in the same order.
#![cfg(feature = "rayon")]

use farplane_geom::{Aabb, DVec3, Sphere, Vec3, View};
use farplane_octree::{Octree, Scratch};

fn tree(side: u16) -> Octree {
    let point = |i: u32| {
        let side = u32::from(side);
        Vec3::new((i % side) as f32, (i / side % side) as f32, (i / side / side) as f32)
    };
    let count = u32::from(side).pow(3);
    let items: Vec<_> =
        (0..count).map(|i| (Aabb::new(point(i), point(i) + Vec3::splat(0.5)), i)).collect();
    let mut tree = Octree::build(&items).unwrap();
    for handle in tree.handles().collect::<Vec<_>>().into_iter().step_by(2) {
        tree.set_layers(handle, 0b10).unwrap();
    }
    tree
}

#[test]
fn parallel_queries_give_the_same_results_in_the_same_order() {
    let mut scratch = Scratch::default();
    let mut found = 0;
    for side in [0, 1, 3, 9, 40] {
        let tree = tree(side);
        for query in [tree.query(), tree.query().on_layers(0b10)] {
            for radius in [0.0, 2.5, 30.0, f32::INFINITY] {
                let sphere = Sphere::new(Vec3::splat(20.0), radius);
                let (mut one, mut many) = (vec![7], vec![7]);
                query.sphere(&sphere, &mut one);
                query.par_sphere(&sphere, &mut scratch, &mut many);
                assert_eq!(one, many);
                let part = Aabb::new(Vec3::splat(3.0), Vec3::splat(3.0 + radius));
                query.aabb(&part, &mut one);
                query.par_aabb(&part, &mut scratch, &mut many);
                assert_eq!(one, many);
                let mut view = View::looking(DVec3::ZERO, DVec3::ONE, 50.0, [160, 90]);
                view.clip_m[1] = f64::from(radius.min(60.0)) + 1.0;
                query.frustum(&view.frustum(DVec3::ZERO), &mut one);
                query.par_frustum(&view.frustum(DVec3::ZERO), &mut scratch, &mut many);
                assert_eq!(one, many);
                found += many.len();
            }
        }
    }
    assert!(found > 100_000, "{found}");
}
