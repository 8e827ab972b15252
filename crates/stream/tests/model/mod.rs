//! The streaming core beside a naive model of it: plain lists of who holds which bytes, filled from
//! what the core says and checked against each other after every step. The property test and the
//! fuzz target share it.

mod settle;
mod setup;

pub use setup::Setup;

use farplane_alloc::Range;
use farplane_stream::{
    Actions, Core, Event, Home, Outcome, Placed, Relocation, State, UnitId, UnitInfo, Want,
};

/// One thing that happens outside the core, or a step of it.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Wants a unit in every step from now on, beside its other wants.
    Want { unit: u8, class: u8, score: u8 },
    /// Takes all wants of a unit back.
    Forget { unit: u8 },
    /// Takes all wants back.
    ForgetAll,
    /// One of the units that are loading ends so.
    Finish { which: u8, outcome: u8 },
    /// All that are loading are decoded.
    DecodeAll,
    /// An event of any unit, loading or not, existing or not.
    Stray { unit: u8, outcome: u8 },
    /// A reader begins to look at all that is resident.
    Look,
    /// A reader is done.
    Leave { which: u8 },
    /// One of the moves that are planned is done, or refused.
    Answer { which: u8, copied: bool },
    /// A frame.
    Step,
}

impl Op {
    /// Takes one operation off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let ([kind, a, b], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let (a, b) = (*a, *b);
        Some(match kind % 20 {
            0..=5 => Self::Want { unit: a, class: b % 5, score: b / 5 },
            6 => Self::Forget { unit: a },
            7 if a < 40 => Self::ForgetAll,
            8 | 9 => Self::Finish { which: a, outcome: b },
            10 => Self::DecodeAll,
            11 => Self::Stray { unit: a, outcome: b },
            12 => Self::Look,
            13 => Self::Leave { which: a },
            14 | 15 => Self::Answer { which: a, copied: b < 200 },
            _ => Self::Step,
        })
    }
}

const OUTCOMES: [Outcome; 8] = [
    Outcome::Decoded,
    Outcome::Decoded,
    Outcome::Decoded,
    Outcome::Cancelled,
    Outcome::ReadFailed,
    Outcome::ReadFailed,
    Outcome::Corrupt,
    Outcome::Undecodable,
];
const SCORES: [f32; 8] =
    [0.0, 1.0, -2.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-30, f32::MAX];
/// Times that a failed read is tried again, as the core's documentation says.
const RETRIES_MAX: u8 = 3;

/// Why bytes are held.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holder {
    /// The unit's only place: loading, ready or resident.
    Unit(UnitId),
    /// The place of an evicted unit, retired under an epoch.
    Evicted(UnitId, u64),
    /// What a moved block has left, retired under an epoch.
    Vacated(u64),
    /// Reserved for a planned move.
    Reserved,
}

/// A piece of the arena that nobody else may have.
#[derive(Clone, Copy, Debug)]
struct Held {
    by: Holder,
    range: Range,
    slot: Option<u32>,
    /// Counts loads: another one after an eviction may get the same range.
    load: u64,
}

#[derive(Clone, Debug)]
struct Reader {
    epoch: u64,
    sees: Vec<Range>,
}

#[derive(Clone, Copy, Debug)]
struct OpenRead {
    units_left: u32,
    bytes: u64,
    class: u8,
}

/// What the model knows of a unit.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    state: State,
    retries: u8,
    /// Most urgent class of the last step in which it was wanted, and that step; 0 is never.
    class: u8,
    wanted_in: u64,
    read: usize,
}

pub struct Model {
    setup: Setup,
    core: Core,
    known: Vec<Known>,
    held: Vec<Held>,
    readers: Vec<Reader>,
    reads: Vec<OpenRead>,
    /// With the load of the block that moves.
    moves: Vec<(Relocation, u64)>,
    wants: Vec<Want>,
    events: Vec<Event>,
    actions: Actions,
    epoch: u64,
    step: u64,
    loads: u64,
    loaded: u64,
    evicted: u64,
    /// A digest of all actions so far.
    digest: u64,
}

fn rounded(bytes: u64) -> u64 {
    bytes.next_multiple_of(64)
}

