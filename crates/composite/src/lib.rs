#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(feature = "std")]
extern crate std;

mod alpha;
mod arch;
mod blend;
mod border;
mod class;
mod draw;
mod error;
mod image;
mod lay;
mod mip;
mod over;
mod psnr;
mod rect;
pub mod reference;
mod splat;
mod srgb;
mod stack;
mod tile;
mod tint;
mod upsample;

pub use alpha::{Rgba8, Straight};
pub use arch::Level;
#[cfg(feature = "std")]
pub use arch::with_level;
pub use blend::Blend;
pub use border::{Edge, Neighbors, border_from_neighbors, copy_with_border};
pub use class::{AlphaClass, alpha_class};
pub use draw::{Light, Paint, draw};
pub use error::SizeError;
pub use image::{Image, ImageMut};
pub use mip::{MipFilter, MipLevel, box_mip, mip, mip_chain, mip_levels};
pub use over::{over, over_decal, over_image, premultiply, unpremultiply};
pub use psnr::psnr;
pub use rect::Rect;
pub use splat::{Plane, SPLATS_MAX, Splat, splat};
pub use srgb::{encode as srgb_encode, linear as srgb_linear};
pub use stack::{Layer, Source, compose};
pub use tile::Tile;
pub use tint::modulate;
pub use upsample::upsample4;

/// One RGBA8 pixel with premultiplied alpha: red, green, blue, alpha.
pub type Pixel = [u8; 4];
