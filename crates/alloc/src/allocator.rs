use crate::bins::Bins;
use crate::nodes::{NONE, Nodes};
use crate::slots::{Holds, Slots};
use crate::{AllocError, Handle, PinError, Range, StaleHandle, Stats};

/// Holes looked at in the typical path before the search gives up on a tight fit.
const HOLES_SCANNED_MAX: usize = 24;
/// Holes looked at in one bin for a tighter fit.
const HOLES_PER_BIN_MAX: usize = 16;

/// Hands out ranges of an arena that it never touches: offsets only, so the arena may be RAM, a
/// GPU heap or a file.
///
/// Sizes are rounded up to the granule. The search is a good fit: a bounded look at the tightest
/// bins, then a bin where everything fits; only when neither has the room, every hole that might
/// have it is looked at, so that no request is refused that a hole can hold. Freed ranges merge
/// with their neighbours at once. Everything it does follows from the calls alone, bit by bit.
#[derive(Clone, Debug)]
pub struct RangeAllocator {
    pub(crate) nodes: Nodes,
    pub(crate) slots: Slots,
    pub(crate) bins: Bins,
    pub(crate) stats: Stats,
    pub(crate) granule: u64,
    /// Where the next defragmentation pass goes on, downwards; `NONE` for the top.
    pub(crate) cursor: u32,
}

impl RangeAllocator {
    /// Unit of sizes and offsets that [`new`](Self::new) takes, in bytes: two blocks never share
    /// a cache line.
    pub const GRANULE: u64 = 64;

