use crate::lanes::Lanes;
use crate::pool::NONE;
use farplane_geom::Aabb;

/// A stored item: its box, the caller's number and its slot.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub bounds: Aabb,
    pub item: u32,
    pub slot: u32,
}

/// Up to [`Block::COUNT_MAX`] items of one node. A node's blocks form a list, of which only the
/// first may be partly filled.
#[derive(Clone, Debug)]
pub struct Block {
    pub boxes: Lanes<{ Block::COUNT_MAX }>,
    pub items: [u32; Block::COUNT_MAX],
    slots: [u32; Block::COUNT_MAX],
    pub count: u32,
    /// The next block of the node, or `NONE`.
    pub next: u32,
    pub node: u32,
}

impl Block {
    /// One AVX-512 register, two AVX ones, of each coordinate.
    pub const COUNT_MAX: usize = 16;

    pub const fn new(node: u32, next: u32) -> Self {
        Self {
            boxes: Lanes::new(),
            items: [0; Self::COUNT_MAX],
            slots: [NONE; Self::COUNT_MAX],
            count: 0,
            next,
            node,
        }
    }

    pub const fn is_full(&self) -> bool {
        self.count as usize == Self::COUNT_MAX
    }

    pub fn get(&self, lane: usize) -> Entry {
        Entry { bounds: self.boxes.get(lane), item: self.items[lane], slot: self.slots[lane] }
    }

    pub fn set(&mut self, lane: usize, entry: &Entry) {
        self.boxes.set(lane, &entry.bounds);
        self.items[lane] = entry.item;
        self.slots[lane] = entry.slot;
    }
}
