use crate::action::{Actions, Event, Placed};
use crate::config::{Config, ConfigError};
use crate::core::Core;
use crate::decode::Decode;
use crate::failure::Failure;
use crate::job::{Ended, Finished, Pending, PendingRead, decode};
use crate::modelled::Modelled;
use crate::threaded::Threaded;
use crate::unit::{State, UnitId, UnitInfo};
use crate::want::Want;
use farplane_alloc::{Arena, LEASES_MAX, Snapshot};
use farplane_io::{Archive, ReadQueue, SimQueue};
use rayon::prelude::*;
use std::fmt;
use std::sync::Arc;

/// What changed in a frame. The lists are in the order in which it happened: a unit that is in
/// `committed` and in `evicted` is not resident.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Units that became usable.
    pub committed: Vec<Placed>,
    /// Units that stopped being usable.
    pub evicted: Vec<Placed>,
    /// Units that moved: their new places.
    pub moved: Vec<Placed>,
    /// Bytes moved.
    pub moved_bytes: u64,
    /// Units whose load was given up, or not even tried, and why.
    pub failed: Vec<(UnitId, Failure)>,
    /// Class and nanoseconds from the issue of its read to the end of its decoding, per unit.
    pub latencies: Vec<(u8, u64)>,
}

impl Changes {
    fn clear(&mut self) {
        self.committed.clear();
        self.evicted.clear();
        self.moved.clear();
        self.moved_bytes = 0;
        self.failed.clear();
        self.latencies.clear();
    }
}

/// Why a streamer cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The limits do not work out.
    Config(ConfigError),
    /// A unit that must always be resident cannot be read or decoded.
    Pinned {
        /// The unit.
        unit: UnitId,
        /// Why.
        failure: Failure,
    },
    /// The system gives no memory or no thread.
    System(std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(e) => e.fmt(f),
            Self::Pinned { unit, failure } => {
                write!(f, "unit {unit}, which must always be resident, cannot be loaded: {failure}")
            }
            Self::System(e) => write!(f, "cannot start the decode workers: {e}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<ConfigError> for StartError {
    fn from(e: ConfigError) -> Self {
        Self::Config(e)
    }
}

/// Threads that decode.
#[derive(Clone, Copy, Debug)]
pub struct Workers {
    /// How many; at least one is started.
    pub count: usize,
    /// Called by each of them when it starts, with its number: to lower its priority, say.
    pub on_start: Option<fn(usize)>,
}

enum Executor<D: Decode> {
    Threaded(Threaded<D>),
    Modelled(Modelled<D>),
}

/// The core with its arena, a read queue and decoders: one call a frame.
pub struct Streamer<D: Decode> {
    core: Core,
    executor: Executor<D>,
    actions: Actions,
    events: Vec<Event>,
    finished: Vec<Finished>,
    /// Of this frame, whether tried again or not.
    failures: Vec<(UnitId, Failure)>,
    /// Last, so that workers which still hold leases are joined before it goes.
    arena: Arena,
}

impl<D: Decode> Streamer<D> {
    /// Streams with real threads: `queue` reads, `workers` decode.
    ///
    /// # Errors
    /// When the limits do not work out, a pinned unit cannot be loaded, or the system refuses.
    pub fn threaded(
        config: Config,
        units: Vec<UnitInfo>,
        archive: &Archive,
        decoder: Arc<D>,
        queue: Box<dyn ReadQueue + Send>,
        workers: Workers,
    ) -> Result<Self, StartError> {
        let (core, arena) = start(config, units, archive, &*decoder)?;
        let executor = Threaded::new(queue, decoder, workers).map_err(StartError::System)?;
        Ok(Self::with(core, arena, Executor::Threaded(executor)))
    }

    /// Streams on a virtual clock: the simulated device and a model of `workers` decoders decide
    /// when things complete. Bit-identical for any number of real threads.
    ///
    /// # Errors
    /// When the limits do not work out or a pinned unit cannot be loaded.
    pub fn modelled(
        config: Config,
        units: Vec<UnitInfo>,
        archive: &Archive,
        decoder: Arc<D>,
        queue: SimQueue,
        workers: usize,
    ) -> Result<Self, StartError> {
        let (core, arena) = start(config, units, archive, &*decoder)?;
        let executor = Modelled::new(queue, decoder, workers);
        Ok(Self::with(core, arena, Executor::Modelled(executor)))
    }

    fn with(core: Core, arena: Arena, executor: Executor<D>) -> Self {
        Self {
            core,
            executor,
            actions: Actions::default(),
            events: Vec::new(),
            finished: Vec::new(),
            failures: Vec::new(),
            arena,
        }
    }

    /// One frame: takes what has arrived, decides, and issues what is to be read.
    pub fn frame(&mut self, now_ns: u64, wants: &[Want], changes: &mut Changes) {
        changes.clear();
        self.take_finished(now_ns, changes);
        let now = self.arena.advance_epoch();
        // The oldest snapshot held; without one, the arena answers with the present.
        let oldest = Some(self.arena.oldest_reader()).filter(|e| *e < now).map(|e| e.get());
        let epoch = now.get();
        self.core.step(wants, &self.events, epoch, oldest, &mut self.actions);
        let given_up = |&(unit, _): &(UnitId, Failure)| self.core.state(unit) == State::Failed;
        changes.failed.extend(self.failures.drain(..).filter(given_up));
        changes.failed.extend(self.actions.unfit.iter().map(|&unit| (unit, Failure::NeverFits)));
        self.events.clear();
        for placed in &self.actions.evicted {
            self.arena.retire(placed.range);
        }
        self.relocate(epoch, oldest, changes);
        for &unit in &self.actions.cancels {
            match &mut self.executor {
                Executor::Threaded(e) => e.cancel(unit),
                Executor::Modelled(e) => e.cancel(unit),
            }
        }
        self.issue(now_ns);
        changes.committed.extend_from_slice(&self.actions.committed);
        changes.evicted.extend_from_slice(&self.actions.evicted);
    }

    fn take_finished(&mut self, now_ns: u64, changes: &mut Changes) {
        match &mut self.executor {
            Executor::Threaded(e) => e.poll(now_ns, &mut self.finished),
            Executor::Modelled(e) => e.poll(now_ns, &mut self.finished),
        }
        for Finished { pending, ended, at_ns } in self.finished.drain(..) {
            let unit = pending.part.unit;
            match (ended, pending.lease) {
                (Ended::Decoded, Some(lease)) => {
                    changes
                        .latencies
                        .push((pending.class, at_ns.saturating_sub(pending.issued_ns)));
                    let _ = self.arena.publish(lease);
                }
                (Ended::Failed(failure), _) => self.failures.push((unit, failure)),
                _ => {}
            }
            self.events.push(Event { unit, outcome: ended.outcome() });
        }
    }

    fn relocate(&mut self, epoch: u64, oldest: Option<u64>, changes: &mut Changes) {
        for relocation in &self.actions.relocations {
            let (from, to) = (relocation.block.from, relocation.block.to);
            let copied = match self.arena.lease(to) {
                Ok(mut lease) => {
                    self.arena.copy(from, &mut lease).is_ok() && self.arena.publish(lease).is_ok()
                }
                Err(_) => false,
            };
            if self.core.relocated(relocation, copied, epoch, oldest) {
                self.arena.retire(from);
                changes.moved_bytes += to.size;
                changes.moved.push(Placed { unit: relocation.unit, range: to, slot: None });
            }
        }
    }

    fn issue(&mut self, now_ns: u64) {
        for read in &self.actions.reads {
            let begin = read.parts_begin as usize;
            let parts = &self.actions.parts[begin..begin + read.parts_count as usize];
            let parts = parts.iter().map(|&part| Pending {
                part,
                lease: self.arena.lease(part.to).ok(),
                class: read.class,
                issued_ns: now_ns,
                cancelled: false,
            });
            let pending = PendingRead { offset: read.offset, parts: parts.collect() };
            let (bytes, class, finished) = (read.bytes, read.class, &mut self.finished);
            match &mut self.executor {
                Executor::Threaded(e) => e.submit(pending, bytes, class, now_ns, finished),
                Executor::Modelled(e) => e.submit(pending, bytes, class, now_ns, finished),
            }
        }
    }

    /// Bytes of a resident unit; `None` when it is not resident.
    #[must_use]
    pub fn bytes(&self, unit: UnitId) -> Option<&[u8]> {
        self.arena.read(self.core.place(unit)?.range)
    }

    /// What decides: states, places, statistics.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// A view of what is resident now for a reader on another thread. Ranges that it can see are not
    /// reused while it lives: hold it briefly.
    #[must_use]
    pub fn snapshot(&mut self) -> Snapshot {
        self.arena.snapshot()
    }

    /// Name of what reads.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        match &self.executor {
            Executor::Threaded(e) => e.backend(),
            Executor::Modelled(e) => e.backend(),
        }
    }

    /// Bytes held now: blocks of the arena (the page pool is one), and reads in flight or the read
    /// queue's buffers, whichever are more.
    #[must_use]
    pub fn usage_bytes(&self) -> u64 {
        let buffers = match &self.executor {
            Executor::Threaded(e) => e.buffer_bytes(),
            Executor::Modelled(e) => e.buffer_bytes(),
        };
        self.core.heap_stats().used + self.core.in_flight_bytes().max(buffers)
    }
}

