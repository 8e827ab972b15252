//! LZ4 blocks without a frame, for reading at the speed of memory.
//!
//! A block is a list of sequences: literals, then a match, a copy of what came before. How long
//! decoding takes depends on their number far more than on their bytes, and samples behind a filter
//! give many matches of four to six bytes that save one or two. So they are taken out again where
//! that costs little: [`with_fewer_matches`].

use crate::block::BlockErrorKind;

/// Bytes of the shortest match that is worth a sequence, which takes three bytes and about as long
/// as copying a hundred.
const MATCH_WORTH_MIN: usize = 8;

/// A block may grow by one part in so many for fewer sequences.
const GROWTH_PARTS: usize = 6;

/// Bytes of the shortest match that the format knows.
const MATCH_MIN: usize = 4;

/// Decodes into the front of `out` and gives how many bytes it was.
pub(crate) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize, BlockErrorKind> {
    lz4_flex::block::decompress_into(stored, out).map_err(|_| BlockErrorKind::Decompress)
}

/// Codes `bytes` into `out`, which is empty; `false` where the encoder fails.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    if !densest(bytes, out) {
        return false;
    }
    if let Some(faster) = with_fewer_matches(out, bytes)
        && faster.len() <= out.len() + out.len() / GROWTH_PARTS
    {
        *out = faster;
    }
    true
}

#[cfg(not(feature = "lz4-hc"))]
fn densest(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    out.resize(lz4_flex::block::get_maximum_output_size(bytes.len()), 0);
    let Ok(len) = lz4_flex::block::compress_into(bytes, out) else { return false };
    out.truncate(len);
    true
}

#[cfg(feature = "lz4-hc")]
fn densest(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    use lz4::block::{CompressionMode, compress_bound, compress_to_buffer};

    // The highest level before the optimal parser, which takes ten times as long for 1%.
    let mode = CompressionMode::HIGHCOMPRESSION(9);
    let Ok(bound) = compress_bound(bytes.len()) else { return false };
    out.resize(bound, 0);
    let Ok(len) = compress_to_buffer(bytes, Some(mode), false, out) else { return false };
    out.truncate(len);
    true
}

/// The same bytes with matches shorter than [`MATCH_WORTH_MIN`] as literals. `None` where `coded` is
/// not what `bytes` are coded to.
///
/// A match copies decoded bytes, which stay the same, so every match may be taken out by itself; and
/// the format's rules for the end of a block, which ask for literals, hold all the more.
fn with_fewer_matches(coded: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(coded.len());
    let (mut at, mut written) = (0, 0);
    let mut rest = coded;
    while !rest.is_empty() {
        let sequence = Sequence::take(&mut rest)?;
        let start = at + sequence.literals;
        at = start + sequence.matched;
        if sequence.matched >= MATCH_WORTH_MIN {
            write(bytes.get(written..start)?, Some(sequence), &mut out);
            written = at;
        }
    }
    write(bytes.get(written..)?, None, &mut out);
    (at == bytes.len()).then_some(out)
}

/// Literals and the match behind them.
#[derive(Clone, Copy)]
struct Sequence {
    literals: usize,
    /// 0 in the last sequence, which has no match.
    matched: usize,
    offset: [u8; 2],
}

impl Sequence {
    /// Takes one off the front.
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let token = *rest.split_off_first()?;
        let literals = take_length(token >> 4, rest)?;
        rest.split_off(..literals)?;
        if rest.is_empty() {
            return Some(Self { literals, matched: 0, offset: [0; 2] });
        }
        let offset = *rest.split_off(..2)?.first_chunk()?;
        let matched = take_length(token & 15, rest)? + MATCH_MIN;
        Some(Self { literals, matched, offset })
    }
}

/// A length whose low part is in the token: 15 there says that bytes follow, 255 in one of them
/// that more do.
fn take_length(nibble: u8, rest: &mut &[u8]) -> Option<usize> {
    let mut length = usize::from(nibble);
    let mut goes_on = nibble == 15;
    while goes_on {
        let byte = *rest.split_off_first()?;
        length += usize::from(byte);
        goes_on = byte == 255;
    }
    Some(length)
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    if let Some(more) = length.checked_sub(15) {
        out.resize(out.len() + more / 255, 255);
        out.push((more % 255) as u8);
    }
}

fn write(literals: &[u8], sequence: Option<Sequence>, out: &mut Vec<u8>) {
    let matched = sequence.map_or(0, |s| s.matched - MATCH_MIN);
    out.push((literals.len().min(15) as u8) << 4 | matched.min(15) as u8);
    put_length(literals.len(), out);
    out.extend_from_slice(literals);
    if let Some(sequence) = sequence {
        out.extend_from_slice(&sequence.offset);
        put_length(matched, out);
    }
}

#[cfg(test)]
mod tests {
    use super::{GROWTH_PARTS, decode, densest, encode, with_fewer_matches};

    #[test]
    fn a_short_match_becomes_literals_and_a_long_one_stays() {
        // "abcdef", 4 from 6 back, 'X', 20 from 11 back, "12345".
        let coded = b"\x60abcdef\x06\x00\x1fX\x0b\x00\x01\x5012345";
        let plain = b"abcdefabcdXabcdefabcdXabcdefabc12345";
        let mut out = [0; 64];
        assert_eq!(decode(coded, &mut out), Ok(plain.len()));
        assert_eq!(&out[..plain.len()], plain);
        let faster = with_fewer_matches(coded, plain).unwrap();
        assert_eq!(faster, b"\xbfabcdefabcdX\x0b\x00\x01\x5012345");
        assert_eq!(decode(&faster, &mut out), Ok(plain.len()));
        assert_eq!(&out[..plain.len()], plain);
    }

    #[test]
    fn what_is_not_the_coding_of_the_bytes_is_left_alone() {
        let coded = b"\x60abcdef\x06\x00\x1fX\x0b\x00\x01\x5012345";
        for end in 1..coded.len() {
            assert_eq!(
                with_fewer_matches(&coded[..end], b"abcdefabcdXabcdefabcdXabcdefabc12345"),
                None
            );
        }
        assert_eq!(with_fewer_matches(coded, b"abcdef"), None);
    }

    /// Bytes of which one in `one_in` differs from 0, and which ones, from a seed.
    fn sparse(one_in: u32, len: usize) -> Vec<u8> {
        let mut state = one_in;
        let noise = std::iter::repeat_with(|| {
            // Marsaglia's xorshift32.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        });
        noise.map(|s| if s % one_in == 0 { (s >> 24) as u8 & 7 } else { 0 }).take(len).collect()
    }

    #[test]
    fn blocks_come_back_and_grow_by_a_sixth_at_most() {
        let mut taken_out = 0;
        for one_in in 1..40 {
            for len in [0, 1, 12, 13, 300, 5000, 65_536] {
                let bytes = sparse(one_in, len);
                let (mut dense, mut coded) = (Vec::new(), Vec::new());
                assert!(densest(&bytes, &mut dense) && encode(&bytes, &mut coded));
                let mut out = vec![0; len];
                assert_eq!(decode(&coded, &mut out), Ok(len));
                assert_eq!(out, bytes);
                assert!(coded.len() <= dense.len() + dense.len() / GROWTH_PARTS);
                taken_out += usize::from(coded != dense);
            }
        }
        assert!(taken_out > 10, "{taken_out}");
    }
}
