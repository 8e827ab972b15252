//! A simulated device under a virtual clock.
//!
//! A discrete-event model in integer nanoseconds, behind the same scheduler as the real backends. A
//! read waits for one of `depth` channels, first come, first served; it spends its access time
//! there, then waits for the one bus, which serves in the order of arrival, and frees its channel
//! when its transfer ends. A long read comes piece by piece, each of which queues anew. Nothing but the calls and the seed decides, so equal calls give equal
//! completions.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::device::{Fault, draw};
use super::scheduler::{DeviceRead, Scheduler};
use super::transfer::Transfer;
use super::{
    Completion, Device, DeviceModel, FaultPlan, OptionsError, QueueCounters, QueueFull,
    QueueOptions, ReadBuffer, ReadError, ReadErrorKind, ReadQueue, ReadRequest, Ticket,
};
use crate::archive::Archive;
use crate::mmap::Map;

/// Salts of [`draw`] for the device itself; the fault plan has its own seed.
const SALT_JITTER: u64 = 16;
const SALT_SEEK: u64 = 17;

/// Between two looks at a real queue that bytes come from.
const SOURCE_PAUSE: Duration = Duration::from_micros(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// For a channel.
    Waiting,
    /// On a channel, until the access ends.
    Access { until_ns: u64 },
    /// On a channel and the bus (and, for a stalled read, on the channel alone), until then.
    Transfer { until_ns: u64 },
}

#[derive(Clone, Copy, Debug)]
struct Job {
    read: DeviceRead,
    sequence: u64,
    stage: Stage,
    transfer: Transfer,
    fault: Fault,
}

/// Reads from a device that does not exist: the bytes come from the map, the time from a model.
/// Completions come strictly in order of virtual time, then of id.
pub struct SimQueue {
    map: Arc<Map>,
    backend: &'static str,
    model: DeviceModel,
    seed: u64,
    faults: FaultPlan,
    scheduler: Scheduler,
    /// Where the bytes come from, if not from the map.
    source: Option<Box<dyn ReadQueue + Send>>,
    /// At the device, in order of arrival.
    jobs: Vec<Job>,
    /// Everything up to here has happened.
    now_ns: u64,
    bus_free_ns: u64,
    /// End of the range accessed last.
    head: u64,
    sequence: u64,
}

impl SimQueue {
    /// A queue of reads from `archive` as if it lay on `device`, with the default limits.
    pub fn new(archive: &Archive, device: Device, seed: u64, faults: FaultPlan) -> Self {
        let model = device.model();
        let request_cost_bytes = model.request_cost_bytes();
        let options = QueueOptions { request_cost_bytes, ..QueueOptions::default() };
        let queue = Self::with_model(archive, model, options, seed, faults);
        let backend = match device {
            Device::Nvme => "sim-nvme",
            Device::SataSsd => "sim-sata-ssd",
            Device::Hdd => "sim-hdd",
            Device::Http => "sim-http",
        };
        match queue {
            Ok(queue) => Self { backend, ..queue },
            Err(error) => unreachable!("default limits: {error}"),
        }
    }

    /// A queue of reads from `archive` as if it lay on the device of a model of your own.
    ///
    /// # Errors
    /// The first of `options` that is out of range.
    pub fn with_model(
        archive: &Archive,
        model: DeviceModel,
        options: QueueOptions,
        seed: u64,
        faults: FaultPlan,
    ) -> Result<Self, OptionsError> {
        Ok(Self {
            map: archive.map(),
            backend: "sim",
            model,
            seed,
            faults,
            scheduler: Scheduler::new(options, archive.file_bytes(), 1)?,
            source: None,
            jobs: Vec::with_capacity(options.reads_max as usize),
            now_ns: 0,
            bus_free_ns: 0,
            head: 0,
            sequence: 0,
        })
    }

    /// Takes the bytes from a real queue of the same archive, while the model still decides when they
    /// are there: each poll waits for what it gives. So every backend gives the same completions. An
    /// archive that lies elsewhere has no others.
    #[must_use]
    pub fn reading_through(self, queue: Box<dyn ReadQueue + Send>) -> Self {
        Self { source: Some(queue), ..self }
    }

    /// Replaces the model's own bytes, which are zero but where a fault flips a bit, by what the real
    /// queue reads.
    fn read_through(source: &mut dyn ReadQueue, done: &mut [Completion]) {
        let wanted: Vec<usize> = (0..done.len()).filter(|&i| done[i].result.is_ok()).collect();
        let (mut next, mut missing, mut out) = (0, wanted.len(), Vec::new());
        while missing > 0 {
            while let Some(&index) = wanted.get(next) {
                let bytes = done[index].result.as_ref().map_or(0, |buffer| buffer.len());
                let request = ReadRequest::new(index as u64, done[index].offset, bytes as u32);
                if source.submit(request, 0).is_err() {
                    break;
                }
                next += 1;
            }
            source.poll(0, &mut out);
            if out.is_empty() {
                std::thread::sleep(SOURCE_PAUSE);
            }
            for read in out.drain(..) {
                missing -= 1;
                let into = &mut done[read.id as usize];
                let id = into.id;
                into.result = match (read.result, &into.result) {
                    (Ok(read), Ok(flips)) if flips.iter().any(|&flip| flip != 0) => {
                        let flipped = read.iter().zip(&**flips).map(|(byte, flip)| byte ^ flip);
                        Ok(ReadBuffer::from_vec(flipped.collect()))
                    }
                    (result, _) => result.map_err(|error| ReadError { id, ..error }),
                };
            }
        }
    }

