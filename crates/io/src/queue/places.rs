//! Where in the file the waiting requests begin.

use std::ops::{ControlFlow, Range};

/// Places are looked up by granules of this size, as a power of two: 64 KiB.
const GRANULE_BITS: u32 = 16;
/// Smallest table.
const LISTS_MIN: usize = 16;
/// No request.
const NONE: u32 = u32::MAX;

/// A waiting request in the list of its granule.
#[derive(Clone, Copy, Debug)]
struct Link {
    offset: u64,
    next: u32,
    previous: u32,
}

/// Waiting requests by place: a hash table of granules, each a list through the requests' slots.
///
/// Insert and remove are O(1) and touch few cache lines: they are most of what submit and cancel cost
/// the caller. Looking for neighbours is rarer, once a read, and pays for it by sorting.
#[derive(Debug)]
pub(super) struct Places {
    /// The first slot of each list; a power of two of them.
    lists: Vec<u32>,
    /// By slot.
    links: Vec<Link>,
    count: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self { lists: vec![NONE; LISTS_MIN], links: Vec::new(), count: 0 }
    }
}

impl Places {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn insert(&mut self, offset: u64, slot: u32) {
        if self.links.len() <= slot as usize {
            let none = Link { offset: 0, next: NONE, previous: NONE };
            self.links.resize(slot as usize + 1, none);
        }
        self.count += 1;
        self.link(offset, slot);
        if self.count > self.lists.len() {
            self.grow();
        }
    }

    pub fn remove(&mut self, slot: u32) {
        let Link { offset, next, previous } = self.links[slot as usize];
        match self.links.get_mut(previous as usize) {
            Some(link) => link.next = next,
            None => {
                let list = self.list_of(offset >> GRANULE_BITS);
                self.lists[list] = next;
            }
        }
        if let Some(link) = self.links.get_mut(next as usize) {
            link.previous = previous;
        }
        self.count -= 1;
    }

    /// Requests that begin in `range`, front to back and by slot where they begin together, until
    /// `visit` breaks. O(granules + requests in them · log).
    pub fn ascending(
        &self,
        range: Range<u64>,
        visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let granules = range.start >> GRANULE_BITS..=range.end.saturating_sub(1) >> GRANULE_BITS;
        self.visit(granules, &range, false, visit)
    }

    /// The same back to front.
    pub fn descending(
        &self,
        range: Range<u64>,
        visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let granules = range.start >> GRANULE_BITS..=range.end.saturating_sub(1) >> GRANULE_BITS;
        self.visit(granules.rev(), &range, true, visit)
    }

    fn visit(
        &self,
        granules: impl Iterator<Item = u64>,
        range: &Range<u64>,
        back_to_front: bool,
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut found: Vec<(u64, u32)> = Vec::new();
        for granule in granules {
            let mut slot = self.lists[self.list_of(granule)];
            while let Some(link) = self.links.get(slot as usize) {
                if link.offset >> GRANULE_BITS == granule && range.contains(&link.offset) {
                    found.push((link.offset, slot));
                }
                slot = link.next;
            }
            found.sort_unstable();
            if back_to_front {
                found.reverse();
            }
            found.drain(..).try_for_each(|(_, slot)| visit(slot))?;
        }
        ControlFlow::Continue(())
    }

    fn link(&mut self, offset: u64, slot: u32) {
        let list = self.list_of(offset >> GRANULE_BITS);
        let next = std::mem::replace(&mut self.lists[list], slot);
        if let Some(link) = self.links.get_mut(next as usize) {
            link.previous = slot;
        }
        self.links[slot as usize] = Link { offset, next, previous: NONE };
    }

    /// Twice as many lists.
    fn grow(&mut self) {
        let lists = vec![NONE; self.lists.len() * 2];
        for list in std::mem::replace(&mut self.lists, lists) {
            let mut slot = list;
            while let Some(&Link { offset, next, .. }) = self.links.get(slot as usize) {
                self.link(offset, slot);
                slot = next;
            }
        }
    }

    fn list_of(&self, granule: u64) -> usize {
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4): places at regular distances do not meet.
        let hash = granule.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> (u64::BITS - self.lists.len().trailing_zeros())) as usize
    }
}