impl Model {
    /// Nothing where the core refuses the setup, as it must where the setup cannot work.
    pub fn new(setup: Setup) -> Option<Self> {
        let Ok(mut core) = Core::new(setup.config, setup.units.clone()) else {
            assert!(!setup.limits_are_valid(), "{setup:?}");
            return None;
        };
        let mut placed = Vec::new();
        let fits = core.place_pinned(&mut placed).is_ok();
        assert_eq!(fits, setup.pinned_fits(), "{setup:?}");
        if !fits {
            return None;
        }
        let mut model = Self {
            known: vec![Known::default(); setup.units.len()],
            held: Vec::new(),
            readers: Vec::new(),
            reads: Vec::new(),
            moves: Vec::new(),
            wants: Vec::new(),
            events: Vec::new(),
            actions: Actions::default(),
            epoch: 0,
            step: 0,
            loads: 0,
            loaded: 0,
            evicted: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            setup,
            core,
        };
        for p in placed {
            assert!(model.unit(p.unit).pinned);
            model.hold(Holder::Unit(p.unit), p.range, p.slot);
            model.known[p.unit as usize].state = State::Resident;
        }
        model.check();
        Some(model)
    }

    fn unit(&self, unit: UnitId) -> &UnitInfo {
        &self.setup.units[unit as usize]
    }

    pub fn apply(&mut self, op: Op) {
        let units = self.setup.units.len() as u32;
        // One more than there are: the last one does not exist.
        let unit = |byte: u8| u32::from(byte) % (units + 1);
        match op {
            Op::Want { unit: u, class, score } => {
                let class = farplane_stream::Class::ALL[usize::from(class)];
                let score = SCORES[usize::from(score) % SCORES.len()];
                self.wants.push(Want { unit: unit(u), class, score });
            }
            Op::Forget { unit: u } => self.wants.retain(|w| w.unit != unit(u)),
            Op::ForgetAll => self.wants.clear(),
            Op::Finish { which, outcome } => {
                let loading = self.in_state(State::Loading);
                if let Some(&unit) = loading.get(usize::from(which) % loading.len().max(1)) {
                    let outcome = OUTCOMES[usize::from(outcome) % OUTCOMES.len()];
                    self.events.push(Event { unit, outcome });
                }
            }
            Op::DecodeAll => self.decode_all(),
            Op::Stray { unit: u, outcome } => {
                let outcome = OUTCOMES[usize::from(outcome) % OUTCOMES.len()];
                self.events.push(Event { unit: unit(u), outcome });
            }
            Op::Look => self.look(),
            Op::Leave { which } => {
                if !self.readers.is_empty() {
                    self.readers.remove(usize::from(which) % self.readers.len());
                }
            }
            Op::Answer { which, copied } => {
                if !self.moves.is_empty() {
                    let which = usize::from(which) % self.moves.len();
                    self.answer(which, copied);
                }
            }
            Op::Step => self.step(),
        }
    }

    fn in_state(&self, state: State) -> Vec<UnitId> {
        (0..).zip(&self.known).filter(|(_, k)| k.state == state).map(|(u, _)| u).collect()
    }

    fn decode_all(&mut self) {
        let loading = self.in_state(State::Loading);
        let decoded = |unit| Event { unit, outcome: Outcome::Decoded };
        self.events.extend(loading.into_iter().map(decoded));
    }

    /// A reader sees what is resident when it begins, wherever that goes later.
    fn look(&mut self) {
        self.epoch += 1;
        let sees = self.in_state(State::Resident).into_iter().map(|u| self.place(u).range);
        self.readers.push(Reader { epoch: self.epoch, sees: sees.collect() });
    }

    fn oldest(&self) -> Option<u64> {
        self.readers.iter().map(|r| r.epoch).min()
    }

    fn place(&self, unit: UnitId) -> Held {
        let place = self.held.iter().find(|h| h.by == Holder::Unit(unit));
        *place.unwrap_or_else(|| panic!("unit {unit} holds nothing"))
    }

    /// Enters a range, which nobody may hold or look at.
    fn hold(&mut self, by: Holder, range: Range, slot: Option<u32>) {
        let arena = Range::new(0, self.setup.config.arena_bytes);
        assert!(range.size > 0 && arena.contains(&range), "{range} outside the arena");
        for held in &self.held {
            assert!(!held.range.overlaps(&range), "{range} is given twice: {held:?}");
        }
        for reader in &self.readers {
            let seen = reader.sees.iter().find(|r| r.overlaps(&range));
            assert_eq!(seen, None, "{range} is given while a reader looks at it");
        }
        self.loads += 1;
        self.held.push(Held { by, range, slot, load: self.loads });
    }

