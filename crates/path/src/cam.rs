//! The `.cam` format, version 1: text, UTF-8, one pose a line.
//!
//! ```text
//! # farplane-cam 1                 version; a file without it is read as version 1 (plain TUM)
//! # axes: right down forward       where the camera's x, y, z point
//! # up: z                          world axis that points up: z or y
//! # crs: EPSG:4326                 system that the origin is given in
//! # origin: -70.5 -32.5 0          where (0, 0, 0) of the poses lies in it
//! # vfov: 60                       vertical field of view, degrees
//! # near: 0.1                      metres
//! # far: 200000                    metres
//! 0 0 0 100 -0.70710678 0 0 0.70710678          timestamp tx ty tz qx qy qz qw
//! 0.5 0 50 100 -0.70710678 0 0 0.70710678 55    … with a field of view of its own
//! # cut                            the next pose does not continue the last one
//! 1 900 0 100 -0.70710678 0 0 0.70710678
//! ```
//!
//! Columns are separated by blanks or commas; times are seconds, read exactly to the nanosecond.
//! Other lines that start with `#` are comments. Files are written with the default axes.

use crate::axes::{camera_axes, y_up_to_z_up};
use crate::error::{CamError, Fault};
use crate::path::{CamHeader, CamPath, POSES_MAX, Pose, check_pose};
use crate::text::{Seconds, columns, decode, excerpt, number, seconds};
use farplane_geom::{DQuat, DVec3};
use std::fmt;

/// Size of the largest `.cam` file that is read: [`POSES_MAX`] lines of 200 characters.
pub const CAM_BYTES_MAX: usize = POSES_MAX * 200;

const COLUMNS: &str = "8 or 9";
const AXES: &str = "the directions of the camera's x, y and z, a right-handed frame such as \
                    `right down forward` or `right up back`";
const UP: &str = "`z` or `y`";
const CRS: &str = "a name of at most 64 printable characters, such as EPSG:4326";
const ORIGIN: &str = "three finite numbers, x y z in units of the CRS";
const VFOV: &str = "degrees, 0.1 to 175";
const DISTANCE: &str = "metres, more than 0, near below far";

/// Everything that the lines have said so far.
#[derive(Default)]
struct Reader {
    header: CamHeader,
    /// From the file's camera axes to farplane's.
    axes: DQuat,
    y_up: bool,
    cut: bool,
    start_ns: i64,
    last_ns: i64,
    poses: Vec<Pose>,
    last_line: usize,
}

