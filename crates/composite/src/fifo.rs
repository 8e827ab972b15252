use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What a full [`FrameFifo`] does with one more frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FifoPolicy {
    /// The oldest frame makes room: whoever consumes sees the newest ones. For live pictures.
    #[default]
    DropOldest,
    /// The new frame is turned away: what was taken is delivered. For samples.
    DropNewest,
    /// Whoever produces waits for room: nothing is lost. For files.
    Block,
}

/// What became of a frame that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed<T> {
    /// There was room.
    Taken,
    /// It was taken, and this older one dropped: its memory can be used again.
    Replaced(T),
    /// It was dropped; here it is again. Also after [`FrameFifo::close`], for any policy.
    Refused(T),
}

/// A queue of frames between whoever renders and whoever writes PNGs or feeds a video encoder, of
/// a fixed capacity, with back-pressure. It starts no thread; any number of threads may use it.
#[derive(Debug)]
pub struct FrameFifo<T> {
    capacity: usize,
    policy: FifoPolicy,
    state: Mutex<State<T>>,
    /// A frame came, one left, or it was closed.
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    frames: VecDeque<T>,
    pushed: u64,
    dropped: u64,
    depth_max: usize,
    closed: bool,
}

impl<T> FrameFifo<T> {
    /// A queue for so many frames, one at least.
    #[must_use]
    pub fn new(capacity: usize, policy: FifoPolicy) -> Self {
        let state =
            State { frames: VecDeque::new(), pushed: 0, dropped: 0, depth_max: 0, closed: false };
        Self {
            capacity: capacity.max(1),
            policy,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Hands a frame in; waits for room where the policy says so.
    pub fn push(&self, frame: T) -> Pushed<T> {
        let mut state = self.state();
        state.pushed += 1;
        while self.policy == FifoPolicy::Block && self.is_full_now(&state) && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed || self.policy == FifoPolicy::DropNewest && self.is_full_now(&state) {
            state.dropped += 1;
            return Pushed::Refused(frame);
        }
        let oldest = if self.is_full_now(&state) { state.frames.pop_front() } else { None };
        state.frames.push_back(frame);
        state.depth_max = state.depth_max.max(state.frames.len());
        state.dropped += u64::from(oldest.is_some());
        drop(state);
        self.changed.notify_all();
        oldest.map_or(Pushed::Taken, Pushed::Replaced)
    }

    /// The oldest frame, if there is one.
    pub fn try_pop(&self) -> Option<T> {
        let frame = self.state().frames.pop_front();
        self.changed.notify_all();
        frame
    }

    /// The oldest frame; waits for one. `None` once it is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.state();
        while state.frames.is_empty() && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let frame = state.frames.pop_front();
        drop(state);
        self.changed.notify_all();
        frame
    }

    /// No more frames come: whoever waits goes on. What is in it can still be taken.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Frames in it now.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.state().frames.len()
    }

    /// The most frames that were ever in it at once.
    #[must_use]
    pub fn depth_max(&self) -> usize {
        self.state().depth_max
    }

    /// Frames that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether one more would not fit.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full_now(&self.state())
    }

    /// Whether no more frames are taken.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Frames that were pushed, dropped ones included.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.state().pushed
    }

    /// Frames that were pushed and not delivered, because it was full or closed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.state().dropped
    }

    /// Dropped frames of all that were pushed, 0 to 1.
    #[must_use]
    pub fn drop_rate(&self) -> f64 {
        let state = self.state();
        state.dropped as f64 / state.pushed.max(1) as f64
    }

    fn is_full_now(&self, state: &State<T>) -> bool {
        state.frames.len() >= self.capacity
    }

    /// A panic elsewhere leaves the queue whole: it happens outside of every change to it.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
