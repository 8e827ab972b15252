//! Real threads: a read queue with threads of its own, and workers that decode in order of class.
//!
//! What has been read is decoded at once: the queue announces it, and a worker that is free polls the
//! queue itself. The main thread only hands over reads and takes results. Locks are taken in the
//! order reads, jobs, done, and none while a unit is decoded.

use crate::decode::Decode;
use crate::job::{Finished, Job, PendingRead, Reads};
use crate::streamer::Workers;
use crate::unit::UnitId;
use farplane_io::{Arrival, ReadQueue};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

pub(crate) struct Threaded<D: Decode> {
    shared: Arc<Shared<D>>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared<D: Decode> {
    decoder: Arc<D>,
    reads: Mutex<Reads<dyn ReadQueue + Send>>,
    inbox: Arc<Inbox>,
    done: Mutex<Vec<Finished>>,
    /// The main thread's time, for calls of the queue on other threads.
    now_ns: AtomicU64,
}

/// What workers wait for. Apart from the rest, since the queue notifies it and is part of that.
#[derive(Default)]
struct Inbox {
    jobs: Mutex<Jobs>,
    wake: Condvar,
}

#[derive(Default)]
struct Jobs {
    heap: BinaryHeap<Ranked>,
    sequence: u64,
    /// The queue has something to poll.
    arrived: bool,
    stop: bool,
}

struct Ranked {
    class: u8,
    sequence: u64,
    job: Job,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Ranked {}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ranked {
    /// The heap gives its greatest first: the most urgent, then the oldest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.class, other.sequence).cmp(&(self.class, self.sequence))
    }
}

/// A worker that panicked outside a decoder cannot leave these half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D: Decode> Threaded<D> {
    pub fn new(
        mut queue: Box<dyn ReadQueue + Send>,
        decoder: Arc<D>,
        workers: Workers,
    ) -> std::io::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let notified = Arc::clone(&inbox);
        queue.on_arrival(Arrival::new(move || {
            lock(&notified.jobs).arrived = true;
            notified.wake.notify_one();
        }));
        let shared = Arc::new(Shared {
            decoder,
            reads: Mutex::new(Reads::new(queue)),
            inbox,
            done: Mutex::default(),
            now_ns: AtomicU64::new(0),
        });
        let mut this = Self { shared, workers: Vec::new() };
        for i in 0..workers.count.max(1) {
            let shared = Arc::clone(&this.shared);
            let thread = std::thread::Builder::new().name(format!("decode-{i}"));
            this.workers.push(thread.spawn(move || {
                if let Some(on_start) = workers.on_start {
                    on_start(i);
                }
                shared.work();
            })?);
        }
        Ok(this)
    }

    pub fn submit(
        &mut self,
        read: PendingRead,
        bytes: u32,
        class: u8,
        now_ns: u64,
        finished: &mut Vec<Finished>,
    ) {
        lock(&self.shared.reads).submit(read, bytes, class, now_ns, finished);
    }

    pub fn cancel(&mut self, unit: UnitId) {
        lock(&self.shared.reads).cancel(unit);
    }

    pub fn backend(&self) -> &'static str {
        lock(&self.shared.reads).queue.backend()
    }

    pub fn buffer_bytes(&self) -> u64 {
        lock(&self.shared.reads).queue.buffer_bytes()
    }

    /// What is done by now. Polls the queue as well: every worker may be busy.
    pub fn poll(&mut self, now_ns: u64, finished: &mut Vec<Finished>) {
        self.shared.now_ns.store(now_ns, Atomic::Relaxed);
        self.shared.poll_reads();
        for mut done in lock(&self.shared.done).drain(..) {
            done.at_ns = done.at_ns.max(now_ns);
            finished.push(done);
        }
    }
}

impl<D: Decode> Shared<D> {
    /// Makes jobs of what has been read.
    fn poll_reads(&self) {
        let now_ns = self.now_ns.load(Atomic::Relaxed);
        let (mut arrived, mut finished) = (Vec::new(), Vec::new());
        lock(&self.reads).poll(now_ns, &mut finished, |_, job| arrived.push(job));
        lock(&self.done).append(&mut finished);
        if arrived.is_empty() {
            return;
        }
        let more = arrived.len() > 1;
        let mut jobs = lock(&self.inbox.jobs);
        for job in arrived {
            let (class, sequence) = (job.pending.class, jobs.sequence);
            jobs.sequence += 1;
            jobs.heap.push(Ranked { class, sequence, job });
        }
        drop(jobs);
        if more { self.inbox.wake.notify_all() } else { self.inbox.wake.notify_one() }
    }

    /// What each worker does.
    fn work(&self) {
        let mut scratch = D::Scratch::default();
        while let Some(mut job) = self.next_job() {
            let ended = job.run(&*self.decoder, &mut scratch);
            // Its buffer goes back before its unit is known to be done.
            let Job { pending, buffer, .. } = job;
            drop(buffer);
            lock(&self.done).push(Finished { pending, ended, at_ns: 0 });
        }
    }

    /// The most urgent job, once there is one; `None` when all is to end.
    fn next_job(&self) -> Option<Job> {
        let mut jobs = lock(&self.inbox.jobs);
        loop {
            if jobs.stop {
                return None;
            }
            if std::mem::take(&mut jobs.arrived) {
                drop(jobs);
                self.poll_reads();
                jobs = lock(&self.inbox.jobs);
                continue;
            }
            if let Some(ranked) = jobs.heap.pop() {
                return Some(ranked.job);
            }
            jobs = self.inbox.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<D: Decode> Drop for Threaded<D> {
    fn drop(&mut self) {
        lock(&self.shared.inbox.jobs).stop = true;
        self.shared.inbox.wake.notify_all();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}