    /// An allocator over `capacity` bytes, all free, with a granule of 64 bytes. Of a capacity
    /// that is no multiple of the granule the rest is left out.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with_granule(capacity, Self::GRANULE)
    }

    /// As [`new`](Self::new), with a granule in bytes, which is rounded up to a power of two from
    /// 1 to 2³². A granule of 1 loses nothing to rounding but leaves splinters; a large one has
    /// fewer, larger holes.
    #[must_use]
    pub fn with_granule(capacity: u64, granule: u64) -> Self {
        let granule = granule.clamp(1, 1 << 32).next_power_of_two();
        let capacity = capacity & !(granule - 1);
        let mut allocator = Self {
            nodes: Nodes::new(),
            slots: Slots::new(),
            bins: Bins::new(granule.trailing_zeros()),
            stats: Stats { capacity, free: capacity, ..Stats::default() },
            granule,
            cursor: NONE,
        };
        if capacity > 0 {
            allocator.add_hole(Range::new(0, capacity), NONE);
        }
        allocator
    }

    /// Reserves `size` bytes whose offset is a multiple of `align`.
    ///
    /// # Errors
    /// [`AllocError`], with the numbers needed to act; the allocator is as it was before, but for
    /// [`Stats::refused`].
    pub fn allocate(&mut self, size: u64, align: u64) -> Result<Handle, AllocError> {
        if size == 0 {
            return Err(AllocError::ZeroSize);
        }
        if !align.is_power_of_two() {
            return Err(AllocError::BadAlignment { align });
        }
        let capacity = self.stats.capacity;
        if size > capacity {
            return Err(AllocError::TooLarge { requested: size, capacity });
        }
        if !self.has_room_in_tables() {
            return Err(AllocError::TooManyBlocks { blocks: self.stats.blocks });
        }
        let rounded = self.round(size);
        let Some((hole, offset)) = self.find(rounded, align) else {
            self.stats.refused += u64::from(rounded <= self.stats.free);
            return Err(AllocError::OutOfSpace {
                requested: size,
                align,
                largest_free: self.largest_free(),
                total_free: self.stats.free,
            });
        };
        self.stats.blocks += 1;
        Ok(self.hold(hole, offset, size, align, Holds::Block))
    }

    /// Whether [`allocate`](Self::allocate) would succeed now.
    #[must_use]
    pub fn fits(&self, size: u64, align: u64) -> bool {
        size > 0
            && align.is_power_of_two()
            && size <= self.stats.capacity
            && self.has_room_in_tables()
            && self.find(self.round(size), align).is_some()
    }

    /// Gives a block back, or a range that a moved block has left, and returns where it was.
    /// Pins do not hinder it. If a move of the block is planned, its destination stays reserved
    /// until the move is committed (which then fails) or aborted.
    ///
    /// # Errors
    /// [`StaleHandle`] if it was freed before; nothing has changed then.
    pub fn free(&mut self, handle: Handle) -> Result<Range, StaleHandle> {
        let slot = *self.slots.find(handle)?;
        let range = Range::new(self.nodes[slot.node].offset, slot.requested);
        if slot.holds == Holds::Vacated {
            self.stats.vacated -= self.nodes[slot.node].size;
        } else {
            self.stats.blocks -= 1;
            self.stats.pinned -= u32::from(slot.pins > 0);
        }
        self.release(handle.index);
        Ok(range)
    }

    /// Where a block is now: its bytes as asked for, without the rounding. `None` for a stale
    /// handle.
    #[must_use]
    pub fn range(&self, handle: Handle) -> Option<Range> {
        let slot = self.slots.find(handle).ok()?;
        Some(Range::new(self.nodes[slot.node].offset, slot.requested))
    }

    /// Keeps a block where it is until it is unpinned as often as it was pinned.
    ///
    /// # Errors
    /// [`PinError`] if the handle is stale or the count is full.
    pub fn pin(&mut self, handle: Handle) -> Result<(), PinError> {
        self.set_pins(handle, |pins| pins.checked_add(1).ok_or(PinError::TooManyPins))
    }

    /// Takes one pin off.
    ///
    /// # Errors
    /// [`PinError`] if the handle is stale or the block has no pin.
    pub fn unpin(&mut self, handle: Handle) -> Result<(), PinError> {
        self.set_pins(handle, |pins| pins.checked_sub(1).ok_or(PinError::NotPinned))
    }

    /// Counters of this moment. Constant time but for the largest hole, which is looked for in
    /// the bin of the largest ones.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { largest_free: self.largest_free(), ..self.stats }
    }

    /// The granule in bytes.
    #[must_use]
    pub const fn granule(&self) -> u64 {
        self.granule
    }

    fn set_pins(
        &mut self,
        handle: Handle,
        change: impl FnOnce(u32) -> Result<u32, PinError>,
    ) -> Result<(), PinError> {
        let slot = self.slots.find(handle).map_err(|_| PinError::StaleHandle)?;
        let (before, is_block) = (slot.pins, slot.holds != Holds::Vacated);
        let after = change(before)?;
        self.slots[handle.index].pins = after;
        if is_block {
            self.stats.pinned += u32::from(before == 0);
            self.stats.pinned -= u32::from(after == 0);
        }
        Ok(())
    }

    fn round(&self, size: u64) -> u64 {
        size.next_multiple_of(self.granule)
    }

    fn largest_free(&self) -> u64 {
        let Some(bin) = self.bins.last_occupied() else { return 0 };
        self.bins.holes(&self.nodes, bin).map(|hole| self.nodes[hole].size).max().unwrap_or(0)
    }

    /// Room for one more slot, and for what carving a hole leaves before and behind it.
    pub(crate) fn has_room_in_tables(&self) -> bool {
        self.slots.has_room() && self.nodes.has_room_for(2)
    }

    /// A hole for `size` bytes, and the offset in it.
    fn find(&self, size: u64, align: u64) -> Option<(u32, u64)> {
        let first = self.bins.bin_of(size);
        // Holes of this size fit wherever they begin.
        let certain = size.checked_add(align.saturating_sub(self.granule));
        let certain = certain.map_or(u32::MAX - 1, |size| self.bins.bin_of(size));

        let mut left = HOLES_SCANNED_MAX;
        let mut bin = self.bins.occupied_from(first);
        while let Some(here) = bin.filter(|_| left > 0) {
            let tried = left.min(HOLES_PER_BIN_MAX);
            let holes = self.bins.holes(&self.nodes, here).take(tried);
            if let Some(found) = self.tightest(holes, size, align) {
                return Some(found);
            }
            left -= tried;
            bin = self.bins.occupied_from(here + 1);
        }
        if let Some(here) = self.bins.occupied_from(certain + 1) {
            let holes = self.bins.holes(&self.nodes, here).take(1);
            return self.tightest(holes, size, align);
        }
        let mut bin = self.bins.occupied_from(first);
        while let Some(here) = bin.filter(|&here| here <= certain) {
            if let Some(found) = self.tightest(self.bins.holes(&self.nodes, here), size, align) {
                return Some(found);
            }
            bin = self.bins.occupied_from(here + 1);
        }
        None
    }

    /// Of these holes the smallest that fits, the lowest among equals.
    fn tightest(
        &self,
        holes: impl Iterator<Item = u32>,
        size: u64,
        align: u64,
    ) -> Option<(u32, u64)> {
        holes
            .filter_map(|hole| Some((hole, self.place(hole, size, align)?)))
            .min_by_key(|&(hole, _)| (self.nodes[hole].size, self.nodes[hole].offset))
    }

    /// Where in a hole an aligned block would begin, if it fits.
    pub(crate) fn place(&self, hole: u32, size: u64, align: u64) -> Option<u64> {
        let hole = &self.nodes[hole];
        let offset = hole.offset.checked_next_multiple_of(align)?;
        (offset.checked_add(size)? <= hole.end()).then_some(offset)
    }

    /// Turns a part of a hole into a held range; what is left on either side stays a hole.
    pub(crate) fn hold(
        &mut self,
        hole: u32,
        offset: u64,
        requested: u64,
        align: u64,
        holds: Holds,
    ) -> Handle {
        let size = self.round(requested);
        self.bins.remove(&mut self.nodes, hole);
        self.stats.holes -= 1;
        let (start, end) = (self.nodes[hole].offset, self.nodes[hole].end());
        if start < offset {
            self.add_hole(Range::new(start, offset - start), self.nodes[hole].prev);
        }
        if offset + size < end {
            self.add_hole(Range::new(offset + size, end - offset - size), hole);
        }
        self.nodes[hole].offset = offset;
        self.nodes[hole].size = size;
        let handle = self.slots.insert(hole, requested, align, holds);
        self.nodes[hole].slot = handle.index;
        self.stats.used += size;
        self.stats.free -= size;
        self.stats.requested += requested;
        self.stats.peak_used = self.stats.peak_used.max(self.stats.used);
        handle
    }

    /// Turns what a slot holds into a hole, merged with the holes beside it.
    pub(crate) fn release(&mut self, slot: u32) {
        let node = self.slots[slot].node;
        let size = self.nodes[node].size;
        self.stats.used -= size;
        self.stats.free += size;
        self.stats.requested -= self.slots[slot].requested;
        self.slots.remove(slot);
        self.nodes[node].slot = NONE;
        for neighbour in [self.nodes[node].prev, self.nodes[node].next] {
            if neighbour != NONE && self.nodes[neighbour].is_hole() {
                self.absorb(node, neighbour);
            }
        }
        self.bins.insert(&mut self.nodes, node);
        self.stats.holes += 1;
    }

    /// Merges a hole into a new hole beside it.
    fn absorb(&mut self, node: u32, hole: u32) {
        self.bins.remove(&mut self.nodes, hole);
        self.stats.holes -= 1;
        self.nodes[node].offset = self.nodes[node].offset.min(self.nodes[hole].offset);
        self.nodes[node].size += self.nodes[hole].size;
        self.nodes.remove(hole);
        if self.cursor == hole {
            self.cursor = node;
        }
    }

    fn add_hole(&mut self, range: Range, behind: u32) {
        let hole = self.nodes.insert_hole(range, behind);
        self.bins.insert(&mut self.nodes, hole);
        self.stats.holes += 1;
    }
}
