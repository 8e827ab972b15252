use crate::bins::Bins;
use crate::nodes::{Held, Holds, NO_ROOM, NONE, Nodes, Use};
use crate::resize::Shrink;
use crate::rooms::{RoomState, Tenant};
#[cfg(feature = "serde")]
use crate::state::State;
use crate::windows::Visit;
use crate::{AllocError, Handle, PinError, Range, StaleHandle, Stats};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Holes looked at for one with room at a stricter alignment than the granule, before the search
/// gives up on a tight fit.
const HOLES_ALIGNED_MAX: usize = 24;

/// Hands out ranges of an arena that it never touches: offsets only, so the arena may be RAM, a
/// GPU heap or a file.
///
/// Sizes are rounded up to the granule, and each request gets the smallest hole that holds it.
/// Finding that takes a constant number of steps whatever the number of holes (the bins are tries
/// of bounded depth), so no request is refused that a hole can hold. Freed ranges merge with their
/// neighbours at once. Everything it does follows from the calls alone, bit by bit.
///
/// An alignment stricter than the granule costs more: up to 24 holes are looked at for a tight fit,
/// then one is taken that fits wherever it begins, and only if there is none, every hole is
/// looked at whose size leaves the answer open. Where all blocks want such an alignment, make it
/// the granule.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "State", into = "State"))]
pub struct RangeAllocator {
    pub(crate) nodes: Nodes,
    pub(crate) bins: Bins,
    pub(crate) stats: Stats,
    pub(crate) granule_log2: u32,
    /// Where the next defragmentation pass goes on, downwards; `NONE` for the top.
    pub(crate) cursor: u32,
    /// By number, from 1 on.
    pub(crate) rooms: Vec<RoomState>,
    pub(crate) shrink: Option<Shrink>,
    /// Memory that the planner uses again.
    pub(crate) visited: VecDeque<Visit>,
    pub(crate) tenants: Vec<Tenant>,
}

/// How an allocator is set up: [`RangeAllocator::with_options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Unit of sizes and offsets in bytes, rounded up to a power of two from 1 to 2³². A granule
    /// of 1 loses nothing to rounding but leaves splinters; a large one has fewer, larger holes.
    /// It is raised until the capacity has fewer than 2³² granules: 64, the default, serves
    /// 256 GiB.
    pub granule: u64,
    /// Handles carry it, so that those of two allocators with different salts are never taken for
    /// each other: each refuses the other's as stale. Between allocators of equal salt (0 by
    /// default) nothing is promised.
    pub salt: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self { granule: RangeAllocator::GRANULE, salt: 0 }
    }
}

impl RangeAllocator {
    /// Unit of sizes and offsets that [`new`](Self::new) takes, in bytes: two blocks never share
    /// a cache line.
    pub const GRANULE: u64 = 64;

