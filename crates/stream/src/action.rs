use crate::UnitId;
use farplane_alloc::{Move, Range};

/// What happened outside since the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The unit that was being loaded.
    pub unit: UnitId,
    /// How that ended.
    pub outcome: Outcome,
}

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Decoded into its memory.
    Decoded,
    /// Dropped because the core cancelled it.
    Cancelled,
    /// The read failed: tried again a few times.
    ReadFailed,
    /// A checksum did not match.
    Corrupt,
    /// The bytes are as written but are not what they should be, or the decoder panicked.
    Undecodable,
}

/// One read of one or more neighbouring units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Where in the archive.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u32,
    /// Class of its most urgent unit.
    pub class: u8,
    /// First of its parts in [`Actions::parts`].
    pub parts_begin: u32,
    /// How many parts.
    pub parts_count: u32,
}

/// A unit in a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The unit.
    pub unit: UnitId,
    /// Where its stored bytes begin in the archive.
    pub offset: u64,
    /// Stored bytes.
    pub stored_bytes: u32,
    /// Arena range that the decoded bytes go to.
    pub to: Range,
}

/// A unit and its place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The unit.
    pub unit: UnitId,
    /// Its bytes.
    pub range: Range,
    /// Its slot, where it lives in the page pool.
    pub slot: Option<u32>,
}

/// A block that is to be copied.
#[derive(Clone, Copy, Debug)]
pub struct Relocation {
    /// The unit.
    pub unit: UnitId,
    /// From where to where.
    pub block: Move,
}

/// What the core wants done, in this order: evict, relocate, cancel, read. Commits are already in
/// force.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    /// No longer usable from now on.
    pub evicted: Vec<Placed>,
    /// Usable from now on.
    pub committed: Vec<Placed>,
    /// To be copied and confirmed with [`crate::Core::relocated`].
    pub relocations: Vec<Relocation>,
    /// Wanted, and given up at once: what can never fit, whatever else is evicted.
    pub unfit: Vec<UnitId>,
    /// Loads to drop.
    pub cancels: Vec<UnitId>,
    /// Reads to issue.
    pub reads: Vec<Read>,
    /// Units of the reads.
    pub parts: Vec<Part>,
}

impl Actions {
    pub(crate) fn clear(&mut self) {
        self.evicted.clear();
        self.committed.clear();
        self.relocations.clear();
        self.unfit.clear();
        self.cancels.clear();
        self.reads.clear();
        self.parts.clear();
    }
}

/// Counted since the core was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reads issued.
    pub reads: u64,
    /// Bytes of them.
    pub read_bytes: u64,
    /// Units that shared a read with another.
    pub coalesced: u64,
    /// Loads cancelled.
    pub cancelled: u64,
    /// Loads tried again.
    pub retried: u64,
    /// Units given up.
    pub failed: u64,
    /// Of them, for a checksum.
    pub checksum_failures: u64,
    /// Units committed.
    pub loaded_units: u64,
    /// Bytes committed.
    pub loaded_bytes: u64,
    /// Units evicted.
    pub evicted_units: u64,
    /// Bytes evicted.
    pub evicted_bytes: u64,
    /// Bytes moved by defragmentation.
    pub moved_bytes: u64,
    /// Allocations that failed although the heap's total free bytes sufficed.
    pub refused: u64,
}
