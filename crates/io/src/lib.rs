#![doc = include_str!("../README.md")]

mod archive;
mod block;
mod codec;
mod filter;
mod hash;
mod lz4;
mod mmap;
mod profile;
mod queue;
#[cfg(feature = "remote")]
mod remote;

pub use archive::{
    Archive, ArchiveBuilder, ArchiveError, ArchiveWriter, Assembler, BadBlock, BadPadding,
    ByteRange, Change, Compacted, Diff, DirectoryFault, ENTRIES_MAX, EntryFault, Extent,
    FRONT_BYTES, Located, Names, RUN_ALIGN_BYTES, RemoteIndex, Space, Storage, StorageError,
    Summary, SuperblockFault, VERSION, VerifyReport, compact, patch, verify,
};
pub use block::{BLOCK_BYTES, BlockError, BlockErrorKind, Packed, pack};
pub use filter::Filter;
pub use mmap::Map;
pub use profile::Profile;
#[cfg(feature = "remote")]
pub use queue::RemoteQueue;
#[cfg(all(target_os = "linux", feature = "uring"))]
pub use queue::UringQueue;
pub use queue::{
    Arrival, BUFFER_ALIGN_BYTES, Backend, Buffer, BufferPool, CAPACITY_MAX, CLASSES, Chosen,
    Completion, Device, DeviceModel, DeviceRead, FaultPlan, HeapPool, JOINED_BYTES_MAX, MmapQueue,
    OptionsError, PARTS_MAX, POOL_BYTES_MAX, PreadQueue, QueueCounters, QueueFull, QueueOptions,
    READ_THREADS_MAX, READS_MAX, ReadBuffer, ReadError, ReadErrorKind, ReadQueue, ReadRequest,
    ReadToken, STALL_NS, Scheduler, SimQueue, Ticket, UnknownBackend, UnknownDevice, open_queue,
};
#[cfg(feature = "remote")]
pub use remote::{CacheOptions, RemoteCounters, RemoteError, RemoteOptions, open_remote};
