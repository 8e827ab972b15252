#![doc = include_str!("../README.md")]

mod decoder;
mod frame;
mod index;
mod look;
mod options;
mod page;
mod pages;
mod props;
mod streaming;
mod terrain;

pub use decoder::{DecoderScratch, WorldDecoder};
pub use frame::{Frame, FrameStats, Stage};
pub use index::{IndexError, WorldIndex};
pub use options::{BudgetError, Options};
pub use page::{PageError, PageScratch, compose_page, page_texel};
pub use streaming::{Farplane, OpenError, VIEWS_MAX};

pub use farplane_alloc as alloc;
pub use farplane_composite as composite;
pub use farplane_geom as geom;
pub use farplane_io as io;
pub use farplane_lod as lod;
pub use farplane_octree as octree;
pub use farplane_stream as stream;
pub use farplane_vt as vt;
pub use farplane_world as world;

#[cfg(feature = "bake")]
pub use farplane_bake as bake;
#[cfg(feature = "path")]
pub use farplane_path as path;
#[cfg(feature = "profiler")]
pub use farplane_profiler as profiler;
#[cfg(feature = "raycast")]
pub use farplane_raycast as raycast;
