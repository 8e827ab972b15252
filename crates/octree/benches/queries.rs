//! Queries, building and movement on a 4 km world of boxes up to 8 m.

use criterion::{Criterion, criterion_group, criterion_main};
use farplane_geom::{Aabb, DVec3, Sphere, Vec3, View};
use farplane_octree::Octree;
use std::hint::black_box;

fn boxes(count: u32) -> Vec<(Aabb, u32)> {
    let mut state = 1u64;
    let mut unit = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0
    };
    let mut one = |item| {
        let min = Vec3::new(unit() * 4096.0, unit() * 4096.0, unit() * 300.0);
        (Aabb::new(min, min + Vec3::new(unit(), unit(), unit()) * 8.0), item)
    };
    (0..count).map(&mut one).collect()
}

fn queries(c: &mut Criterion) {
    for count in [50_000, 1_000_000] {
        let items = boxes(count);
        let octree = Octree::build(&items).unwrap();
        let at = Vec3::new(1000.0, 1000.0, 150.0);
        let mut view = View::looking(at.as_dvec3(), DVec3::ONE - DVec3::Z, 36.0, [1920, 1080]);
        view.clip_m[1] = 1850.0;
        let frustum = view.frustum(DVec3::ZERO);
        let sphere = Sphere::new(at, 500.0);
        let mut out = Vec::new();
        octree.query().frustum(&frustum, &mut out);
        let seen = out.len();
        out.clear();
        octree.query().sphere(&sphere, &mut out);
        let near = out.len();
        let bytes = octree.index_bytes() as f64 / f64::from(count);
        println!("{count} boxes: frustum {seen} hits, sphere {near}, {bytes:.1} bytes a box");
        c.bench_function(&format!("frustum of {count}"), |b| {
            b.iter(|| {
                out.clear();
                octree.query().frustum(black_box(&frustum), &mut out);
                out.len()
            });
        });
        c.bench_function(&format!("sphere in {count}"), |b| {
            b.iter(|| {
                out.clear();
                octree.query().sphere(black_box(&sphere), &mut out);
                out.len()
            });
        });
        c.bench_function(&format!("linear frustum of {count}"), |b| {
            b.iter(|| {
                out.clear();
                let hit = |(b, _): &&(Aabb, u32)| frustum.intersects_aabb(b);
                out.extend(items.iter().filter(hit).map(|&(_, item)| item));
                out.len()
            });
        });
    }
}

fn changes(c: &mut Criterion) {
    let items = boxes(50_000);
    c.bench_function("build of 50000", |b| b.iter(|| Octree::build(black_box(&items))));
    let mut octree = Octree::build(&items).unwrap();
    let handles: Vec<_> = octree.handles().collect();
    let mut frame = 0u16;
    c.bench_function("10000 moves by up to 2 m", |b| {
        b.iter(|| {
            frame = frame.wrapping_add(1);
            let step = Vec3::splat(f32::from(frame % 5) * 0.5);
            for (handle, (bounds, _)) in handles.iter().zip(&items).step_by(5) {
                let to = Aabb::new(bounds.min + step, bounds.max + step);
                octree.move_to(*handle, &to).unwrap();
            }
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = queries, changes
}
criterion_main!(benches);
