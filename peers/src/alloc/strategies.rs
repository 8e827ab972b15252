//! What a streamer can do so that less is refused, behind one trait.

use super::trace::{ARENA_BYTES, UNIT_BYTES};
use crate::rounds::since_ns;
use farplane_alloc::{Handle, PassLimits, RangeAllocator, RoomRequest, Steps};
use std::collections::BTreeMap;
use std::time::Instant;

/// What moving and evicting cost.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Bytes of allocations that got nothing.
    pub refused_bytes: u64,
    /// Bytes of blocks that went although the trace still wanted them.
    pub evicted_bytes: u64,
    /// Bytes copied.
    pub moved_bytes: u64,
    /// In this frame.
    pub moved_frame_bytes: u64,
    /// The most in one frame.
    pub moved_frame_bytes_max: u64,
    /// Time of each plan, µs.
    pub plans_us: Vec<f64>,
}

impl Counts {
    /// Counts a copy.
    pub fn moved(&mut self, bytes: u64) {
        self.moved_bytes += bytes;
        self.moved_frame_bytes += bytes;
        self.moved_frame_bytes_max = self.moved_frame_bytes_max.max(self.moved_frame_bytes);
    }
}

/// An allocator and what is done beside allocating.
pub trait Strategy {
    /// A block for a slot of the trace; what is refused is counted.
    fn allocate(&mut self, slot: u32, units: u32, now: u64);
    /// Frees the slot's block, if it has one.
    fn free(&mut self, slot: u32);
    /// 32 operations are over.
    fn end_frame(&mut self);
    /// What it cost until now.
    fn counts(&mut self) -> &mut Counts;
    /// 1 − largest hole / all holes.
    fn fragmentation(&self) -> f64;
    /// Share of the arena that is held.
    fn occupancy(&self) -> f64;
}

/// What to do on a refusal, or in each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing.
    Nothing,
    /// Evict the oldest block until a hole fits.
    EvictOldest,
    /// Move up to 4 MiB in the background of each frame.
    MoveAlways,
    /// Make room on demand: the cheapest window, what is in it moved or evicted.
    MakeRoom,
}

/// Most bytes that a frame may move.
pub const MOVE_BYTES_MAX: u64 = 4 << 20;
/// Most bytes that one room may move: a plan that may take all of a frame moves more and evicts
/// less.
const PLAN_BYTES_MAX: u64 = 3 << 20;
const MOVES_MAX: usize = 64;
/// What it is worth not to evict a block, in bytes copied for each of its bytes.
const PRICE: u64 = 2;

/// farplane-alloc with one of the remedies.
pub struct Farplane {
    remedy: Remedy,
    allocator: RangeAllocator,
    /// By slot of the trace.
    handles: Vec<Option<Handle>>,
    /// By index of a handle: the slot, and when it was allocated.
    owners: Vec<(u32, u64)>,
    /// Slots by age; only kept where the oldest is asked for.
    ages: BTreeMap<u64, u32>,
    steps: Steps,
    counts: Counts,
}

impl Farplane {
    /// All free.
    pub fn new(remedy: Remedy, slots: usize) -> Self {
        Self {
            remedy,
            allocator: RangeAllocator::with_granule(ARENA_BYTES, UNIT_BYTES),
            handles: vec![None; slots],
            owners: Vec::new(),
            ages: BTreeMap::new(),
            steps: Steps::default(),
            counts: Counts::default(),
        }
    }

    fn evict_until_it_fits(&mut self, bytes: u64) -> Option<Handle> {
        while let Some((_, slot)) = self.ages.pop_first() {
            if let Some(evicted) = self.handles[slot as usize].take() {
                let range = self.allocator.free(evicted).expect("a live block");
                self.counts.evicted_bytes += range.size;
            }
            if let Ok(handle) = self.allocator.allocate(bytes, UNIT_BYTES) {
                return Some(handle);
            }
        }
        None
    }

    fn make_room(&mut self, bytes: u64) -> Option<Handle> {
        let bytes_max = PLAN_BYTES_MAX.min(MOVE_BYTES_MAX - self.counts.moved_frame_bytes);
        let limits = PassLimits { bytes_max, moves_max: MOVES_MAX };
        let request = RoomRequest { size: bytes, align: UNIT_BYTES, limits };
        let start = Instant::now();
        let worth = |_block, bytes| Some(PRICE * bytes);
        let plan = self.allocator.plan_room(request, worth, &mut self.steps);
        self.counts.plans_us.push(since_ns(start) / 1000.0);
        let plan = plan.ok()?;
        for planned in &self.steps.moves {
            let left = self.allocator.commit_move(planned).expect("nothing came between");
            self.allocator.free(left).expect("nobody reads there");
        }
        for &evicted in &self.steps.evictions {
            let range = self.allocator.free(evicted).expect("a live block");
            self.handles[self.owners[evicted.index() as usize].0 as usize] = None;
            self.counts.evicted_bytes += range.size;
        }
        self.counts.moved(plan.bytes);
        Some(self.allocator.claim(plan.room).expect("all of it is empty"))
    }
}

impl Strategy for Farplane {
    fn allocate(&mut self, slot: u32, units: u32, now: u64) {
        let bytes = u64::from(units) * UNIT_BYTES;
        let allocated = self.allocator.allocate(bytes, UNIT_BYTES).ok();
        let allocated = allocated.or_else(|| match self.remedy {
            Remedy::Nothing | Remedy::MoveAlways => None,
            Remedy::EvictOldest => self.evict_until_it_fits(bytes),
            Remedy::MakeRoom => self.make_room(bytes),
        });
        let Some(handle) = allocated else {
            self.counts.refused_bytes += bytes;
            return;
        };
        let index = handle.index() as usize;
        self.owners.resize(self.owners.len().max(index + 1), (0, 0));
        self.owners[index] = (slot, now);
        self.handles[slot as usize] = Some(handle);
        if self.remedy == Remedy::EvictOldest {
            self.ages.insert(now, slot);
        }
    }

    fn free(&mut self, slot: u32) {
        if let Some(handle) = self.handles[slot as usize].take() {
            self.ages.remove(&self.owners[handle.index() as usize].1);
            self.allocator.free(handle).expect("a live block");
        }
    }

    fn end_frame(&mut self) {
        if self.remedy == Remedy::MoveAlways {
            let limits = PassLimits { bytes_max: MOVE_BYTES_MAX, moves_max: MOVES_MAX };
            let plan = self.allocator.plan_moves(limits, &mut self.steps.moves);
            for planned in &self.steps.moves {
                let left = self.allocator.commit_move(planned).expect("nothing came between");
                self.allocator.free(left).expect("nobody reads there");
            }
            self.counts.moved(plan.bytes);
        }
        self.counts.moved_frame_bytes = 0;
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    fn fragmentation(&self) -> f64 {
        self.allocator.stats().external_fragmentation()
    }

    fn occupancy(&self) -> f64 {
        self.allocator.stats().occupancy()
    }
}
