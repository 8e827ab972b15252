//! Opening and reading an archive.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::{Directory, ReadFault};
use super::error::{ArchiveError, SuperblockFault};
use super::format::{DATA_MIN, DeadRecord, EntryRecord, FRONT_BYTES, SUPERBLOCK_BYTES, Superblock};
use super::names::{NAMES, Names};
use super::storage::{read_exact_at, slice};
use crate::block::{BlockError, BlockErrorKind, Packed, decode_entry};
use crate::filter::Filter;
use crate::hash::{Hasher, hash128};
use crate::mmap::Map;
use crate::queue::ReadBuffer;
#[cfg(feature = "remote")]
use crate::remote::Server;

/// Of a directory that is read front to back, asked for at a time at most.
const AHEAD_BYTES_MAX: u64 = 4 << 20;

/// Looks at most at a file that is appended to all the time.
const OPEN_TRIES: u32 = 16;

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

impl Extent {
    pub(super) fn of(record: &EntryRecord) -> Self {
        Self {
            offset: record.offset,
            stored_bytes: record.stored_bytes,
            logical_bytes: record.logical_bytes,
        }
    }
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
    /// Whether the map holds the archive; what lies elsewhere has none.
    is_here: bool,
    /// Where it lies elsewhere and can be read from.
    #[cfg(feature = "remote")]
    server: Option<Arc<Server>>,
}

