//! Blocks: an entry's bytes in pieces of 64 KiB, each compressed and checked by itself.

use std::fmt;

use crate::archive::EntryRecord;
use crate::codec::{self, Codec};
use crate::filter::Filter;
use crate::hash::hash128;
use crate::profile::Profile;
use crate::queue::ReadErrorKind;

/// Logical bytes in every block of an entry but the last, which may be shorter.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// No block has more than this many times the bytes that are stored of it, so that what claims more
/// is refused before anything is allocated for it. An LZ4 sequence cannot do more anyway.
pub(crate) const EXPANSION_MAX: usize = 255;

const RECORD_BYTES: usize = 8;
const CODEC_SHIFT: u32 = 24;
const _: () = assert!(BLOCK_BYTES < 1 << CODEC_SHIFT);

/// The block table's record of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    pub codec: Codec,
    /// At most [`BLOCK_BYTES`].
    pub stored_bytes: u32,
    /// Of the stored bytes.
    pub crc32c: u32,
}

impl BlockRecord {
    pub(crate) fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut out = [0; RECORD_BYTES];
        let word = self.stored_bytes | u32::from(self.codec.id()) << CODEC_SHIFT;
        out[..4].copy_from_slice(&word.to_le_bytes());
        out[4..].copy_from_slice(&self.crc32c.to_le_bytes());
        out
    }

    /// A record of a block of `logical_bytes`, which its stored bytes can really expand to.
    pub(crate) fn decode(bytes: &[u8; RECORD_BYTES], logical_bytes: usize) -> Option<Self> {
        let [a, b, c, codec, rest @ ..] = *bytes;
        let codec = Codec::from_id(codec)?;
        let stored_bytes = u32::from_le_bytes([a, b, c, 0]);
        let stored = stored_bytes as usize;
        let possible = match codec {
            Codec::Raw => stored == logical_bytes,
            _ => stored <= BLOCK_BYTES && logical_bytes <= stored.saturating_mul(EXPANSION_MAX),
        };
        possible.then_some(Self { codec, stored_bytes, crc32c: u32::from_le_bytes(rest) })
    }
}

/// An entry ready to be added to an archive: compressed, with its checksums. Made by [`pack`] and
/// [`Profile::pack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub(crate) filter: Filter,
    pub(crate) logical_bytes: u64,
    pub(crate) content_hash: u128,
    pub(crate) table_crc32c: u32,
    /// The block table and the blocks.
    pub(crate) stored: Vec<u8>,
}

impl Packed {
    /// Bytes before compression.
    pub fn logical_bytes(&self) -> u64 {
        self.logical_bytes
    }

    /// Bytes that it takes in the archive, unless equal content is there already.
    pub fn stored_bytes(&self) -> u64 {
        self.stored.len() as u64
    }

    /// XXH3-128 of the bytes before compression: equal content has an equal hash.
    pub fn content_hash(&self) -> u128 {
        self.content_hash
    }
}

/// Compresses `bytes` with [`Profile::Fast`]: see [`Profile::pack`].
pub fn pack(bytes: &[u8], filter: Filter) -> Packed {
    Profile::Fast.pack(bytes, filter)
}

impl Profile {
    /// Compresses `bytes` behind `filter`, block by block. Pure: call it from any thread. Equal
    /// arguments give equal results in every build with the same features.
    ///
    /// A block that becomes less than 5% smaller is stored as it is, so that reading it costs no
    /// more than a copy. The result has at most 8 bytes a block more than `bytes`.
    pub fn pack(self, bytes: &[u8], filter: Filter) -> Packed {
        let count = bytes.len().div_ceil(BLOCK_BYTES);
        let table_bytes = count * RECORD_BYTES;
        let mut stored = vec![0; table_bytes];
        let (mut filtered, mut compressed) = (Vec::new(), Vec::new());
        for (index, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
            filtered.clear();
            filter.encode(index * BLOCK_BYTES, block, &mut filtered);
            let coded = self.smallest(block.len(), &filtered, &mut compressed);
            let (codec, piece) = match coded {
                Some(codec) => (codec, compressed.as_slice()),
                None => (Codec::Raw, block),
            };
            let crc32c = crc32c::crc32c(piece);
            let record = BlockRecord { codec, stored_bytes: piece.len() as u32, crc32c };
            stored[index * RECORD_BYTES..][..RECORD_BYTES].copy_from_slice(&record.encode());
            stored.extend_from_slice(piece);
        }
        Packed {
            filter,
            logical_bytes: bytes.len() as u64,
            content_hash: hash128(bytes),
            table_crc32c: crc32c::crc32c(&stored[..table_bytes]),
            stored,
        }
    }

    /// Codes a block into `best` with the codec that makes it smallest; `None` if none gains 5%.
    fn smallest(self, logical: usize, filtered: &[u8], best: &mut Vec<u8>) -> Option<Codec> {
        let mut chosen = None;
        let mut limit = logical * 95 / 100;
        let mut trial = Vec::new();
        // A filter that lengthens is of no use, and readers have no room for it.
        if filtered.len() > logical {
            return None;
        }
        // In order of preference: of equal lengths the first, which is the cheapest to decode.
        for codec in [Codec::Filtered, Codec::Lz4, Codec::Zstd] {
            if !codec::encode(self, codec, filtered, &mut trial) {
                continue;
            }
            let fits = trial.len() <= limit && trial.len() * EXPANSION_MAX >= logical;
            if fits && chosen.is_none_or(|_| trial.len() < best.len()) {
                limit = trial.len();
                chosen = Some(codec);
                std::mem::swap(best, &mut trial);
            }
        }
        chosen
    }
}

