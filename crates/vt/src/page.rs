use core::cmp::Ordering;

/// Bits of a packed page id for a column, and as many for a row.
const BITS: u32 = 14;
const MASK: u32 = (1 << BITS) - 1;

/// Mips that a virtual texture can have; mip 15 of a packed id means no page.
pub const MIPS_MAX: u8 = 15;

/// The packed id of no page: what a feedback sample holds where nothing was seen.
pub const NO_PAGE: u32 = u32::MAX;

/// One page of a virtual texture. Ordered by mip, finest first, then row, then column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageId {
    /// 0 is the finest.
    pub mip: u8,
    /// Column among the pages of its mip.
    pub x: u16,
    /// Row among the pages of its mip.
    pub y: u16,
}

impl PageId {
    /// A page by its mip, column and row.
    #[must_use]
    pub const fn new(mip: u8, x: u16, y: u16) -> Self {
        Self { mip, x, y }
    }

    /// In 32 bits: `mip << 28 | y << 14 | x`, in the order of the ids. No page of a
    /// [`VtLayout`](crate::VtLayout) loses bits; of another one the excess bits are cut.
    #[must_use]
    pub const fn pack(self) -> u32 {
        (self.mip as u32) << (2 * BITS) | (self.y as u32 & MASK) << BITS | self.x as u32 & MASK
    }

    /// The inverse of [`PageId::pack`]. Any number gives an id, [`NO_PAGE`] one of mip 15, which
    /// lies in no layout.
    #[must_use]
    pub const fn unpack(packed: u32) -> Self {
        Self {
            mip: (packed >> (2 * BITS)) as u8,
            x: (packed & MASK) as u16,
            y: ((packed >> BITS) & MASK) as u16,
        }
    }

    const fn key(self) -> (u8, u16, u16) {
        (self.mip, self.y, self.x)
    }
}

impl Ord for PageId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for PageId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