    /// An allocator over `capacity` bytes, all free, with a granule of 64 bytes. Of a capacity
    /// that is no multiple of the granule the rest is left out.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with_options(capacity, Options::default())
    }

    /// As [`new`](Self::new), with a granule in bytes: [`Options::granule`].
    #[must_use]
    pub fn with_granule(capacity: u64, granule: u64) -> Self {
        Self::with_options(capacity, Options { granule, ..Options::default() })
    }

    /// As [`new`](Self::new), with options.
    #[must_use]
    pub fn with_options(capacity: u64, options: Options) -> Self {
        let granule = options.granule.clamp(1, 1 << 32).next_power_of_two();
        let mut granule_log2 = granule.trailing_zeros();
        while capacity >> granule_log2 > u64::from(u32::MAX) {
            granule_log2 += 1;
        }
        let granules = (capacity >> granule_log2) as u32;
        let capacity = u64::from(granules) << granule_log2;
        let mut allocator = Self {
            nodes: Nodes::new(options.salt),
            bins: Bins::new(),
            stats: Stats { capacity, free: capacity, ..Stats::default() },
            granule_log2,
            cursor: NONE,
            rooms: Vec::new(),
            shrink: None,
            visited: VecDeque::new(),
            tenants: Vec::new(),
        };
        if granules > 0 {
            allocator.add_hole(0, granules, NONE);
        }
        allocator
    }

    /// Reserves `size` bytes whose offset is a multiple of `align`. A block of no bytes and one
    /// larger than the whole arena are errors of their own.
    ///
    /// # Errors
    /// [`AllocError`], with the numbers needed to act; the allocator is as it was before, but for
    /// [`Stats::refused`].
    pub fn allocate(&mut self, size: u64, align: u64) -> Result<Handle, AllocError> {
        let rounded = self.check_request(size, align)?;
        if !self.has_room_in_tables() {
            return Err(AllocError::TooManyBlocks { blocks: self.stats.blocks });
        }
        let Some((hole, offset)) = self.find(rounded, align) else {
            self.stats.refused += u64::from(self.bytes(rounded) <= self.stats.free);
            return Err(self.out_of_space(size, align));
        };
        self.stats.blocks += 1;
        self.hold(hole, offset, size, align, Holds::Block);
        self.note_peak();
        Ok(self.nodes.handle(hole))
    }

    /// Whether [`allocate`](Self::allocate) would succeed now.
    #[must_use]
    pub fn fits(&self, size: u64, align: u64) -> bool {
        let rounded = self.check_request(size, align);
        rounded.is_ok_and(|size| self.has_room_in_tables() && self.find(size, align).is_some())
    }

    /// Gives a block back, or a range that a moved block has left, and returns where it was.
    /// Pins do not hinder it. If a move of the block is planned, its destination stays reserved
    /// until the move is committed (which then fails) or aborted.
    ///
    /// # Errors
    /// [`StaleHandle`] if it was freed before; nothing has changed then.
    pub fn free(&mut self, handle: Handle) -> Result<Range, StaleHandle> {
        let held = *self.nodes.find(handle)?;
        let range = self.requested(handle.index, &held);
        match held.holds {
            Holds::Vacated => self.stats.vacated -= self.bytes(self.nodes[handle.index].size),
            Holds::Block | Holds::MovingBlock => {
                self.stats.blocks -= 1;
                self.stats.pinned -= u32::from(held.pins > 0);
                if held.holds == Holds::MovingBlock
                    && let Some(destination) = self.nodes[held.partner].held_mut()
                {
                    destination.partner = NONE;
                }
            }
            // Nobody is given the handle of one of these.
            Holds::Destination | Holds::Room => return Err(StaleHandle),
        }
        self.release(handle.index);
        Ok(range)
    }

    /// Where a block is now: its bytes as asked for, without the rounding. `None` for a stale
    /// handle.
    #[must_use]
    pub fn range(&self, handle: Handle) -> Option<Range> {
        let held = self.nodes.find(handle).ok()?;
        Some(self.requested(handle.index, held))
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

    /// Counters of this moment, in constant time: the largest hole is found along one way down a
    /// trie of at most 25 levels.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { largest_free: self.largest_free(), ..self.stats }
    }

    /// The granule in bytes.
    #[must_use]
    pub const fn granule(&self) -> u64 {
        1 << self.granule_log2
    }

    /// The salt of this allocator's handles.
    #[must_use]
    pub const fn salt(&self) -> u8 {
        self.nodes.salt
    }

    fn set_pins(
        &mut self,
        handle: Handle,
        change: impl FnOnce(u32) -> Result<u32, PinError>,
    ) -> Result<(), PinError> {
        let held = self.nodes.find(handle).map_err(|_| PinError::StaleHandle)?;
        let (before, is_block) = (held.pins, held.holds != Holds::Vacated);
        let after = change(before)?;
        if let Some(held) = self.nodes[handle.index].held_mut() {
            held.pins = after;
        }
        if is_block {
            self.stats.pinned += u32::from(before == 0);
            self.stats.pinned -= u32::from(after == 0);
        }
        Ok(())
    }

    /// The granules of a request that makes sense.
    pub(crate) fn check_request(&self, size: u64, align: u64) -> Result<u32, AllocError> {
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
        Ok(self.granules(size))
    }

    #[cold]
    pub(crate) fn out_of_space(&self, requested: u64, align: u64) -> AllocError {
        let (largest_free, total_free) = (self.largest_free(), self.stats.free);
        AllocError::OutOfSpace { requested, align, largest_free, total_free }
    }

    /// Bytes of so many granules.
    pub(crate) const fn bytes(&self, granules: u32) -> u64 {
        (granules as u64) << self.granule_log2
    }

    /// Granules of so many bytes of this arena, rounded up.
    pub(crate) const fn granules(&self, bytes: u64) -> u32 {
        ((bytes + (self.granule() - 1)) >> self.granule_log2) as u32
    }

    /// The bytes of a held stretch as asked for.
    pub(crate) fn requested(&self, node: u32, held: &Held) -> Range {
        let node = &self.nodes[node];
        Range::new(self.bytes(node.offset), self.bytes(node.size) - u64::from(held.slack))
    }

    pub(crate) fn largest_free(&self) -> u64 {
        self.bytes(self.bins.largest(&self.nodes))
    }

    /// Room for a block, and for what carving a hole leaves before and behind it.
    pub(crate) fn has_room_in_tables(&self) -> bool {
        // And for a node in place of one whose generations are spent, for each of these.
        self.nodes.has_room_for(6)
    }

    /// A hole for `size` granules, and the offset in it.
    #[inline]
    pub(crate) fn find(&self, size: u32, align: u64) -> Option<(u32, u32)> {
        if align >> self.granule_log2 > 1 {
            return self.find_aligned(size, align);
        }
        let hole = self.bins.best_fit(&self.nodes, size)?;
        Some((hole, self.nodes[hole].offset))
    }

    fn find_aligned(&self, size: u32, align: u64) -> Option<(u32, u32)> {
        // Holes of this size fit wherever they begin.
        let certain = u64::from(size) + (align >> self.granule_log2) - 1;
        let certain = u32::try_from(certain).unwrap_or(u32::MAX);
        let open = || self.bins.holes(&self.nodes, size, certain);
        let sure = || {
            let hole = self.bins.best_fit(&self.nodes, certain)?;
            Some((hole, self.place(hole, size, align)?))
        };
        self.tightest(open().take(HOLES_ALIGNED_MAX), size, align)
            .or_else(sure)
            .or_else(|| self.tightest(open(), size, align))
    }

    /// Of these holes the smallest that fits, the lowest among equals.
    pub(crate) fn tightest(
        &self,
        holes: impl Iterator<Item = u32>,
        size: u32,
        align: u64,
    ) -> Option<(u32, u32)> {
        holes
            .filter_map(|hole| Some((hole, self.place(hole, size, align)?)))
            .min_by_key(|&(hole, _)| (self.nodes[hole].size, self.nodes[hole].offset))
    }

    /// Where in a stretch an aligned block would begin, if it fits.
    pub(crate) fn place(&self, node: u32, size: u32, align: u64) -> Option<u32> {
        let node = &self.nodes[node];
        self.place_within(node.offset, node.end(), size, align)
    }

    /// Where from `start` on an aligned block would begin, if it ends by `end`.
    pub(crate) fn place_within(&self, start: u32, end: u32, size: u32, align: u64) -> Option<u32> {
        let offset = self.bytes(start).checked_next_multiple_of(align)? >> self.granule_log2;
        (offset + u64::from(size) <= u64::from(end)).then_some(offset as u32)
    }

    /// Turns a part of a hole into a held stretch, which keeps the hole's index; what is left on
    /// either side stays a hole.
    #[inline]
    pub(crate) fn hold(
        &mut self,
        hole: u32,
        offset: u32,
        requested: u64,
        align: u64,
        holds: Holds,
    ) {
        self.take_hole(hole);
        let size = self.granules(requested);
        let (start, end, below) =
            (self.nodes[hole].offset, self.nodes[hole].end(), self.nodes[hole].prev);
        if start < offset {
            self.add_hole(start, offset - start, below);
        }
        if offset + size < end {
            self.add_hole(offset + size, end - offset - size, hole);
        }
        let bytes = self.bytes(size);
        let slack = (bytes - requested) as u32;
        let align_log2 = align.trailing_zeros() as u8;
        let held = Held { holds, align_log2, room: NO_ROOM, pins: 0, slack, partner: NONE };
        let node = &mut self.nodes[hole];
        node.offset = offset;
        node.size = size;
        node.part = Use::Held(held);
        self.stats.used += bytes;
        self.stats.free -= bytes;
        self.stats.requested += requested;
    }

    /// Ends what a stretch holds and makes its handle stale: it becomes a hole, or a part of the
    /// room that it lies in.
    #[inline]
    pub(crate) fn release(&mut self, node: u32) {
        let bytes = self.bytes(self.nodes[node].size);
        let (slack, room) = self.nodes[node].held().map_or((0, NO_ROOM), |h| (h.slack, h.room));
        let old = node;
        let node = self.nodes.expire(old);
        self.cursors_replaced(old, node);
        if room != NO_ROOM {
            self.room_node_replaced(room, old, node);
            self.stats.requested += u64::from(slack);
            self.mark_room(node, room);
            self.merge_in_room(node, room);
            return;
        }
        self.stats.used -= bytes;
        self.stats.free += bytes;
        self.stats.requested -= bytes - u64::from(slack);
        self.free_stretch(node);
    }

    /// Makes a stretch a hole, merged with the holes beside it.
    #[inline]
    pub(crate) fn free_stretch(&mut self, node: u32) {
        for neighbour in [self.nodes[node].prev, self.nodes[node].next] {
            if neighbour != NONE && self.nodes[neighbour].is_hole() {
                self.take_hole(neighbour);
                self.absorb(node, neighbour);
            }
        }
        self.put_hole(node);
    }

    /// Gives a stretch the bytes of the one beside it, which is in no bin and ceases to be.
    #[inline]
    pub(crate) fn absorb(&mut self, node: u32, neighbour: u32) {
        self.nodes[node].offset = self.nodes[node].offset.min(self.nodes[neighbour].offset);
        self.nodes[node].size += self.nodes[neighbour].size;
        self.nodes.remove(neighbour);
        self.cursors_replaced(neighbour, node);
    }

    /// Lets passes that would go on at a node that is no longer there go on at another.
    pub(crate) fn cursors_replaced(&mut self, old: u32, new: u32) {
        if self.cursor == old {
            self.cursor = new;
        }
        if let Some(shrink) = &mut self.shrink
            && shrink.cursor == old
        {
            shrink.cursor = new;
        }
    }

    #[inline]
    pub(crate) fn add_hole(&mut self, offset: u32, size: u32, behind: u32) {
        let hole = self.nodes.insert(offset, size, behind);
        self.put_hole(hole);
    }

    /// Enters a stretch in the bins.
    #[inline]
    pub(crate) fn put_hole(&mut self, node: u32) {
        self.bins.insert(&mut self.nodes, node);
        self.stats.holes += 1;
    }

    /// Takes a hole out of the bins.
    #[inline]
    pub(crate) fn take_hole(&mut self, hole: u32) {
        self.bins.remove(&mut self.nodes, hole);
        self.stats.holes -= 1;
    }

    pub(crate) fn note_peak(&mut self) {
        self.stats.peak_used = self.stats.peak_used.max(self.stats.used);
    }
}
