//! Reads as ranges of the memory map.

use std::sync::Arc;

use super::options::OptionsError;
use super::scheduler::Scheduler;
use super::{
    Arrival, Completion, QueueCounters, QueueFull, QueueOptions, ReadBuffer, ReadQueue,
    ReadRequest, Ticket,
};
use crate::archive::Archive;
use crate::mmap::Map;

/// Hands out ranges of the map on the next poll, the most urgent first. The system is told then to
/// read them ahead; whoever touches a byte that is not there yet waits for the disk, a page at a
/// time, which should be the thread that decodes. From a disk that is much slower than queues that
/// read: it is for worlds that fit into memory.
#[derive(Debug)]
pub struct MmapQueue {
    map: Arc<Map>,
    scheduler: Scheduler,
    arrival: Option<Arrival>,
}

impl MmapQueue {
    /// A queue of reads from `archive`.
    ///
    /// # Errors
    /// The first of `options` that is out of range.
    pub fn new(archive: &Archive, options: QueueOptions) -> Result<Self, OptionsError> {
        // A map has no depth: everything is ready at once.
        let options = QueueOptions { adapt: false, ..options };
        let scheduler = Scheduler::new(options, archive.file_bytes(), 1)?;
        Ok(Self { map: archive.map(), scheduler, arrival: None })
    }
}

impl ReadQueue for MmapQueue {
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<Ticket, QueueFull> {
        let ticket = self.scheduler.submit(request, now_ns, now_ns)?;
        if let Some(arrival) = &self.arrival {
            arrival.notify();
        }
        Ok(ticket)
    }

    fn cancel(&mut self, ticket: Ticket) -> bool {
        self.scheduler.cancel(ticket, 0)
    }

    fn reprioritise(&mut self, ticket: Ticket, class: u8, deadline_ns: Option<u64>) -> bool {
        self.scheduler.reprioritise(ticket, class, deadline_ns)
    }

    fn poll(&mut self, now_ns: u64, out: &mut Vec<Completion>) {
        while let Some(read) = self.scheduler.issue(now_ns) {
            let begin = read.offset as usize;
            let range = begin..begin + read.needed;
            self.map.will_need(begin, read.needed);
            let result = Ok(ReadBuffer::mapped(&self.map, range));
            self.scheduler.complete(read.token, result, now_ns);
        }
        self.scheduler.poll(out);
        if let (Some(arrival), true) = (&self.arrival, self.scheduler.waiting() > 0) {
            arrival.notify();
        }
    }

    fn in_flight(&self) -> usize {
        self.scheduler.in_flight()
    }

    fn capacity(&self) -> usize {
        self.scheduler.options().capacity
    }

    fn backend(&self) -> &'static str {
        "mmap"
    }

    fn counters(&self) -> QueueCounters {
        self.scheduler.counters()
    }

    fn on_arrival(&mut self, arrival: Arrival) {
        self.arrival = Some(arrival);
    }
}
