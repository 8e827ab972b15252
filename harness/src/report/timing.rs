use std::collections::BTreeMap;

use farplane_profiler::{Distribution, FrameSummary};
use serde::Serialize;

/// What was measured with a real clock. After warm-up, except start-up and memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timing {
    /// The clock that the run itself went by: "real" or "virtual".
    pub clock: String,
    /// The processor.
    pub cpu: String,
    /// Threads that did the work.
    pub threads: Option<u64>,
    /// Frames that the figures here are over.
    pub frames_timed: Option<u64>,
    /// Frames a second, 1000·N / Σt.
    pub fps_mean: Option<f64>,
    /// Frames a second at the mean of the slowest 1% of frames.
    pub fps_low_1pct_avg: Option<f64>,
    /// Frames a second at the mean of the slowest 0.1% of frames.
    pub fps_low_01pct_avg: Option<f64>,
    /// Frame time: the main thread's work.
    pub frame_ms: FrameMs,
    /// Start to start.
    pub interval_ms: IntervalMs,
    /// The streaming update on the main thread.
    pub update_ms: UpdateMs,
    /// Culling, mean a frame, ms.
    pub cull_ms: Option<f64>,
    /// LOD selection, mean a frame, ms.
    pub lod_ms: Option<f64>,
    /// Culling and LOD selection of the instances together.
    pub cull_lod_ms: CullLodMs,
    /// Frames over the target.
    pub hitches: HitchMs,
    /// |interval − the one before|.
    pub pacing_ms: PacingMs,
    /// max(0, 1 − variance / mean²) of max(t, T).
    pub smoothness: Option<f64>,
    /// Excellent, Good or Poor by mean FPS.
    pub tier: Option<String>,
    /// Each stage's own time.
    pub stages_ms: BTreeMap<String, StageMs>,
    /// Queues of frames for whoever writes and draws them: here since how full they are depends on
    /// how fast that is.
    pub fifos: Fifos,
    /// From the start of the process to its first frame, ms.
    pub startup_ms: Option<f64>,
    /// Time that a hypervisor took from the machine during the run, all cores together, ms.
    pub stolen_ms: Option<f64>,
    /// Peak anonymous resident memory of the process.
    pub peak_anon_rss_bytes: Option<u64>,
}

/// Frame times, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FrameMs {
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
    /// Coefficient of variation of max(t, T).
    pub cv: Option<f64>,
}

/// Intervals, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IntervalMs {
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
    /// Coefficient of variation.
    pub cv: Option<f64>,
}

/// The streaming update, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UpdateMs {
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
}

/// Culling and LOD selection of a frame, ms: one thread's work.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CullLodMs {
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
    /// Median of the processor time: without what the system gave to other threads meanwhile, and,
    /// where it tells, what a hypervisor gave to other machines.
    pub cpu_p50: Option<f64>,
    /// 99th percentile of the processor time.
    pub cpu_p99: Option<f64>,
}

impl CullLodMs {
    /// From the times and the processor times of the same frames, ns; of the latter none where the
    /// system does not tell.
    #[must_use]
    pub fn of(mut wall_ns: Vec<u64>, mut cpu_ns: Vec<u64>) -> Self {
        let (wall, cpu) = (Distribution::of(&mut wall_ns), Distribution::of(&mut cpu_ns));
        Self {
            p50: wall.p50_ns.map(ms),
            p99: wall.p99_ns.map(ms),
            max: max_ms(&wall),
            cpu_p50: cpu.p50_ns.map(ms),
            cpu_p99: cpu.p99_ns.map(ms),
        }
    }
}

/// Frames over the target.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HitchMs {
    /// Frames with t > T.
    pub over_target: Option<u64>,
    /// Frames with t > 2T.
    pub over_2x: Option<u64>,
    /// Frames over 50 ms.
    pub over_50ms: Option<u64>,
    /// Σ late / run seconds.
    pub ms_per_s: Option<f64>,
    /// Number of the longest frame.
    pub worst_frame: Option<u64>,
    /// The stage that took most of it, and the unit that it waited for.
    pub worst_cause: Option<String>,
}

/// How evenly frames follow each other, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PacingMs {
    /// Mean.
    pub mean: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}

