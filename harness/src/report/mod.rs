//! What a replay says about itself: figures as METRICS.md names and defines them, as JSON, as one
//! screen, as a CSV row a frame, and as assertions.
//!
//! Everything outside [`Timing`] is a pure function of what was streamed, and serialises to the
//! same bytes for the same figures. A figure that was not taken is `null`: never 0, never NaN.

mod assert;
mod csv;
mod residency;
mod schema;
mod screen;
mod timing;

#[cfg(test)]
mod tests;

pub use assert::{AssertError, Assertion, Operator, Outcome};
pub use csv::{CsvRow, CsvWriter};
pub use residency::{
    EPISODE_GAP_FRAMES, FrameNeeds, FrameStart, Need, ResidencyMeter, THRASH_FRAMES, UnknownUnit,
};
pub use schema::{
    Bound, ClassWait, Draw, Fragmentation, Io, Latency, LatencyClass, Memory, OPTION_CLOCK,
    OPTION_TARGET_HZ, PathInfo, Quality, Report, Residency, SCHEMA, TimeToQuality, World, hash_hex,
};
pub use screen::{SCREEN_COLUMNS_MAX, SCREEN_LINES_MAX, screen};
pub use timing::{
    CullLodMs, Fifo, Fifos, FrameMs, HitchMs, IntervalMs, PacingMs, StageMs, Timing, UpdateMs,
};
