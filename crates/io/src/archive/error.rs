//! What can be wrong with an archive, in one line each.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::format::{DATA_MIN, ENTRIES_MAX, SECTIONS_MAX, VERSION};
use crate::block::BlockError;

/// Why an archive could not be opened, read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is no such file.
    Missing {
        /// The path asked for.
        path: PathBuf,
    },
    /// A folder, a pipe or a device instead of a file.
    NotAFile {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file of no bytes.
    Empty {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file that cannot hold the two superblocks.
    TooShort {
        /// The path asked for.
        path: PathBuf,
        /// Bytes in the file.
        file_bytes: u64,
    },
    /// A file of another kind.
    NotAnArchive {
        /// The path asked for.
        path: PathBuf,
    },
    /// An archive whose writer never finished.
    Unfinished {
        /// The path asked for.
        path: PathBuf,
    },
    /// An archive of a version that this crate cannot read.
    Version {
        /// The path asked for.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Neither superblock can be used.
    Superblocks {
        /// The path asked for.
        path: PathBuf,
        /// What is wrong with each.
        faults: [SuperblockFault; 2],
    },
    /// The file ends before the archive does.
    Truncated {
        /// The path asked for.
        path: PathBuf,
        /// Bytes in the file.
        file_bytes: u64,
        /// Bytes that its superblock names.
        expected_bytes: u64,
    },
    /// The directory does not hold together.
    Directory {
        /// The path asked for.
        path: PathBuf,
        /// What is wrong with it.
        fault: DirectoryFault,
    },
    /// One superblock is damaged: appending could lose what it named.
    DamagedSuperblock {
        /// The path asked for.
        path: PathBuf,
        /// Where it is.
        offset: u64,
        /// What is wrong with it.
        fault: SuperblockFault,
    },
    /// The names of the entries do not hold together.
    BadNames {
        /// The archive.
        path: PathBuf,
    },
    /// The archive has no section of that name.
    MissingSection {
        /// The archive.
        path: PathBuf,
        /// The name asked for.
        name: [u8; 8],
    },
    /// A section that could not be decoded; `error.entry` is its index.
    BadSection {
        /// The archive.
        path: PathBuf,
        /// The name asked for.
        name: [u8; 8],
        /// The block and what is wrong with it.
        error: BlockError,
    },
    /// An entry that could not be decoded.
    BadEntry {
        /// The archive.
        path: PathBuf,
        /// The entry, the block and what is wrong with it.
        error: BlockError,
    },
    /// An entry was added twice.
    DuplicateEntry {
        /// Its id.
        id: u32,
    },
    /// A section was added twice.
    DuplicateSection {
        /// Its name.
        name: [u8; 8],
    },
    /// A section called as one that the format keeps for itself.
    ReservedSection {
        /// Its name.
        name: [u8; 8],
    },
    /// An entry to be taken away that is not there.
    NoEntry {
        /// Its id.
        id: u32,
    },
    /// A section to be taken away that is not there.
    NoSection {
        /// Its name.
        name: [u8; 8],
    },
    /// An id at or past [`ENTRIES_MAX`].
    EntryId {
        /// The id.
        id: u32,
    },
    /// More sections than the format allows: 1024, of which the names of entries take one.
    TooManySections,
    /// An entry or a section of 4 GiB or more.
    TooLarge {
        /// Bytes before compression.
        logical_bytes: u64,
    },
    /// Another writer is at work on the same file.
    InUse {
        /// The file being written.
        path: PathBuf,
    },
    /// An earlier write failed, so the archive cannot be finished.
    Abandoned {
        /// The file being written.
        path: PathBuf,
    },
    /// The system refused.
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// What is wrong with a superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuperblockFault {
    /// All zero: never written.
    Unwritten,
    /// It does not start with the magic bytes.
    Magic,
    /// Its bytes are not those that were written.
    Checksum {
        /// The checksum it carries.
        expected: u32,
        /// The checksum of its bytes.
        found: u32,
    },
    /// Another version of the format.
    Version {
        /// That version.
        found: u32,
    },
    /// Another block size than 64 KiB.
    BlockBytes {
        /// That size.
        found: u32,
    },
    /// Its generation belongs into the other superblock, or is so large that none could follow.
    Generation {
        /// The generation.
        found: u64,
    },
    /// Slots for the directory that do not begin and end on pages, or reach beyond the file.
    Slots {
        /// Bytes in a slot of the root.
        root_bytes: u32,
        /// Bytes in a slot of the leaves.
        leaf_bytes: u32,
    },
    /// The rest of its 4096 bytes is not zero.
    Padding,
    /// Whole by itself, but the directory that it names is not.
    Content,
}

/// What is wrong with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectoryFault {
    /// The root lies outside the file.
    RootExtent {
        /// Where it should start.
        offset: u64,
        /// Its length.
        bytes: u64,
    },
    /// The root's bytes are not those that were written.
    RootChecksum {
        /// The checksum in the superblock.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// The root's counts do not add up to its length, or it is longer than any can be.
    RootLength {
        /// Bytes that its counts need, or the most there can be.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// More than the format allows, or leaves that do not match the entries.
    Counts {
        /// Entry slots.
        entries: u32,
        /// Sections.
        sections: u32,
        /// Leaves.
        leaves: u32,
        /// Dead extents.
        dead: u32,
    },
    /// The leaves lie outside the file.
    LeavesExtent {
        /// Where they should start.
        offset: u64,
        /// Their length, with the records of dead extents behind them.
        bytes: u64,
    },
    /// A leaf's bytes are not those that were written.
    LeafChecksum {
        /// Index of the leaf.
        leaf: u32,
        /// The checksum in the root.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// The bytes of the records of dead extents are not those that were written.
    DeadChecksum {
        /// The checksum in the root.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// The record of a dead extent is impossible.
    Dead {
        /// Index of the record.
        index: u32,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The record of an entry is impossible.
    Entry {
        /// Id of the entry.
        id: u32,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The record of a section is impossible.
    Section {
        /// Index of the section.
        index: u32,
        /// What is wrong with it.
        fault: EntryFault,
    },
}

/// What is wrong with the record of an entry or a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryFault {
    /// Reserved bytes are not zero.
    Record,
    /// An unknown filter.
    Filter {
        /// Its identifier.
        id: u8,
    },
    /// It lies outside the file.
    Extent {
        /// Where it should start.
        offset: u64,
        /// Its length.
        stored_bytes: u32,
    },
    /// So many bytes cannot be stored in so few, or so few in so many.
    Length {
        /// Stored bytes.
        stored_bytes: u32,
        /// Logical bytes.
        logical_bytes: u32,
    },
    /// A section that is absent, or named like another.
    Section,
}

impl ArchiveError {
    /// The same of another path: errors that arise where the path is not known get it here.
    pub(crate) fn at(mut self, new: &std::path::Path) -> Self {
        match &mut self {
            Self::Missing { path }
            | Self::NotAFile { path }
            | Self::Empty { path }
            | Self::TooShort { path, .. }
            | Self::NotAnArchive { path }
            | Self::Unfinished { path }
            | Self::Version { path, .. }
            | Self::Superblocks { path, .. }
            | Self::Truncated { path, .. }
            | Self::Directory { path, .. }
            | Self::DamagedSuperblock { path, .. }
            | Self::BadNames { path }
            | Self::MissingSection { path, .. }
            | Self::BadSection { path, .. }
            | Self::BadEntry { path, .. }
            | Self::InUse { path }
            | Self::Abandoned { path }
            | Self::Io { path, .. } => *path = new.to_path_buf(),
            Self::DuplicateEntry { .. }
            | Self::DuplicateSection { .. }
            | Self::ReservedSection { .. }
            | Self::NoEntry { .. }
            | Self::NoSection { .. }
            | Self::EntryId { .. }
            | Self::TooManySections
            | Self::TooLarge { .. } => {}
        }
        self
    }
}

/// A section's name for a message.
struct Name<'a>(&'a [u8; 8]);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        write!(f, "'{}'", self.0[..len].escape_ascii())
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => {
                write!(f, "{}: no such file; check the path, or bake a world there", path.display())
            }
            Self::NotAFile { path } => {
                write!(f, "{}: not a regular file; give the path of a .far file", path.display())
            }
            Self::Empty { path } => {
                write!(f, "{}: the file is empty; bake or copy the archive again", path.display())
            }
            Self::TooShort { path, file_bytes } => write!(
                f,
                "{}: {file_bytes} bytes are too few for an archive (at least {DATA_MIN}); bake or copy it again",
                path.display()
            ),
            Self::NotAnArchive { path } => {
                write!(f, "{}: not a farplane archive; give a .far file", path.display())
            }
            Self::Unfinished { path } => write!(
                f,
                "{}: unfinished: its bake was interrupted; delete it and bake again",
                path.display()
            ),
            Self::Version { path, found } => write!(
                f,
                "{}: archive version {found}, but this program reads version {VERSION}; bake it again, or use another release",
                path.display()
            ),
            Self::Superblocks { path, faults: [first, second] } => write!(
                f,
                "{}: both superblocks are damaged (at 0: {first}; at 4096: {second}); bake or copy it again",
                path.display()
            ),
            Self::Truncated { path, file_bytes, expected_bytes } => write!(
                f,
                "{}: truncated: {file_bytes} of {expected_bytes} bytes; bake or copy it again",
                path.display()
            ),
            Self::Directory { path, fault } => write!(
                f,
                "{}: the directory is damaged: {fault}; bake or copy it again",
                path.display()
            ),
            Self::DamagedSuperblock { path, offset, fault } => write!(
                f,
                "{}: the superblock at {offset} is damaged ({fault}): appending could lose what it named; compact or copy the archive first",
                path.display()
            ),
            Self::BadNames { path } => write!(
                f,
                "{}: the names of its entries are damaged; bake or copy it again",
                path.display()
            ),
            Self::MissingSection { path, name } => write!(
                f,
                "{}: no section {}; the archive was made for something else",
                path.display(),
                Name(name)
            ),
            Self::BadSection { path, name, error } => write!(
                f,
                "{}: section {}, block {}: {}; bake or copy it again",
                path.display(),
                Name(name),
                error.block,
                error.kind
            ),
            Self::BadEntry { path, error } => {
                write!(f, "{}: {error}; bake or copy it again", path.display())
            }
            Self::DuplicateEntry { id } => write!(f, "entry {id} was added twice"),
            Self::DuplicateSection { name } => {
                write!(f, "section {} was added twice", Name(name))
            }
            Self::ReservedSection { name } => {
                write!(f, "a section cannot be called {}; give it another name", Name(name))
            }
            Self::NoEntry { id } => write!(f, "there is no entry {id} to take away"),
            Self::NoSection { name } => {
                write!(f, "there is no section {} to take away", Name(name))
            }
            Self::EntryId { id } => write!(f, "entry id {id} is not below {ENTRIES_MAX}"),
            Self::TooManySections => {
                write!(f, "more than {SECTIONS_MAX} sections, that of the names included")
            }
            Self::TooLarge { logical_bytes } => {
                write!(f, "{logical_bytes} bytes in one entry; split it into pieces below 4 GiB")
            }
            Self::InUse { path } => write!(
                f,
                "{}: being written by another process; wait for it or choose another path",
                path.display()
            ),
            Self::Abandoned { path } => write!(
                f,
                "{}: not finished, because an earlier write failed; start again",
                path.display()
            ),
            Self::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::BadSection { error, .. } | Self::BadEntry { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for SuperblockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritten => write!(f, "never written"),
            Self::Magic => write!(f, "wrong magic bytes"),
            Self::Checksum { expected, found } => {
                write!(f, "checksum {found:08x} instead of {expected:08x}")
            }
            Self::Version { found } => write!(f, "version {found}"),
            Self::BlockBytes { found } => write!(f, "blocks of {found} bytes"),
            Self::Generation { found } => write!(f, "generation {found} in the wrong place"),
            Self::Slots { root_bytes, leaf_bytes } => {
                write!(f, "slots of {root_bytes} and {leaf_bytes} bytes")
            }
            Self::Padding => write!(f, "padding that is not zero"),
            Self::Content => write!(f, "its directory is damaged"),
        }
    }
}

impl fmt::Display for DirectoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootExtent { offset, bytes } => {
                write!(f, "{bytes} bytes at {offset} are not in the file")
            }
            Self::RootChecksum { expected, found } => {
                write!(f, "root checksum {found:08x} instead of {expected:08x}")
            }
            Self::RootLength { expected, found } => {
                write!(f, "root of {found} bytes instead of {expected}")
            }
            Self::Counts { entries, sections, leaves, dead } => write!(
                f,
                "{entries} entries in {leaves} leaves, {sections} sections and {dead} dead extents"
            ),
            Self::LeavesExtent { offset, bytes } => {
                write!(f, "{bytes} bytes of leaves at {offset} are not in the file")
            }
            Self::LeafChecksum { leaf, expected, found } => {
                write!(f, "leaf {leaf} checksum {found:08x} instead of {expected:08x}")
            }
            Self::DeadChecksum { expected, found } => {
                write!(f, "dead records' checksum {found:08x} instead of {expected:08x}")
            }
            Self::Dead { index, fault } => write!(f, "dead record {index}: {fault}"),
            Self::Entry { id, fault } => write!(f, "entry {id}: {fault}"),
            Self::Section { index, fault } => write!(f, "section {index}: {fault}"),
        }
    }
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => write!(f, "not a valid record"),
            Self::Filter { id } => write!(f, "unknown filter {id}"),
            Self::Extent { offset, stored_bytes } => {
                write!(f, "{stored_bytes} bytes at {offset} are not in the file")
            }
            Self::Length { stored_bytes, logical_bytes } => {
                write!(f, "{logical_bytes} bytes in {stored_bytes}")
            }
            Self::Section => write!(f, "absent, or named like another"),
        }
    }
}
