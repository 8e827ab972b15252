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

/// Why no room was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomError {
    /// The request makes no sense, or the tables are full.
    Request(AllocError),
    /// Every window has something in it that is pinned or under way, or that is neither offered
    /// for eviction nor can be moved within the limits.
    NoWindow {
        /// Bytes asked for.
        requested: u64,
        /// Alignment asked for, in bytes.
        align: u64,
        /// Bytes of all holes together.
        total_free: u64,
        /// Bytes that the plan might have moved.
        bytes_max: u64,
        /// Pinned blocks.
        pinned: u32,
    },
    /// As many rooms as there may be, [`ROOMS_MAX`](crate::ROOMS_MAX), are planned.
    TooManyRooms {
        /// Rooms that are planned.
        rooms: usize,
    },
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Request(error) => error.fmt(f),
            Self::NoWindow { requested, align, total_free, bytes_max, pinned } => write!(
                f,
                "no window for {requested} bytes aligned to {align} can be emptied by moving \
                 {bytes_max} bytes (free in all {total_free}, {pinned} blocks pinned): offer \
                 blocks for eviction, allow more moves or unpin"
            ),
            Self::TooManyRooms { rooms } => {
                write!(f, "{rooms} rooms are planned: claim or abandon some first")
            }
        }
    }
}

impl Error for RoomError {}

/// Why a room was not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// The window still holds something; the room is as it was.
    NotEmpty {
        /// Bytes that are held, rounded up to the granule.
        bytes: u64,
        /// Blocks that are neither moved nor freed.
        blocks: u32,
        /// Ranges that moved blocks have left and that are not freed.
        vacated: u32,
    },
    /// The room was claimed or abandoned before.
    UnknownRoom,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty { bytes, blocks, vacated } => write!(
                f,
                "the room is not empty: {bytes} bytes in {blocks} blocks and {vacated} vacated \
                 ranges; commit the moves and free these first, or abandon the room"
            ),
            Self::UnknownRoom => UnknownRoom.fmt(f),
        }
    }
}

impl Error for ClaimError {}

/// The room was claimed or abandoned before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRoom;

impl fmt::Display for UnknownRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown room: claim or abandon each planned room once")
    }
}

impl Error for UnknownRoom {}

/// Why the arena was not made smaller or larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeError {
    /// A shrink has begun: finish or abandon it first.
    Shrinking {
        /// The capacity that it makes for, in bytes.
        capacity: u64,
    },
    /// No shrink has begun.
    NotShrinking,
    /// A shrink must make smaller and growth larger, by a granule at least.
    WrongWay {
        /// Bytes asked for.
        requested: u64,
        /// Bytes of the arena.
        capacity: u64,
    },
    /// More than the granule can count, or the tables hold.
    TooLarge {
        /// Bytes asked for.
        requested: u64,
        /// The largest capacity with this granule, in bytes.
        capacity_max: u64,
    },
    /// Rooms are planned, and a part of one lies in what is to go, or no number is left.
    Rooms {
        /// Rooms that are planned.
        rooms: usize,
    },
    /// Something still lies in what is to go.
    NotEmpty {
        /// Bytes that are held, rounded up to the granule.
        bytes: u64,
        /// Blocks that are neither moved nor freed.
        blocks: u32,
        /// Ranges that moved blocks have left and that are not freed.
        vacated: u32,
    },
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shrinking { capacity } => {
                write!(f, "a shrink to {capacity} bytes has begun: finish or abandon it first")
            }
            Self::NotShrinking => f.write_str("no shrink has begun: begin one first"),
            Self::WrongWay { requested, capacity } => {
                write!(f, "{requested} bytes is the wrong way from {capacity}: shrink or grow")
            }
            Self::TooLarge { requested, capacity_max } => write!(
                f,
                "{requested} bytes are more than {capacity_max}, the most with this granule: \
                 use a larger granule"
            ),
            Self::Rooms { rooms } => {
                write!(f, "{rooms} rooms are planned: claim or abandon them first")
            }
            Self::NotEmpty { bytes, blocks, vacated } => write!(
                f,
                "{bytes} bytes in {blocks} blocks and {vacated} vacated ranges lie above the new \
                 end: move or free them first, or abandon the shrink"
            ),
        }
    }
}

impl Error for ResizeError {}
