mod memory;
mod rooms;

use crate::action::{Actions, Counters, Event, Outcome, Part, Placed, Read};
use crate::config::{Config, ConfigError};
use crate::reads::OpenReads;
use crate::standing::{Standing, StandingQueue};
use crate::unit::{GUARD_FRAMES, Home, Memory, State, UnitId, UnitInfo, Units};
use crate::want::{Class, Want};
use farplane_alloc::{Handle, LEASES_MAX, Move, Range, RangeAllocator, Stats};
use farplane_vt::PagePool;
use memory::{Granted, MOVES_MAX};
use rooms::Rooms;

/// Alignment of every block in the arena: a cache line.
const ALIGN: u64 = 64;
/// Times that a failed read is tried again.
const RETRIES_MAX: u8 = 3;
/// Units that load at once at most: each holds a lease on its memory, and so does a move.
const LOADS_MAX: usize = LEASES_MAX - MOVES_MAX;

/// The part of streaming that decides. A plain state machine: no threads, no clock, no files. Give
/// it what a frame wants and what happened outside, and carry out the [`Actions`] it returns.
///
/// Memory is reserved before a read is issued, so the arena never overflows; a unit is replaced only
/// by one that is worth clearly more; what is pinned stays.
pub struct Core {
    config: Config,
    units: Units,
    heap: RangeAllocator,
    /// The page pool's block in the heap's arena; `None` when there are no slots.
    pool: Option<Handle>,
    slots: Option<PagePool>,
    /// Unit of a heap block, by handle index.
    owner: Vec<UnitId>,
    queue: Vec<(u64, UnitId)>,
    loading: Vec<UnitId>,
    ready: Vec<UnitId>,
    standing: StandingQueue,
    /// Bytes of the heap beside what is pinned, in one piece; slots likewise.
    room_bytes: u64,
    room_slots: u32,
    planned: Vec<Move>,
    rooms: Rooms,
    admitted: Vec<UnitId>,
    reads: OpenReads,
    frame: u32,
    counters: Counters,
}

impl Core {
    /// A core with nothing loaded. `units` are numbered by their place in the vector.
    ///
    /// # Errors
    /// When the limits contradict each other or what is pinned does not fit.
    pub fn new(config: Config, units: Vec<UnitInfo>) -> Result<Self, ConfigError> {
        let limit = |ok: bool, field| if ok { Ok(()) } else { Err(ConfigError::Limit { field }) };
        limit((1..=64).contains(&config.reads_max), "reads_max")?;
        limit(config.in_flight_bytes_max > 0, "in_flight_bytes_max")?;
        limit(config.slots == 0 || config.slot_bytes > 0, "slot_bytes")?;
        limit((0.0..=0.5).contains(&config.heap_free_share), "heap_free_share")?;
        let arena_bytes = config.arena_bytes;
        let mut heap = RangeAllocator::new(arena_bytes);
        let pool_bytes = config.pool_bytes();
        let pool = match pool_bytes {
            0 => None,
            _ => {
                let block = heap
                    .allocate(pool_bytes, ALIGN)
                    .map_err(|_| ConfigError::PoolTooLarge { pool_bytes, arena_bytes })?;
                let _ = heap.pin(block);
                Some(block)
            }
        };
        let count = units.len();
        Ok(Self {
            slots: match config.slots {
                0 => None,
                n => Some(PagePool::new(n).map_err(|_| ConfigError::Limit { field: "slots" })?),
            },
            units: Units::new(units),
            room_bytes: heap.stats().largest_free,
            room_slots: config.slots,
            heap,
            pool,
            owner: Vec::new(),
            queue: Vec::new(),
            loading: Vec::new(),
            ready: Vec::new(),
            standing: StandingQueue::default(),
            planned: Vec::new(),
            rooms: Rooms::default(),
            admitted: Vec::new(),
            reads: OpenReads::new(count),
            frame: 0,
            counters: Counters::default(),
            config,
        })
    }

