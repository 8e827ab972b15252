use crate::Octree;
use crate::node::{NONE, Node, unlink};
use crate::pack::Pack;
use crate::slots::place;
use crate::store::{BLOCK, Store};

/// Making room, and closing up where little is left.
impl Octree {
    /// Blocks with so few items look for a neighbour to join.
    const SPARSE_COUNT: usize = 16;
    /// Neighbours with this few items together become one; far enough from a full block that items
    /// on the move do not split and join in turn.
    const MERGE_COUNT: usize = 40;

    /// Splits what is full on the way to a key, so that an item with that key has room.
    pub(crate) fn make_room(&mut self, key: u64) {
        let store = &mut self.store;
        if store.nodes[store.root as usize].count == 0 {
            let block = store.acquire_block(0.0);
            store.insert_child(store.root, 0, block, 0);
            return;
        }
        let mut index = store.root;
        if usize::from(store.nodes[index as usize].count) == Node::COUNT_MAX {
            index = store.raise_root();
        }
        loop {
            let node = &store.nodes[index as usize];
            let lane = node.route(key);
            if node.level == 0 {
                break self.split_block(index, lane, key);
            }
            let child = node.children[lane];
            if usize::from(store.nodes[child as usize].count) == Node::COUNT_MAX {
                store.split_node(child);
                continue;
            }
            index = child;
        }
    }

    /// Splits a full block of a node with room; the upper half of its items, by keys, move to a new
    /// block behind it.
    fn split_block(&mut self, node: u32, lane: usize, key: u64) {
        let block = self.store.nodes[node as usize].children[lane];
        let up = self.store.blocks[block as usize].parent;
        let (low, high) = self.store.key_range(up);
        // What lies before all keys so far belongs to the first block.
        self.store.nodes[node as usize].first[lane] = low;
        // Strays count to the edge of what belongs here, so that blocks stay in the order of keys.
        let mut order = [(0, 0u8); BLOCK];
        for (lane, slot) in order.iter_mut().enumerate() {
            let bounds = self.store.bounds(block, lane);
            *slot = (self.cell.key(&bounds).clamp(low, high), lane as u8);
        }
        order.sort_unstable();
        let slack_m = self.store.blocks[block as usize].slack_m;
        let new = self.store.acquire_block(slack_m);
        if key >= order[BLOCK - 1].0 {
            // Items that come in ascending order, and crowds at one point, leave full blocks behind.
            self.store.insert_child(node, lane + 1, new, key);
            return;
        }
        let at = split_at(&order);
        self.store.insert_child(node, lane + 1, new, order[at].0);
        let mut upper = [false; BLOCK];
        for &(_, lane) in &order[at..] {
            upper[usize::from(lane)] = true;
        }
        for lane in (0..BLOCK).filter(|&lane| upper[lane]) {
            let entry = self.store.entry(block, lane);
            self.push(new, &entry);
        }
        for lane in (0..BLOCK).rev().filter(|&lane| upper[lane]) {
            self.take_lane(block, lane);
        }
        self.remeasure(block);
        self.remeasure(new);
    }

    /// Measures the bounds of a block that has items, and of what is above, anew.
    pub(crate) fn remeasure(&mut self, block: u32) {
        let Some((bounds, layers)) = self.store.block_extent(block) else { return };
        self.store.blocks[block as usize].slack_m = self.cell.slack_m(&bounds);
        let up = self.store.blocks[block as usize].parent;
        let (node, lane) = unlink(up);
        // A new lane holds what was there before: never take it for already measured.
        self.store.nodes[node as usize].bounds.set(lane, &bounds);
        self.store.nodes[node as usize].layers[lane] = layers;
        let above = self.store.nodes[node as usize].parent;
        if above != NONE {
            let (bounds, layers) = self.store.extent(node);
            self.store.measure(above, bounds, layers);
        }
    }

