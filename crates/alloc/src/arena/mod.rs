//! The bytes: one allocation that never moves, written through leases and read through snapshots.

mod bytes;
mod error;
mod lease_book;
mod range_set;

pub use bytes::{Arena, Epoch, Lease, Snapshot};
pub use error::{ArenaError, CopyError, ForeignLease, LeaseError};
pub use lease_book::LEASES_MAX;
