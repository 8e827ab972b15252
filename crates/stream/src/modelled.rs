//! The virtual clock: one model decides when reads and decodes complete. How many real threads do
//! the decoding changes nothing.

use crate::decode::Decode;
use crate::job::{Ended, Finished, Job, PendingRead, Reads};
use crate::unit::UnitId;
use farplane_io::{ReadQueue, SimQueue};
use rayon::prelude::*;
use std::sync::Arc;

pub(crate) struct Modelled<D: Decode> {
    reads: Reads<SimQueue>,
    decoder: Arc<D>,
    /// When each modelled worker is free again.
    workers: Vec<u64>,
    waiting: Vec<Waiting>,
    running: Vec<(u64, u64, Job)>,
    sequence: u64,
}

struct Waiting {
    ready_ns: u64,
    sequence: u64,
    job: Job,
}

impl<D: Decode> Modelled<D> {
    pub fn new(queue: SimQueue, decoder: Arc<D>, workers: usize) -> Self {
        Self {
            reads: Reads::new(Box::new(queue)),
            decoder,
            workers: vec![0; workers.max(1)],
            waiting: Vec::new(),
            running: Vec::new(),
            sequence: 0,
        }
    }

    pub fn submit(
        &mut self,
        read: PendingRead,
        bytes: u32,
        class: u8,
        now_ns: u64,
        finished: &mut Vec<Finished>,
    ) {
        self.reads.submit(read, bytes, class, now_ns, finished);
    }

    pub fn cancel(&mut self, unit: UnitId) {
        self.reads.cancel(unit);
    }

    pub fn backend(&self) -> &'static str {
        self.reads.queue.backend()
    }

    pub fn buffer_bytes(&self) -> u64 {
        self.reads.queue.buffer_bytes()
    }

    pub fn poll(&mut self, now_ns: u64, finished: &mut Vec<Finished>) {
        self.reads.poll(now_ns, finished, |ready_ns, job| {
            self.waiting.push(Waiting { ready_ns, sequence: self.sequence, job });
            self.sequence += 1;
        });
        self.start(now_ns);
        let mut due: Vec<(u64, u64, Job)> = Vec::new();
        let mut i = 0;
        while i < self.running.len() {
            if self.running[i].0 <= now_ns {
                due.push(self.running.swap_remove(i));
            } else {
                i += 1;
            }
        }
        due.sort_unstable_by_key(|&(end, sequence, _)| (end, sequence));
        let decoder = &*self.decoder;
        let ends: Vec<Ended> = due
            .par_iter_mut()
            .map_init(D::Scratch::default, |scratch, (_, _, job)| job.run(decoder, scratch))
            .collect();
        for ((at_ns, _, job), ended) in due.into_iter().zip(ends) {
            finished.push(Finished { pending: job.pending, ended, at_ns });
        }
    }

    /// Gives waiting jobs to workers as they become free, the most urgent that has arrived first.
    fn start(&mut self, now_ns: u64) {
        while let Some(first_ready) = self.waiting.iter().map(|w| w.ready_ns).min() {
            let free = self.workers.iter().copied().enumerate().min_by_key(|&(i, t)| (t, i));
            let Some((worker, free_ns)) = free else { return };
            let start = free_ns.max(first_ready);
            if start > now_ns {
                return;
            }
            let arrived = self.waiting.iter().enumerate().filter(|(_, w)| w.ready_ns <= start);
            let best = arrived.min_by_key(|(_, w)| (w.job.pending.class, w.sequence));
            let Some((index, _)) = best else { return };
            let Waiting { sequence, job, .. } = self.waiting.swap_remove(index);
            let end = start + self.decoder.cost_ns(job.pending.part.unit);
            self.workers[worker] = end;
            self.running.push((end, sequence, job));
        }
    }
}
