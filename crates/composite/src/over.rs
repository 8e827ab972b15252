use wide::{u16x16, u32x8};

use crate::error::{SizeError, same};
use crate::lanes::{
    LANES, add_bytes, alphas, div255, join, load, padded, pair_bytes, split, store,
};
use crate::{Image, ImageMut, Pixel};

/// Source-over with premultiplied alpha (Porter & Duff, 1984): per channel
/// `d = min(255, s + round(d · (255 − a) / 255))`, `a` the source's alpha. Exact; the bound
/// matters only where a source channel exceeds its alpha.
///
/// # Errors
/// [`SizeError::Length`] if the slices differ in length.
pub fn over(dst: &mut [Pixel], src: &[Pixel]) -> Result<(), SizeError> {
    same("the source of over", dst.len(), src.len())?;
    over_row(dst, src);
    Ok(())
}

/// [`over`] with the source's top left pixel on `(x, y)` of `dst`; what falls outside is cut.
pub fn over_image(dst: &mut ImageMut<'_>, src: &Image<'_>, x: i64, y: i64) {
    each_overlap(dst, src, x, y, over_row);
}

/// [`over_image`] with the source faded first: each of its channels becomes
/// `round(s · opacity / 255)`.
pub fn over_decal(dst: &mut ImageMut<'_>, src: &Image<'_>, x: i64, y: i64, opacity: u8) {
    match opacity {
        0 => {}
        255 => over_image(dst, src, x, y),
        _ => each_overlap(dst, src, x, y, |d, s| faded_row(d, s, opacity)),
    }
}

/// Straight alpha to premultiplied: red, green and blue become `round(c · a / 255)`.
pub fn premultiply(pixels: &mut [Pixel]) {
    let (blocks, rest) = pixels.as_chunks_mut::<LANES>();
    for block in blocks {
        *block = premultiply_block(block);
    }
    let block = premultiply_block(&padded(rest));
    rest.copy_from_slice(&block[..rest.len()]);
}

#[inline(always)]
fn premultiply_block(block: &[Pixel; LANES]) -> [Pixel; LANES] {
    let pixels = load(block);
    let (rb, ga) = split(pixels);
    let alpha = alphas(pixels);
    // Alpha times 255, divided by 255, stays what it is.
    let alpha_kept = alpha | pair_bytes(&[0; LANES], &[255; LANES]);
    store(join(div255(rb * alpha), div255(ga * alpha_kept)))
}

fn over_row(dst: &mut [Pixel], src: &[Pixel]) {
    each_block(dst, src, |d, s| store(over_block(load(d), load(s))));
}

fn faded_row(dst: &mut [Pixel], src: &[Pixel], opacity: u8) {
    let opacity = u16x16::splat(u16::from(opacity));
    each_block(dst, src, |d, s| {
        let (rb, ga) = split(load(s));
        let faded = join(div255(rb * opacity), div255(ga * opacity));
        store(over_block(load(d), faded))
    });
}

#[inline(always)]
fn over_block(dst: u32x8, src: u32x8) -> u32x8 {
    let rest = u16x16::splat(255) - alphas(src);
    let (rb, ga) = split(dst);
    add_bytes(src, join(div255(rb * rest), div255(ga * rest)))
}

/// Replaces `dst` by `f(dst, src)`, a block at a time; the slices are of one length.
#[inline(always)]
fn each_block(
    dst: &mut [Pixel],
    src: &[Pixel],
    f: impl Fn(&[Pixel; LANES], &[Pixel; LANES]) -> [Pixel; LANES],
) {
    let (dst_blocks, dst_rest) = dst.as_chunks_mut::<LANES>();
    let (src_blocks, src_rest) = src.as_chunks::<LANES>();
    for (d, s) in dst_blocks.iter_mut().zip(src_blocks) {
        *d = f(d, s);
    }
    if !dst_rest.is_empty() {
        let block = f(&padded(dst_rest), &padded(src_rest));
        dst_rest.copy_from_slice(&block[..dst_rest.len()]);
    }
}

/// Calls `f` on each row's part that both images have, `src` lying at `(x, y)` of `dst`.
fn each_overlap(
    dst: &mut ImageMut<'_>,
    src: &Image<'_>,
    x: i64,
    y: i64,
    f: impl Fn(&mut [Pixel], &[Pixel]),
) {
    let (dst_x, src_x, columns) = overlap(dst.width(), src.width(), x);
    let (dst_y, src_y, rows) = overlap(dst.height(), src.height(), y);
    if columns == 0 {
        return;
    }
    for row in 0..rows {
        if let (Some(d), Some(s)) = (dst.row_mut(dst_y + row), src.row(src_y + row)) {
            f(&mut d[dst_x..][..columns], &s[src_x..][..columns]);
        }
    }
}

/// Along one axis: first in `dst`, first in `src`, how many.
fn overlap(dst: usize, src: usize, at: i64) -> (usize, usize, usize) {
    // No slice of pixels is longer than i64::MAX / 4, so only the offset needs care.
    let skip = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    if at < 0 {
        (0, skip.min(src), src.saturating_sub(skip).min(dst))
    } else {
        (skip.min(dst), 0, dst.saturating_sub(skip).min(src))
    }
}
