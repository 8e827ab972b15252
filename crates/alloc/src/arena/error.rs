use super::bytes::Epoch;
use crate::Range;
use core::error::Error;
use core::fmt;

/// Why an [`Arena`](crate::Arena) could not be made, or made larger or smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArenaError {
    /// The system does not give that much memory in one piece.
    OutOfMemory {
        /// Bytes asked for.
        requested: usize,
    },
    /// An arena grows only into the address space that it was made with.
    BeyondReserve {
        /// Bytes asked for.
        requested: usize,
        /// The most bytes that it can have.
        reserve: usize,
    },
    /// Something of what is to go is leased, published or held by a snapshot.
    InUse {
        /// What is to go.
        range: Range,
    },
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory { requested } => {
                write!(f, "no memory for an arena of {requested} bytes: lower the budget")
            }
            Self::BeyondReserve { requested, reserve } => write!(
                f,
                "an arena with a reserve of {reserve} bytes cannot have {requested}: make it with \
                 a larger reserve"
            ),
            Self::InUse { range } => write!(
                f,
                "cannot cut off {range}: some of it is leased, published or held by a snapshot; \
                 move and retire that first"
            ),
        }
    }
}

impl Error for ArenaError {}

/// Why [`Arena::lease`](crate::Arena::lease) gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseError {
    /// The range is empty or reaches past the end.
    OutOfBounds {
        /// The range asked for.
        range: Range,
        /// Bytes of the arena.
        capacity: u64,
    },
    /// A live lease may write some of these bytes.
    Leased {
        /// The range asked for.
        range: Range,
        /// The range of the other lease.
        other: Range,
    },
    /// Some of these bytes are published: retire them first.
    Published {
        /// The range asked for.
        range: Range,
    },
    /// A snapshot that is still held may read some of these bytes, although they are retired.
    StillRead {
        /// The range asked for.
        range: Range,
        /// The snapshot's epoch: wait until [`Arena::oldest_reader`](crate::Arena::oldest_reader)
        /// is later.
        epoch: Epoch,
    },
    /// As many leases as there may be, [`LEASES_MAX`](crate::LEASES_MAX), are live.
    TooManyLeases {
        /// Live leases.
        leases: usize,
    },
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { range, capacity } => {
                write!(f, "cannot lease {range}: empty or past the arena's {capacity} bytes")
            }
            Self::Leased { range, other } => {
                write!(f, "cannot lease {range}: {other} is leased; publish or drop that first")
            }
            Self::Published { range } => {
                write!(f, "cannot lease {range}: some of it is published; retire it first")
            }
            Self::StillRead { range, epoch } => write!(
                f,
                "cannot lease {range}: a snapshot of {epoch} may read it; wait until it is dropped"
            ),
            Self::TooManyLeases { leases } => {
                write!(f, "{leases} leases are live: publish or drop some first")
            }
        }
    }
}

impl Error for LeaseError {}

/// The lease is of another arena; it has been dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignLease {
    /// The lease's range.
    pub range: Range,
}

impl fmt::Display for ForeignLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the lease of {} is another arena's: publish it there", self.range)
    }
}

impl Error for ForeignLease {}

/// Why [`Arena::copy`](crate::Arena::copy) copied nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyError {
    /// Some bytes of the source are not published.
    NotPublished {
        /// The source.
        from: Range,
    },
    /// Source and destination differ in size.
    SizeMismatch {
        /// The source.
        from: Range,
        /// The destination.
        to: Range,
    },
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPublished { from } => {
                write!(f, "cannot copy {from}: not all of it is published")
            }
            Self::SizeMismatch { from, to } => write!(
                f,
                "cannot copy {from} to {to}: {} bytes are not {}; lease the same size",
                from.size, to.size
            ),
        }
    }
}

impl Error for CopyError {}
