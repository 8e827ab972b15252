use core::num::NonZeroU32;

/// Names a block of one [`RangeAllocator`](crate::RangeAllocator) for as long as the block lives,
/// wherever defragmentation puts it.
///
/// After [`free`](crate::RangeAllocator::free) the handle is stale and every call refuses it: the
/// generation of an index never repeats (an index whose 2²⁴ − 1 generations are spent is not used
/// again, which costs 36 bytes). To an allocator of another
/// [salt](crate::Options::salt) it is stale too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Handle {
    pub(crate) index: u32,
    pub(crate) generation: NonZeroU32,
}

impl Handle {
    /// Place in the allocator's table: reused after a free and never more than the most blocks and
    /// holes that there were at a time, so an owner can keep what belongs to a block in arrays of
    /// its own.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The salt in the upper 8 bits, below it how often the index has been used, from 1.
    #[must_use]
    pub const fn generation(&self) -> NonZeroU32 {
        self.generation
    }
}

const _: () = assert!(size_of::<Option<Handle>>() == 8);
