//! Defragmentation in three steps, as in VulkanMemoryAllocator: plan, the owner copies, commit.
//!
//! A pass goes from the top of the arena downwards and gives each block the tightest hole below
//! it, where the room that the block leaves joins other room. It never moves a block only to
//! exchange it for a hole, and never upwards: the sum of all offsets falls with each move, so
//! passes without allocations between them come to an end. Destinations never overlap their
//! sources, since readers may still look at those: a hole smaller than the block above it is
//! therefore not closed by sliding.

use crate::nodes::NONE;
use crate::slots::Holds;
use crate::{Handle, MoveError, Range, RangeAllocator};
use alloc::vec::Vec;

/// Stretches of the arena that one pass looks at.
pub const NODES_PER_PASS_MAX: usize = 256;
/// Holes that a pass looks at for one block.
const HOLES_PER_BLOCK_MAX: usize = 32;

/// How much one defragmentation pass may plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassLimits {
    /// Bytes to copy, all moves together. A block that is larger is never moved; 0 plans nothing.
    pub bytes_max: u64,
    /// Moves; 0 plans nothing.
    pub moves_max: usize,
}

/// A planned move of one block. Its owner copies `from` to `to` and then calls
/// [`commit_move`](RangeAllocator::commit_move), or calls
/// [`abort_move`](RangeAllocator::abort_move); until then `to` stays reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The block.
    pub handle: Handle,
    /// Where it is.
    pub from: Range,
    /// Where it goes: lower, of the same size, never overlapping `from`.
    pub to: Range,
    destination: Handle,
}

/// What a pass did beside the moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Bytes to copy.
    pub bytes: u64,
    /// Whether the pass came to the bottom of the arena: with no moves planned since the last
    /// time that it did, nothing is left to do. The next pass begins at the top.
    pub complete: bool,
}

impl RangeAllocator {
    /// Fills `out` with the next moves that bring free room together, and reserves their
    /// destinations. Pinned blocks stay. The work is bounded by [`NODES_PER_PASS_MAX`] whatever
    /// the limits; a pass that ends there finding nothing is continued by the next one.
    ///
    /// Each move wants exactly one answer, [`commit_move`](Self::commit_move) or
    /// [`abort_move`](Self::abort_move), in this frame or later, in any order; allocating,
    /// freeing and pinning in between is fine.
    pub fn plan_moves(&mut self, limits: PassLimits, out: &mut Vec<Move>) -> Plan {
        out.clear();
        let mut plan = Plan::default();
        let mut visited = 0;
        let mut node = if self.cursor == NONE { self.nodes.last } else { self.cursor };
        if self.stats.holes == 0 {
            node = NONE;
        }
        while node != NONE && visited < NODES_PER_PASS_MAX && out.len() < limits.moves_max {
            if let Some(slot) = self.movable(node, limits.bytes_max) {
                if self.slots[slot].requested > limits.bytes_max - plan.bytes {
                    break;
                }
                if let Some(planned) = self.plan_move(slot) {
                    plan.bytes += planned.from.size;
                    out.push(planned);
                }
            }
            visited += 1;
            node = self.nodes[node].prev;
        }
        plan.complete = node == NONE;
        // Beginning at the top again closes holes there first; only a fruitless stretch is left
        // behind for good.
        self.cursor = if out.is_empty() && visited > 0 { node } else { NONE };
        plan
    }

    /// Makes a move true: [`range`](Self::range) of the block is `to` from now on. What it left
    /// stays held under the returned handle, so that readers who still look at it read what they
    /// expect, until the owner frees that handle.
    ///
    /// # Errors
    /// [`MoveError`]: the move is over, the block (if it lives) is where it was, the destination
    /// is released.
    pub fn commit_move(&mut self, planned: &Move) -> Result<Handle, MoveError> {
        let block = self.answer(planned)?;
        let destination = planned.destination.index;
        if block.is_none() || self.slots[planned.handle.index].pins > 0 {
            self.release_destination(destination);
            return Err(if block.is_none() { MoveError::StaleHandle } else { MoveError::Pinned });
        }
        let block = planned.handle.index;
        let (old, new) = (self.slots[block].node, self.slots[destination].node);
        self.slots[block].node = new;
        self.nodes[new].slot = block;
        self.slots[destination].node = old;
        self.nodes[old].slot = destination;
        self.slots[destination].holds = Holds::Vacated;
        self.stats.reserved -= self.nodes[new].size;
        self.stats.vacated += self.nodes[old].size;
        self.stats.moved += planned.from.size;
        Ok(planned.destination)
    }

