use std::error::Error;
use std::fmt;

use farplane_profiler::{Percentile, percentile};

use super::{ClassWait, Residency, TimeToQuality};

/// An episode of need ends when the unit was not needed for this many frames. A lattice of rays
/// whose offsets cycle misses a small page in some frames; that does not make it needed anew.
pub const EPISODE_GAP_FRAMES: u64 = 60;

/// A load within this many frames of the unit's eviction is thrashing.
pub const THRASH_FRAMES: u64 = 60;

/// No frame yet.
const NEVER: u64 = u64::MAX;

/// A frame, as the meter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameStart {
    /// Number of the frame.
    pub index: u64,
    /// Its start on the run's clock, ns.
    pub now_ns: u64,
    /// Whether it lies in warm-up.
    pub warm_up: bool,
}

/// A unit that a frame wants at its own quality, and what was resident at the frame's start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// The unit.
    pub unit: u32,
    /// Screen area that it covers, px. What is negative or not finite counts as 0.
    pub pixels: f32,
    /// Whether it, or finer ones that cover it, was resident.
    pub hit: bool,
    /// Levels that the best resident ancestor was coarser; 0 on a hit.
    pub fallback_depth: u8,
    /// Whether nothing at all was resident for it.
    pub hole: bool,
    /// Its class, an index into the names given to [`ResidencyMeter::residency`].
    pub class: u8,
}

/// What one call of [`ResidencyMeter::frame`] counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameNeeds {
    /// Units needed, each once.
    pub needs: u64,
    /// Those that were hits.
    pub hits: u64,
    /// Units whose episode began.
    pub first_needs: u64,
    /// Those that were hits.
    pub first_hits: u64,
    /// Needs without any resident ancestor.
    pub holes: u64,
}

impl FrameNeeds {
    fn count(&mut self, need: &Need, first: bool) {
        self.needs += 1;
        self.hits += u64::from(need.hit);
        self.first_needs += u64::from(first);
        self.first_hits += u64::from(first && need.hit);
        self.holes += u64::from(need.hole);
    }

    fn add(&mut self, other: &Self) {
        self.needs += other.needs;
        self.hits += other.hits;
        self.first_needs += other.first_needs;
        self.first_hits += other.first_hits;
        self.holes += other.holes;
    }
}

/// A unit that the meter was not made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownUnit {
    /// The unit.
    pub unit: u32,
    /// Units that there are.
    pub units: usize,
}

impl fmt::Display for UnknownUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, units } = self;
        write!(f, "unit {unit} does not exist: the meter was made for {units} units")
    }
}

impl Error for UnknownUnit {}

/// Where a unit's episode of need stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Episode {
    /// Never needed, or its last episode is in the samples.
    Settled,
    /// Needed, and not yet come.
    Waiting,
    /// The same, begun in warm-up: in no percentile.
    WaitingWarmUp,
}

/// What became of a unit's last load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Not needed so far.
    Unused,
    /// Needed.
    Used,
    /// Evicted unused: counted as waste.
    Wasted,
}

