//! Rays against the oracle, and packets against single rays.

mod model;

use farplane_raycast::{Grid, Hit, PACKET, Ray, Scene};
use glam::{DVec3, Vec2, Vec3};
use model::{Bytes, Tile, World};
use proptest::prelude::*;

fn bits(hit: Option<Hit>) -> Option<([u32; 7], u8)> {
    hit.map(|h| {
        let [px, py, pz] = h.position.to_array();
        let [nx, ny, nz] = h.normal.to_array();
        ([h.t, px, py, pz, nx, ny, nz].map(f32::to_bits), h.level)
    })
}

/// Earliest and latest distance that the oracle gives when the ray is moved a little, and when the
/// tiles do not quite touch: where a ray grazes an edge, or slips through the corner where four
/// tiles meet, either answer is right.
fn bracket(world: &World, ray: &Ray) -> (f64, f64) {
    let shift = 5e-4;
    let shifted = (0..8).map(|corner| {
        let sign = |bit: u32| if corner >> bit & 1 == 0 { -shift } else { shift };
        world.cast(ray, DVec3::new(sign(0), sign(1), sign(2)), 0.0)
    });
    let centre = world.cast(ray, DVec3::ZERO, 0.0);
    let apart = world.cast(ray, DVec3::ZERO, shift);
    shifted.fold((centre, centre.max(apart)), |(low, high), t| (low.min(t), high.max(t)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_ray_hits_what_the_oracle_hits(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = Bytes(&bytes);
        let world = bytes.world();
        let scene = world.scene();
        for _ in 0..16 {
            let ray = bytes.ray(&world.grid);
            let (low, high) = bracket(&world, &ray);
            let t = scene.cast(ray.origin, ray.dir, ray.t_max).map_or(f64::INFINITY, |h| f64::from(h.t));
            let tolerance = 1e-3 / f64::from(ray.dir.length()).max(1e-3);
            prop_assert!(
                t >= low - tolerance && t <= high + tolerance,
                "{t} not in {low}..{high} for {ray:?} in {:?}", world.grid
            );
        }
    }

    #[test]
    fn a_packet_gives_the_bits_of_its_rays(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut bytes = Bytes(&bytes);
        let world = bytes.world();
        let scene = world.scene();
        for _ in 0..8 {
            let rays: [Ray; PACKET] = core::array::from_fn(|_| bytes.ray(&world.grid));
            let single = rays.map(|r| bits(scene.cast(r.origin, r.dir, r.t_max)));
            prop_assert_eq!(scene.cast_packet(&rays).map(bits), single);
        }
    }

    #[test]
    fn any_numbers_are_survived(numbers in prop::collection::vec(any::<u32>(), 7 * PACKET)) {
        let world = ramp();
        let scene = world.scene();
        let n: Vec<f32> = numbers.iter().map(|&b| f32::from_bits(b)).collect();
        let rays: [Ray; PACKET] = core::array::from_fn(|i| {
            let n = &n[7 * i..];
            Ray { origin: Vec3::new(n[0], n[1], n[2]), dir: Vec3::new(n[3], n[4], n[5]), t_max: n[6] }
        });
        let single = rays.map(|r| bits(scene.cast(r.origin, r.dir, r.t_max)));
        prop_assert_eq!(scene.cast_packet(&rays).map(bits), single);
    }
}

fn grid(quads: [u32; 2]) -> Grid {
    Grid {
        min: Vec2::ZERO,
        spacing: Vec2::ONE,
        quads,
        tile_quads: 8,
        levels: 2,
        base_m: 0.0,
        quantum_m: 0.01,
    }
}

/// 8 × 8 m that rise eastwards by 10 cm a metre.
fn ramp() -> World {
    let samples = (0..81).map(|i| (i % 9) * 10).collect();
    World { grid: grid([8, 8]), tiles: vec![Tile { level: 0, x: 0, y: 0, samples }] }
}

fn level_tile(x: u32, y: u32, height: u16) -> Tile {
    Tile { level: 0, x, y, samples: vec![height; 81] }
}

#[test]
fn straight_down_onto_a_ramp() {
    let world = ramp();
    let hit = world.scene().cast(Vec3::new(2.5, 3.25, 10.0), -Vec3::Z, 100.0).unwrap();
    assert!((hit.t - 9.75).abs() < 1e-5);
    assert!((hit.position - Vec3::new(2.5, 3.25, 0.25)).length() < 1e-5);
    assert!((hit.normal - Vec3::new(-0.1, 0.0, 1.0).normalize()).length() < 1e-6);
    assert_eq!(hit.level, 0);
}

#[test]
fn distances_count_in_units_of_the_direction() {
    let scene = ramp();
    let scene = scene.scene();
    let hit = scene.cast(Vec3::new(2.5, 3.25, 10.0), Vec3::new(0.0, 0.0, -3.0), 100.0).unwrap();
    assert!((hit.t - 3.25).abs() < 1e-5);
    assert!(scene.cast(Vec3::new(2.5, 3.25, 10.0), Vec3::new(0.0, 0.0, -3.0), 3.2).is_none());
}

#[test]
fn what_is_no_ray_hits_nothing() {
    let world = ramp();
    let scene = world.scene();
    let above = Vec3::new(4.0, 4.0, 10.0);
    for (origin, dir, t_max) in [
        (above, Vec3::ZERO, 100.0),
        (above, Vec3::new(0.0, f32::NAN, -1.0), 100.0),
        (above, Vec3::new(0.0, f32::INFINITY, -1.0), 100.0),
        (Vec3::new(f32::NAN, 4.0, 10.0), -Vec3::Z, 100.0),
        (above, -Vec3::Z, f32::NAN),
        (above, -Vec3::Z, 0.0),
        (above, -Vec3::Z, -1.0),
        (above, Vec3::Z, f32::INFINITY),
    ] {
        assert_eq!(scene.cast(origin, dir, t_max), None, "{origin} {dir} {t_max}");
    }
    assert!(scene.cast(above, -Vec3::Z, f32::INFINITY).is_some());
}

#[test]
fn a_ray_from_below_the_surface_hits_at_once() {
    let world = ramp();
    let hit = world.scene().cast(Vec3::new(4.0, 4.0, -3.0), Vec3::Z, 100.0).unwrap();
    assert_eq!(hit.t, 0.0);
}

#[test]
fn the_world_ends_at_its_extent_and_not_at_its_tile() {
    let mut world = ramp();
    world.grid.quads = [5, 8];
    let scene = world.scene();
    assert!(scene.cast(Vec3::new(4.9, 4.0, 10.0), -Vec3::Z, 100.0).is_some());
    assert!(scene.cast(Vec3::new(5.1, 4.0, 10.0), -Vec3::Z, 100.0).is_none());
}

#[test]
fn a_ray_from_outside_below_the_surface_hits_the_side_of_the_world() {
    let tiles = vec![level_tile(0, 0, 500)];
    let world = World { grid: grid([8, 8]), tiles };
    let hit = world.scene().cast(Vec3::new(-3.0, 4.0, 2.0), Vec3::X, 100.0).unwrap();
    assert_eq!((hit.t, hit.position), (3.0, Vec3::new(0.0, 4.0, 2.0)));
}

#[test]
fn a_step_between_levels_is_no_hole() {
    // A fine tile at 1 m beside a coarse one at 5 m, over a grid of 32 × 16 quads.
    let mut coarse = level_tile(1, 0, 500);
    coarse.level = 1;
    let world = World {
        grid: grid([32, 16]),
        tiles: vec![level_tile(0, 0, 100), level_tile(1, 0, 100), coarse],
    };
    let scene = world.scene();
    let hit = scene.cast(Vec3::new(2.0, 4.0, 3.0), Vec3::X, 100.0).unwrap();
    assert_eq!((hit.t, hit.level), (14.0, 1));
    let hit = scene.cast(Vec3::new(2.0, 4.0, 3.0), Vec3::new(1.0, 0.0, -1.0), 100.0).unwrap();
    assert_eq!((hit.t, hit.level), (2.0, 0));
}

#[test]
fn a_ray_along_a_line_of_the_grid_hits_the_ridge_in_its_way() {
    let mut samples = vec![0; 81];
    for row in 0..9 {
        samples[row * 9 + 6] = 300;
    }
    let world = World { grid: grid([8, 8]), tiles: vec![Tile { level: 0, x: 0, y: 0, samples }] };
    let scene = world.scene();
    for y in [0.0, 4.0, 7.0] {
        // Up the western slope of the ridge, 3 m high at x = 6, 0 m at x = 5.
        let hit = scene.cast(Vec3::new(0.0, y, 1.5), Vec3::X, 100.0).unwrap();
        assert!((hit.t - 5.5).abs() < 1e-5, "{hit:?}");
    }
    assert!(scene.cast(Vec3::new(0.0, 4.0, 3.1), Vec3::X, 100.0).is_none());
}

#[test]
fn a_ray_along_the_border_of_two_tiles_hits_what_they_share() {
    let ridge = |y| {
        let samples = (0..81).map(|i| if i % 9 == 6 { 300 } else { 0 }).collect();
        Tile { level: 0, x: 0, y, samples }
    };
    let world = World { grid: grid([8, 16]), tiles: vec![ridge(0), ridge(1)] };
    let scene = world.scene();
    for (origin, dir, t) in [
        (Vec3::new(0.0, 8.0, 1.5), Vec3::X, 5.5),
        (Vec3::new(7.5, 8.0, 1.5), -Vec3::X, 1.0),
        (Vec3::new(5.5, 8.0, 7.0), -Vec3::Z, 5.5),
    ] {
        let hit = scene.cast(origin, dir, 100.0).unwrap();
        assert!((hit.t - t).abs() < 1e-5, "{hit:?}");
    }
}

#[test]
fn an_empty_place_is_passed() {
    let world =
        World { grid: grid([24, 8]), tiles: vec![level_tile(0, 0, 100), level_tile(2, 0, 100)] };
    let scene: Scene<&[u16]> = world.scene();
    assert!(scene.cast(Vec3::new(12.0, 4.0, 10.0), -Vec3::Z, 100.0).is_none());
    let hit = scene.cast(Vec3::new(9.0, 4.0, 0.5), Vec3::X, 100.0).unwrap();
    assert_eq!(hit.t, 7.0);
}
