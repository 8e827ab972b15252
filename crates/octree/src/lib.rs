#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod block;
mod build;
mod error;
mod lanes;
mod node;
mod pool;
mod query;
mod slot;
mod tree;

pub use error::OctreeError;
pub use slot::Handle;
pub use tree::{COORDINATE_MAX_M, Octree};
