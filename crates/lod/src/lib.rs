#![doc = include_str!("../README.md")]

mod cut;
mod drawable;
mod error;
mod grid;
mod instances;
mod quadtree;
mod rule;
mod screen;

pub use cut::CutNode;
pub use error::LodError;
pub use grid::{LEVELS_MAX, QuadGrid, QuadNode};
pub use instances::{AssetLods, CULLED, Instances, LODS_MAX, LodChange, ideal_level, select};
pub use quadtree::QuadTree;
pub use rule::LodRule;
pub use screen::{LodView, distance_to_aabb, distance_to_sphere, screen_error_px};
