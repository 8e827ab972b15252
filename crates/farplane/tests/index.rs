//! Where pages lie and which mip a distance asks for, and the heights of the ground.

mod support;

use farplane::WorldIndex;
use farplane::geom::{Aabb, DVec2, DVec3, Sphere, View};
use farplane::lod::VisibleBlocks;
use farplane::stream::Class;
use farplane::world::{World, tile};
use std::sync::LazyLock;
use support::{FRAME_NS, WORLD, open, options, orbit};

static INDEX: LazyLock<WorldIndex> = LazyLock::new(|| WorldIndex::load(&WORLD).unwrap());

/// Numbers in 0..1 that look random (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A place on the ground, relative to the world's origin.
    fn place(&mut self) -> (f64, f64) {
        let t = &INDEX.world.terrain;
        let size = t.size_m();
        (t.min.x + self.unit() * size.x, t.min.y + self.unit() * size.y)
    }
}

#[test]
fn mip_is_the_rounded_logarithm_of_texels_per_pixel() {
    let mut random = Random(1);
    let texel_m = INDEX.world.texel_m();
    let last = f64::from(INDEX.layout.mips() - 1);
    let mut seen = [0; 16];
    for _ in 0..20_000 {
        let distance_m = libm::exp2(random.unit() * 24.0 - 6.0) as f32;
        let focal_px = (100.0 + random.unit() * 3000.0) as f32;
        let texels = f64::from(distance_m) / (f64::from(focal_px) * texel_m.x.max(texel_m.y));
        let exact = libm::log2(texels) + 0.5;
        // So near to a step that single precision may round it to either side.
        if (exact - libm::round(exact)).abs() < 1e-5 {
            continue;
        }
        let expected = libm::floor(exact).clamp(0.0, last) as u8;
        assert_eq!(INDEX.mip_at(distance_m, focal_px), expected, "{distance_m} m, {focal_px} px");
        seen[usize::from(expected)] += 1;
    }
    assert!(seen[..=last as usize].iter().all(|&n| n > 100), "{seen:?}");
    for (distance_m, mip) in [(0.0, 0), (f32::INFINITY, last as u8), (f32::NAN, 0), (-5.0, 0)] {
        assert_eq!(INDEX.mip_at(distance_m, 1000.0), mip, "{distance_m}");
    }
}

#[test]
fn page_of_a_place_its_bounds_and_its_texels_agree() {
    let mut random = Random(2);
    let layout = &INDEX.layout;
    for _ in 0..5000 {
        let (x, y) = random.place();
        let (x, y) = (x as f32, y as f32);
        for mip in 0..layout.mips() {
            let page = INDEX.page_at(mip, x, y).unwrap();
            assert_eq!(page.mip, mip);
            assert!(layout.contains(page));
            // Within the rounding of single precision at a kilometre: a tenth of a millimetre.
            let bounds = INDEX.page_bounds(page).unwrap();
            assert!(bounds.min.x <= x + 1e-4 && x <= bounds.max.x + 1e-4, "{page:?} {x}");
            assert!(bounds.min.y <= y + 1e-4 && y <= bounds.max.y + 1e-4, "{page:?} {y}");
            let (tx, ty) = INDEX.texel_in_page(page, x, y);
            let side = layout.page_texels() as f32;
            assert!((-1e-2..=side + 1e-2).contains(&tx) && (-1e-2..=side + 1e-2).contains(&ty));
            // The texel, counted over the whole texture, is the place divided by the texel's size.
            let texel_m = INDEX.world.texel_m() * f64::from(1u32 << mip);
            let expected = (DVec2::new(x.into(), y.into()) - INDEX.world.terrain.min) / texel_m;
            let first = |at: u16| f64::from(at) * f64::from(side);
            assert!((first(page.x) + f64::from(tx) - expected.x).abs() < 1e-2);
            assert!((first(page.y) + f64::from(ty) - expected.y).abs() < 1e-2);
            if let Some(parent) = layout.parent(page) {
                assert_eq!(INDEX.page_at(mip + 1, x, y), Some(parent));
            }
        }
    }
}

