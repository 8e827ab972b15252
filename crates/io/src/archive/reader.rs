//! Opening and reading an archive.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::{Directory, Slot};
use super::error::{ArchiveError, SuperblockFault};
use super::format::{DATA_START, SUPERBLOCK_BYTES, Superblock};
use crate::block::{BLOCK_BYTES, BlockError, BlockErrorKind, decode_block};
use crate::mmap::Map;

/// Where an entry lies and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub stored_bytes: u32,
    /// Bytes after decoding; at most 255 times `stored_bytes`.
    pub logical_bytes: u32,
}

/// An open archive: its directory in memory, its bytes mapped.
///
/// Nothing in the file is trusted. The directory is checked as a whole when it is opened, stored
/// bytes when they are decoded; memory is allocated only for what the file really holds.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    map: Arc<Map>,
    pub(super) superblock: Superblock,
    pub(super) directory: Directory,
}

impl Archive {
    /// Maps the archive at `path` and reads its directory.
    ///
    /// The newer superblock whose directory is whole counts; a damaged one is made up for by the
    /// other.
    ///
    /// # Errors
    /// One clear line for a file that is missing, empty, too short, no archive, unfinished, of
    /// another version, truncated or damaged.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let fail = |source: io::Error| {
            let path = path.to_path_buf();
            match source.kind() {
                io::ErrorKind::NotFound => ArchiveError::Missing { path },
                _ => ArchiveError::Io { action: "open", path, source },
            }
        };
        // Asked before it is opened: opening a pipe would wait for its other end.
        let metadata = fs::metadata(path).map_err(fail)?;
        if !metadata.is_file() {
            return Err(ArchiveError::NotAFile { path: path.to_path_buf() });
        }
        let file = File::open(path).map_err(fail)?;
        let file_bytes = file.metadata().map_err(fail)?.len();
        check_length(path, file_bytes)?;
        let map = Map::of_file(file).map_err(fail)?;
        Self::of_map(path.to_path_buf(), map)
    }

    /// Opens an archive that is already in memory, such as one from an
    /// [`ArchiveBuilder`](crate::ArchiveBuilder). Its path reads `<memory>`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ArchiveError> {
        Self::of_map(PathBuf::from("<memory>"), Map::of_bytes(bytes))
    }

    fn of_map(path: PathBuf, map: Map) -> Result<Self, ArchiveError> {
        check_length(&path, map.len() as u64)?;
        let candidates = [0, 1].map(|index| superblock(&map, index));
        let mut usable: Vec<Superblock> = candidates.into_iter().flatten().collect();
        usable.sort_by_key(|superblock| std::cmp::Reverse(superblock.generation));
        let mut first_error = None;
        for superblock in usable {
            match directory(&path, &map, &superblock) {
                Ok(directory) => {
                    return Ok(Self { path, map: Arc::new(map), superblock, directory });
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| {
            refuse(
                path,
                [0, 1].map(|i| superblock(&map, i).err().unwrap_or(SuperblockFault::Content)),
            )
        }))
    }

    /// Entry slots: every id is below this, and some may be absent.
    pub fn entries(&self) -> u32 {
        self.directory.entries.len() as u32
    }

    /// Where entry `id` lies; `None` when there is no such entry.
    pub fn extent(&self, id: u32) -> Option<Extent> {
        let record = &self.slot(id)?.record;
        Some(Extent {
            offset: record.offset,
            stored_bytes: record.stored_bytes,
            logical_bytes: record.logical_bytes,
        })
    }

    /// The stored bytes of entry `id`, from the map: to be given to [`decode`](Self::decode).
    /// Reading them may fault, and so wait for the disk.
    pub fn stored(&self, id: u32) -> Option<&[u8]> {
        self.slot(id).map(|slot| self.stored_of(slot))
    }

    /// Checks and decodes entry `id` from its stored bytes, however they were read. Pure: call it
    /// from any thread.
    ///
    /// `out` is as long as the entry's `logical_bytes`; its content is unspecified after an error.
    /// `scratch` grows to at most [`BLOCK_BYTES`](crate::BLOCK_BYTES) and can serve every call.
    ///
    /// # Errors
    /// The block and what is wrong with it: its checksum, its compression, or a length, also that
    /// of `stored` and `out`.
    pub fn decode(
        &self,
        id: u32,
        stored: &[u8],
        out: &mut [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let slot = self.slot(id).ok_or(BlockError {
            entry: id,
            block: 0,
            kind: BlockErrorKind::Absent,
        })?;
        self.decode_slot(slot, stored, out, scratch).map_err(|(block, kind)| BlockError {
            entry: id,
            block,
            kind,
        })
    }

    /// Entry `id`, decoded into a new buffer.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn read(&self, id: u32) -> Result<Vec<u8>, BlockError> {
        let bytes = self.extent(id).map_or(0, |extent| extent.logical_bytes as usize);
        let mut out = vec![0; bytes];
        self.decode(id, self.stored(id).unwrap_or(&[]), &mut out, &mut Vec::new())?;
        Ok(out)
    }

    /// The section called `name`, decoded into a new buffer.
    ///
    /// # Errors
    /// `MissingSection`, or `BadSection` when it cannot be decoded.
    pub fn section(&self, name: [u8; 8]) -> Result<Vec<u8>, ArchiveError> {
        let index = self.directory.sections.iter().position(|(other, _)| *other == name);
        let Some(index) = index else {
            return Err(ArchiveError::MissingSection { path: self.path.clone(), name });
        };
        let slot = &self.directory.sections[index].1;
        let mut out = vec![0; slot.record.logical_bytes as usize];
        match self.decode_slot(slot, self.stored_of(slot), &mut out, &mut Vec::new()) {
            Ok(()) => Ok(out),
            Err((block, kind)) => Err(ArchiveError::BadSection {
                path: self.path.clone(),
                name,
                error: BlockError { entry: index as u32, block, kind },
            }),
        }
    }

    /// The names of all sections, in the order they were written.
    pub fn sections(&self) -> impl Iterator<Item = [u8; 8]> + '_ {
        self.directory.sections.iter().map(|(name, _)| *name)
    }

    /// Names the content: archives with equal hashes hold the same entries and sections in the
    /// same places.
    pub fn content_hash(&self) -> u64 {
        self.superblock.content_hash
    }

    /// Hash of entry `id` before compression: equal content has an equal hash.
    pub fn entry_hash(&self, id: u32) -> Option<u64> {
        self.slot(id).map(|slot| slot.record.content_hash)
    }

    /// Bytes of the archive.
    pub fn file_bytes(&self) -> u64 {
        self.superblock.file_bytes
    }

    /// Bytes that the directory takes in memory.
    pub fn index_bytes(&self) -> u64 {
        let directory = &self.directory;
        (size_of_val(&directory.entries[..])
            + size_of_val(&directory.sections[..])
            + size_of_val(&directory.blocks[..])) as u64
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the file, for read queues.
    pub fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    fn slot(&self, id: u32) -> Option<&Slot> {
        self.directory.entries.get(id as usize)?.as_ref()
    }

    pub(super) fn stored_of(&self, slot: &Slot) -> &[u8] {
        // The directory was checked against the length of the map, so both conversions hold.
        let start = slot.record.offset as usize;
        &self.map[start..start + slot.record.stored_bytes as usize]
    }

    fn decode_slot(
        &self,
        slot: &Slot,
        stored: &[u8],
        out: &mut [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<(), (u32, BlockErrorKind)> {
        let record = &slot.record;
        for (expected, found) in
            [(record.stored_bytes, stored.len()), (record.logical_bytes, out.len())]
        {
            if expected as usize != found {
                let kind =
                    BlockErrorKind::Length { expected: u64::from(expected), found: found as u64 };
                return Err((0, kind));
            }
        }
        let mut rest = stored;
        let blocks = self.directory.blocks_of(slot);
        for (index, (block, out)) in blocks.iter().zip(out.chunks_mut(BLOCK_BYTES)).enumerate() {
            let (piece, behind) = rest.split_at(block.stored_bytes as usize);
            rest = behind;
            decode_block(record.filter, block, index * BLOCK_BYTES, piece, out, scratch)
                .map_err(|kind| (index as u32, kind))?;
        }
        Ok(())
    }
}

/// Superblock `index`. The file is long enough for both.
pub(super) fn superblock(file: &[u8], index: usize) -> Result<Superblock, SuperblockFault> {
    let superblock = Superblock::decode(&file[index * SUPERBLOCK_BYTES..])?;
    if superblock.generation % 2 != index as u64 {
        return Err(SuperblockFault::Generation { found: superblock.generation });
    }
    Ok(superblock)
}

fn directory(path: &Path, map: &Map, superblock: &Superblock) -> Result<Directory, ArchiveError> {
    let (file_bytes, expected_bytes) = (map.len() as u64, superblock.file_bytes);
    if file_bytes < expected_bytes {
        return Err(ArchiveError::Truncated {
            path: path.to_path_buf(),
            file_bytes,
            expected_bytes,
        });
    }
    Directory::read(map, superblock)
        .map_err(|fault| ArchiveError::Directory { path: path.to_path_buf(), fault })
}

fn check_length(path: &Path, file_bytes: u64) -> Result<(), ArchiveError> {
    match file_bytes {
        0 => Err(ArchiveError::Empty { path: path.to_path_buf() }),
        1..DATA_START => Err(ArchiveError::TooShort { path: path.to_path_buf(), file_bytes }),
        _ => Ok(()),
    }
}

/// Why a file without a usable superblock is refused.
fn refuse(path: PathBuf, faults: [SuperblockFault; 2]) -> ArchiveError {
    use SuperblockFault::{Magic, Unwritten, Version};
    match faults {
        [Unwritten, Unwritten] => ArchiveError::Unfinished { path },
        [Version { found }, _] | [_, Version { found }] => ArchiveError::Version { path, found },
        [Magic | Unwritten, Magic | Unwritten] => ArchiveError::NotAnArchive { path },
        faults => ArchiveError::Superblocks { path, faults },
    }
}
