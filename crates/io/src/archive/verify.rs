//! Checking every byte of an archive.

use std::io;
use std::path::Path;

use super::directory::{Directory, ReadFault};
use super::error::{ArchiveError, SuperblockFault};
use super::format::{
    BLOCK_RECORD_BYTES, DATA_MIN, DeadRecord, EntryRecord, SUPERBLOCK_BYTES, SUPERBLOCK_USED,
    Superblock,
};
use super::reader::Archive;
use crate::block::{BLOCK_BYTES, BlockErrorKind, decode_block, table};
use crate::hash::Hasher;

/// Bytes read at once where nothing gives another size.
const PIECE_BYTES: usize = 1 << 20;

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries that are present.
    pub entries: u32,
    /// Sections.
    pub sections: u32,
    /// Blocks of entries and sections, equal content counted once.
    pub blocks: u64,
    /// Bytes of entries and sections before compression, equal content counted once.
    pub logical_bytes: u64,
    /// Bytes in the file.
    pub file_bytes: u64,
    /// Bytes that only older generations use; they are checked too.
    pub dead_bytes: u64,
    /// What is wrong with the superblocks at 0 and 4096, and what the older one names.
    pub superblocks: [Option<SuperblockFault>; 2],
    /// Blocks that do not match their checksum or cannot be decoded.
    pub bad_blocks: Vec<BadBlock>,
    /// Entries whose blocks decode, but not to what was packed.
    pub bad_entries: Vec<u32>,
    /// Sections whose blocks decode, but not to what was packed.
    pub bad_sections: Vec<[u8; 8]>,
    /// Extents that share bytes with another: start and end.
    pub overlaps: Vec<(u64, u64)>,
    /// What only older generations use and is not what was written: start and end.
    pub bad_dead: Vec<(u64, u64)>,
    /// Bytes between the parts that are not zero.
    pub bad_padding: Vec<BadPadding>,
    /// The directory does not hash to the content hash of its superblock.
    pub bad_content_hash: bool,
    /// The names of entries do not hold together.
    pub bad_names: bool,
    /// Bytes behind the end of the archive, as an interrupted append leaves.
    pub trailing_bytes: u64,
}

/// A block that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBlock {
    /// The section it is in; `None` for an entry.
    pub section: Option<[u8; 8]>,
    /// Id of the entry, or index of the section.
    pub entry: u32,
    /// Index in the entry.
    pub block: u32,
    /// Where its stored bytes start in the file.
    pub offset: u64,
    /// What is wrong with it.
    pub kind: BlockErrorKind,
}

/// A range of padding that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPadding {
    /// Its first byte.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
}

impl VerifyReport {
    /// Whether nothing at all is wrong, anywhere in the file.
    pub fn is_clean(&self) -> bool {
        self.is_whole()
            && self.superblocks == [None, None]
            && self.bad_dead.is_empty()
            && self.bad_padding.is_empty()
            && self.trailing_bytes == 0
    }

    /// Whether all that the newest generation holds is intact. A writer that was killed, or a power
    /// cut, never costs more than this leaves: older generations, and bytes of no generation.
    pub fn is_whole(&self) -> bool {
        self.bad_blocks.is_empty()
            && self.bad_entries.is_empty()
            && self.bad_sections.is_empty()
            && self.overlaps.is_empty()
            && !self.bad_content_hash
            && !self.bad_names
    }
}

