//! Paths of other formats. Every importer is a pure function from bytes to a track and a report of
//! what was repaired, skipped or looks wrong.

mod error;
mod euroc;
mod gpx;
mod igc;
mod kitti;
mod local;
pub(crate) mod repair;
mod report;
mod tum;

pub use error::ImportError;
pub use euroc::import_euroc;
pub use gpx::import_gpx;
pub use igc::import_igc;
pub use kitti::import_kitti;
pub(crate) use local::too_few;
pub use report::{Gaps, ImportReport, Jumps, Note, Skipped};
pub use tum::import_tum;

use crate::geo::GeoTrack;
use crate::path::CamPath;
use std::fmt;

/// A format that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TUM RGB-D trajectories: `timestamp tx ty tz qx qy qz qw`.
    Tum,
    /// KITTI odometry poses: a 3×4 camera-to-world matrix a line.
    Kitti,
    /// EuRoC MAV ground truth: CSV with nanoseconds and body poses.
    Euroc,
    /// GPX tracks and routes.
    Gpx,
    /// IGC flight logs.
    Igc,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Tum, Self::Kitti, Self::Euroc, Self::Gpx, Self::Igc];

    /// The name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tum => "tum",
            Self::Kitti => "kitti",
            Self::Euroc => "euroc",
            Self::Gpx => "gpx",
            Self::Igc => "igc",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What becomes of what looks wrong. Either way it is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// Lines that cannot be read are skipped, poses are sorted by time, of several with the same
    /// time the first stays, and gaps and jumps become cuts.
    #[default]
    Repair,
    /// Everything stays as it is; what a `.cam` cannot hold is an error. Gaps and jumps are flown
    /// through.
    Keep,
}

/// How to read a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImportOptions<'a> {
    /// What becomes of what looks wrong.
    pub mode: ImportMode,
    /// Poses per second of a KITTI file without times; 0.01 to 10⁶. Smaller flies
    /// slower; it never drops a pose.
    pub hz: f64,
    /// The contents of a KITTI `times.txt`: seconds, one a line, as many as poses. Instead of `hz`.
    pub times: Option<&'a [u8]>,
    /// Sixteen numbers by rows, a 4×4 matrix from camera to body (EuRoC's `T_BS` of the camera).
    /// Without it the camera is taken to be the body, and the report says so.
    pub extrinsic: Option<&'a [u8]>,
}

impl Default for ImportOptions<'_> {
    fn default() -> Self {
        Self { mode: ImportMode::Repair, hz: 10.0, times: None, extrinsic: None }
    }
}

/// What a file holds: poses in metres, or places on Earth that a projection still has to lay out.
#[derive(Clone, Debug, PartialEq)]
pub enum Track {
    /// Poses in metres.
    Local(CamPath),
    /// Places; [`geo_to_path`](crate::geo_to_path) makes a path of them.
    Geographic(GeoTrack),
}

/// A file that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What it holds.
    pub track: Track,
    /// What was repaired, skipped or looks wrong.
    pub report: ImportReport,
}

/// Reads a file of a given format.
///
/// # Errors
/// [`ImportError`] where nothing usable is left, or, with [`ImportMode::Keep`], at the first line
/// that a `.cam` could not hold.
pub fn import(
    format: Format,
    bytes: &[u8],
    options: &ImportOptions<'_>,
) -> Result<Imported, ImportError> {
    match format {
        Format::Tum => import_tum(bytes, options),
        Format::Kitti => import_kitti(bytes, options),
        Format::Euroc => import_euroc(bytes, options),
        Format::Gpx => import_gpx(bytes, options),
        Format::Igc => import_igc(bytes, options),
    }
}
