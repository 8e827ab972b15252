//! Allocators on one trace: time a pair of calls, the slowest allocations, what is refused.

mod contenders;
mod trace;

use crate::goal::{Bound, Goal};
use crate::rounds::{clock_ns, median, percentile, since_ns};
use crate::section::Section;
use crate::table::{Side, Table};
use contenders::{Contender, Farplane, OffsetAllocator, RangeAlloc, Xalloc};
use std::hint::black_box;
use std::time::Instant;
use trace::{Trace, UNIT_BYTES};

/// Occupancies, %.
const OCCUPANCY: [u32; 3] = [90, 95, 98];
/// Allocations measured in a round.
const ALLOCATIONS: u64 = 50_000;
/// Rounds; each figure is the median.
const ROUNDS: usize = 5;
const SEED: u64 = 1;

const MEAN: &str = "alloc+free mean, ns";
const TAIL: &str = "alloc p99.9, ns";
const REFUSED: &str = "refused bytes, %";

/// One contender's rounds.
#[derive(Default)]
struct Rounds {
    mean_ns: Vec<f64>,
    tail_ns: Vec<f64>,
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
        self.mean_ns.push(since_ns(start) / ALLOCATIONS as f64);
        self.refused_percent = 100.0 * refused as f64 / asked as f64;

        let (mut allocator, mut slots) = warmed::<C>(trace);
        let mut calls_ns = Vec::with_capacity(ALLOCATIONS as usize);
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
        self.tail_ns.push(percentile(&calls_ns, 0.999));
    }

    fn cells(&self) -> [Option<f64>; 3] {
        [Some(median(&self.mean_ns)), Some(median(&self.tail_ns)), Some(self.refused_percent)]
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

fn table(occupancy: u32) -> Table {
    let trace = Trace::new(SEED, f64::from(occupancy) / 100.0, ALLOCATIONS);
    let clock_ns = clock_ns();
    let mut rounds: [Rounds; 4] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].run::<Farplane>(&trace, clock_ns);
        rounds[1].run::<Xalloc>(&trace, clock_ns);
        rounds[2].run::<OffsetAllocator>(&trace, clock_ns);
        rounds[3].run::<RangeAlloc>(&trace, clock_ns);
    }
    let title = format!("{occupancy}% occupancy, {} live blocks at most", trace.slots);
    let mut table = Table::new(&title, &[MEAN, TAIL, REFUSED]);
    let names = ["farplane-alloc", "xalloc", "offset-allocator", "range-alloc"];
    for (i, (name, rounds)) in names.into_iter().zip(&rounds).enumerate() {
        let side = if i == 0 { Side::Ours } else { Side::Peer };
        table.row(name, side, &rounds.cells());
    }
    table
}

/// The largest ratio of ours to a peer over all occupancies.
fn worst(tables: &[Table], peer: &str, column: &str) -> Option<f64> {
    let ratios = tables.iter().map(|t| t.ratio("farplane-alloc", peer, column));
    ratios.collect::<Option<Vec<_>>>()?.into_iter().max_by(f64::total_cmp)
}

/// Measures the section: under a minute.
pub fn run() -> Section {
    let method = format!(
        "2 GiB, log-normal sizes of 4 KiB to 16 MiB, sampled LRU; {ALLOCATIONS} allocations a \
         round, median of {ROUNDS} rounds; clock taken off p99.9"
    );
    let mut section = Section::new("alloc", &method);
    section.tables = OCCUPANCY.map(table).into();
    section.absent("VMA VirtualBlock", "C++: not built here");
    section.absent("rlsf, talc", "in band: not compared yet");
    section.absent("gpu-alloc freelist, buddy", "not compared yet");
    let t = &section.tables;
    let pairs = [
        ("mean alloc+free / xalloc, worst occupancy", 1.5, worst(t, "xalloc", MEAN)),
        ("alloc p99.9 / xalloc, worst occupancy", 2.5, worst(t, "xalloc", TAIL)),
        (
            "refused bytes / exact best fit (range-alloc), nothing moved, worst occupancy",
            1.05,
            worst(t, "range-alloc", REFUSED),
        ),
        ("refused bytes at 98% with moves of at most 4 MiB a frame, %", 0.0, None),
        ("bytes moved per byte allocated at 98%", 0.06, None),
        ("bytes evicted beyond LRU at 98%, %", 2.2, None),
        ("planning a pass p99, µs", 50.0, None),
    ];
    section.goals = pairs.map(|(what, max, v)| Goal::new(what, Bound::AtMost(max), v)).into();
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses every other block and checks that only blocks that it gave come back.
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

    #[test]
    fn what_was_refused_is_counted_and_never_freed() {
        let trace = Trace::new(5, 0.9, 1000);
        let mut rounds = Rounds::default();
        rounds.run::<EveryOther>(&trace, 0.0);
        assert!((30.0..70.0).contains(&rounds.refused_percent), "{}", rounds.refused_percent);
    }

    #[test]
    fn the_worst_ratio_needs_a_figure_at_every_occupancy() {
        let table = |ours, theirs| {
            let mut t = Table::new("t", &["ns"]);
            t.row("farplane-alloc", Side::Ours, &[ours]);
            t.row("xalloc", Side::Peer, &[theirs]);
            t
        };
        let tables = [table(Some(2.0), Some(1.0)), table(Some(3.0), Some(1.0))];
        assert_eq!(worst(&tables, "xalloc", "ns"), Some(3.0));
        let tables = [table(Some(2.0), Some(1.0)), table(Some(3.0), None)];
        assert_eq!(worst(&tables, "xalloc", "ns"), None);
    }
}
