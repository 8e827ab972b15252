use crate::BLOCK;
use core::num::NonZeroU64;

/// Which instances are visible: the blocks that they lie in, and a bit for each.
///
/// What a culling step hands to [`LodState::select`](crate::LodState::select) and
/// [`SlotBatcher::add_blocks`](crate::SlotBatcher::add_blocks) when the columns lie in the order in which culling finds
/// them: 12 bytes a block in place of 4 an instance, and no instance is touched that need not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisibleBlocks {
    blocks: Vec<u32>,
    masks: Vec<u64>,
}

impl VisibleBlocks {
    /// Nothing is visible.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.masks.clear();
    }

    /// Adds the instances `first + i` for each bit `i` that is set, the lowest bit being 0.
    ///
    /// `first` need not begin a block. Where runs come in ascending order each block is listed
    /// once; in any other order one may come twice, and be drawn twice if its instances do.
    ///
    /// # Panics
    /// When the numbers would exceed those of instances, 2³² − 1.
    #[inline]
    pub fn push(&mut self, first: u32, mask: u64) {
        let Some(highest) = mask.checked_ilog2() else { return };
        let last = u64::from(first) + u64::from(highest);
        assert!(last < u64::from(u32::MAX), "instance {last} is beyond the last possible one");
        let (block, shift) = (first / BLOCK as u32, first % BLOCK as u32);
        self.add(block, mask << shift);
        if shift > 0 {
            self.add(block + 1, mask >> (BLOCK as u32 - shift));
        }
    }

    #[inline]
    fn add(&mut self, block: u32, mask: u64) {
        if mask == 0 {
            return;
        }
        match (self.blocks.last(), self.masks.last_mut()) {
            (Some(&last), Some(all)) if last == block => *all |= mask,
            _ => {
                self.blocks.push(block);
                self.masks.push(mask);
            }
        }
    }

    /// The blocks, for [`Blocks::Listed`](crate::Blocks::Listed).
    #[must_use]
    pub fn blocks(&self) -> &[u32] {
        &self.blocks
    }

    /// By place in [`VisibleBlocks::blocks`]: a bit for each instance that is visible, never none.
    #[must_use]
    pub fn masks(&self) -> &[u64] {
        &self.masks
    }

    /// How many instances are visible. O(blocks).
    #[must_use]
    pub fn count(&self) -> usize {
        self.masks.iter().map(|mask| mask.count_ones() as usize).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.masks.is_empty()
    }

    /// The instances one by one, in the order of the blocks.
    pub fn instances(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().zip(&self.masks).flat_map(|(&block, &mask)| {
            lanes(mask).map(move |lane| block * BLOCK as u32 + lane as u32)
        })
    }
}

/// Which instances count, each once.
#[derive(Clone, Copy, Debug)]
pub enum Visible<'a> {
    /// All of them.
    All,
    /// Those of these numbers, in any order; the quicker, the more of them follow each other.
    Listed(&'a [u32]),
    /// Those of these blocks whose bits are set.
    Blocks(&'a VisibleBlocks),
}

impl<'a> From<&'a [u32]> for Visible<'a> {
    fn from(listed: &'a [u32]) -> Self {
        Self::Listed(listed)
    }
}

impl<'a> From<&'a VisibleBlocks> for Visible<'a> {
    fn from(blocks: &'a VisibleBlocks) -> Self {
        Self::Blocks(blocks)
    }
}

/// The bits that are set, from the lowest on.
#[inline]
pub(crate) fn lanes(mut mask: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        // Of a number that is not 0, one instruction wherever there is one.
        let lane = NonZeroU64::new(mask)?.trailing_zeros() as usize;
        mask &= mask - 1;
        Some(lane % BLOCK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of 64, 3 and 64 instances that begin at 0, 64 and 67: blocks 0, 1 and 2.
    #[test]
    fn runs_join_where_they_share_a_block() {
        let mut visible = VisibleBlocks::default();
        assert!(visible.is_empty());
        visible.push(0, u64::MAX);
        visible.push(64, 0b101);
        visible.push(67, u64::MAX);
        assert_eq!(visible.blocks(), [0, 1, 2]);
        assert_eq!(visible.masks(), [u64::MAX, !0b10, 0b111]);
        assert_eq!(visible.count(), 64 + 2 + 64);
        let expected: Vec<u32> = (0..131).filter(|&i| i != 65).collect();
        assert_eq!(visible.instances().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn empty_runs_list_no_block_and_the_last_number_is_allowed() {
        let mut visible = VisibleBlocks::default();
        visible.push(5, 0);
        visible.push(u32::MAX, 0);
        assert!(visible.is_empty());
        visible.push(u32::MAX - 2, 0b10);
        assert_eq!(visible.instances().collect::<Vec<_>>(), [u32::MAX - 1]);
        visible.clear();
        assert_eq!(visible, VisibleBlocks::default());
    }

    #[test]
    #[should_panic(expected = "beyond the last possible one")]
    fn numbers_that_no_instance_can_have_are_refused() {
        VisibleBlocks::default().push(u32::MAX - 1, 0b10);
    }
}
