use alloc::vec::Vec;
use core::fmt;

/// Names one item of one tree. It stays valid while the item moves, and is refused once the item
/// was removed, even if its slot holds another item by then.
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

/// From handles to places. A slot whose generations are used up is never used again.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Block and lane of each item; `FREE` and the next free slot where there is none.
    pub places: Vec<u32>,
    pub generations: Vec<u16>,
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
        Self {
            places: Vec::with_capacity(count),
            generations: Vec::with_capacity(count),
            free: LAST,
            len: 0,
        }
    }

    /// A slot whose place the caller sets; `None` when all are used.
    pub fn acquire(&mut self) -> Option<Handle> {
        if self.len >= Self::COUNT_MAX {
            return None;
        }
        if self.free == LAST {
            let index = self.places.len() as u32;
            if index >= LAST {
                return None;
            }
            self.places.push(FREE | LAST);
            self.generations.push(0);
            self.len += 1;
            return Some(Handle { index, generation: 0 });
        }
        let index = self.free;
        self.free = self.places[index as usize] & !FREE;
        self.len += 1;
        Some(Handle { index, generation: self.generations[index as usize] })
    }

    pub fn release(&mut self, index: u32) {
        let generation = &mut self.generations[index as usize];
        self.len -= 1;
        if *generation == u16::MAX {
            self.places[index as usize] = FREE | LAST;
            return;
        }
        *generation += 1;
        self.places[index as usize] = FREE | self.free;
        self.free = index;
    }

    #[inline(always)]
    pub fn get(&self, handle: Handle) -> Option<u32> {
        let place = *self.places.get(handle.index as usize)?;
        let same = self.generations[handle.index as usize] == handle.generation;
        (place & FREE == 0 && same).then_some(place)
    }

    pub fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        let slots = self.places.iter().zip(&self.generations).enumerate();
        slots
            .filter(|(_, (place, _))| *place & FREE == 0)
            .map(|(index, (_, &generation))| Handle { index: index as u32, generation })
    }

    /// Frees every slot; handles given out before stay stale.
    pub fn clear(&mut self) {
        for index in 0..self.places.len() {
            if self.places[index] & FREE == 0 {
                self.release(index as u32);
            }
        }
    }

    pub fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>() + self.generations.capacity() * size_of::<u16>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_with_its_last_generation_is_retired() {
        let mut slots = Slots::new(0);
        let first = slots.acquire().unwrap();
        slots.generations[0] = u16::MAX;
        slots.places[0] = place(3, 5);
        slots.release(0);
        let next = slots.acquire().unwrap();
        assert_ne!(next.index, first.index);
        assert_eq!(slots.get(Handle { index: 0, generation: u16::MAX }), None);
    }

    #[test]
    fn a_reused_slot_refuses_its_old_handle() {
        let mut slots = Slots::new(0);
        let old = slots.acquire().unwrap();
        slots.places[0] = place(3, 5);
        slots.release(old.index);
        let new = slots.acquire().unwrap();
        slots.places[0] = place(7, 63);
        assert_eq!(new.index, old.index);
        assert_eq!(slots.get(old), None);
        assert_eq!(slots.get(new).map(unplace), Some((7, 63)));
    }
}
