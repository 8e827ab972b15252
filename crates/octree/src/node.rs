use crate::pack::Pack;
use bytemuck::{Pod, Zeroable};

/// No node, no block, no slot: the end of a list.
pub const NONE: u32 = u32::MAX;

/// Up to eight children side by side. Those of a node of level 0 are blocks, those above nodes one
/// level lower. Children lie in the order of their keys: the tree is a B+-tree over the Z curve, and
/// an octree in that each key is a cell.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Node {
    /// Boxes around everything below each child. They grow with what comes and moves, and shrink
    /// when the block below is settled.
    pub bounds: Pack,
    /// Smallest key that belongs to each child; ascending.
    pub first: [u64; Pack::LANES],
    pub children: [u32; Pack::LANES],
    /// Layers that anything below each child may be on.
    pub layers: [u8; Pack::LANES],
    /// Items of each block; a block in use has one at least, but for a moment. 0 above level 0.
    pub counts: [u8; Pack::LANES],
    /// The node above and this one's lane there; `NONE` for the root. Next of the list when free.
    pub parent: u32,
    /// Children; 0 when free, or in the root of an empty tree.
    pub count: u8,
    pub level: u8,
    pub unused: [u8; 10],
}

impl Node {
    pub const COUNT_MAX: usize = Pack::LANES;
    /// Adjacent siblings with this few children together become one.
    pub const MERGE_COUNT: u8 = 6;
    /// Two siblings side by side hold at least so many nodes: beside any a half may come, and from
    /// `MERGE_COUNT` on they join.
    pub const PAIR_COUNT_MIN: u8 = Self::COUNT_MAX as u8 / 2 + 1;
    /// Levels at most. Among the five children of two siblings are two such pairs again, so that
    /// pairs double from level to level. A root above level 0 has a pair of children: at level L there
    /// are 2ᴸ blocks at least, and at most there are 2²⁵.
    pub const LEVELS_MAX: usize = 26;

    pub fn new(level: u8) -> Self {
        Self { parent: NONE, level, ..Self::zeroed() }
    }

    /// The child that a key belongs to.
    #[inline]
    pub fn route(&self, key: u64) -> usize {
        let mut lane = 0;
        for i in 1..Self::COUNT_MAX {
            lane += usize::from(i < usize::from(self.count) && self.first[i] <= key);
        }
        lane
    }

    /// A bit for each child.
    #[inline(always)]
    pub fn live(&self) -> u8 {
        ((1u16 << self.count) - 1) as u8
    }

    /// Of `lanes`, those that anything on the given layers may lie below.
    #[inline(always)]
    pub fn on_layers(&self, lanes: u8, layers: Option<u8>) -> u8 {
        let Some(layers) = layers else { return lanes };
        let mut keep = 0;
        for (lane, &below) in self.layers.iter().enumerate() {
            keep |= u8::from(below & layers != 0) << lane;
        }
        lanes & keep
    }
}

/// What is known of a block beside its columns.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct BlockInfo {
    /// The node above and this block's lane there; `FREE` and the next of the list when free.
    pub parent: u32,
    /// How much further items that belong elsewhere may stretch the block's bounds, m.
    pub slack_m: f32,
}

impl BlockInfo {
    /// Marks a block of the list of free ones; the list ends with all bits set.
    pub const FREE: u32 = 1 << 31;

    pub fn is_free(&self) -> bool {
        self.parent & Self::FREE != 0
    }
}

/// Node and lane in one number.
#[inline(always)]
pub const fn link(node: u32, lane: usize) -> u32 {
    node << 3 | lane as u32
}

#[inline(always)]
pub const fn unlink(link: u32) -> (u32, usize) {
    (link >> 3, (link & 7) as usize)
}
