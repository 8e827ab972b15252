use core::error::Error;
use core::fmt;

/// Why [`RangeAllocator::allocate`](crate::RangeAllocator::allocate) gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocError {
    /// No hole can hold the request at this moment.
    OutOfSpace {
        /// Bytes asked for.
        requested: u64,
        /// Alignment asked for, in bytes.
        align: u64,
        /// Bytes of the largest hole.
        largest_free: u64,
        /// Bytes of all holes together.
        total_free: u64,
    },
    /// A block of no bytes was asked for.
    ZeroSize,
    /// The alignment is not a power of two.
    BadAlignment {
        /// Alignment asked for, in bytes.
        align: u64,
    },
    /// More was asked for than the arena holds when it is empty.
    TooLarge {
        /// Bytes asked for.
        requested: u64,
        /// Bytes of the whole arena.
        capacity: u64,
    },
    /// The tables, indexed by `u32`, are full.
    TooManyBlocks {
        /// Blocks that live now.
        blocks: u32,
    },
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OutOfSpace { requested, align, largest_free, total_free } => write!(
                f,
                "no hole holds {requested} bytes aligned to {align} (largest {largest_free}, \
                 free in all {total_free}): free or move blocks first"
            ),
            Self::ZeroSize => f.write_str("a block of 0 bytes: ask for at least 1"),
            Self::BadAlignment { align } => {
                write!(f, "alignment {align} is not a power of two: use 1, 2, 4, …")
            }
            Self::TooLarge { requested, capacity } => write!(
                f,
                "{requested} bytes never fit an arena of {capacity}: split the block or raise \
                 the budget"
            ),
            Self::TooManyBlocks { blocks } => {
                write!(f, "the block table is full at {blocks} blocks: use larger blocks")
            }
        }
    }
}

impl Error for AllocError {}

/// The handle names no block: it was freed, or belongs to another allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleHandle;

impl fmt::Display for StaleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stale handle: its block was freed; drop the handle with the block")
    }
}

impl Error for StaleHandle {}

/// Why a pin was not set or taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinError {
    /// The handle names no block.
    StaleHandle,
    /// The block has no pin to take off.
    NotPinned,
    /// The block already has `u32::MAX` pins.
    TooManyPins,
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleHandle => "cannot pin: the block was freed",
            Self::NotPinned => "cannot unpin: the block has no pin; unpin once for each pin",
            Self::TooManyPins => "cannot pin: 4294967295 pins already; unpin once for each pin",
        })
    }
}

impl Error for PinError {}

/// Why a planned move was not committed or aborted. After each of these the move is over and holds
/// nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveError {
    /// The block was freed after the move was planned; the destination has been released.
    StaleHandle,
    /// The block was pinned after the move was planned; it stays where it is and the destination
    /// has been released.
    Pinned,
    /// The move was committed or aborted before, or is another allocator's.
    UnknownMove,
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleHandle => "move dropped: its block was freed after the plan",
            Self::Pinned => "move dropped: its block was pinned after the plan",
            Self::UnknownMove => "unknown move: commit or abort each planned move once",
        })
    }
}

impl Error for MoveError {}
