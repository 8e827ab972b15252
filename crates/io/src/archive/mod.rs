//! The archive: one file that holds a world.

mod assembler;
mod builder;
mod compact;
mod contents;
mod diff;
mod directory;
mod error;
mod format;
mod ledger;
mod names;
mod reader;
mod remote;
mod space;
mod storage;
mod verify;
mod writer;

pub use assembler::{Assembler, StorageError};
pub use builder::ArchiveBuilder;
pub use compact::{Compacted, compact};
pub use diff::{Change, Diff, patch};
pub use error::{ArchiveError, DirectoryFault, EntryFault, SuperblockFault};
pub(crate) use format::EntryRecord;
pub use format::{ENTRIES_MAX, FRONT_BYTES, RUN_ALIGN_BYTES, VERSION};
pub use ledger::Summary;
pub use names::Names;
pub use reader::{Archive, Extent};
pub use remote::{ByteRange, Located, RemoteIndex};
pub use space::Space;
pub use storage::Storage;
pub use verify::{BadBlock, BadPadding, VerifyReport, verify};
pub use writer::ArchiveWriter;
