//! What many engines do: best fit, and blocks slid down towards the bottom of the arena, so many bytes a
//! frame.

use super::strategies::{Counts, Strategy};
use super::trace::{ARENA_UNITS, UNIT_BYTES};
use std::collections::{BTreeMap, BTreeSet};

/// Best fit in ordered maps, with blocks that slide over themselves.
pub struct Sliding {
    bytes_max: u64,
    /// Size and slot by first unit.
    blocks: BTreeMap<u32, (u32, u32)>,
    /// First unit by slot.
    places: Vec<Option<u32>>,
    /// Size by first unit.
    holes: BTreeMap<u32, u32>,
    /// Size and first unit.
    sizes: BTreeSet<(u32, u32)>,
    free: u64,
    counts: Counts,
}

impl Sliding {
    /// All free.
    pub fn new(bytes_max: u64, slots: usize) -> Self {
        let mut sliding = Self {
            bytes_max,
            blocks: BTreeMap::new(),
            places: vec![None; slots],
            holes: BTreeMap::new(),
            sizes: BTreeSet::new(),
            free: 0,
            counts: Counts::default(),
        };
        sliding.add_hole(0, ARENA_UNITS);
        sliding
    }

    /// A hole, merged with those beside it.
    fn add_hole(&mut self, mut start: u32, mut size: u32) {
        if let Some((&before, &length)) = self.holes.range(..start).next_back()
            && before + length == start
        {
            self.remove_hole(before, length);
            (start, size) = (before, size + length);
        }
        if let Some(&length) = self.holes.get(&(start + size)) {
            self.remove_hole(start + size, length);
            size += length;
        }
        self.holes.insert(start, size);
        self.sizes.insert((size, start));
        self.free += u64::from(size);
    }

    fn remove_hole(&mut self, start: u32, size: u32) {
        self.holes.remove(&start);
        self.sizes.remove(&(size, start));
        self.free -= u64::from(size);
    }

    fn put(&mut self, slot: u32, start: u32, units: u32) {
        self.blocks.insert(start, (units, slot));
        self.places[slot as usize] = Some(start);
    }
}

impl Strategy for Sliding {
    fn allocate(&mut self, slot: u32, units: u32, _now: u64) {
        let Some(&(size, start)) = self.sizes.range((units, 0)..).next() else {
            self.counts.refused_bytes += u64::from(units) * UNIT_BYTES;
            return;
        };
        self.remove_hole(start, size);
        if size > units {
            self.add_hole(start + units, size - units);
        }
        self.put(slot, start, units);
    }

    fn free(&mut self, slot: u32) {
        let Some(start) = self.places[slot as usize].take() else { return };
        if let Some((units, _)) = self.blocks.remove(&start) {
            self.add_hole(start, units);
        }
    }

    /// The block above the lowest hole slides down into it, again and again.
    fn end_frame(&mut self) {
        while let Some((&hole, &size)) = self.holes.first_key_value()
            && let Some(&(units, slot)) = self.blocks.get(&(hole + size))
        {
            let bytes = u64::from(units) * UNIT_BYTES;
            if self.counts.moved_frame_bytes + bytes > self.bytes_max {
                break;
            }
            self.counts.moved(bytes);
            self.remove_hole(hole, size);
            self.blocks.remove(&(hole + size));
            self.put(slot, hole, units);
            self.add_hole(hole + units, size);
        }
        self.counts.moved_frame_bytes = 0;
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    fn fragmentation(&self) -> f64 {
        let largest = self.sizes.last().map_or(0, |&(size, _)| size);
        if self.free == 0 { 0.0 } else { 1.0 - f64::from(largest) / self.free as f64 }
    }

    fn occupancy(&self) -> f64 {
        1.0 - self.free as f64 / f64::from(ARENA_UNITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_slide_down_in_order_and_no_further_than_the_frame_allows() {
        let mut sliding = Sliding::new(30 * UNIT_BYTES, 4);
        for (slot, units) in [(0, 10), (1, 20), (2, 20), (3, 5)] {
            sliding.allocate(slot, units, 0);
        }
        sliding.free(0);
        sliding.end_frame();
        assert_eq!(sliding.places, [None, Some(0), Some(30), Some(50)]);
        sliding.end_frame();
        assert_eq!(sliding.places, [None, Some(0), Some(20), Some(40)]);
        assert_eq!(sliding.counts.moved_bytes, 45 * UNIT_BYTES);
        assert_eq!(sliding.holes.iter().collect::<Vec<_>>(), [(&45, &(ARENA_UNITS - 45))]);
        assert_eq!((sliding.free, sliding.fragmentation()), (u64::from(ARENA_UNITS - 45), 0.0));
    }

    #[test]
    fn the_smallest_hole_that_fits_is_taken_and_what_fits_none_is_refused() {
        let mut sliding = Sliding::new(0, 5);
        for (slot, units) in [(0, 30), (1, 1), (2, 20), (3, ARENA_UNITS - 51)] {
            sliding.allocate(slot, units, 0);
        }
        sliding.free(0);
        sliding.free(2);
        sliding.allocate(4, 15, 0);
        assert_eq!(sliding.places[4], Some(31));
        sliding.allocate(2, 31, 0);
        assert_eq!((sliding.places[2], sliding.counts.refused_bytes), (None, 31 * UNIT_BYTES));
    }
}
