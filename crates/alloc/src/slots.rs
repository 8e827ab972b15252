use crate::nodes::NONE;
use crate::{Handle, StaleHandle};
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// What a slot's range is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Nothing,
    Block,
    /// A block that a planned move may take elsewhere.
    MovingBlock,
    /// Where a planned move goes to. The owner gets its handle when the move is committed.
    Destination,
    /// Where a moved block was: kept for readers until the owner frees it.
    Vacated,
}

/// What a handle leads to. The node is apart from it, so that a committed move is an exchange of
/// two node indices and the handle stays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// As asked for, before rounding.
    pub requested: u64,
    pub generation: NonZeroU32,
    /// The next unused slot while this one holds nothing.
    pub node: u32,
    pub pins: u32,
    pub align_log2: u8,
    pub holds: Holds,
}

#[derive(Clone, Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    unused: u32,
}

impl Slots {
    pub fn new() -> Self {
        Self { slots: Vec::new(), unused: NONE }
    }

    pub fn has_room(&self) -> bool {
        self.unused != NONE || self.slots.len() < NONE as usize
    }

    pub fn insert(&mut self, node: u32, requested: u64, align: u64, holds: Holds) -> Handle {
        let align_log2 = align.trailing_zeros() as u8;
        let filled = |generation| Slot { requested, generation, node, pins: 0, align_log2, holds };
        if self.unused == NONE {
            self.slots.push(filled(NonZeroU32::MIN));
            return self.handle(self.slots.len() as u32 - 1);
        }
        let index = self.unused;
        let slot = &mut self.slots[index as usize];
        self.unused = slot.node;
        *slot = filled(slot.generation);
        self.handle(index)
    }

    /// Makes every handle to a slot stale. A slot whose generations are spent is never used again.
    pub fn remove(&mut self, index: u32) {
        let unused = self.unused;
        let slot = &mut self.slots[index as usize];
        slot.holds = Holds::Nothing;
        if let Some(generation) = slot.generation.checked_add(1) {
            slot.generation = generation;
            slot.node = unused;
            self.unused = index;
        }
    }

    pub fn handle(&self, index: u32) -> Handle {
        Handle { index, generation: self[index].generation }
    }

    /// The slot of a handle that is not stale.
    pub fn find(&self, handle: Handle) -> Result<&Slot, StaleHandle> {
        let slot = self.slots.get(handle.index as usize).ok_or(StaleHandle)?;
        let lives = slot.generation == handle.generation && slot.holds != Holds::Nothing;
        lives.then_some(slot).ok_or(StaleHandle)
    }
}

impl core::ops::Index<u32> for Slots {
    type Output = Slot;

    fn index(&self, index: u32) -> &Slot {
        &self.slots[index as usize]
    }
}

impl core::ops::IndexMut<u32> for Slots {
    fn index_mut(&mut self, index: u32) -> &mut Slot {
        &mut self.slots[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_whose_generations_are_spent_is_never_used_again() {
        let mut slots = Slots::new();
        let first = slots.insert(7, 1, 1, Holds::Block);
        slots[first.index].generation = NonZeroU32::MAX;
        let last = slots.handle(first.index);
        assert!(slots.find(last).is_ok());
        slots.remove(last.index);
        assert!(slots.find(last).is_err());
        assert_ne!(slots.insert(8, 1, 1, Holds::Block).index, last.index);
        assert!(slots.find(last).is_err());
    }
}
