//! The `.far` format, version 1, byte by byte. All integers are little-endian; every byte that is
//! not named here is zero.
//!
//! ```text
//! file
//!        0  superblock 0
//!     4096  superblock 1
//!     8192  root slot 0, R bytes; root slot 1, R bytes
//!        ·  leaf slot 0, L bytes; leaf slot 1, L bytes
//!        ·  stored entries and sections, in the order they were added;
//!           an entry that begins a run starts on a multiple of 4096
//!           end on a multiple of 4096
//!
//! superblock (4096 bytes)
//!        0  u8×8  magic 89 46 41 52 0D 0A 1A 0A ("\x89FAR\r\n\x1a\n")
//!        8  u32   version = 1
//!       12  u32   bytes in a block = 65536
//!       16  u64   generation; it lives in superblock (generation mod 2)
//!       24  u64   bytes in the file
//!       32  u64   offset of the root
//!       40  u32   bytes in the root
//!       44  u32   crc32c of the root
//!       48  u32   R, a multiple of 4096
//!       52  u32   L, a multiple of 4096
//!       56  u8×16 content hash: XXH3-128 of what the archive holds, wherever it lies: of each
//!                 entry { u32 id, u32 logical bytes, u8×16 its hash } by rising id, then of each
//!                 section { u8×8 name, u32 logical bytes, u32 0, u8×16 its hash } by rising name
//!       72  u32   crc32c of bytes 0..72 of this superblock
//!
//! root
//!        0  u32   entry slots E: ids are 0..E, some may be absent
//!        4  u32   sections S
//!        8  u32   leaves N = ⌈E / 1024⌉
//!       12  u32   dead extents D
//!       16  u64   offset of the leaves: N · 1024 entry records (the last leaf may be shorter), and
//!                 behind them D dead records
//!       24  u32   crc32c of the D dead records
//!       28  u32   0
//!       32  S × { u8×8 name, entry record }
//!        ·  N × u32 crc32c of a leaf
//!
//! entry record (48 bytes; all zero: no such entry)
//!        0  u64   offset of its extent
//!        8  u32   stored bytes s of its extent; 0 where n is 0
//!       12  u32   logical bytes n
//!       16  u8    1
//!       17  u8    filter: 0 none, 1 planar gradient of u16, 2 byte shuffle, 3 planar gradient of
//!                 f32, 4 subtract green, 5 mesh vertices, 6 mesh indices of 16 bits, 7 of 32 bits
//!       18  u16   0
//!       20  u32   parameter of the filter: 0; samples in a row; bytes in a record; samples in a
//!                 row; texels in a row; bytes in a vertex; 0; 0
//!       24  u8×16 content hash: XXH3-128 (seed 0) of the n logical bytes
//!       40  u32   crc32c of the block table
//!       44  u32   0
//!
//! extent of an entry
//!        0  block table: ⌈n / 65536⌉ × block record
//!        ·  the blocks' stored bytes, without a gap
//!
//! block record (8 bytes)
//!        0  u32   stored bytes, 1..=65536, in the low 24 bits; codec in the high 8:
//!                 0 raw and unfiltered, 1 filtered, then LZ4, 2 filtered, then a Zstandard frame,
//!                 3 filtered. No block has more than 255 times the bytes that are stored of it
//!        4  u32   crc32c of the stored bytes
//!
//! dead record (32 bytes): bytes that an older generation used and this one does not
//!        0  u64   offset
//!        8  u64   bytes
//!       16  u32   id of the entry that it was; 0xFFFFFFFF for a section or a directory
//!       20  u32   blocks in its block table; 0: it has none
//!       24  u32   crc32c of its block table; without one, of all its bytes
//!       28  u32   0
//! ```
//!
//! The two superblocks are written in turn, and so are the slots: everything that a superblock
//! names is synced before it is written, so at every moment one superblock is whole and names a
//! directory that is whole. Until an archive is finished both are zero. A new one has generation
//! 2 in superblock 0 and generation 1 in superblock 1, both of the same content.
//!
//! Generation g uses slots (g mod 2). What does not fit its slot goes to the end of the file: first
//! the leaves, then the root. An append writes only behind the end of the file, into the slots of
//! the generation before the last, and at last its superblock.
//!
//! Extents are disjoint or, for entries of equal content, the same. Every byte of the file is in a
//! superblock, in the directory of one of the two, in a live or a dead extent, or zero.
//!
//! A reader that fetches the first 2 MiB + 8 KiB ([`FRONT_BYTES`]) has the directory as long as it
//! has at most 1 MiB and its slots were large enough, so that any entry is two reads away; beyond,
//! it still has the root, and an entry is a leaf and itself away.