impl Archive {
    /// Maps the archive at `path` and reads its directory.
    ///
    /// The newer superblock whose directory is whole counts; a damaged one is made up for by the
    /// other. It may be appended to meanwhile: appends that end between a look at a superblock and one
    /// at its directory are looked at again.
    ///
    /// # Errors
    /// One clear line for a file that is missing, empty, too short, no archive, unfinished, of
    /// another version, truncated or damaged.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let mut tries = 1..OPEN_TRIES;
        let mut seen = None;
        loop {
            let opened = Self::of_file(path, open_file(path)?);
            // What an append that ends meanwhile can make of a whole archive.
            let may_pass = matches!(
                opened,
                Err(ArchiveError::Superblocks { .. }
                    | ArchiveError::Truncated { .. }
                    | ArchiveError::Directory { .. })
            );
            if !may_pass || tries.next().is_none() {
                return opened;
            }
            let now = superblocks(path);
            if now == seen {
                return opened;
            }
            seen = now;
        }
    }

    /// As [`open`](Self::open), of a file that [`open_file`] opened at `path`. The archive keeps it
    /// open, and with it a lock that was taken.
    pub(super) fn of_file(path: &Path, file: File) -> Result<Self, ArchiveError> {
        let file_bytes = file.metadata().map_err(|source| not_opened(path, source))?.len();
        check_length(path, file_bytes)?;
        let map = Map::of_file(file).map_err(|source| not_opened(path, source))?;
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

    pub(crate) fn of_map(path: PathBuf, map: Map) -> Result<Self, ArchiveError> {
        check_length(&path, map.len() as u64)?;
        // The superblocks, the root and the leaves of the directory, and nothing around them.
        map.lies_apart(true);
        map.will_need(0, 2 * SUPERBLOCK_BYTES);
        let candidates = [0, 1].map(|index| superblock(&map, index));
        refuse_hopeless(&path, candidates)?;
        let mut usable: Vec<Superblock> = candidates.into_iter().flatten().collect();
        usable.sort_by_key(|superblock| std::cmp::Reverse(superblock.generation));
        let mut first_error = None;
        for superblock in usable {
            match directory(&path, &map, &superblock) {
                Ok(directory) => {
                    map.lies_apart(false);
                    let map = Arc::new(map);
                    return Ok(Self::with(path, map, directory, true));
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or(ArchiveError::NotAnArchive { path }))
    }

    /// An archive whose directory was read elsewhere: see
    /// [`RemoteIndex`](crate::RemoteIndex::into_archive).
    pub(super) fn elsewhere(path: PathBuf, directory: Directory) -> Self {
        Self::with(path, Arc::new(Map::of_bytes(Vec::new())), directory, false)
    }

    fn with(path: PathBuf, map: Arc<Map>, directory: Directory, is_here: bool) -> Self {
        Self {
            path,
            map,
            superblock: directory.root.superblock,
            directory,
            is_here,
            #[cfg(feature = "remote")]
            server: None,
        }
    }

    /// The same, and from now on its bytes are read from there.
    #[cfg(feature = "remote")]
    pub(crate) fn on_server(self, server: Server) -> Self {
        Self { server: Some(Arc::new(server)), ..self }
    }

    #[cfg(feature = "remote")]
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_deref()
    }

    /// Whether the archive's bytes are at hand, in a map. If not, and it was not opened from a server
    /// either (`open_remote`, feature `remote`), then [`read`](Self::read),
    /// [`section`](Self::section), [`names`](Self::names) and [`verify`](Self::verify) fail: the bytes
    /// have to be read first; decoding them works.
    pub fn is_here(&self) -> bool {
        self.is_here
    }

    /// Entry slots: every id is below this, and some may be absent.
    pub fn entries(&self) -> u32 {
        self.directory.entries.len() as u32
    }

    /// Where entry `id` lies; `None` when there is no such entry.
    pub fn extent(&self, id: u32) -> Option<Extent> {
        self.record(id).map(Extent::of)
    }

    /// Where a section lies; `None` when there is no such section.
    pub fn section_extent(&self, name: [u8; 8]) -> Option<Extent> {
        self.section_record(name).map(|(_, record)| Extent::of(record))
    }

    /// The stored bytes of entry `id`, from the map: to be given to [`decode`](Self::decode).
    /// Reading them may fault, and so wait for the disk. `None` where there is no such entry, or
    /// the archive is elsewhere.
    pub fn stored(&self, id: u32) -> Option<&[u8]> {
        self.stored_of(self.record(id)?)
    }

    /// The stored bytes of entries, each to be given to [`decode`](Self::decode): ranges of the map, or
    /// read from the archive's server, neighbours together and several at once, until all are there.
    /// For what must be there before anything streams.
    ///
    /// # Errors
    /// The first entry that is absent or cannot be read; `Elsewhere` where the archive is.
    pub fn stored_all(&self, ids: &[u32]) -> Result<Vec<ReadBuffer>, BlockError> {
        let fail = |index: usize, kind| BlockError { entry: ids[index], block: 0, kind };
        let mut records = Vec::with_capacity(ids.len());
        for (index, &id) in ids.iter().enumerate() {
            records.push(self.record(id).ok_or_else(|| fail(index, BlockErrorKind::Absent))?);
        }
        self.bytes_of(&records).map_err(|(index, kind)| fail(index, kind))
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
        let absent = BlockError { entry: id, block: 0, kind: BlockErrorKind::Absent };
        let record = self.record(id).ok_or(absent)?;
        decode_entry(record, stored, out, scratch).map_err(|(block, kind)| BlockError {
            entry: id,
            block,
            kind,
        })
    }

    /// Entry `id`, decoded into a new buffer.
    ///
    /// # Errors
    /// As [`stored_all`](Self::stored_all) and [`decode`](Self::decode).
    pub fn read(&self, id: u32) -> Result<Vec<u8>, BlockError> {
        let fail = |kind| BlockError { entry: id, block: 0, kind };
        let record = self.record(id).ok_or(fail(BlockErrorKind::Absent))?;
        let stored = self.any_bytes_of(record).map_err(fail)?;
        let mut out = vec![0; record.logical_bytes as usize];
        self.decode(id, &stored, &mut out, &mut Vec::new())?;
        Ok(out)
    }

    /// The section called `name`, decoded into a new buffer.
    ///
    /// # Errors
    /// `MissingSection`, or `BadSection` when it cannot be decoded.
    pub fn section(&self, name: [u8; 8]) -> Result<Vec<u8>, ArchiveError> {
        match self.section_record(name).map(|(index, record)| (index, self.any_bytes_of(record))) {
            Some((_, Ok(stored))) => self.decode_section(name, &stored),
            Some((index, Err(kind))) => {
                let error = BlockError { entry: index as u32, block: 0, kind };
                Err(ArchiveError::BadSection { path: self.path.clone(), name, error })
            }
            None => Err(ArchiveError::MissingSection { path: self.path.clone(), name }),
        }
    }

    /// Checks and decodes the section called `name` from its stored bytes, into a new buffer.
    ///
    /// # Errors
    /// `MissingSection`, or `BadSection` when it cannot be decoded.
    pub fn decode_section(&self, name: [u8; 8], stored: &[u8]) -> Result<Vec<u8>, ArchiveError> {
        let path = || self.path.clone();
        let (index, record) = self
            .section_record(name)
            .ok_or_else(|| ArchiveError::MissingSection { path: path(), name })?;
        if record.stored_bytes as usize != stored.len() {
            let kind = BlockErrorKind::length(record.stored_bytes as usize, stored.len());
            let error = BlockError { entry: index as u32, block: 0, kind };
            return Err(ArchiveError::BadSection { path: path(), name, error });
        }
        let mut out = vec![0; record.logical_bytes as usize];
        match decode_entry(record, stored, &mut out, &mut Vec::new()) {
            Ok(()) => Ok(out),
            Err((block, kind)) => Err(ArchiveError::BadSection {
                path: path(),
                name,
                error: BlockError { entry: index as u32, block, kind },
            }),
        }
    }

    /// The names of entries; empty where none was given.
    ///
    /// # Errors
    /// `BadSection` or `BadNames` when they are damaged.
    pub fn names(&self) -> Result<Names, ArchiveError> {
        if self.section_record(NAMES).is_none() {
            return Ok(Names::default());
        }
        Names::decode(&self.section(NAMES)?)
            .ok_or_else(|| ArchiveError::BadNames { path: self.path.clone() })
    }

    /// Entry `id` as it is stored, to be added to another archive without compressing it again. It is
    /// decoded and compared with its hash, so that no damage is carried along.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn packed(&self, id: u32) -> Result<Packed, BlockError> {
        let absent = BlockError { entry: id, block: 0, kind: BlockErrorKind::Absent };
        let record = self.record(id).ok_or(absent)?;
        self.pack_of(record).map_err(|(block, kind)| BlockError { entry: id, block, kind })
    }

    /// A section as it is stored, likewise.
    ///
    /// # Errors
    /// As [`section`](Self::section).
    pub fn packed_section(&self, name: [u8; 8]) -> Result<Packed, ArchiveError> {
        let path = || self.path.clone();
        let (index, record) = self
            .section_record(name)
            .ok_or_else(|| ArchiveError::MissingSection { path: path(), name })?;
        self.pack_of(record).map_err(|(block, kind)| {
            let error = BlockError { entry: index as u32, block, kind };
            ArchiveError::BadSection { path: path(), name, error }
        })
    }

    fn pack_of(&self, record: &EntryRecord) -> Result<Packed, (u32, BlockErrorKind)> {
        let stored = self.any_bytes_of(record).map_err(|kind| (0, kind))?;
        let mut out = vec![0; record.logical_bytes as usize];
        decode_entry(record, &stored, &mut out, &mut Vec::new())?;
        if hash128(&out) != record.content_hash {
            return Err((0, BlockErrorKind::Content));
        }
        Ok(Packed {
            filter: record.filter,
            logical_bytes: u64::from(record.logical_bytes),
            content_hash: record.content_hash,
            table_crc32c: record.table_crc32c,
            stored: stored.to_vec(),
        })
    }

    /// The names of all sections but that of the entries' names, in the order they were written.
    pub fn sections(&self) -> impl Iterator<Item = [u8; 8]> + '_ {
        self.directory.root.sections.iter().map(|(name, _)| *name).filter(|name| *name != NAMES)
    }

    /// Names the content: archives with equal hashes hold the same entries and sections, wherever
    /// in the file and however compressed.
    pub fn content_hash(&self) -> u128 {
        self.superblock.content_hash
    }

    /// Names the whole archive: where everything lies, how it is stored and what it is.
    pub fn layout_hash(&self) -> u128 {
        let superblock = &self.superblock;
        let mut hasher = Hasher::default();
        hasher.update(&superblock.content_hash.to_le_bytes());
        hasher.update(&superblock.file_bytes.to_le_bytes());
        for (_, record) in self.directory.present() {
            hasher.update(&record.encode());
        }
        for (_, record) in &self.directory.root.sections {
            hasher.update(&record.encode());
        }
        hasher.finish()
    }

    /// Hash of entry `id` before compression: equal content has an equal hash.
    pub fn entry_hash(&self, id: u32) -> Option<u128> {
        self.record(id).map(|record| record.content_hash)
    }

    /// Hash of a section before compression.
    pub fn section_hash(&self, name: [u8; 8]) -> Option<u128> {
        self.section_record(name).map(|(_, record)| record.content_hash)
    }

    /// The filter that entry `id` was compressed behind.
    pub fn filter(&self, id: u32) -> Option<Filter> {
        self.record(id).map(|record| record.filter)
    }

    /// 2 for an archive that was written in one go, one more for every append.
    pub fn generation(&self) -> u64 {
        self.superblock.generation
    }

    /// Bytes in the file that only older generations use.
    pub fn dead_bytes(&self) -> u64 {
        DeadRecord::bytes_of(&self.directory.dead)
    }

    /// Bytes of the directory, and whether it lies in front, where a reader far away finds it with
    /// its first request.
    pub fn directory_bytes(&self) -> (u64, bool) {
        let extents = self.directory.extents();
        let bytes = extents.iter().map(|(start, end)| end - start).sum();
        (bytes, extents.iter().all(|&(_, end)| end <= FRONT_BYTES))
    }

    /// Bytes of the archive.
    pub fn file_bytes(&self) -> u64 {
        self.superblock.file_bytes
    }

    /// Stored bytes of the largest entry or section.
    #[cfg(feature = "remote")]
    pub(crate) fn stored_bytes_max(&self) -> u64 {
        let sections = self.directory.root.sections.iter().map(|(_, record)| record);
        let records = self.directory.present().map(|(_, record)| record).chain(sections);
        records.map(|record| u64::from(record.stored_bytes)).max().unwrap_or(0)
    }

    /// Bytes that the directory takes in memory.
    pub fn index_bytes(&self) -> u64 {
        let directory = &self.directory;
        (size_of_val(&directory.entries[..])
            + size_of_val(&directory.root.sections[..])
            + size_of_val(&directory.dead[..])) as u64
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the file, for read queues.
    pub fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map)
    }

    pub(super) fn record(&self, id: u32) -> Option<&EntryRecord> {
        self.directory.entries.get(id as usize)?.as_ref()
    }

    fn section_record(&self, name: [u8; 8]) -> Option<(usize, &EntryRecord)> {
        let mut sections = self.directory.root.sections.iter().enumerate();
        sections.find(|(_, (other, _))| *other == name).map(|(index, (_, record))| (index, record))
    }

    fn stored_of(&self, record: &EntryRecord) -> Option<&[u8]> {
        slice(&self.map, record.offset, record.stored_bytes as usize).ok()
    }

    /// The stored bytes of a record, from wherever it is.
    fn any_bytes_of(&self, record: &EntryRecord) -> Result<ReadBuffer, BlockErrorKind> {
        let mut bytes = self.bytes_of(&[record]).map_err(|(_, kind)| kind)?;
        bytes.pop().ok_or(BlockErrorKind::Elsewhere)
    }

    fn bytes_of(
        &self,
        records: &[&EntryRecord],
    ) -> Result<Vec<ReadBuffer>, (usize, BlockErrorKind)> {
        #[cfg(feature = "remote")]
        if let Some(server) = &self.server {
            let ranges: Vec<_> = records.iter().map(|record| record.offset..record.end()).collect();
            let bytes = server.fetch(&ranges);
            return bytes.map_err(|(index, kind)| (index, BlockErrorKind::Unread(kind)));
        }
        let range = |record: &EntryRecord| record.offset as usize..record.end() as usize;
        let here = |(index, record): (usize, &&EntryRecord)| match self.stored_of(record) {
            Some(_) => Ok(ReadBuffer::mapped(&self.map, range(record))),
            None => Err((index, BlockErrorKind::Elsewhere)),
        };
        records.iter().enumerate().map(here).collect()
    }

    /// Bytes of the file, of which some may lie behind the archive's end.
    pub(super) fn there_bytes(&self) -> u64 {
        #[cfg(feature = "remote")]
        if let Some(server) = &self.server {
            return server.file_bytes();
        }
        self.map.len() as u64
    }

    /// Reads from the file, so that a long walk through it does not fill memory with the map.
    pub(super) fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        #[cfg(feature = "remote")]
        if let Some(server) = &self.server {
            return server.read_at(offset, out);
        }
        match self.map.file() {
            Some(file) => read_exact_at(file, offset, out),
            None => slice(&self.map, offset, out.len()).map(|bytes| out.copy_from_slice(bytes)),
        }
    }
}

