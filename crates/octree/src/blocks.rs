//! Blocks at a time, for callers that keep arrays of their own in the order of the tree.

use crate::arch::Simd;
use crate::probe::{FrustumProbe, Probe, SphereProbe};
use crate::query::all_open;
use crate::store::Block;
use crate::walk::{Emit, Select};
use crate::{Octree, Query};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use farplane_geom::{Frustum, Sphere};

/// A block of the tree, and which of its items a query hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHits<'a> {
    /// Which block, for a table of the caller's: blocks keep their numbers and their items until one
    /// is inserted, removed or moved, and until [`Octree::maintain`]. The numbers begin at 0 and are
    /// in no order.
    pub block: u32,
    /// Its items, 64 at most. A caller who knows them by the block's number need not look at them, and
    /// then they are not read from memory.
    pub items: &'a [u32],
    /// A bit for each item that is hit, the lowest for the first; never none.
    pub hits: u64,
}

impl Octree {
    /// Numbers the items anew, from 0 on in the order of the tree, which is the order of all query
    /// results, and returns the old number of each by its new one.
    ///
    /// Arrays of the caller's that are put into that order lie in memory as queries come by: what a
    /// block of a block-wise query ([`Query::visit_frustum_blocks`]) holds is then a run of numbers,
    /// until an item is inserted, removed or moved. Handles stay valid. O(items).
    pub fn number_in_order(&mut self) -> Vec<u32> {
        let store = &mut self.store;
        let mut old = Vec::with_capacity(self.slots.len as usize);
        let mut waiting = Vec::from([store.root]);
        while let Some(index) = waiting.pop() {
            let node = &store.nodes[index as usize];
            let children = &node.children[..usize::from(node.count)];
            if node.level > 0 {
                // The last first, so that the first is the next to be taken.
                waiting.extend(children.iter().rev());
                continue;
            }
            for (&block, &count) in children.iter().zip(&node.counts) {
                for item in &mut store.items[block as usize][..usize::from(count)] {
                    let number = old.len() as u32;
                    old.push(core::mem::replace(item, number));
                }
            }
        }
        old
    }
}

impl Query<'_> {
    /// As [`Query::frustum`], a block of items at a time until the visitor breaks. There is no call
    /// for a block without a hit, and what is wholly inside the frustum costs as little as its blocks
    /// are few.
    pub fn visit_frustum_blocks<B>(
        &self,
        frustum: &Frustum,
        visit: impl FnMut(BlockHits<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.visit_blocks(FrustumProbe::new(frustum), visit)
    }

    /// As [`Query::sphere`], a block of items at a time; see [`Query::visit_frustum_blocks`].
    pub fn visit_sphere_blocks<B>(
        &self,
        sphere: &Sphere,
        visit: impl FnMut(BlockHits<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        match SphereProbe::new(sphere) {
            Some(probe) => self.visit_blocks(probe, visit),
            None => ControlFlow::Continue(()),
        }
    }

    fn visit_blocks<P: Probe, B>(
        &self,
        probe: P,
        mut visit: impl FnMut(BlockHits<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut stopped = ControlFlow::Continue(());
        let emit = |hits: BlockHits<'_>| {
            stopped = visit(hits);
            if stopped.is_break() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        // Why it stopped is in `stopped`.
        let _ = self.walk(&mut Select { probe, emit: Blocks(emit) }, all_open::<P>());
        stopped
    }
}

/// Hands on blocks, and which of their items are hit.
struct Blocks<F>(F);

impl<F: FnMut(BlockHits<'_>) -> ControlFlow<()>> Emit for Blocks<F> {
    const READS_ITEMS: bool = false;

    #[inline(always)]
    fn block<S: Simd>(&mut self, _s: S, block: Block<'_>, hits: u64) -> ControlFlow<()> {
        if hits == 0 {
            return ControlFlow::Continue(());
        }
        let items = &block.items[..block.count];
        (self.0)(BlockHits { block: block.index, items, hits })
    }
}
