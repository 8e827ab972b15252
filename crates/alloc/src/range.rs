use core::fmt;

/// A piece of an arena: `size` bytes from `offset` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Range {
    /// First byte, counted from the start of the arena.
    pub offset: u64,
    /// Number of bytes.
    pub size: u64,
}

impl Range {
    /// `size` bytes from `offset` on.
    #[must_use]
    pub const fn new(offset: u64, size: u64) -> Self {
        Self { offset, size }
    }

    /// One past the last byte, `u64::MAX` where that does not exist.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }

    /// Whether the two share a byte. An empty range shares none.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.size > 0 && other.size > 0 && self.offset < other.end() && other.offset < self.end()
    }

    /// Whether every byte of `inner` lies in this range.
    #[must_use]
    pub const fn contains(&self, inner: &Self) -> bool {
        self.offset <= inner.offset && inner.end() <= self.end()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.offset, self.end())
    }
}
