//! What queues with threads of their own share: the scheduler behind a lock, and the calls of the
//! caller's side.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::pool::BufferPool;
use super::scheduler::{ReadToken, Scheduler};
use super::{
    Arrival, Completion, QueueCounters, QueueFull, ReadBuffer, ReadErrorKind, ReadQueue,
    ReadRequest, Ticket,
};

/// The scheduler, the clock that it runs on and the pool, between the caller and the threads that
/// read.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    start: Instant,
    pub pool: Arc<dyn BufferPool>,
    arrival: OnceLock<Arrival>,
}

#[derive(Debug)]
pub(super) struct State {
    pub scheduler: Scheduler,
    /// When the caller submitted or polled last: a cancel happens then, and reads no clock, which
    /// would be a third of what it costs. Thousands come at once.
    clock_ns: u64,
    /// The queue is being dropped.
    pub closing: bool,
    /// Threads that sleep until they are roused.
    sleeping: usize,
    /// One of them has been told to wake up and has not looked yet: it rouses the next, if there is
    /// work for two.
    roused: bool,
    /// One of them wakes up by itself then, to look again.
    timer_ns: Option<u64>,
}

impl State {
    /// Whether a thread must be roused: one sleeps, none is about to look, and there is work, now or
    /// at a time at which none wakes up.
    pub fn rouses(&mut self, now_ns: u64) -> bool {
        let rouses = self.sleeping > 0
            && !self.roused
            && (self.scheduler.may_issue(now_ns)
                || self
                    .scheduler
                    .next_issue_ns(now_ns)
                    .is_some_and(|at| self.timer_ns != Some(at)));
        self.roused |= rouses;
        rouses
    }

    /// A thread goes to sleep. How long at most: then it must look again.
    pub fn sleeps(&mut self, now_ns: u64) -> Option<Duration> {
        self.sleeping += 1;
        let at_ns = self.scheduler.next_issue_ns(now_ns).filter(|&at| self.timer_ns != Some(at))?;
        self.timer_ns = Some(at_ns);
        Some(Duration::from_nanos(at_ns - now_ns))
    }

    /// The same for a queue of one thread, which wakes up with each look at what there is to do.
    #[cfg(any(feature = "remote", all(target_os = "linux", feature = "uring")))]
    pub fn sleeps_alone(&mut self, now_ns: u64) -> Option<Duration> {
        (self.sleeping, self.roused, self.timer_ns) = (0, false, None);
        self.sleeps(now_ns)
    }

    /// It has woken up, and looks; `timer`: what [`sleeps`](Self::sleeps) said.
    pub fn wakes(&mut self, timer: Option<Duration>) {
        self.sleeping -= 1;
        self.roused = false;
        if timer.is_some() {
            self.timer_ns = None;
        }
    }
}

impl Shared {
    pub fn new(scheduler: Scheduler, pool: Arc<dyn BufferPool>) -> Self {
        let state = State {
            scheduler,
            clock_ns: 0,
            closing: false,
            sleeping: 0,
            roused: false,
            timer_ns: None,
        };
        let (state, start) = (Mutex::new(state), Instant::now());
        Self { state, start, pool, arrival: OnceLock::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since the queue was made: measures, and decides when a read counts as stalled.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Reports what came of reads.
    pub fn complete(
        &self,
        results: impl IntoIterator<Item = (ReadToken, Result<ReadBuffer, ReadErrorKind>)>,
    ) {
        let now_ns = self.now_ns();
        let mut state = self.lock();
        for (token, result) in results {
            state.scheduler.complete(token, result, now_ns);
        }
        drop(state);
        self.arrived();
    }

    /// Tells the caller that there is something to poll.
    pub fn arrived(&self) {
        if let Some(arrival) = self.arrival.get() {
            arrival.notify();
        }
    }
}

/// A queue whose reads are done by threads: [`ReadQueue`] follows.
pub(super) trait Threaded {
    /// What it shares with its threads.
    fn shared(&self) -> &Shared;

    /// Wakes up a thread that sleeps.
    fn rouse(&self);

    /// The name of the backend.
    fn name(&self) -> &'static str;
}

impl<Q: Threaded> ReadQueue for Q {
    fn submit(&mut self, request: ReadRequest, now_ns: u64) -> Result<Ticket, QueueFull> {
        let shared = self.shared();
        let clock_ns = shared.now_ns();
        let mut state = shared.lock();
        state.clock_ns = clock_ns;
        let ticket = state.scheduler.submit(request, clock_ns, now_ns)?;
        let rouse = state.rouses(clock_ns);
        let arrived = state.scheduler.has_done();
        drop(state);
        if rouse {
            self.rouse();
        }
        if arrived {
            shared.arrived();
        }
        Ok(ticket)
    }

    fn cancel(&mut self, ticket: Ticket) -> bool {
        let mut state = self.shared().lock();
        let (clock_ns, had_done) = (state.clock_ns, state.scheduler.has_done());
        let cancelled = state.scheduler.cancel(ticket, clock_ns);
        // Once for all that are cancelled together: whoever was told polls them all.
        let arrived = !had_done && state.scheduler.has_done();
        drop(state);
        if arrived {
            self.shared().arrived();
        }
        cancelled
    }

    fn reprioritise(&mut self, ticket: Ticket, class: u8, deadline_ns: Option<u64>) -> bool {
        let mut state = self.shared().lock();
        let moved = state.scheduler.reprioritise(ticket, class, deadline_ns);
        // What is urgent now may go where others may not.
        let clock_ns = state.clock_ns;
        let rouse = state.rouses(clock_ns);
        drop(state);
        if rouse {
            self.rouse();
        }
        moved
    }

    fn poll(&mut self, _: u64, out: &mut Vec<Completion>) {
        let shared = self.shared();
        let clock_ns = shared.now_ns();
        let mut state = shared.lock();
        state.clock_ns = clock_ns;
        state.scheduler.give_up_stalled(clock_ns);
        state.scheduler.poll(out);
        // What was polled may have made room.
        let rouse = state.rouses(clock_ns);
        drop(state);
        if rouse {
            self.rouse();
        }
    }

    fn in_flight(&self) -> usize {
        self.shared().lock().scheduler.in_flight()
    }

    fn capacity(&self) -> usize {
        self.shared().lock().scheduler.options().capacity
    }

    fn backend(&self) -> &'static str {
        self.name()
    }

    fn counters(&self) -> QueueCounters {
        self.shared().lock().scheduler.counters()
    }

    fn on_arrival(&mut self, arrival: Arrival) {
        let _ = self.shared().arrival.set(arrival);
    }

    fn stalls_in(&self) -> Option<Duration> {
        let shared = self.shared();
        let at_ns = shared.lock().scheduler.next_stall_ns()?;
        Some(Duration::from_nanos(at_ns.saturating_sub(shared.now_ns())))
    }

    fn buffer_bytes(&self) -> u64 {
        self.shared().pool.bytes()
    }
}
