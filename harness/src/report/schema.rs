use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Timing;

/// Name and version of the JSON that a report serialises to.
pub const SCHEMA: &str = "farplane-report-1";

/// The key in [`Report::options`] of the target rate, Hz, a number.
pub const OPTION_TARGET_HZ: &str = "target_hz";

/// The key in [`Report::options`] of the clock, "real" or "virtual".
pub const OPTION_CLOCK: &str = "clock";

/// Everything that a run reports. `None` is a figure that was not taken: `null` in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of farplane.
    pub version: String,
    /// The archive.
    pub world: World,
    /// The camera path.
    pub path: PathInfo,
    /// Everything that could change a result, defaults included, sorted by name.
    pub options: BTreeMap<String, Value>,
    /// What was needed, and what of it was there.
    pub residency: Residency,
    /// What was held.
    pub memory: Memory,
    /// What was read.
    pub io: Io,
    /// What would be drawn.
    pub draw: Draw,
    /// How the pictures compare with the fully resident truth.
    pub quality: Quality,
    /// What was measured with a real clock; the only group that may differ from run to run.
    pub timing: Timing,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            world: World::default(),
            path: PathInfo::default(),
            options: BTreeMap::new(),
            residency: Residency::default(),
            memory: Memory::default(),
            io: Io::default(),
            draw: Draw::default(),
            quality: Quality::default(),
            timing: Timing::default(),
        }
    }
}

impl Report {
    /// The report as a JSON value. A NaN or an infinity becomes `null`.
    ///
    /// # Errors
    /// None is known: no type in a report can fail to serialise.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    /// The report as indented JSON with a newline at its end; equal reports give equal bytes.
    ///
    /// # Errors
    /// None is known: no type in a report can fail to serialise.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        Ok(json)
    }

    /// A report in which every key that a run can write exists, so that an assertion can be checked
    /// before the run. The options are the run's own; classes and stages are those that it uses.
    #[must_use]
    pub fn skeleton(options: &BTreeMap<String, Value>, classes: &[&str], stages: &[&str]) -> Self {
        let mut report = Self { options: options.clone(), ..Self::default() };
        report.residency.bound = Some(Bound::default());
        for class in classes {
            let wait = &mut report.residency.time_to_quality_ms.by_class;
            wait.insert((*class).to_owned(), ClassWait::default());
            let latency = &mut report.io.latency_ms.by_class;
            latency.insert((*class).to_owned(), LatencyClass::default());
        }
        for stage in stages {
            report.timing.stages_ms.insert((*stage).to_owned(), super::StageMs::default());
        }
        report
    }
}

/// A hash as it stands in a report: lower-case hexadecimal, two digits a byte.
#[must_use]
pub fn hash_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The archive that was streamed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct World {
    /// Hash of the archive's content, hexadecimal.
    pub hash: String,
    /// Where it lies, or "built-in". A path of the machine makes reports differ: prefer its name.
    pub path: String,
    /// Units in it.
    pub units: Option<u64>,
    /// Bytes of all units, decoded.
    pub logical_bytes: Option<u64>,
    /// Bytes of the file.
    pub archive_bytes: Option<u64>,
}

/// The camera path that was replayed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PathInfo {
    /// Hash of the path's poses, hexadecimal.
    pub hash: String,
    /// Frames replayed, warm-up included.
    pub frames: Option<u64>,
    /// Path time replayed, s.
    pub seconds: Option<f64>,
    /// Cuts met.
    pub cuts: Option<u64>,
}

/// What was needed, and what of it was there. After warm-up, where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Residency {
    /// Frames after warm-up: those that the figures here are over.
    pub frames_measured: Option<u64>,
    /// Frames of warm-up.
    pub frames_warm_up: Option<u64>,
    /// Units that a frame wanted at their own quality, summed over frames.
    pub needs: Option<u64>,
    /// Needs that were resident, or covered by finer ones, at the start of their frame.
    pub hits: Option<u64>,
    /// hits / needs.
    pub hit_rate: Option<f64>,
    /// The same over all frames, warm-up included.
    pub hit_rate_cold: Option<f64>,
    /// The same over the first frame of each need only.
    pub hit_rate_first: Option<f64>,
    /// The same with each need weighed by the pixels that it covers.
    pub hit_rate_pixels: Option<f64>,
    /// Needs with no resident ancestor at all, over all frames, warm-up included. 0 always.
    pub holes: Option<u64>,
    /// Levels that the best resident ancestor was coarser than wanted: mean over needs, holes
    /// aside, a hit being 0.
    pub fallback_depth_mean: Option<f64>,
    /// The same: max.
    pub fallback_depth_max: Option<u64>,
    /// From the first frame that needs a unit to its residency.
    pub time_to_quality_ms: TimeToQuality,
    /// Bytes loaded, over all frames, warm-up included.
    pub loaded_bytes: Option<u64>,
    /// Bytes loaded and evicted without ever being needed / `loaded_bytes`.
    pub waste: Option<f64>,
    /// Loads of a unit within 60 frames of its eviction, over all frames.
    pub thrashed_units: Option<u64>,
    /// Ratios to an offline optimum; the key is absent where none was computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

