use core::fmt;

use crate::{MIPS_MAX, PageId};

/// Texels along a side at most: 256 Ki.
pub const SIDE_TEXELS_MAX: u32 = 1 << 18;

/// Pages along a side at most: 256 Ki texels in pages of 128. With all mips that is 5.6 million
/// pages, and so bounds every table: 11 MB for a page table, 22 MB for its indirection texels.
pub const PAGES_PER_SIDE_MAX: u32 = 2048;

/// Mips of the largest layout, which [`PageId`] must be able to tell apart.
const MIPS: usize = PAGES_PER_SIDE_MAX.ilog2() as usize + 1;
const _: () = assert!(MIPS <= MIPS_MAX as usize);

/// How a virtual texture is cut into pages. Each mip has half the pages of the one below it in
/// both directions, rounded up, until one page is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VtLayout {
    width: u32,
    height: u32,
    page_texels: u32,
    border: u32,
    mips: u8,
    /// Dense index of each mip's first page; behind the last mip, the number of pages.
    starts: [u32; MIPS + 1],
}

/// A rectangle of texels in one mip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TexelRect {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A layout that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// No texels, or more than [`SIDE_TEXELS_MAX`] along a side.
    Size {
        /// Texels in a row.
        width: u32,
        /// Rows of texels.
        height: u32,
    },
    /// Pages must be at least one texel wide and at most as wide as a texture can be.
    PageTexels {
        /// Texels along a page's side, without its border.
        page_texels: u32,
    },
    /// A border must not be wider than the page that it surrounds.
    Border {
        /// Texels of the border.
        border: u32,
        /// Texels along a page's side.
        page_texels: u32,
    },
    /// More than [`PAGES_PER_SIDE_MAX`] pages along a side.
    TooManyPages {
        /// Columns of pages.
        pages_x: u32,
        /// Rows of pages.
        pages_y: u32,
    },
}

impl VtLayout {
    /// Texels along a page's side where nothing else is said.
    pub const PAGE_TEXELS: u32 = 128;

    /// Texels around a page where nothing else is said.
    pub const BORDER: u32 = 4;

    /// A texture of `width` × `height` texels in pages of 128² with a border of 4.
    ///
    /// # Errors
    /// See [`VtLayout::with_pages`].
    pub fn new(width: u32, height: u32) -> Result<Self, LayoutError> {
        Self::with_pages(width, height, Self::PAGE_TEXELS, Self::BORDER)
    }

