#![doc = include_str!("../README.md")]

mod bake;
mod decals;
mod elevation;
mod error;
mod geotiff;
mod grid;
mod ground;
mod imagery;
mod materials;
mod noise;
mod options;
mod order;
mod pages;
mod patch;
mod props;
mod raster;
mod relief;
mod run;
mod scatter;
mod summary;
mod tiles;
mod voids;

pub use bake::bake;
pub use error::{BakeError, Mismatch};
pub use options::{
    BakeOptions, ColorSource, PAGES_MAX, PROPS_MAX, Progress, SAMPLES_MAX, SIDE_MAX, Source,
    TEXELS_MAX,
};
pub use summary::{KindTotal, Summary};
