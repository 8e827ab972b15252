use farplane_io::{BlockErrorKind, QueueFull, ReadErrorKind};
use std::fmt;

/// Why a unit was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It could not be read, several times in a row: why the last time.
    Read(ReadErrorKind),
    /// The read queue had no place for it, several times in a row.
    QueueFull(QueueFull),
    /// No part of the arena could be leased for it, several times in a row.
    NoLease,
    /// It is not in the archive, or not as its directory says: what must be there before anything
    /// streams.
    Archive(BlockErrorKind),
    /// It has no bytes, or more than the memory may hold or the reads in flight may have: it was not
    /// even tried.
    NeverFits,
    /// A checksum did not match.
    Corrupt,
    /// The bytes are as written but are not what they should be, or the decoder panicked.
    Undecodable,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(kind) => kind.fmt(f),
            Self::QueueFull(full) => full.fmt(f),
            Self::NoLease => write!(f, "no memory could be leased for it"),
            Self::Archive(kind) => write!(f, "{kind}; verify the archive"),
            Self::NeverFits => {
                write!(
                    f,
                    "it is empty or larger than the budget can ever hold; give a larger budget"
                )
            }
            Self::Corrupt => write!(f, "a checksum does not match; verify the archive"),
            Self::Undecodable => {
                write!(f, "the bytes are whole but cannot be decoded; bake the archive again")
            }
        }
    }
}

impl std::error::Error for Failure {}
