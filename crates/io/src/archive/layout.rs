//! Where everything goes in a new archive. Pure: positions and records, no file.

use super::error::ArchiveError;
use super::format::{
    DATA_START, ENTRIES_MAX, EntryRecord, LEAF_ENTRIES, RUN_ALIGN_BYTES, SECTIONS_MAX, Superblock,
};
use crate::block::{BlockRecord, Packed, pack};
use crate::filter::Filter;
use crate::hash::xxh64;

/// What an archive came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Entries that are present.
    pub entries: u32,
    /// Sections.
    pub sections: u32,
    /// Blocks of entries and sections.
    pub blocks: u64,
    /// Bytes of entries and sections before compression.
    pub logical_bytes: u64,
    /// Bytes of entries and sections as stored.
    pub stored_bytes: u64,
    /// Bytes in the file.
    pub file_bytes: u64,
    /// Names the content; see [`Archive::content_hash`](crate::Archive::content_hash).
    pub content_hash: u64,
}

#[derive(Clone, Copy, Debug)]
struct Placed {
    record: EntryRecord,
    first_block: usize,
}

/// The records of an archive being written.
#[derive(Debug)]
pub(crate) struct Layout {
    entries: Vec<Option<Placed>>,
    sections: Vec<([u8; 8], Placed)>,
    blocks: Vec<BlockRecord>,
    /// Where the next byte goes.
    position: u64,
    run_begins: bool,
    logical_bytes: u64,
    stored_bytes: u64,
}

/// What is left to write when the last entry is in.
pub(crate) struct Ending {
    /// Everything from the end of the last entry to the end of the file.
    pub tail: Vec<u8>,
    /// The superblocks at 0 and 4096, without their padding.
    pub superblocks: [[u8; super::format::SUPERBLOCK_USED]; 2],
    pub summary: Summary,
}

impl Layout {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            sections: Vec::new(),
            blocks: Vec::new(),
            position: DATA_START,
            run_begins: false,
            logical_bytes: 0,
            stored_bytes: 0,
        }
    }

    /// Places an entry; returns the zero bytes to write before its stored bytes.
    pub(crate) fn add(&mut self, id: u32, packed: &Packed) -> Result<usize, ArchiveError> {
        if id >= ENTRIES_MAX {
            return Err(ArchiveError::EntryId { id });
        }
        let index = id as usize;
        if matches!(self.entries.get(index), Some(Some(_))) {
            return Err(ArchiveError::DuplicateEntry { id });
        }
        let (padding, placed) = self.place(packed)?;
        if self.entries.len() <= index {
            self.entries.resize(index + 1, None);
        }
        self.entries[index] = Some(placed);
        Ok(padding)
    }

    /// Places a section; returns the zero bytes to write before its stored bytes.
    pub(crate) fn section(
        &mut self,
        name: [u8; 8],
        packed: &Packed,
    ) -> Result<usize, ArchiveError> {
        if self.sections.iter().any(|(other, _)| *other == name) {
            return Err(ArchiveError::DuplicateSection { name });
        }
        if self.sections.len() == SECTIONS_MAX {
            return Err(ArchiveError::TooManySections);
        }
        let (padding, placed) = self.place(packed)?;
        self.sections.push((name, placed));
        Ok(padding)
    }

    pub(crate) fn begin_run(&mut self) {
        self.run_begins = true;
    }

    fn place(&mut self, packed: &Packed) -> Result<(usize, Placed), ArchiveError> {
        let logical_bytes = packed.logical_bytes;
        let too_large = |_| ArchiveError::TooLarge { logical_bytes };
        let padding = if self.run_begins { padding(self.position) } else { 0 };
        let record = EntryRecord {
            offset: self.position + padding as u64,
            stored_bytes: u32::try_from(packed.stored.len()).map_err(too_large)?,
            logical_bytes: u32::try_from(logical_bytes).map_err(too_large)?,
            filter: packed.filter,
            content_hash: packed.content_hash,
        };
        let placed = Placed { record, first_block: self.blocks.len() };
        self.run_begins = false;
        self.blocks.extend_from_slice(&packed.blocks);
        self.position = record.offset + u64::from(record.stored_bytes);
        self.logical_bytes += logical_bytes;
        self.stored_bytes += u64::from(record.stored_bytes);
        Ok((padding, placed))
    }

    fn blocks_of(&self, placed: &Placed) -> &[BlockRecord] {
        &self.blocks[placed.first_block..placed.first_block + placed.record.block_count()]
    }

    pub(crate) fn finish(&self) -> Ending {
        let mut tail = vec![0; padding(self.position)];
        let mut leaf_records = Vec::new();
        let mut content_hash = 0;
        for leaf in self.entries.chunks(LEAF_ENTRIES) {
            let bytes = self.leaf(leaf);
            leaf_records.extend_from_slice(&(self.position + tail.len() as u64).to_le_bytes());
            leaf_records.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            leaf_records.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
            content_hash = xxh64(&bytes, content_hash);
            tail.extend_from_slice(&bytes);
        }
        tail.resize(tail.len() + padding(self.position + tail.len() as u64), 0);

        let root = self.root(&leaf_records);
        content_hash = xxh64(&root, content_hash);
        let root_offset = self.position + tail.len() as u64;
        tail.extend_from_slice(&root);
        tail.resize(tail.len() + padding(self.position + tail.len() as u64), 0);

        let superblock = Superblock {
            generation: 2,
            root_offset,
            root_bytes: root.len() as u64,
            file_bytes: self.position + tail.len() as u64,
            content_hash,
            root_crc32c: crc32c::crc32c(&root),
        };
        let older = Superblock { generation: 1, ..superblock };
        Ending {
            tail,
            superblocks: [superblock.encode(), older.encode()],
            summary: Summary {
                entries: self.entries.iter().flatten().count() as u32,
                sections: self.sections.len() as u32,
                blocks: self.blocks.len() as u64,
                logical_bytes: self.logical_bytes,
                stored_bytes: self.stored_bytes,
                file_bytes: superblock.file_bytes,
                content_hash,
            },
        }
    }

    fn leaf(&self, entries: &[Option<Placed>]) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in entries {
            let record = entry.map_or([0; super::format::ENTRY_BYTES], |e| e.record.encode());
            out.extend_from_slice(&record);
        }
        for block in entries.iter().flatten().flat_map(|entry| self.blocks_of(entry)) {
            out.extend_from_slice(&block.encode());
        }
        out
    }

    fn root(&self, leaf_records: &[u8]) -> Vec<u8> {
        let blocks: usize = self.sections.iter().map(|(_, s)| s.record.block_count()).sum();
        let leaves = self.entries.len().div_ceil(LEAF_ENTRIES);
        let mut out = Vec::new();
        for count in [self.entries.len(), self.sections.len(), leaves, blocks] {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        for (name, section) in &self.sections {
            out.extend_from_slice(name);
            out.extend_from_slice(&section.record.encode());
        }
        for block in self.sections.iter().flat_map(|(_, section)| self.blocks_of(section)) {
            out.extend_from_slice(&block.encode());
        }
        out.extend_from_slice(leaf_records);
        out
    }
}

