#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod dirty;
mod feedback;
mod indirection;
mod layout;
mod page;
mod pool;
mod table;

pub use dirty::{DIRTY_RECTS_PER_MIP, DirtyRect};
pub use feedback::{FeedbackScratch, Request, analyse};
pub use indirection::{Indirection, Texel};
pub use layout::{LayoutError, PAGES_PER_SIDE_MAX, SIDE_TEXELS_MAX, TexelRect, VtLayout};
pub use page::{MIPS_MAX, NO_PAGE, PageId};
pub use pool::{PagePool, PoolError, PoolStats, SLOTS_MAX, Slot, SlotHandle};
pub use table::{PageTable, TableError};
