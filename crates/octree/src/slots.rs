use crate::store::push;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use core::fmt;

/// Names one item of one tree. It stays valid while the item moves, and is refused once the item
/// was removed, even if its slot holds another item by then. It does not know its tree: to another
/// one it may name an item there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    pub(crate) index: u32,
    pub(crate) generation: u16,
}

impl Handle {
    /// The item's slot: below the largest number of items that the tree ever held at once, so that
    /// it can index a caller's own columns. Another item has it after this one is removed.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.index, self.generation)
    }
}

/// Where an item is. Packed, so that six bytes tell whether a handle is stale and where its item is.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, packed(2))]
pub struct Slot {
    /// Block and lane; `FREE` and the next free slot where there is no item.
    pub place: u32,
    pub generation: u16,
}

/// From handles to places. A slot whose generations are used up is never used again.
#[derive(Clone, Debug)]
pub struct Slots {
    pub list: Vec<Slot>,
    pub free: u32,
    pub len: u32,
}

/// Marks a slot without an item.
pub const FREE: u32 = 1 << 31;

/// The end of the list of free slots.
pub const LAST: u32 = FREE - 1;

/// Block and lane in one number.
#[inline(always)]
pub const fn place(block: u32, lane: usize) -> u32 {
    block << 6 | lane as u32
}

#[inline(always)]
pub const fn unplace(place: u32) -> (u32, usize) {
    (place >> 6, (place & 63) as usize)
}

impl Slots {
    /// Keeps a place below `FREE` even if no block is more than a quarter full.
    pub const COUNT_MAX: u32 = 1 << 29;

    pub fn new(count: usize) -> Self {
        Self { list: Vec::with_capacity(count), free: LAST, len: 0 }
    }

    /// A slot whose place the caller sets; `None` when all are used.
    pub fn acquire(&mut self) -> Option<Handle> {
        if self.len >= Self::COUNT_MAX {
            return None;
        }
        if self.free == LAST {
            let index = self.list.len() as u32;
            if index >= LAST {
                return None;
            }
            push(&mut self.list, Slot { place: FREE | LAST, generation: 0 });
            self.len += 1;
            return Some(Handle { index, generation: 0 });
        }
        let index = self.free;
        let slot = self.list[index as usize];
        self.free = slot.place & !FREE;
        self.len += 1;
        Some(Handle { index, generation: slot.generation })
    }

    pub fn release(&mut self, index: u32) {
        let slot = &mut self.list[index as usize];
        self.len -= 1;
        if slot.generation == u16::MAX {
            slot.place = FREE | LAST;
            return;
        }
        slot.generation += 1;
        slot.place = FREE | self.free;
        self.free = index;
    }

    #[inline(always)]
    pub fn get(&self, handle: Handle) -> Option<u32> {
        place_of(&self.list, handle)
    }

    #[inline(always)]
    pub fn set_place(&mut self, index: u32, place: u32) {
        self.list[index as usize].place = place;
    }

    pub fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        let used = (0..).zip(&self.list).filter(|(_, slot)| slot.place & FREE == 0);
        used.map(|(index, slot)| Handle { index, generation: slot.generation })
    }

    /// Frees every slot; handles given out before stay stale.
    pub fn clear(&mut self) {
        for index in 0..self.list.len() {
            if self.list[index].place & FREE == 0 {
                self.release(index as u32);
            }
        }
    }

    pub fn bytes(&self) -> usize {
        self.list.capacity() * size_of::<Slot>()
    }
}

/// Where a handle's item is; `None` for a stale handle.
#[inline(always)]
pub fn place_of(slots: &[Slot], handle: Handle) -> Option<u32> {
    let slot = slots.get(handle.index as usize)?;
    let lives = slot.place & FREE == 0 && slot.generation == handle.generation;
    lives.then_some(slot.place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_with_its_last_generation_is_retired() {
        let mut slots = Slots::new(0);
        let first = slots.acquire().unwrap();
        slots.list[0] = Slot { place: place(3, 5), generation: u16::MAX };
        slots.release(0);
        let next = slots.acquire().unwrap();
        assert_ne!(next.index, first.index);
        assert_eq!(slots.get(Handle { index: 0, generation: u16::MAX }), None);
    }

    #[test]
    fn a_reused_slot_refuses_its_old_handle() {
        let mut slots = Slots::new(0);
        let old = slots.acquire().unwrap();
        slots.set_place(0, place(3, 5));
        slots.release(old.index);
        let new = slots.acquire().unwrap();
        slots.set_place(0, place(7, 63));
        assert_eq!(new.index, old.index);
        assert_eq!(slots.get(old), None);
        assert_eq!(slots.get(new).map(unplace), Some((7, 63)));
    }
}
