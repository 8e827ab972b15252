use std::time::Instant;

/// The machine's monotonic clock, as nanoseconds since the clock was made.
///
/// A copy shares the origin, so that times taken on several threads can be compared.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts at 0 now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }

    /// Nanoseconds since the clock was made.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// The time since it was started, for what happens once: start-up, a bake, a load.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    clock: Clock,
    start_ns: u64,
}

impl Stopwatch {
    /// Starts now on `clock`.
    #[must_use]
    pub fn start(clock: Clock) -> Self {
        Self { clock, start_ns: clock.now_ns() }
    }

    /// Nanoseconds since the start, or since the last lap.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        self.clock.now_ns().saturating_sub(self.start_ns)
    }

    /// Returns the elapsed nanoseconds and starts again at that very moment.
    pub fn lap_ns(&mut self) -> u64 {
        let now_ns = self.clock.now_ns();
        let lap_ns = now_ns.saturating_sub(self.start_ns);
        self.start_ns = now_ns;
        lap_ns
    }
}