/// Zero bytes from `position` to the next multiple of [`RUN_ALIGN_BYTES`].
fn padding(position: u64) -> usize {
    (position.next_multiple_of(RUN_ALIGN_BYTES) - position) as usize
}

/// Writes an archive into memory: the same bytes as an
/// [`ArchiveWriter`](crate::ArchiveWriter) given the same calls.
#[derive(Debug)]
pub struct ArchiveBuilder {
    layout: Layout,
    bytes: Vec<u8>,
}

impl Default for ArchiveBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ArchiveBuilder {
    /// An archive of no entries.
    pub fn new() -> Self {
        Self { layout: Layout::new(), bytes: vec![0; DATA_START as usize] }
    }

    /// As [`ArchiveWriter::add`](crate::ArchiveWriter::add).
    ///
    /// # Errors
    /// `DuplicateEntry`, `EntryId` or `TooLarge`; the archive is then as before the call.
    pub fn add(&mut self, id: u32, packed: &Packed) -> Result<(), ArchiveError> {
        let padding = self.layout.add(id, packed)?;
        self.append(padding, &packed.stored);
        Ok(())
    }

    /// As [`ArchiveWriter::begin_run`](crate::ArchiveWriter::begin_run).
    pub fn begin_run(&mut self) {
        self.layout.begin_run();
    }

    /// As [`ArchiveWriter::section`](crate::ArchiveWriter::section).
    ///
    /// # Errors
    /// `DuplicateSection`, `TooManySections` or `TooLarge`; the archive is then as before the
    /// call.
    pub fn section(&mut self, name: [u8; 8], bytes: &[u8]) -> Result<(), ArchiveError> {
        let packed = pack(bytes, Filter::None);
        let padding = self.layout.section(name, &packed)?;
        self.append(padding, &packed.stored);
        Ok(())
    }

    /// The bytes of the whole archive.
    pub fn finish(mut self) -> (Vec<u8>, Summary) {
        let ending = self.layout.finish();
        self.bytes.extend_from_slice(&ending.tail);
        for (index, superblock) in ending.superblocks.iter().enumerate() {
            let at = index * super::format::SUPERBLOCK_BYTES;
            self.bytes[at..at + superblock.len()].copy_from_slice(superblock);
        }
        (self.bytes, ending.summary)
    }

    fn append(&mut self, padding: usize, stored: &[u8]) {
        self.bytes.resize(self.bytes.len() + padding, 0);
        self.bytes.extend_from_slice(stored);
    }
}
