//! How much has to be moved and evicted so that nothing is ever refused: a streamer's memory at 90,
//! 95 and 98% occupancy, with room made on demand.
//!
//! `cargo run --release -p farplane-alloc --example streaming`
//!
//! The trace: an arena of 2 GiB; sizes log-normal with a median of 128 KiB, cut at 4 KiB and 16 MiB;
//! of five live blocks drawn at random the oldest is freed until the next one fits under the
//! occupancy. Which blocks live depends on the trace alone, but for what is evicted to make
//! room: that is counted as evicted early. A frame is 32 operations and moves at most 4 MiB.

use farplane_alloc::{Handle, PassLimits, RangeAllocator, RoomRequest, Steps};
use std::time::Instant;

const ARENA_BYTES: u64 = 2 << 30;
const ALIGN: u64 = 64;
const OPERATIONS_PER_FRAME: u64 = 32;
/// Bytes that may be copied in a frame, and for one room: a plan that may take all of a frame
/// moves more and evicts less.
const FRAME_BYTES_MAX: u64 = 4 << 20;
const PLAN_BYTES_MAX: u64 = 3 << 20;
const MOVES_MAX: usize = 64;
const ALLOCATIONS: u64 = 100_000;
/// What a byte that would have to be loaded again is worth, in bytes copied. From just over 1 to 8
/// the outcome is nearly the same: what decides is that most windows hold a block that no hole
/// takes.
const PRICE: u64 = 2;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }

    /// Mean 0, variance 1, nearly normal (Irwin–Hall).
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| (self.bits() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
    }

    fn size(&mut self) -> u64 {
        loop {
            let bytes = 131_072.0 * libm::exp(1.5 * self.normal());
            if (4096.0..=16_777_216.0).contains(&bytes) {
                return bytes as u64;
            }
        }
    }
}

/// What the trace says lives.
struct Live {
    size: u64,
    born: u64,
    /// Nothing for what was evicted, or refused.
    handle: Option<Handle>,
}

/// A streamer's memory, and what it cost to keep it from refusing anything.
#[derive(Default)]
struct Cost {
    allocated: u64,
    refused: u64,
    moved: u64,
    moved_in_frame_max: u64,
    evicted: u64,
    plans_us: Vec<f64>,
}

struct Owner {
    allocator: RangeAllocator,
    steps: Steps,
    moved_in_frame: u64,
    cost: Cost,
}

impl Owner {
    /// The loop that the crate is made for: allocate; if that fails make room, carry the steps out,
    /// claim.
    fn allocate(&mut self, size: u64) -> Option<Handle> {
        self.cost.allocated += size;
        let handle = self.allocator.allocate(size, ALIGN).ok().or_else(|| self.make_room(size));
        self.cost.refused += if handle.is_none() { size } else { 0 };
        handle
    }

    fn make_room(&mut self, size: u64) -> Option<Handle> {
        let bytes_max = PLAN_BYTES_MAX.min(FRAME_BYTES_MAX - self.moved_in_frame);
        let limits = PassLimits { bytes_max, moves_max: MOVES_MAX };
        let request = RoomRequest { size, align: ALIGN, limits };
        let start = Instant::now();
        // A streamer would ask more for what is in view, and nothing for what it no longer wants.
        let price = |_block, bytes| Some(bytes * PRICE);
        let plan = self.allocator.plan_room(request, price, &mut self.steps);
        self.cost.plans_us.push(start.elapsed().as_nanos() as f64 / 1000.0);
        let plan = plan.ok()?;
        for planned in &self.steps.moves {
            // Here the owner copies `planned.from` to `planned.to`.
            let left = self.allocator.commit_move(planned).expect("nothing came between");
            // And once no reader is left there:
            self.allocator.free(left).expect("freed once");
        }
        for &block in &self.steps.evictions {
            self.cost.evicted += self.allocator.free(block).expect("a live block").size;
        }
        self.cost.moved += plan.bytes;
        self.moved_in_frame += plan.bytes;
        self.cost.moved_in_frame_max = self.cost.moved_in_frame_max.max(self.moved_in_frame);
        Some(self.allocator.claim(plan.room).expect("all of it is empty"))
    }
}

/// The cost of so many allocations, after the arena was filled and its content replaced twice.
fn run(occupancy: f64) -> Cost {
    let mut random = Random(1);
    let mut owner = Owner {
        allocator: RangeAllocator::new(ARENA_BYTES),
        steps: Steps::default(),
        moved_in_frame: 0,
        cost: Cost::default(),
    };
    let limit = (ARENA_BYTES as f64 * occupancy) as u64;
    let mut live: Vec<Live> = Vec::new();
    let (mut used, mut replaced, mut operations) = (0, 0, 0_u64);
    let mut left = ALLOCATIONS;
    for born in 0.. {
        if left == 0 {
            break;
        }
        let size = random.size();
        while used + size > limit {
            let drawn = (0..5).map(|_| random.below(live.len()));
            let oldest = drawn.min_by_key(|&at| live[at].born).expect("five of them");
            let gone = live.swap_remove(oldest);
            // The handle of what was evicted before is stale by now.
            gone.handle.map(|handle| owner.allocator.free(handle).ok());
            used -= gone.size;
            replaced += gone.size;
            operations += 1;
        }
        operations += 1;
        if operations >= OPERATIONS_PER_FRAME {
            operations = 0;
            owner.moved_in_frame = 0;
        }
        if replaced < 2 * limit {
            owner.cost = Cost::default();
        } else {
            left -= 1;
        }
        let handle = owner.allocate(size);
        used += size;
        live.push(Live { size, born, handle });
    }
    owner.cost
}

fn percentile(sorted: &[f64], p: f64) -> f64 {
    sorted.get((p * sorted.len() as f64) as usize).copied().unwrap_or(0.0)
}

fn main() {
    println!(
        "occupancy  refused  moved/byte  evicted early  MiB moved/frame  plans  p50 µs  p99 µs"
    );
    for percent in [90, 95, 98] {
        let mut cost = run(f64::from(percent) / 100.0);
        cost.plans_us.sort_by(f64::total_cmp);
        let share = |bytes: u64| bytes as f64 / cost.allocated as f64;
        println!(
            "{percent:8}%  {:6.2}%  {:10.4}  {:12.2}%  {:15.2}  {:5}  {:6.1}  {:6.1}",
            100.0 * share(cost.refused),
            share(cost.moved),
            100.0 * share(cost.evicted),
            cost.moved_in_frame_max as f64 / f64::from(1 << 20),
            cost.plans_us.len(),
            percentile(&cost.plans_us, 0.5),
            percentile(&cost.plans_us, 0.99),
        );
    }
}
