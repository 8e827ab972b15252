#![doc = include_str!("../README.md")]

mod arch;
mod asset;
mod band;
mod batch;
mod budget;
mod cut;
mod drawable;
mod error;
mod grid;
mod hierarchy;
mod instances;
mod order;
mod quadtree;
mod rows;
mod rule;
mod screen;
mod slots;
mod state;
mod transition;

pub use asset::{AssetLods, CULLED, LODS_MAX};
pub use band::ideal_level;
pub use batch::{Batch, BatchStats, Batcher, Batches, DrawArgs, DrawItem, MeshRange, MultiDraw};
pub use budget::{AssetCosts, Budget, BudgetFit, Cost, LodBudget, Wanted};
pub use cut::CutNode;
pub use error::LodError;
pub use grid::{LEVELS_MAX, QuadGrid, QuadNode};
pub use hierarchy::{HIERARCHY_DEPTH_MAX, Nodes};
pub use instances::{BLOCK, Instances};
pub use order::{blocks_of, spatial_order};
pub use quadtree::QuadTree;
pub use rule::LodRule;
pub use screen::{LodView, distance_to_aabb, distance_to_sphere, screen_error_px};
pub use slots::{BatchSlot, NO_SLOT, SlotBatcher};
pub use state::{Blocks, LodChange, LodState, Selected};
pub use transition::{Fade, Shown, Transitions};
