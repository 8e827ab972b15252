//! Defragmentation in three steps, as in VulkanMemoryAllocator: plan, the owner copies, commit.
//!
//! A pass goes from the top of the arena downwards and gives each block the tightest hole below
//! it, where the room that the block leaves joins other room. It never moves a block only to
//! exchange it for a hole, and never upwards: the sum of all offsets falls with each move, so
//! passes without allocations between them come to an end. Destinations never overlap their
//! sources, since readers may still look at those: a hole smaller than the block above it is
//! therefore not closed by sliding.

use crate::nodes::{Holds, NO_ROOM, NONE};
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Move {
    /// The block.
    pub handle: Handle,
    /// Where it is.
    pub from: Range,
    /// Where it goes: of the same size, never overlapping `from`; lower in a pass of
    /// [`plan_moves`](RangeAllocator::plan_moves).
    pub to: Range,
    pub(crate) destination: Handle,
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
            if let Some(bytes) = self.movable(node, limits.bytes_max) {
                if bytes > limits.bytes_max - plan.bytes {
                    break;
                }
                if let Some(planned) = self.plan_move_down(node) {
                    plan.bytes += planned.from.size;
                    out.push(planned);
                }
            }
            visited += 1;
            node = self.nodes[node].prev;
        }
        self.note_peak();
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
        let Some(block) = block else {
            self.release_destination(destination);
            return Err(MoveError::StaleHandle);
        };
        if self.nodes[block].held().is_some_and(|held| held.pins > 0) {
            self.release_destination(destination);
            return Err(MoveError::Pinned);
        }
        self.exchange_places(block, destination);
        if let Some(left) = self.nodes[destination].held_mut() {
            left.holds = Holds::Vacated;
            left.partner = NONE;
        }
        let bytes = self.bytes(self.nodes[block].size);
        let slack = self.nodes[block].held().map_or(0, |held| u64::from(held.slack));
        self.stats.reserved -= bytes;
        self.stats.vacated += bytes;
        self.stats.moved += bytes - slack;
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

    /// Ends a move; the block if it still lives.
    pub(crate) fn answer(&mut self, planned: &Move) -> Result<Option<u32>, MoveError> {
        let destination = self.nodes.find(planned.destination);
        let destination = destination.map_err(|_| MoveError::UnknownMove)?;
        if destination.holds != Holds::Destination {
            return Err(MoveError::UnknownMove);
        }
        let block = destination.partner;
        if block != NONE && self.nodes.handle(block) != planned.handle {
            return Err(MoveError::UnknownMove);
        }
        Ok(self.end_move(planned.destination.index))
    }

    /// Takes the block of a destination back to its rest; the block if it still lives.
    pub(crate) fn end_move(&mut self, destination: u32) -> Option<u32> {
        let block = self.nodes[destination].held()?.partner;
        if block == NONE {
            return None;
        }
        if let Some(held) = self.nodes[block].held_mut() {
            held.holds = Holds::Block;
            held.partner = NONE;
        }
        Some(block)
    }

    pub(crate) fn release_destination(&mut self, node: u32) {
        self.stats.reserved -= self.bytes(self.nodes[node].size);
        self.release(node);
    }

    /// The bytes of a block that a pass may move.
    fn movable(&self, node: u32, bytes_max: u64) -> Option<u64> {
        let held = self.nodes[node].held()?;
        let bytes = self.requested(node, held).size;
        let may = held.holds == Holds::Block && held.pins == 0 && held.room == NO_ROOM;
        (may && bytes <= bytes_max && self.has_room_in_tables()).then_some(bytes)
    }

    fn plan_move_down(&mut self, node: u32) -> Option<Move> {
        let from = self.nodes[node];
        let joins_above = from.next == NONE || self.becomes_room(from.next);
        let joins_below = from.prev != NONE && self.becomes_room(from.prev);
        if !joins_above && !joins_below {
            return None;
        }
        // The hole below, filled by the move itself, is no room to join.
        let excluded = if joins_above { NONE } else { from.prev };
        let align = 1 << from.held()?.align_log2;
        let (hole, offset) = self.find_below(from.offset, from.size, align, excluded)?;
        self.reserve_move(node, hole, offset)
    }

    /// Plans a move of a block to a place in a hole.
    pub(crate) fn reserve_move(&mut self, block: u32, hole: u32, offset: u32) -> Option<Move> {
        let held = *self.nodes[block].held()?;
        let from = self.requested(block, &held);
        self.hold(hole, offset, from.size, 1 << held.align_log2, Holds::Destination);
        self.stats.reserved += self.bytes(self.nodes[block].size);
        if let Some(destination) = self.nodes[hole].held_mut() {
            destination.partner = block;
        }
        if let Some(held) = self.nodes[block].held_mut() {
            held.holds = Holds::MovingBlock;
            held.partner = hole;
        }
        Some(Move {
            handle: self.nodes.handle(block),
            from,
            to: Range::new(self.bytes(offset), from.size),
            destination: self.nodes.handle(hole),
        })
    }

    /// Whether a stretch is free now, or will be once its move is done.
    fn becomes_room(&self, node: u32) -> bool {
        self.nodes[node]
            .held()
            .is_none_or(|held| matches!(held.holds, Holds::MovingBlock | Holds::Vacated))
    }

    /// Among the holes looked at, the tightest one below `limit`, the lowest among equals.
    fn find_below(&self, limit: u32, size: u32, align: u64, excluded: u32) -> Option<(u32, u32)> {
        let holes = self.bins.holes(&self.nodes, size, u32::MAX).take(HOLES_PER_BLOCK_MAX);
        let below = |&hole: &u32| hole != excluded && self.nodes[hole].offset < limit;
        self.tightest(holes.filter(below), size, align)
    }
}
