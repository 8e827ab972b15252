#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod allocator;
mod arena;
mod bins;
mod error;
mod handle;
mod moves;
mod nodes;
mod range;
mod spans;
mod stats;

pub use allocator::{Options, RangeAllocator};
pub use arena::{
    Arena, ArenaError, CopyError, Epoch, ForeignLease, LEASES_MAX, Lease, LeaseError, Snapshot,
};
pub use error::{AllocError, MoveError, PinError, StaleHandle};
pub use handle::Handle;
pub use moves::{Move, NODES_PER_PASS_MAX, PassLimits, Plan};
pub use range::Range;
pub use spans::{Span, SpanKind, Spans};
pub use stats::Stats;
