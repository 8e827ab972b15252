//! Blocks: an entry's bytes in pieces of 64 KiB, each compressed and checked by itself.

use std::fmt;

use crate::filter::Filter;
use crate::hash::xxh64;

/// Logical bytes in every block of an entry but the last, which may be shorter.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// An LZ4 sequence expands no byte to more than this many (one length byte adds 255), so a block
/// that claims more is refused before anything is allocated for it.
pub(crate) const EXPANSION_MAX: usize = 255;

/// How one block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// As it is, unfiltered.
    Raw,
    /// Filtered, then an LZ4 block without a frame.
    Lz4,
}

/// The directory's record of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    pub codec: Codec,
    /// At most [`BLOCK_BYTES`].
    pub stored_bytes: u32,
    /// Of the stored bytes.
    pub crc32c: u32,
}

/// An entry ready to be added to an archive: compressed, with its checksums. Made by [`pack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub(crate) filter: Filter,
    pub(crate) logical_bytes: u64,
    pub(crate) content_hash: u64,
    pub(crate) blocks: Vec<BlockRecord>,
    pub(crate) stored: Vec<u8>,
}

impl Packed {
    /// Bytes before compression.
    pub fn logical_bytes(&self) -> u64 {
        self.logical_bytes
    }

    /// Bytes that it takes in the archive.
    pub fn stored_bytes(&self) -> u64 {
        self.stored.len() as u64
    }

    /// XXH64 chained over the blocks before compression: equal content has an equal hash.
    pub fn content_hash(&self) -> u64 {
        self.content_hash
    }
}

/// Compresses `bytes` behind `filter`, block by block. Pure: call it from any thread.
///
/// A block that LZ4 makes less than 5% smaller is stored as it is, so that reading it costs no
/// more than a copy. The result is never larger than `bytes`.
pub fn pack(bytes: &[u8], filter: Filter) -> Packed {
    let mut filtered = vec![0; BLOCK_BYTES.min(bytes.len())];
    let mut compressed =
        vec![0; lz4_flex::block::get_maximum_output_size(BLOCK_BYTES.min(bytes.len()))];
    let mut blocks = Vec::with_capacity(bytes.len().div_ceil(BLOCK_BYTES));
    let mut stored = Vec::new();
    let mut content_hash = 0;
    for (index, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
        content_hash = xxh64(block, content_hash);
        let source = if filter == Filter::None {
            block
        } else {
            filter.encode(index * BLOCK_BYTES, block, &mut filtered[..block.len()]);
            &filtered[..block.len()]
        };
        let len = lz4_flex::block::compress_into(source, &mut compressed).unwrap_or(usize::MAX);
        let (codec, piece) = if len.saturating_mul(100) <= block.len() * 95 {
            (Codec::Lz4, &compressed[..len])
        } else {
            (Codec::Raw, block)
        };
        blocks.push(BlockRecord {
            codec,
            stored_bytes: piece.len() as u32,
            crc32c: crc32c::crc32c(piece),
        });
        stored.extend_from_slice(piece);
    }
    Packed { filter, logical_bytes: bytes.len() as u64, content_hash, blocks, stored }
}

/// Checks and decodes one block that starts `start` bytes into its entry. `stored` and `out` have
/// the lengths that the directory gives them.
pub(crate) fn decode_block(
    filter: Filter,
    record: &BlockRecord,
    start: usize,
    stored: &[u8],
    out: &mut [u8],
    scratch: &mut Vec<u8>,
) -> Result<(), BlockErrorKind> {
    let found = crc32c::crc32c(stored);
    if found != record.crc32c {
        return Err(BlockErrorKind::Checksum { expected: record.crc32c, found });
    }
    match (record.codec, filter) {
        (Codec::Raw, _) if stored.len() == out.len() => out.copy_from_slice(stored),
        (Codec::Raw, _) => {
            return Err(BlockErrorKind::Length {
                expected: out.len() as u64,
                found: stored.len() as u64,
            });
        }
        (Codec::Lz4, Filter::None) => decompress(stored, out)?,
        (Codec::Lz4, filter) => {
            if scratch.len() < out.len() {
                scratch.resize(BLOCK_BYTES, 0);
            }
            let filtered = &mut scratch[..out.len()];
            decompress(stored, filtered)?;
            filter.decode(start, filtered, out);
        }
    }
    Ok(())
}

fn decompress(stored: &[u8], out: &mut [u8]) -> Result<(), BlockErrorKind> {
    match lz4_flex::block::decompress_into(stored, out) {
        Ok(len) if len == out.len() => Ok(()),
        Ok(len) => Err(BlockErrorKind::Length { expected: out.len() as u64, found: len as u64 }),
        Err(_) => Err(BlockErrorKind::Decompress),
    }
}

/// A block that could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockError {
    /// Id of the entry.
    pub entry: u32,
    /// Index of the block in its entry.
    pub block: u32,
    /// What is wrong with it.
    pub kind: BlockErrorKind,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockErrorKind {
    /// The archive has no such entry.
    Absent,
    /// The stored bytes are not those that were written.
    Checksum {
        /// crc32c in the directory.
        expected: u32,
        /// crc32c of the bytes.
        found: u32,
    },
    /// The checksum holds, but the bytes are no LZ4 block.
    Decompress,
    /// A buffer or a block has the wrong length.
    Length {
        /// Bytes that the directory gives.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
}

impl fmt::Display for BlockErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(f, "the archive has no such entry"),
            Self::Checksum { expected, found } => {
                write!(f, "checksum {found:08x} instead of {expected:08x}")
            }
            Self::Decompress => write!(f, "not a valid LZ4 block"),
            Self::Length { expected, found } => write!(f, "{found} bytes instead of {expected}"),
        }
    }
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}, block {}: {}", self.entry, self.block, self.kind)
    }
}

impl std::error::Error for BlockError {}
