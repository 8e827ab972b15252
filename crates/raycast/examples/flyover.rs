//! Cost of a ray in a flyover: 8192² samples of fractal noise at 0.5 m, heights of 0 to 600 m,
//! camera 100 m above the ground, a lattice of 160 × 90 in four phases. One thread.
//!
//! `cargo run --release -p farplane-raycast --example flyover`

use farplane_geom::View;
use farplane_raycast::{Grid, Lattice, PACKET, Ray, Scene};
use glam::{DVec3, Vec2, Vec3};
use std::time::Instant;

const SIDE: u32 = 8192;
const TILE: u32 = 128;

/// A number in 0..1 for a lattice point.
fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ seed;
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}

fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (i, j) = (x.floor(), y.floor());
    let fade = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (fade(x - i), fade(y - j));
    let (i, j) = (i as i32, j as i32);
    let row = |j| hash(i, j, seed) * (1.0 - u) + hash(i + 1, j, seed) * u;
    row(j) * (1.0 - v) + row(j + 1) * v
}

/// Ten octaves from 2 km down, each half as high.
fn height(x: u32, y: u32) -> u16 {
    let (mut sum, mut amplitude, mut scale) = (0.0, 0.5, 1.0 / 4096.0);
    for octave in 0..10 {
        sum += amplitude * noise(x as f32 * scale, y as f32 * scale, octave);
        amplitude *= 0.5;
        scale *= 2.0;
    }
    (sum.clamp(0.0, 1.0) * 60_000.0) as u16
}

fn scene() -> Scene<Vec<u16>> {
    let grid = Grid {
        min: Vec2::splat(-2048.0),
        spacing: Vec2::splat(0.5),
        quads: [SIDE, SIDE],
        tile_quads: TILE,
        levels: 7,
        base_m: 0.0,
        quantum_m: 0.01,
    };
    let mut scene = Scene::new(grid).expect("a valid grid");
    let (mut inserting, n) = (0.0, SIDE / TILE);
    for (x, y) in (0..n * n).map(|i| (i % n, i / n)) {
        let samples = (0..(TILE + 1) * (TILE + 1))
            .map(|i| height(x * TILE + i % (TILE + 1), y * TILE + i / (TILE + 1)))
            .collect();
        let start = Instant::now();
        scene.insert(0, x, y, samples).expect("a valid tile");
        inserting += start.elapsed().as_secs_f64();
    }
    println!("insert      {:8.1} µs a tile", inserting * 1e6 / f64::from(n * n));
    scene
}

/// Views of a circle of 1 km radius, 10° downwards along it.
fn views(scene: &Scene<Vec<u16>>) -> Vec<View> {
    let view = |i: u32| {
        let angle = f64::from(i) / 32.0 * core::f64::consts::TAU;
        let (x, y) = (1000.0 * angle.cos(), 1000.0 * angle.sin());
        let above = Vec3::new(x as f32, y as f32, 10_000.0);
        let ground = scene.cast(above, -Vec3::Z, f32::INFINITY).expect("ground below");
        let position = DVec3::new(x, y, f64::from(ground.position.z) + 100.0);
        let along = DVec3::new(-angle.sin(), angle.cos(), -0.176);
        View::looking(position, along, 60.0, [1920, 1080])
    };
    (0..32).map(view).collect()
}

fn main() {
    let scene = scene();
    let lattice = Lattice::default();
    let mut rays: Vec<Ray> = Vec::new();
    let mut phase_rays = Vec::new();
    for (frame, view) in views(&scene).iter().enumerate() {
        for phase in 0..4 {
            lattice.rays(view, DVec3::ZERO, phase, frame as u64, &mut phase_rays);
            rays.extend(&phase_rays);
        }
    }
    let report = |name: &str, mut run: Box<dyn FnMut() -> usize + '_>| {
        let mut best = f64::INFINITY;
        let mut hits = 0;
        for _ in 0..7 {
            let start = Instant::now();
            hits = run();
            best = best.min(start.elapsed().as_secs_f64());
        }
        let ns = best * 1e9 / rays.len() as f64;
        println!("{name} {ns:8.1} ns a ray, {hits} of {} rays hit", rays.len());
    };
    let cast = |r: &Ray| scene.cast(r.origin, r.dir, r.t_max);
    report("scalar     ", Box::new(|| rays.iter().filter_map(cast).count()));
    let packets = rays.as_chunks::<PACKET>().0;
    let cast = |p| scene.cast_packet(p).iter().flatten().count();
    report("packet     ", Box::new(|| packets.iter().map(cast).sum()));
    let views = views(&scene);
    let mut out = Vec::new();
    report(
        "feedback   ",
        Box::new(|| {
            let mut hits = 0;
            for (frame, view) in views.iter().enumerate() {
                for phase in 0..4 {
                    lattice.feedback(&scene, view, DVec3::ZERO, phase, frame as u64, &mut out);
                    hits += out.len();
                }
            }
            hits
        }),
    );
    let equal = packets.iter().all(|p| {
        let bits =
            |h: farplane_raycast::Hit| (h.t.to_bits(), h.normal.to_array().map(f32::to_bits));
        let one = p.map(|r| scene.cast(r.origin, r.dir, r.t_max).map(bits));
        one == scene.cast_packet(p).map(|h| h.map(bits))
    });
    println!("same bits   {equal}");
}