    /// Reserves memory for everything pinned and makes it resident at once: the caller loads these
    /// units before the first step, since a world without its coarsest level would have holes.
    ///
    /// # Errors
    /// When it does not fit: says how much is needed.
    pub fn place_pinned(&mut self, out: &mut Vec<Placed>) -> Result<(), ConfigError> {
        let pinned = |i: &&UnitInfo| i.pinned;
        let slots = self.units.info.iter().filter(pinned).filter(|i| i.home == Home::Slot).count();
        let heap_bytes: u64 = self
            .units
            .info
            .iter()
            .filter(pinned)
            .filter(|i| i.home == Home::Heap)
            .map(|i| u64::from(i.resident_bytes).next_multiple_of(ALIGN))
            .sum();
        // One slot more than is pinned, or nothing else could ever load.
        let slots_needed = if self.config.slots > 0 { slots as u64 + 1 } else { slots as u64 };
        let pool_needed = slots_needed.saturating_mul(self.config.slot_bytes);
        let error = ConfigError::PinnedTooLarge {
            needed_bytes: pool_needed.max(self.config.pool_bytes()).saturating_add(heap_bytes),
            arena_bytes: self.config.arena_bytes,
        };
        if slots_needed > u64::from(self.config.slots) {
            return Err(error);
        }
        for unit in 0..self.units.info.len() as UnitId {
            if self.units.info[unit as usize].pinned {
                let memory = self.allocate(unit).ok_or(error)?;
                self.units.memory[unit as usize] = memory;
                for state in [State::Requested, State::Loading, State::Ready, State::Resident] {
                    self.units.transition(unit, state);
                }
                out.push(self.placed(unit));
            }
        }
        self.room_bytes = self.heap.stats().largest_free;
        self.room_slots = self.config.slots - slots as u32;
        Ok(())
    }

    /// One frame: takes what happened, what is wanted, and says what to do.
    ///
    /// `epoch` is the number that the memory evicted now is retired under; `oldest_reader` the
    /// oldest epoch that a reader on another thread still holds, `None` without readers. Events are
    /// applied in the order given. O(wants + loads + evictions), plus a sort of what is missing.
    pub fn step(
        &mut self,
        wants: &[Want],
        events: &[Event],
        epoch: u64,
        oldest_reader: Option<u64>,
        actions: &mut Actions,
    ) {
        actions.clear();
        self.frame += 1;
        for &event in events {
            self.finish(event);
        }
        self.release(oldest_reader);
        self.register(wants, actions);
        self.cancel_unwanted(actions);
        self.commit(actions);
        self.abandon_rooms();
        self.admit(epoch, oldest_reader, actions);
        self.evict_ahead(epoch, oldest_reader, actions);
        self.move_blocks(actions);
    }

    fn finish(&mut self, event: Event) {
        let unit = event.unit;
        if self.units.info.len() <= unit as usize || self.units.state(unit) != State::Loading {
            return;
        }
        self.loading.retain(|&u| u != unit);
        self.reads.close(unit);
        match event.outcome {
            Outcome::Decoded => {
                self.units.transition(unit, State::Ready);
                self.ready.push(unit);
                return;
            }
            Outcome::Cancelled => {
                self.counters.cancelled += 1;
                self.units.transition(unit, State::Absent);
            }
            Outcome::ReadFailed if self.units.wanted[unit as usize].retries < RETRIES_MAX => {
                self.units.wanted[unit as usize].retries += 1;
                self.counters.retried += 1;
                self.units.transition(unit, State::Absent);
            }
            failure => {
                self.counters.failed += 1;
                self.counters.checksum_failures += u64::from(failure == Outcome::Corrupt);
                self.units.transition(unit, State::Failed);
            }
        }
        let memory = std::mem::replace(&mut self.units.memory[unit as usize], Memory::None);
        self.free(memory);
    }

    /// Frees what no older reader can see any more.
    fn release(&mut self, oldest_reader: Option<u64>) {
        while let Some(Standing { unit, memory, .. }) = self.standing.pop_unread(oldest_reader) {
            self.free(memory);
            if let Some(unit) = unit {
                self.units.transition(unit, State::Absent);
            }
        }
    }

    /// Notes who is wanted, least urgent class first: so that among units wanted in the same frame
    /// the least urgent are the least recent. Queues what is missing.
    fn register(&mut self, wants: &[Want], actions: &mut Actions) {
        for &(_, unit) in &self.queue {
            if self.units.state(unit) == State::Requested {
                self.units.transition(unit, State::Absent);
            }
        }
        self.queue.clear();
        for class in Class::ALL.into_iter().rev() {
            for want in wants.iter().filter(|w| w.class == class) {
                self.register_one(want, actions);
            }
        }
        let mut queue = std::mem::take(&mut self.queue);
        for (key, unit) in &mut queue {
            *key = self.key(*unit);
        }
        queue.sort_unstable();
        self.queue = queue;
    }

    fn register_one(&mut self, want: &Want, actions: &mut Actions) {
        let unit = want.unit;
        let Some(wanted) = self.units.wanted.get_mut(unit as usize) else { return };
        let continues = wanted.frame > 0 && wanted.frame + GUARD_FRAMES >= self.frame;
        let (class, score) = (want.class as u8, if want.score.is_nan() { 0.0 } else { want.score });
        let first_this_frame = wanted.frame != self.frame;
        // Wanted twice in one frame: the more urgent want counts.
        let more_urgent = class < wanted.class || class == wanted.class && score > wanted.score;
        if first_this_frame || more_urgent {
            (wanted.class, wanted.score) = (class, score);
        }
        if !continues {
            wanted.since = self.frame;
        }
        wanted.frame = self.frame;
        match self.units.state(unit) {
            State::Resident if !self.units.info[unit as usize].pinned => {
                self.units.unlink(unit);
                self.units.link(unit);
            }
            State::Absent => {
                self.units.transition(unit, State::Requested);
                if self.ever_fits(unit) {
                    self.queue.push((0, unit));
                } else {
                    // In the queue it would be in the way of all that is less urgent, for ever.
                    self.units.transition(unit, State::Failed);
                    self.counters.failed += 1;
                    actions.unfit.push(unit);
                }
            }
            _ => {}
        }
    }

