//! The directory in memory, and the one place that turns untrusted bytes into it.

use super::error::{DirectoryFault, EntryFault};
use super::format::{
    BLOCK_RECORD_BYTES, ENTRIES_MAX, ENTRY_BYTES, EntryRecord, LEAF_ENTRIES, LEAF_RECORD_BYTES,
    ROOT_HEADER_BYTES, SECTION_BYTES, Superblock, u32_at, u64_at,
};
use crate::block::BlockRecord;
use crate::hash::xxh64;

/// An entry or a section: its record, and where its block records start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub record: EntryRecord,
    pub first_block: u32,
}

/// Every record of an archive, checked: extents lie in the file, blocks add up to their entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    pub entries: Vec<Option<Slot>>,
    pub sections: Vec<([u8; 8], Slot)>,
    pub blocks: Vec<BlockRecord>,
    /// Start and end of every leaf and of the root in the file.
    pub extents: Vec<(u64, u64)>,
    /// The content hash of what was read.
    pub content_hash: u64,
}

impl Directory {
    /// Reads the directory that `superblock` names. What is allocated is proportional to bytes
    /// that are really in `file`.
    pub(crate) fn read(file: &[u8], superblock: &Superblock) -> Result<Self, DirectoryFault> {
        let root = root(file, superblock)?;
        let [entries, sections, leaves, section_blocks] =
            [0, 4, 8, 12].map(|at| u32_at(root, at) as usize);
        if entries > ENTRIES_MAX as usize || leaves != entries.div_ceil(LEAF_ENTRIES) {
            return Err(DirectoryFault::Counts { entries: entries as u32, leaves: leaves as u32 });
        }
        let expected = ROOT_HEADER_BYTES as u64
            + sections as u64 * SECTION_BYTES as u64
            + section_blocks as u64 * BLOCK_RECORD_BYTES as u64
            + leaves as u64 * LEAF_RECORD_BYTES as u64;
        if expected != root.len() as u64 {
            return Err(DirectoryFault::RootLength { expected, found: root.len() as u64 });
        }

        let rest = &root[ROOT_HEADER_BYTES..];
        let (section_bytes, rest) = rest.split_at(sections * SECTION_BYTES);
        let (block_bytes, leaf_bytes) = rest.split_at(section_blocks * BLOCK_RECORD_BYTES);
        let mut directory = Self::default();
        directory.read_leaves(file, superblock, entries, leaf_bytes)?;
        directory.read_sections(superblock, section_bytes, block_bytes)?;
        directory.content_hash = xxh64(root, directory.content_hash);
        let root_end = superblock.root_offset + superblock.root_bytes;
        directory.extents.push((superblock.root_offset, root_end));
        Ok(directory)
    }

    fn read_leaves(
        &mut self,
        file: &[u8],
        superblock: &Superblock,
        entries: usize,
        leaf_records: &[u8],
    ) -> Result<(), DirectoryFault> {
        let mut leaves_bytes = 0u64;
        for (leaf, record) in leaf_records.chunks_exact(LEAF_RECORD_BYTES).enumerate() {
            let (offset, bytes) = (u64_at(record, 0), u64::from(u32_at(record, 8)));
            let first = leaf * LEAF_ENTRIES;
            let leaf = leaf as u32;
            // Leaves that share bytes would let a small file claim a large directory.
            leaves_bytes += bytes;
            let bytes = slice(file, superblock, offset, bytes)
                .filter(|_| leaves_bytes <= superblock.file_bytes)
                .ok_or(DirectoryFault::LeafExtent { leaf })?;
            let (expected, found) = (u32_at(record, 12), crc32c::crc32c(bytes));
            if expected != found {
                return Err(DirectoryFault::LeafChecksum { leaf, expected, found });
            }
            let count = LEAF_ENTRIES.min(entries - first);
            let (records, blocks) = bytes
                .split_at_checked(count * ENTRY_BYTES)
                .ok_or(DirectoryFault::LeafLength { leaf })?;
            let (records, _) = records.as_chunks::<ENTRY_BYTES>();
            let mut blocks = blocks;
            for (index, record) in records.iter().enumerate() {
                let id = (first + index) as u32;
                let slot = self
                    .read_slot(record, superblock, &mut blocks)
                    .map_err(|fault| DirectoryFault::Entry { id, fault })?;
                self.entries.push(slot);
            }
            if !blocks.is_empty() {
                return Err(DirectoryFault::LeafLength { leaf });
            }
            self.content_hash = xxh64(bytes, self.content_hash);
            self.extents.push((offset, offset + bytes.len() as u64));
        }
        Ok(())
    }

