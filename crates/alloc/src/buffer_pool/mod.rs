//! Buffers that are used again: aligned for direct I/O, within a budget, from any thread.

mod buffer;
mod classes;
mod error;
mod idle;
mod memory;
mod options;
mod shared;

pub use buffer::Buffer;
pub use error::{BeyondCapacity, BufferError, PoolOptionsError, ViewError};
pub use options::{BufferPoolStats, PoolOptions, Pressure, PressureLevel};

use crate::sync::{Arc, current};
use crate::{Budget, Reservation};
use core::fmt;
use memory::Memory;
use shared::{Shared, Source};

/// Called under memory pressure.
type Callback = alloc::sync::Arc<dyn Fn(&BufferPool, Pressure) + Send + Sync>;

/// Hands out buffers of bytes and takes them back when they are dropped, on any thread.
///
/// Every byte, in use or idle, is reserved in a [`Budget`]; when that has no room, idle buffers of
/// other sizes go first, the one that came back longest ago before the others, then whoever asked
/// for it with [`on_pressure`](Self::on_pressure) is called, and only then a request is refused.
/// Cloning the pool is cheap; all clones are the same pool. A request that finds an idle buffer of
/// its size, and every return, is a short stay in one lock; the system is asked for memory, and
/// given it back, outside of it.
///
/// A buffer's size is that of its class: less than an alignment or one part in
/// [`steps_per_doubling`](PoolOptions::steps_per_doubling) above what was asked for. Memory comes
/// from the system as whole pages without headers, so nothing else is lost, and what is dropped the
/// system has back at once.
///
/// ```
/// use farplane_alloc::{Budget, BufferPool, Category, PoolOptions};
///
/// let budget = Budget::new(Category::new("read buffers", 16 << 20));
/// let pool = BufferPool::new(budget, PoolOptions::default())?;
/// let mut buffer = pool.acquire(100_000)?;
/// assert_eq!((buffer.len(), buffer.as_ptr().addr() % 4096), (100_000, 0));
/// std::thread::spawn(move || buffer.fill(1)).join().unwrap(); // dropped there: idle again
/// let again = pool.acquire(101_000)?;
/// assert_eq!((pool.stats().hits, pool.stats().misses), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

impl BufferPool {
    /// A pool without buffers. The budget may be shared with others; this pool drops idle buffers
    /// for its own requests only, so let others call [`trim`](Self::trim) where they need the room.
    ///
    /// # Errors
    /// [`PoolOptionsError`] for options out of their bounds.
    pub fn new(budget: Budget, options: PoolOptions) -> Result<Self, PoolOptionsError> {
        options.check()?;
        Ok(Self { shared: Arc::new(Shared::new(budget, options)) })
    }

    /// A buffer of `len` bytes; what is in them is unspecified.
    ///
    /// # Errors
    /// [`BufferError`], with the numbers needed to act.
    pub fn acquire(&self, len: usize) -> Result<Buffer, BufferError> {
        self.acquire_memory(len).map(|(buffer, _)| buffer)
    }

    /// A buffer of `len` zeros.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_zeroed(&self, len: usize) -> Result<Buffer, BufferError> {
        let (mut buffer, is_new) = self.acquire_memory(len)?;
        if !is_new {
            buffer.fill(0);
        }
        Ok(buffer)
    }

    /// Has `callback` called, on the thread whose request it is and without any lock held, when
    /// the pool is under [`Pressure`]: it may drop buffers of its own, trim other pools, raise the
    /// limit. After [`PressureLevel::Full`] the request is tried once more. Requests that a callback
    /// makes itself call no callbacks. All callbacks are called, in the order in which they came.
    pub fn on_pressure(&self, callback: impl Fn(&Self, Pressure) + Send + Sync + 'static) {
        self.shared.lock().callbacks.push(alloc::sync::Arc::new(callback));
    }

    /// Drops idle buffers until at most so many bytes are idle, the one that came back longest ago
    /// first, and more while the budget has an excess; the number of bytes dropped. Call it after
    /// [`Budget::set_limit`] has lowered a limit.
    pub fn trim(&self, idle_bytes_max: u64) -> u64 {
        self.shared.trim(idle_bytes_max)
    }

    /// Counters of this moment.
    #[must_use]
    pub fn stats(&self) -> BufferPoolStats {
        self.shared.stats()
    }

    /// Where its bytes are reserved.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// A buffer, and whether its memory is new and therefore zero.
    fn acquire_memory(&self, len: usize) -> Result<(Buffer, bool), BufferError> {
        if len == 0 {
            return Err(BufferError::ZeroSize);
        }
        let class = self.shared.classes.class(len);
        let (class, size) = class.ok_or(BufferError::TooLarge { requested: len })?;
        let mut pressed = false;
        let (memory, is_new, is_over) = loop {
            match self.shared.source(class, size, len) {
                Source::Idle(memory, is_over) => break (memory, false, is_over),
                Source::System => {
                    // Another thread may have taken the room meanwhile: then once more.
                    if let Some(reservation) = self.shared.budget.try_reserve(size as u64) {
                        let memory = self.new_memory(class, size, reservation)?;
                        break (memory, true, self.shared.lend_new(size, len));
                    }
                }
                Source::Exchange(oldest) => drop(oldest),
                Source::Nothing if pressed => return Err(self.refuse(len, size)),
                Source::Nothing => {
                    self.press(PressureLevel::Full, len);
                    pressed = true;
                }
            }
        };
        let buffer = Buffer::new(memory, len, Arc::clone(&self.shared));
        if is_over {
            self.press(PressureLevel::High, len);
        }
        Ok((buffer, is_new))
    }

    fn new_memory(
        &self,
        class: usize,
        size: usize,
        reservation: Reservation,
    ) -> Result<Memory, BufferError> {
        let memory = Memory::new(size, self.shared.options.align, class, reservation);
        memory.map_err(|_| BufferError::OutOfMemory { requested: size })
    }

    fn refuse(&self, len: usize, size: usize) -> BufferError {
        self.shared.note_refused();
        let stats = self.stats();
        BufferError::OverBudget {
            requested: len,
            outstanding_bytes: stats.outstanding_bytes,
            idle_bytes: stats.idle_bytes,
            budget: self.shared.budget.over_budget(size as u64),
        }
    }

    fn press(&self, level: PressureLevel, requested: usize) {
        let me = current().id();
        let mut state = self.shared.lock();
        if state.callbacks.is_empty() || state.pressing.contains(&me) {
            return;
        }
        state.pressing.push(me);
        let callbacks = state.callbacks.clone();
        drop(state);
        let pressing = Pressing { shared: &self.shared };
        let stats = self.stats();
        let pressure = Pressure {
            level,
            requested_bytes: requested as u64,
            outstanding_bytes: stats.outstanding_bytes,
            idle_bytes: stats.idle_bytes,
            available_bytes: self.shared.budget.usage().available,
        };
        for callback in callbacks {
            callback(self, pressure);
        }
        drop(pressing);
    }
}

/// Marks this thread as inside a callback, also while one unwinds.
struct Pressing<'a> {
    shared: &'a Shared,
}

impl Drop for Pressing<'_> {
    fn drop(&mut self) {
        let me = current().id();
        self.shared.lock().pressing.retain(|&thread| thread != me);
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