/// Counts needs, hits, waits, waste and thrashing over a run, by the definitions of METRICS.md.
///
/// Needs may come late and in parts (levels of detail at once, pages when their feedback arrives),
/// as long as each unit's own frames come in order: a call says which frame its needs belong to.
/// A unit that comes twice in a frame is one need with the pixels of both.
///
/// - An **episode** begins with a need of a unit that was not needed for [`EPISODE_GAP_FRAMES`]
///   frames, and ends with the end of its last needed frame.
/// - **Time to quality** is the time from an episode's first frame to the unit's residency; 0 when
///   it was resident before; to the episode's end when it never came. Episodes that begin in
///   warm-up are left out.
/// - **Waste** is what was loaded outside any episode of its unit and evicted before the next one.
/// - A load within [`THRASH_FRAMES`] frames of the unit's eviction is **thrashing**, each time.
///
/// Arrays by unit; no allocation in a frame, save that the list of waits grows when a run has more
/// episodes than there are units.
#[derive(Clone, Debug)]
pub struct ResidencyMeter {
    period_ns: u64,
    // By unit.
    need_frame: Vec<u64>,
    need_ns: Vec<u64>,
    episode: Vec<Episode>,
    episode_ns: Vec<u64>,
    episode_class: Vec<u8>,
    load_frame: Vec<u64>,
    load_ns: Vec<u64>,
    load_bytes: Vec<u64>,
    load_use: Vec<Use>,
    evict_frame: Vec<u64>,
    // By settled episode after warm-up.
    wait_ns: Vec<u64>,
    wait_class: Vec<u8>,
    wait_unserved: Vec<bool>,
    // Over the run.
    newest_frame: Option<u64>,
    frames_measured: u64,
    frames_warm_up: u64,
    warm_up: FrameNeeds,
    measured: FrameNeeds,
    pixels: f64,
    pixels_hit: f64,
    depth_sum: u64,
    depth_max: u64,
    loaded_bytes: u64,
    wasted_bytes: u64,
    thrashed: u64,
}

impl ResidencyMeter {
    /// A meter for units `0..units`, with frames of nominally `period_ns`.
    #[must_use]
    pub fn new(units: usize, period_ns: u64) -> Self {
        Self {
            period_ns,
            need_frame: vec![NEVER; units],
            need_ns: vec![0; units],
            episode: vec![Episode::Settled; units],
            episode_ns: vec![0; units],
            episode_class: vec![0; units],
            load_frame: vec![NEVER; units],
            load_ns: vec![0; units],
            load_bytes: vec![0; units],
            load_use: vec![Use::Unused; units],
            evict_frame: vec![NEVER; units],
            wait_ns: Vec::with_capacity(units),
            wait_class: Vec::with_capacity(units),
            wait_unserved: Vec::with_capacity(units),
            newest_frame: None,
            frames_measured: 0,
            frames_warm_up: 0,
            warm_up: FrameNeeds::default(),
            measured: FrameNeeds::default(),
            pixels: 0.0,
            pixels_hit: 0.0,
            depth_sum: 0,
            depth_max: 0,
            loaded_bytes: 0,
            wasted_bytes: 0,
            thrashed: 0,
        }
    }

    /// Counts needs of a frame; to be called for every frame, also for one without needs.
    ///
    /// # Errors
    /// [`UnknownUnit`]; nothing was counted then.
    pub fn frame(&mut self, at: FrameStart, needs: &[Need]) -> Result<FrameNeeds, UnknownUnit> {
        for need in needs {
            self.check(need.unit)?;
        }
        if self.newest_frame.is_none_or(|newest| at.index > newest) {
            self.newest_frame = Some(at.index);
            self.frames_warm_up += u64::from(at.warm_up);
            self.frames_measured += u64::from(!at.warm_up);
        }
        let mut counted = FrameNeeds::default();
        for need in needs {
            let unit = need.unit as usize;
            if !at.warm_up {
                self.count_pixels(need);
            }
            if self.need_frame[unit] == at.index {
                continue;
            }
            let first = !self.is_within_episode(unit, at.index);
            if first {
                self.close_episode(unit);
                self.open_episode(unit, at, need.class);
            }
            counted.count(need, first);
            if !at.warm_up && !need.hole {
                self.depth_sum += u64::from(need.fallback_depth);
                self.depth_max = self.depth_max.max(u64::from(need.fallback_depth));
            }
            self.need_frame[unit] = at.index;
            self.need_ns[unit] = at.now_ns;
            self.use_load(unit, at.index);
            if need.hit {
                self.serve(unit, at.now_ns);
            } else if self.load_frame[unit] != NEVER && self.load_frame[unit] >= at.index {
                // The need came late: its unit was loaded in between.
                self.serve(unit, self.load_ns[unit]);
            }
        }
        let total = if at.warm_up { &mut self.warm_up } else { &mut self.measured };
        total.add(&counted);
        Ok(counted)
    }