    /// After items left a block: it goes when it is empty, and joins a neighbour when both are
    /// sparse.
    pub(crate) fn merge_block(&mut self, block: u32) {
        let count = self.store.count(block);
        if count > Self::SPARSE_COUNT {
            return;
        }
        let (index, lane) = unlink(self.store.blocks[block as usize].parent);
        if count == 0 {
            self.store.remove_child(index, lane);
            self.store.release_block(block);
            self.store.close_up(index);
            return;
        }
        let node = &self.store.nodes[index as usize];
        let fits = |left: usize| {
            let pair = [node.children[left], node.children[left + 1]];
            pair.map(|b| self.store.count(b)).iter().sum::<usize>() <= Self::MERGE_COUNT
        };
        let left = if lane > 0 && fits(lane - 1) {
            lane - 1
        } else if lane + 1 < usize::from(node.count) && fits(lane) {
            lane
        } else {
            return;
        };
        self.join(index, left);
    }

    /// Moves the items of a child block to the one before it.
    fn join(&mut self, index: u32, left: usize) {
        let node = &self.store.nodes[index as usize];
        let (into, from) = (node.children[left], node.children[left + 1]);
        for lane in 0..self.store.count(from) {
            let entry = self.store.entry(from, lane);
            let to = self.store.count(into);
            self.store.set_entry(into, to, &entry);
            self.store.set_count(into, to + 1);
            self.slots.set_place(entry.slot, place(into, to));
        }
        self.store.remove_child(index, left + 1);
        self.store.release_block(from);
        self.remeasure(into);
        self.store.close_up(index);
    }
}

/// Where to cut 64 sorted keys: not far from the middle, where the Z curve enters the largest cell.
fn split_at(order: &[(u64, u8); BLOCK]) -> usize {
    let jump = |at: usize| order[at - 1].0 ^ order[at].0;
    let mut best = BLOCK / 2;
    for at in BLOCK / 2 - 8..=BLOCK / 2 + 8 {
        if jump(at).leading_zeros() < jump(best).leading_zeros() {
            best = at;
        }
    }
    best
}

impl Store {
    /// Bounds and layers of a block's items; `None` for none.
    pub fn block_extent(&self, block: u32) -> Option<(farplane_geom::Aabb, u8)> {
        let count = self.count(block);
        let bounds = Pack::union_of(&self.boxes[block as usize], count)?;
        let layers = self.layers[block as usize][..count].iter().fold(0, |all, l| all | l);
        Some((bounds, layers))
    }

    /// A new root above the full one.
    fn raise_root(&mut self) -> u32 {
        let old = self.root;
        let level = self.nodes[old as usize].level;
        self.root = self.acquire_node(Node::new(level + 1));
        self.insert_child(self.root, 0, old, 0);
        let (bounds, layers) = self.extent(old);
        let root = &mut self.nodes[self.root as usize];
        root.bounds.set(0, &bounds);
        root.layers[0] = layers;
        self.root
    }

    /// Splits a full node below one with room; the upper half of its children move to a new node
    /// behind it.
    fn split_node(&mut self, index: u32) {
        const HALF: usize = Node::COUNT_MAX / 2;
        let up = self.nodes[index as usize].parent;
        let (above, lane) = unlink(up);
        // A first child may hold keys from before the one that it was entered with.
        self.nodes[above as usize].first[lane] = self.key_range(up).0;
        let old = self.nodes[index as usize];
        let right = self.acquire_node(Node::new(old.level));
        self.append(right, &old, HALF);
        self.nodes[index as usize].count = HALF as u8;
        self.insert_child(above, lane + 1, right, old.first[HALF]);
        for (child, lane) in [(index, lane), (right, lane + 1)] {
            let (bounds, layers) = self.extent(child);
            let above = &mut self.nodes[above as usize];
            above.bounds.set(lane, &bounds);
            above.layers[lane] = layers;
        }
    }

    /// Appends the children of another node from a lane on.
    fn append(&mut self, index: u32, other: &Node, from: usize) {
        let node = &mut self.nodes[index as usize];
        let first = usize::from(node.count);
        for lane in from..usize::from(other.count) {
            let to = usize::from(node.count);
            node.bounds.copy_lane(to, &other.bounds, lane);
            node.first[to] = other.first[lane];
            node.children[to] = other.children[lane];
            node.layers[to] = other.layers[lane];
            node.counts[to] = other.counts[lane];
            node.count += 1;
        }
        self.relink(index, first);
    }

