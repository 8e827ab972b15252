//! The allocator alone, at 95% of 1 GiB: a pair of calls, a room, a pass.
#![allow(missing_docs, reason = "criterion's macros")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use farplane_alloc::{Handle, PassLimits, RangeAllocator, RoomRequest, Steps};

const CAPACITY: u64 = 1 << 30;
const LIMITS: PassLimits = PassLimits { bytes_max: 4 << 20, moves_max: 64 };

/// Sizes of 4 KiB to 2 MiB, each octave as often; from a full-period generator (Knuth, TAOCP
/// 3.2.1.2).
struct Sizes(u32);

impl Sizes {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn size(&mut self) -> u64 {
        let octave = 4096 << (self.next() % 9);
        octave + u64::from(self.next()) % octave
    }
}

/// An allocator whose blocks have been replaced many times over.
fn worn() -> (RangeAllocator, Vec<Handle>, Sizes) {
    let (mut allocator, mut live, mut sizes) = (RangeAllocator::new(CAPACITY), vec![], Sizes(1));
    for _ in 0..40_000 {
        let size = sizes.size();
        while allocator.stats().used + size > CAPACITY / 100 * 95 {
            let gone = live.swap_remove(sizes.next() as usize % live.len());
            allocator.free(gone).unwrap();
        }
        live.extend(allocator.allocate(size, 64).ok());
    }
    (allocator, live, sizes)
}

fn pair(criterion: &mut Criterion) {
    let (mut allocator, mut live, mut sizes) = worn();
    criterion.bench_function("allocate and free at 95%", |bencher| {
        bencher.iter(|| {
            let gone = live.swap_remove(sizes.next() as usize % live.len());
            allocator.free(gone).unwrap();
            if let Ok(handle) = allocator.allocate(sizes.size(), 64) {
                live.push(handle);
            }
            if live.len() < 500 {
                live.extend(allocator.allocate(4096, 64));
            }
        });
    });
}

fn room(criterion: &mut Criterion) {
    let (allocator, _, _) = worn();
    let size = allocator.stats().largest_free + (1 << 20);
    let request = RoomRequest { size, align: 64, limits: LIMITS };
    criterion.bench_function("plan and abandon a room 1 MiB larger than any hole", |bencher| {
        let (mut allocator, mut steps) = (allocator.clone(), Steps::default());
        bencher.iter(|| {
            let plan = allocator.plan_room(request, |_, bytes| Some(2 * bytes), &mut steps);
            allocator.abandon(plan.unwrap().room).unwrap();
        });
    });
}

fn pass(criterion: &mut Criterion) {
    let (allocator, _, _) = worn();
    criterion.bench_function("plan a pass of at most 4 MiB", |bencher| {
        bencher.iter_batched_ref(
            || (allocator.clone(), Vec::with_capacity(64)),
            |(allocator, moves)| allocator.plan_moves(LIMITS, moves),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, pair, room, pass);
criterion_main!(benches);
