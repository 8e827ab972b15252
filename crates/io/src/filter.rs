//! Typed filters: exact, size-preserving rearrangements that make a block compress better.

/// What is done to the bytes of a block before compression, and undone after it.
///
/// Every filter accepts every length and every parameter: bytes that do not fill a whole sample
/// or element at the end stay as they are. A filter works on each 64 KiB block by itself, so that
/// blocks decode independently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The bytes as they are.
    #[default]
    None,
    /// For heights: little-endian u16 samples in rows. Each sample is replaced by its difference
    /// to the one on its left (the first of a row: to the first of the row above, where that lies
    /// in the same block), the difference is folded so that small ones of either sign are small
    /// (0, −1, 1, −2, … → 0, 1, 2, 3, …), then all high bytes are stored before all low bytes.
    PlanarDelta16 {
        /// Samples in a row; 0 means one endless row.
        row_samples: u32,
    },
    /// For records of a fixed size: all first bytes, then all second bytes, and so on.
    ByteShuffle {
        /// Bytes in a record; 0 and 1 leave the bytes as they are.
        stride: u32,
    },
}

impl Filter {
    /// Identifier and parameter as the archive stores them.
    pub(crate) fn to_stored(self) -> (u8, u32) {
        match self {
            Self::None => (0, 0),
            Self::PlanarDelta16 { row_samples } => (1, row_samples),
            Self::ByteShuffle { stride } => (2, stride),
        }
    }

    pub(crate) fn from_stored(id: u8, parameter: u32) -> Option<Self> {
        match (id, parameter) {
            (0, 0) => Some(Self::None),
            (1, row_samples) => Some(Self::PlanarDelta16 { row_samples }),
            (2, stride) => Some(Self::ByteShuffle { stride }),
            _ => None,
        }
    }

    /// Filters a block that starts `start` bytes into its entry. `out` is as long as `block`, and
    /// `start` is a multiple of the block size.
    pub(crate) fn encode(self, start: usize, block: &[u8], out: &mut [u8]) {
        debug_assert_eq!(block.len(), out.len());
        match self {
            Self::None => out.copy_from_slice(block),
            Self::PlanarDelta16 { row_samples } => planar_delta(start, block, out, row_samples),
            Self::ByteShuffle { stride } => shuffle(block, out, stride as usize),
        }
    }

    /// The exact inverse of [`encode`](Self::encode).
    pub(crate) fn decode(self, start: usize, filtered: &[u8], out: &mut [u8]) {
        debug_assert_eq!(filtered.len(), out.len());
        match self {
            Self::None => out.copy_from_slice(filtered),
            Self::PlanarDelta16 { row_samples } => {
                planar_undelta(start, filtered, out, row_samples);
            }
            Self::ByteShuffle { stride } => unshuffle(filtered, out, stride as usize),
        }
    }
}

/// Samples left in the row that the block starts in, and samples in every later row.
fn rows(start: usize, samples: usize, row_samples: u32) -> (usize, usize) {
    match row_samples as usize {
        0 => (samples.max(1), samples.max(1)),
        row => (row - (start / 2) % row, row),
    }
}

fn planar_delta(start: usize, block: &[u8], out: &mut [u8], row_samples: u32) {
    let samples = block.len() / 2;
    let (mut row, row_next) = rows(start, samples, row_samples);
    let (values, tail) = block.as_chunks::<2>();
    let (high, rest) = out.split_at_mut(samples);
    let (low, rest) = rest.split_at_mut(samples);
    rest.copy_from_slice(tail);
    let (mut at, mut above) = (0, 0u16);
    while at < samples {
        let end = samples.min(at + row);
        let mut left = above;
        above = u16::from_le_bytes(values[at]);
        for ((value, high), low) in
            values[at..end].iter().zip(&mut high[at..end]).zip(&mut low[at..end])
        {
            let value = u16::from_le_bytes(*value);
            [*low, *high] = fold(value.wrapping_sub(left)).to_le_bytes();
            left = value;
        }
        at = end;
        row = row_next;
    }
}