    fn check_place(&self, placed: &Placed) {
        let held = self.place(placed.unit);
        assert_eq!((held.range, held.slot), (placed.range, placed.slot), "{placed:?}");
    }

    fn answer(&mut self, which: usize, copied: bool) {
        let (relocation, load) = self.moves.remove(which);
        let oldest = self.oldest();
        let moved = self.core.relocated(&relocation, copied, self.epoch, oldest);
        // Answered twice: nothing may happen.
        assert!(!self.core.relocated(&relocation, !copied, self.epoch, oldest));
        let (from, to) = (relocation.block.from, relocation.block.to);
        self.held.retain(|h| !(h.by == Holder::Reserved && h.range == to));
        let unit = Holder::Unit(relocation.unit);
        let block = self.held.iter_mut().find(|h| h.by == unit && h.load == load);
        assert_eq!(moved, copied && block.is_some(), "{relocation:?}");
        if let Some(block) = block.filter(|_| moved) {
            block.range = to;
            if oldest.is_some() {
                let by = Holder::Vacated(self.epoch);
                self.held.push(Held { by, range: from, slot: None, load });
            }
        }
        self.check();
    }

    fn step(&mut self) {
        self.step += 1;
        self.epoch += 1;
        let oldest = self.oldest();
        let before = self.core.counters();
        let units = 0..self.setup.units.len() as UnitId;
        let promised: Vec<UnitId> = units.filter(|&u| self.core.has_room_underway(u)).collect();
        self.core.step(&self.wants, &self.events, self.epoch, oldest, &mut self.actions);
        for byte in format!("{:?}", self.actions).bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let actions = std::mem::take(&mut self.actions);
        self.finish_loads();
        self.release(oldest);
        let expected = self.register();
        let mut unfit = actions.unfit.clone();
        unfit.sort_unstable();
        assert_eq!(unfit, expected);
        self.check_cancels(&actions.cancels);
        self.take_commits(&actions.committed);
        let missing = self.in_state(State::Requested);
        self.take_evictions(&actions.evicted, &missing, oldest);
        self.take_reads(&actions);
        self.check_order(&actions, &promised);
        for relocation in &actions.relocations {
            let (from, to) = (relocation.block.from, relocation.block.to);
            assert_eq!(self.known[relocation.unit as usize].state, State::Resident);
            let block = self.place(relocation.unit);
            assert_eq!((block.range, to.size), (from, from.size));
            self.hold(Holder::Reserved, to, None);
            self.moves.push((*relocation, block.load));
        }
        let moved: u64 = actions.relocations.iter().map(|r| r.block.to.size).sum();
        assert!(moved <= self.setup.config.move_bytes_max);
        let after = self.core.counters();
        assert_eq!(after.reads - before.reads, actions.reads.len() as u64);
        self.actions = actions;
        self.check();
    }

    fn finish_loads(&mut self) {
        for event in std::mem::take(&mut self.events) {
            let unit = event.unit;
            let Some(known) = self.known.get_mut(unit as usize) else { continue };
            if known.state != State::Loading {
                continue;
            }
            self.reads[known.read].units_left -= 1;
            known.state = match event.outcome {
                Outcome::Decoded => State::Ready,
                Outcome::Cancelled => State::Absent,
                Outcome::ReadFailed if known.retries < RETRIES_MAX => {
                    known.retries += 1;
                    State::Absent
                }
                _ => State::Failed,
            };
            if known.state != State::Ready {
                self.held.retain(|h| h.by != Holder::Unit(unit));
            }
        }
    }

    /// What was retired before the oldest reader came is free.
    fn release(&mut self, oldest: Option<u64>) {
        let (held, known) = (&mut self.held, &mut self.known);
        held.retain(|h| match h.by {
            Holder::Evicted(_, epoch) | Holder::Vacated(epoch)
                if oldest.is_none_or(|oldest| epoch < oldest) =>
            {
                if let Holder::Evicted(unit, _) = h.by {
                    known[unit as usize].state = State::Absent;
                }
                false
            }
            _ => true,
        });
    }

