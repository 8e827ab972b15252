//! An arena that becomes larger or smaller while its blocks live.

use crate::nodes::{Holds, NO_ROOM, NONE, Node};
use crate::rooms::{RoomState, Steps};
use crate::{ClaimError, Handle, NODES_PER_PASS_MAX, PassLimits, RangeAllocator, ResizeError};

/// A shrink under way.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Shrink {
    /// The room that the end of the arena is.
    pub number: u8,
    /// Granules that will be left.
    pub granules: u32,
    /// Where the next pass goes on, downwards; `NONE` for the top.
    pub cursor: u32,
}

/// What a pass of a shrink planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShrinkPass {
    /// Bytes to copy.
    pub bytes: u64,
    /// Sum of the prices of the blocks to evict.
    pub price: u64,
    /// Blocks that the pass came to and that can neither be moved now nor are offered.
    pub stuck: u32,
    /// Whether the pass came to the new end: the next begins at the top again.
    pub complete: bool,
}

impl RangeAllocator {
    /// Adds room behind the end, all of it free at once; blocks stay as they are. Of a capacity
    /// that is no multiple of the granule the rest is left out.
    ///
    /// # Errors
    /// [`ResizeError`]: not larger than it is, more than the granule can count, or a shrink has
    /// begun. Nothing has changed then.
    pub fn grow(&mut self, capacity: u64) -> Result<(), ResizeError> {
        self.check_no_shrink()?;
        let old = (self.stats.capacity >> self.granule_log2) as u32;
        let new = u32::try_from(capacity >> self.granule_log2).ok();
        let Some(new) = new.filter(|_| self.has_room_in_tables()) else {
            let capacity_max = self.bytes(u32::MAX);
            return Err(ResizeError::TooLarge { requested: capacity, capacity_max });
        };
        if new <= old {
            let (requested, capacity) = (capacity, self.stats.capacity);
            return Err(ResizeError::WrongWay { requested, capacity });
        }
        let node = self.nodes.insert(old, new - old, self.nodes.last);
        self.free_stretch(node);
        self.stats.capacity = self.bytes(new);
        self.stats.free += self.bytes(new - old);
        Ok(())
    }

    /// Begins to make the arena smaller: from now on nothing new is placed above the new end.
    /// Then [`plan_shrink`](Self::plan_shrink) empties what lies there, over as many frames as it
    /// takes, and [`finish_shrink`](Self::finish_shrink) makes it true.
    /// [`Stats::capacity`](crate::Stats::capacity) stays until then, and what is empty above the
    /// new end counts as reserved. A block across the new end has to go too.
    ///
    /// # Errors
    /// [`ResizeError`]: not smaller than it is, another shrink has begun, or a room is planned
    /// above the new end. Nothing has changed then.
    pub fn begin_shrink(&mut self, capacity: u64) -> Result<(), ResizeError> {
        self.check_no_shrink()?;
        let granules = capacity >> self.granule_log2;
        if granules << self.granule_log2 >= self.stats.capacity {
            let (requested, capacity) = (capacity, self.stats.capacity);
            return Err(ResizeError::WrongWay { requested, capacity });
        }
        let granules = granules as u32;
        // The stretch that the new end lies in, or begins with.
        let mut first = self.nodes.last;
        let mut rooms = self.in_room(first);
        while self.nodes[first].offset > granules {
            first = self.nodes[first].prev;
            rooms |= self.in_room(first);
        }
        let number = if rooms || !self.has_room_in_tables() { None } else { self.unused_room() };
        let number = number.ok_or(ResizeError::Rooms { rooms: self.rooms() })?;
        let Node { offset, size, .. } = self.nodes[first];
        if self.nodes[first].is_hole() && offset < granules {
            // Of a hole across the new end the part below stays.
            self.take_hole(first);
            self.nodes[first].size = granules - offset;
            self.put_hole(first);
            first = self.nodes.insert(granules, size - (granules - offset), first);
            self.put_hole(first);
        }
        let bounds = (self.nodes[first].offset, self.nodes[self.nodes.last].end());
        self.enter_room(number, 0, first, bounds);
        self.shrink = Some(Shrink { number, granules, cursor: NONE });
        let mut node = first;
        while node != NONE {
            let next = self.nodes[node].next;
            if self.nodes[node].is_hole() {
                self.take_hole(node);
                self.keep(node, number);
            } else if let Some(held) = self.nodes[node].held_mut() {
                held.room = number;
            }
            node = next;
        }
        self.note_peak();
        Ok(())
    }

