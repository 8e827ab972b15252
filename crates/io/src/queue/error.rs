//! What can go wrong with a read.

use std::fmt;
use std::io;

use super::ReadRequest;

/// A request that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Id of the request.
    pub id: u64,
    /// First byte it asked for.
    pub offset: u64,
    /// Bytes it asked for.
    pub len: u32,
    /// Why there are none.
    pub kind: ReadErrorKind,
}

/// Why a request has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// It was cancelled.
    Cancelled,
    /// The range is not in the archive.
    OutOfRange {
        /// Bytes in the archive.
        file_bytes: u64,
    },
    /// More than may be in flight at once.
    TooLarge {
        /// Bytes that may be: [`QueueOptions::bytes_max`](crate::QueueOptions::bytes_max).
        bytes_max: u64,
    },
    /// The file became shorter than the archive.
    Truncated,
    /// The device has not answered for so long; to this request's read, or to all that it was given
    /// before, which leave this one no place.
    Stalled {
        /// Since the read was issued, or the last of those, ns.
        after_ns: u64,
    },
    /// The server has another version of the archive than the one that was opened.
    Changed,
    /// The server refused, or could not be reached, and trying again did not help.
    Remote {
        /// Its status, where that is final; `None` where it could not be reached or kept failing.
        status: Option<u16>,
    },
    /// The server answers a range with something else: it does not know ranges, or something between
    /// changes them.
    NotTheRange {
        /// Its status: 200 for all of the file.
        status: u16,
    },
    /// The archive lies elsewhere, and this queue reads only what is here.
    Elsewhere,
    /// There is no memory for the bytes.
    OutOfMemory,
    /// The system refused.
    Io {
        /// The kind of refusal.
        kind: io::ErrorKind,
        /// The system's own number for it.
        os_error: Option<i32>,
    },
    /// A [`FaultPlan`](crate::FaultPlan) asked for this error.
    Injected,
}

impl ReadError {
    pub(super) fn new(request: &ReadRequest, kind: ReadErrorKind) -> Self {
        Self { id: request.id, offset: request.offset, len: request.len, kind }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {} of {} bytes at {}: {}", self.id, self.len, self.offset, self.kind)
    }
}

impl fmt::Display for ReadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ReadErrorKind::Cancelled => write!(f, "cancelled"),
            ReadErrorKind::OutOfRange { file_bytes } => {
                write!(f, "outside the archive of {file_bytes} bytes")
            }
            ReadErrorKind::Truncated => {
                write!(f, "the file has become shorter; bake or copy the archive again")
            }
            ReadErrorKind::TooLarge { bytes_max } => {
                write!(f, "more than the {bytes_max} bytes that may be in flight; raise the budget")
            }
            ReadErrorKind::Stalled { after_ns } => {
                write!(f, "no answer from the device after {} ms", after_ns / 1_000_000)
            }
            ReadErrorKind::Changed => {
                write!(f, "the archive on the server has changed; open it again")
            }
            ReadErrorKind::Remote { status: Some(404) } => {
                write!(f, "the server has no such file (status 404); check the address")
            }
            ReadErrorKind::Remote { status: Some(status) } => {
                write!(f, "the server refuses (status {status}); check its credentials")
            }
            ReadErrorKind::Remote { status: None } => {
                write!(f, "the server could not be reached or kept failing; check the network")
            }
            ReadErrorKind::NotTheRange { status } => {
                write!(
                    f,
                    "the server answers a range with something else (status {status}); take one \
                     that serves ranges"
                )
            }
            ReadErrorKind::Elsewhere => {
                write!(f, "the archive lies elsewhere; read it through a queue that goes there")
            }
            ReadErrorKind::OutOfMemory => write!(f, "no memory for it; lower the budget"),
            ReadErrorKind::Io { os_error: Some(code), .. } => {
                write!(f, "{}", io::Error::from_raw_os_error(code))
            }
            ReadErrorKind::Io { kind, os_error: None } => write!(f, "{kind}"),
            ReadErrorKind::Injected => write!(f, "error injected by the fault plan"),
        }
    }
}

impl std::error::Error for ReadError {}

impl std::error::Error for ReadErrorKind {}

/// The queue holds as many requests as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull {
    /// How many that is.
    pub capacity: usize,
}

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the queue holds its {} requests; poll it first", self.capacity)
    }
}

impl std::error::Error for QueueFull {}
