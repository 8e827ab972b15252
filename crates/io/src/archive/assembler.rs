//! Writing an archive to any storage, so that at every moment one generation of it is whole.

use std::collections::BTreeMap;
use std::io;

use super::directory::{Directory, ReadFault};
use super::error::{ArchiveError, DirectoryFault, SuperblockFault};
use super::format::{EntryRecord, LEAF_BYTES, SUPERBLOCK_BYTES, SUPERBLOCK_USED, Superblock};
use super::ledger::{Ledger, Summary};
use super::names::{NAMES, Names};
use super::storage::Storage;
use crate::block::{Packed, decode_entry, pack};
use crate::filter::Filter;

/// Bytes collected before they go to the storage.
const BUFFER_BYTES: usize = 1 << 20;

/// Why an archive in a storage could not be written. Turned into an [`ArchiveError`] by those who
/// know the path.
#[derive(Debug)]
#[non_exhaustive]
pub enum StorageError {
    /// The storage refused.
    Io(io::Error),
    /// An earlier write failed, so the archive cannot be finished.
    Abandoned,
    /// What is there cannot be appended to; its path reads `<storage>`.
    Archive(ArchiveError),
}

impl From<io::Error> for StorageError {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}

impl From<ArchiveError> for StorageError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl std::fmt::Display for StorageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(source) => write!(f, "the storage refused: {source}"),
            Self::Abandoned => write!(f, "not finished, because an earlier write failed"),
            Self::Archive(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(source) => Some(source),
            Self::Abandoned => None,
            Self::Archive(error) => Some(error),
        }
    }
}

/// Writes an archive, or another generation of one, to a [`Storage`]. Equal sequences of calls give
/// equal bytes.
///
/// Memory: a buffer of 1 MiB, at most 100 bytes an entry, and the names. Nothing counts before
/// [`finish`](Self::finish) returns, and nothing of an older generation is ever written over.
#[derive(Debug)]
pub struct Assembler<S> {
    storage: S,
    ledger: Ledger,
    names: Option<BTreeMap<String, u32>>,
    names_changed: bool,
    buffer: Vec<u8>,
    /// Where the buffer goes.
    buffer_offset: u64,
    is_new: bool,
    old_bytes: u64,
    failed: bool,
}

impl<S: Storage> Assembler<S> {
    /// Starts an archive in an empty storage, or in one whose bytes are of no more use. Its
    /// directory has room for about `entries_expected` entries near the front, and moves to the end
    /// if there come to be more.
    ///
    /// # Errors
    /// `Io` when the storage refuses.
    pub fn create(mut storage: S, entries_expected: u32) -> Result<Self, StorageError> {
        let ledger = Ledger::new(entries_expected);
        storage.set_len(0)?;
        Ok(Self::new(storage, ledger, true))
    }

    /// Starts the next generation of the archive in `storage`. What an interrupted append left
    /// behind its end is cut off.
    ///
    /// # Errors
    /// `Archive` when there is no whole archive, or its newest directory is damaged; `Io` when the
    /// storage refuses. The storage is then as before.
    pub fn append(mut storage: S) -> Result<Self, StorageError> {
        let path = || std::path::PathBuf::from("<storage>");
        let file_bytes = storage.byte_len()?;
        super::reader::check_length(&path(), file_bytes)?;
        let mut candidates = [Err(SuperblockFault::Unwritten); 2];
        for (index, candidate) in candidates.iter_mut().enumerate() {
            let mut bytes = [0; SUPERBLOCK_USED];
            storage.read_at((index * SUPERBLOCK_BYTES) as u64, &mut bytes)?;
            *candidate = Superblock::decode(&bytes, index);
        }
        super::reader::refuse_hopeless(&path(), candidates)?;
        for (index, candidate) in candidates.iter().enumerate() {
            if let Err(fault) = *candidate {
                let offset = (index * SUPERBLOCK_BYTES) as u64;
                return Err(ArchiveError::DamagedSuperblock { path: path(), offset, fault }.into());
            }
        }
        let newest = candidates.iter().flatten().max_by_key(|superblock| superblock.generation);
        let Some(superblock) = newest else {
            return Err(StorageError::Abandoned);
        };
        let expected_bytes = superblock.file_bytes;
        if file_bytes < expected_bytes {
            let path = path();
            return Err(ArchiveError::Truncated { path, file_bytes, expected_bytes }.into());
        }
        let read = &mut |offset, out: &mut [u8]| storage.read_at(offset, out);
        let directory = match Directory::read(read, superblock) {
            Ok(directory) => directory,
            Err(ReadFault::Io(source)) => return Err(source.into()),
            Err(ReadFault::Fault(fault)) => return Err(damaged(fault)),
        };
        // What was read may be in the system's memory alone, if its writer was killed. It must be
        // durable before the generation before it is written over: else a power cut leaves neither.
        storage.sync()?;
        // A run of its own, so that what is appended together is read together.
        let mut ledger = Ledger::after(directory);
        ledger.begin_run();
        storage.set_len(ledger.position())?;
        Ok(Self::new(storage, ledger, false))
    }

