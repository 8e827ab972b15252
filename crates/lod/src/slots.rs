use crate::visible::lanes;
use crate::{
    BLOCK, Batch, BatchStats, Batches, CULLED, LodError, LodState, MeshRange, VisibleBlocks,
};

/// One level of one mesh, for a table of all that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSlot {
    /// What its batch is called.
    pub batch: Batch,
    /// Where its indices lie.
    pub range: MeshRange,
}

/// No slot: nothing is drawn instead.
pub const NO_SLOT: u32 = u32::MAX;

/// Makes draw batches of instances whose mesh levels are known in advance: a [`BatchSlot`] each, the
/// levels of one mesh next to each other, from fine to coarse.
///
/// [`Batcher`](crate::Batcher) finds out which meshes and levels there are and sorts by them; this
/// only counts, at a few nanoseconds an instance. One serves any number of views: [`begin`], then
/// [`add`] for each, then [`finish`]. It owns nothing but working memory.
///
/// [`begin`]: SlotBatcher::begin
/// [`add`]: SlotBatcher::add
/// [`finish`]: SlotBatcher::finish
#[derive(Clone, Debug, Default)]
pub struct SlotBatcher {
    /// Instances and the slots that they want; only the first `count` count.
    items: Vec<(u32, u32)>,
    count: usize,
    wanted: Vec<u32>,
    /// By slot: where the next instance goes. The last one is for those that nothing is drawn of.
    next: Vec<u32>,
}

impl SlotBatcher {
    /// Forgets what was added; there are this many slots from now on.
    pub fn begin(&mut self, slots: usize) {
        self.count = 0;
        self.wanted.clear();
        self.wanted.resize(slots, 0);
    }

    /// Adds those of a list of instances that are not [`CULLED`]. `levels` and `first_slots`, the
    /// slot of the finest level of an instance's mesh, are by instance.
    ///
    /// # Errors
    /// [`LodError::Index`] for an instance without level and first slot, or for a slot that does not
    /// exist and is wanted (those of what is culled are not looked at); [`LodError::TooMany`] for more
    /// than 2³² − 1 instances. None of this list was added then.
    pub fn add(
        &mut self,
        instances: &[u32],
        levels: &[u8],
        first_slots: &[u32],
    ) -> Result<(), LodError> {
        self.make_room(instances.len())?;
        let added = self.fill(instances, levels, first_slots);
        self.keep(added)
    }

    /// Adds those of visible blocks that are not [`CULLED`], in the order of the blocks: what
    /// [`SlotBatcher::add`] does for the same instances in a list, but neighbours are read as they
    /// lie. Blocks in which nothing is shown are not read at all. Bits behind the last instance mean
    /// nothing.
    ///
    /// # Errors
    /// [`LodError::Length`] unless there is a first slot for each instance of `state`,
    /// [`LodError::TooMany`] for more than 2³² − 1 instances, [`LodError::Index`] for a block that does not exist, or for a slot that
    /// does not exist and is wanted. None of these was added then.
    pub fn add_blocks(
        &mut self,
        visible: &VisibleBlocks,
        state: &LodState,
        first_slots: &[u32],
    ) -> Result<(), LodError> {
        let (expected, actual) = (state.levels().len(), first_slots.len());
        if actual != expected {
            return Err(LodError::Length { what: "first slots", expected, actual });
        }
        self.make_room(visible.count())?;
        let added = self.fill_blocks(visible, state, first_slots);
        self.keep(added)
    }

    /// Room for so many items more.
    fn make_room(&mut self, more: usize) -> Result<(), LodError> {
        let end = self.count + more;
        if u32::try_from(end).is_err() {
            let (count, count_max) = (end, u32::MAX as usize);
            return Err(LodError::TooMany { what: "instances to draw", count, count_max });
        }
        if self.items.len() < end {
            self.items.resize(end, (0, 0));
        }
        Ok(())
    }

    /// Takes over what was added, or what was counted of it back.
    fn keep(&mut self, added: Result<usize, LodError>) -> Result<(), LodError> {
        if added.is_err() {
            // What was counted of this list counts no more.
            self.wanted.fill(0);
            for &(_, slot) in &self.items[..self.count] {
                self.wanted[slot as usize] += 1;
            }
        }
        self.count = added?;
        Ok(())
    }