use super::error::{EntryFault, SuperblockFault};
use crate::block::{BLOCK_BYTES, EXPANSION_MAX};
use crate::filter::Filter;

/// The version of the format that this crate writes and reads.
pub const VERSION: u32 = 1;

/// Runs of entries, and the parts of the directory, start on multiples of this.
pub const RUN_ALIGN_BYTES: u64 = 4096;

/// The most ids that an archive can hold; ids are below it.
pub const ENTRIES_MAX: u32 = 1 << 26;

/// What a reader far away asks for first: both superblocks and both copies of a directory of up to
/// 1 MiB.
pub const FRONT_BYTES: u64 = DATA_MIN + 2 * (1 << 20);

/// The most sections that an archive can hold.
pub(crate) const SECTIONS_MAX: usize = 1024;

pub(crate) const MAGIC: [u8; 8] = *b"\x89FAR\r\n\x1a\n";
pub(crate) const SUPERBLOCK_BYTES: usize = 4096;
/// Bytes of a superblock that mean something; the rest is padding. Within one disk sector, which is
/// written as a whole or not at all.
pub(crate) const SUPERBLOCK_USED: usize = 76;
const _: () = assert!(SUPERBLOCK_USED <= 512);
/// Behind the superblocks.
pub(crate) const DATA_MIN: u64 = 2 * SUPERBLOCK_BYTES as u64;
pub(crate) const LEAF_ENTRIES: usize = 1024;
pub(crate) const ROOT_HEADER_BYTES: usize = 32;
pub(crate) const ENTRY_BYTES: usize = 48;
pub(crate) const LEAF_BYTES: usize = LEAF_ENTRIES * ENTRY_BYTES;
pub(crate) const SECTION_BYTES: usize = 8 + ENTRY_BYTES;
/// Of most sections and most entries.
pub(crate) const ROOT_BYTES_MAX: usize =
    ROOT_HEADER_BYTES + SECTIONS_MAX * SECTION_BYTES + ENTRIES_MAX as usize / LEAF_ENTRIES * 4;
pub(crate) const BLOCK_RECORD_BYTES: usize = 8;
pub(crate) const DEAD_BYTES: usize = 32;
/// Dead records may fill as much of the directory as the entries of the largest archive.
pub(crate) const DEAD_MAX: usize = ENTRIES_MAX as usize;

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Where the directory's slots lie, fixed when an archive is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    pub root_bytes: u32,
    pub leaf_bytes: u32,
}

impl Slots {
    /// Room for the directory of `entries` entries, and an eighth to spare.
    pub(crate) fn for_entries(entries: u32) -> Self {
        let entries = u64::from(entries.min(ENTRIES_MAX));
        let entries = (entries + entries / 8).clamp(1, u64::from(ENTRIES_MAX));
        let leaves = entries.div_ceil(LEAF_ENTRIES as u64);
        let whole = |bytes: u64| bytes.next_multiple_of(RUN_ALIGN_BYTES) as u32;
        Self {
            root_bytes: whole(ROOT_HEADER_BYTES as u64 + 16 * SECTION_BYTES as u64 + 4 * leaves),
            leaf_bytes: whole(entries * ENTRY_BYTES as u64),
        }
    }

    pub(crate) fn root(self, generation: u64) -> u64 {
        DATA_MIN + (generation % 2) * u64::from(self.root_bytes)
    }

    pub(crate) fn leaves(self, generation: u64) -> u64 {
        DATA_MIN + 2 * u64::from(self.root_bytes) + (generation % 2) * u64::from(self.leaf_bytes)
    }

    /// Where the first extent may start.
    pub(crate) fn end(self) -> u64 {
        DATA_MIN + 2 * u64::from(self.root_bytes) + 2 * u64::from(self.leaf_bytes)
    }
}

const _: () = assert!(ENTRIES_MAX as u64 * ENTRY_BYTES as u64 <= u32::MAX as u64, "L is a u32");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub generation: u64,
    pub file_bytes: u64,
    pub root_offset: u64,
    pub root_bytes: u32,
    pub root_crc32c: u32,
    pub slots: Slots,
    pub content_hash: u128,
}

