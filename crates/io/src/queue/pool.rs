//! Where a queue's buffers come from.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::buffer::Buffer;

/// Default of the most bytes of buffers, lent and idle, beyond which none is kept for later reads.
pub const POOL_BYTES_MAX: usize = 8 << 20;

/// The most idle buffers: each search looks at all of them.
const IDLE_MAX: usize = 64;

/// Memory for reads, handed in by whoever owns the budget.
///
/// A queue takes a buffer before it issues a read and owns it until the device is done, whatever
/// the caller drops meanwhile; it comes back with the last [`ReadBuffer`](crate::ReadBuffer) of that
/// read. Both calls may come from any thread and should be quick. Buffers that come around again are
/// cheaper: a queue keeps them registered with the system.
pub trait BufferPool: Send + Sync + fmt::Debug {
    /// A buffer for `bytes` bytes, as long as [`Buffer::bytes_for`] says, which is what the queue counts
    /// (a longer one is used and counts no more); `None` when there is no memory, which fails the
    /// requests of that read with `OutOfMemory`; so does one of fewer than `bytes` bytes. A queue never
    /// has more in its hands than [`QueueOptions::bytes_max`](crate::QueueOptions::bytes_max);
    /// completions hold theirs beside.
    fn take(&self, bytes: usize) -> Option<Buffer>;

    /// Takes a buffer back.
    fn put(&self, buffer: Buffer);

    /// Bytes of all its buffers, lent and idle.
    fn bytes(&self) -> u64;
}

/// Buffers from the heap: those lent, and idle ones for later reads. An idle one is kept only while
/// all of them together stay within a limit, so that what it holds is what is lent, or the limit.
#[derive(Debug)]
pub struct HeapPool {
    bytes_max: usize,
    buffers: Mutex<Buffers>,
}

#[derive(Debug, Default)]
struct Buffers {
    idle: Vec<Buffer>,
    idle_bytes: usize,
    lent_bytes: usize,
}

impl Default for HeapPool {
    fn default() -> Self {
        Self::new(POOL_BYTES_MAX)
    }
}

impl HeapPool {
    /// A pool that keeps at most `bytes_max` bytes, lent and idle, beyond what is lent. 0 keeps
    /// nothing.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, buffers: Mutex::default() }
    }

    /// Bytes that are kept for later reads.
    pub fn idle_bytes(&self) -> usize {
        self.lock().idle_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BufferPool for HeapPool {
    /// An idle buffer of the length that it takes, or a new one.
    fn take(&self, bytes: usize) -> Option<Buffer> {
        let size = Buffer::bytes_for(bytes);
        let mut buffers = self.lock();
        if let Some(index) = buffers.idle.iter().position(|buffer| buffer.len() == size) {
            let buffer = buffers.idle.swap_remove(index);
            buffers.idle_bytes -= buffer.len();
            buffers.lent_bytes += buffer.len();
            return Some(buffer);
        }
        // Room for the new one: idle ones go first.
        while buffers.idle_bytes + buffers.lent_bytes + size > self.bytes_max {
            let Some(buffer) = buffers.idle.pop() else { break };
            buffers.idle_bytes -= buffer.len();
        }
        drop(buffers);
        let buffer = Buffer::new(size)?;
        self.lock().lent_bytes += buffer.len();
        Some(buffer)
    }

    fn put(&self, buffer: Buffer) {
        let mut buffers = self.lock();
        buffers.lent_bytes = buffers.lent_bytes.saturating_sub(buffer.len());
        let total = buffers.idle_bytes + buffers.lent_bytes + buffer.len();
        if buffers.idle.len() < IDLE_MAX && total <= self.bytes_max {
            buffers.idle_bytes += buffer.len();
            buffers.idle.push(buffer);
        }
    }

    fn bytes(&self) -> u64 {
        let buffers = self.lock();
        (buffers.idle_bytes + buffers.lent_bytes) as u64
    }
}