#[test]
fn there_is_no_page_outside_the_world() {
    let t = &INDEX.world.terrain;
    let (min, max) = (t.min.as_vec2(), (t.min + t.size_m()).as_vec2());
    let center = (min + max) * 0.5;
    for (x, y) in [
        (min.x - 1.0, center.y),
        (max.x + 1.0, center.y),
        (center.x, min.y - 1.0),
        (center.x, max.y + 1.0),
        (f32::NAN, center.y),
        (center.x, f32::INFINITY),
        (f32::MAX, f32::MIN),
    ] {
        assert_eq!(INDEX.page_at(0, x, y), None, "{x} {y}");
    }
}

#[test]
fn units_and_pages_are_numbered_alike_in_both_directions() {
    let (layout, base) = (&INDEX.layout, INDEX.page_base());
    for i in 0..layout.pages() {
        let page = layout.page(i).unwrap();
        assert_eq!(INDEX.page_unit(page), Some(base + i));
        assert_eq!(INDEX.page_of(base + i), Some(page));
    }
    assert_eq!(INDEX.page_of(base - 1), None);
    assert_eq!(INDEX.page_of(INDEX.units.len() as u32), None);
    assert_eq!(INDEX.units.len() as u32, INDEX.world.unit_count());
}

#[test]
fn coarser_units_lead_to_something_pinned() {
    for unit in 0..INDEX.units.len() as u32 {
        let (mut at, mut steps) = (unit, 0);
        while !INDEX.units[at as usize].pinned {
            at = INDEX.coarser(at).unwrap_or_else(|| panic!("nothing stands in for {unit}"));
            steps += 1;
            assert!(steps < 32);
        }
    }
}

#[test]
fn page_bounds_hold_the_ground_under_the_page() {
    let world = open(options(64 << 20));
    let t = &INDEX.world.terrain;
    let mut random = Random(3);
    for _ in 0..300 {
        let (x, y) = random.place();
        let at = ((DVec2::new(x, y) - t.min) / t.spacing).floor();
        let (tx, ty) = ((at.x as u32) / t.tile_quads, (at.y as u32) / t.tile_quads);
        let unit = t.index(0, tx, ty).unwrap();
        let payload = WORLD.read(unit).unwrap();
        let local = |v: f64, tile: u32| (v as u32 - tile * t.tile_quads).min(t.tile_quads);
        let q = tile::sample(t, &payload, local(at.x, tx), local(at.y, ty)).unwrap();
        let z = t.height_m(q) as f32;
        for mip in 0..world.index().layout.mips() {
            // A sample, so its own place and not the one it was found from.
            let place = t.min + at * t.spacing;
            let page = INDEX.page_at(mip, place.x as f32, place.y as f32).unwrap();
            let bounds = INDEX.page_bounds(page).unwrap();
            assert!((bounds.min.z - 1e-3..=bounds.max.z + 1e-3).contains(&z), "{page:?} {z}");
        }
    }
}

#[test]
fn height_is_that_of_the_finest_resident_tile() {
    let mut world = open(options(64 << 20));
    let mut frame = farplane::Frame::default();
    for i in 0..60 {
        let view = orbit(&world, i);
        world.update(&[view], i * FRAME_NS, &mut frame);
    }
    let t = &INDEX.world.terrain;
    let [min, max] = INDEX.world.extent();
    let mut random = Random(4);
    let mut levels = [0; 20];
    for _ in 0..4000 {
        let (x, y) = random.place();
        let at = (DVec2::new(x, y) - t.min) / t.spacing;
        let finest = (0..t.levels).find_map(|level| {
            let quads = f64::from(t.tile_quads << level);
            let (tx, ty) = ((at.x / quads).floor(), (at.y / quads).floor());
            let unit = t.index(level, tx as u32, ty as u32)?;
            let local = (at - DVec2::new(tx, ty) * quads) / f64::from(1u32 << level);
            world.is_resident(unit).then_some((level, unit, local))
        });
        let (level, unit, local) = finest.expect("the root is always resident");
        levels[level as usize] += 1;
        let q = tile::surface(t, &WORLD.read(unit).unwrap(), local.x, local.y).unwrap();
        let expected = t.base_m + q * t.quantum_m;
        let found = world.height_at(x + INDEX.world.origin.x, y + INDEX.world.origin.y).unwrap();
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected} at {x} {y}");
    }
    assert!(levels[0] > 0 && levels[1] > 0, "{levels:?}");
    // The edges belong to the world, what lies beyond does not.
    for (x, y) in [(min.x, min.y), (max.x, max.y), (min.x, max.y), (max.x, min.y)] {
        assert!(world.height_at(x, y).is_some());
    }
    for (x, y) in [
        (min.x - 0.01, min.y),
        (max.x + 0.01, max.y),
        (min.x, f64::NAN),
        (f64::INFINITY, min.y),
        (min.x, -1e300),
    ] {
        assert_eq!(world.height_at(x, y), None, "{x} {y}");
    }
}

