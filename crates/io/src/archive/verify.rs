//! Checking every byte of an archive.

use std::path::Path;

use super::directory::Slot;
use super::error::{ArchiveError, SuperblockFault};
use super::format::{DATA_START, SUPERBLOCK_BYTES, SUPERBLOCK_USED};
use super::reader::{Archive, superblock};
use crate::block::{BLOCK_BYTES, BlockErrorKind, decode_block};
use crate::hash::xxh64;

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries that are present.
    pub entries: u32,
    /// Sections.
    pub sections: u32,
    /// Blocks of entries and sections.
    pub blocks: u64,
    /// Bytes of entries and sections before compression.
    pub logical_bytes: u64,
    /// Bytes in the file.
    pub file_bytes: u64,
    /// What is wrong with the superblocks at 0 and 4096.
    pub superblocks: [Option<SuperblockFault>; 2],
    /// Blocks that cannot be decoded, by place in the directory.
    pub bad_blocks: Vec<BadBlock>,
    /// Entries whose blocks decode, but not to what was packed.
    pub bad_entries: Vec<u32>,
    /// Sections whose blocks decode, but not to what was packed.
    pub bad_sections: Vec<[u8; 8]>,
    /// Bytes between the parts that are not zero.
    pub bad_padding: Vec<BadPadding>,
    /// The directory does not hash to the content hash of its superblock.
    pub bad_content_hash: bool,
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
    /// Whether nothing at all is wrong.
    pub fn is_clean(&self) -> bool {
        self.superblocks == [None, None]
            && self.bad_blocks.is_empty()
            && self.bad_entries.is_empty()
            && self.bad_sections.is_empty()
            && self.bad_padding.is_empty()
            && !self.bad_content_hash
            && self.trailing_bytes == 0
    }
}

/// Checks everything in the archive at `path`: both superblocks, the directory, every block, what
/// each entry decodes to, and the padding. `progress` gets the bytes done and the bytes in all,
/// first before any and last when done.
///
/// # Errors
/// Those of [`Archive::open`]. What else is wrong is in the report.
pub fn verify(
    path: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<VerifyReport, ArchiveError> {
    Ok(Archive::open(path)?.verify(progress))
}

impl Archive {
    /// As [`verify`], for an archive that is open.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> VerifyReport {
        let total = self.file_bytes();
        let directory = &self.directory;
        let mut report = VerifyReport {
            sections: directory.sections.len() as u32,
            file_bytes: total,
            superblocks: [0, 1].map(|index| self.superblock_fault(index)),
            bad_content_hash: directory.content_hash != self.superblock.content_hash,
            trailing_bytes: self.bytes().len() as u64 - total,
            ..VerifyReport::default()
        };
        let mut scan = Scan { report: &mut report, out: Vec::new(), scratch: Vec::new() };
        let mut done = DATA_START;
        progress(done.min(total), total);
        for (index, (name, slot)) in directory.sections.iter().enumerate() {
            if !scan.slot(self, slot, Some(*name), index as u32) {
                scan.report.bad_sections.push(*name);
            }
            done += u64::from(slot.record.stored_bytes);
            progress(done.min(total), total);
        }
        for (id, slot) in directory.entries.iter().enumerate() {
            let Some(slot) = slot else { continue };
            scan.report.entries += 1;
            if !scan.slot(self, slot, None, id as u32) {
                scan.report.bad_entries.push(id as u32);
            }
            done += u64::from(slot.record.stored_bytes);
            progress(done.min(total), total);
        }
        self.padding(&mut report.bad_padding);
        progress(total, total);
        report
    }

    fn superblock_fault(&self, index: usize) -> Option<SuperblockFault> {
        let at = index * SUPERBLOCK_BYTES;
        let padding = &self.bytes()[at + SUPERBLOCK_USED..at + SUPERBLOCK_BYTES];
        match superblock(self.bytes(), index) {
            Err(fault) => Some(fault),
            Ok(_) if padding.iter().any(|&byte| byte != 0) => Some(SuperblockFault::Padding),
            // A newer superblock than the one in use was passed over.
            Ok(other) if other.generation > self.superblock.generation => {
                Some(SuperblockFault::Content)
            }
            Ok(_) => None,
        }
    }

    /// Finds the bytes that no superblock, block or directory covers and that are not zero.
    fn padding(&self, bad: &mut Vec<BadPadding>) {
        let directory = &self.directory;
        let sections = directory.sections.iter().map(|(_, slot)| slot);
        let mut parts: Vec<(u64, u64)> = directory
            .entries
            .iter()
            .flatten()
            .chain(sections)
            .map(|slot| (slot.record.offset, u64::from(slot.record.stored_bytes)))
            .map(|(offset, bytes)| (offset, offset + bytes))
            .chain(directory.extents.iter().copied())
            .chain([(0, DATA_START), (self.file_bytes(), self.file_bytes())])
            .collect();
        parts.sort_unstable();
        let mut covered = 0;
        for (start, end) in parts {
            if start > covered {
                let gap = &self.bytes()[covered as usize..start as usize];
                if gap.iter().any(|&byte| byte != 0) {
                    bad.push(BadPadding { offset: covered, bytes: start - covered });
                }
            }
            covered = covered.max(end);
        }
    }
}

/// Decodes block after block into one buffer.
struct Scan<'a> {
    report: &'a mut VerifyReport,
    out: Vec<u8>,
    scratch: Vec<u8>,
}

impl Scan<'_> {
    /// Whether the slot, unless a block of it is bad, decodes to what was packed.
    fn slot(
        &mut self,
        archive: &Archive,
        slot: &Slot,
        section: Option<[u8; 8]>,
        entry: u32,
    ) -> bool {
        let record = &slot.record;
        self.out.resize(BLOCK_BYTES, 0);
        let (mut hash, mut whole) = (0, true);
        let mut offset = record.offset;
        let mut rest = archive.stored_of(slot);
        for (index, block) in archive.directory.blocks_of(slot).iter().enumerate() {
            let (piece, behind) = rest.split_at(block.stored_bytes as usize);
            rest = behind;
            let out = &mut self.out[..record.block_bytes(index)];
            let start = index * BLOCK_BYTES;
            match decode_block(record.filter, block, start, piece, out, &mut self.scratch) {
                Ok(()) => hash = xxh64(out, hash),
                Err(kind) => {
                    whole = false;
                    let block = index as u32;
                    self.report.bad_blocks.push(BadBlock { section, entry, block, offset, kind });
                }
            }
            offset += piece.len() as u64;
        }
        self.report.blocks += record.block_count() as u64;
        self.report.logical_bytes += u64::from(record.logical_bytes);
        !whole || hash == record.content_hash
    }
}