    /// Whether a unit could be loaded if nothing else were, but what is pinned.
    fn ever_fits(&self, unit: UnitId) -> bool {
        let info = &self.units.info[unit as usize];
        let (stored, resident) = (u64::from(info.stored_bytes), u64::from(info.resident_bytes));
        let room_bytes = match info.home {
            Home::Heap => self.room_bytes,
            Home::Slot if self.room_slots > 0 => self.config.slot_bytes,
            Home::Slot => 0,
        };
        (1..=self.config.in_flight_bytes_max).contains(&stored)
            && info.offset.checked_add(stored).is_some()
            && (1..=room_bytes).contains(&resident)
    }

    /// Sort key of a want: class, then score downwards, then first come.
    fn key(&self, unit: UnitId) -> u64 {
        let w = &self.units.wanted[unit as usize];
        // Finite floats order like their bits once negative ones are flipped.
        let bits = w.score.to_bits();
        let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        let since = w.since & 0xff_ffff;
        u64::from(w.class) << 56 | u64::from(!ordered) << 24 | u64::from(since)
    }

    fn cancel_unwanted(&mut self, actions: &mut Actions) {
        for &unit in &self.loading {
            let unwanted_frames = self.frame - self.units.wanted[unit as usize].frame;
            if unwanted_frames.checked_sub(1) == Some(self.config.cancel_after_frames) {
                actions.cancels.push(unit);
            }
        }
    }

    fn commit(&mut self, actions: &mut Actions) {
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_by_key(|&u| self.key(u));
        let mut bytes = 0;
        let mut done = 0;
        for &unit in &ready {
            let size = u64::from(self.units.info[unit as usize].resident_bytes);
            if done > 0 && bytes + size > self.config.commit_bytes_max {
                break;
            }
            bytes += size;
            done += 1;
            self.units.transition(unit, State::Resident);
            self.units.wanted[unit as usize].retries = 0;
            if let Memory::Heap(handle) = self.units.memory[unit as usize] {
                let _ = self.heap.unpin(handle);
            }
            if !self.units.info[unit as usize].pinned {
                self.units.link(unit);
            }
            self.counters.loaded_units += 1;
            self.counters.loaded_bytes += size;
            actions.committed.push(self.placed(unit));
        }
        ready.drain(..done);
        self.ready = ready;
    }

    fn admit(&mut self, epoch: u64, readers: Option<u64>, actions: &mut Actions) {
        let mut full = [false; 2];
        let mut admitted = std::mem::take(&mut self.admitted);
        admitted.clear();
        let mut bytes = self.reads.bytes();
        let [mut reads, mut prefetch_reads] = self.reads.counts();
        for i in 0..self.queue.len() {
            let (_, unit) = self.queue[i];
            let (info, wanted) = (self.units.info[unit as usize], self.units.wanted[unit as usize]);
            let prefetch = wanted.class >= Class::Prefetch as u8;
            if reads >= self.config.reads_max || self.loading.len() + admitted.len() >= LOADS_MAX {
                break;
            }
            if prefetch && prefetch_reads >= self.config.prefetch_reads_max {
                break;
            }
            if bytes + u64::from(info.stored_bytes) > self.config.in_flight_bytes_max {
                break;
            }
            // One that is next in a full heap may still have a room that is empty by now.
            if full[info.home as usize] && !self.has_room_underway(unit) {
                continue;
            }
            let memory = match self.make_room(unit, epoch, readers, actions) {
                Granted::Memory(memory) => memory,
                Granted::Later => continue,
                Granted::No => {
                    full[info.home as usize] = true;
                    continue;
                }
            };
            self.units.memory[unit as usize] = memory;
            self.units.transition(unit, State::Loading);
            bytes += u64::from(info.stored_bytes);
            reads += 1;
            prefetch_reads += u32::from(prefetch);
            admitted.push(unit);
        }
        self.issue(&mut admitted, actions);
        self.admitted = admitted;
    }

