//! Real threads: a read queue with threads of its own, and workers that decode in order of class.

use crate::action::Outcome;
use crate::decode::Decode;
use crate::job::{Finished, Job, Pending, Reads};
use crate::streamer::Workers;
use farplane_io::ReadQueue;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

pub(crate) struct Threaded<D: Decode> {
    pub reads: Reads<dyn ReadQueue + Send>,
    shared: Arc<Shared<D>>,
    workers: Vec<JoinHandle<()>>,
    sequence: u64,
}

struct Shared<D: Decode> {
    decoder: Arc<D>,
    jobs: Mutex<Jobs>,
    wake: Condvar,
    done: Mutex<Vec<(Pending, Outcome)>>,
}

#[derive(Default)]
struct Jobs {
    heap: BinaryHeap<Ranked>,
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
        queue: Box<dyn ReadQueue + Send>,
        decoder: Arc<D>,
        workers: Workers,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            decoder,
            jobs: Mutex::default(),
            wake: Condvar::new(),
            done: Mutex::default(),
        });
        let mut this = Self { reads: Reads::new(queue), shared, workers: Vec::new(), sequence: 0 };
        for i in 0..workers.count.max(1) {
            let shared = Arc::clone(&this.shared);
            let thread = std::thread::Builder::new().name(format!("decode-{i}"));
            this.workers.push(thread.spawn(move || {
                if let Some(on_start) = workers.on_start {
                    on_start(i);
                }
                work(&shared);
            })?);
        }
        Ok(this)
    }

    pub fn poll(&mut self, now_ns: u64, finished: &mut Vec<Finished>) {
        let mut arrived = 0;
        self.reads.poll(now_ns, finished, |_, job| {
            let (class, sequence) = (job.pending.class, self.sequence);
            self.sequence += 1;
            arrived += 1;
            lock(&self.shared.jobs).heap.push(Ranked { class, sequence, job });
        });
        match arrived {
            0 => {}
            1 => self.shared.wake.notify_one(),
            _ => self.shared.wake.notify_all(),
        }
        for (pending, outcome) in lock(&self.shared.done).drain(..) {
            finished.push(Finished { pending, outcome, at_ns: now_ns });
        }
    }
}

fn work<D: Decode>(shared: &Shared<D>) {
    let mut scratch = D::Scratch::default();
    loop {
        let mut jobs = lock(&shared.jobs);
        let mut job = loop {
            if jobs.stop {
                return;
            }
            if let Some(ranked) = jobs.heap.pop() {
                break ranked.job;
            }
            jobs = shared.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        };
        drop(jobs);
        let outcome = job.run(&*shared.decoder, &mut scratch);
        lock(&shared.done).push((job.pending, outcome));
    }
}

impl<D: Decode> Drop for Threaded<D> {
    fn drop(&mut self) {
        lock(&self.shared.jobs).stop = true;
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}