impl Superblock {
    pub(crate) fn encode(&self) -> [u8; SUPERBLOCK_USED] {
        let mut out = [0; SUPERBLOCK_USED];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&(BLOCK_BYTES as u32).to_le_bytes());
        out[16..24].copy_from_slice(&self.generation.to_le_bytes());
        out[24..32].copy_from_slice(&self.file_bytes.to_le_bytes());
        out[32..40].copy_from_slice(&self.root_offset.to_le_bytes());
        out[40..44].copy_from_slice(&self.root_bytes.to_le_bytes());
        out[44..48].copy_from_slice(&self.root_crc32c.to_le_bytes());
        out[48..52].copy_from_slice(&self.slots.root_bytes.to_le_bytes());
        out[52..56].copy_from_slice(&self.slots.leaf_bytes.to_le_bytes());
        out[56..72].copy_from_slice(&self.content_hash.to_le_bytes());
        let crc = crc32c::crc32c(&out[..72]);
        out[72..76].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `bytes` holds at least [`SUPERBLOCK_USED`] bytes, of superblock `index`.
    pub(crate) fn decode(bytes: &[u8], index: usize) -> Result<Self, SuperblockFault> {
        let bytes = &bytes[..SUPERBLOCK_USED];
        if bytes.iter().all(|&byte| byte == 0) {
            return Err(SuperblockFault::Unwritten);
        }
        if bytes[..8] != MAGIC {
            return Err(SuperblockFault::Magic);
        }
        let (expected, found) = (u32_at(bytes, 72), crc32c::crc32c(&bytes[..72]));
        if expected != found {
            return Err(SuperblockFault::Checksum { expected, found });
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(SuperblockFault::Version { found: version });
        }
        let block_bytes = u32_at(bytes, 12);
        if block_bytes != BLOCK_BYTES as u32 {
            return Err(SuperblockFault::BlockBytes { found: block_bytes });
        }
        let superblock = Self {
            generation: u64_at(bytes, 16),
            file_bytes: u64_at(bytes, 24),
            root_offset: u64_at(bytes, 32),
            root_bytes: u32_at(bytes, 40),
            root_crc32c: u32_at(bytes, 44),
            slots: Slots { root_bytes: u32_at(bytes, 48), leaf_bytes: u32_at(bytes, 52) },
            content_hash: u128_at(bytes, 56),
        };
        // No generation could follow the last one.
        let generation = superblock.generation;
        if generation % 2 != index as u64 || generation == u64::MAX {
            return Err(SuperblockFault::Generation { found: superblock.generation });
        }
        let Slots { root_bytes, leaf_bytes } = superblock.slots;
        let aligned = |bytes: u32| u64::from(bytes).is_multiple_of(RUN_ALIGN_BYTES);
        let is_in_file = superblock.slots.end() <= superblock.file_bytes;
        if !(aligned(root_bytes) && aligned(leaf_bytes) && is_in_file) {
            return Err(SuperblockFault::Slots { root_bytes, leaf_bytes });
        }
        Ok(superblock)
    }
}

/// An entry that is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryRecord {
    pub offset: u64,
    pub stored_bytes: u32,
    pub logical_bytes: u32,
    pub filter: Filter,
    pub content_hash: u128,
    pub table_crc32c: u32,
}

impl EntryRecord {
    pub(crate) fn block_count(&self) -> usize {
        (self.logical_bytes as usize).div_ceil(BLOCK_BYTES)
    }

    pub(crate) fn table_bytes(&self) -> usize {
        self.block_count() * BLOCK_RECORD_BYTES
    }

    /// Logical bytes of block `index`.
    pub(crate) fn block_bytes(&self, index: usize) -> usize {
        BLOCK_BYTES.min(self.logical_bytes as usize - index * BLOCK_BYTES)
    }

    pub(crate) fn end(&self) -> u64 {
        self.offset + u64::from(self.stored_bytes)
    }

    pub(crate) fn encode(&self) -> [u8; ENTRY_BYTES] {
        let (filter, parameter) = self.filter.to_stored();
        let mut out = [0; ENTRY_BYTES];
        out[..8].copy_from_slice(&self.offset.to_le_bytes());
        out[8..12].copy_from_slice(&self.stored_bytes.to_le_bytes());
        out[12..16].copy_from_slice(&self.logical_bytes.to_le_bytes());
        out[16] = 1;
        out[17] = filter;
        out[20..24].copy_from_slice(&parameter.to_le_bytes());
        out[24..40].copy_from_slice(&self.content_hash.to_le_bytes());
        out[40..44].copy_from_slice(&self.table_crc32c.to_le_bytes());
        out
    }

