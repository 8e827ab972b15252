//! Grids of samples: the difference to the plane through the neighbours, in planes of bytes.
//!
//! Source of the predictor: PNG's and lossless JPEG's family (left + above − above left), which is
//! exact on any plane; the byte planes and the fold are those of common floating-point compressors.

use super::arch::{Isa, Planes};

/// A sample as an integer whose differences are small where the samples are alike.
pub(super) trait Sample: Copy + Default {
    /// As stored, not mapped.
    fn raw(bytes: &[u8]) -> Self;
    fn read(bytes: &[u8]) -> Self;
    fn write(self, bytes: &mut [u8]);
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    /// The sign in the lowest bit.
    fn fold(self) -> Self;
    fn unfold(self) -> Self;
    fn byte(self, plane: usize) -> u8;
    /// Fills a row from the planes of its folded differences, samples `first` and on, and the row
    /// above.
    fn row(isa: Isa, planes: &[u8], first: usize, above: &[u8], out: &mut [u8]);
}

impl Sample for u16 {
    fn raw(bytes: &[u8]) -> Self {
        Self::from_le_bytes([bytes[0], bytes[1]])
    }
    fn read(bytes: &[u8]) -> Self {
        Self::raw(bytes)
    }
    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_le_bytes());
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    fn fold(self) -> Self {
        (self << 1) ^ (self >> 15).wrapping_neg()
    }
    fn unfold(self) -> Self {
        (self >> 1) ^ (self & 1).wrapping_neg()
    }
    fn byte(self, plane: usize) -> u8 {
        (self >> (8 - 8 * plane)) as u8
    }
    fn row(isa: Isa, planes: &[u8], first: usize, above: &[u8], out: &mut [u8]) {
        let (high, low) = planes.split_at(planes.len() / 2);
        let end = first + out.len() / 2;
        let planes = Planes { high: &high[first..end], low: &low[first..end] };
        isa.row16(planes, above.as_chunks::<2>().0, out.as_chunks_mut::<2>().0);
    }
}

impl Sample for u32 {
    fn raw(bytes: &[u8]) -> Self {
        Self::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
    fn read(bytes: &[u8]) -> Self {
        in_order(Self::raw(bytes))
    }
    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&in_order(self).to_le_bytes());
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    fn fold(self) -> Self {
        (self << 1) ^ (self >> 31).wrapping_neg()
    }
    fn unfold(self) -> Self {
        (self >> 1) ^ (self & 1).wrapping_neg()
    }
    fn byte(self, plane: usize) -> u8 {
        (self >> (24 - 8 * plane)) as u8
    }
    fn row(_: Isa, planes: &[u8], first: usize, above: &[u8], out: &mut [u8]) {
        let count = planes.len() / 4;
        let plane = |index: usize| &planes[index * count + first..][..out.len() / 4];
        let (d, c, b, a) = (plane(0), plane(1), plane(2), plane(3));
        let (out, above) = (out.as_chunks_mut::<4>().0, above.as_chunks::<4>().0);
        // Two passes: this one has no chain of dependencies, so the compiler makes it wide.
        for ((((out, &a), &b), &c), &d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out = Self::from_le_bytes([a, b, c, d]).unfold().to_le_bytes();
        }
        let mut sum = 0u32;
        for (sample, above) in out.iter_mut().zip(above) {
            sum = sum.wrapping_add(Self::raw(sample));
            sum.wrapping_add(Self::read(above)).write(sample);
        }
    }
}

/// The bits of a float as an integer in two's complement that has the float's order, and back: it
/// is its own inverse.
fn in_order(bits: u32) -> u32 {
    bits ^ ((bits as i32 >> 31) as u32 >> 1)
}

/// The pieces of rows that samples `0..count` of a block fall into. In the first `row` samples
/// nothing lies above; they are one piece.
fn pieces(start: usize, count: usize, row: usize) -> impl Iterator<Item = (usize, usize)> {
    let row = if row == 0 { usize::MAX } else { row };
    let first = row.min(count);
    let column = (start + first) % row;
    let mut at = first;
    let mut len = row - column;
    let rest = std::iter::from_fn(move || {
        let piece = (at, at.saturating_add(len).min(count));
        (at < count).then(|| {
            at = piece.1;
            len = row;
            piece
        })
    });
    std::iter::once((0, first)).chain(rest)
}

