use crate::arch::{Kernel, Simd, prefetch};
use crate::node::Node;
use crate::pack::Pack;
use crate::probe::{Probe, Verdict, open_of};
use crate::store::{BLOCK, Block, Parts};
use core::ops::ControlFlow;

/// Nodes that wait at most: seven siblings on each level above the lowest, eight there.
const STACK_MAX: usize = 7 * Node::LEVELS_MAX + 1;

/// What a query does at nodes and blocks.
pub trait Visit {
    /// What is passed down from a node to one below it.
    type Open: Copy;
    /// What is known of the children of one node.
    type Verdict: Copy;

    /// Looks at the bounds of eight children.
    fn nodes<S: Simd>(&mut self, s: S, bounds: &Pack, open: Self::Open) -> (u8, Self::Verdict);

    /// What to pass down to one of them.
    fn open_of(verdict: &Self::Verdict, lane: usize) -> Self::Open;

    /// Asks for what [`Visit::block`] will read of a block.
    #[inline(always)]
    fn prefetch(block: Block<'_>, _open: Self::Open) {
        prefetch(block.boxes);
        prefetch(block.items);
    }

    /// Looks at the items of a block, of those on the given layers.
    fn block<S: Simd>(
        &mut self,
        s: S,
        block: Block<'_>,
        layers: Option<u8>,
        open: Self::Open,
    ) -> ControlFlow<()>;
}

/// A walk through part of a tree, in the order of keys.
pub struct Walk<'a, 'v, V: Visit> {
    pub parts: Parts<'a>,
    pub layers: Option<u8>,
    pub start: u32,
    pub open: V::Open,
    pub visit: &'v mut V,
}

impl<V: Visit> Kernel for Walk<'_, '_, V> {
    type Out = ControlFlow<()>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> ControlFlow<()> {
        let Self { parts, layers, start, open, visit } = self;
        let mut stack = [(start, open); STACK_MAX];
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let (index, open) = stack[waiting];
            let node = &parts.nodes[index as usize];
            let (hit, verdict) = visit.nodes(s, &node.bounds, open);
            let mut hit = node.on_layers(hit & node.live(), layers);
            while hit != 0 {
                if node.level == 0 {
                    let lane = hit.trailing_zeros() as usize;
                    hit &= hit - 1;
                    if hit != 0 {
                        let next = hit.trailing_zeros() as usize;
                        let block = parts.block(node.children[next]);
                        V::prefetch(block, V::open_of(&verdict, next));
                    }
                    let block = parts.block(node.children[lane]);
                    visit.block(s, block, layers, V::open_of(&verdict, lane))?;
                } else {
                    // The last first, so that the first is the next to be taken.
                    let lane = 7 - hit.leading_zeros() as usize;
                    hit &= !(1 << lane);
                    stack[waiting] = (node.children[lane], V::open_of(&verdict, lane));
                    waiting += 1;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Emits the items that a probe hits, up to a block of them at a time.
pub struct Select<P, E> {
    pub probe: P,
    pub emit: E,
}

impl<P: Probe, E> Select<P, E> {
    /// [`Visit::nodes`]: with no test open, all is hit.
    #[inline(always)]
    pub fn nodes<S: Simd>(&self, s: S, bounds: &Pack, open: u8) -> (u8, [u8; 6]) {
        if open == 0 {
            return (0xff, [0; 6]);
        }
        let Verdict { hit, open } = self.probe.nodes(s, bounds, open);
        (hit, open)
    }
}

impl<P: Probe, E: FnMut(&[u32]) -> ControlFlow<()>> Visit for Select<P, E> {
    type Open = u8;
    type Verdict = [u8; 6];

    #[inline(always)]
    fn nodes<S: Simd>(&mut self, s: S, bounds: &Pack, open: u8) -> (u8, [u8; 6]) {
        Self::nodes(self, s, bounds, open)
    }

    #[inline(always)]
    fn open_of(verdict: &[u8; 6], lane: usize) -> u8 {
        open_of::<P>(verdict, lane)
    }

    #[inline(always)]
    fn prefetch(block: Block<'_>, open: u8) {
        // The boxes of what is wholly inside are not read.
        if open != 0 {
            prefetch(block.boxes);
        }
        prefetch(block.items);
    }

    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        s: S,
        block: Block<'_>,
        layers: Option<u8>,
        open: u8,
    ) -> ControlFlow<()> {
        if open == 0 && layers.is_none() {
            return (self.emit)(&block.items[..block.count]);
        }
        let live = block.live(layers);
        let (rows, _) = block.items.as_chunks::<{ Pack::LANES }>();
        // One more row, since hits are written a row at a time.
        let mut items = [0; BLOCK + Pack::LANES];
        let mut count = 0;
        let packs = block.count.div_ceil(Pack::LANES);
        for (i, (boxes, row)) in block.boxes.iter().zip(rows).enumerate().take(packs) {
            let hit = if open == 0 { 0xff } else { self.probe.items(s, boxes, open) };
            let hit = hit & (live >> (i * Pack::LANES)) as u8;
            let Some(out) = items[count..].first_chunk_mut() else { break };
            count += s.compress(row, hit, out);
        }
        (self.emit)(&items[..count])
    }
}
