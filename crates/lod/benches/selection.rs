//! Levels, budget and batches of a million instances beside the least that must be read; cuts and
//! draw lists of a 256 × 256 quadtree.

use criterion::{Criterion, criterion_group, criterion_main};
use farplane_geom::{Vec2, Vec3};
use farplane_lod::*;
use std::hint::black_box;

const COUNT: usize = 1_000_000;

/// A square of 4 km in blocks of 8 × 8, so that neighbours are near each other.
struct Props {
    x: Vec<f32>,
    y: Vec<f32>,
    z: Vec<f32>,
    radius_m: Vec<f32>,
    asset: Vec<u32>,
}

impl Props {
    fn new() -> Self {
        let place = |i: usize| {
            let (block, lane) = (i / 64, i % 64);
            let (x, y) = (block % 125 * 8 + lane % 8, block / 125 * 8 + lane / 8);
            [x as f32 * 4.0, y as f32 * 4.0]
        };
        Self {
            x: (0..COUNT).map(|i| place(i)[0]).collect(),
            y: (0..COUNT).map(|i| place(i)[1]).collect(),
            z: vec![0.0; COUNT],
            radius_m: (0..COUNT).map(|i| 1.0 + (i % 7) as f32 * 0.5).collect(),
            asset: (0..COUNT).map(|i| (i % 32) as u32).collect(),
        }
    }

    fn instances(&self) -> Instances<'_> {
        Instances::new([&self.x, &self.y, &self.z], &self.radius_m, &self.asset).unwrap()
    }
}

fn view(frame: u32) -> LodView {
    let x = (frame % 2000) as f32 * 1.7;
    LodView { position: Vec3::new(x, 2000.0, 50.0), focal_px: 935.0 }
}

fn instances(c: &mut Criterion) {
    let props = Props::new();
    let assets = [AssetLods::new(&[0.0, 0.02, 0.08, 0.3, 1.2]).unwrap(); 32];
    let costs = [AssetCosts::new(&[9000, 3000, 1000, 300, 40], &[1; 5]).unwrap(); 32];
    let (rule, mut changes) = (LodRule::default(), Vec::new());
    let mut linear = LodState::for_moving(COUNT);
    c.bench_function("read-only sum of 1000000, 21 bytes each", |b| {
        let level = vec![1u8; COUNT];
        b.iter(|| {
            let floats = [&props.x, &props.y, &props.z, &props.radius_m];
            let floats = floats.map(|c| c.iter().fold(0, |s: u32, v| s.wrapping_add(v.to_bits())));
            let assets = black_box(&props.asset).iter().fold(0, |s: u32, &v| s.wrapping_add(v));
            let levels = black_box(&level).iter().fold(0, |s: u32, &v| s.wrapping_add(v.into()));
            (floats, assets, levels)
        });
    });
    for (name, state) in [("linear", &mut linear), ("blocks", &mut LodState::new(COUNT))] {
        let mut frame = 0;
        c.bench_function(&format!("select of 1000000, {name}, camera at 100 m/s"), |b| {
            b.iter(|| {
                frame += 1;
                let (instances, view) = (props.instances(), view(frame));
                state.select(&instances, &assets, Blocks::All, &view, &rule, &mut changes)
            });
        });
    }
    c.bench_function("budget of 1000000", |b| {
        let mut budget = LodBudget::new();
        let limit = Budget { triangles: 100_000_000, ..Budget::default() };
        b.iter(|| {
            let (instances, view) = (props.instances(), view(1));
            let levels = linear.levels();
            let (instances, assets, costs) = (&instances, &assets[..], &costs[..]);
            let (visible, view, rule) = (Visible::All, &view, &rule);
            let wanted = Wanted { instances, assets, costs, visible, levels, view, rule };
            budget.add(&wanted).unwrap();
            budget.fit(costs, &limit)
        });
    });
    c.bench_function("batches of 250000 in 160 meshes and levels", |b| {
        let item = |i: u32| DrawItem {
            instance: i,
            mesh: i % 32,
            level: (i / 7 % 5) as u8,
            material: i % 4,
        };
        let items: Vec<DrawItem> = (0..250_000).map(item).collect();
        let ranges = [[MeshRange::default(); LODS_MAX]; 32];
        let (mut batcher, mut out) = (Batcher::default(), Batches::default());
        b.iter(|| batcher.batch(black_box(&items), &ranges, &mut out));
    });
}

fn terrain(c: &mut Criterion) {
    let grid = QuadGrid::new(Vec2::ZERO, Vec2::splat(64.0), [256, 256], 9).unwrap();
    let count = grid.node_count() as usize;
    let mut error_m = vec![0.0; count];
    for level in 0..9 {
        let [width, height] = grid.dims(level);
        let first = grid.node(level, 0, 0).unwrap().index as usize;
        error_m[first..][..(width * height) as usize].fill(0.1 * (1 << level) as f32);
    }
    let zeros = vec![0.0; count];
    let tree = QuadTree::new(grid, &error_m, &zeros, &zeros).unwrap();
    let (mut refined, mut cut, mut draw) = (vec![0; count], Vec::new(), Vec::new());
    let view = LodView { position: Vec3::new(8000.0, 8000.0, 100.0), focal_px: 935.0 };
    let rule = LodRule::default();
    tree.select_cut(&view, None, &rule, &mut refined, &mut cut).unwrap();
    println!("the cut has {} of {count} nodes", cut.len());
    c.bench_function("cut of 87381 nodes", |b| {
        b.iter(|| tree.select_cut(black_box(&view), None, &rule, &mut refined, &mut cut));
    });
    c.bench_function("draw list of that cut", |b| {
        b.iter(|| tree.resolve_drawable(black_box(&cut), |index| index % 5 != 0, &mut draw));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = instances, terrain
}
criterion_main!(benches);