    /// A texture of `width` × `height` texels in pages of `page_texels`² with a `border` around
    /// each.
    ///
    /// # Errors
    /// [`LayoutError`] with the number that is out of range.
    pub fn with_pages(
        width: u32,
        height: u32,
        page_texels: u32,
        border: u32,
    ) -> Result<Self, LayoutError> {
        let side = 1..=SIDE_TEXELS_MAX;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(LayoutError::Size { width, height });
        }
        if !side.contains(&page_texels) {
            return Err(LayoutError::PageTexels { page_texels });
        }
        if border > page_texels {
            return Err(LayoutError::Border { border, page_texels });
        }
        let (pages_x, pages_y) = (width.div_ceil(page_texels), height.div_ceil(page_texels));
        if pages_x.max(pages_y) > PAGES_PER_SIDE_MAX {
            return Err(LayoutError::TooManyPages { pages_x, pages_y });
        }
        let mips = (pages_x.max(pages_y).next_power_of_two().ilog2() + 1) as u8;
        let mut layout = Self { width, height, page_texels, border, mips, starts: [0; MIPS + 1] };
        for mip in 0..mips {
            let i = usize::from(mip);
            let pages = u32::from(layout.pages_x(mip)) * u32::from(layout.pages_y(mip));
            layout.starts[i + 1] = layout.starts[i] + pages;
        }
        Ok(layout)
    }

    /// Texels in a row of the finest mip.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of texels of the finest mip.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Texels along a page's side, without its border.
    #[must_use]
    pub fn page_texels(&self) -> u32 {
        self.page_texels
    }

    /// Texels around a page.
    #[must_use]
    pub fn border(&self) -> u32 {
        self.border
    }

    /// Texels along a page's side with its border: 136 where nothing else was said.
    #[must_use]
    pub fn slot_texels(&self) -> u32 {
        self.page_texels + 2 * self.border
    }

    /// Bytes of a page with its border, RGBA8.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        let side = self.slot_texels() as usize;
        side * side * 4
    }

    /// Mips, the last of which is one page.
    #[must_use]
    pub fn mips(&self) -> u8 {
        self.mips
    }

    /// Columns of pages of a mip; 0 past the last one.
    #[must_use]
    pub fn pages_x(&self, mip: u8) -> u16 {
        self.pages_along(self.width, mip)
    }

    /// Rows of pages of a mip; 0 past the last one.
    #[must_use]
    pub fn pages_y(&self, mip: u8) -> u16 {
        self.pages_along(self.height, mip)
    }

    /// Pages of all mips together.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.starts[usize::from(self.mips)]
    }

    /// Texels in a row of a mip, each mip half the one before, rounded up; 0 past the last one.
    #[must_use]
    pub fn mip_width(&self, mip: u8) -> u32 {
        self.texels_along(self.width, mip)
    }

    /// Rows of texels of a mip; 0 past the last one.
    #[must_use]
    pub fn mip_height(&self, mip: u8) -> u32 {
        self.texels_along(self.height, mip)
    }

    /// Whether the texture has this page.
    #[must_use]
    pub fn contains(&self, page: PageId) -> bool {
        page.x < self.pages_x(page.mip) && page.y < self.pages_y(page.mip)
    }

    /// Dense index, below [`VtLayout::pages`]: mip by mip from the finest on, row by row. None
    /// for a page that the texture does not have.
    #[must_use]
    pub fn index(&self, page: PageId) -> Option<u32> {
        let row = u32::from(page.y) * u32::from(self.pages_x(page.mip));
        self.contains(page).then(|| self.starts[usize::from(page.mip)] + row + u32::from(page.x))
    }

    /// The page at a dense index.
    #[must_use]
    pub fn page(&self, index: u32) -> Option<PageId> {
        let mips = &self.starts[1..=usize::from(self.mips)];
        let mip = mips.iter().position(|end| index < *end)?;
        let (row, pages_x) = (index - self.starts[mip], u32::from(self.pages_x(mip as u8)));
        Some(PageId::new(mip as u8, (row % pages_x) as u16, (row / pages_x) as u16))
    }

    /// The page one mip coarser that covers this one; none for the last mip's.
    #[must_use]
    pub fn parent(&self, page: PageId) -> Option<PageId> {
        let parent = PageId::new(page.mip.saturating_add(1), page.x / 2, page.y / 2);
        (self.contains(page) && self.contains(parent)).then_some(parent)
    }

    /// The pages one mip finer that this one covers: up to four, fewer at an odd edge, none of
    /// mip 0.
    pub fn children(&self, page: PageId) -> impl Iterator<Item = PageId> + use<> {
        let layout = *self;
        let first = (page.mip > 0 && self.contains(page))
            .then(|| PageId::new(page.mip - 1, 2 * page.x, 2 * page.y));
        let four = |f: PageId| {
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| PageId::new(f.mip, f.x + x, f.y + y))
        };
        first.map(four).into_iter().flatten().filter(move |child| layout.contains(*child))
    }

    /// The page of `mip` that holds the texel `(x, y)` of that mip.
    #[must_use]
    pub fn page_of_texel(&self, mip: u8, x: u32, y: u32) -> Option<PageId> {
        let inside = x < self.mip_width(mip) && y < self.mip_height(mip);
        let (x, y) = (x / self.page_texels, y / self.page_texels);
        inside.then(|| PageId::new(mip, x as u16, y as u16))
    }

    /// The texels of its own mip that a page holds, without border, cut at the texture's edge.
    #[must_use]
    pub fn texel_rect(&self, page: PageId) -> Option<TexelRect> {
        if !self.contains(page) {
            return None;
        }
        let (x, y) = (u32::from(page.x) * self.page_texels, u32::from(page.y) * self.page_texels);
        let width = self.page_texels.min(self.mip_width(page.mip) - x);
        let height = self.page_texels.min(self.mip_height(page.mip) - y);
        Some(TexelRect { x, y, width, height })
    }

    /// Where the pages of a mip lie among the dense indices.
    pub(crate) fn mip_range(&self, mip: u8) -> core::ops::Range<usize> {
        if mip >= self.mips {
            return 0..0;
        }
        let i = usize::from(mip);
        self.starts[i] as usize..self.starts[i + 1] as usize
    }

    fn texels_along(&self, texels: u32, mip: u8) -> u32 {
        if mip < self.mips { texels.div_ceil(1 << mip) } else { 0 }
    }

    fn pages_along(&self, texels: u32, mip: u8) -> u16 {
        // ⌈⌈texels / 2^mip⌉ / page⌉ is what halving the pages and rounding up gives, too.
        self.texels_along(texels, mip).div_ceil(self.page_texels) as u16
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size { width, height } => write!(
                f,
                "a virtual texture of {width} × {height} texels: each side must be 1 to \
                 {SIDE_TEXELS_MAX}"
            ),
            Self::PageTexels { page_texels } => write!(
                f,
                "pages of {page_texels} texels: a page's side must be 1 to {SIDE_TEXELS_MAX}"
            ),
            Self::Border { border, page_texels } => {
                write!(f, "a border of {border} texels is wider than its page of {page_texels}")
            }
            Self::TooManyPages { pages_x, pages_y } => write!(
                f,
                "{pages_x} × {pages_y} pages: at most {PAGES_PER_SIDE_MAX} fit along a side, take \
                 larger pages"
            ),
        }
    }
}

impl core::error::Error for LayoutError {}
