//! What users of octrees have run into elsewhere, and what this one promises.

use farplane_geom::{Aabb, DVec3, Frustum, Sphere, Vec3, View};
use farplane_octree::{Handle, Octree, OctreeError};

/// A linear congruential generator (Knuth's MMIX constants): the same boxes everywhere.
struct Lcg(u64);

impl Lcg {
    /// In [0, 1), 24 bits.
    fn unit(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 16_777_216.0
    }

    fn point(&mut self, size: Vec3) -> Vec3 {
        Vec3::new(self.unit() * size.x, self.unit() * size.y, self.unit() * size.z)
    }

    fn boxes(&mut self, count: u32, world: Vec3) -> Vec<(Aabb, u32)> {
        let mut one = |item| {
            let min = self.point(world);
            (Aabb::new(min, min + self.point(Vec3::splat(8.0))), item)
        };
        (0..count).map(&mut one).collect()
    }
}

const WORLD: Vec3 = Vec3::new(4096.0, 4096.0, 300.0);

/// So many, and a fiftieth of them under miri, which takes a minute for some thousands.
const fn many(count: u32) -> u32 {
    if cfg!(miri) { count / 50 } else { count }
}

fn hits(items: &[(Aabb, u32)], hit: impl Fn(&Aabb) -> bool) -> Vec<u32> {
    items.iter().filter(|(b, _)| hit(b)).map(|&(_, item)| item).collect()
}

fn sorted(query: impl FnOnce(&mut Vec<u32>)) -> Vec<u32> {
    let mut out = Vec::new();
    query(&mut out);
    out.sort_unstable();
    out
}

fn everywhere() -> Sphere {
    Sphere::new(Vec3::ZERO, f32::INFINITY)
}

#[test]
fn twenty_thousand_boxes_are_found_as_by_testing_each() {
    let mut lcg = Lcg(1);
    let items = lcg.boxes(many(20_000), WORLD);
    let octree = Octree::build(&items).unwrap();
    for i in 0..if cfg!(miri) { 4 } else { 40 } {
        let at = lcg.point(WORLD);
        let sphere = Sphere::new(at, lcg.unit() * 600.0);
        let near = |b: &Aabb| b.distance_squared(at) <= sphere.radius * sphere.radius;
        assert_eq!(sorted(|out| octree.query().sphere(&sphere, out)), hits(&items, near));
        let part = Aabb::new(at, at + lcg.point(WORLD));
        assert_eq!(
            sorted(|out| octree.query().aabb(&part, out)),
            hits(&items, |b| b.intersects(&part))
        );
        let direction = (lcg.point(Vec3::ONE) - Vec3::splat(0.5)).as_dvec3();
        let mut view = View::looking(at.as_dvec3(), direction, 60.0, [1920, 1080]);
        view.clip_m[1] = 100.0 * f64::from(i) + 100.0;
        let frustum = view.frustum(DVec3::ZERO);
        let seen = hits(&items, |b| frustum.intersects_aabb(b));
        assert_eq!(sorted(|out| octree.query().frustum(&frustum, out)), seen);
    }
}

/// Points that lie on a plane but for rounding are classified by the last bit.
#[test]
fn a_frustum_hits_exactly_what_it_classifies_even_on_its_planes() {
    let mut lcg = Lcg(2);
    let at = DVec3::new(2000.0, 2000.0, 150.0);
    let view = View::looking(at, DVec3::new(1.0, 0.3, -0.1), 60.0, [1920, 1080]);
    let frustum = view.frustum(DVec3::ZERO);
    let mut items = Vec::new();
    for item in 0..many(20_000) {
        let plane = frustum.planes[item as usize % 4];
        let p = lcg.point(WORLD);
        let normal = plane.truncate();
        let on_plane = p - normal * (normal.dot(p) + plane.w);
        items.push((Aabb::new(on_plane, on_plane), item));
    }
    let octree = Octree::build(&items).unwrap();
    let expected = hits(&items, |b| frustum.intersects_aabb(b));
    let some = many(1000) as usize;
    assert!(expected.len() > some && expected.len() < 19 * some, "{}", expected.len());
    assert_eq!(sorted(|out| octree.query().frustum(&frustum, out)), expected);
}