    fn new(storage: S, ledger: Ledger, is_new: bool) -> Self {
        let buffer_offset = ledger.position();
        Self {
            storage,
            ledger,
            names: is_new.then(BTreeMap::new),
            names_changed: false,
            buffer: Vec::new(),
            buffer_offset,
            is_new,
            old_bytes: buffer_offset,
            failed: false,
        }
    }

    /// Adds entry `id` behind what was added before, or replaces that of an older generation. Ids
    /// are below [`ENTRIES_MAX`](crate::ENTRIES_MAX) and may come in any order; the directory has a
    /// record for every id up to the largest, so they should be dense. Content that an entry has
    /// already is not stored again.
    ///
    /// # Errors
    /// `Archive` for a `DuplicateEntry`, an `EntryId` or a `TooLarge`, after which the archive is
    /// as before the call; `Io` when the storage fails, after which it cannot be finished.
    pub fn add(&mut self, id: u32, packed: &Packed) -> Result<(), StorageError> {
        self.ledger.check_entry(id)?;
        let record = match self.ledger.alike(packed) {
            Some(record) if self.is_stored(&record, packed)? => record,
            _ => self.store(packed)?,
        };
        self.ledger.add(id, record);
        Ok(())
    }

    /// Takes entry `id` of an older generation out of this one. Its names stay, and name nothing until
    /// there is such an entry again; [`unname`](Self::unname) takes them away.
    ///
    /// # Errors
    /// `Archive` with `NoEntry` when there is none, `DuplicateEntry` when it was added here.
    pub fn remove(&mut self, id: u32) -> Result<(), StorageError> {
        Ok(self.ledger.remove(id)?)
    }

    /// Aligns the entry or section that is stored next to
    /// [`RUN_ALIGN_BYTES`](crate::RUN_ALIGN_BYTES).
    pub fn begin_run(&mut self) {
        self.ledger.begin_run();
    }

    /// Adds a section, bytes found by name and stored as an entry is, or replaces one of an older
    /// generation.
    ///
    /// # Errors
    /// `Archive` for a `DuplicateSection`, a `ReservedSection`, `TooManySections` or a `TooLarge`,
    /// after which the archive is as before the call; `Io` when the storage fails, after which it
    /// cannot be finished.
    pub fn section(&mut self, name: [u8; 8], bytes: &[u8]) -> Result<(), StorageError> {
        self.packed_section(name, &pack(bytes, Filter::None))
    }

    pub(super) fn packed_section(
        &mut self,
        name: [u8; 8],
        packed: &Packed,
    ) -> Result<(), StorageError> {
        if name == NAMES {
            return Err(ArchiveError::ReservedSection { name }.into());
        }
        self.write_section(name, packed)
    }

    /// Takes a section of an older generation out of this one.
    ///
    /// # Errors
    /// `Archive` with `NoSection` when there is none, `DuplicateSection` when it was added here.
    pub fn remove_section(&mut self, name: [u8; 8]) -> Result<(), StorageError> {
        Ok(self.ledger.remove_section(name)?)
    }

    fn write_section(&mut self, name: [u8; 8], packed: &Packed) -> Result<(), StorageError> {
        let names_come = self.names_changed && self.ledger.section(NAMES).is_none();
        let kept = usize::from(names_come && name != NAMES);
        self.ledger.check_section(name, kept)?;
        let record = self.store(packed)?;
        self.ledger.add_section(name, record);
        Ok(())
    }

    /// Calls entry `id` by a name, by which [`Names::find`] finds it; a name that another entry
    /// had goes over to this one.
    ///
    /// # Errors
    /// `Archive` when the names of an older generation are damaged, or `TooManySections` when there
    /// are 1024 sections and no names yet, which need one; `Io` when they cannot be read.
    pub fn name(&mut self, id: u32, name: &str) -> Result<(), StorageError> {
        self.names()?.insert(name.to_owned(), id);
        Ok(())
    }

    /// Takes a name away; says whether there was such a name.
    ///
    /// # Errors
    /// As [`name`](Self::name).
    pub fn unname(&mut self, name: &str) -> Result<bool, StorageError> {
        Ok(self.names()?.remove(name).is_some())
    }

    fn names(&mut self) -> Result<&mut BTreeMap<String, u32>, StorageError> {
        // Before anything else is written, not when they are.
        self.ledger.check_section(NAMES, 0)?;
        if self.names.is_none() {
            self.names = Some(self.read_names()?);
        }
        self.names_changed = true;
        Ok(self.names.get_or_insert_default())
    }

