//! Allocators behind one trait, each used as its own documentation shows.

use super::trace::{ARENA_BYTES, ARENA_UNITS, UNIT_BYTES};
use std::ops::Range;

/// An allocator over the arena.
pub trait Contender {
    /// What it hands out.
    type Block;
    /// All free.
    fn new() -> Self;
    /// A block of `units`, or a refusal.
    fn allocate(&mut self, units: u32) -> Option<Self::Block>;
    /// Gives a block back.
    fn free(&mut self, block: Self::Block);
}

/// farplane-alloc.
pub struct Farplane(farplane_alloc::RangeAllocator);

impl Contender for Farplane {
    type Block = farplane_alloc::Handle;

    fn new() -> Self {
        Self(farplane_alloc::RangeAllocator::with_granule(ARENA_BYTES, UNIT_BYTES))
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        self.0.allocate(u64::from(units) * UNIT_BYTES, UNIT_BYTES).ok()
    }

    fn free(&mut self, block: Self::Block) {
        let freed = self.0.free(block);
        debug_assert!(freed.is_ok());
    }
}

/// xalloc: two-level segregated fit, out of band.
pub struct Xalloc(xalloc::SysTlsf<u32>);

impl Contender for Xalloc {
    type Block = xalloc::SysTlsfRegion;

    fn new() -> Self {
        Self(xalloc::SysTlsf::new(ARENA_UNITS))
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        self.0.alloc(units).map(|(region, _offset)| region)
    }

    fn free(&mut self, block: Self::Block) {
        let freed = self.0.dealloc(block);
        debug_assert!(freed.is_ok());
    }
}

/// offset-allocator: a port of Sebastian Aaltonen's.
pub struct OffsetAllocator(offset_allocator::Allocator);

impl Contender for OffsetAllocator {
    type Block = offset_allocator::Allocation;

    fn new() -> Self {
        Self(offset_allocator::Allocator::new(ARENA_UNITS))
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        self.0.allocate(units)
    }

    fn free(&mut self, block: Self::Block) {
        self.0.free(block);
    }
}

/// buddy_system_allocator's frame allocator: powers of two, out of band.
pub struct Buddy(buddy_system_allocator::FrameAllocator<BUDDY_ORDERS>);

/// The largest block is 2 GiB.
const BUDDY_ORDERS: usize = ARENA_UNITS.trailing_zeros() as usize + 1;

impl Contender for Buddy {
    /// First unit and size.
    type Block = (usize, usize);

    fn new() -> Self {
        let mut frames = buddy_system_allocator::FrameAllocator::new();
        frames.add_frame(0, ARENA_UNITS as usize);
        Self(frames)
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        let units = units as usize;
        self.0.alloc(units).map(|start| (start, units))
    }

    fn free(&mut self, (start, units): Self::Block) {
        self.0.dealloc(start, units);
    }
}

/// range-alloc: the smallest hole that fits, found by looking at all of them.
pub struct RangeAlloc(range_alloc::RangeAllocator<u32>);

impl Contender for RangeAlloc {
    type Block = Range<u32>;

    fn new() -> Self {
        Self(range_alloc::RangeAllocator::new(0..ARENA_UNITS))
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        self.0.allocate_range(units).ok()
    }

    fn free(&mut self, block: Self::Block) {
        self.0.free_range(block);
    }
}
