//! What budgets and pools cost beside what they stand in for:
//! `cargo bench -p farplane-alloc --bench pools`.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use farplane_alloc::{
    Budget, BufferPool, Category, PoolOptions, TextureDescriptor, TextureLimits, TexturePool,
};
use std::hint::black_box;
use std::sync::Mutex;

const BLOCK: usize = 64 << 10;

fn budgets(criterion: &mut Criterion) {
    let total = Budget::new(
        Category::new("total", 1 << 30)
            .with(Category::new("textures", 1 << 30).with(Category::new("pages", 1 << 30))),
    );
    let pages = total.find("textures/pages").unwrap();
    let mut group = criterion.benchmark_group("budget");
    group.bench_function("reserve and release, 1 level", |b| {
        b.iter(|| drop(black_box(total.try_reserve(black_box(4096)))));
    });
    group.bench_function("reserve and release, 3 levels", |b| {
        b.iter(|| drop(black_box(pages.try_reserve(black_box(4096)))));
    });
    group.bench_function("refused, 3 levels", |b| {
        b.iter(|| drop(black_box(pages.try_reserve(black_box(2 << 30)))));
    });
    let counter = Mutex::new(0_u64);
    group.bench_function("a counter in a mutex, for comparison", |b| {
        b.iter(|| {
            *counter.lock().unwrap() += black_box(4096);
            *counter.lock().unwrap() -= black_box(4096);
        });
    });
    group.finish();
}

fn buffers(criterion: &mut Criterion) {
    let made = |idle_bytes_max| {
        let options = PoolOptions { idle_bytes_max, ..PoolOptions::default() };
        BufferPool::new(Budget::new(Category::new("buffers", 1 << 30)), options).unwrap()
    };
    let (pool, keeps_nothing) = (made(u64::MAX), made(0));
    // One page in two is written, as by a read.
    let touched = |bytes: &mut [u8]| bytes.iter_mut().step_by(8192).for_each(|byte| *byte = 1);
    let mut group = criterion.benchmark_group("64 KiB buffer");
    group.bench_function("hit", |b| {
        b.iter(|| drop(black_box(pool.acquire(black_box(BLOCK)))));
    });
    group.bench_function("hit, written", |b| {
        b.iter(|| touched(&mut pool.acquire(black_box(BLOCK)).unwrap()));
    });
    group.bench_function("miss, written", |b| {
        b.iter(|| touched(&mut keeps_nothing.acquire(black_box(BLOCK)).unwrap()));
    });
    group.bench_function("vec![0; n], written, for comparison", |b| {
        b.iter(|| touched(black_box(&mut vec![0_u8; black_box(BLOCK)])));
    });
    group.finish();
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Square(u64);

impl TextureDescriptor for Square {
    fn bytes(&self) -> u64 {
        4 * self.0 * self.0
    }
}

fn textures(criterion: &mut Criterion) {
    let limits = TextureLimits { count_max: 256, bytes_max: u64::MAX };
    // 240 idle textures of 60 kinds.
    let filled = || {
        let mut pool = TexturePool::new(limits);
        let keys: Vec<_> =
            (0..240).map(|at| pool.acquire(&Square(at % 60), |_| ()).unwrap()).collect();
        keys.into_iter().for_each(|key| pool.release(key, 0).unwrap());
        pool.frame_done(0);
        pool
    };
    let mut group = criterion.benchmark_group("texture pool, 240 idle");
    let mut pool = filled();
    group.bench_function("hit and release", |b| {
        b.iter(|| {
            let key = pool.acquire(black_box(&Square(30)), |_| ()).unwrap();
            pool.release(key, 0).unwrap();
        });
    });
    group.bench_function("miss that evicts", |b| {
        let full = || {
            let mut pool = filled();
            for at in 0..16 {
                pool.acquire(&Square(1000 + at), |_| ()).unwrap();
            }
            pool
        };
        let miss = |pool: &mut TexturePool<Square, ()>| {
            pool.acquire(black_box(&Square(2000)), |_| ()).unwrap()
        };
        b.iter_batched_ref(full, miss, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, budgets, buffers, textures);
criterion_main!(benches);
