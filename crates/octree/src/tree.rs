use crate::arch::prefetch;
use crate::key::Cell;
use crate::node::unlink;
use crate::pack::Pack;
use crate::query::Query;
use crate::slots::{Slots, place, unplace};
use crate::store::{BLOCK, Entry, Store};
use crate::{Handle, OctreeError};
use farplane_geom::{Aabb, Vec3};

/// Largest coordinate of a box, m: far beyond any world, and small enough that no square of a
/// distance overflows.
pub const COORDINATE_MAX_M: f32 = 1.0e18;

/// The layers that an item is on unless [`Octree::set_layers`] says otherwise: the first.
pub const LAYERS_DEFAULT: u8 = 1;

/// A linear loose octree: boxes, each with a number of the caller's.
///
/// Items lie in blocks of 64 along a Z curve (a class of sizes first, so that big boxes do not
/// stretch the bounds of small ones), one array for each coordinate; above them is a B+-tree with
/// eight children a node, the bounds of all eight side by side. Cells are loose: an item that moves
/// stays in its block as long as it stretches the block's bounds by little.
///
/// All is flat arrays of numbers. The order of results depends on the operations before, in their
/// order, and on nothing else.
#[derive(Clone, Debug)]
pub struct Octree {
    pub(crate) store: Store,
    pub(crate) slots: Slots,
    pub(crate) cell: Cell,
    /// The block that [`Octree::maintain`] looks at next.
    pub(crate) cursor: u32,
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
        let (store, slots) = (Store::new(1, 0), Slots::new(0));
        Ok(Self { store, slots, cell: Cell::around(&bounds), cursor: 0 })
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len as usize
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What can be asked of the tree; of the items on all layers unless narrowed.
    #[inline]
    #[must_use]
    pub fn query(&self) -> Query<'_> {
        Query::new(self.store.parts())
    }

    /// Adds an item, on the first layer. Several items may have the same number and the same box.
    ///
    /// One node of each level is looked at (8 of them below 10⁸ items), and a block or a node is
    /// split every 24 items or fewer.
    ///
    /// # Errors
    /// [`OctreeError::InvalidBox`] unless the corners are finite, ordered and within
    /// [`COORDINATE_MAX_M`]; [`OctreeError::Full`] beyond 2²⁹ items.
    pub fn insert(&mut self, bounds: &Aabb, item: u32) -> Result<Handle, OctreeError> {
        check(bounds)?;
        let full = OctreeError::Full { count_max: Slots::COUNT_MAX };
        let handle = self.slots.acquire().ok_or(full)?;
        let entry = Entry { bounds: *bounds, item, slot: handle.index, layers: LAYERS_DEFAULT };
        self.place(&entry);
        Ok(handle)
    }

    /// Gives an item another box; the handle stays valid. Constant time while the item strays little
    /// from where it was, else as [`Octree::remove`] and [`Octree::insert`].
    ///
    /// # Errors
    /// [`OctreeError::StaleHandle`] when the item was removed, [`OctreeError::InvalidBox`] as for
    /// [`Octree::insert`]. The item then stays where it was.
    #[inline]
    pub fn move_to(&mut self, handle: Handle, bounds: &Aabb) -> Result<(), OctreeError> {
        let place = self.slots.get(handle).ok_or(OctreeError::StaleHandle { handle })?;
        check(bounds)?;
        let (block, lane) = unplace(place);
        let info = self.store.blocks[block as usize];
        let (node, at) = unlink(info.parent);
        let over = self.store.nodes[node as usize].bounds.overshoot(at, bounds);
        if over > 0.0 {
            if over > info.slack_m && !self.belongs(info.parent, bounds) {
                let entry = Entry { bounds: *bounds, ..self.store.entry(block, lane) };
                self.take(block, lane);
                self.place(&entry);
                return Ok(());
            }
            self.store.blocks[block as usize].slack_m -= over;
            self.store.grow(info.parent, bounds, 0);
        }
        self.store.set_bounds(block, lane, bounds);
        Ok(())
    }

    /// Gives many items other boxes, one after the other as [`Octree::move_to`]: memory is asked for
    /// ahead, so that moves of items from all over a large tree take about half the time.
    ///
    /// # Errors
    /// Those of [`Octree::move_to`], for the first item that cannot be moved; the items before it
    /// have moved, those behind it have not.
    pub fn move_many(&mut self, moves: &[(Handle, Aabb)]) -> Result<(), OctreeError> {
        for (i, (handle, bounds)) in moves.iter().enumerate() {
            self.prefetch_moves(moves, i);
            self.move_to(*handle, bounds)?;
        }
        Ok(())
    }

    /// Asks for what the moves ahead will read: each step needs what the one before it brought.
    #[inline(always)]
    fn prefetch_moves(&self, moves: &[(Handle, Aabb)], now: usize) {
        const STEP: usize = 8;
        let place = |ahead: usize| {
            let (handle, _) = moves.get(now + ahead)?;
            self.slots.get(*handle).map(unplace)
        };
        if let Some((handle, _)) = moves.get(now + 3 * STEP) {
            self.slots.list.get(handle.index as usize).inspect(|slot| prefetch(*slot));
        }
        if let Some((block, lane)) = place(2 * STEP) {
            prefetch(&self.store.blocks[block as usize]);
            prefetch(&self.store.boxes[block as usize][lane / Pack::LANES]);
        }
        if let Some((block, _)) = place(STEP) {
            let (node, _) = unlink(self.store.blocks[block as usize].parent);
            prefetch(&self.store.nodes[node as usize].bounds);
        }
    }

    /// Puts an item on the layers whose bits are set; on none, only queries of all layers find it.
    ///
    /// # Errors
    /// [`OctreeError::StaleHandle`] when the item was removed.
    pub fn set_layers(&mut self, handle: Handle, layers: u8) -> Result<(), OctreeError> {
        let place = self.slots.get(handle).ok_or(OctreeError::StaleHandle { handle })?;
        let (block, lane) = unplace(place);
        self.store.layers[block as usize][lane] = layers;
        let bounds = self.store.bounds(block, lane);
        self.store.grow(self.store.blocks[block as usize].parent, &bounds, layers);
        Ok(())
    }

    /// The layers that an item is on; `None` when it was removed.
    #[must_use]
    pub fn layers(&self, handle: Handle) -> Option<u8> {
        let (block, lane) = unplace(self.slots.get(handle)?);
        Some(self.store.layers[block as usize][lane])
    }

    /// Takes an item out and returns its number. The handle is stale from now on. Amortised
    /// constant time.
    ///
    /// # Errors
    /// [`OctreeError::StaleHandle`] when the item was removed before.
    pub fn remove(&mut self, handle: Handle) -> Result<u32, OctreeError> {
        let place = self.slots.get(handle).ok_or(OctreeError::StaleHandle { handle })?;
        let (block, lane) = unplace(place);
        let item = self.store.items[block as usize][lane];
        self.take(block, lane);
        self.slots.release(handle.index);
        Ok(item)
    }

    /// Box and number of an item; `None` when it was removed.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<(Aabb, u32)> {
        let (block, lane) = unplace(self.slots.get(handle)?);
        let entry = self.store.entry(block, lane);
        Some((entry.bounds, entry.item))
    }

    /// The handles of all items, in the order of their slots; after [`Octree::build`] that is the
    /// order in which the items were given.
    pub fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        self.slots.handles()
    }

    /// Removes all items and keeps the memory. All handles are stale from now on.
    pub fn clear(&mut self) {
        self.store.clear();
        self.slots.clear();
        self.cursor = 0;
    }

    /// Memory held by the tree, bytes.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.store.bytes() + self.slots.bytes()
    }

    /// Whether a box's key is one of those that belong to a child.
    #[inline]
    pub(crate) fn belongs(&self, up: u32, bounds: &Aabb) -> bool {
        let (low, high) = self.store.key_range(up);
        (low..=high).contains(&self.cell.key(bounds))
    }

    /// Stores an entry whose slot is acquired already.
    pub(crate) fn place(&mut self, entry: &Entry) {
        let key = self.cell.key(&entry.bounds);
        let block = loop {
            match self.store.find(key) {
                Some(block) if self.store.count(block) < BLOCK => break block,
                _ => self.make_room(key),
            }
        };
        self.push(block, entry);
        let up = self.store.blocks[block as usize].parent;
        if self.store.count(block) == 1 {
            // What the bounds were before was of other items.
            self.remeasure(block);
        } else {
            self.store.grow(up, &entry.bounds, entry.layers);
        }
    }

    /// Appends to a block with room. The bounds above are the caller's to extend.
    pub(crate) fn push(&mut self, block: u32, entry: &Entry) {
        let lane = self.store.count(block);
        self.store.set_entry(block, lane, entry);
        self.store.set_count(block, lane + 1);
        self.slots.set_place(entry.slot, place(block, lane));
    }

    /// Takes an item out of its block, whose last item fills the gap; its slot is the caller's to
    /// keep or release.
    fn take(&mut self, block: u32, lane: usize) {
        self.take_lane(block, lane);
        self.merge_block(block);
    }

    pub(crate) fn take_lane(&mut self, block: u32, lane: usize) {
        let last = self.store.count(block) - 1;
        self.store.set_count(block, last);
        if lane < last {
            let entry = self.store.entry(block, last);
            self.store.set_entry(block, lane, &entry);
            self.slots.set_place(entry.slot, place(block, lane));
        }
    }
}

pub(crate) fn check(bounds: &Aabb) -> Result<(), OctreeError> {
    let limit = Vec3::splat(COORDINATE_MAX_M);
    let ordered = bounds.min.cmple(bounds.max);
    // Nothing is at most, or at least, what is not a number.
    let within = (-limit).cmple(bounds.min) & bounds.max.cmple(limit);
    if (ordered & within).all() { Ok(()) } else { Err(OctreeError::InvalidBox { bounds: *bounds }) }
}