    /// Joins neighbours into reads, the most urgent read first.
    fn issue(&mut self, admitted: &mut [UnitId], actions: &mut Actions) {
        admitted.sort_unstable_by_key(|&u| (self.units.info[u as usize].offset, u));
        let mut i = 0;
        // Stored bytes of what is not issued yet: the cap holds for them too.
        let stored = |u: &UnitId| u64::from(self.units.info[*u as usize].stored_bytes);
        let mut left: u64 = admitted.iter().map(stored).sum();
        while i < admitted.len() {
            let first = self.units.info[admitted[i] as usize];
            let mut end = first.offset + u64::from(first.stored_bytes);
            let parts_begin = actions.parts.len() as u32;
            let mut class = u8::MAX;
            let mut count = 0;
            let index = self.reads.next_index();
            while let Some(&unit) = admitted.get(i) {
                let info = self.units.info[unit as usize];
                let unit_end = info.offset + u64::from(info.stored_bytes);
                let gap = info.offset.saturating_sub(end);
                let length = unit_end.max(end) - first.offset;
                let skipped = u64::from(self.config.coalesced_gap_bytes_max);
                let joined = u64::from(self.config.coalesced_bytes_max);
                let rest = left - u64::from(info.stored_bytes);
                let over = length > self.config.in_flight_bytes_max - self.reads.bytes() - rest;
                if count > 0 && (gap > skipped || length > joined || over) {
                    break;
                }
                end = end.max(unit_end);
                left = rest;
                class = class.min(self.units.wanted[unit as usize].class);
                let to = self.placed(unit).range;
                let (offset, stored_bytes) = (info.offset, info.stored_bytes);
                actions.parts.push(Part { unit, offset, stored_bytes, to });
                self.reads.join(unit, index);
                self.loading.push(unit);
                count += 1;
                i += 1;
            }
            let bytes = end - first.offset;
            self.reads.open(index, count, bytes, class);
            self.counters.reads += 1;
            self.counters.read_bytes += bytes;
            self.counters.coalesced += if count > 1 { u64::from(count) } else { 0 };
            actions.reads.push(Read {
                offset: first.offset,
                bytes: bytes as u32,
                class,
                parts_begin,
                parts_count: count,
            });
        }
        actions.reads.sort_by_key(|r| r.class);
    }

    fn placed(&self, unit: UnitId) -> Placed {
        let (range, slot) = match self.units.memory[unit as usize] {
            Memory::None => (Range::new(0, 0), None),
            Memory::Heap(handle) => (self.heap.range(handle).unwrap_or(Range::new(0, 0)), None),
            Memory::Slot(handle) => {
                let slot = u32::from(handle.slot().0);
                let bytes = self.units.info[unit as usize].resident_bytes;
                (self.slot_range(slot, bytes), Some(slot))
            }
        };
        Placed { unit, range, slot }
    }

    fn slot_range(&self, slot: u32, bytes: u32) -> Range {
        let base = self.pool.and_then(|p| self.heap.range(p)).map_or(0, |r| r.offset);
        Range::new(base + u64::from(slot) * self.config.slot_bytes, bytes.into())
    }

    /// Where a resident unit is; `None` unless it is resident.
    #[must_use]
    pub fn place(&self, unit: UnitId) -> Option<Placed> {
        self.is_resident(unit).then(|| self.placed(unit))
    }

    /// Whether a unit may be used.
    #[must_use]
    pub fn is_resident(&self, unit: UnitId) -> bool {
        (unit as usize) < self.units.info.len() && self.units.state(unit) == State::Resident
    }

    /// State of a unit.
    ///
    /// # Panics
    /// When there is no such unit.
    #[must_use]
    pub fn state(&self, unit: UnitId) -> State {
        self.units.state(unit)
    }

    /// What is known of every unit.
    #[must_use]
    pub fn units(&self) -> &[UnitInfo] {
        &self.units.info
    }

    /// The limits.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Statistics of the arena, in which the page pool is one block.
    #[must_use]
    pub fn heap_stats(&self) -> Stats {
        self.heap.stats()
    }

    /// Slots of the page pool in use.
    #[must_use]
    pub fn slots_used(&self) -> u32 {
        self.slots.as_ref().map_or(0, |s| s.slots() - s.free_slots())
    }

    /// Stored bytes reserved for reads and not yet decoded.
    #[must_use]
    pub fn in_flight_bytes(&self) -> u64 {
        self.reads.bytes()
    }

    /// Reads of which some unit is not decoded yet.
    #[must_use]
    pub fn reads_in_flight(&self) -> u32 {
        self.reads.counts()[0]
    }

    /// Units being read or decoded.
    #[must_use]
    pub fn loading(&self) -> usize {
        self.loading.len()
    }

    /// Units wanted but not admitted in the last step.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.iter().filter(|&&(_, u)| self.units.state(u) == State::Requested).count()
    }

    /// Bytes of the tables that grow with the number of units.
    #[must_use]
    pub fn index_bytes(&self) -> u64 {
        self.units.index_bytes() + self.reads.index_bytes()
    }

    /// Counted since the beginning.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
