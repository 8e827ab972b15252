//! The archive: one file that holds a world.

mod directory;
mod error;
mod format;
mod layout;
mod reader;
mod verify;
mod writer;

pub use error::{ArchiveError, DirectoryFault, EntryFault, SuperblockFault};
pub use format::{ENTRIES_MAX, RUN_ALIGN_BYTES, VERSION};
pub use layout::{ArchiveBuilder, Summary};
pub use reader::{Archive, Extent};
pub use verify::{BadBlock, BadPadding, VerifyReport, verify};
pub use writer::ArchiveWriter;
