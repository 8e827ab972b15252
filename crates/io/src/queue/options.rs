//! Limits of a read queue.

use std::fmt;

/// The most requests that a queue can be made to hold.
pub const CAPACITY_MAX: usize = 1 << 20;

/// The most reads that a queue keeps in flight.
pub const READS_MAX: u32 = 64;

/// The most threads that a [`PreadQueue`](crate::PreadQueue) starts; past some eight concurrent
/// reads a local disk only answers later.
pub const READ_THREADS_MAX: usize = 16;

/// Default of the largest read that neighbours are joined into.
pub const JOINED_BYTES_MAX: u32 = 4 << 20;

/// Limits of a read queue. Every backend keeps the same ones.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// Requests that it holds: waiting, being read, or done and not yet polled. Default 16,384; 1 to
    /// [`CAPACITY_MAX`]. Small: the caller is told to wait sooner; large: up to 150 bytes each when
    /// used, and a [`Completion`](crate::Completion) until it is polled. Never exceeded.
    pub capacity: usize,
    /// Reads in flight at the device. Default and most [`READS_MAX`]. 1: one after the other; large:
    /// the window alone decides.
    pub reads_max: u32,
    /// Bytes of reads in flight, or done and not yet polled; of their buffers
    /// ([`Buffer::bytes_for`](crate::Buffer::bytes_for)) where they need some. Default 64 MiB. A
    /// sixteenth of the memory budget keeps buffers small; a request larger than this fails with
    /// `TooLarge`. Never exceeded, but for a request that fits and whose buffer alone does not: it is
    /// read when nothing else is held.
    pub bytes_max: u64,
    /// Largest read that neighbours are joined into. Default [`JOINED_BYTES_MAX`]. 0 joins nothing.
    pub joined_bytes_max: u32,
    /// What a request costs a device beside its bytes, in bytes that it could have transferred
    /// meanwhile. Default 16 KiB, for local disks. Neighbours are joined over a gap up to this; 0
    /// joins only what touches, large values read what nobody asked for.
    pub request_cost_bytes: u32,
    /// Bytes that a joined read may skip over, in percent of those that it is read for. Default 100.
    /// 0 joins only what touches; never more than this is fetched for nothing.
    pub skipped_percent_max: u32,
    /// Whether the bytes in flight follow the knee of the device's latency. Default yes. No: always
    /// as many reads as `reads_max` and `bytes_max` allow, which is best for bandwidth alone.
    pub adapt: bool,
    /// After how long a read that has not arrived counts as lost, ns: its requests complete as
    /// `Stalled`, its buffer and its place stay the queue's until the device is done with it. When no
    /// other read is out, and those leave no room, whatever waits or is submitted completes as
    /// `Stalled` too. Default 10 s. Small values give up on disks that must spin up; large ones leave
    /// the caller in the dark.
    pub stall_ns: u64,
    /// Threads of [`PreadQueue`](crate::PreadQueue): 1 to [`READ_THREADS_MAX`]. Default 8. Each keeps
    /// one read in flight.
    pub threads: usize,
    /// Called by each thread that a queue starts, with its number: to lower its priority, say.
    /// Default: nothing is called.
    pub on_start: Option<fn(usize)>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            capacity: 16_384,
            reads_max: READS_MAX,
            bytes_max: 64 << 20,
            joined_bytes_max: JOINED_BYTES_MAX,
            request_cost_bytes: 16 << 10,
            skipped_percent_max: 100,
            adapt: true,
            stall_ns: 10_000_000_000,
            threads: 8,
            on_start: None,
        }
    }
}

impl QueueOptions {
    /// Checks every limit.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), OptionsError> {
        let within = |ok: bool, field, range| if ok { Ok(()) } else { Err((field, range)) };
        within((1..=CAPACITY_MAX).contains(&self.capacity), "capacity", "1 to 1048576")
            .and(within((1..=READS_MAX).contains(&self.reads_max), "reads_max", "1 to 64"))
            .and(within(self.bytes_max > 0, "bytes_max", "at least 1"))
            .and(within(self.stall_ns > 0, "stall_ns", "at least 1"))
            .and(within((1..=READ_THREADS_MAX).contains(&self.threads), "threads", "1 to 16"))
            .map_err(|(field, range)| OptionsError { field, range })
    }
}

/// A limit that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionsError {
    /// Name of the field of [`QueueOptions`].
    pub field: &'static str,
    /// What it may be.
    pub range: &'static str,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read queue: {} must be {}", self.field, self.range)
    }
}

impl std::error::Error for OptionsError {}

impl From<OptionsError> for std::io::Error {
    fn from(e: OptionsError) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, e)
    }
}
