use alloc::vec::Vec;
use core::ops::Range;

use crate::dirty::DirtyRects;
use crate::{DirtyRect, PageId, PageTable, Slot, TableError, VtLayout};

/// Where a page's texels are to be read: the content of an indirection texel.
///
/// As bytes of the little-endian `u32`: slot low, slot high, mip, 0. Without any resident page
/// all four are 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texel {
    /// The slot of the best resident page.
    pub slot: Slot,
    /// The mip of that page, at least the one that was asked for.
    pub mip: u8,
}

impl Texel {
    /// The texel where nothing is resident.
    pub const NONE: u32 = u32::MAX;

    /// As a `u32`: `mip << 16 | slot`.
    #[must_use]
    pub const fn pack(self) -> u32 {
        (self.mip as u32) << MIP_SHIFT | self.slot.0 as u32
    }

    /// The inverse of [`Texel::pack`]; nothing for [`Texel::NONE`].
    #[must_use]
    pub const fn unpack(texel: u32) -> Option<Self> {
        if texel == Self::NONE {
            return None;
        }
        Some(Self { slot: Slot(texel as u16), mip: (texel >> MIP_SHIFT) as u8 })
    }
}

const MIP_SHIFT: u32 = 16;

/// The image of a [`PageTable`] for the GPU: per mip one texel for each page, which says where
/// the best resident page for it lies, so that a shader needs one fetch and no search.
///
/// It is kept up page by page, and knows which rectangles changed since they were last uploaded.
/// Four bytes per page of the texture.
#[derive(Clone, Debug)]
pub struct Indirection {
    layout: VtLayout,
    /// By dense page index.
    texels: Vec<u32>,
    dirty: DirtyRects,
}

impl Indirection {
    /// The image of an empty table: nothing resident anywhere, and every texel dirty.
    #[must_use]
    pub fn new(layout: &VtLayout) -> Self {
        let mut dirty = DirtyRects::new(layout);
        for mip in 0..layout.mips() {
            let (width, height) = (layout.pages_x(mip), layout.pages_y(mip));
            dirty.add(DirtyRect { mip, x: 0, y: 0, width, height });
        }
        Self { layout: *layout, texels: alloc::vec![Texel::NONE; layout.pages() as usize], dirty }
    }

    /// Brings the texels up to date after `page` was mapped or unmapped in `table`: its own one
    /// and those of every finer page that it covers. Takes time in proportion to their number;
    /// calling it without a change does no harm. A page that was changed and not refreshed
    /// leaves wrong texels.
    ///
    /// # Errors
    /// [`TableError::NoSuchPage`], [`TableError::OtherLayout`].
    pub fn refresh(&mut self, table: &PageTable, page: PageId) -> Result<(), TableError> {
        if *table.layout() != self.layout {
            let (expected_pages, found_pages) = (self.layout.pages(), table.layout().pages());
            return Err(TableError::OtherLayout { expected_pages, found_pages });
        }
        table.index(page)?;
        let best = table.resolve(page);
        let texel = best.map_or(Texel::NONE, |(p, slot)| Texel { slot, mip: p.mip }.pack());
        // A texel that shows a page finer than this one does not depend on it; all others under
        // it show what it shows itself. The mip is the highest part of a texel, and that of NONE
        // is the coarsest of all, so one comparison tells them apart.
        let coarse = u32::from(page.mip) << MIP_SHIFT;
        for mip in (0..=page.mip).rev() {
            let (columns, rows) = covered(&self.layout, page, mip);
            self.fill(mip, columns, rows, coarse, texel);
        }
        Ok(())
    }

    /// Texels of a mip, row by row, one per page; empty past the last mip.
    #[must_use]
    pub fn texels(&self, mip: u8) -> &[u32] {
        &self.texels[self.layout.mip_range(mip)]
    }

    /// What a page's texel says; none if nothing is resident for it or there is no such page.
    #[must_use]
    pub fn texel(&self, page: PageId) -> Option<Texel> {
        Texel::unpack(self.texels[self.layout.index(page)? as usize])
    }

    /// What changed since the last [`Indirection::clear_dirty`]: every changed texel lies in one
    /// of these. Grouped by mip, finest first, at most
    /// [`DIRTY_RECTS_PER_MIP`](crate::DIRTY_RECTS_PER_MIP) of each; they may overlap.
    #[must_use]
    pub fn dirty(&self) -> &[DirtyRect] {
        self.dirty.rects()
    }

    /// Forgets the dirty rectangles, after their upload.
    pub fn clear_dirty(&mut self) {
        self.dirty.clear();
    }

    /// Bytes of the texels.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.texels.len() * size_of::<u32>()
    }

    /// Writes `texel` over those texels of a rectangle that are at least `coarse`, and marks it
    /// dirty if that changed any.
    fn fill(&mut self, mip: u8, columns: Range<u16>, rows: Range<u16>, coarse: u32, texel: u32) {
        let pages_x = usize::from(self.layout.pages_x(mip));
        let texels = &mut self.texels[self.layout.mip_range(mip)];
        let first = usize::from(rows.start) * pages_x;
        let mut changed = 0;
        for row in texels[first..].chunks_mut(pages_x).take(rows.len()) {
            for t in &mut row[usize::from(columns.start)..usize::from(columns.end)] {
                let new = if *t >= coarse { texel } else { *t };
                changed |= new ^ *t;
                *t = new;
            }
        }
        if changed != 0 {
            let (x, y) = (columns.start, rows.start);
            let (width, height) = (columns.len() as u16, rows.len() as u16);
            self.dirty.add(DirtyRect { mip, x, y, width, height });
        }
    }
}

/// Columns and rows of the pages of a finer mip (or its own) that a page covers.
fn covered(layout: &VtLayout, page: PageId, mip: u8) -> (Range<u16>, Range<u16>) {
    let scale = 1_u32 << (page.mip - mip);
    let along = |at: u16, pages: u16| {
        let start = u32::from(at) * scale;
        let end = (start + scale).min(u32::from(pages));
        start as u16..end as u16
    };
    (along(page.x, layout.pages_x(mip)), along(page.y, layout.pages_y(mip)))
}
