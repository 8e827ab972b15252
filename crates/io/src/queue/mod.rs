//! Read queues: one submit/poll interface over a memory map, positioned reads on threads, and a
//! simulated device.

mod buffer;
mod device;
mod error;
mod mapped;
mod pread;
mod sim;

pub use buffer::{POOL_BYTES_MAX, ReadBuffer};
pub use device::{Device, DeviceModel, FaultPlan, STALL_NS, UnknownDevice};
pub use error::{QueueFull, ReadError, ReadErrorKind};
pub use mapped::MmapQueue;
pub use pread::{PreadOptions, PreadQueue, READ_THREADS_MAX};
pub use sim::SimQueue;

/// Requests that a queue holds at once: waiting, being read, or done and not yet polled.
pub const QUEUE_CAPACITY: usize = 64;

/// A range of the archive's file to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The caller's name for it, unlike that of every other request in the queue.
    pub id: u64,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes to read.
    pub len: u32,
    /// Urgency: 0 before 1 before 2, and first come, first served within a class.
    pub class: u8,
}

/// The end of a request.
#[derive(Debug)]
pub struct Completion {
    /// The request's id.
    pub id: u64,
    /// Its bytes, or why there are none.
    pub result: Result<ReadBuffer, ReadError>,
    /// The `now_ns` it was submitted with.
    pub submitted_ns: u64,
    /// When it was done, on the same clock.
    pub completed_ns: u64,
}

/// Reads ranges of one archive, in any order, without making the caller wait.
///
/// Every request that was accepted completes exactly once: with its bytes, with an error, or as
/// cancelled. Time is the caller's, in nanoseconds, and does not run backwards.
pub trait ReadQueue {
    /// Hands over a request. A range outside the file is accepted and completes with an error.
    ///
    /// # Errors
    /// `QueueFull` when [`capacity`](Self::capacity) requests are in it; poll, then try again.
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<(), QueueFull>;

    /// Gives up on a request. True: it was waiting or being read and will complete as
    /// `Cancelled`. False: it is already done, or unknown.
    fn cancel(&mut self, id: u64) -> bool;

    /// Appends to `out` what is done by now. Never waits.
    fn poll(&mut self, now_ns: u64, out: &mut Vec<Completion>);

    /// Requests submitted and not yet polled.
    fn in_flight(&self) -> usize;

    /// The most requests that [`in_flight`](Self::in_flight) can count.
    fn capacity(&self) -> usize;

    /// The name of the backend, for reports.
    fn backend(&self) -> &'static str;

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