    /// After a node lost a child: it goes when it is empty, joins a sibling when both have few, and
    /// a root with one node below makes way for it.
    pub fn close_up(&mut self, mut index: u32) {
        while index != self.root {
            let (above, lane) = unlink(self.nodes[index as usize].parent);
            if self.nodes[index as usize].count == 0 {
                self.remove_child(above, lane);
                self.release_node(index);
            } else if !self.join_nodes(above, lane) {
                // Nobody else would ever measure those above: blocks do only as far as that changes
                // them.
                let (bounds, layers) = self.extent(index);
                self.measure(self.nodes[index as usize].parent, bounds, layers);
                return;
            }
            index = above;
        }
        while self.nodes[index as usize].level > 0 && self.nodes[index as usize].count <= 1 {
            if self.nodes[index as usize].count == 0 {
                self.nodes[index as usize] = Node::new(0);
                return;
            }
            self.root = self.nodes[index as usize].children[0];
            self.nodes[self.root as usize].parent = NONE;
            self.release_node(index);
            index = self.root;
        }
    }

    /// Joins a child node with a sibling beside it, if they have few children together.
    fn join_nodes(&mut self, above: u32, lane: usize) -> bool {
        let node = self.nodes[above as usize];
        let fits = |left: usize| {
            let pair = [node.children[left], node.children[left + 1]];
            pair.iter().map(|&n| self.nodes[n as usize].count).sum::<u8>() <= Node::MERGE_COUNT
        };
        let left = if lane > 0 && fits(lane - 1) {
            lane - 1
        } else if lane + 1 < usize::from(node.count) && fits(lane) {
            lane
        } else {
            return false;
        };
        let (into, from) = (node.children[left], node.children[left + 1]);
        let mut other = self.nodes[from as usize];
        // Its first child takes over what belonged to the node before that child's keys.
        other.first[0] = node.first[left + 1];
        self.append(into, &other, 0);
        self.remove_child(above, left + 1);
        self.release_node(from);
        let (bounds, layers) = self.extent(into);
        let above = &mut self.nodes[above as usize];
        above.bounds.set(left, &bounds);
        above.layers[left] = layers;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use farplane_geom::{Aabb, Vec3};

    /// Asserts that every lane above the blocks holds what is below it and no more.
    fn check_bounds(store: &Store) {
        let mut waiting = Vec::from([store.root]);
        while let Some(index) = waiting.pop() {
            let node = &store.nodes[index as usize];
            for lane in 0..usize::from(node.count) {
                let child = node.children[lane];
                let known = Some((node.bounds.get(lane), node.layers[lane]));
                if node.level == 0 {
                    assert_eq!(known, store.block_extent(child));
                } else {
                    assert_eq!(known, Some(store.extent(child)));
                    waiting.push(child);
                }
            }
        }
    }

    /// Four times 8 × 8 blocks of points in a row; a node over eight of those blocks goes, and its
    /// seven siblings join nobody.
    #[test]
    fn bounds_shrink_up_to_the_root_when_a_region_is_emptied() {
        let point = |i: u16| Aabb::new(Vec3::X * f32::from(i), Vec3::X * f32::from(i));
        let items: Vec<_> = (0..4 * 64 * 64).map(point).zip(0..).collect();
        let mut tree = Octree::build(&items).unwrap();
        assert_eq!(tree.store.nodes[tree.store.root as usize].level, 2);
        let handles: Vec<_> = tree.handles().collect();
        for emptied in [handles.len() - 512..handles.len(), 4096..4608, 0..1024] {
            for handle in &handles[emptied] {
                tree.remove(*handle).unwrap();
            }
            tree.maintain(u32::MAX);
            check_bounds(&tree.store);
        }
        let root = &tree.store.nodes[tree.store.root as usize];
        let all = root.bounds.union(usize::from(root.count));
        assert_eq!(all, Some(point(1024).union(&point(15_871))));
    }
}
