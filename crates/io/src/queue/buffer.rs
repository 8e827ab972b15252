//! The bytes of a completed read.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::ReadErrorKind;
use super::{QUEUE_CAPACITY, ReadRequest};
use crate::mmap::Map;

/// The most bytes of buffers that a queue keeps for later reads while nobody uses them.
pub const POOL_IDLE_BYTES_MAX: usize = 8 << 20;

/// Granularity of pooled buffers, so that reads of similar length share them.
const BUFFER_STEP_BYTES: usize = 64 * 1024;

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

/// Initialised buffers that nobody uses, bounded in number and in bytes.
#[derive(Debug, Default)]
pub(super) struct BufferPool {
    idle: Mutex<Vec<Vec<u8>>>,
}

impl BufferPool {
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

    fn take(&self, len: usize) -> Result<Vec<u8>, ReadErrorKind> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let smallest = (0..idle.len())
            .filter(|&index| idle[index].len() >= len)
            .min_by_key(|&index| idle[index].len());
        if let Some(index) = smallest {
            return Ok(idle.swap_remove(index));
        }
        drop(idle);
        let size = len.next_multiple_of(BUFFER_STEP_BYTES);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| ReadErrorKind::OutOfMemory)?;
        bytes.resize(size, 0);
        Ok(bytes)
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle_bytes: usize = idle.iter().map(Vec::len).sum();
        if idle.len() < QUEUE_CAPACITY && idle_bytes + bytes.len() <= POOL_IDLE_BYTES_MAX {
            idle.push(bytes);
        }
    }

    pub(super) fn idle_bytes(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Vec::len).sum()
    }
}