    /// Notes that a unit was loaded in `frame` and became resident at `resident_ns`: for one who
    /// knows times by frame only, the start of the next frame.
    ///
    /// # Errors
    /// [`UnknownUnit`]; nothing was counted then.
    pub fn loaded(
        &mut self,
        unit: u32,
        bytes: u64,
        frame: u64,
        resident_ns: u64,
    ) -> Result<(), UnknownUnit> {
        let unit = self.check(unit)?;
        let evicted = self.evict_frame[unit];
        if evicted != NEVER && frame.saturating_sub(evicted) <= THRASH_FRAMES {
            self.thrashed += 1;
        }
        self.loaded_bytes += bytes;
        self.load_frame[unit] = frame;
        self.load_ns[unit] = resident_ns;
        self.load_bytes[unit] = bytes;
        self.evict_frame[unit] = NEVER;
        self.load_use[unit] = Use::Unused;
        if self.is_within_episode(unit, frame) {
            self.load_use[unit] = Use::Used;
            self.serve(unit, resident_ns);
        }
        Ok(())
    }

    /// Notes that a unit was evicted in `frame`.
    ///
    /// # Errors
    /// [`UnknownUnit`]; nothing was counted then.
    pub fn evicted(&mut self, unit: u32, frame: u64) -> Result<(), UnknownUnit> {
        let unit = self.check(unit)?;
        if self.evict_frame[unit] != NEVER {
            return Ok(());
        }
        self.evict_frame[unit] = frame;
        if self.load_frame[unit] != NEVER && self.load_use[unit] == Use::Unused {
            self.load_use[unit] = Use::Wasted;
            self.wasted_bytes += self.load_bytes[unit];
        }
        Ok(())
    }

    /// The figures so far. `classes` names the classes of needs; those beyond it have no entry in
    /// `by_class`. Rates of nothing are `None`.
    #[must_use]
    pub fn residency(&self, classes: &[&str]) -> Residency {
        let measured = &self.measured;
        let with_ancestor = measured.needs - measured.holes;
        Residency {
            frames_measured: Some(self.frames_measured),
            frames_warm_up: Some(self.frames_warm_up),
            needs: Some(measured.needs),
            hits: Some(measured.hits),
            hit_rate: rate(measured.hits, measured.needs),
            hit_rate_cold: rate(
                self.warm_up.hits + measured.hits,
                self.warm_up.needs + measured.needs,
            ),
            hit_rate_first: rate(measured.first_hits, measured.first_needs),
            hit_rate_pixels: (self.pixels > 0.0).then(|| self.pixels_hit / self.pixels),
            holes: Some(self.warm_up.holes + measured.holes),
            fallback_depth_mean: rate(self.depth_sum, with_ancestor),
            fallback_depth_max: (with_ancestor > 0).then_some(self.depth_max),
            time_to_quality_ms: self.time_to_quality(classes),
            loaded_bytes: Some(self.loaded_bytes),
            waste: rate(self.wasted_bytes, self.loaded_bytes),
            thrashed_units: Some(self.thrashed),
            bound: None,
        }
    }

    fn check(&self, unit: u32) -> Result<usize, UnknownUnit> {
        let units = self.need_frame.len();
        let index = unit as usize;
        if index < units { Ok(index) } else { Err(UnknownUnit { unit, units }) }
    }

    fn count_pixels(&mut self, need: &Need) {
        if need.pixels.is_finite() && need.pixels > 0.0 {
            self.pixels += f64::from(need.pixels);
            self.pixels_hit += if need.hit { f64::from(need.pixels) } else { 0.0 };
        }
    }

    /// Whether fewer than [`EPISODE_GAP_FRAMES`] frames without a need lie before `frame`.
    fn is_within_episode(&self, unit: usize, frame: u64) -> bool {
        let last = self.need_frame[unit];
        last != NEVER && frame.saturating_sub(last) <= EPISODE_GAP_FRAMES
    }

