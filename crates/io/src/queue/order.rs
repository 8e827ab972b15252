//! Which waiting request comes first, and which ones lie beside it in the file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{ControlFlow, Range};

use super::CLASSES;
use super::places::Places;

/// Place of a waiting request: the smallest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// `u64::MAX` without a deadline.
    pub deadline_ns: u64,
    pub sequence: u64,
    pub slot: u32,
}

/// Stale entries that a heap may hold beside as many as are valid.
const STALE_MIN: usize = 64;

/// Waiting requests by urgency and by place.
///
/// A heap a class gives the first in O(log n). What is cancelled, read or moved to another class
/// stays in its heap until it comes to the top or until half of the heap is stale; whether an
/// entry still counts is asked of the caller.
#[derive(Debug, Default)]
pub(super) struct Order {
    heaps: [BinaryHeap<Reverse<Rank>>; CLASSES],
    waiting: [usize; CLASSES],
    places: Places,
}

impl Order {
    pub fn insert(&mut self, class: u8, rank: Rank, offset: u64) {
        self.heaps[usize::from(class)].push(Reverse(rank));
        self.waiting[usize::from(class)] += 1;
        self.places.insert(offset, rank.slot);
    }

    /// Takes a request out. Its entry in the heap becomes stale.
    pub fn remove(&mut self, class: u8, slot: u32, counts: impl Fn(u8, Rank) -> bool) {
        self.waiting[usize::from(class)] -= 1;
        self.places.remove(slot);
        self.tidy(class, counts);
    }

    /// Moves a request to another class, or to another rank within it.
    pub fn move_to(&mut self, from: u8, to: u8, rank: Rank, counts: impl Fn(u8, Rank) -> bool) {
        self.waiting[usize::from(from)] -= 1;
        self.waiting[usize::from(to)] += 1;
        self.heaps[usize::from(to)].push(Reverse(rank));
        self.tidy(from, &counts);
        self.tidy(to, counts);
    }

    fn tidy(&mut self, class: u8, counts: impl Fn(u8, Rank) -> bool) {
        let heap = &mut self.heaps[usize::from(class)];
        if heap.len() > 2 * self.waiting[usize::from(class)] + STALE_MIN {
            let mut valid = std::mem::take(heap).into_vec();
            valid.retain(|&Reverse(rank)| counts(class, rank));
            // One that was moved away and back is there twice.
            valid.sort_unstable();
            valid.dedup();
            *heap = BinaryHeap::from(valid);
        }
    }

    /// The most urgent request and its class.
    pub fn first(&mut self, counts: impl Fn(u8, Rank) -> bool) -> Option<(u8, u32)> {
        let class = self.waiting.iter().position(|&count| count > 0)?;
        let heap = &mut self.heaps[class];
        while let Some(&Reverse(rank)) = heap.peek() {
            if counts(class as u8, rank) {
                return Some((class as u8, rank.slot));
            }
            heap.pop();
        }
        None
    }

    /// Waiting requests that begin in `range`, front to back.
    pub fn ascending(&self, range: Range<u64>, visit: impl FnMut(u32) -> ControlFlow<()>) {
        let _ = self.places.ascending(range, visit);
    }

    /// Waiting requests that begin in `range`, back to front.
    pub fn descending(&self, range: Range<u64>, visit: impl FnMut(u32) -> ControlFlow<()>) {
        let _ = self.places.descending(range, visit);
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }
}