fn planar_undelta(start: usize, filtered: &[u8], out: &mut [u8], row_samples: u32) {
    let samples = filtered.len() / 2;
    let (mut row, row_next) = rows(start, samples, row_samples);
    let (high, rest) = filtered.split_at(samples);
    let (low, rest) = rest.split_at(samples);
    let (values, tail) = out.as_chunks_mut::<2>();
    tail.copy_from_slice(rest);
    // Two passes: this one has no chain of dependencies, so the compiler makes it wide.
    for ((value, &high), &low) in values.iter_mut().zip(high).zip(low) {
        *value = unfold(u16::from_le_bytes([low, high])).to_le_bytes();
    }
    let (mut at, mut above) = (0, 0u16);
    while at < samples {
        let end = samples.min(at + row);
        let mut left = above;
        for value in &mut values[at..end] {
            left = left.wrapping_add(u16::from_le_bytes(*value));
            *value = left.to_le_bytes();
        }
        above = u16::from_le_bytes(values[at]);
        at = end;
        row = row_next;
    }
}

/// Zigzag: the sign in the lowest bit.
fn fold(delta: u16) -> u16 {
    (delta << 1) ^ (delta >> 15).wrapping_neg()
}

fn unfold(folded: u16) -> u16 {
    (folded >> 1) ^ (folded & 1).wrapping_neg()
}

fn shuffle(block: &[u8], out: &mut [u8], stride: usize) {
    let records = block.len().checked_div(stride).unwrap_or(0);
    let whole = records * stride;
    if whole > 0 {
        for (lane, plane) in out[..whole].chunks_exact_mut(records).enumerate() {
            for (byte, record) in plane.iter_mut().zip(block.chunks_exact(stride)) {
                *byte = record[lane];
            }
        }
    }
    out[whole..].copy_from_slice(&block[whole..]);
}

fn unshuffle(filtered: &[u8], out: &mut [u8], stride: usize) {
    let records = filtered.len().checked_div(stride).unwrap_or(0);
    let whole = records * stride;
    if whole > 0 {
        for (lane, plane) in filtered[..whole].chunks_exact(records).enumerate() {
            for (byte, record) in plane.iter().zip(out.chunks_exact_mut(stride)) {
                record[lane] = *byte;
            }
        }
    }
    out[whole..].copy_from_slice(&filtered[whole..]);
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn planar_delta_of_two_rows_by_hand() {
        // Rows 0x0102 0x0101 0x0104 and 0x0100 0x0200, and one odd byte.
        let block = [0x02, 0x01, 0x01, 0x01, 0x04, 0x01, 0x00, 0x01, 0x00, 0x02, 0xAA];
        // Differences +258, −1, +3; −2 (to the row above), +256; folded 516, 1, 6, 3, 512.
        let expected = [0x02, 0x00, 0x00, 0x00, 0x02, 0x04, 0x01, 0x06, 0x03, 0x00, 0xAA];
        let filter = Filter::PlanarDelta16 { row_samples: 3 };
        let (mut filtered, mut back) = ([0; 11], [0; 11]);
        filter.encode(0, &block, &mut filtered);
        assert_eq!(filtered, expected);
        filter.decode(0, &filtered, &mut back);
        assert_eq!(back, block);
    }

    #[test]
    fn shuffle_of_three_records_by_hand() {
        let block = *b"a1xb2yc3z!";
        let (mut filtered, mut back) = ([0; 10], [0; 10]);
        let filter = Filter::ByteShuffle { stride: 3 };
        filter.encode(0, &block, &mut filtered);
        assert_eq!(&filtered, b"abc123xyz!");
        filter.decode(0, &filtered, &mut back);
        assert_eq!(back, block);
    }
}
