use super::error::PoolOptionsError;
use super::memory::PAGE;

/// How a [`BufferPool`](crate::BufferPool) divides and keeps memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// What addresses and sizes of buffers are multiples of, in bytes: a power of two from 4096 on.
    /// Default 4096, which every device accepts for direct reads. More (a huge page of 2 MiB) rounds
    /// sizes up accordingly; the address space in front of a buffer costs no memory.
    pub align: usize,
    /// Sizes in each doubling, beyond as many alignments: a power of two from 1 to 256. Default 32:
    /// above 128 KiB at most 1/32 of a size is lost to rounding. With 1, sizes are powers of two: a
    /// third is lost on average, but nearly every request finds an idle buffer. With 256 little is
    /// lost and only nearly equal requests share buffers. It never makes a buffer too small.
    pub steps_per_doubling: usize,
    /// Bytes that may lie idle; beyond, what came back longest ago is dropped. Default: no limit but
    /// the budget, where idle buffers make room for others as soon as they need it. With 0 nothing is
    /// kept, and every request is a miss.
    pub idle_bytes_max: u64,
    /// Bytes in use above which callbacks are called with [`PressureLevel::High`], each time when they
    /// are passed. Default: never. It refuses nothing.
    pub pressure_bytes: u64,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            align: PAGE,
            steps_per_doubling: 32,
            idle_bytes_max: u64::MAX,
            pressure_bytes: u64::MAX,
        }
    }
}

impl PoolOptions {
    pub(super) const fn check(&self) -> Result<(), PoolOptionsError> {
        let Self { align, steps_per_doubling, .. } = *self;
        // Beyond half the address space no alignment can be had.
        if !align.is_power_of_two() || align < PAGE || align > isize::MAX as usize / 2 {
            return Err(PoolOptionsError::BadAlignment { align });
        }
        if !steps_per_doubling.is_power_of_two() || steps_per_doubling > 256 {
            return Err(PoolOptionsError::BadSteps { steps_per_doubling });
        }
        Ok(())
    }
}

/// How pressing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PressureLevel {
    /// More than [`PoolOptions::pressure_bytes`] are in use now.
    High,
    /// A request is about to be refused.
    Full,
}

/// Why a callback of [`BufferPool::on_pressure`](crate::BufferPool::on_pressure) is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// How pressing it is.
    pub level: PressureLevel,
    /// Bytes asked for by the request that calls.
    pub requested_bytes: u64,
    /// Bytes of this pool's buffers in use.
    pub outstanding_bytes: u64,
    /// Bytes of its idle buffers.
    pub idle_bytes: u64,
    /// Bytes that the budget has left.
    pub available_bytes: u64,
}

/// What a [`BufferPool`](crate::BufferPool) has and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferPoolStats {
    /// Requests that got an idle buffer, since the beginning.
    pub hits: u64,
    /// Requests that got new memory, since the beginning.
    pub misses: u64,
    /// Requests refused by the budget, since the beginning.
    pub refused: u64,
    /// Idle buffers dropped, since the beginning.
    pub trimmed: u64,
    /// Buffers in use.
    pub outstanding: u64,
    /// Bytes of the buffers in use, rounded up to their classes.
    pub outstanding_bytes: u64,
    /// Bytes of the buffers in use, as they were asked for.
    pub requested_bytes: u64,
    /// The largest that `outstanding_bytes` has ever been.
    pub high_water_bytes: u64,
    /// Idle buffers.
    pub idle: u64,
    /// Bytes of the idle buffers.
    pub idle_bytes: u64,
}

impl BufferPoolStats {
    /// Bytes lost to rounding / bytes asked for, of the buffers in use; 0 when there are none.
    #[must_use]
    pub fn overhead(&self) -> f64 {
        if self.requested_bytes == 0 {
            return 0.0;
        }
        (self.outstanding_bytes - self.requested_bytes) as f64 / self.requested_bytes as f64
    }

    /// Hits / requests served; 0 before the first.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let served = self.hits + self.misses;
        if served == 0 { 0.0 } else { self.hits as f64 / served as f64 }
    }
}
