//! The same kernels, one pixel and one channel at a time, straight from their definitions: what
//! the fast ones are tested against. Slow, and easy to read. They check no sizes; pixels that a
//! slice lacks are left out.

use crate::{Blend, Edge, Image, ImageMut, Light, Pixel, Plane, Splat};

/// `value / 255` to the nearest integer.
fn div255(value: u32) -> u32 {
    (2 * value + 255) / 510
}

/// [`crate::over`].
pub fn over(dst: &mut [Pixel], src: &[Pixel]) {
    for (d, s) in dst.iter_mut().zip(src) {
        *d = porter_duff(Blend::Over, *s, *d).unwrap_or(*d);
    }
}

/// What a source leaves after tint and coverage, as [`crate::Paint`] says.
#[must_use]
pub fn shared(src: Pixel, tint: Pixel, mask: u8, opacity: u8, straight: bool) -> Pixel {
    let by = div255(u32::from(mask) * u32::from(opacity));
    core::array::from_fn(|i| {
        let tinted = div255(u32::from(src[i]) * u32::from(tint[i]));
        if straight && i < 3 { tinted as u8 } else { div255(tinted * by) as u8 }
    })
}

/// Factors of source and destination of an operator of Porter and Duff, from 0 to 255.
fn factors(blend: Blend, sa: u32, da: u32) -> Option<[u32; 2]> {
    Some(match blend {
        Blend::Clear => [0, 0],
        Blend::Source => [255, 0],
        Blend::Destination => [0, 255],
        Blend::Over => [255, 255 - sa],
        Blend::DestinationOver => [255 - da, 255],
        Blend::In => [da, 0],
        Blend::DestinationIn => [0, sa],
        Blend::Out => [255 - da, 0],
        Blend::DestinationOut => [0, 255 - sa],
        Blend::Atop => [da, 255 - sa],
        Blend::DestinationAtop => [255 - da, sa],
        Blend::Xor => [255 - da, 255 - sa],
        Blend::Add => [255, 255],
        _ => return None,
    })
}

/// An operator of Porter and Duff on premultiplied pixels, as [`crate::draw`] rounds it; `None`
/// for the other modes.
#[must_use]
pub fn porter_duff(blend: Blend, src: Pixel, dst: Pixel) -> Option<Pixel> {
    let [a, b] = factors(blend, src[3].into(), dst[3].into())?;
    let channel = |s: u8, d: u8| div255(u32::from(s) * a) + div255(u32::from(d) * b);
    Some(core::array::from_fn(|i| channel(src[i], dst[i]).min(255) as u8))
}

/// What blending gives before it is rounded, in 255ths, from the formulas as they are published,
/// on straight colours. Premultiplied pixels must not have colours above their alpha.
#[must_use]
pub fn blended(blend: Blend, light: Light, straight: bool, src: Pixel, dst: Pixel) -> [f64; 4] {
    let color = |p: Pixel, i: usize| {
        let value = match (straight, light) {
            (true, _) => f64::from(p[i]) / 255.0,
            _ if p[3] == 0 => 0.0,
            (false, Light::Encoded) => f64::from(p[i]) / f64::from(p[3]),
            (false, Light::Linear) => {
                libm::floor(f64::from(p[i]) * 255.0 / f64::from(p[3]) + 0.5) / 255.0
            }
        };
        if light == Light::Linear { srgb_decode(value) } else { value }
    };
    let [sa, da] = [src, dst].map(|p| f64::from(p[3]) / 255.0);
    let pair = factors(blend, src[3].into(), dst[3].into());
    let mixed = |s: f64, d: f64| match pair {
        Some([a, b]) => (s * sa * f64::from(a) + d * da * f64::from(b)) / 255.0,
        None => (1.0 - da) * sa * s + (1.0 - sa) * da * d + sa * da * separable(blend, d, s),
    };
    let alpha = match pair {
        Some(_) => mixed(1.0, 1.0).min(1.0),
        None => sa + da - sa * da,
    };
    let straight_out = |i: usize| {
        let value = mixed(color(src, i), color(dst, i));
        let value = if alpha > 0.0 { (value / alpha).clamp(0.0, 1.0) } else { 0.0 };
        if light == Light::Linear { srgb_encode(value) } else { value }
    };
    let out = |i: usize| match (straight, light) {
        (false, Light::Encoded) => mixed(color(src, i), color(dst, i)).clamp(0.0, 1.0),
        _ => straight_out(i),
    };
    [out(0), out(1), out(2), alpha].map(|v| v * 255.0)
}

