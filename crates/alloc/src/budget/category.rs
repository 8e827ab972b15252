use super::Usage;
use crate::sync::{AtomicU64, Ordering};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// A limit with a name and parts, as it is declared for [`Budget::new`](super::Budget::new).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    name: String,
    limit_bytes: u64,
    parts: Vec<Category>,
}

impl Category {
    /// A category without parts. A limit of 0 refuses all but reservations of 0 bytes.
    #[must_use]
    pub fn new(name: impl Into<String>, limit_bytes: u64) -> Self {
        Self { name: name.into(), limit_bytes, parts: Vec::new() }
    }

    /// Adds a part, which may have parts of its own.
    #[must_use]
    pub fn with(mut self, part: Self) -> Self {
        self.parts.push(part);
        self
    }
}

/// A category in use.
pub(super) struct Node {
    pub name: String,
    pub parent: Option<usize>,
    /// Numbers of the parts.
    pub parts: Range<usize>,
    limit: AtomicU64,
    used: AtomicU64,
    peak: AtomicU64,
    refused: AtomicU64,
}

/// The categories of a tree, the outer ones first and the parts of each side by side.
pub(super) fn flatten(total: Category) -> Vec<Node> {
    let mut declared = Vec::from([(total, None)]);
    let mut nodes = Vec::new();
    while nodes.len() < declared.len() {
        let index = nodes.len();
        let parts = core::mem::take(&mut declared[index].0.parts);
        let first = declared.len();
        declared.extend(parts.into_iter().map(|part| (part, Some(index))));
        let (category, parent) = &mut declared[index];
        nodes.push(Node {
            name: core::mem::take(&mut category.name),
            parent: *parent,
            limit: AtomicU64::new(category.limit_bytes),
            parts: first..declared.len(),
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
    }
    nodes
}

impl Node {
    /// Adds `bytes` unless that were more than the limit.
    pub fn take(&self, bytes: u64) -> bool {
        if bytes == 0 {
            return true;
        }
        let within = |used: u64| {
            let after = used.checked_add(bytes)?;
            (after <= self.limit.load(Ordering::Acquire)).then_some(after)
        };
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, within);
        let Ok(before) = taken else { return false };
        // The limit may have been lowered since `within` read it. `set_limit` writes the limit and
        // then reads and writes `used`; here `used` is written and then the limit read: whichever
        // of the two came second at `used` sees what the other did.
        if before + bytes > self.limit.load(Ordering::Acquire) {
            self.give(bytes);
            return false;
        }
        self.peak.fetch_max(before + bytes, Ordering::Relaxed);
        true
    }

    /// Takes `bytes` off that were added before.
    pub fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }

    pub fn set_limit(&self, bytes: u64) -> u64 {
        self.limit.swap(bytes, Ordering::AcqRel);
        // An addition of nothing, not a load: see `take`.
        self.used.fetch_add(0, Ordering::AcqRel).saturating_sub(bytes)
    }

    /// `available` of this category alone.
    pub fn usage(&self) -> Usage {
        let limit = self.limit.load(Ordering::Acquire);
        let used = self.used.load(Ordering::Acquire);
        Usage {
            limit,
            used,
            available: limit.saturating_sub(used),
            peak: self.peak.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    pub fn reset_peak(&self) {
        self.peak.store(self.used.load(Ordering::Acquire), Ordering::Relaxed);
    }

    pub fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}
