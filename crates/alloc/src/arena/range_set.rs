use crate::Range;
use alloc::vec::Vec;

/// A set of bytes, as sorted ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RangeSet {
    ranges: Vec<Range>,
}

impl RangeSet {
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of ranges.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether all bytes of `range` are in the set; never for an empty range.
    pub fn contains(&self, range: &Range) -> bool {
        range.size > 0
            && self
                .ranges
                .get(self.first_ending_after(range.offset))
                .is_some_and(|here| here.contains(range))
    }

    /// Whether a byte of `range` is in the set.
    pub fn overlaps(&self, range: &Range) -> bool {
        self.ranges
            .get(self.first_ending_after(range.offset))
            .is_some_and(|here| here.overlaps(range))
    }

    /// Adds all bytes of `range`.
    pub fn insert(&mut self, range: Range) {
        if range.size == 0 {
            return;
        }
        let first = self.ranges.partition_point(|r| r.end() < range.offset);
        let count = self.ranges[first..].partition_point(|r| r.offset <= range.end());
        let merged = self.ranges[first..first + count].iter().fold(range, |a, b| {
            let offset = a.offset.min(b.offset);
            Range::new(offset, a.end().max(b.end()) - offset)
        });
        self.ranges.splice(first..first + count, [merged]);
    }

    /// Takes all bytes of `range` out; whether there was one.
    pub fn remove(&mut self, range: Range) -> bool {
        let first = self.first_ending_after(range.offset);
        let count = self.ranges[first..].partition_point(|r| r.offset < range.end());
        if range.size == 0 || count == 0 {
            return false;
        }
        let (low, high) = (self.ranges[first], self.ranges[first + count - 1]);
        let below =
            (low.offset < range.offset).then(|| Range::new(low.offset, range.offset - low.offset));
        let above =
            (range.end() < high.end()).then(|| Range::new(range.end(), high.end() - range.end()));
        self.ranges.splice(first..first + count, below.into_iter().chain(above));
        true
    }

    /// Makes this set equal to `other`, in the memory that it has.
    pub fn copy_from(&mut self, other: &Self) {
        self.ranges.clone_from(&other.ranges);
    }

    fn first_ending_after(&self, offset: u64) -> usize {
        self.ranges.partition_point(|r| r.end() <= offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle: one bool a byte.
    #[test]
    fn equals_a_set_of_bytes_after_every_insertion_and_removal() {
        let mut set = RangeSet::new();
        let mut bytes = [false; 24];
        // A full-period generator (Knuth, TAOCP 3.2.1.2): all mixtures of short and long ranges.
        let mut state = 1_u32;
        for _ in 0..if cfg!(miri) { 200 } else { 4000 } {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let offset = (state >> 8) % 24;
            let size = (state >> 16) % (25 - offset).min(9);
            let range = Range::new(offset.into(), size.into());
            let here = &mut bytes[offset as usize..(offset + size) as usize];
            assert_eq!(set.overlaps(&range), here.contains(&true));
            assert_eq!(set.contains(&range), size > 0 && !here.contains(&false));
            if state >> 31 == 0 {
                here.fill(true);
                set.insert(range);
            } else {
                assert_eq!(set.remove(range), here.contains(&true));
                here.fill(false);
            }
            let mut runs = Vec::new();
            for (i, _) in bytes.iter().enumerate().filter(|(_, set)| **set) {
                match runs.last_mut() {
                    Some(Range { offset, size }) if *offset + *size == i as u64 => *size += 1,
                    _ => runs.push(Range::new(i as u64, 1)),
                }
            }
            assert_eq!(set.ranges, runs);
        }
    }
}
