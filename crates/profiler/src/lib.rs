#![doc = include_str!("../README.md")]

mod clock;
mod frame;
mod histogram;
mod percentile;
mod recorder;
mod stage;
mod summary;
mod target;

pub use clock::{Clock, Stopwatch};
pub use frame::{FrameLog, FrameRecord};
pub use histogram::{Histogram, LatencySummary};
pub use percentile::{Distribution, Percentile, TAIL_SAMPLES_MIN, mean, percentile, variation};
pub use recorder::{Recorder, Scope};
pub use stage::{DEPTH_MAX, STAGES_MAX, StageId, StageSet, StageTimes, StagesFull};
pub use summary::{
    Cause, FrameSummary, Hitches, Low, Pacing, Tier, WorstFrame, fps_low, fps_mean, smoothness,
};
pub use target::{Target, TargetError};