impl CamPath {
    /// Reads a `.cam` or a TUM trajectory.
    ///
    /// # Errors
    /// [`CamError`] names the first line that is wrong, what is wrong with it and what to do.
    pub fn parse(bytes: &[u8]) -> Result<Self, CamError> {
        if bytes.len() > CAM_BYTES_MAX {
            return Err(CamError::TooLarge { size_bytes: bytes.len() });
        }
        let text = decode(bytes).map_err(|(line, fault)| CamError::Line { line, fault })?;
        let mut reader = Reader::default();
        let mut lines = 0;
        for (i, line) in text.lines().enumerate() {
            lines = i + 1;
            let fault = |fault| CamError::Line { line: i + 1, fault };
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                reader.comment(comment.trim()).map_err(fault)?;
            } else if !line.is_empty() {
                if reader.poses.len() == POSES_MAX {
                    return Err(CamError::TooManyPoses { line: i + 1 });
                }
                reader.pose(line).map_err(fault)?;
                reader.last_line = i + 1;
            }
        }
        match reader.poses.len() {
            0 => Err(CamError::NoPose { lines }),
            1 => Err(CamError::OnePose { line: reader.last_line }),
            _ => Self::new(reader.header, reader.start_ns, reader.poses),
        }
    }

    /// Writes the path as `.cam` text. Reading it again gives the same path, bit for bit.
    ///
    /// # Errors
    /// Those of `out`; the path itself can always be written.
    pub fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let header = self.header();
        writeln!(out, "# farplane-cam 1\n# axes: right down forward\n# up: z")?;
        if let Some(crs) = &header.crs {
            writeln!(out, "# crs: {}", crs.replace(char::is_control, " ").trim())?;
        }
        if let Some(o) = header.origin {
            writeln!(out, "# origin: {} {} {}", o.x, o.y, o.z)?;
        }
        let numbers =
            [("vfov", header.vfov_degrees), ("near", header.near_m), ("far", header.far_m)];
        for (key, value) in numbers {
            if let Some(value) = value {
                writeln!(out, "# {key}: {value}")?;
            }
        }
        writeln!(out, "# timestamp tx ty tz qx qy qz qw [vfov_degrees]")?;
        for pose in self.poses() {
            if pose.cut {
                writeln!(out, "# cut")?;
            }
            let (p, q) = (pose.position, pose.rotation);
            // `CamPath::new` has made sure that the sum fits.
            write!(out, "{}", Seconds(self.start_ns().wrapping_add_unsigned(pose.t_ns)))?;
            write!(out, " {} {} {} {} {} {} {}", p.x, p.y, p.z, q.x, q.y, q.z, q.w)?;
            if let Some(vfov) = pose.vfov_degrees {
                write!(out, " {vfov}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// The path as `.cam` text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }
}

impl Reader {
    fn comment(&mut self, comment: &str) -> Result<(), Fault> {
        if comment == "cut" {
            self.cut = true;
            return Ok(());
        }
        if let Some(version) = comment.strip_prefix("farplane-cam") {
            let version = version.trim();
            return if version == "1" {
                Ok(())
            } else {
                Err(Fault::Version { found: excerpt(version) })
            };
        }
        let Some((key, value)) = comment.split_once(':') else { return Ok(()) };
        let value = value.trim();
        match key.trim() {
            "axes" => self.set("axes", value, AXES, |r| {
                r.axes = camera_axes(value)?;
                Some(())
            }),
            "up" => self.set("up", value, UP, |r| {
                r.y_up = match value {
                    "z" => false,
                    "y" => true,
                    _ => return None,
                };
                Some(())
            }),
            "crs" => self.set("crs", value, CRS, |r| {
                let fits = !value.is_empty()
                    && value.chars().nth(64).is_none()
                    && !value.contains(char::is_control);
                r.header.crs = Some(fits.then(|| value.to_string())?);
                Some(())
            }),
            "origin" => self.set("origin", value, ORIGIN, |r| {
                let mut xyz = [0.0; 3];
                let mut count = 0;
                for text in columns(value) {
                    *xyz.get_mut(count)? = number(count + 1, text).ok()?;
                    count += 1;
                }
                r.header.origin = Some((count == 3).then(|| DVec3::from_array(xyz))?);
                Some(())
            }),
            "vfov" => self.set("vfov", value, VFOV, |r| {
                let vfov = Some(number(1, value).ok()?);
                check_pose(DVec3::ZERO, DQuat::IDENTITY, vfov).ok()?;
                r.header.vfov_degrees = vfov;
                Some(())
            }),
            "near" => self.set("near", value, DISTANCE, |r| {
                let near = number(1, value).ok()?;
                let fits = near > 0.0 && r.header.far_m.is_none_or(|far| near < far);
                r.header.near_m = Some(fits.then_some(near)?);
                Some(())
            }),
            "far" => self.set("far", value, DISTANCE, |r| {
                let far = number(1, value).ok()?;
                let fits = far > 0.0 && r.header.near_m.is_none_or(|near| near < far);
                r.header.far_m = Some(fits.then_some(far)?);
                Some(())
            }),
            _ => Ok(()),
        }
    }

    fn set(
        &mut self,
        key: &'static str,
        value: &str,
        expected: &'static str,
        apply: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Result<(), Fault> {
        if !self.poses.is_empty() {
            return Err(Fault::LateHeader { key });
        }
        apply(self).ok_or_else(|| Fault::Header { key, value: excerpt(value), expected })
    }

    fn pose(&mut self, line: &str) -> Result<(), Fault> {
        let found = columns(line).count();
        if found != 8 && found != 9 {
            return Err(Fault::Columns { found, expected: COLUMNS });
        }
        let mut time_ns = 0;
        let mut v = [0.0; 8];
        for (i, text) in columns(line).enumerate() {
            if i == 0 {
                time_ns = seconds(1, text)?;
            } else {
                v[i - 1] = number(i + 1, text)?;
            }
        }
        if self.poses.is_empty() {
            self.start_ns = time_ns;
        } else if time_ns <= self.last_ns {
            return Err(Fault::TimeNotIncreasing { t_ns: time_ns, last_ns: self.last_ns });
        }
        self.last_ns = time_ns;
        let vfov_degrees = (found == 9).then_some(v[7]);
        let mut position = DVec3::new(v[0], v[1], v[2]);
        let rotation = DQuat::from_xyzw(v[3], v[4], v[5], v[6]);
        let mut rotation = check_pose(position, rotation, vfov_degrees)?;
        if self.axes != DQuat::IDENTITY {
            rotation *= self.axes.conjugate();
        }
        if self.y_up {
            (position, rotation) = y_up_to_z_up(position, rotation);
        }
        // Times have been checked to increase, and their range keeps the difference in 64 bits.
        let t_ns = time_ns.abs_diff(self.start_ns);
        let cut = std::mem::take(&mut self.cut);
        self.poses.push(Pose { t_ns, position, rotation, vfov_degrees, cut });
        Ok(())
    }
}
