#![doc = include_str!("../README.md")]

mod axes;
mod cam;
mod error;
mod fit;
mod follow;
mod geo;
mod heading;
mod import;
mod path;
mod preset;
mod text;

pub use cam::CAM_BYTES_MAX;
pub use error::{CamError, Fault};
pub use farplane_geom::{DQuat, DVec2, DVec3, Geographic, Projection};
pub use fit::{FitError, FitOptions, FitReport, FitWorld, fit};
pub use geo::{GeoOptions, GeoPoint, GeoTrack, geo_to_path};
pub use import::{
    Format, Gaps, ImportError, ImportMode, ImportOptions, ImportReport, Imported, Jumps, Note,
    Skipped, Track, import, import_euroc, import_gpx, import_igc, import_kitti, import_tum,
};
pub use path::{
    CamHeader, CamPath, POSES_MAX, POSITION_MAX_M, Pose, Sample, VFOV_DEGREES_MAX,
    VFOV_DEGREES_MIN, below_ground,
};
pub use preset::{Preset, RecordError, RecordOptions, record};