    fn read_names(&mut self) -> Result<BTreeMap<String, u32>, StorageError> {
        let Some(record) = self.ledger.section(NAMES) else { return Ok(BTreeMap::new()) };
        let bad = || StorageError::Archive(ArchiveError::BadNames { path: "<storage>".into() });
        let mut stored = vec![0; record.stored_bytes as usize];
        let mut out = vec![0; record.logical_bytes as usize];
        self.read_back(record.offset, &mut stored)?;
        decode_entry(&record, &stored, &mut out, &mut Vec::new()).map_err(|_| bad())?;
        let names = Names::decode(&out).ok_or_else(bad)?;
        Ok(names.iter().map(|(name, id)| (name.to_owned(), id)).collect())
    }

    /// Writes the directory and, when all of it is durable, the superblock.
    ///
    /// # Errors
    /// `Abandoned` when an earlier write failed, `Io` when this one does. An older generation
    /// is then still whole; but where it was the last sync that failed, readers may find the new one,
    /// which a power cut may take away again.
    pub fn finish(mut self) -> Result<(S, Summary), StorageError> {
        self.check()?;
        if self.names_changed {
            let names = self.names.take().unwrap_or_default();
            if self.ledger.section(NAMES).is_some() {
                self.ledger.remove_section(NAMES)?;
            }
            if !names.is_empty() {
                self.write_section(NAMES, &pack(&Names::encode(&names), Filter::None))?;
            }
        }
        let ending = self.ledger.finish();
        self.flush()?;
        for leaf in 0..ending.leaves {
            let offset = ending.leaves_offset + (leaf * LEAF_BYTES) as u64;
            let bytes = self.ledger.leaf(leaf);
            self.storage.write_at(offset, &bytes)?;
        }
        let dead_offset = ending.leaves_end - ending.dead.len() as u64;
        self.storage.write_at(dead_offset, &ending.dead)?;
        self.storage.write_at(ending.superblock.root_offset, &ending.root)?;
        // In a new archive the slots are zero already.
        let zeros = if self.is_new { Vec::new() } else { ending.zeros };
        for (start, end) in zeros {
            self.write_zeros(start, end)?;
        }
        self.storage.set_len(ending.superblock.file_bytes)?;
        self.storage.sync()?;
        if self.is_new {
            let older = Superblock { generation: 1, ..ending.superblock };
            self.write_superblock(&older)?;
        }
        self.write_superblock(&ending.superblock)?;
        self.storage.sync()?;
        Ok((self.storage, ending.summary))
    }

    fn write_superblock(&mut self, superblock: &Superblock) -> io::Result<()> {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        bytes[..SUPERBLOCK_USED].copy_from_slice(&superblock.encode());
        let index = superblock.generation % 2;
        self.storage.write_at(index * SUPERBLOCK_BYTES as u64, &bytes)
    }

    fn write_zeros(&mut self, mut start: u64, end: u64) -> io::Result<()> {
        let zeros = [0; 16 << 10];
        while start < end {
            let count = (end - start).min(zeros.len() as u64);
            self.storage.write_at(start, &zeros[..count as usize])?;
            start += count;
        }
        Ok(())
    }

    /// Whether exactly these bytes are stored: hashes alone would let who knows how make one entry
    /// stand in for another.
    fn is_stored(&mut self, record: &EntryRecord, packed: &Packed) -> Result<bool, StorageError> {
        let mut offset = record.offset;
        let mut piece = [0; 16 << 10];
        for expected in packed.stored.chunks(piece.len()) {
            let piece = &mut piece[..expected.len()];
            self.read_back(offset, piece)?;
            if piece != expected {
                return Ok(false);
            }
            offset += expected.len() as u64;
        }
        Ok(true)
    }

    /// Reads what was stored, buffered or not.
    fn read_back(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StorageError> {
        if offset + out.len() as u64 > self.buffer_offset {
            self.flush()?;
        }
        Ok(self.storage.read_at(offset, out)?)
    }

    fn store(&mut self, packed: &Packed) -> Result<EntryRecord, StorageError> {
        self.check()?;
        let (padding, record) = self.ledger.place(packed)?;
        self.buffer.resize(self.buffer.len() + padding as usize, 0);
        if self.buffer.len() + packed.stored.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if packed.stored.len() > BUFFER_BYTES {
            self.write(record.offset, &packed.stored)?;
            self.buffer_offset = record.end();
        } else {
            self.buffer.extend_from_slice(&packed.stored);
        }
        Ok(record)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.check()?;
        let buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            self.write(self.buffer_offset, &buffer)?;
        }
        self.buffer_offset += buffer.len() as u64;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let result = self.storage.write_at(offset, bytes);
        self.failed |= result.is_err();
        Ok(result?)
    }

    fn check(&self) -> Result<(), StorageError> {
        if self.failed { Err(StorageError::Abandoned) } else { Ok(()) }
    }

    /// The storage as it is, with what was written so far.
    pub(super) fn into_storage(self) -> S {
        self.storage
    }

    /// Bytes of the older generation's file.
    pub(super) fn old_bytes(&self) -> u64 {
        self.old_bytes
    }
}

fn damaged(fault: DirectoryFault) -> StorageError {
    ArchiveError::Directory { path: "<storage>".into(), fault }.into()
}
