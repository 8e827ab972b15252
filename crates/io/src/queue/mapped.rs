//! Reads as ranges of the memory map.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use super::options::OptionsError;
use super::scheduler::Scheduler;
use super::{
    Arrival, Completion, QueueCounters, QueueFull, QueueOptions, ReadBuffer, ReadErrorKind,
    ReadQueue, ReadRequest, Ticket,
};
use crate::archive::Archive;
use crate::mmap::Map;

/// Ranges that wait to be read ahead at most; what comes beyond is left to whoever touches it.
const ADVICE_MAX: usize = 4096;

/// Hands out ranges of the map on the next poll, the most urgent first; at most
/// [`QueueOptions::bytes_max`] of them a poll, what is left on the next ones. A thread of its own then
/// tells the system to read them ahead, since the system does much of a read before it answers;
/// whoever touches a byte that is not there yet waits for the disk, a page at a time, which should be
/// the thread that decodes. From a disk that is much slower than queues that read: it is for worlds
/// that fit into memory.
#[derive(Debug)]
pub struct MmapQueue {
    map: Arc<Map>,
    scheduler: Scheduler,
    arrival: Option<Arrival>,
    /// None for bytes in memory, and where the system has no more threads: advice is no duty.
    adviser: Option<Adviser>,
}

impl MmapQueue {
    /// A queue of reads from `archive`; where that lies elsewhere, every one fails with `Elsewhere`.
    ///
    /// # Errors
    /// The first of `options` that is out of range.
    pub fn new(archive: &Archive, options: QueueOptions) -> Result<Self, OptionsError> {
        // A map has no depth: everything is ready at once.
        let options = QueueOptions { adapt: false, ..options };
        let scheduler = Scheduler::new(options, archive.file_bytes(), 1)?;
        let map = archive.map();
        let adviser = map.file().and_then(|_| Adviser::new(&map, options));
        Ok(Self { map, scheduler, arrival: None, adviser })
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
        let had_done = self.scheduler.has_done();
        let cancelled = self.scheduler.cancel(ticket, 0);
        if let (Some(arrival), true) = (&self.arrival, !had_done && self.scheduler.has_done()) {
            arrival.notify();
        }
        cancelled
    }

    fn reprioritise(&mut self, ticket: Ticket, class: u8, deadline_ns: Option<u64>) -> bool {
        self.scheduler.reprioritise(ticket, class, deadline_ns)
    }

    fn poll(&mut self, now_ns: u64, out: &mut Vec<Completion>) {
        while let Some(read) = self.scheduler.issue(now_ns) {
            let begin = read.offset as usize;
            let range = begin..begin + read.needed;
            if let Some(adviser) = &self.adviser {
                adviser.read_ahead(range.clone());
            }
            // Only the map of an archive that lies elsewhere is shorter than the archive.
            let result = match self.map.get(range.clone()) {
                Some(_) => Ok(ReadBuffer::mapped(&self.map, range)),
                None => Err(ReadErrorKind::Elsewhere),
            };
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

/// Has ranges of a map read ahead, in the order in which they come.
#[derive(Debug)]
struct Adviser {
    /// Always there, but for the drop.
    ranges: Option<SyncSender<Range<usize>>>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Adviser {
    fn new(map: &Arc<Map>, options: QueueOptions) -> Option<Self> {
        let (ranges, asked) = mpsc::sync_channel::<Range<usize>>(ADVICE_MAX);
        let closing = Arc::new(AtomicBool::new(false));
        let (map, closes) = (Arc::clone(map), Arc::clone(&closing));
        let builder = thread::Builder::new().name("farplane-advise".to_owned());
        let thread = builder.spawn(move || {
            if let Some(on_start) = options.on_start {
                on_start(0);
            }
            for range in asked {
                if closes.load(Ordering::Relaxed) {
                    return;
                }
                map.will_need(range.start, range.len());
            }
        });
        Some(Self { ranges: Some(ranges), closing, thread: Some(thread.ok()?) })
    }

    fn read_ahead(&self, range: Range<usize>) {
        if let Some(ranges) = &self.ranges {
            // Full: the system is busy enough.
            let _ = ranges.try_send(range);
        }
    }
}

impl Drop for Adviser {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.ranges = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
