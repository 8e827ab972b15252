//! The `.far` format, version 1, byte by byte. All integers are little-endian; every byte that is
//! not named here is zero.
//!
//! ```text
//! file
//!        0  superblock 0
//!     4096  superblock 1
//!     8192  stored blocks of entries and sections, in the order they were added;
//!           an entry that begins a run starts on a multiple of 4096
//!        ·  leaves of the directory: the first on a multiple of 4096, the rest behind it
//!        ·  root of the directory, on a multiple of 4096
//!           end on a multiple of 4096
//!
//! superblock (4096 bytes)
//!        0  u8×8  magic 89 46 41 52 0D 0A 1A 0A ("\x89FAR\r\n\x1a\n")
//!        8  u32   version = 1
//!       12  u32   bytes in a block = 65536
//!       16  u64   generation; it lives in superblock (generation mod 2)
//!       24  u64   offset of the directory's root
//!       32  u64   bytes in the directory's root
//!       40  u64   bytes in the file
//!       48  u64   content hash: XXH64 of each leaf in turn and last of the root, the seed of each
//!                 being the hash before it, the first seed 0
//!       56  u32   crc32c of the directory's root
//!       60  u32   crc32c of bytes 0..60 of this superblock
//!
//! root
//!        0  u32   entry slots E: ids are 0..E, some may be absent
//!        4  u32   sections S
//!        8  u32   leaves L = ⌈E / 1024⌉
//!       12  u32   blocks of all sections B
//!       16  S × { u8×8 name, entry record }
//!        ·  B × block record, in the order of the sections
//!        ·  L × { u64 offset, u32 bytes, u32 crc32c }
//!
//! leaf: the entries 1024·i .. 1024·(i + 1)
//!        0  entry records
//!        ·  block records, in the order of the entries
//!
//! entry record (32 bytes; all zero: no such entry)
//!        0  u64   offset of its first stored block; the others follow without a gap
//!        8  u32   stored bytes, all blocks together
//!       12  u32   logical bytes n; it has ⌈n / 65536⌉ blocks
//!       16  u8    1
//!       17  u8    filter: 0 none, 1 planar delta of u16, 2 byte shuffle
//!       18  u16   0
//!       20  u32   parameter of the filter: 0; samples in a row; bytes in a record
//!       24  u64   content hash: XXH64 of each block's logical bytes in turn, the seed of each
//!                 being the hash before it, the first seed 0
//!
//! block record (8 bytes)
//!        0  u32   stored bytes s, 1..=65536, in the low 24 bits;
//!                 codec in the high 8: 0 raw and unfiltered, 1 filtered, then LZ4
//!        4  u32   crc32c of the stored bytes
//! ```
//!
//! The two superblocks are written in turn: everything else is synced first, so at every moment
//! one of them is whole and names a directory that is whole. A new file has generation 2 in
//! superblock 0 and generation 1 in superblock 1, both of the same content. Until it is finished
//! both are zero.
//!
//! A reader may load the whole directory (this one does) or the root and then single leaves: an
//! entry is two small reads away from the superblock.

use super::error::{EntryFault, SuperblockFault};
use crate::block::{BLOCK_BYTES, BlockRecord, Codec, EXPANSION_MAX};
use crate::filter::Filter;

/// The version of the format that this crate writes and reads.
pub const VERSION: u32 = 1;

/// Runs of entries, and the parts of the directory, start on multiples of this.
pub const RUN_ALIGN_BYTES: u64 = 4096;

/// The most ids that an archive can hold; ids are below it.
pub const ENTRIES_MAX: u32 = 1 << 26;

/// The most sections that an archive can hold.
pub(crate) const SECTIONS_MAX: usize = 1024;

pub(crate) const MAGIC: [u8; 8] = *b"\x89FAR\r\n\x1a\n";
pub(crate) const SUPERBLOCK_BYTES: usize = 4096;
/// Bytes of a superblock that mean something; the rest is padding.
pub(crate) const SUPERBLOCK_USED: usize = 64;
/// Where the first stored block may start.
pub(crate) const DATA_START: u64 = 2 * SUPERBLOCK_BYTES as u64;
pub(crate) const LEAF_ENTRIES: usize = 1024;
pub(crate) const ROOT_HEADER_BYTES: usize = 16;
pub(crate) const ENTRY_BYTES: usize = 32;
pub(crate) const SECTION_BYTES: usize = 8 + ENTRY_BYTES;
pub(crate) const BLOCK_RECORD_BYTES: usize = 8;
pub(crate) const LEAF_RECORD_BYTES: usize = 16;

const CODEC_SHIFT: u32 = 24;
const _: () = assert!(BLOCK_BYTES < 1 << CODEC_SHIFT);

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub generation: u64,
    pub root_offset: u64,
    pub root_bytes: u64,
    pub file_bytes: u64,
    pub content_hash: u64,
    pub root_crc32c: u32,
}

