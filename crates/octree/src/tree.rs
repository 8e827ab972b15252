use crate::block::{Block, Entry};
use crate::node::{Node, Octet};
use crate::pool::{NONE, Pool};
use crate::slot::{Place, Slots};
use crate::{Handle, OctreeError};
use farplane_geom::{Aabb, Vec3};

/// Largest coordinate of a box, m: far beyond any world, and small enough that no square of a
/// distance overflows.
pub const COORDINATE_MAX_M: f32 = 1.0e18;

pub(crate) const ROOT: u32 = 0;

/// A loose octree: boxes, each with a number of the caller's.
///
/// A leaf splits when it holds more than 64 items, down to a depth of 16; an item goes to the
/// deepest node whose cell, grown to twice its edge, holds its box. Items sit in blocks of 16 with
/// one array per coordinate, and a node keeps the measured bounds of its eight children side by
/// side, so that queries test several boxes per instruction.
///
/// The order of results depends on the operations before, in their order, and on nothing else.
#[derive(Clone, Debug)]
pub struct Octree {
    pub(crate) nodes: Pool<Node>,
    pub(crate) octets: Pool<Octet>,
    pub(crate) blocks: Pool<Block>,
    slots: Slots,
    /// Centre and half edge of the root's cell, m.
    cell: (Vec3, f32),
}

impl Octree {
    /// An empty tree over a part of the world. Items may lie outside: they are found all the same,
    /// but more slowly when there are many of them.
    ///
    /// # Errors
    /// [`OctreeError::InvalidBox`] unless the corners are finite, ordered and within
    /// [`COORDINATE_MAX_M`].
    pub fn new(bounds: Aabb) -> Result<Self, OctreeError> {
        check(&bounds)?;
        let half = bounds.half_size().max_element();
        // A point has no size to divide: any edge will do.
        let cell = (bounds.center(), if half > 0.0 { half } else { 1.0 });
        let mut tree = Self {
            nodes: Pool::new(),
            octets: Pool::new(),
            blocks: Pool::new(),
            slots: Slots::new(),
            cell,
        };
        tree.nodes.acquire(Node::root(cell.0, cell.1));
        Ok(tree)
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes[ROOT].count as usize
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an item. Several items may have the same number and the same box.
    ///
    /// # Errors
    /// [`OctreeError::InvalidBox`] unless the corners are finite, ordered and within
    /// [`COORDINATE_MAX_M`]; [`OctreeError::Full`] beyond 2³⁰ items.
    pub fn insert(&mut self, bounds: &Aabb, item: u32) -> Result<Handle, OctreeError> {
        check(bounds)?;
        let handle = self.acquire_slot()?;
        self.place(&Entry { bounds: *bounds, item, slot: handle.index });
        Ok(handle)
    }

    /// Gives an item another box; the handle stays valid. Cheap while the item stays near: it
    /// leaves its node only for one that fits better.
    ///
    /// # Errors
    /// [`OctreeError::StaleHandle`] when the item was removed, [`OctreeError::InvalidBox`] as for
    /// [`Octree::insert`]. The item then stays where it was.
    pub fn move_to(&mut self, handle: Handle, bounds: &Aabb) -> Result<(), OctreeError> {
        let place = self.slots.get(handle).ok_or(OctreeError::StaleHandle { handle })?;
        check(bounds)?;
        let block = &mut self.blocks[place.block];
        let node = block.node;
        if self.nodes[node].keeps(bounds) {
            block.boxes.set(place.lane as usize, bounds);
            self.grow(node, bounds);
        } else {
            let item = block.items[place.lane as usize];
            self.take(place);
            self.place(&Entry { bounds: *bounds, item, slot: handle.index });
        }
        Ok(())
    }

    /// Takes an item out and returns its number. The handle is stale from now on.
    ///
    /// # Errors
    /// [`OctreeError::StaleHandle`] when the item was removed before.
    pub fn remove(&mut self, handle: Handle) -> Result<u32, OctreeError> {
        let place = self.slots.get(handle).ok_or(OctreeError::StaleHandle { handle })?;
        let item = self.blocks[place.block].items[place.lane as usize];
        self.take(place);
        self.slots.release(handle.index);
        Ok(item)
    }

    /// Box and number of an item; `None` when it was removed.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<(Aabb, u32)> {
        let place = self.slots.get(handle)?;
        let entry = self.blocks[place.block].get(place.lane as usize);
        Some((entry.bounds, entry.item))
    }

