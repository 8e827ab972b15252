use crate::{
    Distribution, FrameRecord, Percentile, STAGES_MAX, Target, mean, percentile, variation,
};

/// A frame longer than this is counted as such whatever the target is, ns.
const LONG_NS: u64 = 50_000_000;

/// The figures of a run of frames, warm-up left out by the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameSummary {
    /// Frames that every figure here was taken over.
    pub frames: u64,
    /// From the first frame's start to the last one's end, ns.
    pub run_ns: u64,
    /// N / Σt, frames a second.
    pub fps_mean: Option<f64>,
    /// 1 / mean of the slowest 1% of frames, frames a second.
    pub fps_low_1pct: Option<f64>,
    /// 1 / mean of the slowest 0.1% of frames, frames a second.
    pub fps_low_01pct: Option<f64>,
    /// Frame times `t`.
    pub frame: Distribution,
    /// Coefficient of variation of max(t, T).
    pub frame_cv: Option<f64>,
    /// Start to start; its `cv` is the variation of the intervals.
    pub interval: Distribution,
    /// The streaming update's part of the work.
    pub update: Distribution,
    /// Frames over the target.
    pub hitches: Hitches,
    /// How much the interval changes from frame to frame.
    pub pacing: Pacing,
    /// max(0, 1 − variance / mean²) of max(t, T).
    pub smoothness: Option<f64>,
    /// By mean FPS.
    pub tier: Option<Tier>,
    /// Each stage's own time, by [`crate::StageId::index`].
    pub stages: [Distribution; STAGES_MAX],
}

impl FrameSummary {
    /// The figures of `frames`, consecutive and in order, against a target.
    #[must_use]
    pub fn of(frames: &[FrameRecord], target: &Target) -> Self {
        let column = |of: fn(&FrameRecord) -> u64| frames.iter().map(of).collect::<Vec<u64>>();
        let mut work = column(|frame| frame.work_ns);
        let mut intervals: Vec<u64> = frames.iter().filter_map(|frame| frame.interval_ns).collect();
        // Before the intervals are sorted: pacing is about their order.
        let pacing = Pacing::of(&intervals);
        let frame = Distribution::of(&mut work);
        let fps_mean = fps_mean(&work);
        let held: Vec<u64> = work.iter().map(|t| (*t).max(target.period_ns())).collect();
        let run_ns = run_ns(frames);
        Self {
            frames: frames.len() as u64,
            run_ns,
            fps_mean,
            fps_low_1pct: fps_low(&work, Low::OnePercent),
            fps_low_01pct: fps_low(&work, Low::TenthPercent),
            frame,
            frame_cv: variation(&held),
            interval: Distribution::of(&mut intervals),
            update: Distribution::of(&mut column(|frame| frame.update_ns)),
            hitches: Hitches::of(frames, target, run_ns),
            pacing,
            smoothness: smoothness(&held),
            tier: fps_mean.map(Tier::of),
            stages: std::array::from_fn(|stage| {
                let mut own: Vec<u64> = frames.iter().map(|frame| frame.stages[stage]).collect();
                Distribution::of(&mut own)
            }),
        }
    }
}

fn run_ns(frames: &[FrameRecord]) -> u64 {
    match (frames.first(), frames.last()) {
        (Some(first), Some(last)) => {
            last.start_ns.saturating_add(last.work_ns).saturating_sub(first.start_ns)
        }
        _ => 0,
    }
}

/// Mean frames a second of frame times in ns: N / Σt; `None` of nothing or of no time at all.
#[must_use]
pub fn fps_mean(work: &[u64]) -> Option<f64> {
    mean(work).filter(|mean| *mean > 0.0).map(|mean| 1e9 / mean)
}

/// Which of the slowest frames a low averages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Low {
    /// The slowest ⌈N/100⌉.
    OnePercent,
    /// The slowest ⌈N/1000⌉.
    TenthPercent,
}

/// The average low of frame times in ns, in ascending order: frames a second at the mean of the
/// slowest share; `None` while that share is less than one frame.
#[must_use]
pub fn fps_low(sorted: &[u64], low: Low) -> Option<f64> {
    let one_in = match low {
        Low::OnePercent => 100,
        Low::TenthPercent => 1_000,
    };
    if sorted.len() < one_in {
        return None;
    }
    fps_mean(&sorted[sorted.len() - sorted.len().div_ceil(one_in)..])
}

/// max(0, 1 − variance / mean²) of samples; `None` of nothing or where the mean is 0.
#[must_use]
pub fn smoothness(held: &[u64]) -> Option<f64> {
    variation(held).map(|cv| (1.0 - cv * cv).max(0.0))
}

