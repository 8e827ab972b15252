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
#[cfg(all(target_os = "linux", feature = "uring"))]
pub use queue::UringQueue;
pub use queue::{
    Arrival, BUFFER_ALIGN_BYTES, Backend, Buffer, BufferPool, CAPACITY_MAX, CLASSES, Chosen,
    Completion, Device, DeviceModel, DeviceRead, FaultPlan, HeapPool, JOINED_BYTES_MAX, MmapQueue,
    OptionsError, PARTS_MAX, POOL_BYTES_MAX, PreadQueue, QueueCounters, QueueFull, QueueOptions,
    READ_THREADS_MAX, READS_MAX, ReadBuffer, ReadError, ReadErrorKind, ReadQueue, ReadRequest,
    ReadToken, STALL_NS, Scheduler, SimQueue, Ticket, UnknownBackend, UnknownDevice, open_queue,
};
