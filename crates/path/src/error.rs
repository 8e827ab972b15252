use crate::path::{POSES_MAX, POSITION_MAX_M, VFOV_DEGREES_MAX, VFOV_DEGREES_MIN};
use crate::text::Seconds;
use std::fmt;

/// What is wrong with one line or one pose.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A byte that no text has: a NUL, or one that is no UTF-8.
    NotText {
        /// Offset in the file.
        offset_bytes: usize,
        /// The byte.
        byte: u8,
    },
    /// The wrong number of columns.
    Columns {
        /// Columns in the line.
        found: usize,
        /// What a line has, in words.
        expected: &'static str,
    },
    /// A column that is no number.
    NotANumber {
        /// Column, from 1.
        column: usize,
        /// The first characters of what stands there.
        text: String,
    },
    /// A column that is NaN or infinite.
    NotFinite {
        /// Column, from 1.
        column: usize,
    },
    /// A time that nanoseconds in 64 bits cannot hold.
    TimeRange,
    /// A position farther from the origin than [`POSITION_MAX_M`].
    PositionRange,
    /// A field of view outside [`VFOV_DEGREES_MIN`] to [`VFOV_DEGREES_MAX`].
    VfovRange {
        /// The field of view, degrees.
        degrees: f64,
    },
    /// A latitude outside ±90° or a longitude outside ±360°.
    PlaceRange {
        /// Longitude, degrees.
        lon: f64,
        /// Latitude, degrees.
        lat: f64,
    },
    /// A quaternion without length, that stands for no rotation.
    ZeroQuaternion,
    /// A 3×3 matrix that is no rotation, not even nearly.
    NotARotation,
    /// A time at or before that of the pose before it.
    TimeNotIncreasing {
        /// The time, ns on the file's clock.
        t_ns: i64,
        /// The time of the pose before, ns.
        last_ns: i64,
    },
    /// A format version that this crate does not read.
    Version {
        /// What the header says.
        found: String,
    },
    /// A header line with a value that means nothing.
    Header {
        /// The key.
        key: &'static str,
        /// The first characters of the value.
        value: String,
        /// What is allowed, in words.
        expected: &'static str,
    },
    /// A header line behind the first pose, where it would come too late.
    LateHeader {
        /// The key.
        key: &'static str,
    },
    /// A date or time of day that cannot be read.
    Time {
        /// The first characters of it.
        text: String,
    },
    /// A point without a time among points with times.
    NoTime,
    /// A point without its place.
    NoPlace,
    /// A line that is shorter than the fixed columns of its format.
    Short {
        /// Characters in the line.
        found: usize,
        /// Characters that it needs.
        expected: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText { offset_bytes, byte } => write!(
                f,
                "byte 0x{byte:02x} at offset {offset_bytes} is not UTF-8 text; give a text file, \
                 one pose a line"
            ),
            Self::Columns { found: 1, expected } => write!(f, "1 column, expected {expected}"),
            Self::Columns { found, expected } => write!(f, "{found} columns, expected {expected}"),
            Self::NotANumber { column, text } => {
                write!(f, "column {column} is {text:?}, not a number; write it like -12.5")
            }
            Self::NotFinite { column } => write!(
                f,
                "column {column} is NaN or infinite; remove the line or give a finite number"
            ),
            Self::TimeRange => write!(
                f,
                "the time is beyond 4.5·10⁹ seconds; give seconds since 1970 or since the start"
            ),
            Self::PositionRange => write!(
                f,
                "the position is farther than {POSITION_MAX_M:e} m from the origin; give metres, \
                 and an origin nearby"
            ),
            Self::VfovRange { degrees } => write!(
                f,
                "a vertical field of view of {degrees} degrees; it must lie in \
                 {VFOV_DEGREES_MIN} to {VFOV_DEGREES_MAX}"
            ),
            Self::PlaceRange { lon, lat } => write!(
                f,
                "longitude {lon}, latitude {lat} is no place on Earth; give degrees, latitude in \
                 -90 to 90"
            ),
            Self::ZeroQuaternion => write!(
                f,
                "the quaternion is zero, which is no rotation; 0 0 0 1 is the one that turns \
                 nothing"
            ),
            Self::NotARotation => write!(
                f,
                "the 3×3 part is no rotation; give a camera-to-world matrix by rows, without \
                 scale or mirroring"
            ),
            Self::TimeNotIncreasing { t_ns, last_ns } => write!(
                f,
                "time {} s does not come after {} s; times must increase (importing the file \
                 with repair sorts it and drops duplicates)",
                Seconds(*t_ns),
                Seconds(*last_ns)
            ),
            Self::Version { found } => {
                write!(f, "format version {found:?}; this version of farplane reads 1")
            }
            Self::Header { key, value, expected } => {
                write!(f, "`{key}: {value}` is not understood; expected {expected}")
            }
            Self::LateHeader { key } => {
                write!(f, "`{key}` behind the first pose; header lines stand above all poses")
            }
            Self::Time { text } => {
                write!(f, "{text:?} is no time; write it like 2019-03-20T13:12:26Z")
            }
            Self::NoTime => write!(f, "no time, unlike other points"),
            Self::NoPlace => write!(f, "a point without `lat` and `lon`; give both in degrees"),
            Self::Short { found, expected } => {
                write!(f, "{found} characters, expected at least {expected}; is the line cut off?")
            }
        }
    }
}

/// Why a text is no camera path. Every message names the line, what is wrong and what to do.
#[derive(Clone, Debug, PartialEq)]
pub enum CamError {
    /// A line of the file is wrong.
    Line {
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A pose handed to [`CamPath::new`](crate::CamPath::new) is wrong.
    Pose {
        /// Index of the pose, from 0.
        index: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// No pose at all.
    NoPose {
        /// Lines in the file.
        lines: usize,
    },
    /// One pose, which is no path.
    OnePose {
        /// Its line, from 1; 0 where there is no file.
        line: usize,
    },
    /// More than [`POSES_MAX`] poses.
    TooManyPoses {
        /// The line of the first one too many, from 1; 0 where there is no file.
        line: usize,
    },
    /// A file larger than [`CAM_BYTES_MAX`](crate::CAM_BYTES_MAX).
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
}

impl fmt::Display for CamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, fault: fault @ Fault::Columns { .. } } => write!(
                f,
                "line {line}: {fault}; one pose a line is `timestamp tx ty tz qx qy qz qw \
                 [vfov_degrees]`"
            ),
            Self::Line { line, fault } => write!(f, "line {line}: {fault}"),
            Self::Pose { index, fault } => write!(f, "pose {index}: {fault}"),
            Self::NoPose { lines } => write!(
                f,
                "line {lines}: the end, and no pose so far; a path needs at least two poses, each \
                 a line `timestamp tx ty tz qx qy qz qw`"
            ),
            Self::OnePose { line: 0 } => write!(f, "one pose; a path needs at least two poses"),
            Self::OnePose { line } => {
                write!(f, "line {line}: the only pose; a path needs at least two poses")
            }
            Self::TooManyPoses { line } => write!(
                f,
                "line {line}: more than {POSES_MAX} poses; split the path into several files"
            ),
            Self::TooLarge { size_bytes } => write!(
                f,
                "line 1: the file has {size_bytes} bytes, at most {} are read; split the path \
                 into several files",
                crate::CAM_BYTES_MAX
            ),
        }
    }
}

impl std::error::Error for CamError {}
