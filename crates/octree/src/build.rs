use crate::arch::prefetch;
use crate::key::Cell;
use crate::node::Node;
use crate::radix::order_of;
use crate::slots::{Slot, Slots, place};
use crate::store::{BLOCK, Entry, Store};
use crate::tree::{LAYERS_DEFAULT, check};
use crate::{Octree, OctreeError};
use alloc::vec::Vec;
use farplane_geom::{Aabb, Vec3};

/// Items come from all over memory: it is asked for so many ahead.
const AHEAD: usize = 16;

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
        let keys: Vec<_> = items.iter().map(|(bounds, _)| cell.key(bounds)).collect();
        Ok(Self::from_order(items, cell, &keys, &order_of(&keys)))
    }

    /// `keys` are those of the items, `order` the items by their keys.
    fn from_order(items: &[(Aabb, u32)], cell: Cell, keys: &[u64], order: &[u32]) -> Self {
        // Each class of sizes begins a block of its own.
        let key = |&item: &u32| keys[item as usize];
        let class = |item: &u32| Cell::class_of(key(item));
        let mut classes = Vec::new();
        let mut rest = order;
        while let Some(first) = rest.first() {
            let (same, others) = rest.split_at(rest.partition_point(|i| class(i) <= class(first)));
            classes.push(same);
            rest = others;
        }
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
        tree.slots.list.resize(items.len(), Slot { place: 0, generation: 0 });
        tree.slots.len = items.len() as u32;
        let (mut firsts, mut counts) = (Vec::with_capacity(block_count), Vec::new());
        let mut ahead = order.iter().skip(AHEAD);
        for block in classes.iter().flat_map(|class| class.chunks(BLOCK)) {
            let index = tree.store.acquire_block(0.0);
            for (lane, &slot) in block.iter().enumerate() {
                if let Some(&next) = ahead.next() {
                    let (bounds, item) = &items[next as usize];
                    prefetch(bounds);
                    prefetch(item);
                    prefetch(&tree.slots.list[next as usize]);
                }
                let (bounds, item) = items[slot as usize];
                let entry = Entry { bounds, item, slot, layers: LAYERS_DEFAULT };
                tree.store.set_entry(index, lane, &entry);
                tree.slots.set_place(slot, place(index, lane));
            }
            firsts.push(key(&block[0]));
            counts.push(block.len() as u8);
        }
        tree.build_nodes(firsts, &counts);
        tree
    }

    /// Nodes over all blocks, level by level; `keys` are the first ones of the blocks, `counts` the
    /// numbers of their items.
    fn build_nodes(&mut self, mut keys: Vec<u64>, counts: &[u8]) {
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
                    if level == 0 {
                        self.store.nodes[index as usize].counts[lane] = counts[child as usize];
                    }
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
