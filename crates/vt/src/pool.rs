use alloc::vec::Vec;
use core::fmt;

/// Slots that a pool can have: one 16-bit number is left to mean none.
pub const SLOTS_MAX: u32 = u16::MAX as u32;

/// A place for one page in the page pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// The right to a slot, from its allocation until it is freed. A handle that outlives that is
/// stale, and every call with it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotHandle {
    slot: Slot,
    generation: u32,
}

impl SlotHandle {
    /// The slot.
    #[must_use]
    pub const fn slot(self) -> Slot {
        self.slot
    }
}

/// Which slots of the page pool are taken, and by how many. Which page to evict is not decided
/// here.
///
/// A *pin* says that the page must stay; a *reference* that somebody still reads the slot, a
/// frame in flight for example. Both are counted, and a slot with either cannot be freed.
#[derive(Clone, Debug)]
pub struct PagePool {
    generations: Vec<u32>,
    pins: Vec<u32>,
    references: Vec<u32>,
    allocated: Vec<bool>,
    /// Last in, first out; a fresh pool gives slot 0 first.
    free: Vec<Slot>,
    pinned: u32,
    referenced: u32,
    allocated_max: u32,
    allocations: u64,
    refused: u64,
}

/// Counts of a [`PagePool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Slots in all.
    pub slots: u32,
    /// Slots that are taken now.
    pub allocated: u32,
    /// Most slots that were taken at once.
    pub allocated_max: u32,
    /// Slots with at least one pin.
    pub pinned: u32,
    /// Slots with at least one reference.
    pub referenced: u32,
    /// Allocations that succeeded, in all.
    pub allocations: u64,
    /// Allocations that found no free slot, in all.
    pub refused: u64,
}

/// What a [`PagePool`] cannot do. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolError {
    /// A pool of no slots, or of more than [`SLOTS_MAX`].
    Slots {
        /// Slots that were asked for.
        slots: u32,
    },
    /// The slot was freed since the handle was given, or is not of this pool.
    Stale {
        /// The handle's slot.
        slot: Slot,
        /// The handle's generation.
        generation: u32,
    },
    /// A slot in use cannot be freed.
    InUse {
        /// The slot.
        slot: Slot,
        /// Its pins.
        pins: u32,
        /// Its references.
        references: u32,
    },
    /// Taken back more often than given.
    NotHeld {
        /// The slot.
        slot: Slot,
    },
    /// Given 2³² − 1 times already.
    TooManyHolds {
        /// The slot.
        slot: Slot,
    },
}

impl PagePool {
    /// A pool of free slots 0 to `slots` − 1.
    ///
    /// # Errors
    /// [`PoolError::Slots`] unless there are 1 to [`SLOTS_MAX`].
    pub fn new(slots: u32) -> Result<Self, PoolError> {
        if !(1..=SLOTS_MAX).contains(&slots) {
            return Err(PoolError::Slots { slots });
        }
        let zeros = alloc::vec![0; slots as usize];
        Ok(Self {
            generations: zeros.clone(),
            pins: zeros.clone(),
            references: zeros,
            allocated: alloc::vec![false; slots as usize],
            free: (0..slots as u16).rev().map(Slot).collect(),
            pinned: 0,
            referenced: 0,
            allocated_max: 0,
            allocations: 0,
            refused: 0,
        })
    }

    /// Takes a free slot, without pins and references; none if all are taken.
    pub fn allocate(&mut self) -> Option<SlotHandle> {
        let Some(slot) = self.free.pop() else {
            self.refused += 1;
            return None;
        };
        let i = usize::from(slot.0);
        self.allocated[i] = true;
        self.allocations += 1;
        self.allocated_max = self.allocated_max.max(self.allocated());
        Some(SlotHandle { slot, generation: self.generations[i] })
    }

    /// Gives a slot back; its handle is stale from now on.
    ///
    /// # Errors
    /// [`PoolError::Stale`], or [`PoolError::InUse`] while it has pins or references.
    pub fn free(&mut self, handle: SlotHandle) -> Result<(), PoolError> {
        let i = self.check(handle)?;
        let (pins, references) = (self.pins[i], self.references[i]);
        if pins > 0 || references > 0 {
            return Err(PoolError::InUse { slot: handle.slot, pins, references });
        }
        self.allocated[i] = false;
        self.generations[i] = self.generations[i].wrapping_add(1);
        self.free.push(handle.slot);
        Ok(())
    }

    /// Adds a pin.
    ///
    /// # Errors
    /// [`PoolError::Stale`], or [`PoolError::TooManyHolds`].
    pub fn pin(&mut self, handle: SlotHandle) -> Result<(), PoolError> {
        let i = self.check(handle)?;
        hold(handle.slot, &mut self.pins[i], &mut self.pinned)
    }

