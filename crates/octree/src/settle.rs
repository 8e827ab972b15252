use crate::Octree;
use crate::arch::prefetch;
use crate::node::{NONE, unlink};
use crate::store::{BLOCK, Entry};
use alloc::vec::Vec;
use farplane_geom::Aabb;

/// What a call of [`Octree::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Blocks whose bounds were measured anew.
    pub blocks: u32,
    /// Items that had strayed and went where they belong.
    pub moved: u32,
}

impl Octree {
    /// Keeps queries fast while items move: looks at the next `blocks_max` blocks in turn, measures
    /// their bounds anew and sends items that strayed far where they belong. A block of 64 items
    /// takes at most about as long as ten moves. Handles stay valid; results stay the same, but for
    /// their order.
    ///
    /// A hundred a frame do for ten thousand moves a frame. Without any, bounds that grew never
    /// shrink, and queries become slower, though by a bounded amount.
    pub fn maintain(&mut self, blocks_max: u32) -> Maintenance {
        let mut done = Maintenance::default();
        let count = self.store.blocks.len() as u32;
        for _ in 0..blocks_max.min(count) {
            if self.cursor as usize >= self.store.blocks.len() {
                self.cursor = 0;
            }
            let block = self.cursor;
            self.cursor += 1;
            self.store.boxes.get(self.cursor as usize).inspect(|boxes| prefetch(*boxes));
            if !self.store.blocks[block as usize].is_free() {
                done.blocks += 1;
                done.moved += self.settle(block);
                self.repack_from(block);
            }
        }
        done
    }

    /// Measures one block anew; returns how many strays left it.
    fn settle(&mut self, block: u32) -> u32 {
        let info = self.store.blocks[block as usize];
        let (node, lane) = unlink(info.parent);
        let measured = self.store.nodes[node as usize].bounds.get(lane);
        if info.slack_m == self.cell.slack_m(&measured) {
            // Nothing stretched the bounds since they were measured, so nothing strays beyond them.
            self.remeasure(block);
            return 0;
        }
        let mut leaving = [Entry { slot: NONE, ..self.store.entry(block, 0) }; BLOCK];
        let left = self.send_off(block, &mut leaving);
        self.remeasure(block);
        self.merge_block(block);
        for entry in &leaving[..left] {
            self.place(entry);
        }
        left as u32
    }

    /// Takes the items out of a block that belong elsewhere and stretch it; returns how many.
    fn send_off(&mut self, block: u32, leaving: &mut [Entry; BLOCK]) -> usize {
        let (low, high) = self.store.key_range(self.store.blocks[block as usize].parent);
        let count = self.store.count(block);
        let mut strays = [false; BLOCK];
        let mut home: Option<Aabb> = None;
        for (lane, stray) in strays.iter_mut().enumerate().take(count) {
            let bounds = self.store.bounds(block, lane);
            *stray = !(low..=high).contains(&self.cell.key(&bounds));
            if !*stray {
                home = Some(home.map_or(bounds, |home| home.union(&bounds)));
            }
        }
        let mut left = 0;
        for lane in (0..count).rev().filter(|&lane| strays[lane]) {
            let entry = self.store.entry(block, lane);
            if home.is_some_and(|home| reach(&home, &entry.bounds) <= self.cell.slack_m(&home)) {
                continue;
            }
            leaving[left] = entry;
            left += 1;
            self.take_lane(block, lane);
        }
        left
    }
}

/// Blocks that splits left half empty.
impl Octree {
    /// Nodes whose blocks hold fewer items than this on average are packed anew.
    const LOOSE_COUNT: usize = 50;
    /// Items of a block then, at most: a few can come before it splits again.
    const PACKED_COUNT: usize = 58;

    /// Packs the blocks of a node into fewer, if that saves one; at its first block, so that one
    /// round of [`Octree::maintain`] does so once.
    fn repack_from(&mut self, block: u32) {
        let info = self.store.blocks[block as usize];
        let (index, lane) = unlink(info.parent);
        if info.is_free() || lane > 0 {
            return;
        }
        let mut node = self.store.nodes[index as usize];
        let blocks = &mut node.children[..usize::from(node.count)];
        let total: usize = blocks.iter().map(|&b| self.store.count(b)).sum();
        let needed = total.div_ceil(Self::PACKED_COUNT);
        if total > Self::LOOSE_COUNT * blocks.len() || needed >= blocks.len() {
            return;
        }
        let mut order = Vec::with_capacity(total);
        for &mut block in blocks.iter_mut() {
            let (low, high) = self.store.key_range(self.store.blocks[block as usize].parent);
            for lane in 0..self.store.count(block) {
                let entry = self.store.entry(block, lane);
                order.push((self.cell.key(&entry.bounds).clamp(low, high), entry));
            }
        }
        order.sort_unstable_by_key(|(key, entry)| (*key, entry.slot));
        // What lies before all keys so far belongs to the first block.
        self.store.nodes[index as usize].first[0] = self.store.key_range(info.parent).0;
        // Splits took blocks from anywhere: neighbours in the tree become neighbours in memory again,
        // as far as these allow, and the last ones are given back.
        blocks.sort_unstable();
        self.store.nodes[index as usize].children[..blocks.len()].copy_from_slice(blocks);
        self.store.relink(index, 0);
        for &block in blocks.iter() {
            self.store.set_count(block, 0);
        }
        for (i, &block) in blocks[..needed].iter().enumerate() {
            let part = &order[i * total / needed..(i + 1) * total / needed];
            for (_, entry) in part {
                self.push(block, entry);
            }
            if i > 0 {
                self.store.nodes[index as usize].first[i] = part[0].0;
            }
        }
        for lane in (needed..blocks.len()).rev() {
            self.store.remove_child(index, lane);
            self.store.release_block(blocks[lane]);
        }
        for &block in &blocks[..needed] {
            self.remeasure(block);
        }
        self.store.close_up(index);
    }
}

/// How far a box reaches beyond another, m.
fn reach(home: &Aabb, b: &Aabb) -> f32 {
    (home.min - b.min).max(b.max - home.max).max_element()
}
