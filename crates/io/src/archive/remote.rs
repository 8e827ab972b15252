//! Opening an archive that lies elsewhere, by asking for ranges of it.

use std::path::PathBuf;

use super::directory::{Directory, Root, root_range};
use super::error::{ArchiveError, DirectoryFault, SuperblockFault};
use super::format::{
    DATA_MIN, EntryRecord, FRONT_BYTES, LEAF_ENTRIES, SUPERBLOCK_BYTES, Superblock,
};
use super::reader::{Archive, Extent, check_length, refuse_hopeless};

/// A range of bytes to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub offset: u64,
    /// How many; a range that goes past the end of the file is answered with what there is.
    pub bytes: u64,
}

/// What is known of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// It lies there.
    At(Extent),
    /// There is no such entry.
    Absent,
    /// The part of the directory that knows has to be read first.
    Unknown(ByteRange),
}

/// The index of an archive that lies elsewhere. It reads nothing itself: ask [`wants`](Self::wants)
/// what to read, hand that to [`supply`](Self::supply), until it wants nothing more.
///
/// The first range is the front of the file, [`FRONT_BYTES`]. Where it holds all of the
/// directory, as it does up to 1 MiB unless appends outgrew the space reserved for it, every entry is
/// one more request away; else another request, for its leaf or for all of the directory, comes
/// between. Of the file's length nothing is assumed.
///
/// ```
/// use farplane_io::{ArchiveBuilder, Filter, Located, RemoteIndex, pack};
///
/// let mut builder = ArchiveBuilder::new();
/// builder.add(0, &pack(b"far away", Filter::None))?;
/// let (file, _) = builder.finish();
///
/// let mut index = RemoteIndex::new();
/// while let Some(range) = index.wants() {
///     let start = range.offset as usize;
///     let end = file.len().min(start + range.bytes as usize);
///     index.supply(range.offset, &file[start..end])?;
/// }
/// let Located::At(extent) = index.locate(0) else { panic!("in the front") };
/// let stored = &file[extent.offset as usize..][..extent.stored_bytes as usize];
/// let archive = index.into_archive("https://example.org/world.far".into()).unwrap();
/// let mut out = vec![0; extent.logical_bytes as usize];
/// archive.decode(0, stored, &mut out, &mut Vec::new())?;
/// assert_eq!(out, b"far away");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct RemoteIndex {
    /// Newest first, tried one after the other.
    superblocks: Vec<Superblock>,
    has_front: bool,
    root: Option<Root>,
    leaves: Vec<Option<Vec<Option<EntryRecord>>>>,
}

impl RemoteIndex {
    /// Of an archive of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// What to read next before any entry can be located; `None` when there is nothing.
    pub fn wants(&self) -> Option<ByteRange> {
        if !self.has_front {
            return Some(ByteRange { offset: 0, bytes: FRONT_BYTES });
        }
        let superblock = self.superblocks.first()?;
        if self.root.is_some() {
            return None;
        }
        let (offset, bytes) = root_range(superblock).ok()?;
        // The leaves of a directory at the end lie right before their root: a small one comes with
        // it.
        let before = FRONT_BYTES.min(offset - DATA_MIN.min(offset));
        Some(ByteRange { offset: offset - before, bytes: bytes as u64 + before })
    }

