use alloc::vec::Vec;
use core::fmt;

use crate::{PageId, Slot, VtLayout};

/// No slot: a [`PagePool`](crate::PagePool) never has one of this number.
const NONE: u16 = u16::MAX;

/// Which page lies in which slot: the truth on the CPU. Two bytes per page of the texture.
#[derive(Clone, Debug)]
pub struct PageTable {
    layout: VtLayout,
    /// By dense page index.
    slots: Vec<u16>,
    mapped: u32,
}

/// What a [`PageTable`] or an [`Indirection`](crate::Indirection) cannot do. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// The texture has no such page.
    NoSuchPage {
        /// The page.
        page: PageId,
        /// Columns of pages of its mip; 0 if there is no such mip.
        pages_x: u16,
        /// Rows of pages of its mip.
        pages_y: u16,
    },
    /// Slot 65,535 means none and cannot be mapped.
    NoSuchSlot {
        /// The slot.
        slot: Slot,
    },
    /// Table and indirection were made for textures of different layouts.
    OtherLayout {
        /// Pages of the indirection's layout.
        expected_pages: u32,
        /// Pages of the table's layout.
        found_pages: u32,
    },
}

impl PageTable {
    /// A table in which nothing is mapped.
    #[must_use]
    pub fn new(layout: &VtLayout) -> Self {
        Self { layout: *layout, slots: alloc::vec![NONE; layout.pages() as usize], mapped: 0 }
    }

    /// The layout that the table was made for.
    #[must_use]
    pub fn layout(&self) -> &VtLayout {
        &self.layout
    }

    /// Maps a page to a slot; returns the slot that it had before. Several pages may share a
    /// slot. After each change, [`Indirection::refresh`](crate::Indirection::refresh) the page.
    ///
    /// # Errors
    /// [`TableError::NoSuchPage`], [`TableError::NoSuchSlot`].
    pub fn map(&mut self, page: PageId, slot: Slot) -> Result<Option<Slot>, TableError> {
        let i = self.index(page)?;
        if slot.0 == NONE {
            return Err(TableError::NoSuchSlot { slot });
        }
        let before = taken(core::mem::replace(&mut self.slots[i], slot.0));
        self.mapped += u32::from(before.is_none());
        Ok(before)
    }

    /// Unmaps a page; returns the slot that it had, none if it was not mapped.
    ///
    /// # Errors
    /// [`TableError::NoSuchPage`].
    pub fn unmap(&mut self, page: PageId) -> Result<Option<Slot>, TableError> {
        let i = self.index(page)?;
        let before = taken(core::mem::replace(&mut self.slots[i], NONE));
        self.mapped -= u32::from(before.is_some());
        Ok(before)
    }

    /// The slot of exactly this page.
    #[must_use]
    pub fn slot(&self, page: PageId) -> Option<Slot> {
        taken(self.slots[self.layout.index(page)? as usize])
    }

    /// The best that is resident for a page: itself, or else its nearest mapped ancestor.
    #[must_use]
    pub fn resolve(&self, page: PageId) -> Option<(PageId, Slot)> {
        let mut at = page;
        loop {
            match self.slot(at) {
                Some(slot) => return Some((at, slot)),
                None => at = self.layout.parent(at)?,
            }
        }
    }

    /// Pages that are mapped.
    #[must_use]
    pub fn mapped(&self) -> u32 {
        self.mapped
    }

    /// Bytes of the table.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.slots.len() * size_of::<u16>()
    }

    pub(crate) fn index(&self, page: PageId) -> Result<usize, TableError> {
        let (pages_x, pages_y) = (self.layout.pages_x(page.mip), self.layout.pages_y(page.mip));
        let index = self.layout.index(page);
        index.map(|i| i as usize).ok_or(TableError::NoSuchPage { page, pages_x, pages_y })
    }
}

fn taken(slot: u16) -> Option<Slot> {
    (slot != NONE).then_some(Slot(slot))
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoSuchPage { page: PageId { mip, x, y }, pages_x, pages_y } => write!(
                f,
                "there is no page ({x}, {y}) of mip {mip}: that mip has {pages_x} × {pages_y}"
            ),
            Self::NoSuchSlot { slot } => {
                write!(f, "slot {} means none: map slots below it", slot.0)
            }
            Self::OtherLayout { expected_pages, found_pages } => write!(
                f,
                "the page table belongs to another texture: {found_pages} pages, not \
                 {expected_pages} in the same layout"
            ),
        }
    }
}

impl core::error::Error for TableError {}
