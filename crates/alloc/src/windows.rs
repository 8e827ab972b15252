//! Which windows are worth emptying: a sweep with two ends, as wide as the request, that knows what
//! each block in between would cost.

use crate::nodes::{Holds, NO_ROOM, NONE};
use crate::{Handle, PassLimits, RangeAllocator};
use alloc::collections::VecDeque;

/// Stretches that the search for a room visits around the largest holes.
pub const NODES_PER_ROOM_MAX: usize = 512;
/// Windows that are planned in full, to see which is cheapest.
const WINDOWS_MAX: usize = 4;

/// What a price is asked with.
type Price<'a> = dyn FnMut(Handle, u64) -> Option<u64> + 'a;

/// A window: whole stretches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub first: u32,
    pub last: u32,
    /// What emptying it costs if every block that may move finds a hole.
    pub cost: u64,
}

/// A stretch in the window, and the cheaper way to be rid of what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    node: u32,
    cost: Cost,
}

/// What emptying costs, in bytes copied.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    moved: u64,
    /// What not moving the same blocks would cost.
    instead: u64,
    evicted: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.moved = self.moved.saturating_add(other.moved);
        self.instead = self.instead.saturating_add(other.instead);
        self.evicted = self.evicted.saturating_add(other.evicted);
    }

    fn sub(&mut self, other: Self) {
        self.moved = self.moved.saturating_sub(other.moved);
        self.instead = self.instead.saturating_sub(other.instead);
        self.evicted = self.evicted.saturating_sub(other.evicted);
    }

    /// Where more would be moved than may be, the rest is evicted at the average price.
    fn total(&self, bytes_max: u64) -> u64 {
        let all = self.moved.saturating_add(self.evicted);
        if self.moved <= bytes_max {
            return all;
        }
        let dearer = u128::from(self.instead.saturating_sub(self.moved));
        let share = dearer * u128::from(self.moved - bytes_max) / u128::from(self.moved);
        all.saturating_add(share as u64)
    }
}

/// A block that nobody offers counts as so many times its bytes where it cannot be moved.
const UNOFFERED: u64 = 1 << 16;

pub(crate) struct Search {
    size: u32,
    align: u64,
    limits: PassLimits,
    /// No larger block can be moved.
    largest_free: u64,
    /// The window's stretches, from the lowest.
    inside: VecDeque<Visit>,
    /// The cheapest windows, the cheapest first.
    best: [Option<Window>; WINDOWS_MAX],
    visits_left: usize,
    /// Whether a block that is not offered is in the way, movable or not.
    offered_only: bool,
}

impl Search {
    pub fn new(
        allocator: &RangeAllocator,
        size: u32,
        align: u64,
        limits: PassLimits,
        inside: VecDeque<Visit>,
    ) -> Self {
        let largest_free = allocator.largest_free();
        let best = [None; WINDOWS_MAX];
        Self {
            size,
            align,
            limits,
            largest_free,
            inside,
            best,
            visits_left: 0,
            offered_only: false,
        }
    }

    pub fn into_buffer(self) -> VecDeque<Visit> {
        self.inside
    }

    pub fn best(&self) -> impl Iterator<Item = Window> + use<> {
        self.best.into_iter().flatten()
    }

    /// Looks at all windows with one of the largest holes in them.
    pub fn around_holes(&mut self, allocator: &RangeAllocator, price: &mut Price<'_>) {
        self.visits_left = NODES_PER_ROOM_MAX;
        for hole in allocator.bins.holes_downwards(&allocator.nodes) {
            if self.visits_left == 0 {
                return;
            }
            let lowest = self.below(allocator, hole);
            self.sweep(allocator, lowest, hole, price);
        }
    }

    /// Looks at all windows that there are, or at those alone that can be emptied for certain, since
    /// all in them is offered.
    pub fn everywhere(
        &mut self,
        allocator: &RangeAllocator,
        offered_only: bool,
        price: &mut Price<'_>,
    ) {
        self.visits_left = usize::MAX;
        self.offered_only = offered_only;
        self.best = [None; WINDOWS_MAX];
        self.sweep(allocator, allocator.nodes.first, NONE, price);
    }

