//! Holes by size: two levels of bins as in TLSF (Masmano, Ripoll, Crespo, Real: "TLSF: a new
//! dynamic memory allocator for real-time systems", ECRTS 2004), and in each bin a bitwise trie as
//! in the large bins of Doug Lea's malloc (2.8, "treebins").
//!
//! TLSF rounds a request up to the next bin and so refuses holes that would fit. Here the bin's
//! trie is asked first: it is exact. Bins are so narrow that most have no or one hole, so the trie
//! is rarely more than a node or two; and its depth is never more than the bits of a size that
//! the bin leaves open (24), however many holes there are.

use crate::nodes::{NONE, Nodes, Use};
use alloc::boxed::Box;

/// Bins that each power of two is divided into: sizes in a bin differ by less than 1/256.
const COLUMNS: u32 = 256;
const COLUMN_BITS: u32 = COLUMNS.trailing_zeros();
/// Row 0 holds sizes under 256 granules, one size a bin; then one row for each power of two.
const ROWS: u32 = u32::BITS - COLUMN_BITS + 1;
const BINS: usize = (ROWS * COLUMNS) as usize;
const WORDS: usize = BINS / 64;
const _: () = assert!(WORDS > 64 && WORDS <= 128 && BINS.is_multiple_of(64));
/// Nodes on the way from the root of a trie to a leaf.
const DEPTH_MAX: usize = (u32::BITS - COLUMN_BITS) as usize;

#[derive(Clone, Debug)]
pub(crate) struct Bins {
    /// Root of each bin's trie.
    roots: Box<[u32; BINS]>,
    /// Bit b of word w: bin 64 w + b has a hole.
    occupied: [u64; WORDS],
    /// Bit b of element w: word 64 w + b has a bit.
    words: [u64; WORDS.div_ceil(64)],
}

/// The bin of holes of `size` granules. A larger size never has a smaller bin.
const fn bin_of(size: u32) -> u32 {
    let open = open_bits(size);
    open * COLUMNS + (size >> open)
}

/// Bits of a size that its bin leaves open: none below twice the columns.
const fn open_bits(size: u32) -> u32 {
    (size | COLUMNS).ilog2() - COLUMN_BITS
}

/// The open bits of a size from the top bit down; nothing of meaning where there are none.
const fn key(size: u32) -> u32 {
    size.wrapping_shl(u32::BITS - open_bits(size))
}

impl Bins {
    pub fn new() -> Self {
        Self { roots: Box::new([NONE; BINS]), occupied: [0; WORDS], words: [0; WORDS.div_ceil(64)] }
    }

    /// The smallest hole of at least `size` granules; among equals the one freed last.
    pub fn best_fit(&self, nodes: &Nodes, size: u32) -> Option<u32> {
        let bin = bin_of(size);
        self.least_in(nodes, bin, size).or_else(|| self.least_above(nodes, bin))
    }

    /// Granules of the largest hole; 0 where there is none.
    pub fn largest(&self, nodes: &Nodes) -> u32 {
        let Some(bin) = self.occupied_below(BINS as u32) else { return 0 };
        let mut node = self.roots[bin as usize];
        let mut largest = 0;
        while node != NONE {
            largest = largest.max(nodes[node].size);
            let [low, high] = below(nodes, node);
            node = if high != NONE { high } else { low };
        }
        largest
    }

    /// All holes that may have from `size` to `largest` granules (and some a little smaller or
    /// larger), bin by bin upwards.
    pub fn holes<'a>(&'a self, nodes: &'a Nodes, size: u32, largest: u32) -> Holes<'a> {
        Holes { bins: self, nodes, bin: bin_of(size), last: bin_of(largest), stack: Stack::new() }
    }

    /// All holes, the largest first but for the order within a bin.
    pub fn holes_downwards<'a>(&'a self, nodes: &'a Nodes) -> impl Iterator<Item = u32> + use<'a> {
        let mut above = BINS as u32;
        core::iter::from_fn(move || {
            above = self.occupied_below(above)?;
            Some(above)
        })
        .flat_map(move |bin| Holes {
            bins: self,
            nodes,
            bin,
            last: bin,
            stack: Stack::new(),
        })
    }

