//! Reads as ranges of the memory map.

use std::sync::Arc;

use super::buffer::range;
use super::{
    Completion, QUEUE_CAPACITY, QueueFull, ReadBuffer, ReadError, ReadErrorKind, ReadQueue,
    ReadRequest,
};
use crate::archive::Archive;
use crate::mmap::Map;

#[derive(Debug)]
struct Waiting {
    request: ReadRequest,
    submitted_ns: u64,
    cancelled: bool,
}

/// Hands out ranges of the map on the next poll, the most urgent first. The system is told on
/// submit to read ahead; whoever touches a byte that is not there yet waits for it, which should
/// be the thread that decodes.
#[derive(Debug)]
pub struct MmapQueue {
    map: Arc<Map>,
    file_bytes: usize,
    waiting: Vec<Waiting>,
}

impl MmapQueue {
    /// A queue of reads from `archive`.
    pub fn new(archive: &Archive) -> Self {
        Self {
            map: archive.map(),
            file_bytes: archive.file_bytes() as usize,
            waiting: Vec::with_capacity(QUEUE_CAPACITY),
        }
    }
}

impl ReadQueue for MmapQueue {
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<(), QueueFull> {
        if self.waiting.len() == QUEUE_CAPACITY {
            return Err(QueueFull { capacity: QUEUE_CAPACITY });
        }
        if let Ok(range) = range(&request, self.file_bytes) {
            self.map.will_need(range.start, range.len());
        }
        self.waiting.push(Waiting { request, submitted_ns: now_ns, cancelled: false });
        Ok(())
    }

    fn cancel(&mut self, id: u64) -> bool {
        let found = self.waiting.iter_mut().find(|w| w.request.id == id && !w.cancelled);
        found.map(|waiting| waiting.cancelled = true).is_some()
    }

    fn poll(&mut self, now_ns: u64, out: &mut Vec<Completion>) {
        // Stable: first come, first served within a class.
        self.waiting.sort_by_key(|waiting| waiting.request.class);
        for Waiting { request, submitted_ns, cancelled } in self.waiting.drain(..) {
            let result = if cancelled {
                Err(ReadErrorKind::Cancelled)
            } else {
                range(&request, self.file_bytes)
            };
            out.push(Completion {
                id: request.id,
                result: result
                    .map(|range| ReadBuffer::mapped(&self.map, range))
                    .map_err(|kind| ReadError::new(&request, kind)),
                submitted_ns,
                completed_ns: now_ns.max(submitted_ns),
            });
        }
    }

    fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    fn capacity(&self) -> usize {
        QUEUE_CAPACITY
    }

    fn backend(&self) -> &'static str {
        "mmap"
    }
}
