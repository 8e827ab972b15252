//! Levels for a million instances, and cuts and draw lists of a 256 × 256 quadtree.

use criterion::{Criterion, criterion_group, criterion_main};
use farplane_geom::{Vec2, Vec3};
use farplane_lod::*;
use std::hint::black_box;

fn instances(c: &mut Criterion) {
    const COUNT: u32 = 1_000_000;
    let place = |i: u32| Vec3::new((i % 1000) as f32 * 4.0, (i / 1000) as f32 * 4.0, 0.0);
    let center: Vec<_> = (0..COUNT).map(place).collect();
    let radius_m: Vec<_> = (0..COUNT).map(|i| 1.0 + (i % 7) as f32 * 0.5).collect();
    let asset: Vec<_> = (0..COUNT).map(|i| i % 32).collect();
    let all = Instances { center: &center, radius_m: &radius_m, asset: &asset };
    let assets = [AssetLods::new(&[0.0, 0.02, 0.08, 0.3, 1.2]).unwrap(); 32];
    let visible: Vec<_> = (0..COUNT).collect();
    let rule = LodRule::default();
    let (mut levels, mut changes) = (vec![CULLED; COUNT as usize], Vec::new());
    let mut frame = 0u16;
    c.bench_function("select of 1000000, camera at 100 m/s", |b| {
        b.iter(|| {
            frame = frame.wrapping_add(1);
            let x = f32::from(frame % 2000) * 1.7;
            let view = LodView { position: Vec3::new(x, 2000.0, 50.0), focal_px: 935.0 };
            let (visible, levels) = (black_box(&visible), &mut levels);
            select(&all, &assets, visible, &view, &rule, levels, &mut changes).unwrap();
            changes.len()
        });
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
