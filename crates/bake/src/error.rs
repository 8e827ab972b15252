use farplane_io::ArchiveError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no archive.
#[derive(Debug)]
pub enum BakeError {
    /// An option is outside what it may be.
    Option {
        /// Which option.
        option: &'static str,
        /// What was given.
        given: String,
        /// What it may be.
        allowed: String,
    },
    /// A source file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A source file is damaged or not what its name says.
    Decode {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        reason: String,
    },
    /// A source file uses something that the bake does not read.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it uses.
        found: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// An elevation file has no sample with data.
    AllVoid {
        /// The file.
        path: PathBuf,
        /// Its samples.
        samples: u64,
    },
    /// An elevation file does not fit onto the sample lattice of the first one.
    Lattice {
        /// The file.
        path: PathBuf,
        /// The first file.
        first: PathBuf,
        /// How they differ.
        mismatch: Mismatch,
    },
    /// The height grid would not fit.
    TooLarge {
        /// Samples east and north.
        samples: [u64; 2],
        /// Most samples in all.
        samples_max: u64,
        /// Most samples along a side.
        side_max: u32,
    },
    /// The image lies beside the world.
    ColorElsewhere {
        /// The image.
        path: PathBuf,
        /// Its west, south, east and north edge.
        image_wsen: [f64; 4],
        /// The world's edges in the same units.
        world_wsen: [f64; 4],
    },
    /// The archive cannot be written.
    Archive(ArchiveError),
    /// The threads cannot be started.
    Threads {
        /// How many.
        threads: usize,
        /// The system's reason.
        reason: String,
    },
    /// The caller asked to stop; nothing was left behind.
    Cancelled,
}

/// How two elevation files fail to share one lattice.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// Different coordinate reference systems.
    Crs {
        /// This file's.
        this: String,
        /// The first file's.
        first: String,
    },
    /// Different distances between samples.
    Scale {
        /// This file's, east and north.
        this: [f64; 2],
        /// The first file's.
        first: [f64; 2],
    },
    /// The samples of one lie between those of the other.
    Offset {
        /// Offset in samples, east and south.
        samples: [f64; 2],
    },
    /// It touches none of the others.
    Apart,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crs { this, first } => write!(f, "its CRS is {this}, not {first}"),
            Self::Scale { this, first } => write!(
                f,
                "its samples are {} × {} apart, not {} × {}",
                this[0], this[1], first[0], first[1]
            ),
            Self::Offset { samples } => write!(
                f,
                "its samples lie {:.3} east and {:.3} south of the other's, not whole numbers of \
                 samples",
                samples[0], samples[1]
            ),
            Self::Apart => write!(f, "it touches none of the other files"),
        }
    }
}

impl fmt::Display for BakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option { option, given, allowed } => {
                write!(f, "{option}: {given} was given, it must be {allowed}")
            }
            Self::Read { path, error } => {
                write!(f, "{}: cannot be read ({error}); check the path", path.display())
            }
            Self::Decode { path, reason } => write!(
                f,
                "{}: damaged or not what its name says ({reason}); fetch or convert it again",
                path.display()
            ),
            Self::Unsupported { path, found, remedy } => {
                write!(f, "{}: {found} is not supported; {remedy}", path.display())
            }
            Self::AllVoid { path, samples } => write!(
                f,
                "{}: none of its {samples} samples has data; leave the file out",
                path.display()
            ),
            Self::Lattice { path, first, mismatch } => write!(
                f,
                "{} cannot be joined with {}: {mismatch}; resample the files onto one lattice or \
                 bake them apart",
                path.display(),
                first.display()
            ),
            Self::TooLarge { samples: [w, h], samples_max, side_max } => write!(
                f,
                "heights: {w} × {h} samples are too many, at most {samples_max} in all and \
                 {side_max} a side; choose a smaller world or a coarser source"
            ),
            Self::ColorElsewhere { path, image_wsen: i, world_wsen: w } => write!(
                f,
                "{}: the image lies at {}, {}, {}, {} (west, south, east, north), the world at \
                 {}, {}, {}, {}; give the image's extent in the world's units",
                path.display(),
                i[0],
                i[1],
                i[2],
                i[3],
                w[0],
                w[1],
                w[2],
                w[3]
            ),
            Self::Archive(error) => error.fmt(f),
            Self::Threads { threads, reason } => {
                write!(f, "{threads} threads cannot be started ({reason}); ask for fewer")
            }
            Self::Cancelled => write!(f, "the bake was cancelled; no archive was written"),
        }
    }
}

impl std::error::Error for BakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { error, .. } => Some(error),
            Self::Archive(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ArchiveError> for BakeError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}