    /// Lets everything happen up to and including `now_ns`, in order of time.
    fn advance(&mut self, now_ns: u64) {
        loop {
            let step = self.next_step().filter(|&(at_ns, _)| at_ns <= now_ns);
            let stall_ns = self.scheduler.next_stall_ns().filter(|&at_ns| at_ns <= now_ns);
            let issue_ns =
                self.scheduler.next_issue_ns(self.now_ns).filter(|&at_ns| at_ns <= now_ns);
            let at_ns = match (step, [stall_ns, issue_ns].into_iter().flatten().min()) {
                (Some((at_ns, _)), Some(wait_ns)) if wait_ns < at_ns => wait_ns,
                (Some((at_ns, index)), _) => {
                    self.step(index, at_ns);
                    at_ns
                }
                (None, Some(wait_ns)) => wait_ns,
                (None, None) => break,
            };
            self.now_ns = self.now_ns.max(at_ns);
            self.scheduler.give_up_stalled(at_ns);
            self.start(at_ns);
        }
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// The next end of a stage: the earliest, then the read that came first.
    fn next_step(&self) -> Option<(u64, usize)> {
        let ends = self.jobs.iter().enumerate().filter_map(|(index, job)| match job.stage {
            Stage::Access { until_ns } | Stage::Transfer { until_ns } => Some((until_ns, index)),
            Stage::Waiting => None,
        });
        ends.min()
    }

    fn step(&mut self, index: usize, at_ns: u64) {
        let mut job = self.jobs[index];
        match job.stage {
            Stage::Access { .. } => {
                let transfer_ns = self.model.transfer_ns(job.answer_bytes());
                let bus_ns = self.bus_free_ns.max(at_ns).saturating_add(transfer_ns);
                self.bus_free_ns = bus_ns;
                let until_ns = bus_ns.saturating_add(std::mem::take(&mut job.fault.stall_ns));
                job.stage = Stage::Transfer { until_ns };
                self.jobs[index] = job;
            }
            Stage::Transfer { .. } => match job.transfer.answer(job.answer()) {
                // A piece is there: the next one queues behind whoever came meanwhile.
                ControlFlow::Continue(()) if !job.fault.short && !job.fault.interrupt => {
                    job.stage = Stage::Waiting;
                    self.jobs.remove(index);
                    self.jobs.push(job);
                }
                ControlFlow::Continue(()) => {
                    (job.fault.short, job.fault.interrupt) = (false, false);
                    let access_ns = self.model.access_ns(true, self.seed, job.sequence);
                    job.stage = Stage::Access { until_ns: at_ns.saturating_add(access_ns) };
                    self.jobs[index] = job;
                }
                ControlFlow::Break(result) => {
                    self.jobs.remove(index);
                    let result = result.and_then(|()| self.bytes(&job));
                    self.scheduler.complete(job.read.token, result, at_ns);
                }
            },
            Stage::Waiting => {}
        }
    }

    /// Hands the device what the scheduler wants to read, and free channels to what waits for one.
    fn start(&mut self, at_ns: u64) {
        while let Some(read) = self.scheduler.issue(at_ns) {
            self.jobs.push(Job {
                read,
                sequence: self.sequence,
                stage: Stage::Waiting,
                transfer: Transfer::new(read.needed),
                fault: self.faults.fault(self.sequence),
            });
            self.sequence += 1;
        }
        let busy = self.jobs.iter().filter(|job| job.stage != Stage::Waiting).count();
        let free = (self.model.depth.max(1) as usize).saturating_sub(busy);
        let waiting = self.jobs.iter_mut().filter(|job| job.stage == Stage::Waiting);
        for job in waiting.take(free) {
            let begin = job.read.offset + job.transfer.arrived as u64;
            let access_ns = self.model.access_ns(begin == self.head, self.seed, job.sequence);
            job.stage = Stage::Access { until_ns: at_ns.saturating_add(access_ns) };
            self.head = begin + job.piece_bytes() as u64;
        }
    }

    fn bytes(&self, job: &Job) -> Result<ReadBuffer, ReadErrorKind> {
        if job.fault.error {
            return Err(ReadErrorKind::Injected);
        }
        let begin = job.read.offset as usize;
        let range = begin..begin + job.read.needed;
        let mut bytes = match (&self.source, self.map.get(range.clone())) {
            (Some(_), _) => vec![0; job.read.needed],
            (None, Some(bytes)) if job.fault.corrupt.is_some() => bytes.to_vec(),
            (None, Some(_)) => return Ok(ReadBuffer::mapped(&self.map, range)),
            (None, None) => return Err(ReadErrorKind::Elsewhere),
        };
        if let Some(bit) = job.fault.corrupt {
            let bit = bit % (bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        Ok(ReadBuffer::from_vec(bytes))
    }
}

impl fmt::Debug for SimQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SimQueue");
        debug.field("model", &self.model).field("now_ns", &self.now_ns);
        debug.field("scheduler", &self.scheduler).finish_non_exhaustive()
    }
}

impl Job {
    /// Bytes that it is asked for next.
    fn piece_bytes(&self) -> usize {
        (self.read.needed - self.transfer.arrived).min(self.read.piece)
    }

