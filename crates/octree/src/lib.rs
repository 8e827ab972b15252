#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod arch;
mod ascend;
mod blocks;
mod build;
mod check;
mod error;
mod format;
mod frusta;
mod key;
mod nearest;
mod node;
mod pack;
#[cfg(feature = "rayon")]
mod parallel;
mod probe;
mod query;
mod radix;
mod ray;
mod rings;
mod settle;
mod slots;
mod split;
mod store;
mod tree;
mod walk;

pub use arch::InstructionSet;
pub use ascend::Ahead;
pub use blocks::BlockHits;
pub use error::OctreeError;
pub use format::{FormatError, OctreeView};
pub use frusta::FRUSTA_MAX;
pub use nearest::Neighbor;
#[cfg(feature = "rayon")]
pub use parallel::Scratch;
pub use query::Query;
pub use ray::{Ray, RayHit};
pub use settle::Maintenance;
pub use slots::Handle;
pub use tree::{COORDINATE_MAX_M, LAYERS_DEFAULT, Octree};