    /// Takes a pin away.
    ///
    /// # Errors
    /// [`PoolError::Stale`], or [`PoolError::NotHeld`] without a pin.
    pub fn unpin(&mut self, handle: SlotHandle) -> Result<(), PoolError> {
        let i = self.check(handle)?;
        let_go(handle.slot, &mut self.pins[i], &mut self.pinned)
    }

    /// Adds a reference.
    ///
    /// # Errors
    /// [`PoolError::Stale`], or [`PoolError::TooManyHolds`].
    pub fn retain(&mut self, handle: SlotHandle) -> Result<(), PoolError> {
        let i = self.check(handle)?;
        hold(handle.slot, &mut self.references[i], &mut self.referenced)
    }

    /// Takes a reference away. The slot stays taken: freeing it is its owner's decision.
    ///
    /// # Errors
    /// [`PoolError::Stale`], or [`PoolError::NotHeld`] without a reference.
    pub fn release(&mut self, handle: SlotHandle) -> Result<(), PoolError> {
        let i = self.check(handle)?;
        let_go(handle.slot, &mut self.references[i], &mut self.referenced)
    }

    /// Whether the slot still belongs to the handle.
    #[must_use]
    pub fn is_valid(&self, handle: SlotHandle) -> bool {
        self.check(handle).is_ok()
    }

    /// Whether [`PagePool::free`] would succeed.
    #[must_use]
    pub fn is_evictable(&self, handle: SlotHandle) -> bool {
        self.check(handle).is_ok_and(|i| self.pins[i] == 0 && self.references[i] == 0)
    }

    /// Pins of a slot; none for a stale handle.
    #[must_use]
    pub fn pins(&self, handle: SlotHandle) -> Option<u32> {
        self.check(handle).ok().map(|i| self.pins[i])
    }

    /// References to a slot; none for a stale handle.
    #[must_use]
    pub fn references(&self, handle: SlotHandle) -> Option<u32> {
        self.check(handle).ok().map(|i| self.references[i])
    }

    /// The handle of a slot that is taken.
    #[must_use]
    pub fn handle(&self, slot: Slot) -> Option<SlotHandle> {
        let i = usize::from(slot.0);
        let allocated = self.allocated.get(i).copied().unwrap_or(false);
        allocated.then(|| SlotHandle { slot, generation: self.generations[i] })
    }

    /// Slots in all.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.generations.len() as u32
    }

    /// Slots that are free.
    #[must_use]
    pub fn free_slots(&self) -> u32 {
        self.free.len() as u32
    }

    /// All counts at once; costs nothing.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        PoolStats {
            slots: self.slots(),
            allocated: self.allocated(),
            allocated_max: self.allocated_max,
            pinned: self.pinned,
            referenced: self.referenced,
            allocations: self.allocations,
            refused: self.refused,
        }
    }

    fn allocated(&self) -> u32 {
        self.slots() - self.free_slots()
    }

    fn check(&self, handle: SlotHandle) -> Result<usize, PoolError> {
        if self.handle(handle.slot) == Some(handle) {
            Ok(usize::from(handle.slot.0))
        } else {
            Err(PoolError::Stale { slot: handle.slot, generation: handle.generation })
        }
    }
}

fn hold(slot: Slot, count: &mut u32, held: &mut u32) -> Result<(), PoolError> {
    *count = count.checked_add(1).ok_or(PoolError::TooManyHolds { slot })?;
    *held += u32::from(*count == 1);
    Ok(())
}

fn let_go(slot: Slot, count: &mut u32, held: &mut u32) -> Result<(), PoolError> {
    *count = count.checked_sub(1).ok_or(PoolError::NotHeld { slot })?;
    *held -= u32::from(*count == 0);
    Ok(())
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Slots { slots } => {
                write!(f, "a page pool of {slots} slots: it must have 1 to {SLOTS_MAX}")
            }
            Self::Stale { slot, generation } => write!(
                f,
                "the handle of slot {} (generation {generation}) is stale: the slot was freed",
                slot.0
            ),
            Self::InUse { slot, pins, references } => write!(
                f,
                "slot {} cannot be freed: {pins} pins and {references} references hold it",
                slot.0
            ),
            Self::NotHeld { slot } => {
                write!(f, "slot {} was let go more often than it was held", slot.0)
            }
            Self::TooManyHolds { slot } => {
                write!(f, "slot {} is held {} times already", slot.0, u32::MAX)
            }
        }
    }
}

impl core::error::Error for PoolError {}
