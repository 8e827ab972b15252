//! What the threaded and the virtual executor share: a unit on its way from read to arena.

use crate::UnitId;
use crate::action::{Outcome, Part};
use crate::decode::{Decode, DecodeError};
use crate::failure::Failure;
use farplane_alloc::Lease;
use farplane_io::{Completion, ReadBuffer, ReadErrorKind, ReadQueue, ReadRequest, Ticket};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A unit whose read is issued.
pub(crate) struct Pending {
    pub part: Part,
    pub lease: Option<Lease>,
    pub class: u8,
    pub issued_ns: u64,
    pub cancelled: bool,
}

/// A read that is on its way.
pub(crate) struct PendingRead {
    pub offset: u64,
    pub parts: Vec<Pending>,
}

/// A unit whose bytes have arrived.
pub(crate) struct Job {
    pub pending: Pending,
    /// First byte of the unit in the buffer.
    pub begin: usize,
    pub buffer: Arc<ReadBuffer>,
}

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Decoded,
    Cancelled,
    Failed(Failure),
}

impl Ended {
    /// As much of it as the core wants to know.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Decoded => Outcome::Decoded,
            Self::Cancelled => Outcome::Cancelled,
            Self::Failed(Failure::Corrupt) => Outcome::Corrupt,
            Self::Failed(Failure::Undecodable) => Outcome::Undecodable,
            Self::Failed(_) => Outcome::ReadFailed,
        }
    }
}

/// A unit that is done, well or not.
pub(crate) struct Finished {
    pub pending: Pending,
    pub ended: Ended,
    /// When, on the clock that was passed in.
    pub at_ns: u64,
}

/// Reads on their way through a queue.
pub(crate) struct Reads<Q: ?Sized> {
    pub queue: Box<Q>,
    pending: BTreeMap<u64, (Ticket, PendingRead)>,
    completions: Vec<Completion>,
    next_id: u64,
}

impl<Q: ReadQueue + ?Sized> Reads<Q> {
    pub fn new(queue: Box<Q>) -> Self {
        Self { queue, pending: BTreeMap::new(), completions: Vec::new(), next_id: 0 }
    }

    pub fn submit(
        &mut self,
        read: PendingRead,
        bytes: u32,
        class: u8,
        now_ns: u64,
        finished: &mut Vec<Finished>,
    ) {
        let id = self.next_id;
        self.next_id += 1;
        let request = ReadRequest::new(id, read.offset, bytes).class(class);
        match self.queue.submit(request, now_ns) {
            Ok(ticket) => drop(self.pending.insert(id, (ticket, read))),
            Err(full) => read.failed(Failure::QueueFull(full), now_ns, finished),
        }
    }

    /// Drops a unit on its arrival, and the read itself once nobody wants any of it.
    pub fn cancel(&mut self, unit: UnitId) {
        for (ticket, read) in self.pending.values_mut() {
            let Some(pending) = read.parts.iter_mut().find(|p| p.part.unit == unit) else {
                continue;
            };
            pending.cancelled = true;
            if read.parts.iter().all(|p| p.cancelled) {
                self.queue.cancel(*ticket);
            }
            return;
        }
    }

    /// Hands every unit that has arrived to `arrived` with the time of its arrival.
    pub fn poll(
        &mut self,
        now_ns: u64,
        finished: &mut Vec<Finished>,
        mut arrived: impl FnMut(u64, Job),
    ) {
        self.queue.poll(now_ns, &mut self.completions);
        for completion in self.completions.drain(..) {
            let Some((_, read)) = self.pending.remove(&completion.id) else { continue };
            let at_ns = completion.completed_ns;
            match completion.result {
                Ok(buffer) => read.arrived(buffer, at_ns, finished, |job| arrived(at_ns, job)),
                Err(error) => read.failed(Failure::Read(error.kind), at_ns, finished),
            }
        }
    }
}

impl PendingRead {
    /// Jobs of a read whose bytes arrived; cancelled ones are finished at once.
    fn arrived(
        self,
        buffer: ReadBuffer,
        now_ns: u64,
        finished: &mut Vec<Finished>,
        mut job: impl FnMut(Job),
    ) {
        let buffer = Arc::new(buffer);
        for pending in self.parts {
            if pending.cancelled {
                finished.push(Finished { pending, ended: Ended::Cancelled, at_ns: now_ns });
            } else {
                let begin = (pending.part.offset - self.offset) as usize;
                job(Job { pending, begin, buffer: Arc::clone(&buffer) });
            }
        }
    }

    /// All units of a read that failed.
    fn failed(self, failure: Failure, now_ns: u64, finished: &mut Vec<Finished>) {
        for pending in self.parts {
            let ended = if pending.cancelled { Ended::Cancelled } else { Ended::Failed(failure) };
            finished.push(Finished { pending, ended, at_ns: now_ns });
        }
    }
}

impl Job {
    /// Decodes into the lease.
    pub fn run<D: Decode>(&mut self, decoder: &D, scratch: &mut D::Scratch) -> Ended {
        match self.decode(decoder, scratch) {
            Ok(()) => Ended::Decoded,
            Err(failure) => Ended::Failed(failure),
        }
    }

    fn decode<D: Decode>(&mut self, decoder: &D, scratch: &mut D::Scratch) -> Result<(), Failure> {
        let part = self.pending.part;
        let end = self.begin + part.stored_bytes as usize;
        let stored = self.buffer.get(self.begin..end);
        let stored = stored.ok_or(Failure::Read(ReadErrorKind::Truncated))?;
        let lease = self.pending.lease.as_mut().ok_or(Failure::NoLease)?;
        decode(decoder, part.unit, stored, lease, scratch)
    }
}

/// Decodes a unit. A panicking decoder costs its unit, not the run, and its working memory, which
/// may be half changed.
pub(crate) fn decode<D: Decode>(
    decoder: &D,
    unit: UnitId,
    stored: &[u8],
    out: &mut [u8],
    scratch: &mut D::Scratch,
) -> Result<(), Failure> {
    match catch_unwind(AssertUnwindSafe(|| decoder.decode(unit, stored, out, scratch))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(DecodeError::Corrupt)) => Err(Failure::Corrupt),
        Ok(Err(DecodeError::Undecodable)) => Err(Failure::Undecodable),
        Err(_) => {
            *scratch = D::Scratch::default();
            Err(Failure::Undecodable)
        }
    }
}
