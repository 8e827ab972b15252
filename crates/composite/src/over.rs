use crate::arch::{Kernel, Row, Simd, Vectors, run};
use crate::blend::PorterDuff;
use crate::blend::factor::{ONE, REST};
use crate::draw::draw_rows;
use crate::error::{SizeError, same};
use crate::lay::Rows;
use crate::{Image, ImageMut, Paint, Pixel};

/// Source-over with premultiplied alpha (Porter & Duff, 1984): per channel
/// `d = min(255, s + round(d · (255 − a) / 255))`, `a` the source's alpha. Exact; the bound
/// matters only where a source channel exceeds its alpha.
///
/// # Errors
/// [`SizeError::Length`] if the slices differ in length.
pub fn over(dst: &mut [Pixel], src: &[Pixel]) -> Result<(), SizeError> {
    same("the source of over", dst.len(), src.len())?;
    Row::new::<PorterDuff<ONE, REST>>().run(dst, src);
    Ok(())
}

/// [`over`] with the source's top left pixel on `(x, y)` of `dst`; what falls outside is cut.
pub fn over_image(dst: &mut ImageMut<'_>, src: &Image<'_>, x: i64, y: i64) {
    over_decal(dst, src, x, y, 255);
}

/// [`over_image`] with the source faded first: each of its channels becomes
/// `round(s · opacity / 255)`.
pub fn over_decal(dst: &mut ImageMut<'_>, src: &Image<'_>, x: i64, y: i64, opacity: u8) {
    if opacity > 0 {
        let paint = Paint { opacity, ..Paint::default() };
        draw_rows(dst, &Rows::Image(*src), [x, y], [src.width(), src.height()], &paint);
    }
}

/// Straight alpha to premultiplied, in place: red, green and blue become `round(c · a / 255)`.
pub fn premultiply(pixels: &mut [Pixel]) {
    run(Premultiply(pixels));
}

/// Premultiplied alpha to straight, in place: red, green and blue become
/// `min(255, round(c · 255 / a))`, halves rounded up, and 0 where alpha is 0.
pub fn unpremultiply(pixels: &mut [Pixel]) {
    run(Unpremultiply(pixels));
}

struct Premultiply<'a>(&'a mut [Pixel]);

impl Kernel for Premultiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // Alpha times 255, over 255, stays what it is.
        let keep = simd.high(simd.all([0, 0, 0, 255]));
        simd.each(
            self.0,
            #[inline(always)]
            |v| {
                let alphas = simd.alphas(v);
                simd.scale_each(v, alphas, simd.cap(simd.add(alphas, keep)))
            },
        );
    }
}

struct Unpremultiply<'a>(&'a mut [Pixel]);

impl Kernel for Unpremultiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for pixel in self.0 {
            *pixel = unpremultiplied(*pixel);
        }
    }
}

/// A numerator below 2¹⁶ over a denominator below 2⁸ is half a unit at least 1/510 from where
/// rounding changes or exactly there: one float division decides right.
#[inline(always)]
pub(crate) fn unpremultiplied([r, g, b, a]: Pixel) -> Pixel {
    let alpha = f32::from(a);
    let divide = |c: u8| {
        let q = f32::from(c) * 255.0 / alpha + 0.5;
        // A division by 0 gives an infinity or no number: no colour.
        if a == 0 { 0 } else { q as u8 }
    };
    [divide(r), divide(g), divide(b), a]
}
