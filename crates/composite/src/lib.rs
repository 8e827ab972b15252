#![doc = include_str!("../README.md")]
#![no_std]

mod border;
mod error;
mod image;
mod lanes;
mod layers;
mod mip;
mod over;
mod psnr;
pub mod reference;
mod tint;
mod upsample;

pub use border::copy_with_border;
pub use error::SizeError;
pub use image::{Image, ImageMut};
pub use layers::{Layer, Tile, blend_layers, fill_remainder};
pub use mip::{box_mip, box_mip_image};
pub use over::{over, over_decal, over_image, premultiply};
pub use psnr::psnr;
pub use tint::modulate;
pub use upsample::upsample4;

/// One RGBA8 pixel: red, green, blue, alpha.
pub type Pixel = [u8; 4];