    fn open_episode(&mut self, unit: usize, at: FrameStart, class: u8) {
        self.episode[unit] = if at.warm_up { Episode::WaitingWarmUp } else { Episode::Waiting };
        self.episode_ns[unit] = at.now_ns;
        self.episode_class[unit] = class;
    }

    /// The unit came.
    fn serve(&mut self, unit: usize, resident_ns: u64) {
        if self.episode[unit] == Episode::Waiting {
            self.wait_ns.push(resident_ns.saturating_sub(self.episode_ns[unit]));
            self.wait_class.push(self.episode_class[unit]);
            self.wait_unserved.push(false);
        }
        self.episode[unit] = Episode::Settled;
    }

    /// A new episode begins: the unit did not come in the last one if it is still waited for.
    fn close_episode(&mut self, unit: usize) {
        if self.episode[unit] == Episode::Waiting {
            self.wait_ns.push(self.unserved_wait_ns(unit));
            self.wait_class.push(self.episode_class[unit]);
            self.wait_unserved.push(true);
        }
        self.episode[unit] = Episode::Settled;
    }

    /// To the end of the last frame that needed the unit.
    fn unserved_wait_ns(&self, unit: usize) -> u64 {
        let last_ns = self.need_ns[unit].saturating_add(self.period_ns);
        last_ns.saturating_sub(self.episode_ns[unit])
    }

    /// A need of `frame` makes good use of a load, also of one counted as waste before the need
    /// was known.
    fn use_load(&mut self, unit: usize, frame: u64) {
        if self.load_frame[unit] == NEVER {
            return;
        }
        // NEVER, the frame of a unit not evicted, is later than any.
        if frame <= self.evict_frame[unit] {
            if self.load_use[unit] == Use::Wasted {
                self.wasted_bytes -= self.load_bytes[unit];
            }
            self.load_use[unit] = Use::Used;
        }
    }

    fn time_to_quality(&self, classes: &[&str]) -> TimeToQuality {
        // Episodes still open at the end of the run are closed here, in the order of units.
        let open = (0..self.episode.len()).filter(|unit| self.episode[*unit] == Episode::Waiting);
        let open = open.map(|unit| Wait {
            ns: self.unserved_wait_ns(unit),
            class: self.episode_class[unit],
            unserved: true,
        });
        let settled = (0..self.wait_ns.len()).map(|index| Wait {
            ns: self.wait_ns[index],
            class: self.wait_class[index],
            unserved: self.wait_unserved[index],
        });
        let mut waits: Vec<Wait> = settled.chain(open).collect();
        waits.sort_unstable_by_key(|wait| wait.ns);
        let all = class_wait(waits.iter());
        let by_class = classes.iter().enumerate().map(|(class, name)| {
            let own = waits.iter().filter(|wait| usize::from(wait.class) == class);
            ((*name).to_owned(), class_wait(own))
        });
        TimeToQuality {
            by_class: by_class.collect(),
            p50: all.p50,
            p99: all.p99,
            max: all.max,
            unserved: all.unserved,
        }
    }
}

/// An episode's wait.
#[derive(Clone, Copy)]
struct Wait {
    ns: u64,
    class: u8,
    unserved: bool,
}

/// The figures of waits in ascending order.
fn class_wait<'a>(waits: impl Iterator<Item = &'a Wait> + Clone) -> ClassWait {
    let unserved = waits.clone().filter(|wait| wait.unserved).count() as u64;
    let sorted: Vec<u64> = waits.map(|wait| wait.ns).collect();
    let ms = |p| percentile(&sorted, p).map(|ns| ns / 1e6);
    ClassWait {
        p50: ms(Percentile::P50),
        p99: ms(Percentile::P99),
        max: sorted.last().map(|ns| *ns as f64 / 1e6),
        unserved: Some(unserved),
    }
}

fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
