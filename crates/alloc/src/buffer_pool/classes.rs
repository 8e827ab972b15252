/// The sizes that buffers have: multiples of the alignment, every one of them up to
/// `steps_per_doubling` alignments, and as many steps in each doubling beyond.
///
/// A size is therefore less than one alignment or one part in `steps_per_doubling` above what was
/// asked for, whichever is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Classes {
    align_log2: u32,
    steps_log2: u32,
}

impl Classes {
    /// Of two powers of two.
    pub fn new(align: usize, steps_per_doubling: usize) -> Self {
        Self { align_log2: align.trailing_zeros(), steps_log2: steps_per_doubling.trailing_zeros() }
    }

    /// The number of the smallest size that holds `len` bytes, `len` being at least 1, and that
    /// size; `None` beyond `usize`.
    pub fn class(self, len: usize) -> Option<(usize, usize)> {
        // In units of the alignment, from 0: unit `u` means that `u + 1` alignments are needed.
        let unit = (len - 1) >> self.align_log2;
        let steps = 1usize << self.steps_log2;
        // Of the bits of `unit`, the leading one and the `steps_log2` behind it choose the class.
        let dropped = (usize::BITS - unit.leading_zeros()).saturating_sub(self.steps_log2 + 1);
        let step = unit >> dropped;
        let class = dropped as usize * steps + step;
        let size = (step + 1).checked_mul(1 << self.align_log2)?.checked_mul(1 << dropped)?;
        isize::try_from(size).is_ok().then_some((class, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_rise_with_their_numbers_and_waste_at_most_a_step() {
        let classes = Classes::new(4096, 32);
        let mut last = (0, 4096);
        for len in (1..3_000_000).step_by(509) {
            let (class, size) = classes.class(len).unwrap();
            assert!(size >= len && size.is_multiple_of(4096), "{len}");
            assert!(size - len < 4096.max(len.div_ceil(32)), "{len}: {size}");
            assert!(class == last.0 && size == last.1 || class > last.0 && size > last.1, "{len}");
            last = (class, size);
        }
    }

    #[test]
    fn every_size_is_the_largest_length_of_its_own_class() {
        for (align, steps) in [(4096, 32), (512, 8), (1, 1), (1 << 16, 4)] {
            let classes = Classes::new(align, steps);
            let mut next = 1;
            for class in 0..200 {
                let Some((found, size)) = classes.class(next) else { break };
                assert_eq!(found, class);
                assert_eq!(classes.class(size), Some((class, size)));
                next = size + 1;
            }
        }
    }

    #[test]
    fn what_no_memory_can_hold_has_no_class() {
        let classes = Classes::new(4096, 32);
        assert_eq!(classes.class(usize::MAX), None);
        assert_eq!(classes.class(isize::MAX as usize + 1), None);
        assert!(classes.class(1 << 40).is_some());
    }
}
