use super::classes::Classes;
use super::idle::Idle;
use super::memory::Memory;
use super::{BufferPoolStats, Callback, PoolOptions};
use crate::Budget;
use crate::sync::{Mutex, MutexGuard, ThreadId};
use alloc::vec::Vec;
use std::sync::PoisonError;

/// What the clones of a pool and its buffers have in common.
pub(super) struct Shared {
    pub budget: Budget,
    pub classes: Classes,
    pub options: PoolOptions,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub idle: Idle,
    /// Without what `idle` counts.
    stats: BufferPoolStats,
    pub callbacks: Vec<Callback>,
    /// Threads that are inside a pressure callback.
    pub pressing: Vec<ThreadId>,
}

/// Where a request gets its memory from.
pub(super) enum Source {
    /// An idle buffer, lent from now on; whether that took the pool over its mark.
    Idle(Memory, bool),
    /// The system: the budget seems to have room.
    System,
    /// The system, once this one is dropped.
    Exchange(Memory),
    /// Nowhere.
    Nothing,
}

impl State {
    /// Counts a buffer that somebody got; whether more than the mark is in use now and was not before.
    fn lend(&mut self, size: usize, requested: usize, mark: u64) -> bool {
        let stats = &mut self.stats;
        let before = stats.outstanding_bytes;
        stats.outstanding += 1;
        stats.outstanding_bytes += size as u64;
        stats.requested_bytes += requested as u64;
        stats.high_water_bytes = stats.high_water_bytes.max(stats.outstanding_bytes);
        before <= mark && stats.outstanding_bytes > mark
    }
}

impl Shared {
    pub fn new(budget: Budget, options: PoolOptions) -> Self {
        let classes = Classes::new(options.align, options.steps_per_doubling);
        Self { budget, classes, options, state: Mutex::new(State::default()) }
    }

    /// No panic happens under the lock, so what a panic elsewhere leaves behind it is whole.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn source(&self, class: usize, size: usize, requested: usize) -> Source {
        let mut state = self.lock();
        if let Some(memory) = state.idle.take(class) {
            state.stats.hits += 1;
            let is_over = state.lend(size, requested, self.options.pressure_bytes);
            return Source::Idle(memory, is_over);
        }
        let size = size as u64;
        let available = self.budget.usage().available;
        if available >= size {
            return Source::System;
        }
        // What cannot make room is not thrown away for nothing.
        if available.saturating_add(state.idle.bytes) < size {
            return Source::Nothing;
        }
        let oldest = state.idle.take_oldest();
        state.stats.trimmed += u64::from(oldest.is_some());
        oldest.map_or(Source::Nothing, Source::Exchange)
    }

    /// Counts a buffer of new memory; whether it took the pool over its mark.
    pub fn lend_new(&self, size: usize, requested: usize) -> bool {
        let mut state = self.lock();
        state.stats.misses += 1;
        state.lend(size, requested, self.options.pressure_bytes)
    }

    pub fn note_refused(&self) {
        self.lock().stats.refused += 1;
    }

    pub fn take_back(&self, memory: Memory, requested: usize) {
        let mut state = self.lock();
        state.stats.outstanding -= 1;
        state.stats.outstanding_bytes -= memory.size() as u64;
        state.stats.requested_bytes -= requested as u64;
        state.idle.put(memory);
        drop(state);
        self.trim(self.options.idle_bytes_max);
    }

    /// Drops idle buffers until they have at most so many bytes and the budget is within its
    /// limits, the oldest first; the bytes dropped.
    pub fn trim(&self, idle_bytes_max: u64) -> u64 {
        let mut dropped = 0;
        loop {
            let mut state = self.lock();
            if state.idle.bytes <= idle_bytes_max && self.budget.excess() == 0 {
                return dropped;
            }
            let Some(memory) = state.idle.take_oldest() else { return dropped };
            state.stats.trimmed += 1;
            // The system takes its time to take pages back: nobody waits for it.
            drop(state);
            dropped += memory.size() as u64;
        }
    }

    pub fn stats(&self) -> BufferPoolStats {
        let state = self.lock();
        let (idle, idle_bytes) = (state.idle.buffers as u64, state.idle.bytes);
        BufferPoolStats { idle, idle_bytes, ..state.stats }
    }
}
