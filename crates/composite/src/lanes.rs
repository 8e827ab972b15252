//! Eight pixels side by side: each is one 32-bit lane, split where arithmetic needs room into
//! its even bytes (red, blue) and its odd ones (green, alpha), both as 16-bit lanes.
//!
//! Splitting needs one mask and one shift, on every instruction set, and keeps a pixel's
//! channels in its own lane: no shuffle is ever needed to bring a weight or an alpha to them.

use wide::{u8x16, u8x32, u16x8, u16x16, u32x8};

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
    (halves(block & u32x8::splat(EVEN_BYTES)), shr8(halves(block)))
}

/// The inverse of [`split`]. Every lane must be at most 255.
#[inline(always)]
pub(crate) fn join(rb: u16x16, ga: u16x16) -> u32x8 {
    words(rb | (ga * u16x16::splat(256)))
}

/// Each pixel's alpha in both halves of its lane.
#[inline(always)]
pub(crate) fn alphas(block: u32x8) -> u16x16 {
    halves(u32x8::new(block.to_array().map(|p| p >> 24 | (p >> 24) << 16)))
}

/// `value >> 8`. Written as a product: `wide` hands the count of a shift over in memory, which
/// costs a check per shift where debug assertions are on.
#[inline(always)]
fn shr8(value: u16x16) -> u16x16 {
    high(value, 256)
}

/// `value >> 7`, likewise.
#[inline(always)]
pub(crate) fn shr7(value: u16x16) -> u16x16 {
    high(value, 512)
}

/// The upper half of each product. `wide` joins its two halves by a cast to a type of larger
/// alignment, which again costs a check; through an array it costs nothing.
#[inline(always)]
pub(crate) fn high(value: u16x16, factor: u16) -> u16x16 {
    let [low, high]: [u16x8; 2] = bytemuck::cast(value);
    let factor = u16x8::splat(factor);
    let halves = [low.mul_keep_high(factor).to_array(), high.mul_keep_high(factor).to_array()];
    u16x16::new(bytemuck::cast(halves))
}

/// Each pair of bytes in its lane: `low` in the lower half, `high` in the upper one.
#[inline(always)]
pub(crate) fn pair_bytes(low: &[u8; LANES], high: &[u8; LANES]) -> u16x16 {
    let zero = u8x16::splat(0);
    let bytes = u8x16::unpack_low(half_filled(low), half_filled(high));
    let lanes = [u8x16::unpack_low(bytes, zero), u8x16::unpack_high(bytes, zero)];
    let lanes: [u32; LANES] = bytemuck::cast(lanes);
    halves(u32x8::new(lanes.map(u32::from_le)))
}

#[inline(always)]
fn half_filled(bytes: &[u8; LANES]) -> u8x16 {
    let mut block = [0; 2 * LANES];
    block[..LANES].copy_from_slice(bytes);
    u8x16::new(block)
}

/// `product / 255`, rounded to the nearest, for 0 ..= 255²: exact, no ties exist (255 is odd).
/// Blinn, "Three wrongs make a right", IEEE CG&A 15(6), 1995.
#[inline(always)]
pub(crate) fn div255(product: u16x16) -> u16x16 {
    let t = product + u16x16::splat(128);
    shr8(t + shr8(t))
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
