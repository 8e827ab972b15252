//! Holes by size, in two levels of bins as in TLSF (Masmano, Ripoll, Crespo, Real: "TLSF: a new
//! dynamic memory allocator for real-time systems", ECRTS 2004). Unlike TLSF, which rounds a
//! request up to the next bin and so refuses holes that would fit, a search begins in the
//! request's own bin and looks at the holes there one by one.

use crate::nodes::{NONE, Nodes};
use alloc::boxed::Box;

/// Bins that each power of two is divided into: sizes in a bin differ by less than 1/16.
const COLUMNS: u32 = 16;
const COLUMN_BITS: u32 = COLUMNS.trailing_zeros();
/// Row 0 holds sizes under 16 granules, one size a bin; then one row for each power of two.
const ROWS: u32 = u64::BITS - COLUMN_BITS + 1;
const BINS: usize = (ROWS * COLUMNS) as usize;

#[derive(Clone, Debug)]
pub(crate) struct Bins {
    granule_log2: u32,
    /// First hole of each bin.
    heads: Box<[u32; BINS]>,
    /// Bit c of row r: bin (r, c) has a hole.
    columns: [u16; ROWS as usize],
    /// Bit r: row r has a hole.
    rows: u64,
}

impl Bins {
    pub fn new(granule_log2: u32) -> Self {
        Self { granule_log2, heads: Box::new([NONE; BINS]), columns: [0; ROWS as usize], rows: 0 }
    }

    /// The bin of holes of `size` bytes, a multiple of the granule. A larger size never has a
    /// smaller bin.
    pub fn bin_of(&self, size: u64) -> u32 {
        let granules = size >> self.granule_log2;
        if granules < u64::from(COLUMNS) {
            return granules as u32;
        }
        let log2 = granules.ilog2();
        let column = (granules >> (log2 - COLUMN_BITS)) as u32 - COLUMNS;
        (log2 - COLUMN_BITS + 1) * COLUMNS + column
    }

    /// First bin from `bin` on that has a hole.
    pub fn occupied_from(&self, bin: u32) -> Option<u32> {
        let (row, column) = (bin / COLUMNS, bin % COLUMNS);
        if row >= ROWS {
            return None;
        }
        let here = self.columns[row as usize] & (u16::MAX << column);
        if here != 0 {
            return Some(row * COLUMNS + here.trailing_zeros());
        }
        let above = self.rows & (u64::MAX << (row + 1));
        if above == 0 {
            return None;
        }
        let row = above.trailing_zeros();
        Some(row * COLUMNS + self.columns[row as usize].trailing_zeros())
    }

    /// The bin of the largest holes.
    pub fn last_occupied(&self) -> Option<u32> {
        let row = self.rows.checked_ilog2()?;
        Some(row * COLUMNS + self.columns[row as usize].ilog2())
    }

    /// The holes of a bin, the one freed last first.
    pub fn holes<'a>(&self, nodes: &'a Nodes, bin: u32) -> impl Iterator<Item = u32> + use<'a> {
        let mut index = self.heads[bin as usize];
        core::iter::from_fn(move || {
            let hole = (index != NONE).then_some(index)?;
            index = nodes[hole].bin_next;
            Some(hole)
        })
    }

    pub fn insert(&mut self, nodes: &mut Nodes, hole: u32) {
        let bin = self.bin_of(nodes[hole].size);
        let head = self.heads[bin as usize];
        nodes[hole].bin_prev = NONE;
        nodes[hole].bin_next = head;
        if head == NONE {
            self.columns[(bin / COLUMNS) as usize] |= 1 << (bin % COLUMNS);
            self.rows |= 1 << (bin / COLUMNS);
        } else {
            nodes[head].bin_prev = hole;
        }
        self.heads[bin as usize] = hole;
    }

    /// Takes a hole out, before its size changes.
    pub fn remove(&mut self, nodes: &mut Nodes, hole: u32) {
        let bin = self.bin_of(nodes[hole].size);
        let (prev, next) = (nodes[hole].bin_prev, nodes[hole].bin_next);
        if next != NONE {
            nodes[next].bin_prev = prev;
        }
        if prev != NONE {
            nodes[prev].bin_next = next;
            return;
        }
        self.heads[bin as usize] = next;
        if next == NONE {
            let columns = &mut self.columns[(bin / COLUMNS) as usize];
            *columns &= !(1 << (bin % COLUMNS));
            if *columns == 0 {
                self.rows &= !(1 << (bin / COLUMNS));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_size_never_has_a_smaller_bin_and_a_bin_spans_less_than_a_sixteenth() {
        let bins = Bins::new(0);
        let mut low = 1;
        for size in (1..5000_u64).chain((13..64).map(|bit| 1 << bit)).chain([u64::MAX]) {
            if bins.bin_of(size) != bins.bin_of(low) {
                assert!(bins.bin_of(size) > bins.bin_of(low));
                low = size;
            }
            assert!((size - low) * 16 < size, "{size} shares a bin with {low}");
        }
        assert_eq!(bins.bin_of(u64::MAX), BINS as u32 - 1);
    }
}
