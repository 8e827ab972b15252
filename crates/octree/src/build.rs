use crate::key::Cell;
use crate::node::Node;
use crate::radix::sort_by_key;
use crate::slots::{Slots, place};
use crate::store::{BLOCK, Entry, Store};
use crate::tree::{LAYERS_DEFAULT, check};
use crate::{Octree, OctreeError};
use alloc::vec::Vec;
use farplane_geom::{Aabb, Vec3};

impl Octree {
    /// A tree over the given items, all on the first layer, in linear time. [`Octree::handles`]
    /// gives their handles in the order of `items`.
    ///
    /// # Errors
    /// [`OctreeError::InvalidBox`] for the first box that [`Octree::insert`] would refuse,
    /// [`OctreeError::Full`] beyond 2²⁹ items.
    pub fn build(items: &[(Aabb, u32)]) -> Result<Self, OctreeError> {
        for (bounds, _) in items {
            check(bounds)?;
        }
        if items.len() > Slots::COUNT_MAX as usize {
            return Err(OctreeError::Full { count_max: Slots::COUNT_MAX });
        }
        let cell = Cell::around(&core_of(items));
        let order: Vec<_> = (0..).zip(items).map(|(i, (b, _))| (cell.key(b), i)).collect();
        Ok(Self::from_order(items, cell, &sort_by_key(order)))
    }

    fn from_order(items: &[(Aabb, u32)], cell: Cell, order: &[(u64, u32)]) -> Self {
        // Each class of sizes begins a block of its own.
        let classes: Vec<_> = order.chunk_by(|a, b| a.0 >> 60 == b.0 >> 60).collect();
        let block_count = classes.iter().map(|c| c.len().div_ceil(BLOCK)).sum();
        let mut node_count = 1;
        let mut level_count: usize = block_count;
        while level_count > 1 {
            level_count = level_count.div_ceil(Node::COUNT_MAX);
            node_count += level_count;
        }
        let mut tree = Self {
            store: Store::new(node_count, block_count),
            slots: Slots::new(items.len()),
            cell,
            cursor: 0,
        };
        tree.slots.places.resize(items.len(), 0);
        tree.slots.generations.resize(items.len(), 0);
        tree.slots.len = items.len() as u32;
        let mut firsts = Vec::with_capacity(block_count);
        for block in classes.iter().flat_map(|class| class.chunks(BLOCK)) {
            let index = tree.store.acquire_block(0.0);
            for (lane, &(_, slot)) in block.iter().enumerate() {
                let (bounds, item) = items[slot as usize];
                let entry = Entry { bounds, item, slot, layers: LAYERS_DEFAULT };
                tree.store.set_entry(index, lane, &entry);
                tree.slots.places[slot as usize] = place(index, lane);
            }
            tree.store.blocks[index as usize].count = block.len() as u8;
            firsts.push(block[0].0);
        }
        tree.build_nodes(firsts);
        tree
    }

    /// Nodes over all blocks, level by level; `keys` are the first ones of the blocks.
    fn build_nodes(&mut self, mut keys: Vec<u64>) {
        let mut below: Vec<u32> = (0..keys.len() as u32).collect();
        let mut level = 0;
        // The empty root that a store begins with is the first node.
        let mut next = Some(self.store.root);
        while level == 0 && !below.is_empty() || below.len() > 1 {
            let (mut nodes, mut firsts) = (Vec::new(), Vec::new());
            for (children, keys) in below.chunks(Node::COUNT_MAX).zip(keys.chunks(Node::COUNT_MAX))
            {
                let index =
                    next.take().unwrap_or_else(|| self.store.acquire_node(Node::new(level)));
                for (lane, (&child, &first)) in children.iter().zip(keys).enumerate() {
                    self.store.insert_child(index, lane, child, first);
                    self.measure_child(index, level, lane, child);
                }
                nodes.push(index);
                firsts.push(keys[0]);
            }
            (below, keys) = (nodes, firsts);
            level += 1;
        }
        if let &[root] = &below[..] {
            self.store.root = root;
        }
    }

    fn measure_child(&mut self, index: u32, level: u8, lane: usize, child: u32) {
        let extent = if level == 0 {
            self.store.block_extent(child)
        } else {
            Some(self.store.extent(child))
        };
        let Some((bounds, layers)) = extent else { return };
        if level == 0 {
            self.store.blocks[child as usize].slack_m = self.cell.slack_m(&bounds);
        }
        let node = &mut self.store.nodes[index as usize];
        node.bounds.set(lane, &bounds);
        node.layers[lane] = layers;
    }
}

/// Where nearly all items are: a few far away must not make the cells of all others coarse. Beyond
/// the middle nine tenths of a sample, as much again twice on each side, as far as there are items.
fn core_of(items: &[(Aabb, u32)]) -> Aabb {
    const SAMPLE: usize = 1024;
    let step = items.len().div_ceil(SAMPLE).max(1);
    let centers = || items.iter().map(|(b, _)| b.center());
    let all = centers().map(|c| Aabb::new(c, c)).reduce(|a, b| a.union(&b));
    let mut core = all.unwrap_or(Aabb::new(Vec3::ZERO, Vec3::ZERO));
    for axis in 0..3 {
        let mut sample: Vec<f32> = centers().step_by(step).map(|c| c[axis]).collect();
        sample.sort_unstable_by(f32::total_cmp);
        let at = |part: usize| sample.get(sample.len() * part / 20).copied();
        let (Some(low), Some(high)) = (at(1), at(19)) else { continue };
        let margin = (high - low) * 2.0;
        core.min[axis] = core.min[axis].max(low - margin);
        core.max[axis] = core.max[axis].min(high + margin);
    }
    core
}
