#![doc = include_str!("../README.md")]

mod block;
mod camera;
mod cast;
mod grid;
mod hit;
mod kernel;
mod lattice;
mod mesh;
mod picture;
mod pyramid;
mod ray;
mod scene;
mod walk;

pub use grid::{Grid, GridError};
pub use hit::Hit;
pub use lattice::{Footprint, Lattice};
pub use mesh::{Mesh, Placement, Surface};
pub use picture::{Picture, PictureError, Pixel};
pub use ray::{PACKET, Ray};
pub use scene::{InsertError, Scene};