impl Superblock {
    pub(crate) fn encode(&self) -> [u8; SUPERBLOCK_USED] {
        let mut out = [0; SUPERBLOCK_USED];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&(BLOCK_BYTES as u32).to_le_bytes());
        out[16..24].copy_from_slice(&self.generation.to_le_bytes());
        out[24..32].copy_from_slice(&self.root_offset.to_le_bytes());
        out[32..40].copy_from_slice(&self.root_bytes.to_le_bytes());
        out[40..48].copy_from_slice(&self.file_bytes.to_le_bytes());
        out[48..56].copy_from_slice(&self.content_hash.to_le_bytes());
        out[56..60].copy_from_slice(&self.root_crc32c.to_le_bytes());
        let crc = crc32c::crc32c(&out[..60]);
        out[60..64].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `bytes` holds at least [`SUPERBLOCK_USED`] bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SuperblockFault> {
        let bytes = &bytes[..SUPERBLOCK_USED];
        if bytes.iter().all(|&byte| byte == 0) {
            return Err(SuperblockFault::Unwritten);
        }
        if bytes[..8] != MAGIC {
            return Err(SuperblockFault::Magic);
        }
        let (expected, found) = (u32_at(bytes, 60), crc32c::crc32c(&bytes[..60]));
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
        Ok(Self {
            generation: u64_at(bytes, 16),
            root_offset: u64_at(bytes, 24),
            root_bytes: u64_at(bytes, 32),
            file_bytes: u64_at(bytes, 40),
            content_hash: u64_at(bytes, 48),
            root_crc32c: u32_at(bytes, 56),
        })
    }
}

/// An entry that is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryRecord {
    pub offset: u64,
    pub stored_bytes: u32,
    pub logical_bytes: u32,
    pub filter: Filter,
    pub content_hash: u64,
}

impl EntryRecord {
    pub(crate) fn block_count(&self) -> usize {
        (self.logical_bytes as usize).div_ceil(BLOCK_BYTES)
    }

    /// Logical bytes of block `index`.
    pub(crate) fn block_bytes(&self, index: usize) -> usize {
        BLOCK_BYTES.min(self.logical_bytes as usize - index * BLOCK_BYTES)
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
        out[24..32].copy_from_slice(&self.content_hash.to_le_bytes());
        out
    }

    /// `Ok(None)`: no such entry. The extent is known to lie within `file_bytes`.
    pub(crate) fn decode(
        bytes: &[u8; ENTRY_BYTES],
        file_bytes: u64,
    ) -> Result<Option<Self>, EntryFault> {
        if bytes[16] == 0 {
            let zero = bytes.iter().all(|&byte| byte == 0);
            return if zero { Ok(None) } else { Err(EntryFault::Record) };
        }
        if bytes[16] != 1 || bytes[18..20] != [0, 0] {
            return Err(EntryFault::Record);
        }
        let filter = Filter::from_stored(bytes[17], u32_at(bytes, 20))
            .ok_or(EntryFault::Filter { id: bytes[17] })?;
        let record = Self {
            offset: u64_at(bytes, 0),
            stored_bytes: u32_at(bytes, 8),
            logical_bytes: u32_at(bytes, 12),
            filter,
            content_hash: u64_at(bytes, 24),
        };
        let end = record.offset.checked_add(u64::from(record.stored_bytes));
        if record.offset < DATA_START || end.is_none_or(|end| end > file_bytes) {
            return Err(EntryFault::Extent {
                offset: record.offset,
                stored_bytes: record.stored_bytes,
            });
        }
        Ok(Some(record))
    }
}

impl BlockRecord {
    pub(crate) fn encode(&self) -> [u8; BLOCK_RECORD_BYTES] {
        let codec: u32 = match self.codec {
            Codec::Raw => 0,
            Codec::Lz4 => 1,
        };
        let mut out = [0; BLOCK_RECORD_BYTES];
        out[..4].copy_from_slice(&(self.stored_bytes | codec << CODEC_SHIFT).to_le_bytes());
        out[4..].copy_from_slice(&self.crc32c.to_le_bytes());
        out
    }

    /// A record of a block of `logical_bytes`, which its stored bytes can really expand to.
    pub(crate) fn decode(bytes: &[u8; BLOCK_RECORD_BYTES], logical_bytes: usize) -> Option<Self> {
        let word = u32_at(bytes, 0);
        let stored_bytes = word & ((1 << CODEC_SHIFT) - 1);
        let stored = stored_bytes as usize;
        let (codec, possible) = match word >> CODEC_SHIFT {
            0 => (Codec::Raw, stored == logical_bytes),
            1 => (
                Codec::Lz4,
                stored <= BLOCK_BYTES && logical_bytes <= stored.saturating_mul(EXPANSION_MAX),
            ),
            _ => return None,
        };
        possible.then_some(Self { codec, stored_bytes, crc32c: u32_at(bytes, 4) })
    }
}