    /// The units that were given up because they can never fit.
    fn register(&mut self) -> Vec<UnitId> {
        let mut unfit = Vec::new();
        for (unit, known) in (0..).zip(&mut self.known) {
            if known.state == State::Requested {
                known.state = State::Absent;
            }
            let class = self.wants.iter().filter(|w| w.unit == unit).map(|w| w.class as u8).min();
            if let Some(class) = class {
                (known.class, known.wanted_in) = (class, self.step);
                if known.state == State::Absent {
                    let fits = self.setup.ever_fits(unit);
                    known.state = if fits { State::Requested } else { State::Failed };
                    if !fits {
                        unfit.push(unit);
                    }
                }
            }
        }
        unfit
    }

    /// Cancelled: exactly what nobody has wanted for one frame more than the limit.
    fn check_cancels(&self, cancels: &[UnitId]) {
        let limit = u64::from(self.setup.config.cancel_after_frames);
        let mut expected = self.in_state(State::Loading);
        expected.retain(|&u| self.known[u as usize].wanted_in + limit + 1 == self.step);
        let mut cancels = cancels.to_vec();
        cancels.sort_unstable();
        assert_eq!(cancels, expected);
    }

    fn take_commits(&mut self, committed: &[Placed]) {
        let ready = self.in_state(State::Ready);
        assert!(ready.is_empty() || !committed.is_empty(), "nothing of {ready:?} is committed");
        let bytes = |p: &Placed| u64::from(self.unit(p.unit).resident_bytes);
        let sum: u64 = committed.iter().map(bytes).sum();
        assert!(sum <= self.setup.config.commit_bytes_max || committed.len() == 1);
        for placed in committed {
            let known = &mut self.known[placed.unit as usize];
            assert_eq!(known.state, State::Ready);
            known.state = State::Resident;
            known.retries = 0;
            self.check_place(placed);
        }
        self.loaded += committed.len() as u64;
        let least = committed.iter().map(|p| self.known[p.unit as usize].class).max();
        for unit in self.in_state(State::Ready) {
            let class = self.known[unit as usize].class;
            assert!(
                least.is_some_and(|least| class >= least),
                "{unit} waits for a less urgent one"
            );
        }
    }

    fn take_evictions(&mut self, evicted: &[Placed], missing: &[UnitId], oldest: Option<u64>) {
        for placed in evicted {
            let unit = placed.unit;
            assert!(!self.unit(unit).pinned, "{unit} is pinned");
            self.check_place(placed);
            let known = &mut self.known[unit as usize];
            assert_eq!(known.state, State::Resident);
            if known.wanted_in == self.step {
                let (class, home) = (known.class, self.setup.units[unit as usize].home);
                let better =
                    |&u: &UnitId| self.known[u as usize].class < class && self.unit(u).home == home;
                assert!(missing.iter().any(better), "{unit} evicted for nothing more urgent");
            }
            let by = Holder::Unit(unit);
            let at = self.held.iter().position(|h| h.by == by).unwrap();
            self.known[unit as usize].state = match oldest {
                Some(_) => {
                    self.held[at].by = Holder::Evicted(unit, self.epoch);
                    State::Standby
                }
                None => {
                    self.held.remove(at);
                    State::Absent
                }
            };
        }
        self.evicted += evicted.len() as u64;
    }

    fn take_reads(&mut self, actions: &Actions) {
        let config = self.setup.config;
        let mut parts_seen = 0;
        for read in &actions.reads {
            let begin = read.parts_begin as usize;
            let parts = &actions.parts[begin..begin + read.parts_count as usize];
            parts_seen += parts.len();
            let mut end = read.offset;
            let mut class = u8::MAX;
            for part in parts {
                let info = *self.unit(part.unit);
                assert_eq!((part.offset, part.stored_bytes), (info.offset, info.stored_bytes));
                let gap = part.offset.checked_sub(read.offset).map(|_| part.offset.max(end) - end);
                let skips = u64::from(config.coalesced_gap_bytes_max);
                assert!(gap.is_some_and(|gap| gap <= skips), "{part:?} of {read:?}");
                end = end.max(part.offset + u64::from(part.stored_bytes));
                let known = &mut self.known[part.unit as usize];
                // A unit that is in a read already is Loading, not Requested.
                assert_eq!(known.state, State::Requested);
                known.state = State::Loading;
                known.read = self.reads.len();
                class = class.min(known.class);
                let slot = self.slot_of(part.to, info.home);
                self.hold(Holder::Unit(part.unit), part.to, slot);
                assert_eq!(part.to.size, u64::from(info.resident_bytes));
            }
            let bytes = end - read.offset;
            assert_eq!((u64::from(read.bytes), read.class), (bytes, class));
            assert!(parts.len() == 1 || bytes <= u64::from(config.coalesced_bytes_max));
            self.reads.push(OpenRead { units_left: read.parts_count, bytes, class });
        }
        assert_eq!(parts_seen, actions.parts.len());
        assert!(actions.reads.is_sorted_by_key(|r| r.class));
    }