/// Time to quality per episode of need, ms.
///
/// An episode whose unit never came counts with the time to its end, and in `unserved` too.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TimeToQuality {
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
    /// Episodes whose unit never came.
    pub unserved: Option<u64>,
    /// The same by class of the episode's first need.
    pub by_class: BTreeMap<String, ClassWait>,
}

/// Time to quality in one class, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClassWait {
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
    /// Episodes whose unit never came.
    pub unserved: Option<u64>,
}

/// Ratios to what an offline schedule that knows the whole path could reach.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bound {
    /// Hit rate of the offline schedule.
    pub hit_rate: Option<f64>,
    /// Lower end of the bracket on bytes loaded.
    pub loaded_bytes_low: Option<u64>,
    /// Upper end of the bracket on bytes loaded.
    pub loaded_bytes_high: Option<u64>,
    /// Hit rate / that of the offline schedule.
    pub ratio: Option<f64>,
}

/// What was held, over all frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// Allowed.
    pub budget_bytes: Option<u64>,
    /// Largest usage at any frame; never above the budget.
    pub usage_bytes_max: Option<u64>,
    /// Tables that grow with the world's unit count, outside the budget.
    pub index_bytes: Option<u64>,
    /// External fragmentation of the arena, sampled every frame.
    pub fragmentation: Fragmentation,
    /// Bytes lost to rounding / allocated.
    pub internal_fragmentation: Option<f64>,
    /// Allocated share of the arena, mean over frames.
    pub occupancy_mean: Option<f64>,
    /// Bytes moved by defragmentation.
    pub moved_bytes: Option<u64>,
    /// The most in one frame.
    pub moved_bytes_frame_max: Option<u64>,
    /// Allocations that failed although the total free sufficed.
    pub refused: Option<u64>,
    /// Units evicted.
    pub evicted_units: Option<u64>,
    /// Bytes evicted.
    pub evicted_bytes: Option<u64>,
}

/// 1 − largest free / total free.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Fragmentation {
    /// Mean over frames.
    pub mean: Option<f64>,
    /// Max over frames.
    pub max: Option<f64>,
    /// In the last frame.
    pub last: Option<f64>,
}

/// What was read, over all frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Io {
    /// The read queue that was used.
    pub backend: String,
    /// Reads issued.
    pub reads: Option<u64>,
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Bytes decoded.
    pub decoded_bytes: Option<u64>,
    /// Extents read as part of a neighbour's read.
    pub coalesced: Option<u64>,
    /// Reads cancelled.
    pub cancelled: Option<u64>,
    /// Reads tried again.
    pub retried: Option<u64>,
    /// Reads that failed for good.
    pub failed: Option<u64>,
    /// Blocks whose checksum was wrong.
    pub checksum_failures: Option<u64>,
    /// From submission to completion, ms.
    pub latency_ms: Latency,
}

/// Latency of reads, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// The same by class of request.
    pub by_class: BTreeMap<String, LatencyClass>,
}

/// Latency of reads of one class, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LatencyClass {
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}

/// What would be drawn: means per frame after warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Draw {
    /// Instances.
    pub instances: Option<f64>,
    /// Instances in view that cover too little of the picture to be drawn.
    pub too_small: Option<f64>,
    /// Triangles.
    pub triangles: Option<f64>,
    /// Of instances alone, in any one frame at most.
    pub instance_triangles_max: Option<f64>,
    /// How many times as large as the rule's the thresholds of levels were, to keep a limit of
    /// triangles, at most.
    pub lod_scale_max: Option<f64>,
    /// Levels that this took away, an instance two levels coarser counting twice.
    pub lod_coarser: Option<f64>,
    /// Instances that it hid.
    pub lod_hidden: Option<f64>,
    /// Draw calls with one per instance.
    pub draw_calls_before: Option<f64>,
    /// Draw calls after batching.
    pub draw_calls: Option<f64>,
}

/// Peak signal-to-noise ratio of pictures against the fully resident truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Mean, dB.
    pub psnr_mean_db: Option<f64>,
    /// Worst, dB.
    pub psnr_min_db: Option<f64>,
}

impl Report {
    /// The option of that name, when it is a number.
    pub(super) fn option_number(&self, name: &str) -> Option<f64> {
        self.options.get(name).and_then(Value::as_f64)
    }
}
