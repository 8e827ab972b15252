use core::num::NonZeroU32;

/// Names a block of one [`RangeAllocator`](crate::RangeAllocator) for as long as the block lives,
/// wherever defragmentation puts it.
///
/// After [`free`](crate::RangeAllocator::free) the handle is stale and every call refuses it: the
/// generation of an index never repeats (an index whose 2³² − 1 generations are spent is not used
/// again). A handle means nothing to another allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    pub(crate) index: u32,
    pub(crate) generation: NonZeroU32,
}

impl Handle {
    /// Place in the allocator's table: dense from 0 and reused after a free, so an owner can keep
    /// what belongs to a block in arrays of its own.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// How often the index has been used, from 1.
    #[must_use]
    pub const fn generation(&self) -> NonZeroU32 {
        self.generation
    }
}

const _: () = assert!(size_of::<Option<Handle>>() == 8);