/// Frames that took longer than their target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hitches {
    /// Frames with t > T.
    pub over_target: u64,
    /// Frames with t > 2T.
    pub over_2x: u64,
    /// Frames over 50 ms.
    pub over_50ms: u64,
    /// Σ late / run seconds, ms per second; `None` of no time.
    pub ms_per_s: Option<f64>,
    /// The longest frame, hitch or not; the first of equals.
    pub worst: Option<WorstFrame>,
}

impl Hitches {
    fn of(frames: &[FrameRecord], target: &Target, run_ns: u64) -> Self {
        let count = |over_ns: u64| frames.iter().filter(|frame| frame.work_ns > over_ns).count();
        let late_ns: u128 =
            frames.iter().map(|frame| u128::from(target.late_ns(frame.work_ns))).sum();
        // `max_by_key` keeps the last of equals: reversed, the first.
        let worst = frames.iter().rev().max_by_key(|frame| frame.work_ns);
        Self {
            over_target: count(target.period_ns()) as u64,
            over_2x: count(target.period_ns().saturating_mul(2)) as u64,
            over_50ms: count(LONG_NS) as u64,
            ms_per_s: (run_ns > 0).then(|| late_ns as f64 * 1e3 / run_ns as f64),
            worst: worst.map(WorstFrame::of),
        }
    }
}

/// The longest frame of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstFrame {
    /// Number of the frame.
    pub index: u64,
    /// Its frame time, ns.
    pub work_ns: u64,
    /// What took most of it.
    pub cause: Cause,
    /// The time that the cause took, ns.
    pub cause_ns: u64,
    /// The unit that it waited for.
    pub waited_for: Option<u32>,
}

impl WorstFrame {
    fn of(frame: &FrameRecord) -> Self {
        let staged_ns = frame.stages.iter().fold(0_u64, |sum, ns| sum.saturating_add(*ns));
        let mut worst = (Cause::OutsideStages, frame.work_ns.saturating_sub(staged_ns));
        for (index, ns) in frame.stages.iter().enumerate() {
            // A stage wins against no stage, and an earlier stage against a later one.
            let wins = match worst.0 {
                Cause::OutsideStages => *ns > 0 && *ns >= worst.1,
                Cause::Stage { .. } => *ns > worst.1,
            };
            if wins {
                worst = (Cause::Stage { index }, *ns);
            }
        }
        Self {
            index: frame.index,
            work_ns: frame.work_ns,
            cause: worst.0,
            cause_ns: worst.1,
            waited_for: frame.waited_for,
        }
    }
}

/// What took most of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A stage.
    Stage {
        /// Its [`crate::StageId::index`].
        index: usize,
    },
    /// Work in no stage at all.
    OutsideStages,
}

impl Cause {
    /// The stage's name, or "outside all stages".
    #[must_use]
    pub fn name<'a>(&self, names: &[&'a str]) -> &'a str {
        match self {
            Self::Stage { index } => names.get(*index).copied().unwrap_or("unnamed stage"),
            Self::OutsideStages => "outside all stages",
        }
    }
}

/// How evenly frames follow each other: |interval_i − interval_(i−1)|.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pacing {
    /// Mean, ns; `None` with fewer than two intervals.
    pub mean_ns: Option<f64>,
    /// 99th percentile, ns.
    pub p99_ns: Option<f64>,
}

impl Pacing {
    /// From consecutive intervals in ns, in order.
    #[must_use]
    pub fn of(intervals: &[u64]) -> Self {
        let mut changes: Vec<u64> =
            intervals.windows(2).map(|pair| pair[1].abs_diff(pair[0])).collect();
        changes.sort_unstable();
        Self { mean_ns: mean(&changes), p99_ns: percentile(&changes, Percentile::P99) }
    }
}

/// A word for a mean frame rate. People know these; they say nothing about hitches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// From 55 FPS.
    Excellent,
    /// From 45 FPS.
    Good,
    /// Below.
    Poor,
}

impl Tier {
    /// The tier of a mean frame rate; that of NaN is Poor.
    #[must_use]
    pub fn of(fps_mean: f64) -> Self {
        if fps_mean >= 55.0 {
            Self::Excellent
        } else if fps_mean >= 45.0 {
            Self::Good
        } else {
            Self::Poor
        }
    }

    /// The tier's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Excellent => "Excellent",
            Self::Good => "Good",
            Self::Poor => "Poor",
        }
    }
}
