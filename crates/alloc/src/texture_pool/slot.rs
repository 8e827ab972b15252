use alloc::vec::Vec;
use core::num::NonZeroU64;

/// Names a texture of one [`TexturePool`](crate::TexturePool) from
/// [`acquire`](crate::TexturePool::acquire) to [`release`](crate::TexturePool::release); after that
/// it is stale and every call refuses it: no two acquisitions have the same number. It means nothing
/// to another pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextureKey {
    pub(super) index: usize,
    pub(super) acquired: NonZeroU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Since which acquisition.
    Used { acquired: NonZeroU64 },
    /// Since which release, and after which frame the GPU is done with it.
    Idle { released: u64, last_frame: u64 },
}

#[derive(Debug)]
pub(super) struct Slot<D, T> {
    pub descriptor: D,
    pub texture: T,
    pub bytes: u64,
    pub state: State,
}

#[derive(Debug)]
pub(super) struct Slots<D, T> {
    slots: Vec<Option<Slot<D, T>>>,
    unused: Vec<usize>,
}

impl<D, T> Slots<D, T> {
    pub const fn new() -> Self {
        Self { slots: Vec::new(), unused: Vec::new() }
    }

    pub fn insert(&mut self, slot: Slot<D, T>) -> usize {
        if let Some(index) = self.unused.pop() {
            self.slots[index] = Some(slot);
            return index;
        }
        self.slots.push(Some(slot));
        self.slots.len() - 1
    }

    pub fn remove(&mut self, index: usize) -> Option<Slot<D, T>> {
        let slot = self.slots.get_mut(index)?.take()?;
        self.unused.push(index);
        Some(slot)
    }

    pub fn get(&self, index: usize) -> Option<&Slot<D, T>> {
        self.slots.get(index)?.as_ref()
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut Slot<D, T>> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// The slot of a key that is not stale.
    pub fn used(&self, key: TextureKey) -> Option<&Slot<D, T>> {
        let in_use = State::Used { acquired: key.acquired };
        self.get(key.index).filter(|slot| slot.state == in_use)
    }

    /// The slot of a key that is not stale, to be changed.
    pub fn used_mut(&mut self, key: TextureKey) -> Option<&mut Slot<D, T>> {
        let in_use = State::Used { acquired: key.acquired };
        self.get_mut(key.index).filter(|slot| slot.state == in_use)
    }

    pub fn iter(&self) -> impl Iterator<Item = (usize, &Slot<D, T>)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    }
}
