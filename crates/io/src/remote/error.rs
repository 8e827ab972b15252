//! Why an archive on a server cannot be opened.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::queue::{OptionsError, ReadErrorKind};

/// Why an archive on a server cannot be opened.
#[derive(Debug)]
pub enum RemoteError {
    /// The address makes no sense.
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server did not give a range.
    Read {
        /// The address.
        url: String,
        /// The range.
        range: Range<u64>,
        /// Why.
        kind: ReadErrorKind,
    },
    /// What it gave is no archive.
    Archive {
        /// The address.
        url: String,
        /// Why.
        error: ArchiveError,
    },
    /// The folder for what is kept on disk cannot be used.
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A limit is out of range.
    Options(OptionsError),
    /// The archive was not opened from a server.
    NotRemote {
        /// Where it was opened.
        path: PathBuf,
    },
    /// The system refuses a thread.
    System(io::Error),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, why } => {
                let url = url.escape_debug();
                write!(f, "{url}: {why}; give http://, https:// or s3://BUCKET/KEY")
            }
            Self::Read { url, range, kind } => {
                let (first, last) = (range.start, range.end);
                write!(f, "{url}: bytes {first} to {last} could not be read: {kind}")
            }
            Self::Archive { url, error } => write!(f, "{url}: {error}"),
            Self::Cache { folder, source } => {
                let folder = folder.display();
                write!(f, "cannot keep what is read in {folder}: {source}; give another folder")
            }
            Self::Options(error) => error.fmt(f),
            Self::NotRemote { path } => {
                write!(f, "{} is not on a server: read it with another queue", path.display())
            }
            Self::System(error) => write!(f, "cannot start the thread that reads: {error}"),
        }
    }
}

impl std::error::Error for RemoteError {}

impl From<RemoteError> for io::Error {
    fn from(error: RemoteError) -> Self {
        Self::other(error)
    }
}