/// Builds the core and loads what is pinned, in parallel.
fn start<D: Decode>(
    config: Config,
    units: Vec<UnitInfo>,
    archive: &Archive,
    decoder: &D,
) -> Result<(Core, Arena), StartError> {
    let mut core = Core::new(config, units)?;
    let mut placed = Vec::new();
    core.place_pinned(&mut placed)?;
    let mut arena = Arena::new(config.arena_bytes as usize)
        .map_err(|e| StartError::System(std::io::Error::other(e)))?;
    for some in placed.chunks(LEASES_MAX) {
        load_pinned(some, &mut arena, archive, decoder)?;
    }
    Ok((core, arena))
}

/// Loads units that must always be resident, at most as many as there may be leases.
fn load_pinned<D: Decode>(
    placed: &[Placed],
    arena: &mut Arena,
    archive: &Archive,
    decoder: &D,
) -> Result<(), StartError> {
    let failed = |unit, failure| StartError::Pinned { unit, failure };
    let mut leases = Vec::with_capacity(placed.len());
    for p in placed {
        let lease = arena.lease(p.range).map_err(|_| failed(p.unit, Failure::NoLease))?;
        leases.push((p.unit, lease));
    }
    let ids: Vec<UnitId> = placed.iter().map(|p| p.unit).collect();
    let stored = archive.stored_all(&ids).map_err(|e| failed(e.entry, Failure::Archive(e.kind)))?;
    let loaded = leases
        .into_par_iter()
        .zip(stored)
        .map_init(D::Scratch::default, |scratch, ((unit, mut lease), stored)| {
            match decode(decoder, unit, &stored, &mut lease, scratch) {
                Ok(()) => Ok((unit, lease)),
                Err(failure) => Err(failed(unit, failure)),
            }
        })
        .collect::<Result<Vec<_>, StartError>>()?;
    for (unit, lease) in loaded {
        arena.publish(lease).map_err(|_| failed(unit, Failure::NoLease))?;
    }
    Ok(())
}