/// Checks everything in the archive at `path`: both superblocks and their directories, every block,
/// what each entry decodes to, what only older generations use, and the padding. It reads the file
/// once, from its start to its end, a block at a time. `progress` gets the bytes done and the bytes
/// in all, first before any and last when done.
///
/// # Errors
/// Those of [`Archive::open`], and `Io` when the file cannot be read. What else is wrong is in the
/// report.
pub fn verify(
    path: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<VerifyReport, ArchiveError> {
    Archive::open(path)?.verify(progress)
}

/// Start and end of the two parts of a directory.
type Extents = [(u64, u64); 2];

/// What lies at a place of the file.
#[derive(Clone, Copy)]
enum Part {
    Entry(u32),
    Section(u32),
    Dead(u32),
}

impl Archive {
    /// As [`verify`], for an archive that is open.
    ///
    /// # Errors
    /// `Io` when the file cannot be read.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport, ArchiveError> {
        self.scan(progress).map_err(|source| ArchiveError::Io {
            action: "read",
            path: self.path().to_path_buf(),
            source,
        })
    }

    fn scan(&self, progress: &mut dyn FnMut(u64, u64)) -> io::Result<VerifyReport> {
        let total = self.file_bytes();
        let directory = &self.directory;
        let mut report = VerifyReport {
            entries: directory.present().count() as u32,
            sections: directory.root.sections.len() as u32,
            file_bytes: total,
            dead_bytes: self.dead_bytes(),
            bad_content_hash: directory.content_hash() != self.superblock.content_hash,
            trailing_bytes: self.there_bytes().saturating_sub(total),
            ..VerifyReport::default()
        };
        progress(0, total);
        let mut covered = vec![(0, DATA_MIN)];
        covered.extend(directory.extents());
        for index in [0, 1] {
            let (fault, extents) = self.check_superblock(index)?;
            report.superblocks[index] = fault;
            covered.extend(extents.into_iter().flatten());
        }
        let mut parts = self.parts();
        parts.sort_unstable_by_key(|&(start, end, _)| (start, end));
        covered.extend(parts.iter().map(|&(start, end, _)| (start, end)));
        let mut scan = Scan { archive: self, report: &mut report, stored: Vec::new() };
        let mut last = (0, 0, Part::Dead(0));
        for &(start, end, part) in &parts {
            // Entries of equal content share an extent; nothing else shares any byte.
            if let (Part::Entry(id), Part::Entry(other)) = (part, last.2)
                && (start, end) == (last.0, last.1)
            {
                if self.record(id) != self.record(other) {
                    scan.report.bad_entries.push(id);
                }
                continue;
            }
            if start < last.1 {
                scan.report.overlaps.push((start, end));
                continue;
            }
            last = (start, end, part);
            scan.part(part)?;
            progress(end.min(total), total);
        }
        report.bad_names = report.bad_sections.is_empty()
            && report.bad_blocks.iter().all(|bad| bad.section.is_none())
            && self.names().is_err();
        self.check_padding(covered, &mut report.bad_padding)?;
        progress(total, total);
        Ok(report)
    }

    /// Everything that has an extent: start, end, what it is.
    fn parts(&self) -> Vec<(u64, u64, Part)> {
        let directory = &self.directory;
        let entries = directory.present().map(|(id, r)| (r.offset, r.end(), Part::Entry(id)));
        let sections = directory.root.sections.iter().enumerate();
        let sections =
            sections.map(|(index, (_, r))| (r.offset, r.end(), Part::Section(index as u32)));
        let dead = directory.dead.iter().enumerate();
        let dead = dead.map(|(index, r)| (r.offset, r.end(), Part::Dead(index as u32)));
        entries.chain(sections).chain(dead).filter(|(start, end, _)| start < end).collect()
    }

    /// What is wrong with a superblock or the directory that it names, and where that lies.
    fn check_superblock(
        &self,
        index: usize,
    ) -> io::Result<(Option<SuperblockFault>, Option<Extents>)> {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        self.read_at((index * SUPERBLOCK_BYTES) as u64, &mut bytes)?;
        let other = match Superblock::decode(&bytes, index) {
            Ok(other) => other,
            Err(fault) => return Ok((Some(fault), None)),
        };
        if bytes[SUPERBLOCK_USED..].iter().any(|&byte| byte != 0) {
            return Ok((Some(SuperblockFault::Padding), None));
        }
        if other == self.superblock {
            return Ok((None, None));
        }
        // A newer one than that in use was passed over, for its directory.
        if other.generation > self.superblock.generation
            || other.file_bytes > self.superblock.file_bytes
            || other.slots != self.superblock.slots
        {
            return Ok((Some(SuperblockFault::Content), None));
        }
        let read = &mut |offset, out: &mut [u8]| self.read_at(offset, out);
        match Directory::read(read, &other) {
            Ok(directory) if directory.content_hash() == other.content_hash => {
                Ok((None, Some(directory.extents())))
            }
            Err(ReadFault::Io(source)) => Err(source),
            Ok(_) | Err(ReadFault::Fault(_)) => Ok((Some(SuperblockFault::Content), None)),
        }
    }

    /// Finds the bytes that nothing covers and that are not zero.
    fn check_padding(
        &self,
        mut covered: Vec<(u64, u64)>,
        bad: &mut Vec<BadPadding>,
    ) -> io::Result<()> {
        covered.push((self.file_bytes(), self.file_bytes()));
        covered.sort_unstable();
        let mut done = 0;
        let mut bytes = Vec::new();
        for (start, end) in covered {
            let mut at = done;
            while at < start {
                let count = (start - at).min(PIECE_BYTES as u64);
                bytes.resize(count as usize, 0);
                self.read_at(at, &mut bytes)?;
                if bytes.iter().any(|&byte| byte != 0) {
                    bad.push(BadPadding { offset: at, bytes: count });
                }
                at += count;
            }
            done = done.max(end);
        }
        Ok(())
    }
}