    #[inline]
    pub fn insert(&mut self, nodes: &mut Nodes, hole: u32) {
        let size = nodes[hole].size;
        let bin = bin_of(size);
        let mut at = self.roots[bin as usize];
        if at == NONE {
            self.roots[bin as usize] = hole;
            self.mark_occupied(bin);
        }
        nodes[hole].part = Use::Key { below: [NONE; 2], same: NONE };
        let mut key = key(size);
        while at != NONE {
            let equal = nodes[at].size == size;
            let Use::Key { below, same } = &mut nodes[at].part else { return };
            if equal {
                let next = core::mem::replace(same, hole);
                nodes[hole].part = Use::Same { prev: at, next };
                if next != NONE
                    && let Use::Same { prev, .. } = &mut nodes[next].part
                {
                    *prev = hole;
                }
                return;
            }
            let child = &mut below[(key >> 31) as usize];
            at = *child;
            if at == NONE {
                *child = hole;
            }
            key <<= 1;
        }
    }

    /// Takes a hole out, before its size changes.
    pub fn remove(&mut self, nodes: &mut Nodes, hole: u32) {
        match nodes[hole].part {
            Use::Same { prev, next } => {
                match &mut nodes[prev].part {
                    Use::Same { next: link, .. } | Use::Key { same: link, .. } => *link = next,
                    Use::Held(_) => {}
                }
                if next != NONE
                    && let Use::Same { prev: link, .. } = &mut nodes[next].part
                {
                    *link = prev;
                }
            }
            Use::Key { below: [NONE, NONE], same: NONE } => self.replace(nodes, hole, NONE),
            Use::Key { same: NONE, .. } => {
                let heir = cut_leaf(nodes, hole);
                let links = below(nodes, hole);
                if let Use::Key { below, .. } = &mut nodes[heir].part {
                    *below = links;
                }
                self.replace(nodes, hole, heir);
            }
            Use::Key { below, same } => {
                let Use::Same { next, .. } = nodes[same].part else { return };
                nodes[same].part = Use::Key { below, same: next };
                if next != NONE
                    && let Use::Same { prev, .. } = &mut nodes[next].part
                {
                    *prev = same;
                }
                self.replace(nodes, hole, same);
            }
            Use::Held(_) => {}
        }
    }