    /// Plans the next moves and evictions of a shrink, from the top downwards; see
    /// [`plan_room`](Self::plan_room) for prices and steps. Blocks that are to be evicted are
    /// listed again by later passes until they are freed; pinned ones are passed over. The work
    /// is bounded by [`NODES_PER_PASS_MAX`] whatever the limits.
    ///
    /// # Errors
    /// [`ResizeError::NotShrinking`].
    pub fn plan_shrink(
        &mut self,
        limits: PassLimits,
        mut price: impl FnMut(Handle, u64) -> Option<u64>,
        steps: &mut Steps,
    ) -> Result<ShrinkPass, ResizeError> {
        steps.clear();
        let shrink = self.shrink.ok_or(ResizeError::NotShrinking)?;
        let start = self.state_mut(shrink.number).start;
        let mut pass = ShrinkPass::default();
        let mut node = if shrink.cursor == NONE { self.nodes.last } else { shrink.cursor };
        for _ in 0..NODES_PER_PASS_MAX {
            let below = self.nodes[node].prev;
            if let Some(held) = self.nodes[node].held().filter(|held| held.holds == Holds::Block) {
                let bytes = self.requested(node, held).size;
                let pinned = held.pins > 0;
                let price = price(self.nodes.handle(node), bytes);
                let may_move = !pinned
                    && bytes <= limits.bytes_max - pass.bytes
                    && steps.moves.len() < limits.moves_max
                    && price.is_none_or(|price| price > bytes);
                if may_move && let Some(planned) = self.move_elsewhere(node) {
                    pass.bytes += bytes;
                    self.state_mut(shrink.number).destinations.push(planned.destination);
                    steps.moves.push(planned);
                } else if let Some(price) = price.filter(|_| !pinned) {
                    pass.price = pass.price.saturating_add(price);
                    steps.evictions.push(self.nodes.handle(node));
                } else {
                    pass.stuck += 1;
                }
            }
            pass.complete = self.nodes[node].offset <= start;
            node = if pass.complete { NONE } else { below };
            if pass.complete || steps.moves.len() >= limits.moves_max && limits.moves_max > 0 {
                break;
            }
        }
        self.shrink = Some(Shrink { cursor: node, ..shrink });
        self.note_peak();
        Ok(pass)
    }

    /// Makes a shrink true once nothing is left above the new end. Returns the capacity.
    ///
    /// # Errors
    /// [`ResizeError`]: no shrink has begun, or something still lies there (go on with
    /// [`plan_shrink`](Self::plan_shrink)).
    pub fn finish_shrink(&mut self) -> Result<u64, ResizeError> {
        let shrink = self.shrink.ok_or(ResizeError::NotShrinking)?;
        let RoomState { first, end, .. } = *self.state_mut(shrink.number);
        if self.nodes[first].end() < end || !self.is_reserved(first) {
            let ClaimError::NotEmpty { bytes, blocks, vacated } = self.not_empty(first, end) else {
                return Err(ResizeError::NotShrinking);
            };
            return Err(ResizeError::NotEmpty { bytes, blocks, vacated });
        }
        self.close_room(shrink.number);
        self.shrink = None;
        let (hole, capacity) = (self.release_reserved(first), self.bytes(shrink.granules));
        self.take_hole(hole);
        self.stats.free -= self.stats.capacity - capacity;
        self.stats.capacity = capacity;
        self.nodes[hole].size = shrink.granules - self.nodes[hole].offset;
        if self.nodes[hole].size > 0 {
            self.put_hole(hole);
        } else {
            self.cursors_replaced(hole, NONE);
            self.nodes.remove(hole);
        }
        Ok(capacity)
    }

    /// Gives a shrink up: the arena stays as large as it is; blocks that have moved stay where
    /// they are now, moves that are not yet answered are aborted.
    ///
    /// # Errors
    /// [`ResizeError::NotShrinking`].
    pub fn abandon_shrink(&mut self) -> Result<(), ResizeError> {
        let shrink = self.shrink.take().ok_or(ResizeError::NotShrinking)?;
        self.give_up(shrink.number);
        Ok(())
    }

    fn check_no_shrink(&self) -> Result<(), ResizeError> {
        self.shrink.map_or(Ok(()), |shrink| {
            Err(ResizeError::Shrinking { capacity: self.bytes(shrink.granules) })
        })
    }

    fn in_room(&self, node: u32) -> bool {
        self.nodes[node].held().is_some_and(|held| held.room != NO_ROOM)
    }
}
