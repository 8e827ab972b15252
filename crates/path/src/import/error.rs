use crate::error::{CamError, Fault};
use crate::import::Format;
use crate::path::POSES_MAX;
use std::fmt;

/// Why a file cannot be imported. Every message names the line where there is one.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportError {
    /// A line is wrong (with [`ImportMode::Keep`](crate::ImportMode::Keep), or where the rest could
    /// not be trusted).
    Line {
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Fewer than two usable poses.
    TooFewPoses {
        /// The format that was expected.
        format: Format,
        /// Usable poses.
        found: usize,
        /// The first line that was skipped, and why.
        first: Option<(usize, Fault)>,
    },
    /// More than [`POSES_MAX`] poses.
    TooManyPoses {
        /// The line of the first one too many, from 1.
        line: usize,
    },
    /// Not an XML file that can be read.
    Xml {
        /// Line, from 1.
        line: usize,
        /// What the XML reader says.
        text: String,
    },
    /// As many times as poses are needed.
    TimesCount {
        /// Lines in the times file.
        times: usize,
        /// Lines in the poses file.
        poses: usize,
    },
    /// A line of the times file is wrong.
    Times {
        /// Line of the times file, from 1.
        line: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The extrinsic is not sixteen numbers that make a rigid transformation.
    Extrinsic {
        /// Numbers found.
        found: usize,
    },
    /// An option is out of its range.
    Option {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed, in words.
        expected: &'static str,
    },
    /// Some points have a time and others have none (with
    /// [`ImportMode::Keep`](crate::ImportMode::Keep)).
    MixedTimes {
        /// The first line without a time, from 1.
        line: usize,
    },
    /// The world has no geographic projection, so that a geographic track has no place in it.
    NotGeoreferenced,
    /// What is left makes no path.
    Path(CamError),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, fault } => write!(f, "line {line}: {fault}"),
            Self::TooFewPoses { format, found, first } => {
                match found {
                    0 => write!(f, "no usable {format} pose")?,
                    _ => write!(f, "one usable {format} pose; a path needs at least two")?,
                }
                match first {
                    Some((line, fault)) => write!(f, "; line {line}: {fault}"),
                    None => write!(f, "; is {format} the right format?"),
                }
            }
            Self::TooManyPoses { line } => {
                write!(f, "line {line}: more than {POSES_MAX} poses; split the file into several")
            }
            Self::Xml { line, text } => {
                write!(f, "line {line}: not XML that can be read: {text}; is this a GPX file?")
            }
            Self::TimesCount { times, poses } => write!(
                f,
                "{times} times for {poses} poses; give as many times as poses, one a line, or a \
                 rate instead"
            ),
            Self::Times { line, fault } => write!(f, "times, line {line}: {fault}"),
            Self::Extrinsic { found: 16 } => write!(
                f,
                "the extrinsic's sixteen numbers are no rigid transformation; give the 4×4 \
                 camera-to-body matrix by rows, its last row 0 0 0 1"
            ),
            Self::Extrinsic { found } => write!(
                f,
                "the extrinsic has {found} numbers, expected 16; give the 4×4 camera-to-body \
                 matrix by rows"
            ),
            Self::Option { name, value, expected } => {
                write!(f, "{name} is {value}; give {expected}")
            }
            Self::MixedTimes { line } => write!(
                f,
                "line {line}: a point without a time among points with times; import with repair \
                 to skip such points"
            ),
            Self::NotGeoreferenced => write!(
                f,
                "the world has no geographic projection, so a track in degrees has no place in \
                 it; fit the path to the world instead"
            ),
            Self::Path(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Path(error) => Some(error),
            _ => None,
        }
    }
}

impl From<CamError> for ImportError {
    fn from(error: CamError) -> Self {
        Self::Path(error)
    }
}