    fn read_sections(
        &mut self,
        superblock: &Superblock,
        records: &[u8],
        blocks: &[u8],
    ) -> Result<(), DirectoryFault> {
        let (records, _) = records.as_chunks::<SECTION_BYTES>();
        let mut blocks = blocks;
        for (index, record) in records.iter().enumerate() {
            let mut name = [0; 8];
            name.copy_from_slice(&record[..8]);
            let mut entry = [0; ENTRY_BYTES];
            entry.copy_from_slice(&record[8..]);
            let slot = self
                .read_slot(&entry, superblock, &mut blocks)
                .and_then(|slot| slot.ok_or(EntryFault::Section))
                .map_err(|fault| DirectoryFault::Section { index: index as u32, fault })?;
            self.sections.push((name, slot));
        }
        if blocks.is_empty() {
            Ok(())
        } else {
            let bytes = blocks.len() as u64;
            Err(DirectoryFault::RootLength {
                expected: superblock.root_bytes - bytes,
                found: superblock.root_bytes,
            })
        }
    }

    /// Reads one record and takes its block records from the front of `blocks`.
    fn read_slot(
        &mut self,
        record: &[u8; ENTRY_BYTES],
        superblock: &Superblock,
        blocks: &mut &[u8],
    ) -> Result<Option<Slot>, EntryFault> {
        let Some(record) = EntryRecord::decode(record, superblock.file_bytes)? else {
            return Ok(None);
        };
        let (own, rest) = blocks
            .split_at_checked(record.block_count() * BLOCK_RECORD_BYTES)
            .ok_or(EntryFault::BlocksMissing)?;
        *blocks = rest;
        let first_block = self.blocks.len() as u32;
        let mut sum = 0;
        let (own, _) = own.as_chunks::<BLOCK_RECORD_BYTES>();
        for (index, bytes) in own.iter().enumerate() {
            let block = BlockRecord::decode(bytes, record.block_bytes(index))
                .ok_or(EntryFault::Block { block: index as u32 })?;
            sum += u64::from(block.stored_bytes);
            self.blocks.push(block);
        }
        if sum != u64::from(record.stored_bytes) {
            return Err(EntryFault::StoredBytes { blocks: sum, record: record.stored_bytes });
        }
        Ok(Some(Slot { record, first_block }))
    }

    /// The block records of a slot of this directory.
    pub(crate) fn blocks_of(&self, slot: &Slot) -> &[BlockRecord] {
        let first = slot.first_block as usize;
        &self.blocks[first..first + slot.record.block_count()]
    }
}

fn root<'a>(file: &'a [u8], superblock: &Superblock) -> Result<&'a [u8], DirectoryFault> {
    let (offset, bytes) = (superblock.root_offset, superblock.root_bytes);
    let root = slice(file, superblock, offset, bytes)
        .ok_or(DirectoryFault::RootExtent { offset, bytes })?;
    let (expected, found) = (superblock.root_crc32c, crc32c::crc32c(root));
    if expected != found {
        return Err(DirectoryFault::RootChecksum { expected, found });
    }
    if root.len() < ROOT_HEADER_BYTES {
        return Err(DirectoryFault::RootLength {
            expected: ROOT_HEADER_BYTES as u64,
            found: bytes,
        });
    }
    Ok(root)
}

/// The bytes of a range that lies in the part of the file that the superblock names.
fn slice<'a>(file: &'a [u8], superblock: &Superblock, offset: u64, bytes: u64) -> Option<&'a [u8]> {
    let end = offset.checked_add(bytes).filter(|&end| end <= superblock.file_bytes)?;
    file.get(usize::try_from(offset).ok()?..usize::try_from(end).ok()?)
}