    /// Gives a move up: the block stays and the destination is released.
    ///
    /// # Errors
    /// [`MoveError::UnknownMove`] if it was answered before; nothing has changed then.
    pub fn abort_move(&mut self, planned: &Move) -> Result<(), MoveError> {
        self.answer(planned)?;
        self.release_destination(planned.destination.index);
        Ok(())
    }

    /// Ends a move; the block's slot if it still lives.
    fn answer(&mut self, planned: &Move) -> Result<Option<u32>, MoveError> {
        let destination = self.slots.find(planned.destination);
        if !destination.is_ok_and(|slot| slot.holds == Holds::Destination) {
            return Err(MoveError::UnknownMove);
        }
        let lives = self.slots.find(planned.handle).is_ok();
        if lives {
            self.slots[planned.handle.index].holds = Holds::Block;
        }
        Ok(lives.then_some(planned.handle.index))
    }

    fn release_destination(&mut self, slot: u32) {
        self.stats.reserved -= self.nodes[self.slots[slot].node].size;
        self.release(slot);
    }

    /// The slot of a block that a pass may move.
    fn movable(&self, node: u32, bytes_max: u64) -> Option<u32> {
        let slot = self.nodes[node].slot;
        if slot == NONE || !self.has_room_in_tables() {
            return None;
        }
        let held = &self.slots[slot];
        (held.holds == Holds::Block && held.pins == 0 && held.requested <= bytes_max)
            .then_some(slot)
    }

    fn plan_move(&mut self, slot: u32) -> Option<Move> {
        let block = self.slots[slot];
        let from = self.nodes[block.node];
        let joins_above = from.next == NONE || self.becomes_room(from.next);
        let joins_below = from.prev != NONE && self.becomes_room(from.prev);
        if !joins_above && !joins_below {
            return None;
        }
        // The hole below, filled by the move itself, is no room to join.
        let excluded = if joins_above { NONE } else { from.prev };
        let align = 1 << block.align_log2;
        let (hole, offset) = self.find_below(from.offset, from.size, align, excluded)?;
        let destination = self.hold(hole, offset, block.requested, align, Holds::Destination);
        self.stats.reserved += from.size;
        self.slots[slot].holds = Holds::MovingBlock;
        Some(Move {
            handle: self.slots.handle(slot),
            from: Range::new(from.offset, block.requested),
            to: Range::new(offset, block.requested),
            destination,
        })
    }

    /// Whether a stretch is free now, or will be once its move is done.
    fn becomes_room(&self, node: u32) -> bool {
        let slot = self.nodes[node].slot;
        slot == NONE || matches!(self.slots[slot].holds, Holds::MovingBlock | Holds::Vacated)
    }

    /// Among the holes looked at, the tightest one below `limit`, the lowest among equals.
    fn find_below(&self, limit: u64, size: u64, align: u64, excluded: u32) -> Option<(u32, u64)> {
        let mut left = HOLES_PER_BLOCK_MAX;
        let mut bin = self.bins.occupied_from(self.bins.bin_of(size));
        while let Some(here) = bin.filter(|_| left > 0) {
            let found = self
                .bins
                .holes(&self.nodes, here)
                .take(left)
                .inspect(|_| left -= 1)
                .filter(|&hole| hole != excluded && self.nodes[hole].offset < limit)
                .filter_map(|hole| Some((hole, self.place(hole, size, align)?)))
                .min_by_key(|&(hole, _)| (self.nodes[hole].size, self.nodes[hole].offset));
            if found.is_some() {
                return found;
            }
            bin = self.bins.occupied_from(here + 1);
        }
        None
    }
}
