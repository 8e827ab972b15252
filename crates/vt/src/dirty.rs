use alloc::vec::Vec;

use crate::{MIPS_MAX, VtLayout};

/// Dirty rectangles kept apart per mip; more are merged, the pair that wastes least first.
pub const DIRTY_RECTS_PER_MIP: usize = 16;

/// Indirection texels of one mip that changed and must be uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirtyRect {
    /// The mip.
    pub mip: u8,
    /// Left column.
    pub x: u16,
    /// Top row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl DirtyRect {
    /// Texels in it.
    #[must_use]
    pub fn area(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }

    fn right(&self) -> u16 {
        self.x + self.width
    }

    fn bottom(&self) -> u16 {
        self.y + self.height
    }

    /// The smallest rectangle around both.
    fn around(&self, other: &Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let width = self.right().max(other.right()) - x;
        let height = self.bottom().max(other.bottom()) - y;
        Self { mip: self.mip, x, y, width, height }
    }

    /// Texels that both have.
    fn shared(&self, other: &Self) -> u32 {
        let along = |a: u16, b: u16| u32::from(b.saturating_sub(a));
        along(self.x.max(other.x), self.right().min(other.right()))
            * along(self.y.max(other.y), self.bottom().min(other.bottom()))
    }

    /// Texels that the rectangle around both has and neither of them.
    fn waste(&self, other: &Self) -> u32 {
        self.around(other).area() + self.shared(other) - self.area() - other.area()
    }
}

/// The rectangles, those of one mip side by side, never more than a fixed number.
#[derive(Clone, Debug)]
pub(crate) struct DirtyRects {
    rects: Vec<DirtyRect>,
    counts: [u8; MIPS_MAX as usize],
}

impl DirtyRects {
    /// Allocates for the worst case at once.
    pub(crate) fn new(layout: &VtLayout) -> Self {
        let capacity = usize::from(layout.mips()) * DIRTY_RECTS_PER_MIP;
        Self { rects: Vec::with_capacity(capacity), counts: [0; MIPS_MAX as usize] }
    }

    pub(crate) fn rects(&self) -> &[DirtyRect] {
        &self.rects
    }

    pub(crate) fn clear(&mut self) {
        self.rects.clear();
        self.counts = [0; MIPS_MAX as usize];
    }

    /// Adds a rectangle, joined with one that it completes without waste, or where the mip has
    /// no room left with the one that costs the fewest texels.
    pub(crate) fn add(&mut self, rect: DirtyRect) {
        let mip = usize::from(rect.mip);
        let count = usize::from(self.counts[mip]);
        let start = self.counts[..mip].iter().map(|c| usize::from(*c)).sum::<usize>();
        let group = &mut self.rects[start..start + count];
        let best = group.iter_mut().min_by_key(|other| other.waste(&rect));
        match best {
            Some(best) if count == DIRTY_RECTS_PER_MIP || best.waste(&rect) == 0 => {
                *best = best.around(&rect);
            }
            _ => {
                self.rects.insert(start + count, rect);
                self.counts[mip] += 1;
            }
        }
    }
}
