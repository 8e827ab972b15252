//! What it costs to refuse less: the trace in frames of 32 operations, with each remedy.
//!
//! Which blocks the trace wants does not depend on the remedy. A block that a remedy evicts is gone
//! until the trace frees it, and counted as evicted beyond what the trace frees; so a remedy that
//! evicts much also holds less, which the last column shows.

use super::sliding::Sliding;
use super::strategies::{Counts, Farplane, MOVE_BYTES_MAX, Remedy, Strategy};
use super::trace::{Trace, UNIT_BYTES};
use crate::rounds::percentile;
use crate::table::{Side, Table};

/// Calls of the trace.
const OPERATIONS_PER_FRAME: usize = 32;
/// What sliding is given to move in a frame: its figures are no better with less.
const SLIDE_BYTES_MAX: u64 = 16 << 20;

/// Columns.
pub const REFUSED: &str = "refused bytes, %";
/// Per byte allocated.
pub const MOVED: &str = "moved per byte";
/// Of the bytes allocated.
pub const EVICTED: &str = "evicted beyond, %";
/// Of all frames.
pub const FRAME_MAX: &str = "moved in a frame max, MiB";
/// Of single plans.
pub const PLAN: &str = "plan p99, µs";
const FRAGMENTATION: &str = "1 − largest/free";
const HELD: &str = "held, %";

/// Our row with everything.
pub const ROOM: &str = "farplane-alloc, room on demand";

struct Outcome {
    counts: Counts,
    asked_bytes: u64,
    fragmentation: f64,
    occupancy: f64,
}

/// The whole trace; counted is what comes after the warm-up.
fn fly(strategy: &mut dyn Strategy, trace: &Trace) -> Outcome {
    let (mut asked_bytes, mut fragmentation, mut occupancy, mut frames) = (0, 0.0, 0.0, 0.0);
    for (number, call) in trace.calls.iter().enumerate() {
        if number == trace.warm {
            *strategy.counts() = Counts {
                moved_frame_bytes: strategy.counts().moved_frame_bytes,
                ..Counts::default()
            };
        }
        if call.units == 0 {
            strategy.free(call.slot);
        } else {
            strategy.allocate(call.slot, call.units, number as u64);
        }
        if number >= trace.warm {
            asked_bytes += u64::from(call.units) * UNIT_BYTES;
        }
        if number % OPERATIONS_PER_FRAME == OPERATIONS_PER_FRAME - 1 {
            strategy.end_frame();
            if number >= trace.warm {
                fragmentation += strategy.fragmentation();
                occupancy += strategy.occupancy();
                frames += 1.0;
            }
        }
    }
    let counts = strategy.counts().clone();
    let (fragmentation, occupancy) = (fragmentation / frames, occupancy / frames);
    Outcome { counts, asked_bytes, fragmentation, occupancy }
}

impl Outcome {
    fn cells(&self) -> [Option<f64>; 7] {
        let Counts {
            refused_bytes,
            evicted_bytes,
            moved_bytes,
            moved_frame_bytes_max,
            plans_us,
            ..
        } = &self.counts;
        let of_asked = |bytes: u64| bytes as f64 / self.asked_bytes as f64;
        [
            Some(100.0 * of_asked(*refused_bytes)),
            Some(of_asked(*moved_bytes)),
            Some(100.0 * of_asked(*evicted_bytes)),
            Some(*moved_frame_bytes_max as f64 / f64::from(1 << 20)),
            (!plans_us.is_empty()).then(|| percentile(plans_us, 0.99)),
            Some(self.fragmentation),
            Some(100.0 * self.occupancy),
        ]
    }
}

/// All remedies at one occupancy, %.
pub fn table(occupancy: u32, trace: &Trace) -> Table {
    let title = format!(
        "{occupancy}% occupancy, frames of {OPERATIONS_PER_FRAME} operations, at most {} MiB moved in \
         one (sliding: {})",
        MOVE_BYTES_MAX >> 20,
        SLIDE_BYTES_MAX >> 20
    );
    let columns = [REFUSED, MOVED, EVICTED, FRAME_MAX, PLAN, FRAGMENTATION, HELD];
    let mut table = Table::new(&title, &columns);
    let remedies = [
        (ROOM, Side::Ours, Remedy::MakeRoom),
        ("farplane-alloc, background moves", Side::Ours, Remedy::MoveAlways),
        ("nothing", Side::Baseline, Remedy::Nothing),
        ("evict the oldest until it fits", Side::Baseline, Remedy::EvictOldest),
    ];
    for (name, side, remedy) in remedies {
        let mut strategy = Farplane::new(remedy, trace.slots);
        table.row(name, side, &fly(&mut strategy, trace).cells());
    }
    let mut sliding = Sliding::new(SLIDE_BYTES_MAX, trace.slots);
    table.row("slide down", Side::Baseline, &fly(&mut sliding, trace).cells());
    table
}

/// Our room on demand on traces that its settings were not chosen on: a row for each.
pub fn unseen(traces: &[(u32, u64)], trace_of: impl Fn(u32, u64) -> Trace) -> Table {
    let columns = [REFUSED, MOVED, EVICTED, FRAME_MAX, PLAN, FRAGMENTATION, HELD];
    let mut table = Table::new("room on demand on traces that nothing was tuned on", &columns);
    for &(occupancy, seed) in traces {
        let trace = trace_of(occupancy, seed);
        let mut strategy = Farplane::new(Remedy::MakeRoom, trace.slots);
        let name = unseen_name(occupancy, seed);
        table.row(&name, Side::Ours, &fly(&mut strategy, &trace).cells());
    }
    table
}

/// Name of a trace's row.
pub fn unseen_name(occupancy: u32, seed: u64) -> String {
    format!("{occupancy}%, seed {seed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(remedy: Remedy) -> Outcome {
        let trace = Trace::new(2, 0.98, 4000);
        fly(&mut Farplane::new(remedy, trace.slots), &trace)
    }

    #[test]
    fn each_remedy_pays_with_what_it_says() {
        let nothing = outcome(Remedy::Nothing).counts;
        assert!(nothing.refused_bytes > 0 && nothing.moved_bytes + nothing.evicted_bytes == 0);
        let evicting = outcome(Remedy::EvictOldest).counts;
        assert!(evicting.evicted_bytes > 0 && evicting.refused_bytes + evicting.moved_bytes == 0);
        let moving = outcome(Remedy::MoveAlways).counts;
        assert!(moving.moved_bytes > 0 && moving.evicted_bytes == 0);
        let room = outcome(Remedy::MakeRoom).counts;
        assert!(room.refused_bytes == 0 && room.moved_bytes > 0);
        assert!(room.evicted_bytes < evicting.evicted_bytes);
        assert!(room.moved_frame_bytes_max <= MOVE_BYTES_MAX && !room.plans_us.is_empty());
    }

    #[test]
    fn without_a_remedy_the_same_is_refused_as_in_the_table_of_speed() {
        let outcome = outcome(Remedy::Nothing);
        let cells = outcome.cells();
        assert!(cells[0] > Some(0.0) && cells[4].is_none());
        assert!(outcome.occupancy < 0.98 && outcome.occupancy > 0.8);
    }
}
