use crate::pool::NONE;
use alloc::vec::Vec;
use core::fmt;

/// Names one item of one tree. It stays valid while the item moves, and is refused once the item
/// was removed, even if its slot holds another item by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.index, self.generation)
    }
}

/// Where an item is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub block: u32,
    pub lane: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    generation: u32,
    /// `block` is `NONE` while the slot is free.
    place: Place,
}

/// From handles to places. A slot whose generations are used up is never used again.
#[derive(Clone, Debug)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// Leaves room for `NONE` and keeps block indices in range.
    pub const COUNT_MAX: u32 = 1 << 30;

    const FREE: Place = Place { block: NONE, lane: 0 };

    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// A slot without a place yet; `None` when all are used.
    pub fn acquire(&mut self) -> Option<Handle> {
        if let Some(index) = self.free.pop() {
            return Some(Handle { index, generation: self.slots[index as usize].generation });
        }
        let index = self.slots.len() as u32;
        if index >= Self::COUNT_MAX {
            return None;
        }
        self.slots.push(Slot { generation: 0, place: Self::FREE });
        Some(Handle { index, generation: 0 })
    }

    pub fn release(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.place = Self::FREE;
        if slot.generation < u32::MAX {
            slot.generation += 1;
            self.free.push(index);
        }
    }

    pub fn set(&mut self, index: u32, place: Place) {
        self.slots[index as usize].place = place;
    }

    pub fn get(&self, handle: Handle) -> Option<Place> {
        let slot = self.slots.get(handle.index as usize)?;
        (slot.generation == handle.generation && slot.place.block != NONE).then_some(slot.place)
    }

    pub fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.place.block != NONE)
            .map(|(index, slot)| Handle { index: index as u32, generation: slot.generation })
    }

    /// Frees every slot; handles given out before stay stale.
    pub fn clear(&mut self) {
        for index in 0..self.slots.len() {
            if self.slots[index].place.block != NONE {
                self.release(index as u32);
            }
        }
    }

    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { block: 0, lane: 0 };

    #[test]
    fn a_slot_with_its_last_generation_is_retired() {
        let mut slots = Slots::new();
        let first = slots.acquire().unwrap();
        slots.slots[0].generation = u32::MAX;
        slots.set(0, PLACE);
        slots.release(0);
        let next = slots.acquire().unwrap();
        assert_ne!(next.index, first.index);
        assert_eq!(slots.get(Handle { index: 0, generation: u32::MAX }), None);
    }

    #[test]
    fn a_reused_slot_refuses_its_old_handle() {
        let mut slots = Slots::new();
        let old = slots.acquire().unwrap();
        slots.set(old.index, PLACE);
        slots.release(old.index);
        let new = slots.acquire().unwrap();
        slots.set(new.index, PLACE);
        assert_eq!(new.index, old.index);
        assert_eq!(slots.get(old), None);
        assert_eq!(slots.get(new), Some(PLACE));
    }
}
