//! An archive in memory.

use super::assembler::{Assembler, StorageError};
use super::error::ArchiveError;
use super::ledger::Summary;
use crate::block::Packed;

/// Writes an archive into memory: the same bytes as an
/// [`ArchiveWriter`](crate::ArchiveWriter) given the same calls.
#[derive(Debug)]
pub struct ArchiveBuilder {
    assembler: Assembler<Vec<u8>>,
}

impl Default for ArchiveBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ArchiveBuilder {
    /// An archive of no entries.
    pub fn new() -> Self {
        Self::for_entries(0)
    }

    /// An archive with room for the directory of about so many entries near its front.
    ///
    /// # Panics
    /// Never: memory takes every write.
    pub fn for_entries(entries_expected: u32) -> Self {
        let assembler = Assembler::create(Vec::new(), entries_expected);
        Self { assembler: assembler.expect("memory takes every write") }
    }

    /// The next generation of an archive in memory, to which entries and sections are added or of
    /// which they are replaced.
    ///
    /// # Errors
    /// As [`Archive::open`](crate::Archive::open), and when the newest directory or a superblock
    /// is damaged.
    pub fn append(bytes: Vec<u8>) -> Result<Self, ArchiveError> {
        Ok(Self { assembler: Assembler::append(bytes).map_err(told)? })
    }

    /// As [`ArchiveWriter::add`](crate::ArchiveWriter::add).
    ///
    /// # Errors
    /// `DuplicateEntry`, `EntryId` or `TooLarge`; the archive is then as before the call.
    pub fn add(&mut self, id: u32, packed: &Packed) -> Result<(), ArchiveError> {
        self.assembler.add(id, packed).map_err(told)
    }

    /// As [`ArchiveWriter::remove`](crate::ArchiveWriter::remove): names stay.
    ///
    /// # Errors
    /// `NoEntry` or `DuplicateEntry`; the archive is then as before the call.
    pub fn remove(&mut self, id: u32) -> Result<(), ArchiveError> {
        self.assembler.remove(id).map_err(told)
    }

    /// As [`ArchiveWriter::begin_run`](crate::ArchiveWriter::begin_run).
    pub fn begin_run(&mut self) {
        self.assembler.begin_run();
    }

    /// As [`ArchiveWriter::section`](crate::ArchiveWriter::section).
    ///
    /// # Errors
    /// `DuplicateSection`, `ReservedSection`, `TooManySections` or `TooLarge`; the archive is then
    /// as before the call.
    pub fn section(&mut self, name: [u8; 8], bytes: &[u8]) -> Result<(), ArchiveError> {
        self.assembler.section(name, bytes).map_err(told)
    }

    /// As [`ArchiveWriter::name`](crate::ArchiveWriter::name).
    ///
    /// # Errors
    /// `BadNames` when the names of an older generation are damaged, `TooManySections` when there are
    /// 1024 sections and no names yet, which need one.
    pub fn name(&mut self, id: u32, name: &str) -> Result<(), ArchiveError> {
        self.assembler.name(id, name).map_err(told)
    }

    /// As [`ArchiveWriter::unname`](crate::ArchiveWriter::unname).
    ///
    /// # Errors
    /// `BadNames` when the names of an older generation are damaged, `TooManySections` when there are
    /// 1024 sections and no names yet, which need one.
    pub fn unname(&mut self, name: &str) -> Result<bool, ArchiveError> {
        self.assembler.unname(name).map_err(told)
    }

    /// The bytes of the whole archive.
    ///
    /// # Panics
    /// Never: memory takes every write.
    pub fn finish(self) -> (Vec<u8>, Summary) {
        self.assembler.finish().expect("memory takes every write")
    }
}

fn told(error: StorageError) -> ArchiveError {
    let path = "<memory>".into();
    match error {
        StorageError::Archive(error) => error.at("<memory>".as_ref()),
        StorageError::Abandoned => ArchiveError::Abandoned { path },
        StorageError::Io(source) => ArchiveError::Io { action: "write", path, source },
    }
}
