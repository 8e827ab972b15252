//! Positioned reads on threads of the queue's own.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::buffer::{BufferPool, range};
use super::{
    Completion, QUEUE_CAPACITY, QueueFull, ReadBuffer, ReadError, ReadErrorKind, ReadQueue,
    ReadRequest,
};
use crate::archive::Archive;
use crate::mmap::Map;

/// The most threads that a [`PreadQueue`] starts; past some eight concurrent reads a local disk
/// only answers later.
pub const READ_THREADS_MAX: usize = 16;

/// Reads with `pread` on threads, the most urgent request first. It owns its threads and joins
/// them when it is dropped; requests still waiting then are never read.
///
/// `completed_ns` is the time of submission plus the real time that the request took, so it may
/// lie after the `now_ns` of the poll that returns it when the caller's clock is coarser.
#[derive(Debug)]
pub struct PreadQueue {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    map: Arc<Map>,
    file_bytes: usize,
    pool: Arc<BufferPool>,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// In order of submission. Waiting, reading and done together stay within the capacity.
    waiting: Vec<Job>,
    reading: Vec<Job>,
    done: Vec<Completion>,
    sequence: u64,
    closing: bool,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    request: ReadRequest,
    /// Unique among all jobs of the queue, whatever ids the caller uses.
    sequence: u64,
    submitted_ns: u64,
    submitted: Instant,
    cancelled: bool,
}

impl Job {
    fn complete(&self, result: Result<ReadBuffer, ReadErrorKind>) -> Completion {
        let elapsed_ns = u64::try_from(self.submitted.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Completion {
            id: self.request.id,
            result: result.map_err(|kind| ReadError::new(&self.request, kind)),
            submitted_ns: self.submitted_ns,
            completed_ns: self.submitted_ns.saturating_add(elapsed_ns),
        }
    }
}

/// How a [`PreadQueue`] reads.
#[derive(Clone, Copy, Debug)]
pub struct PreadOptions {
    /// Threads: at least 1, at most [`READ_THREADS_MAX`]. Default 4. Each keeps one read in flight.
    pub threads: usize,
    /// Bytes of buffers, lent and idle, beyond which none is kept idle. Default [`POOL_BYTES_MAX`].
    /// 0 allocates for every read.
    ///
    /// [`POOL_BYTES_MAX`]: crate::POOL_BYTES_MAX
    pub pool_bytes_max: usize,
    /// Called by each thread when it starts, with its number: to lower its priority, say. Default:
    /// nothing is called.
    pub on_start: Option<fn(usize)>,
}

impl Default for PreadOptions {
    fn default() -> Self {
        Self { threads: 4, pool_bytes_max: super::buffer::POOL_BYTES_MAX, on_start: None }
    }
}

impl PreadQueue {
    /// A queue of reads from `archive` on `threads` threads: at least 1, at most [`READ_THREADS_MAX`].
    ///
    /// # Errors
    /// That of the system when it cannot start the threads.
    pub fn new(archive: &Archive, threads: usize) -> io::Result<Self> {
        Self::with_options(archive, PreadOptions { threads, ..PreadOptions::default() })
    }

    /// A queue of reads from `archive`.
    ///
    /// # Errors
    /// That of the system when it cannot start the threads.
    pub fn with_options(archive: &Archive, options: PreadOptions) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            map: archive.map(),
            file_bytes: archive.file_bytes() as usize,
            pool: Arc::new(BufferPool::new(options.pool_bytes_max)),
            state: Mutex::default(),
            work: Condvar::new(),
        });
        let mut queue = Self { shared, threads: Vec::new() };
        for index in 0..options.threads.clamp(1, READ_THREADS_MAX) {
            let shared = Arc::clone(&queue.shared);
            let builder = thread::Builder::new().name(format!("farplane-read-{index}"));
            // On an error the drop of `queue` ends the threads that did start.
            queue.threads.push(builder.spawn(move || {
                if let Some(on_start) = options.on_start {
                    on_start(index);
                }
                shared.serve();
            })?);
        }
        Ok(queue)
    }

    /// Bytes of buffers that are kept for later reads; at most
    /// [`PreadOptions::pool_bytes_max`].
    pub fn idle_bytes(&self) -> usize {
        self.shared.pool.idle_bytes()
    }
}

