#![doc = include_str!("../README.md")]

mod archive;
mod block;
mod codec;
mod filter;
mod hash;
mod mmap;
mod profile;
mod queue;

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
pub use queue::{
    Completion, Device, DeviceModel, FaultPlan, MmapQueue, POOL_BYTES_MAX, PreadOptions,
    PreadQueue, QUEUE_CAPACITY, QueueFull, READ_THREADS_MAX, ReadBuffer, ReadError, ReadErrorKind,
    ReadQueue, ReadRequest, STALL_NS, SimQueue, UnknownDevice,
};
