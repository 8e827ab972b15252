#![doc = include_str!("../README.md")]

mod bytes;
mod index;
pub mod materials;
pub mod mesh;
pub mod page;
mod terrain;
pub mod tile;

pub use bytes::WorldError;
pub use index::{Instance, MeshLevel, MeshLods, TextureLayout, UnitKind, World};
pub use terrain::{Terrain, TileNode};
