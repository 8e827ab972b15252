#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(feature = "std")]
extern crate std;

mod alpha;
mod arch;
#[cfg(feature = "rayon")]
mod bands;
mod blend;
mod border;
mod channel;
mod class;
mod color_map;
mod convert;
mod draw;
mod error;
mod exact;
#[cfg(feature = "std")]
mod fifo;
mod image;
mod lay;
mod line;
mod mip;
mod over;
mod psnr;
mod rect;
pub mod reference;
#[cfg(feature = "resize")]
mod resize;
mod separable;
mod splat;
mod srgb;
mod stack;
mod terminal;
mod tile;
mod tint;
mod upsample;

pub use alpha::{Rgba8, Straight};
pub use arch::Level;
#[cfg(feature = "std")]
pub use arch::with_level;
#[cfg(feature = "rayon")]
pub use bands::par_bands;
pub use blend::Blend;
pub use border::{Edge, Neighbors, border_from_neighbors, copy_with_border};
pub use channel::{Channel, extract_channel, pack_channels};
pub use class::{AlphaClass, alpha_class};
pub use color_map::{ColorMap, fit};
pub use convert::{Format, Half, convert};
pub use draw::{Light, Paint, draw};
pub use error::SizeError;
#[cfg(feature = "std")]
pub use fifo::{FifoPolicy, FrameFifo, Pushed};
pub use image::{Image, ImageMut};
pub use line::{line, polyline};
pub use mip::{MipFilter, MipLevel, box_mip, mip, mip_chain, mip_levels};
pub use over::{over, over_decal, over_image, premultiply, unpremultiply};
pub use psnr::psnr;
pub use rect::Rect;
#[cfg(feature = "resize")]
pub use resize::{FilterType, resize};
pub use splat::{Plane, SPLATS_MAX, Splat, splat};
pub use srgb::{encode as srgb_encode, linear as srgb_linear};
pub use stack::{Layer, Source, compose};
pub use terminal::{ascii, half_blocks, half_blocks_256};
pub use tile::Tile;
pub use tint::modulate;
pub use upsample::upsample4;

/// One RGBA8 pixel with premultiplied alpha: red, green, blue, alpha.
pub type Pixel = [u8; 4];
