#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod allocator;
mod arena;
mod bins;
mod budget;
#[cfg(feature = "std")]
mod buffer_pool;
mod error;
mod handle;
#[cfg(feature = "huge-pages")]
mod huge_pages;
mod moves;
mod nodes;
mod range;
mod resize;
mod rooms;
mod spans;
#[cfg(feature = "serde")]
mod state;
mod stats;
mod sync;
mod texture_pool;
mod windows;

pub use allocator::{Options, RangeAllocator};
pub use arena::{
    Arena, ArenaError, CopyError, Epoch, ForeignLease, LEASES_MAX, Lease, LeaseError, Snapshot,
};
pub use budget::{Budget, Category, Holder, OverBudget, Reservation, Usage};
#[cfg(feature = "std")]
pub use buffer_pool::{
    BeyondCapacity, Buffer, BufferError, BufferPool, BufferPoolStats, PoolOptions,
    PoolOptionsError, Pressure, PressureLevel, ViewError,
};
pub use error::{
    AllocError, ClaimError, MoveError, PinError, ResizeError, RoomError, StaleHandle, UnknownRoom,
};
pub use handle::Handle;
#[cfg(feature = "huge-pages")]
pub use huge_pages::HugePages;
pub use moves::{Move, NODES_PER_PASS_MAX, PassLimits, Plan};
pub use range::Range;
pub use resize::ShrinkPass;
pub use rooms::{ROOMS_MAX, Room, RoomPlan, RoomRequest, Steps};
pub use spans::{Span, SpanKind, Spans};
#[cfg(feature = "serde")]
pub use state::StateError;
pub use stats::Stats;
pub use texture_pool::{
    TextureDescriptor, TextureError, TextureKey, TextureLimits, TexturePool, TexturePoolStats,
};
pub use windows::NODES_PER_ROOM_MAX;
