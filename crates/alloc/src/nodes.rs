use crate::Range;
use alloc::vec::Vec;

/// "No node", "no slot".
pub(crate) const NONE: u32 = u32::MAX;

/// A stretch of the arena: held by a slot, or a hole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub offset: u64,
    pub size: u64,
    /// Neighbours in address order.
    pub prev: u32,
    pub next: u32,
    /// Neighbours in the list of a bin; of holes only.
    pub bin_prev: u32,
    pub bin_next: u32,
    /// Who holds it; `NONE` for a hole.
    pub slot: u32,
}

impl Node {
    pub fn range(&self) -> Range {
        Range::new(self.offset, self.size)
    }

    pub fn end(&self) -> u64 {
        self.offset + self.size
    }

    pub fn is_hole(&self) -> bool {
        self.slot == NONE
    }
}

/// All stretches in address order, as a doubly linked list in one vector: together they cover the
/// arena without a gap, and two holes never touch.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    /// Unused elements, linked by `next`.
    unused: u32,
    pub first: u32,
    pub last: u32,
}

impl Nodes {
    pub fn new() -> Self {
        Self { nodes: Vec::new(), unused: NONE, first: NONE, last: NONE }
    }

    /// Whether `count` more nodes can be indexed.
    pub fn has_room_for(&self, count: usize) -> bool {
        self.nodes.len() + count < NONE as usize
    }

    /// A new hole behind `prev`, or before all others.
    pub fn insert_hole(&mut self, range: Range, prev: u32) -> u32 {
        let next = if prev == NONE { self.first } else { self[prev].next };
        let node = Node {
            offset: range.offset,
            size: range.size,
            prev,
            next,
            bin_prev: NONE,
            bin_next: NONE,
            slot: NONE,
        };
        let index = if self.unused == NONE {
            self.nodes.push(node);
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
    pub fn remove(&mut self, index: u32) {
        let Node { prev, next, .. } = self[index];
        self.link(prev, next);
        self[index].next = self.unused;
        self.unused = index;
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
