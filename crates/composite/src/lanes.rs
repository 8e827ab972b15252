//! Sixteen pixels side by side, as arrays that the compiler makes vectors of. A pixel is two
//! 16-bit lanes, red and green in the first, blue and alpha in the second, split where arithmetic
//! needs room into their low bytes (red, blue) and their high ones (green, alpha).
//!
//! Splitting needs one mask and one shift, on every instruction set, and keeps a pixel's channels
//! in its own 32 bits: a weight or an alpha comes to them by one product, without a shuffle.
//!
//! Arithmetic is wrapping where nothing can overflow: the checks of a debug build would keep the
//! loops from becoming vectors.

use crate::Pixel;

/// Pixels per block. At eight the compiler falls back to scalars in places.
pub(crate) const LANES: usize = 16;

/// Two 16-bit lanes for each pixel of a block.
pub(crate) type Words = [u16; 2 * LANES];

/// Four bytes for each pixel of a block.
pub(crate) type Bytes = [u8; 4 * LANES];

/// A block of pixels.
pub(crate) type Block = [Pixel; LANES];

/// Red in the low byte and green in the high one, then blue and alpha.
#[inline(always)]
pub(crate) fn words(block: &Block) -> Words {
    let mut out: Words = bytemuck::cast(*block);
    for word in &mut out {
        *word = u16::from_le(*word);
    }
    out
}

/// The inverse of [`words`].
#[inline(always)]
pub(crate) fn pixels(words: Words) -> Block {
    let mut out = words;
    for word in &mut out {
        *word = word.to_le();
    }
    bytemuck::cast(out)
}

/// For each pixel a pair of lanes: the low and the high half of a 32-bit number.
#[inline(always)]
pub(crate) fn pairs(values: [u32; LANES]) -> Words {
    let mut values = values;
    for value in &mut values {
        *value = value.to_le();
    }
    let mut out: Words = bytemuck::cast(values);
    for word in &mut out {
        *word = u16::from_le(*word);
    }
    out
}

/// Each pixel's alpha in both of its lanes.
#[inline(always)]
pub(crate) fn alphas(block: &Block) -> Words {
    let mut out = [0; LANES];
    for (o, pixel) in out.iter_mut().zip(block) {
        let alpha = u32::from_le_bytes(*pixel) >> 24;
        *o = alpha | alpha << 16;
    }
    pairs(out)
}

/// Each byte in both lanes of its pixel.
#[inline(always)]
pub(crate) fn doubled(bytes: &[u8; LANES]) -> Words {
    let mut out = [0; LANES];
    for (o, byte) in out.iter_mut().zip(bytes) {
        *o = u32::from(*byte) | u32::from(*byte) << 16;
    }
    pairs(out)
}

/// The first `LANES` of `values`, zeros behind them if there are fewer.
#[inline]
pub(crate) fn padded<T: Copy + Default>(values: &[T]) -> [T; LANES] {
    let mut block = [T::default(); LANES];
    block.iter_mut().zip(values).for_each(|(b, v)| *b = *v);
    block
}

/// `product / 255`, rounded to the nearest, for 0 ..= 255²: exact, no ties exist (255 is odd).
/// Blinn, "Three wrongs make a right", IEEE CG&A 15(6), 1995; the two shifts and the sum there are
/// the upper half of one product by 257.
#[inline(always)]
pub(crate) fn div255(product: u16) -> u16 {
    ((u32::from(product.wrapping_add(128)) * 257) >> 16) as u16
}

/// [`div255`] in the high byte of the lane, nothing in the low one.
#[inline(always)]
pub(crate) fn div255_high(product: u16) -> u16 {
    let t = product.wrapping_add(128);
    t.wrapping_add(t >> 8) & 0xff00
}

/// Each channel of `block` times its pixel's lane of `by`, over 255, rounded to the nearest.
#[inline(always)]
pub(crate) fn scale(block: &Block, by: &Words) -> Block {
    scale_each(block, by, by)
}

/// [`scale`] with factors of their own for the low bytes (red, blue) and the high ones.
#[inline(always)]
pub(crate) fn scale_each(block: &Block, by_low: &Words, by_high: &Words) -> Block {
    let channels = words(block);
    let mut out = [0; 2 * LANES];
    for i in 0..2 * LANES {
        let low = div255((channels[i] & 255).wrapping_mul(by_low[i]));
        let high = div255_high((channels[i] >> 8).wrapping_mul(by_high[i]));
        out[i] = low | high;
    }
    pixels(out)
}

/// 255 − each lane.
#[inline(always)]
pub(crate) fn inverse(alphas: Words) -> Words {
    let mut out = alphas;
    for lane in &mut out {
        *lane = 255_u16.wrapping_sub(*lane);
    }
    out
}

/// Sum of each channel, at most 255.
#[inline(always)]
pub(crate) fn add(a: &Block, b: &Block) -> Block {
    let (a, b): (Bytes, Bytes) = (bytemuck::cast(*a), bytemuck::cast(*b));
    let mut out = [0; 4 * LANES];
    for i in 0..4 * LANES {
        out[i] = a[i].saturating_add(b[i]);
    }
    bytemuck::cast(out)
}