/// Reads and checks the block table of an entry: its records, in order.
pub(crate) fn table(
    record: &EntryRecord,
    bytes: &[u8],
) -> Result<impl Iterator<Item = Result<BlockRecord, BlockErrorKind>>, BlockErrorKind> {
    let found = crc32c::crc32c(bytes);
    if found != record.table_crc32c {
        return Err(BlockErrorKind::Table { expected: record.table_crc32c, found });
    }
    let record = *record;
    let (rows, _) = bytes.as_chunks::<RECORD_BYTES>();
    Ok(rows.iter().enumerate().map(move |(index, row)| {
        BlockRecord::decode(row, record.block_bytes(index)).ok_or(BlockErrorKind::Record)
    }))
}

/// Checks and decodes an entry from its extent; an error comes with the index of the block.
pub(crate) fn decode_entry(
    record: &EntryRecord,
    stored: &[u8],
    out: &mut [u8],
    scratch: &mut Vec<u8>,
) -> Result<(), (u32, BlockErrorKind)> {
    for (expected, found) in
        [(record.stored_bytes, stored.len()), (record.logical_bytes, out.len())]
    {
        if expected as usize != found {
            return Err((0, BlockErrorKind::length(expected as usize, found)));
        }
    }
    let (head, mut rest) = stored.split_at(record.table_bytes());
    let rows = table(record, head).map_err(|kind| (0, kind))?;
    for (index, (row, out)) in rows.zip(out.chunks_mut(BLOCK_BYTES)).enumerate() {
        let at = |kind| (index as u32, kind);
        let row = row.map_err(at)?;
        let (piece, behind) = rest
            .split_at_checked(row.stored_bytes as usize)
            .ok_or_else(|| at(BlockErrorKind::length(row.stored_bytes as usize, rest.len())))?;
        rest = behind;
        decode_block(record.filter, &row, index * BLOCK_BYTES, piece, out, scratch).map_err(at)?;
    }
    match rest.len() {
        0 => Ok(()),
        more => Err((
            record.block_count().saturating_sub(1) as u32,
            BlockErrorKind::length(stored.len() - more, stored.len()),
        )),
    }
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
    let direct = filter == Filter::None;
    match record.codec {
        Codec::Raw if stored.len() == out.len() => out.copy_from_slice(stored),
        Codec::Raw => return Err(BlockErrorKind::length(out.len(), stored.len())),
        Codec::Filtered => filter.decode(start, stored, out)?,
        codec if direct => {
            let len = codec::decode(codec, stored, out)?;
            if len != out.len() {
                return Err(BlockErrorKind::length(out.len(), len));
            }
        }
        codec => {
            if scratch.len() < BLOCK_BYTES {
                scratch.resize(BLOCK_BYTES, 0);
            }
            let len = codec::decode(codec, stored, scratch)?;
            filter.decode(start, &scratch[..len], out)?;
        }
    }
    Ok(())
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
#[non_exhaustive]
pub enum BlockErrorKind {
    /// The archive has no such entry.
    Absent,
    /// The archive's bytes are not at hand: they have to be read first.
    Elsewhere,
    /// They could not be read from where they are.
    Unread(ReadErrorKind),
    /// The bytes of the entry's block table are not those that were written.
    Table {
        /// crc32c in the directory.
        expected: u32,
        /// crc32c of the bytes.
        found: u32,
    },
    /// The block table's checksum holds, but the block's record is impossible.
    Record,
    /// The stored bytes are not those that were written.
    Checksum {
        /// crc32c in the block table.
        expected: u32,
        /// crc32c of the bytes.
        found: u32,
    },
    /// The checksum holds, but the bytes are not what the codec writes.
    Decompress,
    /// The block is Zstandard, and this program was built without it.
    NoZstd,
    /// The bytes decompress, but are not what the filter writes.
    Filter,
    /// It decodes, but not to what was packed.
    Content,
    /// A buffer or a block has the wrong length.
    Length {
        /// Bytes that the directory gives.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
}

impl BlockErrorKind {
    pub(crate) fn length(expected: usize, found: usize) -> Self {
        Self::Length { expected: expected as u64, found: found as u64 }
    }
}

impl fmt::Display for BlockErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(f, "the archive has no such entry"),
            Self::Elsewhere => write!(f, "its bytes are not at hand; read them and decode those"),
            Self::Unread(kind) => write!(f, "its bytes could not be read: {kind}"),
            Self::Table { expected, found } => {
                write!(f, "block table has checksum {found:08x} instead of {expected:08x}")
            }
            Self::Record => write!(f, "impossible record in the block table"),
            Self::Checksum { expected, found } => {
                write!(f, "checksum {found:08x} instead of {expected:08x}")
            }
            Self::Decompress => write!(f, "not valid compressed data"),
            Self::NoZstd => {
                write!(f, "compressed with Zstandard; build with the feature `zstd` to read it")
            }
            Self::Filter => write!(f, "not valid filtered data"),
            Self::Content => write!(f, "not the content that was packed"),
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