    /// Returns the number of items now.
    fn fill(
        &mut self,
        instances: &[u32],
        levels: &[u8],
        first_slots: &[u32],
    ) -> Result<usize, LodError> {
        let slots = self.wanted.len();
        // Every candidate is written and only kept ones are counted: no branch to mispredict.
        let mut kept = self.count;
        for &instance in instances {
            let i = instance as usize;
            let (Some(&level), Some(&first)) = (levels.get(i), first_slots.get(i)) else {
                let count = levels.len().min(first_slots.len());
                return Err(LodError::Index { what: "instance", index: instance, count });
            };
            let shown = level != CULLED;
            let slot = if shown { first.saturating_add(u32::from(level)) } else { 0 };
            let Some(wanted) = self.wanted.get_mut(slot as usize) else {
                if !shown {
                    continue;
                }
                return Err(LodError::Index { what: "mesh level", index: slot, count: slots });
            };
            *wanted += u32::from(shown);
            self.items[kept] = (instance, slot);
            kept += usize::from(shown);
        }
        Ok(kept)
    }

    /// Returns the number of items now.
    fn fill_blocks(
        &mut self,
        visible: &VisibleBlocks,
        state: &LodState,
        first_slots: &[u32],
    ) -> Result<usize, LodError> {
        let mut kept = self.count;
        for (&block, &mask) in visible.blocks().iter().zip(visible.masks()) {
            let Some(&shown) = state.shown().get(block as usize) else {
                let count = state.shown().len();
                return Err(LodError::Index { what: "block", index: block, count });
            };
            let (first, mask) = (block as usize * BLOCK, mask & shown);
            let levels = &state.levels()[first..];
            let slots = &first_slots[first..];
            if mask == u64::MAX {
                let whole = levels.iter().zip(slots).take(BLOCK).enumerate();
                for (lane, (&level, &slot)) in whole {
                    self.put(kept + lane, first + lane, slot.saturating_add(u32::from(level)))?;
                }
            } else {
                for (i, lane) in lanes(mask).enumerate() {
                    let slot = slots[lane].saturating_add(u32::from(levels[lane]));
                    self.put(kept + i, first + lane, slot)?;
                }
            }
            kept += mask.count_ones() as usize;
        }
        Ok(kept)
    }

    /// Counts an item and writes it to its place.
    #[inline(always)]
    fn put(&mut self, at: usize, instance: usize, slot: u32) -> Result<(), LodError> {
        let count = self.wanted.len();
        let Some(wanted) = self.wanted.get_mut(slot as usize) else {
            return Err(LodError::Index { what: "mesh level", index: slot, count });
        };
        *wanted += 1;
        self.items[at] = (instance as u32, slot);
        Ok(())
    }

    /// How many instances were added: drawn or, without anything to draw instead, missing.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many instances want each slot.
    #[must_use]
    pub fn wanted(&self) -> &[u32] {
        &self.wanted
    }

    /// Batches of what was added, in the order of the slots; within a batch instances keep the order
    /// of their coming. `drawn` is by slot the one that is drawn instead, itself or another or
    /// [`NO_SLOT`]. A counting sort: O(instances + slots).
    ///
    /// # Errors
    /// [`LodError::Length`] unless `slots` and `drawn` have as many elements as there are slots,
    /// [`LodError::Index`] for a slot that does not exist. Nothing was done then.
    pub fn finish(
        &mut self,
        drawn: &[u32],
        slots: &[BatchSlot],
        out: &mut Batches,
    ) -> Result<BatchStats, LodError> {
        let count = self.wanted.len();
        for (what, actual) in [("slots", slots.len()), ("slots drawn instead", drawn.len())] {
            if actual != count {
                return Err(LodError::Length { what, expected: count, actual });
            }
        }
        let exists = |&&slot: &&u32| slot != NO_SLOT && slot as usize >= count;
        if let Some(&index) = drawn.iter().find(exists) {
            return Err(LodError::Index { what: "slot drawn instead", index, count });
        }
        let place = |slot: u32| (slot as usize).min(count);
        self.next.clear();
        self.next.resize(count + 1, 0);
        for (&wanted, &slot) in self.wanted.iter().zip(drawn) {
            self.next[place(slot)] += wanted;
        }
        out.clear_draws();
        let mut stats = BatchStats::default();
        for (next, slot) in self.next.iter_mut().zip(slots) {
            let instances = *next;
            *next = stats.instances as u32;
            if instances > 0 {
                out.push(slot.batch, &slot.range, instances, &mut stats);
            }
        }
        // What is missing goes behind everything else, and is cut off.
        self.next[count] = stats.instances as u32;
        out.instances.resize(self.count, 0);
        for &(instance, wanted) in &self.items[..self.count] {
            let next = &mut self.next[place(drawn[wanted as usize])];
            out.instances[*next as usize] = instance;
            *next += 1;
        }
        out.instances.truncate(stats.instances as usize);
        Ok(stats)
    }
}
