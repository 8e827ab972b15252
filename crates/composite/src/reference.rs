//! The same kernels, one pixel and one channel at a time, straight from their definitions: what
//! the fast ones are tested against, bit by bit. Slow, and easy to read. They check no sizes;
//! pixels that a slice lacks are left out.

use crate::{Image, ImageMut, Layer, Pixel};

/// `value / 255` to the nearest integer.
fn div255(value: u32) -> u32 {
    (2 * value + 255) / 510
}

/// [`crate::over`].
pub fn over(dst: &mut [Pixel], src: &[Pixel]) {
    for (d, s) in dst.iter_mut().zip(src) {
        *d = over_pixel(*d, *s);
    }
}

/// [`crate::over_decal`]; with opacity 255 [`crate::over_image`].
pub fn over_decal(dst: &mut ImageMut<'_>, src: &Image<'_>, x: i64, y: i64, opacity: u8) {
    for dst_y in 0..dst.height() {
        let Some(row) = dst.row_mut(dst_y) else { continue };
        for (dst_x, d) in row.iter_mut().enumerate() {
            let src_x = usize::try_from(dst_x as i128 - i128::from(x));
            let src_y = usize::try_from(dst_y as i128 - i128::from(y));
            let (Ok(src_x), Ok(src_y)) = (src_x, src_y) else { continue };
            if let Some(s) = src.row(src_y).and_then(|row| row.get(src_x)) {
                *d = over_pixel(*d, s.map(|c| div255(u32::from(c) * u32::from(opacity)) as u8));
            }
        }
    }
}

fn over_pixel(dst: Pixel, src: Pixel) -> Pixel {
    let rest = 255 - u32::from(src[3]);
    core::array::from_fn(|i| (u32::from(src[i]) + div255(u32::from(dst[i]) * rest)).min(255) as u8)
}

/// [`crate::premultiply`].
pub fn premultiply(pixels: &mut [Pixel]) {
    for [r, g, b, a] in pixels {
        for c in [r, g, b] {
            *c = div255(u32::from(*c) * u32::from(*a)) as u8;
        }
    }
}

/// [`crate::box_mip_image`].
pub fn box_mip(src: &Image<'_>, dst: &mut ImageMut<'_>) {
    let (right, bottom) = (src.width().saturating_sub(1), src.height().saturating_sub(1));
    for y in 0..dst.height() {
        let Some(row) = dst.row_mut(y) else { continue };
        for (x, d) in row.iter_mut().enumerate() {
            let mut sums = [2_u32; 4];
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (sx, sy) = ((2 * x + dx).min(right), (2 * y + dy).min(bottom));
                let pixel = src.row(sy).and_then(|row| row.get(sx)).copied().unwrap_or_default();
                sums.iter_mut().zip(pixel).for_each(|(sum, c)| *sum += u32::from(c));
            }
            *d = sums.map(|sum| (sum >> 2) as u8);
        }
    }
}

/// [`crate::copy_with_border`].
pub fn copy_with_border(
    src: &Image<'_>,
    x: i64,
    y: i64,
    size: u32,
    border: u32,
    dst: &mut [Pixel],
) {
    let side = i128::from(size) + 2 * i128::from(border);
    for (i, d) in (0_i128..).zip(dst) {
        let sx = i128::from(x) - i128::from(border) + i % side;
        let sy = i128::from(y) - i128::from(border) + i / side;
        let sx = sx.clamp(0, src.width() as i128 - 1) as usize;
        let sy = sy.clamp(0, src.height() as i128 - 1) as usize;
        if let Some(row) = src.row(sy) {
            *d = row[sx];
        }
    }
}

/// [`crate::upsample4`].
pub fn upsample4(control: &[u8], cw: usize, out: &mut [u8], ow: usize) {
    for (i, o) in out.iter_mut().enumerate() {
        let (x, y) = (i % ow, i / ow);
        // In eighths of a control interval: texel centres lie at 1, 3, 5, 7.
        let (fx, fy) = ((2 * x + 1) % 8, (2 * y + 1) % 8);
        let first = (y / 4) * cw + x / 4;
        let at = |offset: usize| usize::from(control[first + offset]);
        let above = at(0) * (8 - fx) + at(1) * fx;
        let below = at(cw) * (8 - fx) + at(cw + 1) * fx;
        *o = ((above * (8 - fy) + below * fy + 32) / 64) as u8;
    }
}

/// [`crate::blend_layers`].
pub fn blend_layers(out: &mut [Pixel], width: usize, layers: &[Layer<'_>]) {
    for (i, o) in out.iter_mut().enumerate() {
        let (x, y) = ((i % width) as u32, (i / width) as u32);
        let mut sums = [127_u64; 4];
        for layer in layers {
            let [left, top] = layer.origin;
            let pixel = layer.material.pixel(left.wrapping_add(x), top.wrapping_add(y));
            let weight = u64::from(layer.weights[i]);
            sums.iter_mut().zip(pixel).for_each(|(sum, c)| *sum += weight * u64::from(c));
        }
        *o = sums.map(|sum| (sum / 255).min(255) as u8);
    }
}

/// [`crate::modulate`].
pub fn modulate(pixels: &mut [Pixel], r: &[u8], g: &[u8], b: &[u8]) {
    for (i, pixel) in pixels.iter_mut().enumerate() {
        for (c, tint) in pixel.iter_mut().zip([r[i], g[i], b[i]]) {
            *c = ((u32::from(*c) * u32::from(tint) + 64) / 128).min(255) as u8;
        }
    }
}

/// [`crate::psnr`]'s sum of squared differences.
#[must_use]
pub fn sum_of_squares(a: &[u8], b: &[u8]) -> u64 {
    let square = |(a, b): (&u8, &u8)| (i64::from(*a) - i64::from(*b)).pow(2) as u64;
    a.iter().zip(b).map(square).sum()
}