/// Crowds whose farthest corner along the normal is one point on the plane, so that bounds around
/// a crowd touch the plane where the point does, with other rounding.
#[test]
fn rounding_of_the_bounds_around_items_loses_none_of_them() {
    let normal = Vec3::new(0.3, 0.5, 0.8).normalize();
    let (mut lcg, mut items) = (Lcg(6), Vec::new());
    let mut frustum = Frustum { planes: [Vec3::ZERO.extend(1.0); 6] };
    frustum.planes[0] = normal.extend(-1234.567);
    for _ in 0..many(400) {
        let p = lcg.point(WORLD);
        let on_plane = p - normal * (normal.dot(p) - 1234.567);
        for crowd in 0..70 {
            let behind = if crowd == 0 { Vec3::ZERO } else { lcg.point(Vec3::splat(9.0)) };
            let point = on_plane - behind;
            items.push((Aabb::new(point, point), items.len() as u32));
        }
    }
    let octree = Octree::build(&items).unwrap();
    let expected = hits(&items, |b| frustum.intersects_aabb(b));
    let planes = many(400) as usize;
    assert!(expected.len() > planes / 4 && expected.len() < planes, "{}", expected.len());
    assert_eq!(sorted(|out| octree.query().frustum(&frustum, out)), expected);
}

#[test]
fn items_that_walk_are_found_where_they_are() {
    let mut lcg = Lcg(7);
    let mut items = lcg.boxes(many(2000), WORLD);
    let mut octree = Octree::build(&items).unwrap();
    let handles: Vec<_> = octree.handles().collect();
    for _ in 0..60 {
        for (handle, (bounds, _)) in handles.iter().zip(&mut items) {
            let step = (lcg.point(Vec3::splat(20.0))) - Vec3::splat(10.0);
            *bounds = Aabb::new(bounds.min + step, bounds.max + step);
            octree.move_to(*handle, bounds).unwrap();
        }
        let at = lcg.point(WORLD);
        let part = Aabb::new(at, at + Vec3::splat(200.0));
        assert_eq!(
            sorted(|out| octree.query().aabb(&part, out)),
            hits(&items, |b| b.intersects(&part))
        );
    }
    for (handle, expected) in handles.iter().zip(&items) {
        assert_eq!(octree.get(*handle), Some(*expected));
    }
}

#[test]
fn ten_thousand_boxes_at_one_point_cost_what_any_others_cost() {
    let point = Aabb::new(Vec3::splat(1.0), Vec3::splat(1.0));
    let mut octree = Octree::new(Aabb::new(Vec3::ZERO, WORLD)).unwrap();
    let all = 0..many(10_000);
    let handles: Vec<Handle> = all.clone().map(|i| octree.insert(&point, i).unwrap()).collect();
    assert_eq!(sorted(|out| octree.query().aabb(&point, out)), all.clone().collect::<Vec<_>>());
    assert!(octree.index_bytes() < all.len() * 128, "{} bytes", octree.index_bytes());
    for (i, handle) in handles.into_iter().enumerate() {
        assert_eq!(octree.remove(handle), Ok(i as u32));
    }
    assert!(octree.is_empty());
}

#[test]
fn a_hundred_thousand_boxes_at_one_point_can_be_built_moved_and_taken_apart() {
    let point = Aabb::new(Vec3::splat(1.0), Vec3::splat(1.0));
    let all = 0..many(100_000);
    let items: Vec<_> = all.clone().map(|item| (point, item)).collect();
    let mut octree = Octree::build(&items).unwrap();
    let handles: Vec<_> = octree.handles().collect();
    let away = Aabb::new(Vec3::splat(50.0), Vec3::splat(50.0));
    for handle in handles.iter().step_by(2) {
        octree.move_to(*handle, &away).unwrap();
    }
    octree.maintain(u32::MAX);
    let odd: Vec<_> = all.clone().skip(1).step_by(2).collect();
    assert_eq!(sorted(|out| octree.query().aabb(&point, out)), odd);
    assert!(octree.index_bytes() < all.len() * 128, "{} bytes", octree.index_bytes());
    for handle in handles {
        octree.remove(handle).unwrap();
    }
    assert!(octree.is_empty());
}

/// One item beyond all others must not leave them in one cell: neighbours in the order of the tree
/// are neighbours in space.
#[test]
#[cfg_attr(miri, ignore = "what it measures takes 20,000 boxes")]
fn an_item_far_away_does_not_disorder_the_others() {
    let mut items = Lcg(9).boxes(20_000, WORLD);
    let far = Vec3::splat(1.0e17);
    items.push((Aabb::new(far, far), 20_000));
    let octree = Octree::build(&items).unwrap();
    let mut order = Vec::new();
    octree.query().aabb(&Aabb::new(Vec3::ZERO, WORLD), &mut order);
    let center = |item: u32| items[item as usize].0.center();
    let step = |pair: &[u32]| (center(pair[0]) - center(pair[1])).length();
    let mean = order.windows(2).map(step).sum::<f32>() / order.len() as f32;
    // Two at random are 2 km apart in the mean; 20,000 in this world lie 63 m apart.
    assert!(mean < 200.0, "{mean} m");
}

