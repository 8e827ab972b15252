//! Eight pixels side by side: each is one 32-bit lane, split where arithmetic needs room into
//! its even bytes (red, blue) and its odd ones (green, alpha), both as 16-bit lanes.
//!
//! Splitting needs one mask and one shift, on every instruction set, and keeps a pixel's
//! channels in its own lane: no shuffle is ever needed to bring a weight or an alpha to them.

use wide::{u8x32, u16x16, u32x8};

use crate::Pixel;

/// Pixels per block.
pub(crate) const LANES: usize = 8;

/// Sixteen 16-bit lanes hold one half of the channels of eight pixels.
const EVEN_BYTES: u32 = 0x00ff_00ff;

#[inline(always)]
pub(crate) fn load(pixels: &[Pixel; LANES]) -> u32x8 {
    u32x8::new(pixels.map(u32::from_le_bytes))
}

#[inline(always)]
pub(crate) fn store(block: u32x8) -> [Pixel; LANES] {
    block.to_array().map(u32::to_le_bytes)
}

/// The first `LANES` of `pixels`, zeros behind them if there are fewer.
#[inline]
pub(crate) fn padded<T: Copy + Default>(values: &[T]) -> [T; LANES] {
    let mut block = [T::default(); LANES];
    block.iter_mut().zip(values).for_each(|(b, v)| *b = *v);
    block
}

/// (red, blue) and (green, alpha).
#[inline(always)]
pub(crate) fn split(block: u32x8) -> (u16x16, u16x16) {
    let even = u32x8::splat(EVEN_BYTES);
    (halves(block & even), halves((block >> 8_u32) & even))
}

/// The inverse of [`split`]. Every lane must be at most 255.
#[inline(always)]
pub(crate) fn join(rb: u16x16, ga: u16x16) -> u32x8 {
    words(rb) | (words(ga) << 8_u32)
}

/// Each value (at most 65,535) in both halves of its lane.
#[inline(always)]
pub(crate) fn both(values: u32x8) -> u16x16 {
    halves(values | (values << 16_u32))
}

/// `low` in the lower half of each lane, `high` in the upper one.
#[inline(always)]
pub(crate) fn pair(low: u32x8, high: u32x8) -> u16x16 {
    halves(low | (high << 16_u32))
}

#[inline(always)]
pub(crate) fn widen(values: &[u8; LANES]) -> u32x8 {
    u32x8::new(values.map(u32::from))
}

/// `product / 255`, rounded to the nearest, for 0 ..= 255²: exact, no ties exist (255 is odd).
/// Blinn, "Three wrongs make a right", IEEE CG&A 15(6), 1995.
#[inline(always)]
pub(crate) fn div255(product: u16x16) -> u16x16 {
    let t = product + u16x16::splat(128);
    (t + (t >> 8_u32)) >> 8_u32
}

/// min(value, 255) without an unsigned 16-bit minimum, which SSE2 lacks.
#[inline(always)]
pub(crate) fn cap(value: u16x16) -> u16x16 {
    value - value.saturating_sub(u16x16::splat(255))
}

/// Sum of each byte, at most 255.
#[inline(always)]
pub(crate) fn add_bytes(a: u32x8, b: u32x8) -> u32x8 {
    let a: u8x32 = bytemuck::cast(a);
    bytemuck::cast(a.saturating_add(bytemuck::cast(b)))
}

#[inline(always)]
fn halves(block: u32x8) -> u16x16 {
    bytemuck::cast(block)
}

#[inline(always)]
fn words(block: u16x16) -> u32x8 {
    bytemuck::cast(block)
}