    /// Bytes that it transfers next.
    fn answer_bytes(&self) -> usize {
        match self.fault {
            Fault { interrupt: true, .. } => 0,
            Fault { short: true, .. } => self.piece_bytes().div_ceil(2),
            _ => self.piece_bytes(),
        }
    }

    fn answer(&self) -> io::Result<usize> {
        match self.fault.interrupt {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(self.answer_bytes()),
        }
    }
}

impl DeviceModel {
    fn access_ns(&self, continues: bool, seed: u64, sequence: u64) -> u64 {
        let spread = |salt, range: u64| draw(seed, sequence, salt) % range.saturating_add(1);
        let seek_ns = if continues {
            0
        } else {
            self.seek_ns - self.seek_ns / 2 + spread(SALT_SEEK, self.seek_ns)
        };
        self.access_ns.saturating_add(spread(SALT_JITTER, self.jitter_ns)).saturating_add(seek_ns)
    }

    fn transfer_ns(&self, bytes: usize) -> u64 {
        // Fits: a read of less than 2^33 bytes · 10^9 is below 2^64.
        (bytes as u64 * 1_000_000_000).div_ceil(self.bytes_per_s.max(1))
    }

    /// What a request costs it beside its bytes, as
    /// [`QueueOptions::request_cost_bytes`](crate::QueueOptions::request_cost_bytes) counts it: what
    /// it could transfer in the mean access time, shared by as many as it serves at once.
    pub fn request_cost_bytes(&self) -> u32 {
        let access_ns = self.access_ns.saturating_add(self.jitter_ns / 2);
        let access_ns = u128::from(access_ns.saturating_add(self.seek_ns));
        let bytes = access_ns * u128::from(self.bytes_per_s)
            / (1_000_000_000 * u128::from(self.depth.max(1)));
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

impl ReadQueue for SimQueue {
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<Ticket, QueueFull> {
        self.advance(now_ns);
        let ticket = self.scheduler.submit(request, self.now_ns, self.now_ns)?;
        self.start(self.now_ns);
        Ok(ticket)
    }

    fn cancel(&mut self, ticket: Ticket) -> bool {
        self.scheduler.cancel(ticket, self.now_ns)
    }

    fn reprioritise(&mut self, ticket: Ticket, class: u8, deadline_ns: Option<u64>) -> bool {
        let moved = self.scheduler.reprioritise(ticket, class, deadline_ns);
        self.start(self.now_ns);
        moved
    }

    fn poll(&mut self, now_ns: u64, out: &mut Vec<Completion>) {
        self.advance(now_ns);
        let begin = out.len();
        self.scheduler.poll(out);
        out[begin..].sort_by_key(|done| (done.completed_ns, done.id));
        if let Some(source) = &mut self.source {
            Self::read_through(&mut **source, &mut out[begin..]);
        }
        // What was polled may have made room.
        self.start(self.now_ns);
    }

    fn in_flight(&self) -> usize {
        self.scheduler.in_flight()
    }

    fn capacity(&self) -> usize {
        self.scheduler.options().capacity
    }

    fn backend(&self) -> &'static str {
        self.backend
    }

    fn counters(&self) -> QueueCounters {
        self.scheduler.counters()
    }

    fn next_event_ns(&self) -> Option<u64> {
        if self.scheduler.has_done() {
            return Some(self.now_ns);
        }
        // A read on a channel cannot end before the bus is free for it; one that waits, not
        // before another has ended.
        let ends = self.jobs.iter().filter_map(|job| match job.stage {
            Stage::Access { until_ns } => Some(
                self.bus_free_ns
                    .max(until_ns)
                    .saturating_add(self.model.transfer_ns(job.answer_bytes()))
                    .saturating_add(job.fault.stall_ns),
            ),
            Stage::Transfer { until_ns } => Some(until_ns),
            Stage::Waiting => None,
        });
        let issue_ns = self.scheduler.next_issue_ns(self.now_ns);
        ends.chain(self.scheduler.next_stall_ns()).chain(issue_ns).min()
    }
}
