//! A simulated device under a virtual clock.
//!
//! A discrete-event model in integer nanoseconds. A request waits for one of `depth` channels,
//! spends its access time there, then waits for the one bus, which serves in the order of arrival,
//! and frees its channel when its transfer ends. Nothing but the calls and the seed decides, so
//! equal calls give equal completions.

use std::sync::Arc;

use super::buffer::{BufferPool, range};
use super::device::{Fault, draw};
use super::{
    Completion, Device, DeviceModel, FaultPlan, QUEUE_CAPACITY, QueueFull, ReadBuffer, ReadError,
    ReadErrorKind, ReadQueue, ReadRequest,
};
use crate::archive::Archive;
use crate::mmap::Map;

/// Salts of [`draw`] for the device itself; the fault plan has its own seed.
const SALT_JITTER: u64 = 16;
const SALT_SEEK: u64 = 17;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// For a channel.
    Waiting,
    /// On a channel, until the access ends.
    Access { until_ns: u64 },
    /// On a channel and the bus (and, for a stalled read, on the channel alone), until then.
    Transfer { until_ns: u64 },
    /// Until it is polled.
    Done { at_ns: u64 },
}

#[derive(Clone, Copy, Debug)]
struct Job {
    request: ReadRequest,
    sequence: u64,
    submitted_ns: u64,
    stage: Stage,
    fault: Fault,
    cancelled: bool,
}

/// Reads from a device that does not exist: the bytes come from the map, the time from a model.
/// Completions come strictly in order of virtual time, then of id.
#[derive(Debug)]
pub struct SimQueue {
    map: Arc<Map>,
    file_bytes: usize,
    pool: Arc<BufferPool>,
    backend: &'static str,
    model: DeviceModel,
    seed: u64,
    faults: FaultPlan,
    /// In order of submission.
    jobs: Vec<Job>,
    done: Vec<Job>,
    /// Everything up to here has happened.
    now_ns: u64,
    bus_free_ns: u64,
    /// End of the range accessed last.
    head: u64,
    sequence: u64,
}

impl SimQueue {
    /// A queue of reads from `archive` as if it lay on `device`.
    pub fn new(archive: &Archive, device: Device, seed: u64, faults: FaultPlan) -> Self {
        let backend = match device {
            Device::Nvme => "sim-nvme",
            Device::SataSsd => "sim-sata-ssd",
            Device::Hdd => "sim-hdd",
            Device::Http => "sim-http",
        };
        Self { backend, ..Self::with_model(archive, device.model(), seed, faults) }
    }

    /// A queue of reads from `archive` as if it lay on the device of a model of your own.
    pub fn with_model(archive: &Archive, model: DeviceModel, seed: u64, faults: FaultPlan) -> Self {
        Self {
            map: archive.map(),
            file_bytes: archive.file_bytes() as usize,
            pool: Arc::default(),
            backend: "sim",
            model,
            seed,
            faults,
            jobs: Vec::with_capacity(QUEUE_CAPACITY),
            done: Vec::with_capacity(QUEUE_CAPACITY),
            now_ns: 0,
            bus_free_ns: 0,
            head: 0,
            sequence: 0,
        }
    }

