use crate::arch::{Kernel, Simd, run};
use crate::pack::lanes;
use crate::probe::nearest_squared;
use crate::store::Parts;
use crate::{Neighbor, Query};
use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};
use core::ops::ControlFlow;
use farplane_geom::Vec3;

/// Buffer of [`Query::visit_nearest`]; used again, it does not allocate.
#[derive(Clone, Debug, Default)]
pub struct Ahead(BinaryHeap<Reverse<Place>>);

/// What may be next, by its number. Items come last, since one in a node or block that is as near may
/// have a lower number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Node(u32),
    /// With its count of items.
    Block(u32, u8),
    Item(u32),
}

#[derive(Clone, Copy, Debug)]
struct Place {
    distance_squared: f32,
    next: Next,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let nearer = self.distance_squared.total_cmp(&other.distance_squared);
        nearer.then_with(|| self.next.cmp(&other.next))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

impl Query<'_> {
    /// Items by their distance to a point, the nearest first and equally near ones by their numbers,
    /// as [`Query::nearest`] finds them, until the visitor breaks or the range ends: for who learns
    /// only on the way how many are needed. No more of the tree is looked at than that.
    ///
    /// `ahead` is working memory. A point that is not finite, or a range that is negative or not a
    /// number, finds nothing.
    ///
    /// Source: G. R. Hjaltason and H. Samet, "Distance browsing in spatial databases", 1999.
    pub fn visit_nearest<B>(
        &self,
        point: Vec3,
        range_m: f32,
        ahead: &mut Ahead,
        visit: impl FnMut(Neighbor) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if !point.is_finite() || range_m.is_nan() || range_m < 0.0 {
            return ControlFlow::Continue(());
        }
        let (point, limit) = (point.to_array(), range_m * range_m);
        let Self { parts, layers, set } = *self;
        run(set, Ascend { parts, layers, point, limit, ahead, visit })
    }
}

struct Ascend<'a, 'h, F> {
    parts: Parts<'a>,
    layers: Option<u8>,
    point: [f32; 3],
    limit: f32,
    ahead: &'h mut Ahead,
    visit: F,
}

impl<F> Ascend<'_, '_, F> {
    /// Puts what a node holds ahead.
    #[inline(always)]
    fn open_node<S: Simd>(&mut self, s: S, index: u32) {
        let node = &self.parts.nodes[index as usize];
        let distances = nearest_squared(s, &node.bounds, &self.point);
        let hit = s.le(distances, s.splat(self.limit));
        let distances = s.to_array(distances);
        for lane in lanes(node.on_layers(hit & node.live(), self.layers)) {
            let child = node.children[lane];
            let is_block = node.level == 0;
            let next =
                if is_block { Next::Block(child, node.counts[lane]) } else { Next::Node(child) };
            self.ahead.0.push(Reverse(Place { distance_squared: distances[lane], next }));
        }
    }

    /// Puts what a block holds ahead.
    #[inline(always)]
    fn open_block<S: Simd>(&mut self, s: S, index: u32, count: u8) {
        let block = self.parts.block(index, count);
        for (first, boxes, live) in block.packs(block.live(self.layers)) {
            let distances = nearest_squared(s, boxes, &self.point);
            let hit = s.le(distances, s.splat(self.limit));
            let distances = s.to_array(distances);
            for lane in lanes(hit & live) {
                let next = Next::Item(block.items[first + lane]);
                self.ahead.0.push(Reverse(Place { distance_squared: distances[lane], next }));
            }
        }
    }
}

impl<B, F: FnMut(Neighbor) -> ControlFlow<B>> Kernel for Ascend<'_, '_, F> {
    type Out = ControlFlow<B>;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> ControlFlow<B> {
        self.ahead.0.clear();
        self.open_node(s, self.parts.root);
        while let Some(Reverse(Place { distance_squared, next })) = self.ahead.0.pop() {
            match next {
                Next::Node(index) => self.open_node(s, index),
                Next::Block(index, count) => self.open_block(s, index, count),
                Next::Item(item) => (self.visit)(Neighbor { item, distance_squared })?,
            }
        }
        ControlFlow::Continue(())
    }
}
