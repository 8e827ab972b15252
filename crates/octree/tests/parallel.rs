//! Parallel queries give what the others give, in the same order.
#![cfg(feature = "rayon")]

use farplane_geom::{Aabb, DVec3, Sphere, Vec3, View};
use farplane_octree::{FRUSTA_MAX, Octree, Query, Ray, Scratch};

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

/// Three frusta, one of them twice, and one too many.
fn several(query: &Query<'_>, view: &View, radius: f32) -> usize {
    let mut turned = *view;
    turned.clip_m[1] = f64::from(radius.min(20.0)) + 2.0;
    let frusta = [view, &turned, view].map(|view| view.frustum(DVec3::ZERO));
    let (mut scratch, mut one, mut many) = (Scratch::default(), vec![(7, 7)], vec![(7, 7)]);
    query.frusta(&frusta, &mut one).unwrap();
    query.par_frusta(&frusta, &mut scratch, &mut many).unwrap();
    assert_eq!(one, many);
    let too_many = [frusta[0]; FRUSTA_MAX + 1];
    let refused = query.par_frusta(&too_many, &mut scratch, &mut many);
    assert_eq!(refused, query.frusta(&too_many, &mut one));
    assert!(refused.is_err() && one == many);
    many.len()
}

/// A ray through the middle and rings around it; rings and rays that cannot be.
fn along_and_around(query: &Query<'_>, radius: f32) -> usize {
    let (mut scratch, mut one, mut many) = (Scratch::default(), Vec::new(), Vec::new());
    for direction in [Vec3::ONE, Vec3::X, Vec3::ZERO] {
        let ray = Ray { range: radius, ..Ray::new(Vec3::splat(0.25), direction) };
        query.ray(&ray, &mut one);
        query.par_ray(&ray, &mut scratch, &mut many);
        assert_eq!(one, many);
    }
    let hits = many.len();
    let (mut scratch, mut one, mut many) = (Scratch::default(), Vec::new(), Vec::new());
    let center = Vec3::splat(20.0);
    for radii_m in [&[0.5, 3.0, radius + 4.0][..], &[], &[2.0, 1.0]] {
        let expected = query.rings(center, radii_m, &mut one);
        assert_eq!(query.par_rings(center, radii_m, &mut scratch, &mut many), expected);
        assert_eq!(one, many);
    }
    hits + many.len()
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
                found += several(&query, &view, radius) + along_and_around(&query, radius);
            }
        }
    }
    assert!(found > 100_000, "{found}");
}
