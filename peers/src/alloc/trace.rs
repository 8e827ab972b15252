//! The trace that every allocator runs: what a streamer asks for at a steady occupancy.
//!
//! - An arena of 2 GiB in units of 64 bytes.
//! - Sizes: log-normal, median 128 KiB, σ 1.5 in the logarithm, drawn again outside 4 KiB–16 MiB,
//!   rounded up to a unit.
//! - Frees, much as LRU: of five live blocks drawn at random, the oldest goes (sampled LRU). Before
//!   each allocation blocks are freed until the new one fits under the occupancy.
//! - Which blocks live depends on the trace alone. An allocation that an allocator refuses is
//!   counted, and its free is left out; so all run the same calls in the same order.
//! - The arena is filled and its content replaced twice before anything is measured.

use crate::random::Random;

/// Bytes of a unit.
pub const UNIT_BYTES: u64 = 64;
/// Bytes of the arena.
pub const ARENA_BYTES: u64 = 2 << 30;
/// Units of the arena.
pub const ARENA_UNITS: u32 = (ARENA_BYTES / UNIT_BYTES) as u32;

const SIZE_BYTES: [f64; 2] = [4.0 * 1024.0, 16.0 * 1024.0 * 1024.0];
const MEDIAN_BYTES: f64 = 128.0 * 1024.0;
const SIGMA: f64 = 1.5;
const SAMPLED: usize = 5;

/// A call: in a slot, an allocation of `units`, or with 0 a free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where the caller keeps the block.
    pub slot: u32,
    /// Size, units; 0 frees.
    pub units: u32,
}

/// The calls.
pub struct Trace {
    /// In order.
    pub calls: Vec<Call>,
    /// Calls before anything is measured.
    pub warm: usize,
    /// Slots that the calls use.
    pub slots: usize,
    /// Allocations after that.
    pub measured: u64,
}

struct Live {
    slot: u32,
    units: u32,
    born: u64,
}

fn size_units(random: &mut Random) -> u32 {
    loop {
        let bytes = MEDIAN_BYTES * libm::exp(SIGMA * random.normal());
        if (SIZE_BYTES[0]..=SIZE_BYTES[1]).contains(&bytes) {
            return (bytes / UNIT_BYTES as f64).ceil() as u32;
        }
    }
}

impl Trace {
    /// The trace at an occupancy (0 to 1), with so many allocations that are measured.
    pub fn new(seed: u64, occupancy: f64, measured: u64) -> Self {
        let mut random = Random::new(seed);
        let limit = (f64::from(ARENA_UNITS) * occupancy) as u64;
        let mut trace = Self { calls: Vec::new(), warm: 0, slots: 0, measured };
        let (mut live, mut spare) = (Vec::<Live>::new(), Vec::new());
        let (mut used, mut replaced, mut born, mut left) = (0u64, 0u64, 0u64, measured);
        while left > 0 {
            let units = size_units(&mut random);
            while used + u64::from(units) > limit {
                let drawn = (0..SAMPLED).map(|_| random.below(live.len()));
                let oldest = drawn.min_by_key(|&i| live[i].born).unwrap_or(0);
                let gone = live.swap_remove(oldest);
                trace.calls.push(Call { slot: gone.slot, units: 0 });
                spare.push(gone.slot);
                used -= u64::from(gone.units);
                replaced += u64::from(gone.units);
            }
            let slot = spare.pop().unwrap_or(live.len() as u32);
            trace.slots = trace.slots.max(slot as usize + 1);
            trace.calls.push(Call { slot, units });
            live.push(Live { slot, units, born });
            used += u64::from(units);
            born += 1;
            if replaced < 2 * limit {
                trace.warm = trace.calls.len();
            } else {
                left -= 1;
            }
        }
        trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_alternate_per_slot_and_never_pass_the_occupancy() {
        let trace = Trace::new(1, 0.9, 2000);
        let mut slots = vec![0u32; trace.slots];
        let (mut used, mut lowest) = (0u64, u64::MAX);
        for (i, call) in trace.calls.iter().enumerate() {
            let held = &mut slots[call.slot as usize];
            assert_eq!(*held == 0, call.units > 0, "call {i}");
            used = used + u64::from(call.units) - u64::from(*held);
            *held = call.units;
            assert!(used <= u64::from(ARENA_UNITS) * 9 / 10);
            if i >= trace.warm && call.units > 0 {
                lowest = lowest.min(used);
            }
        }
        // What is free under the limit after an allocation is less than one block of 16 MiB.
        assert!(lowest > u64::from(ARENA_UNITS) * 9 / 10 - (32 << 20) / UNIT_BYTES);
    }

    #[test]
    fn sizes_have_their_median_and_their_limits() {
        let mut random = Random::new(2);
        let mut sizes: Vec<u64> =
            (0..20_001).map(|_| u64::from(size_units(&mut random)) * UNIT_BYTES).collect();
        sizes.sort_unstable();
        assert!(sizes[0] >= 4 << 10 && sizes[20_000] <= 16 << 20);
        let median = sizes[10_000] as f64 / 1024.0;
        assert!((120.0..136.0).contains(&median), "{median} KiB");
        // One σ above the median: e^1.5 × 128 KiB = 574 KiB at 84.1% of an uncut distribution.
        let above = sizes[16_827] as f64 / 1024.0;
        assert!((500.0..640.0).contains(&above), "{above} KiB");
    }

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        assert_eq!(Trace::new(3, 0.95, 100).calls, Trace::new(3, 0.95, 100).calls);
        assert_ne!(Trace::new(3, 0.95, 100).calls, Trace::new(4, 0.95, 100).calls);
    }
}
