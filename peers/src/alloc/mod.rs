//! Allocators on one trace: time a pair of calls, the slowest allocations, what is refused; and what it
//! costs to refuse nothing.

mod contenders;
mod relocation;
mod sliding;
mod speed;
mod strategies;
mod trace;
mod unsafe_contenders;

use crate::goal::{Bound, Goal};
use crate::section::Section;
use crate::table::Table;
use trace::Trace;

/// Occupancies, %.
const OCCUPANCY: [u32; 3] = [90, 95, 98];
/// Allocations that are measured.
const ALLOCATIONS: u64 = 100_000;
/// Of the trace that all contenders run, and that what is tuned was tuned on.
const SEED: u64 = 1;
/// Traces that nothing was tuned on: occupancy in %, seed. Goals hold on them too.
const UNSEEN: [(u32, u64); 6] = [(95, 2), (95, 3), (95, 4), (98, 2), (98, 3), (98, 4)];

/// Our name in the tables.
const OURS: &str = "farplane-alloc";

fn trace(occupancy: u32, seed: u64) -> Trace {
    Trace::new(seed, f64::from(occupancy) / 100.0, ALLOCATIONS)
}

/// The largest ratio of ours to a peer over all occupancies.
fn worst(tables: &[Table], peer: &str, column: &str) -> Option<f64> {
    let ratios = tables.iter().map(|t| t.ratio(OURS, peer, column));
    ratios.collect::<Option<Vec<_>>>()?.into_iter().max_by(f64::total_cmp)
}

/// The largest figure of ours over all occupancies.
fn largest(tables: &[Table], contender: &str, column: &str) -> Option<f64> {
    let cells = tables.iter().map(|t| t.cell(contender, column));
    cells.collect::<Option<Vec<_>>>()?.into_iter().max_by(f64::total_cmp)
}

/// Measures the section: under two minutes.
pub fn run() -> Section {
    let method = format!(
        "2 GiB, log-normal sizes of 4 KiB to 16 MiB, sampled LRU; {ALLOCATIONS} allocations, {} \
         rounds ({} of the slow): the mean is the median of the rounds' means, the slowest are percentiles over the \
         calls, each call the median of its rounds; clock taken off",
        speed::ROUNDS,
        speed::ROUNDS_SLOW
    );
    let mut section = Section::new("alloc", &method);
    let traces = OCCUPANCY.map(|occupancy| (occupancy, trace(occupancy, SEED)));
    let speed: Vec<_> = traces.iter().map(|(o, trace)| speed::table(*o, trace)).collect();
    let relocation: Vec<_> = traces.iter().map(|(o, trace)| relocation::table(*o, trace)).collect();
    if !cfg!(feature = "vma") {
        section.absent("VMA VirtualBlock", "C++: built without the feature vma");
    }
    let unseen = relocation::unseen(&UNSEEN, trace);
    section.goals = goals(&speed, &relocation, &unseen);
    section.tables = speed.into_iter().chain(relocation).chain([unseen]).collect();
    section
}

fn goals(speed: &[Table], relocation: &[Table], unseen: &Table) -> Vec<Goal> {
    use relocation::{EVICTED, FRAME_MAX, MOVED, PLAN, REFUSED, ROOM, unseen_name};
    // PEERS' figures are of 95 and 98%; less is easier.
    let high = |column| {
        let names = UNSEEN.iter().map(|&(occupancy, seed)| unseen_name(occupancy, seed));
        let rest = names.map(|name| unseen.cell(&name, column)).collect::<Option<Vec<_>>>()?;
        let tuned = largest(&relocation[1..], ROOM, column)?;
        rest.into_iter().chain([tuned]).max_by(f64::total_cmp)
    };
    let goals = [
        ("mean alloc+free / xalloc, worst occupancy", 1.5, worst(speed, "xalloc", speed::MEAN)),
        ("alloc p99.9 / xalloc, worst occupancy", 2.5, worst(speed, "xalloc", speed::TAIL)),
        (
            "refused bytes / exact best fit (range-alloc), nothing moved, worst occupancy",
            1.05,
            worst(speed, "range-alloc", speed::REFUSED),
        ),
        ("refused bytes with room made on demand, 95 and 98%, %", 0.0, high(REFUSED)),
        ("most MiB moved in a frame, 95 and 98%", 4.0, high(FRAME_MAX)),
        ("bytes moved per byte allocated, 95 and 98% (stretch 0.04)", 0.06, high(MOVED)),
        ("bytes evicted beyond the trace, 95 and 98%, % (stretch 1)", 2.2, high(EVICTED)),
        ("planning room p99, 95 and 98%, µs", 50.0, high(PLAN)),
    ];
    goals.map(|(what, max, figure)| Goal::new(what, Bound::AtMost(max), figure)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Side;

    #[test]
    fn the_worst_ratio_needs_a_figure_at_every_occupancy() {
        let table = |ours, theirs| {
            let mut t = Table::new("t", &["ns"]);
            t.row(OURS, Side::Ours, &[ours]);
            t.row("xalloc", Side::Peer, &[theirs]);
            t
        };
        let tables = [table(Some(2.0), Some(1.0)), table(Some(3.0), Some(1.0))];
        assert_eq!(worst(&tables, "xalloc", "ns"), Some(3.0));
        assert_eq!(largest(&tables, OURS, "ns"), Some(3.0));
        let tables = [table(Some(2.0), Some(1.0)), table(Some(3.0), None)];
        assert_eq!(worst(&tables, "xalloc", "ns"), None);
        assert_eq!(largest(&tables, "xalloc", "ns"), None);
    }
}
