//! The bytes of a completed read.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ReadErrorKind;
use super::{QUEUE_CAPACITY, ReadRequest};
use crate::mmap::Map;

/// Default of the most bytes of buffers, lent and idle, beyond which none is kept for later reads.
pub const POOL_BYTES_MAX: usize = 8 << 20;

/// Granularity of pooled buffers, so that reads of similar length share them.
const BUFFER_STEP_BYTES: usize = 16 * 1024;

/// The bytes of a completed read; send it to the thread that decodes them.
///
/// Either a range of the map, or memory that goes back to its queue's pool when this is dropped.
pub struct ReadBuffer {
    source: Source,
}

enum Source {
    Mapped { map: Arc<Map>, range: Range<usize> },
    Pooled { bytes: Vec<u8>, len: usize, pool: Arc<BufferPool> },
}

impl ReadBuffer {
    pub(super) fn mapped(map: &Arc<Map>, range: Range<usize>) -> Self {
        Self { source: Source::Mapped { map: Arc::clone(map), range } }
    }

    /// Heap bytes that it holds: 0 for a range of the map.
    pub fn heap_bytes(&self) -> usize {
        match &self.source {
            Source::Mapped { .. } => 0,
            Source::Pooled { bytes, .. } => bytes.len(),
        }
    }
}

impl Deref for ReadBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.source {
            Source::Mapped { map, range } => &map[range.clone()],
            Source::Pooled { bytes, len, .. } => &bytes[..*len],
        }
    }
}

impl fmt::Debug for ReadBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.source {
            Source::Mapped { .. } => "mapped",
            Source::Pooled { .. } => "pooled",
        };
        write!(f, "ReadBuffer({} bytes, {kind})", self.len())
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        if let Source::Pooled { bytes, pool, .. } = &mut self.source {
            pool.put(std::mem::take(bytes));
        }
    }
}

/// The range of the map that a request asks for.
pub(super) fn range(
    request: &ReadRequest,
    file_bytes: usize,
) -> Result<Range<usize>, ReadErrorKind> {
    let fault = ReadErrorKind::OutOfRange { file_bytes: file_bytes as u64 };
    let end = request.offset.checked_add(u64::from(request.len)).ok_or(fault)?;
    match (usize::try_from(request.offset), usize::try_from(end)) {
        (Ok(start), Ok(end)) if end <= file_bytes => Ok(start..end),
        _ => Err(fault),
    }
}

/// Buffers of a queue: those lent to completions, and idle ones for later reads. An idle one is kept
/// only while all of them together stay within a limit, so that what a queue holds is what is lent,
/// or the limit.
#[derive(Debug)]
pub(super) struct BufferPool {
    bytes_max: usize,
    buffers: Mutex<Buffers>,
}

#[derive(Debug, Default)]
struct Buffers {
    idle: Vec<Vec<u8>>,
    idle_bytes: usize,
    lent_bytes: usize,
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::new(POOL_BYTES_MAX)
    }
}

impl BufferPool {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, buffers: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `len` bytes filled by `fill`. Only new memory is zeroed.
    pub(super) fn filled(
        self: &Arc<Self>,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), ReadErrorKind>,
    ) -> Result<ReadBuffer, ReadErrorKind> {
        let mut buffer = ReadBuffer {
            source: Source::Pooled { bytes: self.take(len)?, len, pool: Arc::clone(self) },
        };
        if let Source::Pooled { bytes, .. } = &mut buffer.source {
            fill(&mut bytes[..len])?;
        }
        Ok(buffer)
    }

    /// The smallest idle buffer that is long enough and not twice too long, or a new one.
    fn take(&self, len: usize) -> Result<Vec<u8>, ReadErrorKind> {
        let size = len.next_multiple_of(BUFFER_STEP_BYTES);
        let mut buffers = self.lock();
        let fits = |bytes: usize| (len..=size * 2).contains(&bytes);
        let smallest = (0..buffers.idle.len())
            .filter(|&index| fits(buffers.idle[index].len()))
            .min_by_key(|&index| buffers.idle[index].len());
        if let Some(index) = smallest {
            let bytes = buffers.idle.swap_remove(index);
            buffers.idle_bytes -= bytes.len();
            buffers.lent_bytes += bytes.len();
            return Ok(bytes);
        }
        // Room for the new one: idle ones go first.
        while buffers.idle_bytes + buffers.lent_bytes + size > self.bytes_max {
            let Some(bytes) = buffers.idle.pop() else { break };
            buffers.idle_bytes -= bytes.len();
        }
        buffers.lent_bytes += size;
        drop(buffers);
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(size).is_err() {
            self.lock().lent_bytes -= size;
            return Err(ReadErrorKind::OutOfMemory);
        }
        bytes.resize(size, 0);
        Ok(bytes)
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut buffers = self.lock();
        buffers.lent_bytes -= bytes.len();
        let total = buffers.idle_bytes + buffers.lent_bytes + bytes.len();
        if buffers.idle.len() < QUEUE_CAPACITY && total <= self.bytes_max {
            buffers.idle_bytes += bytes.len();
            buffers.idle.push(bytes);
        }
    }

    pub(super) fn idle_bytes(&self) -> usize {
        self.lock().idle_bytes
    }

    pub(super) fn bytes(&self) -> usize {
        let buffers = self.lock();
        buffers.idle_bytes + buffers.lent_bytes
    }
}
