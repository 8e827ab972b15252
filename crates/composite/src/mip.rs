use crate::error::{SizeError, area, same};
use crate::{Image, ImageMut, Pixel};

/// The next mip: every output pixel is `(a + b + c + d + 2) >> 2` of a 2 × 2 block, per channel.
/// An odd size is rounded up, its last column or row counting twice. Rows are packed; `dst`
/// holds ⌈width / 2⌉ × ⌈height / 2⌉ pixels. Colours are averaged as they are: encoded ones stay
/// encoded, and alpha should be premultiplied.
///
/// # Errors
/// [`SizeError::Length`] if `src` or `dst` is not of that size.
pub fn box_mip(
    src: &[Pixel],
    width: usize,
    height: usize,
    dst: &mut [Pixel],
) -> Result<(), SizeError> {
    same("the source of a mip", area(width, height), src.len())?;
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    same("the target of a mip", area(half_width, half_height), dst.len())?;
    let src = Image::packed(src, width, height)?;
    box_mip_image(&src, &mut ImageMut::packed(dst, half_width, half_height)?)
}

/// [`box_mip`] between images with strides.
///
/// # Errors
/// [`SizeError::Length`] if `dst` is not half as wide and high as `src`, rounded up.
pub fn box_mip_image(src: &Image<'_>, dst: &mut ImageMut<'_>) -> Result<(), SizeError> {
    same("a row of a mip", src.width().div_ceil(2), dst.width())?;
    same("a column of a mip", src.height().div_ceil(2), dst.height())?;
    for y in 0..dst.height() {
        let Some(upper) = src.row(2 * y) else { break };
        let lower = src.row(2 * y + 1).unwrap_or(upper);
        if let Some(row) = dst.row_mut(y) {
            halve_row(upper, lower, row);
        }
    }
    Ok(())
}

fn halve_row(upper: &[Pixel], lower: &[Pixel], dst: &mut [Pixel]) {
    let (upper_pairs, upper_last) = upper.as_chunks::<2>();
    let (lower_pairs, lower_last) = lower.as_chunks::<2>();
    for ((d, u), l) in dst.iter_mut().zip(upper_pairs).zip(lower_pairs) {
        *d = average(u[0], u[1], l[0], l[1]);
    }
    if let ([.., d], [u], [l]) = (dst, upper_last, lower_last) {
        *d = average(*u, *u, *l, *l);
    }
}

/// Two channels at a time in the halves of a `u32`: four bytes and 2 sum to ten bits, so nothing
/// carries over, and the loop around it vectorises on any instruction set.
#[inline(always)]
fn average(a: Pixel, b: Pixel, c: Pixel, d: Pixel) -> Pixel {
    const EVEN_BYTES: u32 = 0x00ff_00ff;
    const TWO: u32 = 0x0002_0002;
    let [a, b, c, d] = [a, b, c, d].map(u32::from_le_bytes);
    let even = |p: u32| p & EVEN_BYTES;
    let odd = |p: u32| (p >> 8) & EVEN_BYTES;
    let rb = (even(a) + even(b) + even(c) + even(d) + TWO) >> 2 & EVEN_BYTES;
    let ga = (odd(a) + odd(b) + odd(c) + odd(d) + TWO) >> 2 & EVEN_BYTES;
    (rb | ga << 8).to_le_bytes()
}
