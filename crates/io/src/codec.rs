//! Byte compressors behind one pair of functions.

use crate::block::BlockErrorKind;
use crate::lz4;
use crate::profile::Profile;

/// How one block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// As it is, unfiltered.
    Raw,
    /// Filtered, then an LZ4 block without a frame.
    Lz4,
    /// Filtered, then a Zstandard frame.
    Zstd,
    /// Filtered, which some filters do better alone.
    Filtered,
}

impl Codec {
    pub(crate) fn id(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
            Self::Filtered => 3,
        }
    }

    pub(crate) fn from_id(id: u8) -> Option<Self> {
        [Self::Raw, Self::Lz4, Self::Zstd, Self::Filtered].into_iter().find(|c| c.id() == id)
    }
}

/// Codes `bytes` into `out`; `false` where the profile or this build does not use the codec.
pub(crate) fn encode(profile: Profile, codec: Codec, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    match codec {
        Codec::Raw => false,
        Codec::Filtered => {
            out.extend_from_slice(bytes);
            true
        }
        Codec::Lz4 => lz4::encode(bytes, out),
        Codec::Zstd => profile == Profile::Small && zstd::encode(bytes, out),
    }
}

/// Decodes into the front of `out` and gives how many bytes it was.
pub(crate) fn decode(codec: Codec, stored: &[u8], out: &mut [u8]) -> Result<usize, BlockErrorKind> {
    match codec {
        Codec::Lz4 => lz4::decode(stored, out),
        Codec::Zstd => zstd::decode(stored, out),
        Codec::Raw | Codec::Filtered => match out.get_mut(..stored.len()) {
            Some(out) => {
                out.copy_from_slice(stored);
                Ok(stored.len())
            }
            None => Err(BlockErrorKind::length(out.len(), stored.len())),
        },
    }
}

#[cfg(feature = "zstd")]
mod zstd {
    use super::BlockErrorKind;
    use std::cell::RefCell;
    use zstd::bulk::{Compressor, Decompressor};

    /// Filtered samples are noise in few bits, where level 1 is as good as any; text and tables
    /// gain by a real search. So both are tried: decoding costs the same.
    const LEVELS: [i32; 2] = [1, 12];

    thread_local! {
        // A context takes longer to make than a block to decode.
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
        static COMPRESSORS: RefCell<Vec<Compressor<'static>>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) -> bool {
        COMPRESSORS.with_borrow_mut(|compressors| {
            if compressors.is_empty() {
                compressors.extend(LEVELS.into_iter().flat_map(Compressor::new));
            }
            let frames = compressors.iter_mut().flat_map(|c| c.compress(bytes));
            match frames.min_by_key(Vec::len) {
                Some(frame) => *out = frame,
                None => return false,
            }
            true
        })
    }

    pub(super) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize, BlockErrorKind> {
        DECOMPRESSOR.with_borrow_mut(|decompressor| {
            if decompressor.is_none() {
                *decompressor = Decompressor::new().ok();
            }
            let decompressor = decompressor.as_mut().ok_or(BlockErrorKind::Decompress)?;
            decompressor.decompress_to_buffer(stored, out).map_err(|_| BlockErrorKind::Decompress)
        })
    }
}

#[cfg(not(feature = "zstd"))]
mod zstd {
    use super::BlockErrorKind;

    pub(super) fn encode(_bytes: &[u8], _out: &mut Vec<u8>) -> bool {
        false
    }

    pub(super) fn decode(_stored: &[u8], _out: &mut [u8]) -> Result<usize, BlockErrorKind> {
        Err(BlockErrorKind::NoZstd)
    }
}