    /// `Ok(None)`: no such entry. The extent is known to lie behind the slots and within the file,
    /// and to be long enough for its logical bytes.
    pub(crate) fn decode(
        bytes: &[u8; ENTRY_BYTES],
        superblock: &Superblock,
    ) -> Result<Option<Self>, EntryFault> {
        if bytes[16] == 0 {
            let zero = bytes.iter().all(|&byte| byte == 0);
            return if zero { Ok(None) } else { Err(EntryFault::Record) };
        }
        if bytes[16] != 1 || bytes[18..20] != [0, 0] || bytes[44..] != [0; 4] {
            return Err(EntryFault::Record);
        }
        let filter = Filter::from_stored(bytes[17], u32_at(bytes, 20))
            .ok_or(EntryFault::Filter { id: bytes[17] })?;
        let record = Self {
            offset: u64_at(bytes, 0),
            stored_bytes: u32_at(bytes, 8),
            logical_bytes: u32_at(bytes, 12),
            filter,
            content_hash: u128_at(bytes, 24),
            table_crc32c: u32_at(bytes, 40),
        };
        let (offset, stored_bytes) = (record.offset, record.stored_bytes);
        let end = offset.checked_add(u64::from(stored_bytes));
        if offset < superblock.slots.end() || end.is_none_or(|end| end > superblock.file_bytes) {
            return Err(EntryFault::Extent { offset, stored_bytes });
        }
        let logical_bytes = record.logical_bytes;
        let blocks = (stored_bytes as usize).checked_sub(record.table_bytes());
        let possible = blocks.is_some_and(|blocks| {
            blocks <= logical_bytes as usize
                && logical_bytes as usize <= blocks.saturating_mul(EXPANSION_MAX)
        });
        if !possible {
            return Err(EntryFault::Length { stored_bytes, logical_bytes });
        }
        Ok(Some(record))
    }
}

/// An extent that only an older generation uses, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeadRecord {
    pub offset: u64,
    pub bytes: u64,
    pub id: u32,
    pub blocks: u32,
    pub crc32c: u32,
}

impl DeadRecord {
    /// The id of what was no entry.
    pub(crate) const NO_ENTRY: u32 = u32::MAX;

    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    /// Bytes of all of them, or the most there can be: in a hostile file they overlap.
    pub(crate) fn bytes_of(records: &[Self]) -> u64 {
        records.iter().fold(0, |sum, record| sum.saturating_add(record.bytes))
    }

    pub(crate) fn encode(&self) -> [u8; DEAD_BYTES] {
        let mut out = [0; DEAD_BYTES];
        out[..8].copy_from_slice(&self.offset.to_le_bytes());
        out[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        out[16..20].copy_from_slice(&self.id.to_le_bytes());
        out[20..24].copy_from_slice(&self.blocks.to_le_bytes());
        out[24..28].copy_from_slice(&self.crc32c.to_le_bytes());
        out
    }

    pub(crate) fn decode(
        bytes: &[u8; DEAD_BYTES],
        superblock: &Superblock,
    ) -> Result<Self, EntryFault> {
        let record = Self {
            offset: u64_at(bytes, 0),
            bytes: u64_at(bytes, 8),
            id: u32_at(bytes, 16),
            blocks: u32_at(bytes, 20),
            crc32c: u32_at(bytes, 24),
        };
        let table_bytes = u64::from(record.blocks) * BLOCK_RECORD_BYTES as u64;
        let blocks_max = u32::MAX.div_ceil(BLOCK_BYTES as u32);
        if bytes[28..] != [0; 4]
            || record.bytes == 0
            || table_bytes > record.bytes
            || record.blocks > blocks_max
        {
            return Err(EntryFault::Record);
        }
        let end = record.offset.checked_add(record.bytes);
        let outside = end.is_none_or(|end| end > superblock.file_bytes);
        if outside || record.offset < superblock.slots.end() {
            let stored_bytes = record.bytes.min(u64::from(u32::MAX)) as u32;
            return Err(EntryFault::Extent { offset: record.offset, stored_bytes });
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::DeadRecord;

    #[test]
    fn bytes_of_dead_extents_that_overlap_do_not_overflow() {
        let dead = |bytes| DeadRecord { offset: 8192, bytes, id: 0, blocks: 0, crc32c: 0 };
        assert_eq!(DeadRecord::bytes_of(&[dead(3), dead(4)]), 7);
        assert_eq!(DeadRecord::bytes_of(&[dead(1 << 63), dead(1 << 63), dead(1)]), u64::MAX);
    }
}
