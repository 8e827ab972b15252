use crate::{Handle, StaleHandle};
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// "No node".
pub(crate) const NONE: u32 = u32::MAX;
/// A held stretch that belongs to no room.
pub(crate) const NO_ROOM: u8 = 0;

/// Generations count in these bits; the salt stands above them.
const GENERATION_BITS: u32 = 24;

/// What a held stretch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Holds {
    Block,
    /// A block that a planned move may take elsewhere.
    MovingBlock,
    /// Where a planned move goes to. The owner gets its handle when the move is committed.
    Destination,
    /// Where a moved block was: kept for readers until the owner frees it.
    Vacated,
    /// Nothing, but kept from everybody else until its room is claimed or abandoned.
    Room,
}

/// A stretch that is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Held {
    pub holds: Holds,
    pub align_log2: u8,
    /// Number of the room that this stretch is to become a part of.
    pub room: u8,
    pub pins: u32,
    /// Bytes lost to rounding.
    pub slack: u32,
    /// Of a moving block its destination, of a destination its block while that lives.
    pub partner: u32,
}

/// A hole's place in its bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Use {
    /// A node of the trie: what is below it with the next bit clear and set, and the first of the
    /// other holes of its size.
    Key {
        below: [u32; 2],
        same: u32,
    },
    /// In the list of the holes of one size, which begins with the key.
    Same {
        prev: u32,
        next: u32,
    },
    Held(Held),
}

/// A stretch of the arena, in granules.
///
/// 32 bytes, so that one line of the cache holds all that is known of a stretch, and a few
/// thousand stretches stay in the cache.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(align(32))]
pub(crate) struct Node {
    pub offset: u32,
    pub size: u32,
    /// Neighbours in address order.
    pub prev: u32,
    pub next: u32,
    pub part: Use,
}

const _: () = assert!(size_of::<Node>() == 32);

impl Node {
    pub const fn end(&self) -> u32 {
        self.offset + self.size
    }

    pub const fn is_hole(&self) -> bool {
        !matches!(self.part, Use::Held(_))
    }

    pub const fn held(&self) -> Option<&Held> {
        match &self.part {
            Use::Held(held) => Some(held),
            _ => None,
        }
    }

    pub const fn held_mut(&mut self) -> Option<&mut Held> {
        match &mut self.part {
            Use::Held(held) => Some(held),
            _ => None,
        }
    }
}

/// All stretches in address order, as a doubly linked list in one vector: together they cover the
/// arena without a gap, and two holes never touch. A stretch's index and generation are the handle
/// of what it holds.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Node>,
    /// Beside the nodes, since only making and checking handles needs them.
    pub(crate) generations: Vec<NonZeroU32>,
    /// Unused elements, linked by `next`.
    pub(crate) unused: u32,
    pub first: u32,
    pub last: u32,
    pub(crate) salt: u8,
}

impl Nodes {
    pub fn new(salt: u8) -> Self {
        Self {
            nodes: Vec::new(),
            generations: Vec::new(),
            unused: NONE,
            first: NONE,
            last: NONE,
            salt,
        }
    }

    /// Whether `count` more nodes can be indexed.
    pub fn has_room_for(&self, count: usize) -> bool {
        self.nodes.len() + count < NONE as usize
    }

    /// A new stretch behind `prev`, or before all others, that is in no bin yet.
    #[inline]
    pub fn insert(&mut self, offset: u32, size: u32, prev: u32) -> u32 {
        let next = if prev == NONE { self.first } else { self[prev].next };
        let part = Use::Key { below: [NONE; 2], same: NONE };
        let node = Node { offset, size, prev, next, part };
        let index = if self.unused == NONE {
            self.nodes.push(node);
            self.generations.push(self.first_generation());
            self.nodes.len() as u32 - 1
        } else {
            let index = self.unused;
            self.unused = self[index].next;
            self[index] = node;
            index
        };
        self.link(prev, index);
        self.link(index, next);
        index
    }

