//! Memory that a device reads into, and the bytes of a completed read in it.

use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pool::BufferPool;
use crate::mmap::Map;

/// Alignment of every buffer, and of its length: what direct I/O asks for.
pub const BUFFER_ALIGN_BYTES: usize = 4096;

/// Lengths of buffers are multiples of this, ...
const STEP_BYTES_MIN: usize = 16 << 10;
/// ... and so many from one power of two to the next.
const STEPS: usize = 8;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(4096))]
struct Page([u8; BUFFER_ALIGN_BYTES]);

/// Memory to read into: whole pages that never move. Made by a [`BufferPool`].
pub struct Buffer {
    pages: Box<[Page]>,
    /// Unlike that of any other buffer of the process, so that a queue knows one again.
    serial: u64,
}

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);

impl Buffer {
    /// Zeroed memory of [`bytes_for(bytes)`](Self::bytes_for) bytes; `None` when the system has none.
    pub fn new(bytes: usize) -> Option<Self> {
        let pages = Self::bytes_for(bytes) / BUFFER_ALIGN_BYTES;
        let pages = bytemuck::try_zeroed_slice_box(pages).ok()?;
        Some(Self { pages, serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed) })
    }

    /// How long a buffer for `bytes` bytes is: a multiple of 16 KiB, and of an eighth of the power of
    /// two below, so that reads of similar length share buffers and few bytes are lost. What a read
    /// counts against [`QueueOptions::bytes_max`](crate::QueueOptions::bytes_max).
    pub fn bytes_for(bytes: usize) -> usize {
        let octave = 1usize << bytes.checked_ilog2().unwrap_or(0);
        let step = (octave / STEPS).max(STEP_BYTES_MIN);
        // Beyond what can be had: as it is, to be refused.
        bytes.max(1).checked_next_multiple_of(step).unwrap_or(bytes)
    }

    /// Its number: no two buffers of a process have the same.
    pub fn serial(&self) -> u64 {
        self.serial
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.pages)
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.pages)
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes, number {})", self.len(), self.serial)
    }
}

/// The bytes of a completed read; send it to the thread that decodes them.
///
/// A range of the map, or of a buffer that goes back to its pool when the last completion that
/// shares it is dropped.
#[derive(Clone)]
pub struct ReadBuffer {
    source: Source,
    range: Range<usize>,
}

#[derive(Clone)]
enum Source {
    Mapped(Arc<Map>),
    Lent(Arc<Lent>),
}

/// A buffer that finds its way home, from the moment it is taken.
pub(super) struct Lent {
    /// Always there, but for the drop.
    buffer: Option<Buffer>,
    pool: Arc<dyn BufferPool>,
}

impl Lent {
    /// A buffer of at least `bytes` bytes; `None` when the pool has none, or only a shorter one, or
    /// panics: that costs a read, and not the thread that serves them all.
    pub fn take(pool: &Arc<dyn BufferPool>, bytes: usize) -> Option<Self> {
        let buffer = catch_unwind(AssertUnwindSafe(|| pool.take(bytes))).ok()?;
        let buffer = Some(buffer?);
        let lent = Self { buffer, pool: Arc::clone(pool) };
        (lent.len() >= bytes).then_some(lent)
    }

    /// The number of its buffer.
    #[cfg(all(target_os = "linux", feature = "uring"))]
    pub fn serial(&self) -> Option<u64> {
        self.buffer.as_ref().map(Buffer::serial)
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.as_deref().unwrap_or_default()
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.buffer.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // One that panics has it, or nobody.
            let _ = catch_unwind(AssertUnwindSafe(|| self.pool.put(buffer)));
        }
    }
}

impl ReadBuffer {
    pub(crate) fn mapped(map: &Arc<Map>, range: Range<usize>) -> Self {
        Self { source: Source::Mapped(Arc::clone(map)), range }
    }

    /// A buffer that has been read into, on its way to whoever asked for it.
    pub(super) fn lent(lent: Lent) -> Self {
        let range = 0..lent.len();
        Self { source: Source::Lent(Arc::new(lent)), range }
    }

    /// Bytes that come from nowhere in particular: for queues of your own.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { source: Source::Mapped(Arc::new(Map::of_bytes(bytes))), range }
    }

    /// A part of it, which shares its memory.
    ///
    /// # Panics
    /// When the range is not in it.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.range.len(), "{range:?} of {self:?}");
        let range = self.range.start + range.start..self.range.start + range.end;
        Self { source: self.source.clone(), range }
    }

    /// Whether it holds memory of a pool, and not a range of the map.
    pub fn is_lent(&self) -> bool {
        matches!(self.source, Source::Lent(_))
    }
}

impl Deref for ReadBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.source {
            Source::Mapped(map) => &map[self.range.clone()],
            Source::Lent(lent) => &lent[self.range.clone()],
        }
    }
}

impl fmt::Debug for ReadBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_lent() { "lent" } else { "mapped" };
        write!(f, "ReadBuffer({} bytes, {kind})", self.range.len())
    }
}