    /// The lowest stretch of the windows that end in a hole.
    fn below(&mut self, allocator: &RangeAllocator, hole: u32) -> u32 {
        let nodes = &allocator.nodes;
        let (mut node, end) = (hole, nodes[hole].end());
        loop {
            let below = nodes[node].prev;
            if end - nodes[node].offset >= self.size || below == NONE {
                return node;
            }
            if nodes[below].held().is_some_and(|held| !held.may_go()) {
                return node;
            }
            self.visits_left = self.visits_left.saturating_sub(1);
            node = below;
        }
    }

    /// Looks at all windows whose lowest stretch is one of those from `first` to `last`.
    fn sweep(&mut self, allocator: &RangeAllocator, first: u32, last: u32, price: &mut Price<'_>) {
        self.inside.clear();
        let mut cost = Cost::default();
        let mut above = first;
        loop {
            while !self.is_wide_enough(allocator) {
                if above == NONE || self.visits_left == 0 {
                    return;
                }
                self.visits_left -= 1;
                let node = above;
                above = allocator.nodes[node].next;
                if let Some(visit) = self.visit(allocator, node, price) {
                    cost.add(visit.cost);
                    self.inside.push_back(visit);
                    continue;
                }
                // No window reaches across this one.
                if node == last || self.inside.iter().any(|visit| visit.node == last) {
                    return;
                }
                self.inside.clear();
                cost = Cost::default();
            }
            self.note(allocator, cost);
            let Some(lowest) = self.inside.pop_front() else { return };
            cost.sub(lowest.cost);
            if lowest.node == last {
                return;
            }
        }
    }

    fn is_wide_enough(&self, allocator: &RangeAllocator) -> bool {
        let (Some(first), Some(last)) = (self.inside.front(), self.inside.back()) else {
            return false;
        };
        let (start, end) = (allocator.nodes[first.node].offset, allocator.nodes[last.node].end());
        allocator.place_within(start, end, self.size, self.align).is_some()
    }

    /// A stretch that can be emptied.
    fn visit(&self, allocator: &RangeAllocator, node: u32, price: &mut Price<'_>) -> Option<Visit> {
        let Some(held) = allocator.nodes[node].held() else {
            return Some(Visit { node, cost: Cost::default() });
        };
        if !held.may_go() {
            return None;
        }
        let bytes = allocator.requested(node, held).size;
        let may_move = bytes <= self.largest_free.min(self.limits.bytes_max);
        let cost = match price(allocator.nodes.handle(node), bytes) {
            Some(price) if price <= bytes || !may_move => {
                Cost { evicted: price, ..Cost::default() }
            }
            offer if may_move && !(offer.is_none() && self.offered_only) => {
                let instead = offer.unwrap_or_else(|| bytes.saturating_mul(UNOFFERED));
                Cost { moved: bytes, instead, evicted: 0 }
            }
            _ => return None,
        };
        Some(Visit { node, cost })
    }

    /// Enters the window among the best if it is one of them.
    fn note(&mut self, allocator: &RangeAllocator, cost: Cost) {
        let (Some(first), Some(last)) = (self.inside.front(), self.inside.back()) else { return };
        let cost = cost.total(self.limits.bytes_max);
        let new = Window { first: first.node, last: last.node, cost };
        let order = |window: &Window| (window.cost, allocator.nodes[window.first].offset);
        let [.., worst] = &self.best;
        if worst.is_some_and(|worst| order(&worst) <= order(&new)) {
            return;
        }
        let at = self.best.iter().position(|have| have.is_none_or(|w| order(&w) >= order(&new)));
        let Some(at) = at else { return };
        let seen = |have: &Window| (have.first, have.last) == (new.first, new.last);
        if !self.best[at].as_ref().is_some_and(seen) {
            self.best[at..].rotate_right(1);
            self.best[at] = Some(new);
        }
    }
}

impl crate::nodes::Held {
    /// Whether a room may be made where this is: a block at rest that nobody needs there.
    fn may_go(&self) -> bool {
        self.holds == Holds::Block && self.pins == 0 && self.room == NO_ROOM
    }
}
