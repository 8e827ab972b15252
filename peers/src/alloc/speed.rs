//! Time and refusals of allocators that move nothing.

use super::OURS;
use super::contenders::{Buddy, Contender, Farplane, OffsetAllocator, RangeAlloc, Xalloc};
use super::trace::{Trace, UNIT_BYTES};
use super::unsafe_contenders::{GpuAlloc, Rlsf, Talc};
use crate::rounds::{clock_ns, median, percentile, since_ns};
use crate::table::{Side, Table};
use std::hint::black_box;
use std::time::Instant;

/// Rounds of those whose mean is compared to a fraction of it.
pub const ROUNDS: usize = 15;
/// Rounds of those that are slower by an order of magnitude.
pub const ROUNDS_SLOW: usize = 3;

/// Columns.
pub const MEAN: &str = "alloc+free mean, ns";
/// Of single allocations.
pub const TAIL: &str = "alloc p99.9, ns";
const FAR_TAIL: &str = "p99.99, ns";
/// Of the bytes asked for.
pub const REFUSED: &str = "refused bytes, %";

/// One contender's rounds.
#[derive(Default)]
struct Rounds {
    mean_ns: Vec<f64>,
    /// For each round each allocation.
    calls_ns: Vec<Vec<f64>>,
    refused_percent: f64,
}

impl Rounds {
    /// One more round: the trace twice, once as a whole and once with a clock about every call.
    fn run<C: Contender>(&mut self, trace: &Trace, clock_ns: f64) {
        let (mut allocator, mut slots) = warmed::<C>(trace);
        let (mut asked, mut refused) = (0u64, 0u64);
        let start = Instant::now();
        for call in &trace.calls[trace.warm..] {
            let slot = &mut slots[call.slot as usize];
            if call.units == 0 {
                if let Some(block) = slot.take() {
                    allocator.free(block);
                }
            } else {
                *slot = black_box(allocator.allocate(call.units));
                asked += u64::from(call.units) * UNIT_BYTES;
                refused += if slot.is_none() { u64::from(call.units) * UNIT_BYTES } else { 0 };
            }
        }
        self.mean_ns.push(since_ns(start) / trace.measured as f64);
        self.refused_percent = 100.0 * refused as f64 / asked as f64;
        free_all(allocator, slots);

        let (mut allocator, mut slots) = warmed::<C>(trace);
        let mut calls_ns = Vec::with_capacity(trace.measured as usize);
        for call in &trace.calls[trace.warm..] {
            let slot = &mut slots[call.slot as usize];
            if call.units > 0 {
                let start = Instant::now();
                *slot = black_box(allocator.allocate(call.units));
                calls_ns.push((since_ns(start) - clock_ns).max(0.0));
            } else if let Some(block) = slot.take() {
                allocator.free(block);
            }
        }
        self.calls_ns.push(calls_ns);
        free_all(allocator, slots);
    }

    fn cells(&self) -> [Option<f64>; 4] {
        // The same call does the same in every round: what only some rounds saw was the system.
        let calls = self.calls_ns.first().map_or(0, Vec::len);
        let of_rounds = |call: usize| {
            let rounds: Vec<f64> = self.calls_ns.iter().map(|round| round[call]).collect();
            median(&rounds)
        };
        let calls_ns: Vec<f64> = (0..calls).map(of_rounds).collect();
        [
            Some(median(&self.mean_ns)),
            Some(percentile(&calls_ns, 0.999)),
            Some(percentile(&calls_ns, 0.9999)),
            Some(self.refused_percent),
        ]
    }
}

/// An allocator after the calls that are not measured, and who holds what.
fn warmed<C: Contender>(trace: &Trace) -> (C, Vec<Option<C::Block>>) {
    let mut allocator = C::new();
    let mut slots: Vec<Option<C::Block>> = Vec::new();
    slots.resize_with(trace.slots, || None);
    for call in &trace.calls[..trace.warm] {
        let slot = &mut slots[call.slot as usize];
        match slot.take() {
            Some(block) => allocator.free(block),
            None if call.units > 0 => *slot = allocator.allocate(call.units),
            None => {}
        }
    }
    (allocator, slots)
}