#[test]
fn points_that_share_a_coordinate_are_told_apart() {
    let items: Vec<_> = (0..33u16 * 33)
        .map(|i| Vec3::new(7.0, f32::from(i % 33), f32::from(i / 33)))
        .zip(0..)
        .map(|(p, item)| (Aabb::new(p, p), item))
        .collect();
    let octree = Octree::build(&items).unwrap();
    for (point, item) in &items {
        assert_eq!(sorted(|out| octree.query().aabb(point, out)), [*item]);
    }
}

#[test]
fn boxes_of_all_sizes_and_outside_the_bounds_are_found() {
    let mut octree = Octree::new(Aabb::new(Vec3::ZERO, Vec3::splat(16.0))).unwrap();
    let mut items = Vec::new();
    for item in if cfg!(miri) { 460..540 } else { 0..1000u32 } {
        let size = 2.0f32.powi((item % 40) as i32 - 20);
        let center = Vec3::splat((item as f32 - 500.0) * 3.0);
        let bounds = Aabb::new(center - Vec3::splat(size), center + Vec3::splat(size));
        octree.insert(&bounds, item).unwrap();
        items.push((bounds, item));
    }
    for (bounds, _) in &items {
        let expected = hits(&items, |b| b.intersects(bounds));
        assert_eq!(sorted(|out| octree.query().aabb(bounds, out)), expected);
    }
}

#[test]
fn a_tree_over_nothing_or_over_one_point_works() {
    let mut empty = Octree::build(&[]).unwrap();
    assert!(sorted(|out| empty.query().sphere(&everywhere(), out)).is_empty());
    let point = Aabb::new(Vec3::ONE, Vec3::ONE);
    for item in 0..500 {
        empty.insert(&point, item).unwrap();
    }
    let same = Octree::build(&[(point, 3); 500]).unwrap();
    assert_eq!(sorted(|out| empty.query().aabb(&point, out)).len(), 500);
    assert_eq!(sorted(|out| same.query().aabb(&point, out)), [3; 500]);
}

#[test]
fn boxes_that_are_none_are_refused_and_change_nothing() {
    let (zero, one) = (Vec3::ZERO, Vec3::ONE);
    let mut octree = Octree::new(Aabb::new(zero, one)).unwrap();
    let good = octree.insert(&Aabb::new(zero, one), 5).unwrap();
    for bad in [
        Aabb::new(zero, Vec3::new(1.0, f32::NAN, 1.0)),
        Aabb::new(zero, Vec3::new(f32::INFINITY, 1.0, 1.0)),
        Aabb::new(one, zero),
        Aabb::new(zero, Vec3::splat(2.0e18)),
    ] {
        assert!(matches!(octree.insert(&bad, 1), Err(OctreeError::InvalidBox { .. })));
        assert!(matches!(octree.move_to(good, &bad), Err(OctreeError::InvalidBox { .. })));
        assert!(matches!(Octree::new(bad), Err(OctreeError::InvalidBox { .. })));
        assert!(matches!(Octree::build(&[(bad, 0)]), Err(OctreeError::InvalidBox { .. })));
    }
    assert_eq!(octree.get(good), Some((Aabb::new(zero, one), 5)));
    assert_eq!(octree.len(), 1);
}

#[test]
fn a_removed_items_handle_stays_stale_when_its_slot_is_used_again() {
    let b = Aabb::new(Vec3::ZERO, Vec3::ONE);
    let mut octree = Octree::new(b).unwrap();
    let old = octree.insert(&b, 1).unwrap();
    octree.remove(old).unwrap();
    let new = octree.insert(&b, 2).unwrap();
    assert_eq!(octree.remove(old), Err(OctreeError::StaleHandle { handle: old }));
    assert_eq!(octree.move_to(old, &b), Err(OctreeError::StaleHandle { handle: old }));
    assert_eq!(octree.get(old), None);
    assert_eq!(octree.get(new), Some((b, 2)));
    octree.clear();
    assert_eq!(octree.remove(new), Err(OctreeError::StaleHandle { handle: new }));
}

#[test]
fn handles_of_a_built_tree_come_in_the_order_of_the_items() {
    let items = Lcg(3).boxes(1000, WORLD);
    let octree = Octree::build(&items).unwrap();
    let stored: Vec<_> = octree.handles().map(|handle| octree.get(handle).unwrap()).collect();
    assert_eq!(stored, items);
}