/// Checks part after part through small buffers.
struct Scan<'a> {
    archive: &'a Archive,
    report: &'a mut VerifyReport,
    stored: Vec<u8>,
}

impl Scan<'_> {
    fn part(&mut self, part: Part) -> io::Result<()> {
        let directory = &self.archive.directory;
        match part {
            Part::Entry(id) => {
                let Some(record) = self.archive.record(id) else { return Ok(()) };
                if !self.record(record, None, id)? {
                    self.report.bad_entries.push(id);
                }
            }
            Part::Section(index) => {
                let (name, record) = &directory.root.sections[index as usize];
                if !self.record(record, Some(*name), index)? {
                    self.report.bad_sections.push(*name);
                }
            }
            Part::Dead(index) => {
                let dead = directory.dead[index as usize];
                if !self.dead(&dead)? {
                    self.report.bad_dead.push((dead.offset, dead.end()));
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, offset: u64, len: usize) -> io::Result<()> {
        self.stored.resize(len, 0);
        self.archive.read_at(offset, &mut self.stored)
    }

    /// Whether a record, unless a block of it is bad, decodes to what was packed.
    fn record(
        &mut self,
        record: &EntryRecord,
        section: Option<[u8; 8]>,
        entry: u32,
    ) -> io::Result<bool> {
        self.report.blocks += record.block_count() as u64;
        self.report.logical_bytes += u64::from(record.logical_bytes);
        let bad = |block, offset, kind| BadBlock { section, entry, block, offset, kind };
        self.read(record.offset, record.table_bytes())?;
        let head = std::mem::take(&mut self.stored);
        let rows = match table(record, &head) {
            Ok(rows) => rows,
            Err(kind) => {
                self.report.bad_blocks.push(bad(0, record.offset, kind));
                return Ok(true);
            }
        };
        let (mut out, mut scratch) = (vec![0; BLOCK_BYTES], Vec::new());
        let mut hasher = Hasher::default();
        let mut whole = true;
        let mut offset = record.offset + head.len() as u64;
        for (index, row) in rows.enumerate() {
            let stored_bytes = row.map_or(0, |row| u64::from(row.stored_bytes));
            let fault = match row {
                Err(kind) => Some(kind),
                Ok(row) if offset + stored_bytes > record.end() => {
                    let there = record.end() - offset;
                    Some(BlockErrorKind::length(row.stored_bytes as usize, there as usize))
                }
                Ok(row) => {
                    self.read(offset, row.stored_bytes as usize)?;
                    let out = &mut out[..record.block_bytes(index)];
                    let start = index * BLOCK_BYTES;
                    let piece = &self.stored;
                    let fault =
                        decode_block(record.filter, &row, start, piece, out, &mut scratch).err();
                    hasher.update(out);
                    fault
                }
            };
            if let Some(kind) = fault {
                whole = false;
                self.report.bad_blocks.push(bad(index as u32, offset, kind));
                if matches!(kind, BlockErrorKind::Record | BlockErrorKind::Length { .. }) {
                    return Ok(true);
                }
            }
            offset += stored_bytes;
        }
        Ok(!whole || (offset == record.end() && hasher.finish() == record.content_hash))
    }

    /// Whether a dead extent is what was written.
    fn dead(&mut self, dead: &DeadRecord) -> io::Result<bool> {
        let table_bytes = dead.blocks as usize * BLOCK_RECORD_BYTES;
        if dead.blocks == 0 {
            return Ok(self.crc(dead.offset, dead.bytes)? == dead.crc32c);
        }
        self.read(dead.offset, table_bytes)?;
        let rows = std::mem::take(&mut self.stored);
        if crc32c::crc32c(&rows) != dead.crc32c {
            return Ok(false);
        }
        let mut offset = dead.offset + table_bytes as u64;
        let (rows, _) = rows.as_chunks::<BLOCK_RECORD_BYTES>();
        for row in rows {
            let [a, b, c, _, crc @ ..] = *row;
            let bytes = u64::from(u32::from_le_bytes([a, b, c, 0]));
            if offset + bytes > dead.end() || self.crc(offset, bytes)? != u32::from_le_bytes(crc) {
                return Ok(false);
            }
            offset += bytes;
        }
        Ok(offset == dead.end())
    }

    fn crc(&mut self, offset: u64, bytes: u64) -> io::Result<u32> {
        let (mut done, mut crc) = (0, 0);
        while done < bytes {
            let count = (bytes - done).min(PIECE_BYTES as u64);
            self.read(offset + done, count as usize)?;
            crc = crc32c::crc32c_append(crc, &self.stored);
            done += count;
        }
        Ok(crc)
    }
}