impl ReadQueue for PreadQueue {
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<(), QueueFull> {
        let mut state = self.shared.lock();
        if state.held() == QUEUE_CAPACITY {
            return Err(QueueFull { capacity: QUEUE_CAPACITY });
        }
        let sequence = state.sequence;
        state.sequence += 1;
        state.waiting.push(Job {
            request,
            sequence,
            submitted_ns: now_ns,
            submitted: Instant::now(),
            cancelled: false,
        });
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    fn cancel(&mut self, id: u64) -> bool {
        let mut state = self.shared.lock();
        if let Some(index) = state.waiting.iter().position(|job| job.request.id == id) {
            let job = state.waiting.remove(index);
            state.done.push(job.complete(Err(ReadErrorKind::Cancelled)));
            return true;
        }
        let reading = state.reading.iter_mut().find(|job| job.request.id == id && !job.cancelled);
        reading.map(|job| job.cancelled = true).is_some()
    }

    fn poll(&mut self, _now_ns: u64, out: &mut Vec<Completion>) {
        out.append(&mut self.shared.lock().done);
    }

    fn in_flight(&self) -> usize {
        self.shared.lock().held()
    }

    fn capacity(&self) -> usize {
        QUEUE_CAPACITY
    }

    fn buffer_bytes(&self) -> u64 {
        self.shared.pool.bytes() as u64
    }

    fn backend(&self) -> &'static str {
        "pread"
    }
}

impl Drop for PreadQueue {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl State {
    fn held(&self) -> usize {
        self.waiting.len() + self.reading.len() + self.done.len()
    }

    /// Moves the most urgent job, the oldest of its class, from waiting to reading.
    fn take(&mut self) -> Option<Job> {
        let index = (0..self.waiting.len()).min_by_key(|&i| self.waiting[i].request.class)?;
        let job = self.waiting.remove(index);
        self.reading.push(job);
        Some(job)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life: take the most urgent job, read, report, until the queue closes.
    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if state.closing {
                return;
            }
            let Some(job) = state.take() else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let result = self.read(&job.request);
            state = self.lock();
            let index = state.reading.iter().position(|other| other.sequence == job.sequence);
            let cancelled = index.is_some_and(|index| state.reading.swap_remove(index).cancelled);
            let result = if cancelled { Err(ReadErrorKind::Cancelled) } else { result };
            state.done.push(job.complete(result));
        }
    }

    fn read(&self, request: &ReadRequest) -> Result<ReadBuffer, ReadErrorKind> {
        let range = range(request, self.file_bytes)?;
        self.pool.filled(range.len(), |out| read_at(&self.map, range.start, out))
    }
}

/// Fills `out` from the file; short and interrupted reads are continued.
#[cfg(unix)]
fn read_at(map: &Map, offset: usize, out: &mut [u8]) -> Result<(), ReadErrorKind> {
    use std::os::unix::fs::FileExt;

    let Some(file) = map.file() else {
        out.copy_from_slice(&map[offset..offset + out.len()]);
        return Ok(());
    };
    file.read_exact_at(out, offset as u64).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadErrorKind::Truncated,
        kind => ReadErrorKind::Io { kind, os_error: error.raw_os_error() },
    })
}

/// Fills `out` from the map, where the system has no positioned reads.
#[cfg(not(unix))]
fn read_at(map: &Map, offset: usize, out: &mut [u8]) -> Result<(), ReadErrorKind> {
    out.copy_from_slice(&map[offset..offset + out.len()]);
    Ok(())
}