/// Opens what may be an archive, to be read.
pub(super) fn open_file(path: &Path) -> Result<File, ArchiveError> {
    // Asked before it is opened: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(|source| not_opened(path, source))?;
    if !metadata.is_file() {
        return Err(ArchiveError::NotAFile { path: path.to_path_buf() });
    }
    File::open(path).map_err(|source| not_opened(path, source))
}

fn not_opened(path: &Path, source: io::Error) -> ArchiveError {
    let path = path.to_path_buf();
    match source.kind() {
        io::ErrorKind::NotFound => ArchiveError::Missing { path },
        _ => ArchiveError::Io { action: "open", path, source },
    }
}

/// The bytes of both superblocks; `None` when they cannot be read.
fn superblocks(path: &Path) -> Option<[u8; 2 * SUPERBLOCK_BYTES]> {
    let mut bytes = [0; 2 * SUPERBLOCK_BYTES];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).ok()?;
    Some(bytes)
}

/// Superblock `index` of a file that is long enough for both.
pub(super) fn superblock(file: &[u8], index: usize) -> Result<Superblock, SuperblockFault> {
    Superblock::decode(&file[index * SUPERBLOCK_BYTES..], index)
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
    // What is asked for ahead, and how much at a time: leaves follow each other.
    let (mut asked, mut last, mut window) = (0..0, 0, 0);
    let read = &mut |offset: u64, out: &mut [u8]| {
        let end = offset.saturating_add(out.len() as u64);
        window = if offset == last { (2 * window).min(AHEAD_BYTES_MAX) } else { 0 };
        window = window.max(out.len() as u64);
        if offset < asked.start || end > asked.end {
            asked = offset..offset.saturating_add(window).min(file_bytes);
            // Nothing is asked of a range that is not in the file.
            let bytes = asked.end.saturating_sub(offset) as usize;
            map.will_need(usize::try_from(offset).unwrap_or(usize::MAX), bytes);
        }
        last = end;
        slice(map, offset, out.len()).map(|bytes| out.copy_from_slice(bytes))
    };
    Directory::read(read, superblock).map_err(|fault| match fault {
        ReadFault::Fault(fault) => ArchiveError::Directory { path: path.to_path_buf(), fault },
        ReadFault::Io(source) => {
            ArchiveError::Io { action: "read", path: path.to_path_buf(), source }
        }
    })
}

pub(super) fn check_length(path: &Path, file_bytes: u64) -> Result<(), ArchiveError> {
    match file_bytes {
        0 => Err(ArchiveError::Empty { path: path.to_path_buf() }),
        1..DATA_MIN => Err(ArchiveError::TooShort { path: path.to_path_buf(), file_bytes }),
        _ => Ok(()),
    }
}

/// Refuses a file without a usable superblock.
pub(super) fn refuse_hopeless(
    path: &Path,
    superblocks: [Result<Superblock, SuperblockFault>; 2],
) -> Result<(), ArchiveError> {
    use SuperblockFault::{Magic, Unwritten, Version};
    let [Err(first), Err(second)] = superblocks else { return Ok(()) };
    let path = path.to_path_buf();
    Err(match [first, second] {
        [Unwritten, Unwritten] => ArchiveError::Unfinished { path },
        [Version { found }, _] | [_, Version { found }] => ArchiveError::Version { path, found },
        [Magic | Unwritten, Magic | Unwritten] => ArchiveError::NotAnArchive { path },
        faults => ArchiveError::Superblocks { path, faults },
    })
}
