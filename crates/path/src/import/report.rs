use crate::error::Fault;
use crate::import::{Format, ImportMode};
use crate::text::Seconds;
use std::fmt;

/// Lines or points that could not be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skipped {
    /// How many.
    pub count: usize,
    /// The first one's line (from 1), and why.
    pub first: Option<(usize, Fault)>,
}

/// Steps of time longer than [`ImportReport::GAP_STEPS`] median steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How many.
    pub count: usize,
    /// The median step, ns; 0 where there are no times.
    pub median_ns: u64,
    /// The longest gap, ns.
    pub longest_ns: u64,
    /// The line of the first pose behind the longest gap, from 1.
    pub longest_line: usize,
}

impl Gaps {
    pub(crate) fn is_gap(&self, step_ns: u64) -> bool {
        step_ns > self.median_ns.saturating_mul(ImportReport::GAP_STEPS)
    }
}

/// Steps of distance that are too fast: more than [`ImportReport::JUMP_SPEEDS`] times the median
/// speed of the steps that move at all, and more than [`ImportReport::JUMP_MIN_M`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jumps {
    /// How many.
    pub count: usize,
    /// The longest one, m.
    pub longest_m: f64,
    /// The line of the pose behind the longest one, from 1.
    pub longest_line: usize,
}

/// Something that an importer took for granted or changed throughout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Note {
    /// KITTI's world, y down and z forward, was turned to z up.
    YDownToZUp,
    /// KITTI poses at a constant rate.
    ConstantRate {
        /// Poses per second.
        hz: f64,
    },
    /// No extrinsic was given: the camera is taken to be the body.
    IdentityExtrinsic,
    /// No orientation in the file: the camera looks along the motion, horizon level.
    LooksAlongMotion,
    /// No times in the file (or in too few points): constant speed.
    ConstantSpeed {
        /// Speed, m/s.
        speed_mps: f64,
    },
    /// No elevation in the file: laid over the ground, or level where there is none.
    NoElevation,
    /// Some elevations were missing and interpolated between their neighbours.
    ElevationsFilled {
        /// How many.
        count: usize,
    },
    /// Heights are the GPS altitudes of an IGC file.
    GpsAltitude,
    /// Heights are the pressure altitudes of an IGC file, since it has no GPS altitudes.
    PressureAltitude,
    /// IGC fixes marked `V`: a place, but no GPS altitude.
    FixesWithoutAltitude {
        /// How many.
        count: usize,
    },
    /// Several IGC flight days: the clock went past midnight.
    PastMidnight {
        /// How often.
        count: usize,
    },
    /// No IGC date; times count from midnight of an unknown day.
    NoDate,
}

/// What an import found: counts, with the first or worst place each. `Display` gives one readable
/// line per finding.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportReport {
    /// The format.
    pub format: Format,
    /// What became of what looked wrong.
    pub mode: ImportMode,
    /// Poses read from the file, before any repair.
    pub read: usize,
    /// Lines or points that could not be used.
    pub skipped: Skipped,
    /// Poses with the time of one before them (without times: at its place); dropped by a repair.
    pub duplicates: usize,
    /// Poses with a time before that of one above them; sorted by a repair.
    pub out_of_order: usize,
    /// Rotations that were off by more than 10⁻³ and made orthonormal.
    pub orthonormalised: usize,
    /// Gaps in time.
    pub gaps: Gaps,
    /// Jumps in space.
    pub jumps: Jumps,
    /// Poses below the ground; `None` until there is a ground.
    pub below_ground: Option<usize>,
    /// Poses of the path that came out.
    pub poses: usize,
    /// Cuts of the path that came out.
    pub cuts: usize,
    /// What was taken for granted or changed throughout.
    pub notes: Vec<Note>,
}

impl ImportReport {
    /// A step this many times the median step is a gap.
    pub const GAP_STEPS: u64 = 10;
    /// A step this many times the median speed is a jump, …
    pub const JUMP_SPEEDS: f64 = 20.0;
    /// … if it is longer than this as well, m.
    pub const JUMP_MIN_M: f64 = 10.0;