/// A stage's own time a frame, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StageMs {
    /// Mean.
    pub mean: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
}

/// The frame FIFOs of a run; all figures absent for what was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Fifos {
    /// Pictures (`--frames`) on their way to files.
    pub pictures: Fifo,
    /// Heat maps (`--heat-map`) on their way to files.
    pub heat_map: Fifo,
    /// Heat maps on their way to the terminal (`--live`).
    pub live: Fifo,
}

/// A frame FIFO.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Fifo {
    /// What it does when it is full: block, drop-oldest or drop-newest.
    pub policy: String,
    /// Frames that fit.
    pub capacity: Option<u64>,
    /// Frames handed in.
    pub frames: Option<u64>,
    /// The most that waited at once.
    pub depth_max: Option<u64>,
    /// Frames handed in and never consumed.
    pub dropped: Option<u64>,
    /// dropped / frames.
    pub drop_rate: Option<f64>,
}

impl Timing {
    /// Fills in what a summary of frames knows; `stage_names` are those of its recorder. The
    /// stages named "cull" and "lod" become `cull_ms` and `lod_ms`.
    pub fn set_frames(&mut self, summary: &FrameSummary, stage_names: &[&str]) {
        self.frames_timed = Some(summary.frames);
        self.fps_mean = summary.fps_mean;
        self.fps_low_1pct_avg = summary.fps_low_1pct;
        self.fps_low_01pct_avg = summary.fps_low_01pct;
        self.frame_ms = frame_ms(summary);
        let interval = &summary.interval;
        self.interval_ms = IntervalMs {
            p50: interval.p50_ns.map(ms),
            p99: interval.p99_ns.map(ms),
            max: max_ms(interval),
            cv: interval.cv,
        };
        self.update_ms = UpdateMs {
            p50: summary.update.p50_ns.map(ms),
            p99: summary.update.p99_ns.map(ms),
            max: max_ms(&summary.update),
        };
        self.hitches = hitch_ms(summary, stage_names);
        self.pacing_ms =
            PacingMs { mean: summary.pacing.mean_ns.map(ms), p99: summary.pacing.p99_ns.map(ms) };
        self.smoothness = summary.smoothness;
        self.tier = summary.tier.map(|tier| tier.name().to_owned());
        self.stages_ms.clear();
        for (name, stage) in stage_names.iter().zip(&summary.stages) {
            let stage = StageMs {
                mean: stage.mean_ns.map(ms),
                p99: stage.p99_ns.map(ms),
                max: max_ms(stage),
            };
            self.stages_ms.insert((*name).to_owned(), stage);
        }
        self.cull_ms = self.stages_ms.get("cull").and_then(|stage| stage.mean);
        self.lod_ms = self.stages_ms.get("lod").and_then(|stage| stage.mean);
    }
}

fn frame_ms(summary: &FrameSummary) -> FrameMs {
    FrameMs {
        mean: summary.frame.mean_ns.map(ms),
        p50: summary.frame.p50_ns.map(ms),
        p95: summary.frame.p95_ns.map(ms),
        p99: summary.frame.p99_ns.map(ms),
        p999: summary.frame.p999_ns.map(ms),
        max: max_ms(&summary.frame),
        cv: summary.frame_cv,
    }
}

fn hitch_ms(summary: &FrameSummary, stage_names: &[&str]) -> HitchMs {
    let hitches = &summary.hitches;
    // Over no frames there is no count: a run that measured nothing has not held its target.
    let count = |frames: u64| (summary.frames > 0).then_some(frames);
    HitchMs {
        over_target: count(hitches.over_target),
        over_2x: count(hitches.over_2x),
        over_50ms: count(hitches.over_50ms),
        ms_per_s: hitches.ms_per_s,
        worst_frame: hitches.worst.map(|worst| worst.index),
        worst_cause: hitches.worst.map(|worst| {
            let cause = worst.cause.name(stage_names);
            match worst.waited_for {
                Some(unit) => format!("{cause}, waited for unit {unit}"),
                None => cause.to_owned(),
            }
        }),
    }
}

fn max_ms(distribution: &Distribution) -> Option<f64> {
    distribution.max_ns.map(|ns| ms(ns as f64))
}

fn ms(ns: f64) -> f64 {
    ns / 1e6
}