    /// Takes a node out of the list, whose bytes a neighbour has taken over.
    #[inline]
    pub fn remove(&mut self, index: u32) {
        let Node { prev, next, .. } = self[index];
        self.link(prev, next);
        self[index].part = Use::Key { below: [NONE; 2], same: NONE };
        self[index].next = self.unused;
        self.unused = index;
    }

    pub fn handle(&self, index: u32) -> Handle {
        Handle { index, generation: self.generations[index as usize] }
    }

    /// What a handle that is not stale leads to.
    pub fn find(&self, handle: Handle) -> Result<&Held, StaleHandle> {
        if self.generations.get(handle.index as usize) != Some(&handle.generation) {
            return Err(StaleHandle);
        }
        self[handle.index].held().ok_or(StaleHandle)
    }

    /// Makes every handle to a node stale. The node that stands in the list from now on: another
    /// one where the generations are spent, since the old one must never be used again.
    #[inline]
    pub fn expire(&mut self, index: u32) -> u32 {
        let generation = &mut self.generations[index as usize];
        let next = generation.get().wrapping_add(1);
        if next.trailing_zeros() < GENERATION_BITS
            && let Some(next) = NonZeroU32::new(next)
        {
            *generation = next;
            return index;
        }
        let Node { offset, size, prev, next, .. } = self[index];
        self.link(prev, next);
        self[index].part = Use::Key { below: [NONE; 2], same: NONE };
        self[index].size = 0;
        self.insert(offset, size, prev)
    }

    /// Lets two nodes change their places in the arena; what they hold goes with them.
    pub fn exchange_places(&mut self, a: u32, b: u32) {
        let (old_a, old_b) = (self[a], self[b]);
        for (node, place, other) in [(a, old_b, b), (b, old_a, a)] {
            // A neighbour of the other's place that is this node is now the other.
            let swapped = |neighbour| if neighbour == node { other } else { neighbour };
            self[node].offset = place.offset;
            self[node].size = place.size;
            self[node].prev = swapped(place.prev);
            self[node].next = swapped(place.next);
        }
        for node in [a, b] {
            let Node { prev, next, .. } = self[node];
            self.link(prev, node);
            self.link(node, next);
        }
    }

    pub const fn first_generation(&self) -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add((self.salt as u32) << GENERATION_BITS)
    }

    /// Whether a generation is one of this allocator's.
    #[cfg(feature = "serde")]
    pub const fn may_be(&self, generation: NonZeroU32) -> bool {
        let counted = generation.get() & ((1 << GENERATION_BITS) - 1);
        counted > 0 && generation.get() >> GENERATION_BITS == self.salt as u32
    }

    /// Makes two nodes neighbours; `NONE` stands for the end of the list on its side.
    fn link(&mut self, low: u32, high: u32) {
        if low == NONE {
            self.first = high;
        } else {
            self[low].next = high;
        }
        if high == NONE {
            self.last = low;
        } else {
            self[high].prev = low;
        }
    }
}

impl core::ops::Index<u32> for Nodes {
    type Output = Node;

    fn index(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }
}

impl core::ops::IndexMut<u32> for Nodes {
    fn index_mut(&mut self, index: u32) -> &mut Node {
        &mut self.nodes[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_whose_generations_are_spent_is_never_used_again() {
        let mut nodes = Nodes::new(3);
        let index = nodes.insert(0, 10, NONE);
        nodes.generations[index as usize] = NonZeroU32::new((4 << GENERATION_BITS) - 1).unwrap();
        let instead = nodes.expire(index);
        assert_ne!(instead, index);
        assert_eq!((nodes.first, nodes.last), (instead, instead));
        assert_eq!(nodes.handle(instead).generation.get(), (3 << GENERATION_BITS) + 1);
        assert_ne!(nodes.insert(10, 1, instead), index);
    }
}
