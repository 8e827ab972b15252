#![doc = include_str!("../README.md")]

mod archive;
mod block;
mod filter;
mod hash;
mod mmap;
mod queue;

pub use archive::{
    Archive, ArchiveBuilder, ArchiveError, ArchiveWriter, BadBlock, BadPadding, DirectoryFault,
    ENTRIES_MAX, EntryFault, Extent, RUN_ALIGN_BYTES, Summary, SuperblockFault, VERSION,
    VerifyReport, verify,
};
pub use block::{BLOCK_BYTES, BlockError, BlockErrorKind, Packed, pack};
pub use filter::Filter;
pub use mmap::Map;
pub use queue::{
    Completion, Device, DeviceModel, FaultPlan, MmapQueue, POOL_BYTES_MAX, PreadOptions,
    PreadQueue, QUEUE_CAPACITY, QueueFull, READ_THREADS_MAX, ReadBuffer, ReadError, ReadErrorKind,
    ReadQueue, ReadRequest, STALL_NS, SimQueue, UnknownDevice,
};
