use crate::arch::{Kernel, Simd, prefetch};
use crate::node::Node;
use crate::pack::{Pack, lanes};
use crate::probe::{Probe, Verdict, open_of};
use crate::store::{BLOCK, Block, Parts};
use core::ops::ControlFlow;

/// Blocks that wait for their memory at most: a quarter of the first cache.
const WAITING_MAX: usize = 4;

/// What a query does at nodes and blocks.
pub trait Visit {
    /// What is passed down from a node to one below it.
    type Open: Copy;
    /// What is known of the children of one node.
    type Verdict: Copy;
    /// Whether the items of blocks are read, and not their boxes alone.
    const READS_ITEMS: bool = true;

    /// Looks at the bounds of eight children.
    fn nodes<S: Simd>(&mut self, s: S, bounds: &Pack, open: Self::Open) -> (u8, Self::Verdict);

    /// What to pass down to one of them.
    fn open_of(verdict: &Self::Verdict, lane: usize) -> Self::Open;

    /// Whether no bounds below are read any more, since everything there is hit.
    fn is_whole(_open: Self::Open) -> bool {
        false
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

/// A node and those of its children that are still to be looked at.
type Place<V> = (u32, u8, <V as Visit>::Verdict);

/// Blocks whose memory was asked for, in a ring: block, items, what is open.
struct Waiting<V: Visit> {
    ring: [(u32, u8, V::Open); WAITING_MAX],
    first: usize,
    count: usize,
}

impl<V: Visit> Walk<'_, '_, V> {
    /// Looks at a node, and asks for the memory of its children that are hit: all at once, since
    /// one after the other each would be waited for.
    #[inline(always)]
    fn enter<S: Simd>(&mut self, s: S, index: u32, open: V::Open) -> Place<V> {
        let node = &self.parts.nodes[index as usize];
        let (hit, verdict) = self.visit.nodes(s, &node.bounds, open);
        let hit = node.on_layers(hit & node.live(), self.layers);
        if node.level > 0 {
            for lane in lanes(hit) {
                let child = &self.parts.nodes[node.children[lane] as usize];
                prefetch(&child.children);
                if !V::is_whole(V::open_of(&verdict, lane)) {
                    prefetch(&child.bounds);
                }
            }
        }
        (index, hit, verdict)
    }

    /// Asks for a block's memory; it is looked at after those that wait already.
    #[inline(always)]
    fn wait<S: Simd>(
        &mut self,
        s: S,
        waiting: &mut Waiting<V>,
        (block, count, open): (u32, u8, V::Open),
    ) -> ControlFlow<()> {
        if V::READS_ITEMS {
            prefetch(&self.parts.items[block as usize]);
        }
        if !V::is_whole(open) {
            prefetch(&self.parts.boxes[block as usize]);
        }
        if waiting.count == WAITING_MAX {
            self.next(s, waiting)?;
        }
        waiting.ring[(waiting.first + waiting.count) % WAITING_MAX] = (block, count, open);
        waiting.count += 1;
        ControlFlow::Continue(())
    }

    /// Looks at the block that has waited longest.
    #[inline(always)]
    fn next<S: Simd>(&mut self, s: S, waiting: &mut Waiting<V>) -> ControlFlow<()> {
        let (block, count, open) = waiting.ring[waiting.first % WAITING_MAX];
        waiting.first += 1;
        waiting.count -= 1;
        self.visit.block(s, self.parts.block(block, count), self.layers, open)
    }
}

impl<V: Visit> Kernel for Walk<'_, '_, V> {
    type Out = ControlFlow<()>;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> ControlFlow<()> {
        let (start, open) = (self.start, self.open);
        let mut waiting = Waiting { ring: [(0, 0, open); WAITING_MAX], first: 0, count: 0 };
        let mut path = [self.enter(s, start, open); Node::LEVELS_MAX];
        let mut depth = 0;
        loop {
            let (index, hit, verdict) = path[depth];
            if hit == 0 {
                if depth == 0 {
                    break;
                }
                depth -= 1;
                continue;
            }
            let lane = hit.trailing_zeros() as usize;
            path[depth].1 &= hit - 1;
            let node = &self.parts.nodes[index as usize];
            let (child, open) = (node.children[lane], V::open_of(&verdict, lane));
            if node.level > 0 {
                depth += 1;
                path[depth] = self.enter(s, child, open);
            } else {
                self.wait(s, &mut waiting, (child, node.counts[lane], open))?;
            }
        }
        while waiting.count > 0 {
            self.next(s, &mut waiting)?;
        }
        ControlFlow::Continue(())
    }
}

/// What is done with the items of a block that are hit.
pub trait Emit {
    /// As [`Visit::READS_ITEMS`].
    const READS_ITEMS: bool = true;

    /// Takes a block, and a bit for each of its items that is hit.
    fn block<S: Simd>(&mut self, s: S, block: Block<'_>, hits: u64) -> ControlFlow<()>;
}

/// Hands on the items that are hit: of a block at a time, the first so many of a column.
pub struct Items<F>(pub F);

impl<F: FnMut(&[u32; BLOCK], usize) -> ControlFlow<()>> Emit for Items<F> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, block: Block<'_>, hits: u64) -> ControlFlow<()> {
        if hits == block.all() {
            return (self.0)(block.items, block.count);
        }
        let mut items = [0; BLOCK];
        let mut count = 0;
        let (rows, _) = block.items.as_chunks::<{ Pack::LANES }>();
        for (row, (_, _, hits)) in rows.iter().zip(block.packs(hits)) {
            // Hits are written a row at a time, and at most as many came before as were looked at.
            let Some(out) = items[count..].first_chunk_mut() else { break };
            count += s.compress(row, hits, out);
        }
        (self.0)(&items, count)
    }
}

/// Finds what a probe hits.
pub struct Select<P, E> {
    pub probe: P,
    pub emit: E,
}

impl<P: Probe, E: Emit> Visit for Select<P, E> {
    type Open = u8;
    type Verdict = [u8; 6];
    const READS_ITEMS: bool = E::READS_ITEMS;

    /// With no test open, all is hit.
    #[inline(always)]
    fn nodes<S: Simd>(&mut self, s: S, bounds: &Pack, open: u8) -> (u8, [u8; 6]) {
        if open == 0 {
            return (0xff, [0; 6]);
        }
        let Verdict { hit, open } = self.probe.nodes(s, bounds, open);
        (hit, open)
    }

    #[inline(always)]
    fn open_of(verdict: &[u8; 6], lane: usize) -> u8 {
        open_of::<P>(verdict, lane)
    }

    #[inline(always)]
    fn is_whole(open: u8) -> bool {
        open == 0
    }

    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        s: S,
        block: Block<'_>,
        layers: Option<u8>,
        open: u8,
    ) -> ControlFlow<()> {
        let mut hits = block.live(layers);
        if open != 0 {
            let mut within = 0;
            for (first, boxes, _) in block.packs(0) {
                within |= u64::from(self.probe.items(s, boxes, open)) << first;
            }
            hits &= within;
        }
        self.emit.block(s, block, hits)
    }
}