/// B(cb, cs) of Compositing and Blending Level 1, chapter 10.
fn separable(blend: Blend, cb: f64, cs: f64) -> f64 {
    match blend {
        Blend::Multiply => cb * cs,
        Blend::Screen => cb + cs - cb * cs,
        Blend::Overlay => separable(Blend::HardLight, cs, cb),
        Blend::Darken => cb.min(cs),
        Blend::Lighten => cb.max(cs),
        Blend::ColorDodge if cb == 0.0 => 0.0,
        Blend::ColorDodge if cs >= 1.0 => 1.0,
        Blend::ColorDodge => (cb / (1.0 - cs)).min(1.0),
        Blend::ColorBurn if cb >= 1.0 => 1.0,
        Blend::ColorBurn if cs == 0.0 => 0.0,
        Blend::ColorBurn => 1.0 - ((1.0 - cb) / cs).min(1.0),
        Blend::HardLight if cs <= 0.5 => separable(Blend::Multiply, cb, 2.0 * cs),
        Blend::HardLight => separable(Blend::Screen, cb, 2.0 * cs - 1.0),
        Blend::SoftLight if cs <= 0.5 => cb - (1.0 - 2.0 * cs) * cb * (1.0 - cb),
        Blend::SoftLight => {
            let d = if cb <= 0.25 { ((16.0 * cb - 12.0) * cb + 4.0) * cb } else { libm::sqrt(cb) };
            cb + (2.0 * cs - 1.0) * (d - cb)
        }
        Blend::Difference => (cb - cs).abs(),
        Blend::Exclusion => cb + cs - 2.0 * cb * cs,
        _ => cs,
    }
}

/// The transfer curve of IEC 61966-2-1, 0 to 1.
#[must_use]
pub fn srgb_decode(encoded: f64) -> f64 {
    if encoded <= 0.04045 { encoded / 12.92 } else { libm::pow((encoded + 0.055) / 1.055, 2.4) }
}

/// Its inverse.
#[must_use]
pub fn srgb_encode(linear: f64) -> f64 {
    if linear <= 0.040_45 / 12.92 {
        linear * 12.92
    } else {
        1.055 * libm::pow(linear, 1.0 / 2.4) - 0.055
    }
}

/// [`crate::premultiply`].
pub fn premultiply(pixels: &mut [Pixel]) {
    for [r, g, b, a] in pixels {
        for c in [r, g, b] {
            *c = div255(u32::from(*c) * u32::from(*a)) as u8;
        }
    }
}

/// [`crate::unpremultiply`].
pub fn unpremultiply(pixels: &mut [Pixel]) {
    for [r, g, b, a] in pixels {
        for c in [r, g, b] {
            let (value, alpha) = (u32::from(*c), u32::from(*a));
            *c = (510 * value + alpha).checked_div(2 * alpha).unwrap_or(0).min(255) as u8;
        }
    }
}

/// The four pixels of each pixel of the next mip, an odd edge counting twice.
fn each_block(src: &Image<'_>, dst: &mut ImageMut<'_>, average: impl Fn([Pixel; 4]) -> Pixel) {
    let (right, bottom) = (src.width().saturating_sub(1), src.height().saturating_sub(1));
    let at = |x: usize, y: usize| src.pixel(x.min(right), y.min(bottom)).copied();
    for y in 0..dst.height() {
        let Some(row) = dst.row_mut(y) else { continue };
        for (x, d) in row.iter_mut().enumerate() {
            let block = [(0, 0), (1, 0), (0, 1), (1, 1)];
            *d = average(block.map(|(i, j)| at(2 * x + i, 2 * y + j).unwrap_or_default()));
        }
    }
}

/// [`crate::mip`] by [`crate::MipFilter::Box`].
pub fn box_mip(src: &Image<'_>, dst: &mut ImageMut<'_>) {
    each_block(src, dst, |block| {
        let sum = |c: usize| block.iter().map(|p| u32::from(p[c])).sum::<u32>();
        core::array::from_fn(|c| ((sum(c) + 2) >> 2) as u8)
    });
}