/// Some contenders insist on it.
fn free_all<C: Contender>(mut allocator: C, slots: Vec<Option<C::Block>>) {
    for block in slots.into_iter().flatten() {
        allocator.free(block);
    }
}

/// A contender's name, rounds, and how to run one.
type Entry = (&'static str, usize, fn(&mut Rounds, &Trace, f64));

const ENTRIES: &[Entry] = &[
    (OURS, ROUNDS, Rounds::run::<Farplane>),
    ("xalloc", ROUNDS, Rounds::run::<Xalloc>),
    ("offset-allocator", ROUNDS, Rounds::run::<OffsetAllocator>),
    #[cfg(feature = "vma")]
    ("VMA VirtualBlock, min-memory", ROUNDS, Rounds::run::<super::unsafe_contenders::VirtualBlock>),
    ("rlsf (in band)", ROUNDS, Rounds::run::<Rlsf>),
    ("talc (in band)", ROUNDS, Rounds::run::<Talc>),
    ("range-alloc", ROUNDS_SLOW, Rounds::run::<RangeAlloc>),
    ("gpu-alloc free list", ROUNDS_SLOW, Rounds::run::<GpuAlloc>),
    ("buddy_system_allocator", ROUNDS, Rounds::run::<Buddy>),
];

/// All contenders at one occupancy, %.
pub fn table(occupancy: u32, trace: &Trace) -> Table {
    let clock_ns = clock_ns();
    let mut rounds: Vec<Rounds> = ENTRIES.iter().map(|_| Rounds::default()).collect();
    for round in 0..ROUNDS {
        for ((_, count, run), rounds) in ENTRIES.iter().zip(&mut rounds) {
            if round >= *count {
                continue;
            }
            run(rounds, trace, clock_ns);
        }
    }
    let title = format!("{occupancy}% occupancy, {} live blocks at most", trace.slots);
    let mut table = Table::new(&title, &[MEAN, TAIL, FAR_TAIL, REFUSED]);
    for ((name, ..), rounds) in ENTRIES.iter().zip(&rounds) {
        let side = if *name == OURS { Side::Ours } else { Side::Peer };
        table.row(name, side, &rounds.cells());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses every other block and checks that each block that it gave comes back.
    struct EveryOther {
        calls: u32,
        live: Vec<u32>,
    }

    impl Contender for EveryOther {
        type Block = u32;

        fn new() -> Self {
            Self { calls: 0, live: Vec::new() }
        }

        fn allocate(&mut self, units: u32) -> Option<u32> {
            assert!(units > 0);
            self.calls += 1;
            self.calls.is_multiple_of(2).then(|| {
                self.live.push(self.calls);
                self.calls
            })
        }

        fn free(&mut self, block: u32) {
            let at = self.live.iter().position(|&b| b == block);
            self.live.swap_remove(at.expect("a live block"));
        }
    }

    impl Drop for EveryOther {
        fn drop(&mut self) {
            assert!(self.live.is_empty());
        }
    }

    #[test]
    fn what_was_refused_is_counted_and_never_freed() {
        let trace = Trace::new(5, 0.9, 1000);
        let mut rounds = Rounds::default();
        rounds.run::<EveryOther>(&trace, 0.0);
        assert!((30.0..70.0).contains(&rounds.refused_percent), "{}", rounds.refused_percent);
    }

    #[test]
    fn a_call_that_was_slow_in_one_round_only_is_not_in_the_tail() {
        let mut rounds = Rounds { mean_ns: vec![1.0], ..Rounds::default() };
        rounds.calls_ns = vec![vec![5.0, 900.0, 7.0], vec![5.0, 6.0, 7.0], vec![800.0, 6.0, 7.0]];
        assert_eq!(rounds.cells()[1].map(f64::ceil), Some(7.0));
    }

    /// Each contender accepts the whole trace, and refuses neither everything nor nothing.
    #[test]
    #[ignore = "2 GiB of memory; peers alloc does the same"]
    fn every_contender_runs() {
        let trace = Trace::new(1, 0.9, 2000);
        for (name, _, run) in ENTRIES {
            let mut rounds = Rounds::default();
            run(&mut rounds, &trace, 0.0);
            assert!((0.5..40.0).contains(&rounds.refused_percent), "{name}");
        }
    }
}
