use crate::node::{BlockInfo, NONE, Node, link, unlink};
use crate::pack::Pack;
use alloc::vec::Vec;
use bytemuck::Zeroable;
use farplane_geom::Aabb;

/// Items of a block.
pub const BLOCK: usize = 64;

/// The boxes of a block.
pub type Boxes = [Pack; BLOCK / Pack::LANES];

/// Of all 64 items of a block, one number each.
pub type Column<T> = [T; BLOCK];

/// A stored item.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub bounds: Aabb,
    pub item: u32,
    pub slot: u32,
    pub layers: u8,
}

/// Nodes and blocks in flat arrays; indices in place of pointers. Arrays of blocks are parallel.
#[derive(Clone, Debug)]
pub struct Store {
    pub nodes: Vec<Node>,
    pub blocks: Vec<BlockInfo>,
    pub boxes: Vec<Boxes>,
    pub items: Vec<Column<u32>>,
    /// The slot of each item.
    pub slots: Vec<Column<u32>>,
    pub layers: Vec<Column<u8>>,
    pub root: u32,
    pub free_node: u32,
    pub free_block: u32,
}

/// What queries read.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub nodes: &'a [Node],
    pub blocks: &'a [BlockInfo],
    pub boxes: &'a [Boxes],
    pub items: &'a [Column<u32>],
    pub layers: &'a [Column<u8>],
    pub root: u32,
}

/// A block as queries see it.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    pub index: u32,
    pub boxes: &'a Boxes,
    pub items: &'a [u32; BLOCK],
    pub layers: &'a [u8; BLOCK],
    pub count: usize,
}

impl<'a> Parts<'a> {
    #[inline(always)]
    pub fn block(&self, index: u32, count: u8) -> Block<'a> {
        let b = index as usize;
        Block {
            index,
            boxes: &self.boxes[b],
            items: &self.items[b],
            layers: &self.layers[b],
            count: usize::from(count),
        }
    }
}