/// What [`crate::MipFilter::Srgb`] gives for a block of straight pixels before it is rounded, in
/// 255ths.
#[must_use]
pub fn average_light(block: [Pixel; 4]) -> [f64; 4] {
    let alpha: f64 = block.iter().map(|p| f64::from(p[3])).sum();
    core::array::from_fn(|c| match c {
        3 => alpha / 4.0,
        _ if alpha == 0.0 => 0.0,
        _ => {
            let light = |p: &Pixel| srgb_decode(f64::from(p[c]) / 255.0) * f64::from(p[3]);
            255.0 * srgb_encode(block.iter().map(light).sum::<f64>() / alpha)
        }
    })
}

/// [`crate::alpha_class`], as whether all bytes are 0 and whether all alphas are 255.
#[must_use]
pub fn alpha_class(image: &Image<'_>) -> [bool; 2] {
    let rows = || (0..image.height()).filter_map(|y| image.row(y)).flatten();
    [rows().all(|p| *p == [0; 4]), rows().all(|p| p[3] == 255)]
}

/// [`crate::copy_with_border`].
pub fn copy_with_border(
    src: &Image<'_>,
    [x, y]: [i64; 2],
    size: u32,
    border: u32,
    edge: Edge,
    dst: &mut [Pixel],
) {
    let side = i128::from(size) + 2 * i128::from(border);
    let find = |at: i128, count: usize| match edge {
        Edge::Clamp => at.clamp(0, count as i128 - 1) as usize,
        Edge::Wrap => at.rem_euclid(count as i128) as usize,
    };
    for (i, d) in (0_i128..).zip(dst) {
        let sx = i128::from(x) - i128::from(border) + i % side;
        let sy = i128::from(y) - i128::from(border) + i / side;
        if let Some(pixel) = src.pixel(find(sx, src.width()), find(sy, src.height())) {
            *d = *pixel;
        }
    }
}

/// [`crate::upsample4`].
pub fn upsample4(control: &[u8], cw: usize, out: &mut [u8], ow: usize) {
    for (i, o) in out.iter_mut().enumerate() {
        *o = upsampled(control, cw, i % ow, i / ow);
    }
}

fn upsampled(control: &[u8], cw: usize, x: usize, y: usize) -> u8 {
    // In eighths of a control interval: texel centres lie at 1, 3, 5, 7.
    let (fx, fy) = ((2 * x + 1) % 8, (2 * y + 1) % 8);
    let first = (y / 4) * cw + x / 4;
    let at = |offset: usize| usize::from(control[first + offset]);
    let above = at(0) * (8 - fx) + at(1) * fx;
    let below = at(cw) * (8 - fx) + at(cw + 1) * fx;
    ((above * (8 - fy) + below * fy + 32) / 64) as u8
}

/// [`crate::splat`].
pub fn splat(out: &mut [Pixel], width: usize, splats: &[Splat<'_>], tint: Option<[Plane<'_>; 3]>) {
    let value = |plane: &Plane<'_>, i: usize| match plane {
        Plane::Texels(bytes) => bytes[i],
        Plane::Control(points) => upsampled(points, width.div_ceil(4) + 1, i % width, i / width),
    };
    for (i, o) in out.iter_mut().enumerate() {
        let (x, y) = ((i % width) as u32, (i / width) as u32);
        let given =
            |s: &Splat<'_>| s.weights.as_ref().map_or(0, |plane| u64::from(value(plane, i)));
        let rest = 255_u64.saturating_sub(splats.iter().map(given).sum());
        let mut sums = [127_u64; 4];
        for splat in splats {
            let weight = if splat.weights.is_none() { rest } else { given(splat) };
            let [left, top] = splat.origin;
            let pixel = splat.material.pixel(left.wrapping_add(x), top.wrapping_add(y));
            sums.iter_mut().zip(pixel).for_each(|(sum, c)| *sum += weight * u64::from(c));
        }
        *o = sums.map(|sum| (sum / 255).min(255) as u8);
        if let Some(planes) = &tint {
            let [r, g, b] = [0, 1, 2].map(|c| value(&planes[c], i));
            modulate(core::slice::from_mut(o), &[r], &[g], &[b]);
        }
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
