use alloc::vec::Vec;

use crate::{NO_PAGE, PageId};

/// A page that feedback asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The page.
    pub page: PageId,
    /// Samples that saw it.
    pub count: u32,
}

/// Memory of [`analyse`], kept from frame to frame so that nothing is allocated once it has seen
/// the largest working set.
#[derive(Clone, Debug, Default)]
pub struct FeedbackScratch {
    /// Open addressing with linear probing, at most half full; a power of two.
    entries: Vec<Entry>,
    /// Where the entries of this frame lie.
    taken: Vec<u32>,
    /// An entry counts if it has this frame's stamp, so that no frame has to clear the table.
    stamp: u32,
    ranked: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    stamp: u32,
    page: u32,
    count: u32,
}

/// Entries of the smallest table.
const ENTRIES_MIN: usize = 1024;

/// Turns feedback samples, packed page ids as [`PageId::pack`] makes them, into requests: each
/// page once with the number of its samples, most samples first, then in the order of the pages.
/// Samples of [`NO_PAGE`] are left out; others are not checked against any layout.
///
/// Neighbouring samples mostly agree, so runs are counted before anything is hashed.
pub fn analyse(samples: &[u32], scratch: &mut FeedbackScratch, out: &mut Vec<Request>) {
    scratch.begin();
    for run in samples.chunk_by(|a, b| a == b) {
        if run[0] != NO_PAGE {
            // A slice of u32 may be longer than a u32 can count only where memory exceeds 16 GB.
            scratch.count(run[0], u32::try_from(run.len()).unwrap_or(u32::MAX));
        }
    }
    scratch.rank(out);
}

impl FeedbackScratch {
    /// Empty; grows with the first frames.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn begin(&mut self) {
        self.taken.clear();
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.entries.fill(Entry::default());
            self.stamp = 1;
        }
        if self.entries.is_empty() {
            self.entries.resize(ENTRIES_MIN, Entry::default());
        }
    }

    fn count(&mut self, page: u32, samples: u32) {
        let at = self.find(page);
        let entry = &mut self.entries[at];
        if entry.stamp == self.stamp {
            entry.count = entry.count.saturating_add(samples);
            return;
        }
        *entry = Entry { stamp: self.stamp, page, count: samples };
        self.taken.push(at as u32);
        if 2 * self.taken.len() > self.entries.len() {
            self.grow();
        }
    }

    /// The entry of a page, or the free one where it belongs. The table is never full.
    fn find(&self, page: u32) -> usize {
        // Fibonacci hashing: Knuth, TAOCP 3, 6.4. The upper bits are the mixed ones.
        let hash = page.wrapping_mul(0x9e37_79b9);
        let mask = self.entries.len() - 1;
        let mut at = (hash >> (32 - self.entries.len().ilog2())) as usize;
        while self.entries[at].stamp == self.stamp && self.entries[at].page != page {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        self.ranked.clear();
        let entries = self.taken.iter().map(|at| self.entries[*at as usize]);
        self.ranked.extend(entries.map(|e| u64::from(e.count) << 32 | u64::from(e.page)));
        let size = 2 * self.entries.len();
        self.entries.clear();
        self.entries.resize(size, Entry::default());
        self.taken.clear();
        for i in 0..self.ranked.len() {
            let (page, count) = (self.ranked[i] as u32, (self.ranked[i] >> 32) as u32);
            let at = self.find(page);
            self.entries[at] = Entry { stamp: self.stamp, page, count };
            self.taken.push(at as u32);
        }
    }

    /// Sorts by one number each: the count upside down in its upper half, the page in its lower.
    fn rank(&mut self, out: &mut Vec<Request>) {
        self.ranked.clear();
        let entries = self.taken.iter().map(|at| self.entries[*at as usize]);
        self.ranked.extend(entries.map(|e| u64::from(!e.count) << 32 | u64::from(e.page)));
        self.ranked.sort_unstable();
        out.clear();
        let request = |key: &u64| Request {
            page: PageId::unpack(*key as u32),
            count: !((*key >> 32) as u32),
        };
        out.extend(self.ranked.iter().map(request));
    }
}