/// One item in the middle of each octant, 20 times over, the octants in the reverse of their order
/// on the Z curve; a big box in between.
#[test]
fn a_built_tree_answers_along_the_z_curve_small_boxes_first() {
    let mut items = Vec::new();
    for round in 0..20 {
        for octant in (0..8u8).rev() {
            let side = |axis: u8| if octant >> axis & 1 == 1 { 4.0 } else { -4.0 };
            let p = Vec3::new(side(0), side(1), side(2));
            items.push((Aabb::new(p, p), u32::from(octant)));
        }
        if round == 10 {
            items.push((Aabb::new(Vec3::splat(-50.0), Vec3::splat(50.0)), 99));
        }
    }
    let mut out = Vec::new();
    Octree::build(&items).unwrap().query().sphere(&everywhere(), &mut out);
    assert_eq!(out.len(), 161);
    assert!(out.is_sorted());
}

#[test]
fn the_same_operations_give_the_same_order() {
    let churn = || {
        let mut lcg = Lcg(4);
        let mut octree = Octree::build(&lcg.boxes(many(3000), WORLD)).unwrap();
        let handles: Vec<_> = octree.handles().collect();
        for (i, (bounds, _)) in (0..).zip(lcg.boxes(many(9000), WORLD)) {
            let handle = handles[i % handles.len()];
            if i % 7 == 0 {
                let _ = octree.remove(handle);
            } else {
                let _ = octree.move_to(handle, &bounds);
            }
        }
        let mut out = Vec::new();
        octree.query().sphere(&everywhere(), &mut out);
        out
    };
    assert_eq!(churn(), churn());
}

#[test]
fn queries_append_to_what_is_in_the_buffer() {
    let b = Aabb::new(Vec3::ZERO, Vec3::ONE);
    let octree = Octree::build(&[(b, 4)]).unwrap();
    let mut out = vec![9];
    octree.query().aabb(&b, &mut out);
    octree.query().sphere(&everywhere(), &mut out);
    assert_eq!(out, [9, 4, 4]);
}

#[test]
fn spheres_and_boxes_that_are_none_hit_nothing() {
    let b = Aabb::new(Vec3::ZERO, Vec3::ONE);
    let octree = Octree::build(&[(b, 4)]).unwrap();
    let mut out = Vec::new();
    octree.query().sphere(&Sphere::new(Vec3::splat(f32::NAN), 10.0), &mut out);
    octree.query().sphere(&Sphere::new(Vec3::ZERO, f32::NAN), &mut out);
    octree.query().sphere(&Sphere::new(Vec3::ZERO, -1.0), &mut out);
    octree.query().aabb(&Aabb::new(Vec3::splat(f32::NAN), Vec3::ONE), &mut out);
    assert!(out.is_empty());
    let nowhere = Frustum { planes: [Vec3::X.extend(-5.0); 6] };
    octree.query().frustum(&nowhere, &mut out);
    assert!(out.is_empty());
}

#[test]
fn memory_stops_growing_when_items_move_back_and_forth() {
    let mut lcg = Lcg(5);
    let (here, there) = (lcg.boxes(many(5000), WORLD), lcg.boxes(many(5000), WORLD));
    let mut octree = Octree::build(&here).unwrap();
    let handles: Vec<_> = octree.handles().collect();
    let mut round = |places: &[(Aabb, u32)]| {
        for (handle, (bounds, _)) in handles.iter().zip(places) {
            octree.move_to(*handle, bounds).unwrap();
        }
        octree.index_bytes()
    };
    let settled = (0..4).map(|_| round(&there).max(round(&here))).max();
    for _ in 0..20 {
        assert!(Some(round(&there)) <= settled);
        assert!(Some(round(&here)) <= settled);
    }
}

#[test]
fn memory_stops_growing_when_items_come_and_go() {
    let items = Lcg(8).boxes(many(5000), WORLD);
    let mut octree = Octree::new(Aabb::new(Vec3::ZERO, WORLD)).unwrap();
    let mut round = || {
        let handles: Vec<_> = items.iter().map(|(b, i)| octree.insert(b, *i).unwrap()).collect();
        let full = octree.index_bytes();
        for handle in handles {
            octree.remove(handle).unwrap();
        }
        full
    };
    let first = round();
    // The free lists came into being meanwhile: one number per block, node and item at most.
    let second = round();
    assert!(second < first + first / 4);
    for _ in 0..20 {
        assert_eq!(round(), second);
    }
}