    /// Lets everything happen up to and including `now_ns`, in order of time.
    fn advance(&mut self, now_ns: u64) {
        while let Some((at_ns, index)) = self.next_step().filter(|(at_ns, _)| *at_ns <= now_ns) {
            self.step(index, at_ns);
            self.start(at_ns);
        }
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// The next end of a stage: the earliest, then the request submitted first.
    fn next_step(&self) -> Option<(u64, usize)> {
        let ends = self.jobs.iter().enumerate().filter_map(|(index, job)| match job.stage {
            Stage::Access { until_ns } | Stage::Transfer { until_ns } => Some((until_ns, index)),
            Stage::Waiting | Stage::Done { .. } => None,
        });
        ends.min()
    }

    fn step(&mut self, index: usize, at_ns: u64) {
        let job = &mut self.jobs[index];
        match job.stage {
            Stage::Access { .. } => {
                let bus_ns = self
                    .bus_free_ns
                    .max(at_ns)
                    .saturating_add(self.model.transfer_ns(job.request.len));
                self.bus_free_ns = bus_ns;
                let until_ns = bus_ns.saturating_add(job.fault.stall_ns);
                job.stage = Stage::Transfer { until_ns };
            }
            Stage::Transfer { .. } => {
                let mut job = self.jobs.remove(index);
                job.stage = Stage::Done { at_ns };
                self.done.push(job);
            }
            Stage::Waiting | Stage::Done { .. } => {}
        }
    }

    /// Gives free channels to waiting requests, the most urgent first.
    fn start(&mut self, at_ns: u64) {
        let waiting = |job: &Job| job.stage == Stage::Waiting;
        let mut busy = self.jobs.iter().filter(|job| !waiting(job)).count();
        while busy < self.model.depth.max(1) as usize {
            let urgent = self
                .jobs
                .iter_mut()
                .filter(|job| waiting(job))
                .min_by_key(|job| (job.request.class, job.sequence));
            let Some(job) = urgent else { return };
            let continues = job.request.offset == self.head;
            let access_ns = self.model.access_ns(continues, self.seed, job.sequence);
            job.stage = Stage::Access { until_ns: at_ns.saturating_add(access_ns) };
            self.head = job.request.offset.saturating_add(u64::from(job.request.len));
            busy += 1;
        }
    }

    fn result(&self, job: &Job) -> Result<ReadBuffer, ReadErrorKind> {
        if job.cancelled {
            return Err(ReadErrorKind::Cancelled);
        }
        let range = range(&job.request, self.file_bytes)?;
        match job.fault {
            Fault { error: true, .. } => Err(ReadErrorKind::Injected),
            Fault { corrupt: Some(bit), .. } if !range.is_empty() => {
                self.pool.filled(range.len(), |out| {
                    let bit = bit % (out.len() as u64 * 8);
                    out.copy_from_slice(&self.map[range]);
                    out[(bit / 8) as usize] ^= 1 << (bit % 8);
                    Ok(())
                })
            }
            _ => Ok(ReadBuffer::mapped(&self.map, range)),
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

    fn transfer_ns(&self, bytes: u32) -> u64 {
        // Fits: less than 2^32 bytes · 10^9 is below 2^64.
        (u64::from(bytes) * 1_000_000_000).div_ceil(self.bytes_per_s.max(1))
    }
}

impl ReadQueue for SimQueue {
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<(), QueueFull> {
        if self.in_flight() == QUEUE_CAPACITY {
            return Err(QueueFull { capacity: QUEUE_CAPACITY });
        }
        self.advance(now_ns);
        self.jobs.push(Job {
            request,
            sequence: self.sequence,
            submitted_ns: self.now_ns,
            stage: Stage::Waiting,
            fault: self.faults.fault(self.sequence),
            cancelled: false,
        });
        self.sequence += 1;
        self.start(self.now_ns);
        Ok(())
    }

    fn cancel(&mut self, id: u64) -> bool {
        let found = self.jobs.iter().position(|job| job.request.id == id && !job.cancelled);
        let Some(index) = found else { return false };
        self.jobs[index].cancelled = true;
        if self.jobs[index].stage == Stage::Waiting {
            let mut job = self.jobs.remove(index);
            job.stage = Stage::Done { at_ns: self.now_ns };
            self.done.push(job);
        }
        true
    }

    fn poll(&mut self, now_ns: u64, out: &mut Vec<Completion>) {
        self.advance(now_ns);
        let mut done = std::mem::take(&mut self.done);
        let completed_ns = |job: &Job| match job.stage {
            Stage::Done { at_ns } => at_ns,
            _ => self.now_ns,
        };
        done.sort_unstable_by_key(|job| (completed_ns(job), job.request.id, job.sequence));
        out.extend(done.iter().map(|job| Completion {
            id: job.request.id,
            result: self.result(job).map_err(|kind| ReadError::new(&job.request, kind)),
            submitted_ns: job.submitted_ns,
            completed_ns: completed_ns(job),
        }));
        done.clear();
        self.done = done;
    }

    fn in_flight(&self) -> usize {
        self.jobs.len() + self.done.len()
    }

    fn capacity(&self) -> usize {
        QUEUE_CAPACITY
    }

    fn backend(&self) -> &'static str {
        self.backend
    }

    fn next_event_ns(&self) -> Option<u64> {
        // A read on a channel cannot end before the bus is free for it; one that waits, not
        // before another has ended.
        let ends = self.jobs.iter().filter_map(|job| match job.stage {
            Stage::Access { until_ns } => Some(
                self.bus_free_ns
                    .max(until_ns)
                    .saturating_add(self.model.transfer_ns(job.request.len))
                    .saturating_add(job.fault.stall_ns),
            ),
            Stage::Transfer { until_ns } => Some(until_ns),
            Stage::Waiting | Stage::Done { .. } => None,
        });
        let done = self.done.iter().map(|_| self.now_ns);
        ends.chain(done).min()
    }
}
