use crate::Query;
use crate::arch::{Kernel, Simd, run};
use crate::node::Node;
use crate::pack::{Pack, lanes};
use crate::probe::nearest_squared;
use crate::store::{Block, Parts};
use alloc::vec::Vec;
use farplane_geom::Vec3;

/// An item and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// The item's number.
    pub item: u32,
    /// Squared distance from the point to the item's box, m²; 0 inside.
    pub distance_squared: f32,
}

impl Neighbor {
    /// Nearer ones first, then lower numbers: so that the result does not depend on the tree.
    fn key(&self) -> (f32, u32) {
        (self.distance_squared, self.item)
    }
}

impl Query<'_> {
    /// The `count` items nearest to a point, within `range_m` (infinite: anywhere), by the distance
    /// to their boxes ([`farplane_geom::Aabb::distance_squared`]); appended to `out`, the nearest
    /// first and equally near ones by their numbers. A point that is not finite, or a range that is
    /// negative or not a number, finds nothing.
    pub fn nearest(&self, point: Vec3, count: usize, range_m: f32, out: &mut Vec<Neighbor>) {
        if count == 0 || !point.is_finite() || range_m.is_nan() || range_m < 0.0 {
            return;
        }
        let start = out.len();
        let mut seek =
            Nearest { point: point.to_array(), limit: range_m * range_m, count, start, out };
        let Self { parts, layers, set } = *self;
        run(set, Closest { parts, layers, seek: &mut seek });
        let found = &mut out[start..];
        found.sort_unstable_by(|a, b| {
            a.distance_squared.total_cmp(&b.distance_squared).then(a.item.cmp(&b.item))
        });
    }
}

/// What is sought: items of the least distance, whatever that means.
pub trait Seek {
    /// Distances of eight boxes, and a bit for each that has one. A box inside another must not be
    /// nearer.
    fn distances<S: Simd>(&self, s: S, boxes: &Pack) -> (S::V, u8);
    /// What is farther than this is of no interest.
    fn limit(&self) -> f32;
    /// An item at a distance up to the limit.
    fn offer(&mut self, item: u32, distance: f32);
}

/// A walk that looks at what is near first, and not at what is too far.
pub struct Closest<'a, 'k, K: Seek> {
    pub parts: Parts<'a>,
    pub layers: Option<u8>,
    pub seek: &'k mut K,
}

/// Distance and lane, the nearest first.
type Near = [(f32, usize); Pack::LANES];

impl<K: Seek> Closest<'_, '_, K> {
    /// The children of a node that are near enough.
    #[inline(always)]
    fn children<S: Simd>(&self, s: S, node: &Node) -> (Near, usize) {
        let (distances, hit) = self.seek.distances(s, &node.bounds);
        let hit = hit & s.le(distances, s.splat(self.seek.limit()));
        let hit = node.on_layers(hit & node.live(), self.layers);
        let distances = s.to_array(distances);
        let (mut near, mut count) = ([(0.0, 0); Pack::LANES], 0);
        for lane in lanes(hit) {
            let mut at = count;
            while at > 0 && near[at - 1].0 > distances[lane] {
                near[at] = near[at - 1];
                at -= 1;
            }
            near[at] = (distances[lane], lane);
            count += 1;
        }
        (near, count)
    }

    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, block: Block<'_>) {
        for (first, boxes, live) in block.packs(block.live(self.layers)) {
            let (distances, hit) = self.seek.distances(s, boxes);
            let hit = hit & live & s.le(distances, s.splat(self.seek.limit()));
            if hit == 0 {
                continue;
            }
            let distances = s.to_array(distances);
            for lane in lanes(hit) {
                if distances[lane] <= self.seek.limit() {
                    self.seek.offer(block.items[first + lane], distances[lane]);
                }
            }
        }
    }
}

impl<K: Seek> Kernel for Closest<'_, '_, K> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let mut stack = [(0.0f32, self.parts.root); 7 * Node::LEVELS_MAX + 1];
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let (distance, index) = stack[waiting];
            if distance > self.seek.limit() {
                continue;
            }
            let node = &self.parts.nodes[index as usize];
            let (near, count) = self.children(s, node);
            if node.level == 0 {
                for &(distance, lane) in &near[..count] {
                    if distance > self.seek.limit() {
                        break;
                    }
                    self.block(s, self.parts.block(node.children[lane], node.counts[lane]));
                }
                continue;
            }
            for &(distance, lane) in near[..count].iter().rev() {
                stack[waiting] = (distance, node.children[lane]);
                waiting += 1;
            }
        }
    }
}

/// The best so far lie in `out` from `start` on, as a heap with the worst first once they are as
/// many as wanted.
struct Nearest<'o> {
    point: [f32; 3],
    limit: f32,
    count: usize,
    start: usize,
    out: &'o mut Vec<Neighbor>,
}

impl Seek for Nearest<'_> {
    #[inline(always)]
    fn distances<S: Simd>(&self, s: S, boxes: &Pack) -> (S::V, u8) {
        (nearest_squared(s, boxes, &self.point), 0xff)
    }

    #[inline(always)]
    fn limit(&self) -> f32 {
        self.limit
    }

    fn offer(&mut self, item: u32, distance_squared: f32) {
        let new = Neighbor { item, distance_squared };
        let heap = self.out.len() - self.start;
        if heap < self.count {
            self.out.push(new);
            sift_up(&mut self.out[self.start..]);
        } else if new.key() < self.out[self.start].key() {
            self.out[self.start] = new;
            sift_down(&mut self.out[self.start..]);
        }
        if self.out.len() - self.start == self.count {
            self.limit = self.out[self.start].distance_squared;
        }
    }
}

fn sift_up(heap: &mut [Neighbor]) {
    let mut at = heap.len() - 1;
    while at > 0 {
        let above = (at - 1) / 2;
        if heap[above].key() >= heap[at].key() {
            return;
        }
        heap.swap(above, at);
        at = above;
    }
}

fn sift_down(heap: &mut [Neighbor]) {
    let mut at = 0;
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        let mut worst = at;
        if left < heap.len() && heap[left].key() > heap[worst].key() {
            worst = left;
        }
        if right < heap.len() && heap[right].key() > heap[worst].key() {
            worst = right;
        }
        if worst == at {
            return;
        }
        heap.swap(at, worst);
        at = worst;
    }
}
