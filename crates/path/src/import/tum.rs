use crate::error::Fault;
use crate::import::local::{RawPose, finish, read_lines};
use crate::import::{Format, ImportError, ImportOptions, ImportReport, Imported};
use crate::text::{columns, number, seconds};
use farplane_geom::{DQuat, DVec3};

/// Reads a TUM trajectory: `timestamp tx ty tz qx qy qz qw` a line, seconds and metres, `#` lines
/// are comments. The camera's axes are farplane's, the world is taken to be z up.
///
/// # Errors
/// [`ImportError`] where nothing usable is left, or at the first line that a `.cam` could not hold
/// with [`ImportMode::Keep`](crate::ImportMode::Keep).
pub fn import_tum(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, ImportError> {
    let mut report = ImportReport::new(Format::Tum, options.mode);
    let raw = read_lines(bytes, &mut report, |line, text, _| {
        let found = columns(text).count();
        if found != 8 {
            return Err(Fault::Columns { found, expected: "8 (timestamp tx ty tz qx qy qz qw)" });
        }
        let mut t_ns = 0;
        let mut v = [0.0; 7];
        for (i, text) in columns(text).enumerate() {
            if i == 0 {
                t_ns = seconds(1, text)?;
            } else {
                v[i - 1] = number(i + 1, text)?;
            }
        }
        let position = DVec3::new(v[0], v[1], v[2]);
        RawPose::new(line, t_ns, position, DQuat::from_xyzw(v[3], v[4], v[5], v[6]))
    })?;
    finish(raw, report)
}
