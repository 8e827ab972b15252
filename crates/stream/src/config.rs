use std::fmt;

/// Limits of the streaming core. Every queue has one here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Bytes of the arena: page pool and heap together. Fixed for the life of the core. Smaller
    /// loads again and again, larger only costs memory.
    pub arena_bytes: u64,
    /// Slots of the page pool, one pinned block of the arena. The rest of the arena is the heap.
    pub slots: u32,
    /// Bytes of a slot.
    pub slot_bytes: u64,
    /// Stored bytes that may be in flight: reserved before a read is issued and released when its
    /// last unit is decoded. A sixteenth of the budget. A unit larger than this never loads.
    pub in_flight_bytes_max: u64,
    /// Reads in flight, 1 to 64. Past the knee of the device more only delays the urgent ones.
    pub reads_max: u32,
    /// Reads that Prefetch and Low may hold of them, so that urgent ones never wait for a slot.
    pub prefetch_reads_max: u32,
    /// Largest read that neighbours are joined into.
    pub coalesced_bytes_max: u32,
    /// Unwanted bytes that a joined read may skip over between two units.
    pub coalesced_gap_bytes_max: u32,
    /// Bytes made resident in one frame. At least one unit is committed whatever its size.
    pub commit_bytes_max: u64,
    /// Bytes moved in one frame, to make room for a want or against fragmentation. A larger unit
    /// never moves; with 0 nothing does, and room is made by evicting alone.
    pub move_bytes_max: u64,
    /// Fragmentation of the heap above which blocks are moved ahead of need, 0 to 1.
    pub move_above_fragmentation: f64,
    /// Share of the heap that is kept free by evicting ahead, 0 to 0.5, so that an urgent want finds
    /// room at once.
    pub heap_free_share: f64,
    /// Frames for which a load goes on after its unit was last wanted, before it is cancelled.
    pub cancel_after_frames: u32,
}

impl Config {
    /// Default limits for an arena of so many bytes.
    #[must_use]
    pub fn new(arena_bytes: u64, slots: u32, slot_bytes: u64, in_flight_bytes_max: u64) -> Self {
        Self {
            arena_bytes,
            slots,
            slot_bytes,
            in_flight_bytes_max,
            reads_max: 32,
            prefetch_reads_max: 16,
            coalesced_bytes_max: 4 << 20,
            coalesced_gap_bytes_max: 16 << 10,
            commit_bytes_max: 8 << 20,
            move_bytes_max: 4 << 20,
            move_above_fragmentation: 0.2,
            heap_free_share: 0.03125,
            cancel_after_frames: 8,
        }
    }

    /// Bytes of the page pool.
    #[must_use]
    pub fn pool_bytes(&self) -> u64 {
        u64::from(self.slots).saturating_mul(self.slot_bytes)
    }
}

/// Why a core cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The page pool alone is larger than the arena.
    PoolTooLarge {
        /// Bytes of the pool.
        pool_bytes: u64,
        /// Bytes of the arena.
        arena_bytes: u64,
    },
    /// What is pinned does not fit.
    PinnedTooLarge {
        /// Bytes needed, with the slots.
        needed_bytes: u64,
        /// Bytes of the arena.
        arena_bytes: u64,
    },
    /// A limit is zero or out of range.
    Limit {
        /// Name of the field.
        field: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoolTooLarge { pool_bytes, arena_bytes } => write!(
                f,
                "the page pool takes {pool_bytes} bytes, the arena has {arena_bytes}: \
                 give fewer slots or a larger arena"
            ),
            Self::PinnedTooLarge { needed_bytes, arena_bytes } => write!(
                f,
                "what is always resident takes {needed_bytes} bytes, the arena has {arena_bytes}: \
                 give a larger budget"
            ),
            Self::Limit { field } => write!(f, "{field} is out of range: see its documentation"),
        }
    }
}

impl std::error::Error for ConfigError {}