pub(super) fn encode<S: Sample, const N: usize>(
    start: usize,
    block: &[u8],
    out: &mut Vec<u8>,
    row: usize,
) {
    let count = block.len() / N;
    let base = out.len();
    out.resize(base + count * N, 0);
    let planes = &mut out[base..];
    let at = |i: usize| S::read(&block[i * N..][..N]);
    for (first, end) in pieces(start / N, count, row) {
        let mut slope = S::default();
        for i in first..end {
            // What the sample differs from the one above, against what its left one does.
            let value = if first == 0 { at(i) } else { at(i).minus(at(i - row)) };
            let folded = value.minus(slope).fold();
            slope = value;
            for plane in 0..N {
                planes[plane * count + i] = folded.byte(plane);
            }
        }
    }
    out.extend_from_slice(&block[count * N..]);
}

pub(super) fn decode<S: Sample, const N: usize>(
    start: usize,
    filtered: &[u8],
    out: &mut [u8],
    row: usize,
) {
    let count = out.len() / N;
    let (planes, tail) = filtered.split_at(count * N);
    let (samples, rest) = out.split_at_mut(count * N);
    rest.copy_from_slice(tail);
    let isa = Isa::detect();
    for (first, end) in pieces(start / N, count, row) {
        let (before, own) = samples.split_at_mut(first * N);
        let own = &mut own[..(end - first) * N];
        if first == 0 {
            let mut value = S::default();
            for (i, sample) in own.chunks_exact_mut(N).enumerate() {
                let folded: [u8; N] =
                    std::array::from_fn(|byte| planes[(N - 1 - byte) * count + i]);
                value = value.plus(S::raw(&folded).unfold());
                value.write(sample);
            }
        } else {
            S::row(isa, planes, first, &before[(first - row) * N..][..own.len()], own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, in_order};

    #[test]
    fn three_rows_by_hand() {
        // Rows of three: 0x0102 0x0101 0x0104, 0x0100 0x0200 0x0203, 0x0100, and one odd byte.
        let block = [2, 1, 1, 1, 4, 1, 0, 1, 0, 2, 3, 2, 0, 1, 0xAA];
        // The first row against its left: +258, -1, +3. The second: −2 to the row above; there
        // +255, so 257 more than at the left; again +255, so 0. The third: 0 to the row above.
        // Folded: 516, 1, 6, 3, 514, 0, 0.
        let expected = [2, 0, 0, 0, 2, 0, 0, 4, 1, 6, 3, 2, 0, 0, 0xAA];
        let (mut filtered, mut back) = (Vec::new(), [0; 15]);
        encode::<u16, 2>(0, &block, &mut filtered, 3);
        assert_eq!(filtered, expected);
        decode::<u16, 2>(0, &filtered, &mut back, 3);
        assert_eq!(back, block);
    }

    #[test]
    fn a_plane_is_zeros_but_for_its_edges_wherever_the_block_starts() {
        let row = 50;
        let plane = |i: usize| (7 * (i % row) + 13 * (i / row)) as u16;
        let bytes: Vec<u8> = (0..4000).flat_map(|i| plane(i).to_le_bytes()).collect();
        for start in [0, 26, 100, 1234] {
            let mut filtered = Vec::new();
            encode::<u16, 2>(start, &bytes[start..], &mut filtered, row);
            let count = 4000 - start / 2;
            let nonzero = (0..count).filter(|i| filtered[*i] != 0 || filtered[count + i] != 0);
            // Besides the first row, one difference at the left of each.
            assert!(nonzero.count() <= row + count.div_ceil(row), "{start}");
        }
    }

    #[test]
    fn floats_map_to_integers_in_their_order_and_back() {
        let values = [f32::NEG_INFINITY, -2.5, -1e-40, -0.0, 0.0, 1e-40, 1.0, 2.5, f32::INFINITY];
        let mapped = values.map(|v| in_order(v.to_bits()) as i32);
        assert!(mapped.is_sorted());
        assert_eq!(mapped.map(|m| in_order(m as u32)), values.map(f32::to_bits));
    }
}