    pub(crate) fn new(format: Format, mode: ImportMode) -> Self {
        Self {
            format,
            mode,
            read: 0,
            skipped: Skipped::default(),
            duplicates: 0,
            out_of_order: 0,
            orthonormalised: 0,
            gaps: Gaps::default(),
            jumps: Jumps::default(),
            below_ground: None,
            poses: 0,
            cuts: 0,
            notes: Vec::new(),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = |repaired: &'static str| match self.mode {
            ImportMode::Repair => repaired,
            ImportMode::Keep => "kept as it is",
        };
        let s = plural;
        write!(f, "{}: {} pose{} read", self.format, self.read, s(self.read))?;
        write!(f, ", {} in the path, {} cut{}", self.poses, self.cuts, s(self.cuts))?;
        if let Some((line, fault)) = &self.skipped.first {
            let n = self.skipped.count;
            write!(f, "\n{n} line{} skipped; the first: line {line}: {fault}", s(n))?;
        }
        if self.duplicates > 0 {
            write!(f, "\n{} duplicate stamp{}: dropped", self.duplicates, s(self.duplicates))?;
        }
        if self.out_of_order > 0 {
            let n = self.out_of_order;
            write!(f, "\n{n} pose{} out of order: sorted by time", s(n))?;
        }
        if self.orthonormalised > 0 {
            let n = self.orthonormalised;
            write!(f, "\n{n} rotation{} not orthonormal: made so", s(n))?;
        }
        if self.gaps.count > 0 {
            let g = &self.gaps;
            write!(
                f,
                "\n{} gap{} over {} times the median step of {} s: {}; the longest {} s, before \
                 line {}",
                g.count,
                s(g.count),
                Self::GAP_STEPS,
                Seconds(g.median_ns as i64),
                done("cut there"),
                Seconds(g.longest_ns as i64),
                g.longest_line
            )?;
        }
        if self.jumps.count > 0 {
            let j = &self.jumps;
            write!(
                f,
                "\n{} jump{} over {} times the median speed and {} m: {}; the longest {:.1} m, \
                 before line {}",
                j.count,
                s(j.count),
                Self::JUMP_SPEEDS,
                Self::JUMP_MIN_M,
                done("cut there"),
                j.longest_m,
                j.longest_line
            )?;
        }
        if let Some(n) = self.below_ground
            && n > 0
        {
            write!(f, "\n{n} pose{} below the ground", s(n))?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n{note}"))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = plural;
        match *self {
            Self::YDownToZUp => write!(f, "world y down, z forward: turned to z up"),
            Self::ConstantRate { hz } => write!(f, "no times: {hz} poses per second"),
            Self::IdentityExtrinsic => {
                write!(f, "no extrinsic: identity assumed, the camera is taken to be the body")
            }
            Self::LooksAlongMotion => {
                write!(f, "no orientation: looks along the motion, smoothed, horizon level")
            }
            Self::ConstantSpeed { speed_mps } => {
                write!(f, "no times: constant speed of {speed_mps} m/s")
            }
            Self::NoElevation => write!(f, "no elevation: laid over the ground where there is one"),
            Self::ElevationsFilled { count } => {
                write!(f, "{count} missing elevation{} interpolated between neighbours", s(count))
            }
            Self::GpsAltitude => write!(f, "heights are GPS altitudes"),
            Self::PressureAltitude => write!(f, "no GPS altitudes: heights are pressure altitudes"),
            Self::FixesWithoutAltitude { count } => {
                write!(f, "{count} fix{} without GPS altitude", if count == 1 { "" } else { "es" })
            }
            Self::PastMidnight { count } => {
                write!(f, "the clock passes midnight {count} time{}", s(count))
            }
            Self::NoDate => write!(f, "no date: times count from midnight of an unknown day"),
        }
    }
}