    /// The handles of all items, in the order of their slots; after [`Octree::build`] that is the
    /// order in which the items were given.
    pub fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        self.slots.handles()
    }

    /// Removes all items and keeps the memory. All handles are stale from now on.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.octets.clear();
        self.blocks.clear();
        self.slots.clear();
        self.nodes.acquire(Node::root(self.cell.0, self.cell.1));
    }

    /// Memory held by the tree, bytes.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.nodes.bytes() + self.octets.bytes() + self.blocks.bytes() + self.slots.bytes()
    }

    pub(crate) fn acquire_slot(&mut self) -> Result<Handle, OctreeError> {
        self.slots.acquire().ok_or(OctreeError::Full { count_max: Slots::COUNT_MAX })
    }

    /// Stores an entry whose slot is acquired already.
    pub(crate) fn place(&mut self, entry: &Entry) {
        let mut node = ROOT;
        self.nodes[ROOT].count += 1;
        while self.nodes[node].is_inner {
            let Some(octant) = self.nodes[node].fitting_octant(&entry.bounds) else { break };
            node = self.enter(node, octant, &entry.bounds);
        }
        self.push(node, entry);
        if is_overfull(&self.nodes[node]) {
            self.split(node);
        }
    }

    /// The child of an inner node, made if it is missing, with one more item and its bounds
    /// extended to the item's.
    fn enter(&mut self, node: u32, octant: u8, bounds: &Aabb) -> u32 {
        let mut octet = self.nodes[node].octet;
        if octet == NONE {
            octet = self.octets.acquire(Octet::new());
            self.nodes[node].octet = octet;
        }
        let octet = &mut self.octets[octet];
        let lane = usize::from(octant);
        if octet.children[lane] == NONE {
            let child = self.nodes[node].child(node, octant);
            octet.children[lane] = self.nodes.acquire(child);
            octet.bounds.set(lane, bounds);
        } else {
            let extended = octet.bounds.get(lane).union(bounds);
            octet.bounds.set(lane, &extended);
        }
        let child = octet.children[lane];
        self.nodes[child].count += 1;
        child
    }

    /// Appends to the node's own items; bounds and counts below are the caller's to keep.
    fn push(&mut self, node: u32, entry: &Entry) {
        let mut head = self.nodes[node].head;
        if head == NONE || self.blocks[head].is_full() {
            head = self.blocks.acquire(Block::new(node, head));
            self.nodes[node].head = head;
        }
        let block = &mut self.blocks[head];
        let lane = block.count;
        block.set(lane as usize, entry);
        block.count += 1;
        self.nodes[node].own_count += 1;
        self.slots.set(entry.slot, Place { block: head, lane });
    }

    /// Extends the bounds of a node and of those above to a box that moved within it.
    fn grow(&mut self, mut node: u32, bounds: &Aabb) {
        while node != ROOT {
            let Node { parent, octant, .. } = self.nodes[node];
            let octet = &mut self.octets[self.nodes[parent].octet];
            let old = octet.bounds.get(usize::from(octant));
            let new = old.union(bounds);
            if new == old {
                return;
            }
            octet.bounds.set(usize::from(octant), &new);
            node = parent;
        }
    }

    /// Makes a leaf inner: what fits a child goes there.
    fn split(&mut self, node: u32) {
        let mut block = core::mem::replace(&mut self.nodes[node].head, NONE);
        self.nodes[node].own_count = 0;
        self.nodes[node].is_inner = true;
        while block != NONE {
            for lane in 0..self.blocks[block].count as usize {
                let entry = self.blocks[block].get(lane);
                let Some(octant) = self.nodes[node].fitting_octant(&entry.bounds) else {
                    self.push(node, &entry);
                    continue;
                };
                let child = self.enter(node, octant, &entry.bounds);
                self.push(child, &entry);
            }
            let next = self.blocks[block].next;
            self.blocks.release(block);
            block = next;
        }
        let octet = self.nodes[node].octet;
        if octet == NONE {
            return;
        }
        for child in self.octets[octet].children {
            if child != NONE && is_overfull(&self.nodes[child]) {
                self.split(child);
            }
        }
    }

    /// Takes an item out of its node; its slot is the caller's to keep or release. The last item
    /// of the node's first block fills the gap.
    fn take(&mut self, place: Place) {
        let node = self.blocks[place.block].node;
        let head = self.nodes[node].head;
        let last = self.blocks[head].count - 1;
        let entry = self.blocks[head].get(last as usize);
        self.blocks[place.block].set(place.lane as usize, &entry);
        self.slots.set(entry.slot, place);
        self.blocks[head].count = last;
        self.nodes[node].own_count -= 1;
        if last == 0 {
            self.nodes[node].head = self.blocks[head].next;
            self.blocks.release(head);
        }
        self.shrink(node);
    }

    /// After an item left a node: counts, and the highest inner node with too few items collapses.
    fn shrink(&mut self, node: u32) {
        let (mut at, mut sparse) = (node, NONE);
        while at != NONE {
            let above = &mut self.nodes[at];
            above.count -= 1;
            if above.is_inner && above.count as usize <= Node::COLLAPSE_COUNT {
                sparse = at;
            }
            at = above.parent;
        }
        if sparse != NONE {
            self.collapse(sparse);
        }
        // If the collapsed node is empty, the one above it is not sparse and stays.
        let emptied = if sparse == NONE { node } else { sparse };
        if emptied != ROOT && self.nodes[emptied].count == 0 {
            let Node { parent, octant, .. } = self.nodes[emptied];
            self.octets[self.nodes[parent].octet].children[usize::from(octant)] = NONE;
            self.nodes.release(emptied);
        }
    }

    /// Makes an inner node a leaf that holds all items below, and measures its bounds anew.
    fn collapse(&mut self, node: u32) {
        let nothing = Entry { bounds: Aabb::new(Vec3::ZERO, Vec3::ZERO), item: 0, slot: NONE };
        let mut entries = [nothing; Node::COLLAPSE_COUNT];
        let mut count = 0;
        self.drain(node, &mut entries, &mut count);
        self.nodes[node].is_inner = false;
        let Some((first, rest)) = entries[..count].split_first() else { return };
        let bounds = rest.iter().fold(first.bounds, |bounds, e| bounds.union(&e.bounds));
        let Node { parent, octant, .. } = self.nodes[node];
        if parent != NONE {
            let octet = self.nodes[parent].octet;
            self.octets[octet].bounds.set(usize::from(octant), &bounds);
        }
        for entry in &entries[..count] {
            self.push(node, entry);
        }
    }

    /// Takes all items in and below a node, and releases everything below it.
    fn drain(&mut self, node: u32, entries: &mut [Entry], count: &mut usize) {
        let mut block = core::mem::replace(&mut self.nodes[node].head, NONE);
        self.nodes[node].own_count = 0;
        while block != NONE {
            for lane in 0..self.blocks[block].count as usize {
                entries[*count] = self.blocks[block].get(lane);
                *count += 1;
            }
            let next = self.blocks[block].next;
            self.blocks.release(block);
            block = next;
        }
        let octet = core::mem::replace(&mut self.nodes[node].octet, NONE);
        if octet == NONE {
            return;
        }
        for child in self.octets[octet].children {
            if child != NONE {
                self.drain(child, entries, count);
                self.nodes.release(child);
            }
        }
        self.octets.release(octet);
    }
}

fn is_overfull(node: &Node) -> bool {
    !node.is_inner && node.own_count > Node::LEAF_COUNT_MAX && node.depth < Node::DEPTH_MAX
}

pub(crate) fn check(bounds: &Aabb) -> Result<(), OctreeError> {
    let limit = Vec3::splat(COORDINATE_MAX_M);
    let within = (-limit).cmple(bounds.min).all() && bounds.max.cmple(limit).all();
    if bounds.is_valid() && within {
        Ok(())
    } else {
        Err(OctreeError::InvalidBox { bounds: *bounds })
    }
}