    /// The roots of all tries, from the smallest.
    #[cfg(feature = "serde")]
    pub fn roots(&self) -> impl Iterator<Item = u32> + use<'_> {
        self.roots.iter().copied().filter(|&root| root != NONE)
    }

    /// Enters a trie that was made elsewhere and counts its holes; `None` where one of its nodes is
    /// wrong. `is_hole` is asked once for each node that is found.
    #[cfg(feature = "serde")]
    pub fn adopt(
        &mut self,
        nodes: &Nodes,
        root: u32,
        mut is_hole: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        if !is_hole(root) {
            return None;
        }
        let bin = bin_of(nodes[root].size);
        let open = open_bits(nodes[root].size);
        if self.roots[bin as usize] != NONE {
            return None;
        }
        // A node, how deep it is, and the bits of its size that the way to it has decided.
        let mut left = alloc::vec![(root, 0, 0)];
        let mut holes = 0;
        while let Some((node, depth, way)) = left.pop() {
            let size = nodes[node].size;
            let decided = key(size).checked_shr(u32::BITS - depth).unwrap_or(0);
            let Use::Key { below, same } = nodes[node].part else { return None };
            if bin_of(size) != bin || depth > open || decided != way {
                return None;
            }
            holes += 1;
            for (bit, child) in (0..).zip(below) {
                if child != NONE {
                    if !is_hole(child) {
                        return None;
                    }
                    left.push((child, depth + 1, way << 1 | bit));
                }
            }
            let (mut before, mut at) = (node, same);
            while at != NONE {
                if !is_hole(at) || nodes[at].size != size {
                    return None;
                }
                let Use::Same { prev, next } = nodes[at].part else { return None };
                if prev != before {
                    return None;
                }
                holes += 1;
                (before, at) = (at, next);
            }
        }
        self.roots[bin as usize] = root;
        self.mark_occupied(bin);
        Some(holes)
    }

    /// The smallest hole of a bin with at least `size` granules, by the walk of dlmalloc's
    /// `tmalloc_large`: along the bits of `size`, remembering the last turn not taken to larger
    /// ones.
    fn least_in(&self, nodes: &Nodes, bin: u32, size: u32) -> Option<u32> {
        let mut at = self.roots[bin as usize];
        let (mut best, mut best_size) = (NONE, u32::MAX);
        let mut larger = NONE;
        let mut key = key(size);
        while at != NONE {
            let here = nodes[at].size;
            if here >= size && here < best_size {
                (best, best_size) = (at, here);
                if here == size {
                    return Some(newest(nodes, best));
                }
            }
            let below = below(nodes, at);
            if key >> 31 == 0 && below[1] != NONE {
                larger = below[1];
            }
            at = below[(key >> 31) as usize];
            key <<= 1;
        }
        if larger != NONE {
            let least = least(nodes, larger);
            if nodes[least].size < best_size {
                best = least;
            }
        }
        (best != NONE).then(|| newest(nodes, best))
    }

    /// The smallest hole of the first bin above `bin` that has one.
    fn least_above(&self, nodes: &Nodes, bin: u32) -> Option<u32> {
        let bin = self.occupied_from(bin + 1)?;
        Some(newest(nodes, least(nodes, self.roots[bin as usize])))
    }

    /// First bin from `bin` on that has a hole.
    fn occupied_from(&self, bin: u32) -> Option<u32> {
        let (word, bit) = (bin / 64, bin % 64);
        let here = self.occupied.get(word as usize)? & (u64::MAX << bit);
        if here != 0 {
            return Some(word * 64 + here.trailing_zeros());
        }
        let word = self.word_from(word + 1)?;
        Some(word * 64 + self.occupied[word as usize].trailing_zeros())
    }

    /// First word from `word` on that has a bit.
    fn word_from(&self, word: u32) -> Option<u32> {
        let (row, bit) = (word / 64, word % 64);
        let here = self.words.get(row as usize)? & (u64::MAX << bit);
        if here != 0 {
            return Some(row * 64 + here.trailing_zeros());
        }
        let above = *self.words.get(row as usize + 1)?;
        (above != 0).then(|| (row + 1) * 64 + above.trailing_zeros())
    }

    /// Last bin below `bin` that has a hole.
    fn occupied_below(&self, bin: u32) -> Option<u32> {
        let (word, bit) = (bin / 64, bin % 64);
        let here = self.occupied.get(word as usize).map_or(0, |word| word & ((1 << bit) - 1));
        if here != 0 {
            return Some(word * 64 + here.ilog2());
        }
        let word = self.word_below(word)?;
        Some(word * 64 + self.occupied[word as usize].ilog2())
    }

    /// Last word below `word` that has a bit.
    fn word_below(&self, word: u32) -> Option<u32> {
        let (row, bit) = (word / 64, word % 64);
        let here = self.words.get(row as usize).map_or(0, |bits| bits & ((1 << bit) - 1));
        if here != 0 {
            return Some(row * 64 + here.ilog2());
        }
        let row = row.checked_sub(1)?;
        Some(row * 64 + self.words[row as usize].checked_ilog2()?)
    }

    /// Lets another node, or none, stand where `node` stands in its trie.
    #[inline]
    fn replace(&mut self, nodes: &mut Nodes, node: u32, by: u32) {
        let size = nodes[node].size;
        let bin = bin_of(size);
        let mut parent = self.roots[bin as usize];
        if parent == node {
            self.roots[bin as usize] = by;
            if by == NONE {
                self.mark_empty(bin);
            }
            return;
        }
        let mut key = key(size);
        loop {
            let next = below(nodes, parent)[(key >> 31) as usize];
            if next == node || next == NONE {
                unhook(nodes, parent, node, by);
                return;
            }
            parent = next;
            key <<= 1;
        }
    }

    fn mark_occupied(&mut self, bin: u32) {
        let word = bin / 64;
        self.occupied[word as usize] |= 1 << (bin % 64);
        self.words[(word / 64) as usize] |= 1 << (word % 64);
    }

    fn mark_empty(&mut self, bin: u32) {
        let word = bin / 64;
        let bits = &mut self.occupied[word as usize];
        *bits &= !(1 << (bin % 64));
        if *bits == 0 {
            self.words[(word / 64) as usize] &= !(1 << (word % 64));
        }
    }
}

/// Cuts a leaf off below a node that has something below it.
fn cut_leaf(nodes: &mut Nodes, from: u32) -> u32 {
    let (mut parent, mut leaf) = (from, from);
    loop {
        let [low, high] = below(nodes, leaf);
        let next = if high != NONE { high } else { low };
        if next == NONE {
            unhook(nodes, parent, leaf, NONE);
            return leaf;
        }
        (parent, leaf) = (leaf, next);
    }
}

/// Replaces a child of `parent`.
fn unhook(nodes: &mut Nodes, parent: u32, child: u32, by: u32) {
    if let Use::Key { below, .. } = &mut nodes[parent].part {
        for link in below {
            if *link == child {
                *link = by;
            }
        }
    }
}

