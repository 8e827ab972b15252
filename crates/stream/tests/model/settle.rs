//! When everything succeeds, what is wanted and fits is loaded in the end.

use super::{Model, rounded};
use farplane_stream::{Event, Home, Outcome, State, UnitId};
use std::collections::BTreeSet;

/// Steps in which everything must be loaded: a second until the last want that a prefetch must
/// respect is forgotten, then at least one eviction, read or commit of each unit a step.
const STEPS_MAX: usize = 61 + 8 * 48;

impl Model {
    /// Goes on with a part of the wants that must fit, however the memory is fragmented: then all
    /// of it becomes resident.
    pub fn settle(&mut self) {
        self.readers.clear();
        self.events.clear();
        while !self.moves.is_empty() {
            self.answer(0, false);
        }
        let expected = self.keep_what_fits();
        for _ in 0..STEPS_MAX {
            self.decode_all();
            // What the core gave up is dropped, not decoded.
            for &unit in &self.actions.cancels {
                self.events.insert(0, Event { unit, outcome: Outcome::Cancelled });
            }
            self.step();
            while !self.moves.is_empty() {
                self.answer(0, true);
            }
            if expected.iter().all(|&u| self.known[u as usize].state == State::Resident) {
                return;
            }
        }
        let late = expected.iter().map(|&u| (u, self.known[u as usize], *self.unit(u)));
        let late: Vec<_> = late.filter(|(_, k, _)| k.state != State::Resident).collect();
        let (config, stats) = (&self.setup.config, self.core.heap_stats());
        panic!("never loaded: {late:?}; {:?}; {config:?}; {stats:?}", self.wants);
    }

    /// Drops wants until the rest is sure to fit. With k blocks in the heap there are at most k + 1
    /// holes, so the largest one has at least a (k + 1)-th of what is free. Returns what must load;
    /// what never can stays wanted, and must not be in its way.
    fn keep_what_fits(&mut self) -> BTreeSet<UnitId> {
        let room = self.setup.room_bytes().unwrap_or(0);
        let pinned = self.setup.pinned_blocks();
        let mut slots = BTreeSet::new();
        let mut blocks = BTreeSet::new();
        let (mut sum, mut largest) = (0, 0);
        let (setup, known) = (&self.setup, &self.known);
        let prefetches = setup.config.prefetch_reads_max > 0;
        self.wants.retain(|want| {
            let unit = want.unit;
            let Some(info) = setup.units.get(unit as usize) else { return true };
            if !setup.ever_fits(unit) || info.pinned || known[unit as usize].state == State::Failed
            {
                return true;
            }
            if want.class as u8 >= 3 && !prefetches {
                return false;
            }
            if slots.contains(&unit) || blocks.contains(&unit) {
                return true;
            }
            if info.home == Home::Slot {
                return slots.len() < setup.room_slots() && slots.insert(unit);
            }
            let size = rounded(info.resident_bytes.into());
            let holes = blocks.len() as u64 + pinned + 2;
            let free = room.checked_sub(sum + size);
            let fits = free.is_some_and(|free| free / holes >= size.max(largest) + 64);
            // Alone in a heap without anything pinned it fits whatever its size.
            if fits || (blocks.is_empty() && pinned == 0) {
                sum += size;
                largest = largest.max(size);
                return blocks.insert(unit);
            }
            false
        });
        slots.extend(blocks);
        slots
    }
}