#[test]
fn heights_of_requested_tiles_are_the_samples_themselves() {
    let mut world = open(options(64 << 20));
    let t = &INDEX.world.terrain;
    let unit = t.index(0, 7, 9).unwrap();
    world.request(unit, Class::Critical);
    let mut frame = farplane::Frame::default();
    for i in 0..30 {
        world.update(&[], i * FRAME_NS, &mut frame);
    }
    assert!(world.is_resident(unit));
    let payload = WORLD.read(unit).unwrap();
    for (x, y) in [(0, 0), (1, 2), (63, 64), (127, 127)] {
        let (gx, gy) = (7 * t.tile_quads + x, 9 * t.tile_quads + y);
        let at = t.min + DVec2::new(gx.into(), gy.into()) * t.spacing;
        let origin = INDEX.world.origin;
        let expected = t.height_m(tile::sample(t, &payload, x, y).unwrap());
        let found = world.height_at(at.x + origin.x, at.y + origin.y).unwrap();
        assert!((found - expected).abs() < 1e-9);
    }
}

/// The instances of a world are those of its archive in another order.
#[test]
fn instances_are_renumbered_and_know_their_place_in_the_archive() {
    let baked = World::decode(&WORLD.section(World::SECTION).unwrap()).unwrap();
    let (instances, places) = (&INDEX.world.instances, &INDEX.baked_places);
    assert_eq!((instances.len(), places.len()), (baked.instances.len(), baked.instances.len()));
    let mut times = vec![0; places.len()];
    for (instance, &place) in instances.iter().zip(places) {
        assert_eq!(*instance, baked.instances[place as usize]);
        times[place as usize] += 1;
    }
    assert!(times.iter().all(|&n| n == 1));
}

/// What is found by blocks is what testing the box around each instance's sphere finds.
#[test]
fn instances_in_a_frustum_or_a_sphere_are_those_whose_boxes_touch_it() {
    let mut random = Random(3);
    let spheres = (0..INDEX.radii.len() as u32)
        .map(|i| Sphere::new(INDEX.center(i), INDEX.radii[i as usize]));
    let boxes: Vec<Aabb> = spheres.map(|sphere| Aabb::around(&sphere)).collect();
    let (mut visible, mut any, mut whole) = (VisibleBlocks::default(), 0, 0);
    for _ in 0..50 {
        let (x, y) = random.place();
        let position = DVec3::new(x, y, 400.0 * random.unit());
        let direction = DVec3::new(random.unit() - 0.5, random.unit() - 0.5, -0.1);
        let frustum = View::looking(position, direction, 60.0, [1280, 720]).frustum(DVec3::ZERO);
        let sphere = Sphere::new(position.as_vec3(), 300.0 * random.unit() as f32);
        let near = sphere.radius * sphere.radius;
        INDEX.instances_in_frustum(&frustum, &mut visible);
        let hit = |b: &Aabb| frustum.intersects_aabb(b);
        assert!(visible.instances().eq(numbers(&boxes, hit)));
        any += visible.count();
        INDEX.instances_in_sphere(&sphere, &mut visible);
        let hit = |b: &Aabb| b.distance_squared(sphere.center) <= near;
        assert!(visible.instances().eq(numbers(&boxes, hit)));
        whole += visible.masks().iter().filter(|&&mask| mask == u64::MAX).count();
    }
    assert!(any > 1000 && whole > 0, "{any} instances, {whole} whole blocks");
}

/// Numbers of the boxes that are hit.
fn numbers(boxes: &[Aabb], hit: impl Fn(&Aabb) -> bool) -> impl Iterator<Item = u32> {
    (0..).zip(boxes).filter(move |(_, b)| hit(b)).map(|(i, _)| i)
}