    /// The slot of a range: the pool is the first block of the arena.
    fn slot_of(&self, range: Range, home: Home) -> Option<u32> {
        let pool_bytes = self.setup.config.pool_bytes();
        match home {
            Home::Heap => {
                assert!(range.offset >= pool_bytes, "{range} is in the pool");
                None
            }
            Home::Slot => {
                assert!(
                    range.end() <= pool_bytes
                        && range.offset.is_multiple_of(self.setup.config.slot_bytes)
                );
                Some((range.offset / self.setup.config.slot_bytes) as u32)
            }
        }
    }

    /// Nothing is admitted before something more urgent that lives in the same place, unless a room
    /// is being emptied for that, or was `promised` to this before that came.
    fn check_order(&self, actions: &Actions, promised: &[UnitId]) {
        for part in actions.parts.iter().filter(|p| !promised.contains(&p.unit)) {
            let (home, class) = (self.unit(part.unit).home, self.known[part.unit as usize].class);
            for unit in self.in_state(State::Requested) {
                let urgent =
                    self.known[unit as usize].class < class && self.unit(unit).home == home;
                let waits = self.core.has_room_underway(unit);
                assert!(!urgent || waits, "{} is admitted before {unit}", part.unit);
            }
        }
    }

    fn check(&self) {
        let config = &self.setup.config;
        for (unit, known) in (0..).zip(&self.known) {
            assert_eq!(self.core.state(unit), known.state, "unit {unit}");
            assert_eq!(self.core.is_resident(unit), known.state == State::Resident);
            match self.core.place(unit) {
                Some(placed) => self.check_place(&placed),
                None => assert_ne!(known.state, State::Resident),
            }
            assert!(!self.setup.units[unit as usize].pinned || known.state == State::Resident);
        }
        let open = || self.reads.iter().filter(|r| r.units_left > 0);
        let in_flight: u64 = open().map(|r| r.bytes).sum();
        assert_eq!(self.core.in_flight_bytes(), in_flight);
        assert!(in_flight <= config.in_flight_bytes_max);
        assert_eq!(self.core.reads_in_flight() as usize, open().count());
        assert!(open().count() <= config.reads_max as usize);
        let prefetching = open().filter(|r| r.class >= 3).count();
        assert!(prefetching <= config.prefetch_reads_max as usize);
        assert_eq!(self.core.loading(), self.in_state(State::Loading).len());
        assert_eq!(self.core.queued(), self.in_state(State::Requested).len());
        let slots = self.held.iter().filter(|h| h.slot.is_some()).count();
        assert_eq!(self.core.slots_used() as usize, slots);
        let bytes = |reserved: bool| -> u64 {
            let heap = self.held.iter().filter(|h| h.slot.is_none());
            let heap = heap.filter(|h| (h.by == Holder::Reserved) == reserved);
            heap.map(|h| rounded(h.range.size)).sum()
        };
        let stats = self.core.heap_stats();
        let held = rounded(config.pool_bytes()) + bytes(false);
        assert_eq!(stats.used - stats.reserved, held, "every byte held is known");
        // Rooms being emptied, and destinations of moves that are still to come, beside these.
        assert!(stats.reserved >= bytes(true));
        assert!(stats.used <= config.arena_bytes);
        let counters = self.core.counters();
        assert_eq!((counters.loaded_units, counters.evicted_units), (self.loaded, self.evicted));
    }
}

/// Runs a history and lets it come to rest; a digest of all that the core said.
pub fn run(mut bytes: &[u8]) -> u64 {
    let Some(mut model) = Setup::decode(&mut bytes).and_then(Model::new) else { return 0 };
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
    }
    model.settle();
    model.digest
}