    /// Takes bytes of the archive: those of a range that was asked for, or more.
    ///
    /// # Errors
    /// Those of [`Archive::open`], with `<remote>` for the path. A directory that is damaged is
    /// made up for by the older one, as long as that is whole: then this succeeds, and
    /// [`wants`](Self::wants) asks on.
    pub fn supply(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ArchiveError> {
        let asked = self.wants().filter(|range| self.has_front && range.offset == offset);
        if !self.has_front && offset == 0 {
            self.take_superblocks(bytes)?;
            self.has_front = true;
        }
        while self.root.is_none() {
            let Some(&superblock) = self.superblocks.first() else { break };
            let (root_offset, root_bytes) = match root_range(&superblock) {
                Ok(range) => range,
                Err(fault) => {
                    self.pass_over(fault)?;
                    continue;
                }
            };
            let Some(root) = part(offset, bytes, root_offset, root_bytes) else { break };
            match Root::decode(root, &superblock) {
                Ok(root) => {
                    self.leaves = vec![None; root.leaf_crcs.len()];
                    self.root = Some(root);
                }
                Err(fault) => self.pass_over(fault)?,
            }
        }
        let Some(root) = &self.root else {
            // What was asked for has come, and the root was not in it: the file ends before.
            return match asked {
                Some(ByteRange { offset, bytes }) => {
                    self.pass_over(DirectoryFault::RootExtent { offset, bytes })
                }
                None => Ok(()),
            };
        };
        for (leaf, entries) in self.leaves.iter_mut().enumerate().filter(|(_, e)| e.is_none()) {
            let (leaf_offset, leaf_bytes) = root.leaf_range(leaf);
            let Some(bytes) = part(offset, bytes, leaf_offset, leaf_bytes) else {
                if leaf_offset == offset {
                    let bytes = leaf_bytes as u64;
                    return Err(damaged(DirectoryFault::LeavesExtent { offset, bytes }));
                }
                continue;
            };
            let mut decoded = Vec::with_capacity(LEAF_ENTRIES);
            root.decode_leaf(leaf, bytes, &mut decoded).map_err(damaged)?;
            *entries = Some(decoded);
        }
        Ok(())
    }

    /// Where entry `id` lies, as far as is known.
    pub fn locate(&self, id: u32) -> Located {
        let Some(root) = &self.root else {
            return Located::Unknown(self.wants().unwrap_or(ByteRange { offset: 0, bytes: 0 }));
        };
        let (leaf, index) = (id as usize / LEAF_ENTRIES, id as usize % LEAF_ENTRIES);
        match self.leaves.get(leaf) {
            None => Located::Absent,
            Some(Some(entries)) => match entries.get(index) {
                Some(Some(record)) => Located::At(Extent::of(record)),
                _ => Located::Absent,
            },
            Some(None) => {
                let (offset, bytes) = root.leaf_range(leaf);
                Located::Unknown(ByteRange { offset, bytes: bytes as u64 })
            }
        }
    }

    /// The one range that completes the directory, for those who want all of it; `None` when it is
    /// complete, or its root is not known yet.
    pub fn rest(&self) -> Option<ByteRange> {
        let root = self.root.as_ref()?;
        let first = self.leaves.iter().position(Option::is_none)?;
        let last = self.leaves.iter().rposition(Option::is_none)?;
        let (offset, _) = root.leaf_range(first);
        let (end, bytes) = root.leaf_range(last);
        Some(ByteRange { offset, bytes: end + bytes as u64 - offset })
    }

    /// Where a section lies; `None` when there is none, or the root is not known yet.
    pub fn section_extent(&self, name: [u8; 8]) -> Option<Extent> {
        let mut sections = self.root.as_ref()?.sections.iter();
        sections.find(|(other, _)| *other == name).map(|(_, record)| Extent::of(record))
    }

    /// Bytes that the whole archive has; `None` until the front is known.
    pub fn file_bytes(&self) -> Option<u64> {
        self.superblocks.first().map(|superblock| superblock.file_bytes)
    }

    /// The archive, to decode with, once the directory is complete; else the index again.
    ///
    /// # Errors
    /// The index, when parts of the directory are not known: see [`rest`](Self::rest).
    pub fn into_archive(mut self, path: PathBuf) -> Result<Archive, Box<Self>> {
        if self.rest().is_some() {
            return Err(Box::new(self));
        }
        let Some(root) = self.root.take() else { return Err(Box::new(self)) };
        let entries = self.leaves.into_iter().flatten().flatten().collect();
        Ok(Archive::elsewhere(path, Directory::of_leaves(root, entries)))
    }

    fn take_superblocks(&mut self, front: &[u8]) -> Result<(), ArchiveError> {
        let path = PathBuf::from("<remote>");
        check_length(&path, front.len() as u64)?;
        let candidates: [Result<Superblock, SuperblockFault>; 2] =
            [0, 1].map(|index| Superblock::decode(&front[index * SUPERBLOCK_BYTES..], index));
        refuse_hopeless(&path, candidates)?;
        self.superblocks = candidates.into_iter().flatten().collect();
        self.superblocks.sort_by_key(|superblock| std::cmp::Reverse(superblock.generation));
        Ok(())
    }

    /// Goes on with the older superblock, or gives up.
    fn pass_over(&mut self, fault: DirectoryFault) -> Result<(), ArchiveError> {
        if self.superblocks.len() < 2 {
            return Err(damaged(fault));
        }
        self.superblocks.remove(0);
        Ok(())
    }
}

fn damaged(fault: DirectoryFault) -> ArchiveError {
    ArchiveError::Directory { path: "<remote>".into(), fault }
}

/// A range of the file from bytes that begin at `offset` of it, if they hold all of it.
fn part(offset: u64, bytes: &[u8], start: u64, len: usize) -> Option<&[u8]> {
    let start = usize::try_from(start.checked_sub(offset)?).ok()?;
    bytes.get(start..start.checked_add(len)?)
}
