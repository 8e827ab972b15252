//! Positioned reads on threads of the queue's own.

use std::io;
use std::sync::{Arc, Condvar, PoisonError};
use std::thread::{self, JoinHandle};

use super::buffer::Lent;
use super::front::{Shared, Threaded};
use super::pool::BufferPool;
use super::scheduler::{DeviceRead, Scheduler};
use super::transfer::Transfer;
use super::{QueueOptions, ReadBuffer, ReadErrorKind};
use crate::archive::Archive;
use crate::mmap::Map;

/// Reads with `pread` on threads, the most urgent request first. It owns its threads and joins
/// them when it is dropped; requests still waiting then are never read.
///
/// `completed_ns` is the time of submission plus the real time that the request took, so it may
/// lie after the `now_ns` of the poll that returns it when the caller's clock is coarser.
#[derive(Debug)]
pub struct PreadQueue {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    shared: Shared,
    map: Arc<Map>,
    /// Whether the map holds the archive.
    is_here: bool,
    work: Condvar,
}

impl PreadQueue {
    /// A queue of reads from `archive`, into buffers of `pool`; where the archive lies elsewhere, every
    /// read fails with `Elsewhere`.
    ///
    /// # Errors
    /// When an option is out of range, or the system cannot start the threads.
    pub fn new(
        archive: &Archive,
        options: QueueOptions,
        pool: Arc<dyn BufferPool>,
    ) -> io::Result<Self> {
        let reads_max = options.reads_max.min(options.threads as u32);
        let limits = QueueOptions { reads_max, ..options };
        let scheduler = Scheduler::new(limits, archive.file_bytes(), 1)?.into_buffers();
        let inner = Arc::new(Inner {
            shared: Shared::new(scheduler, pool),
            map: archive.map(),
            is_here: archive.is_here(),
            work: Condvar::new(),
        });
        let mut queue = Self { inner, threads: Vec::new() };
        for index in 0..options.threads {
            let inner = Arc::clone(&queue.inner);
            let builder = thread::Builder::new().name(format!("farplane-read-{index}"));
            // On an error the drop of `queue` ends the threads that did start.
            queue.threads.push(builder.spawn(move || {
                if let Some(on_start) = options.on_start {
                    on_start(index);
                }
                inner.serve();
            })?);
        }
        Ok(queue)
    }
}

impl Threaded for PreadQueue {
    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn rouse(&self) {
        self.inner.work.notify_one();
    }

    fn name(&self) -> &'static str {
        "pread"
    }
}

impl Drop for PreadQueue {
    fn drop(&mut self) {
        self.inner.shared.lock().closing = true;
        self.inner.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Inner {
    /// What each thread does.
    fn serve(&self) {
        let mut state = self.shared.lock();
        loop {
            if state.closing {
                return;
            }
            let now_ns = self.shared.now_ns();
            let Some(read) = state.scheduler.issue(now_ns) else {
                let timer = state.sleeps(now_ns);
                state = match timer {
                    None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                    Some(time) => {
                        let woken = self.work.wait_timeout(state, time);
                        woken.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
                state.wakes(timer);
                continue;
            };
            // The next one may be for another thread.
            if state.rouses(self.shared.now_ns()) {
                self.work.notify_one();
            }
            drop(state);
            let result = self.read(&read);
            self.shared.complete([(read.token, result)]);
            state = self.shared.lock();
        }
    }

    fn read(&self, read: &DeviceRead) -> Result<ReadBuffer, ReadErrorKind> {
        if !self.is_here {
            return Err(ReadErrorKind::Elsewhere);
        }
        let mut buffer =
            Lent::take(&self.shared.pool, read.len).ok_or(ReadErrorKind::OutOfMemory)?;
        let result = Transfer::new(read.needed).run(|arrived| {
            let end = read.len.min(arrived + read.piece);
            read_at(&self.map, &mut buffer[arrived..end], read.offset + arrived as u64)
        });
        result.map(|()| ReadBuffer::lent(buffer))
    }
}

#[cfg(unix)]
fn read_at(map: &Map, out: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;

    match map.file() {
        Some(file) => file.read_at(out, offset),
        None => Ok(map.copy_at(out, offset)),
    }
}

/// From the map, where the system has no positioned reads.
#[cfg(not(unix))]
fn read_at(map: &Map, out: &mut [u8], offset: u64) -> io::Result<usize> {
    Ok(map.copy_at(out, offset))
}
