//! Read queues: one submit/poll interface, one scheduler, and a backend for each way to read.

mod buffer;
mod choose;
mod device;
mod error;
#[cfg(all(test, target_os = "linux"))]
mod faults;
mod front;
mod mapped;
mod options;
mod order;
mod places;
mod pool;
mod pread;
#[cfg(feature = "remote")]
mod remote;
mod scheduler;
mod sim;
mod transfer;
#[cfg(all(target_os = "linux", feature = "uring"))]
mod uring;
mod window;

pub use buffer::{BUFFER_ALIGN_BYTES, Buffer, ReadBuffer};
pub use choose::{Backend, Chosen, UnknownBackend, open_queue};
pub use device::{Device, DeviceModel, FaultPlan, STALL_NS, UnknownDevice};
pub use error::{QueueFull, ReadError, ReadErrorKind};
pub use mapped::MmapQueue;
pub use options::{
    CAPACITY_MAX, JOINED_BYTES_MAX, OptionsError, QueueOptions, READ_THREADS_MAX, READS_MAX,
};
pub use pool::{BufferPool, HeapPool, POOL_BYTES_MAX};
pub use pread::PreadQueue;
#[cfg(feature = "remote")]
pub use remote::RemoteQueue;
pub use scheduler::{DeviceRead, PARTS_MAX, ReadToken, Scheduler};
pub use sim::SimQueue;
#[cfg(all(target_os = "linux", feature = "uring"))]
pub use uring::UringQueue;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Classes of urgency.
pub const CLASSES: usize = 5;

/// A range of the archive's file to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The caller's name for it; the queue only hands it back.
    pub id: u64,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes to read.
    pub len: u32,
    /// Urgency: 0 before 1 before 2, up to 4; anything above counts as 4. A class is not looked at
    /// while a more urgent one waits.
    pub class: u8,
    /// When it is needed, on the caller's clock. Within a class the earliest deadline comes first,
    /// then what has none, each first come, first served. A deadline that has passed changes
    /// nothing: the request is still read.
    pub deadline_ns: Option<u64>,
}

impl ReadRequest {
    /// A request of the middle class without a deadline.
    pub fn new(id: u64, offset: u64, len: u32) -> Self {
        Self { id, offset, len, class: 2, deadline_ns: None }
    }

    /// The same in another class.
    #[must_use]
    pub fn class(self, class: u8) -> Self {
        Self { class, ..self }
    }
}

/// A request in a queue, until its completion is polled. A ticket of a completed request is never
/// mistaken for a later one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// The end of a request.
#[derive(Debug)]
pub struct Completion {
    /// The request's id.
    pub id: u64,
    /// First byte in the file that it asked for.
    pub offset: u64,
    /// Its bytes, or why there are none.
    pub result: Result<ReadBuffer, ReadError>,
    /// The `now_ns` it was submitted with.
    pub submitted_ns: u64,
    /// When the read that ended it was handed to the device, on the same clock: what lies before is
    /// the queue's, what lies after the device's. `completed_ns` for what needed no read.
    pub issued_ns: u64,
    /// When it was done, on the same clock.
    pub completed_ns: u64,
}

/// What a queue did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounters {
    /// Requests accepted.
    pub requests: u64,
    /// Reads handed to the device.
    pub reads: u64,
    /// Bytes of those reads: what was asked for, gaps skipped over, and what alignment adds.
    pub read_bytes: u64,
    /// Requests that shared a read with another.
    pub joined: u64,
    /// Requests cancelled.
    pub cancelled: u64,
    /// Requests read again alone, because the read that they shared had failed.
    pub retried: u64,
    /// Requests that ended with an error other than `Cancelled`.
    pub failed: u64,
}

/// What to call when a completion becomes available; see [`ReadQueue::on_arrival`].
#[derive(Clone)]
pub struct Arrival(Arc<dyn Fn() + Send + Sync>);

impl Arrival {
    /// Calls `call`: from any thread, so it must be quick, and it must not call the queue.
    pub fn new(call: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    /// Calls it.
    pub fn notify(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arrival")
    }
}

/// Reads ranges of one archive, in any order, without making the caller wait.
///
/// Every request that was accepted completes exactly once: with its bytes, with an error, or as
/// cancelled. Time is the caller's, in nanoseconds, and does not run backwards.
pub trait ReadQueue {
    /// Hands over a request. A range outside the file, or larger than what may be in flight, is
    /// accepted and completes with an error.
    ///
    /// # Errors
    /// `QueueFull` when [`capacity`](Self::capacity) requests are in it; poll, then try again.
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<Ticket, QueueFull>;

    /// Gives up on a request. True: it was waiting or being read and will complete as
    /// `Cancelled`: at the next poll if it was waiting, on its arrival if it was being read. False:
    /// it is already done or cancelled, or unknown.
    fn cancel(&mut self, ticket: Ticket) -> bool;

    /// Moves a request that is waiting to another class and deadline; it keeps its place among
    /// equals. False: it is no longer waiting, or unknown.
    fn reprioritise(&mut self, ticket: Ticket, class: u8, deadline_ns: Option<u64>) -> bool;

    /// Appends to `out` what is done by now. Never waits.
    fn poll(&mut self, now_ns: u64, out: &mut Vec<Completion>);

    /// Requests submitted and not yet polled.
    fn in_flight(&self) -> usize;

    /// The most requests that [`in_flight`](Self::in_flight) can count.
    fn capacity(&self) -> usize;

    /// The name of the backend, for reports.
    fn backend(&self) -> &'static str;

    /// What it did so far.
    fn counters(&self) -> QueueCounters;

    /// Asks for `arrival` to be notified whenever a poll would give something new, but for what has
    /// stalled: only a poll finds that, so who waits for an arrival waits no longer than
    /// [`stalls_in`](Self::stalls_in). The first one asked for stays. Queues on a virtual clock never
    /// call it.
    fn on_arrival(&mut self, arrival: Arrival) {
        drop(arrival);
    }

    /// How long until a read counts as stalled that has not come until then: the time for the next
    /// poll, if no arrival comes before. `None` with nothing at the device, and for queues on a
    /// virtual clock, whose [`next_event_ns`](Self::next_event_ns) knows.
    fn stalls_in(&self) -> Option<Duration> {
        None
    }

    /// Heap bytes of its buffers, lent to completions or idle: part of a budget. 0 where the bytes
    /// come from a map.
    fn buffer_bytes(&self) -> u64 {
        0
    }

    /// For a virtual clock: the earliest time at which [`poll`](Self::poll) could give something.
    /// Right after a poll it is later than that poll's `now_ns`. `None` when nothing is in flight
    /// or only the real clock knows.
    fn next_event_ns(&self) -> Option<u64> {
        None
    }
}