fn below(nodes: &Nodes, node: u32) -> [u32; 2] {
    match nodes[node].part {
        Use::Key { below, .. } => below,
        _ => [NONE; 2],
    }
}

/// The hole of a key's size that is cheapest to take out.
fn newest(nodes: &Nodes, node: u32) -> u32 {
    match nodes[node].part {
        Use::Key { same, .. } if same != NONE => same,
        _ => node,
    }
}

/// The smallest key of a trie: it lies on the way along the smaller children.
fn least(nodes: &Nodes, root: u32) -> u32 {
    let (mut best, mut at) = (root, root);
    loop {
        let [low, high] = below(nodes, at);
        at = if low != NONE { low } else { high };
        if at == NONE {
            return best;
        }
        if nodes[at].size < nodes[best].size {
            best = at;
        }
    }
}

/// Nodes still to visit: at most one on each level of a trie and one more, and one of a list.
#[derive(Clone, Debug)]
struct Stack {
    nodes: [u32; DEPTH_MAX + 2],
    len: usize,
}

impl Stack {
    const fn new() -> Self {
        Self { nodes: [NONE; DEPTH_MAX + 2], len: 0 }
    }

    fn push(&mut self, node: u32) {
        if node != NONE {
            self.nodes[self.len] = node;
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<u32> {
        self.len = self.len.checked_sub(1)?;
        Some(self.nodes[self.len])
    }
}

/// Iterator over the holes of a row of bins.
#[derive(Clone, Debug)]
pub(crate) struct Holes<'a> {
    bins: &'a Bins,
    nodes: &'a Nodes,
    bin: u32,
    last: u32,
    stack: Stack,
}

impl Iterator for Holes<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.stack.len == 0 {
            let bin = self.bins.occupied_from(self.bin).filter(|&bin| bin <= self.last)?;
            self.stack.push(self.bins.roots[bin as usize]);
            self.bin = bin + 1;
        }
        let node = self.stack.pop()?;
        match self.nodes[node].part {
            Use::Key { below: [low, high], same } => {
                self.stack.push(high);
                self.stack.push(low);
                self.stack.push(same);
            }
            Use::Same { next, .. } => self.stack.push(next),
            Use::Held(_) => {}
        }
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_size_never_has_a_smaller_bin_and_a_bin_spans_less_than_a_256th() {
        let mut low = 1;
        for size in (1..5000_u32).chain((13..32).map(|bit| 1 << bit)).chain([u32::MAX]) {
            if bin_of(size) != bin_of(low) {
                assert!(bin_of(size) > bin_of(low));
                low = size;
            }
            assert!(
                u64::from(size - low) * 256 < u64::from(size),
                "{size} shares a bin with {low}"
            );
        }
        assert_eq!(bin_of(u32::MAX), BINS as u32 - 1);
    }

    /// The oracle: a sorted list. Sizes are drawn from one bin, so that its trie grows deep.
    #[test]
    fn a_trie_finds_what_a_sorted_list_finds_after_every_insertion_and_removal() {
        let mut nodes = Nodes::new(0);
        let mut bins = Bins::new();
        let mut holes: alloc::vec::Vec<(u32, u32)> = alloc::vec::Vec::new();
        let mut state = 1_u32;
        let mut last = NONE;
        for _ in 0..if cfg!(miri) { 300 } else { 20_000 } {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let random = state >> 8;
            // Half of them among 64 sizes, so that many are equal.
            let size = 65_536 + if random & 1 == 0 { random >> 4 & 63 } else { random >> 4 & 1023 };
            if holes.len() < 40 || random & 6 != 0 && holes.len() < 200 {
                last = nodes.insert(0, size, last);
                bins.insert(&mut nodes, last);
                holes.push((size, last));
            } else {
                let (_, hole) = holes.swap_remove(random as usize % holes.len());
                bins.remove(&mut nodes, hole);
            }
            let found = bins.best_fit(&nodes, size + 3).map(|hole| nodes[hole].size);
            let expected = holes.iter().map(|&(here, _)| here).filter(|&here| here >= size + 3);
            assert_eq!(found, expected.min());
            assert_eq!(bins.largest(&nodes), holes.iter().map(|&(here, _)| here).max().unwrap());
            let mut listed: alloc::vec::Vec<u32> = bins.holes(&nodes, 1, u32::MAX).collect();
            let mut all: alloc::vec::Vec<u32> = holes.iter().map(|&(_, hole)| hole).collect();
            listed.sort_unstable();
            all.sort_unstable();
            assert_eq!(listed, all);
        }
    }
}