impl<'a> Block<'a> {
    /// Its boxes eight at a time, the place of the first of them, and those of the given bits that
    /// are theirs.
    #[inline(always)]
    pub fn packs(&self, bits: u64) -> impl Iterator<Item = (usize, &'a Pack, u8)> + use<'a> {
        let packs = self.boxes.iter().take(self.count.div_ceil(Pack::LANES));
        let firsts = (0..BLOCK).step_by(Pack::LANES);
        firsts.zip(packs).map(move |(first, boxes)| (first, boxes, (bits >> first) as u8))
    }

    /// A bit for each item.
    #[inline(always)]
    pub fn all(&self) -> u64 {
        u64::MAX >> ((BLOCK - self.count) & 63)
    }

    /// A bit for each item, of those on the given layers.
    #[inline(always)]
    pub fn live(&self, layers: Option<u8>) -> u64 {
        let Some(layers) = layers else { return self.all() };
        let mut keep = 0;
        for (lane, &on) in self.layers.iter().enumerate() {
            keep |= u64::from(on & layers != 0) << lane;
        }
        self.all() & keep
    }
}

impl Store {
    /// What queries read.
    #[inline(always)]
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            nodes: &self.nodes,
            blocks: &self.blocks,
            boxes: &self.boxes,
            items: &self.items,
            layers: &self.layers,
            root: self.root,
        }
    }

    /// A root without children.
    pub fn new(node_count: usize, block_count: usize) -> Self {
        let mut store = Self {
            nodes: Vec::with_capacity(node_count.max(1)),
            blocks: Vec::with_capacity(block_count),
            boxes: Vec::with_capacity(block_count),
            items: Vec::with_capacity(block_count),
            slots: Vec::with_capacity(block_count),
            layers: Vec::with_capacity(block_count),
            root: 0,
            free_node: NONE,
            free_block: NONE,
        };
        store.nodes.push(Node::new(0));
        store
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.push(Node::new(0));
        self.blocks.clear();
        self.boxes.clear();
        self.items.clear();
        self.slots.clear();
        self.layers.clear();
        (self.root, self.free_node, self.free_block) = (0, NONE, NONE);
    }

    pub fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.blocks.capacity() * size_of::<BlockInfo>()
            + self.boxes.capacity() * size_of::<Boxes>()
            + (self.items.capacity() + self.slots.capacity()) * size_of::<Column<u32>>()
            + self.layers.capacity() * size_of::<Column<u8>>()
    }

    pub fn acquire_node(&mut self, node: Node) -> u32 {
        if self.free_node == NONE {
            push(&mut self.nodes, node);
            return (self.nodes.len() - 1) as u32;
        }
        let index = self.free_node;
        self.free_node = self.nodes[index as usize].parent;
        self.nodes[index as usize] = node;
        index
    }

    pub fn release_node(&mut self, index: u32) {
        self.nodes[index as usize] = Node { parent: self.free_node, ..Node::new(0) };
        self.free_node = index;
    }

    /// An empty block.
    pub fn acquire_block(&mut self, slack_m: f32) -> u32 {
        let info = BlockInfo { parent: NONE, slack_m };
        if self.free_block == NONE {
            push(&mut self.blocks, info);
            push(&mut self.boxes, Boxes::zeroed());
            push(&mut self.items, Column::zeroed());
            push(&mut self.slots, Column::zeroed());
            push(&mut self.layers, Column::zeroed());
            return (self.blocks.len() - 1) as u32;
        }
        let index = self.free_block;
        self.free_block = self.next_free_block(index);
        self.blocks[index as usize] = info;
        index
    }

    pub fn release_block(&mut self, index: u32) {
        let parent = BlockInfo::FREE | self.free_block;
        self.blocks[index as usize] = BlockInfo { parent, slack_m: 0.0 };
        self.free_block = index;
    }

    /// What follows in the list of free blocks.
    fn next_free_block(&self, index: u32) -> u32 {
        match self.blocks[index as usize].parent {
            NONE => NONE,
            next => next & !BlockInfo::FREE,
        }
    }

    /// Items of a block that hangs below a node.
    #[inline]
    pub fn count(&self, block: u32) -> usize {
        let (node, lane) = unlink(self.blocks[block as usize].parent);
        usize::from(self.nodes[node as usize].counts[lane])
    }

    #[inline]
    pub fn set_count(&mut self, block: u32, count: usize) {
        let (node, lane) = unlink(self.blocks[block as usize].parent);
        self.nodes[node as usize].counts[lane] = count as u8;
    }

    pub fn bounds(&self, block: u32, lane: usize) -> Aabb {
        self.boxes[block as usize][lane / Pack::LANES].get(lane % Pack::LANES)
    }

    #[inline(always)]
    pub fn set_bounds(&mut self, block: u32, lane: usize, bounds: &Aabb) {
        self.boxes[block as usize][lane / Pack::LANES].set(lane % Pack::LANES, bounds);
    }

    pub fn entry(&self, block: u32, lane: usize) -> Entry {
        let b = block as usize;
        Entry {
            bounds: self.bounds(block, lane),
            item: self.items[b][lane],
            slot: self.slots[b][lane],
            layers: self.layers[b][lane],
        }
    }

    pub fn set_entry(&mut self, block: u32, lane: usize, entry: &Entry) {
        let b = block as usize;
        self.set_bounds(block, lane, &entry.bounds);
        self.items[b][lane] = entry.item;
        self.slots[b][lane] = entry.slot;
        self.layers[b][lane] = entry.layers;
    }

    /// The block that a key belongs to; `None` in an empty tree.
    pub fn find(&self, key: u64) -> Option<u32> {
        let mut node = &self.nodes[self.root as usize];
        while node.level > 0 {
            node = &self.nodes[node.children[node.route(key)] as usize];
        }
        (node.count > 0).then(|| node.children[node.route(key)])
    }

    /// Extends the bounds along the way from a lane up to the root, as far as they do not hold the
    /// box and the layers already.
    #[inline(always)]
    pub fn grow(&mut self, mut up: u32, bounds: &Aabb, layers: u8) {
        while up != NONE {
            let (node, lane) = unlink(up);
            let node = &mut self.nodes[node as usize];
            if node.bounds.overshoot(lane, bounds) <= 0.0 && node.layers[lane] & layers == layers {
                return;
            }
            node.bounds.grow(lane, bounds);
            node.layers[lane] |= layers;
            up = node.parent;
        }
    }

    /// Sets what is known of a lane and measures those above anew, as far as that changes them.
    pub fn measure(&mut self, mut up: u32, mut bounds: Aabb, mut layers: u8) {
        while up != NONE {
            let (index, lane) = unlink(up);
            let node = &mut self.nodes[index as usize];
            if node.bounds.get(lane) == bounds && node.layers[lane] == layers {
                return;
            }
            node.bounds.set(lane, &bounds);
            node.layers[lane] = layers;
            up = node.parent;
            (bounds, layers) = self.extent(index);
        }
    }

    /// Bounds and layers of everything below a node that has children.
    pub fn extent(&self, index: u32) -> (Aabb, u8) {
        let node = &self.nodes[index as usize];
        let count = usize::from(node.count);
        let layers = node.layers[..count].iter().fold(0, |all, l| all | l);
        // A node without children is taken out at once; its own box is never read.
        (node.bounds.union(count).unwrap_or(node.bounds.get(0)), layers)
    }

    /// The keys that belong to a child: from the first up to the last, both included.
    pub fn key_range(&self, up: u32) -> (u64, u64) {
        let (mut low, mut high) = (None, None);
        let mut up = up;
        while up != NONE && (low.is_none() || high.is_none()) {
            let (node, lane) = unlink(up);
            let node = &self.nodes[node as usize];
            if low.is_none() && lane > 0 {
                low = Some(node.first[lane]);
            }
            if high.is_none() && lane + 1 < usize::from(node.count) {
                high = Some(node.first[lane + 1].saturating_sub(1));
            }
            up = node.parent;
        }
        let low = low.unwrap_or(0);
        (low, high.unwrap_or(u64::MAX).max(low))
    }

    /// Puts a child into a node with room, at a lane; those behind it make way. A block has no items
    /// yet.
    pub fn insert_child(&mut self, index: u32, lane: usize, child: u32, first: u64) {
        let node = &mut self.nodes[index as usize];
        let count = usize::from(node.count);
        for to in (lane + 1..=count).rev() {
            let from = node.bounds;
            node.bounds.copy_lane(to, &from, to - 1);
        }
        node.first.copy_within(lane..count, lane + 1);
        node.children.copy_within(lane..count, lane + 1);
        node.layers.copy_within(lane..count, lane + 1);
        node.counts.copy_within(lane..count, lane + 1);
        (node.first[lane], node.children[lane], node.counts[lane]) = (first, child, 0);
        node.count += 1;
        self.relink(index, lane);
    }

    /// Takes a child out of a node; those behind it close up.
    pub fn remove_child(&mut self, index: u32, lane: usize) {
        let node = &mut self.nodes[index as usize];
        let count = usize::from(node.count);
        for to in lane..count - 1 {
            let from = node.bounds;
            node.bounds.copy_lane(to, &from, to + 1);
        }
        node.first.copy_within(lane + 1..count, lane);
        node.children.copy_within(lane + 1..count, lane);
        node.layers.copy_within(lane + 1..count, lane);
        node.counts.copy_within(lane + 1..count, lane);
        node.count -= 1;
        self.relink(index, lane);
    }

    /// Tells the children from a lane on where they are.
    pub fn relink(&mut self, index: u32, from: usize) {
        let Node { children, count, level, .. } = self.nodes[index as usize];
        for (lane, &child) in children.iter().enumerate().take(usize::from(count)).skip(from) {
            let up = if level == 0 {
                &mut self.blocks[child as usize].parent
            } else {
                &mut self.nodes[child as usize].parent
            };
            *up = link(index, lane);
        }
    }
}

/// Appends; where there is no room left, for an eighth more and not for twice as many: an item is
/// copied some eight times in all, and at most an eighth of the memory waits.
pub fn push<T>(list: &mut Vec<T>, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 8);
    }
    list.push(value);
}
