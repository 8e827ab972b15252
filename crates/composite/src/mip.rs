use crate::arch::{Kernel, Simd, mean, run};
use crate::error::{SizeError, area, same};
use crate::{Image, ImageMut, Pixel, Rgba8};

/// How the four pixels of a 2 × 2 block become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MipFilter {
    /// `(a + b + c + d + 2) >> 2`, channel by channel, as they are stored.
    #[default]
    Box,
    /// Colours as light: decoded from sRGB, weighed by their alphas, encoded to the nearest.
    Srgb,
    /// Red, green and blue are a direction, `2 c / 255 − 1` each: the mean, made as long as 1
    /// again. A mean of no length is the third axis. Alpha as by [`MipFilter::Box`].
    Normal,
}

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
    mip(&src, &mut ImageMut::packed(dst, half_width, half_height)?, MipFilter::Box)
}

/// The next mip of an image by any filter; odd sizes as for [`box_mip`].
///
/// # Errors
/// [`SizeError::Length`] if `dst` is not half as wide and high as `src`, rounded up.
pub fn mip<P: Rgba8>(
    src: &Image<'_, P>,
    dst: &mut ImageMut<'_, P>,
    filter: MipFilter,
) -> Result<(), SizeError> {
    same("a row of a mip", src.width().div_ceil(2), dst.width())?;
    same("a column of a mip", src.height().div_ceil(2), dst.height())?;
    let (src, dst) = (src.cast(), dst.reborrow().cast());
    match filter {
        MipFilter::Box => run(Halve { src, dst }),
        MipFilter::Srgb => halve(&src, dst, average_light::<P>),
        MipFilter::Normal => halve(&src, dst, average_normal),
    }
    Ok(())
}

/// One level of a chain of mips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MipLevel {
    /// Pixels of all levels before it.
    pub offset: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// The levels of a chain that lie packed one after the other, from the picture itself down to a
/// single pixel. None for a picture without pixels.
pub fn mip_levels(width: usize, height: usize) -> impl Iterator<Item = MipLevel> {
    let first = (width > 0 && height > 0).then_some(MipLevel { offset: 0, width, height });
    core::iter::successors(first, |level| {
        let MipLevel { offset, width, height } = *level;
        (width > 1 || height > 1).then(|| MipLevel {
            offset: offset.saturating_add(area(width, height)),
            width: width.div_ceil(2),
            height: height.div_ceil(2),
        })
    })
}

/// Fills in all mips of the picture at the beginning of `chain`, which is as long as all levels
/// of [`mip_levels`] are together: less than 4/3 of the picture and a row and a column more.
///
/// # Errors
/// [`SizeError::Length`] if it is not.
pub fn mip_chain<P: Rgba8>(
    chain: &mut [P],
    width: usize,
    height: usize,
    filter: MipFilter,
) -> Result<(), SizeError> {
    let pixels = |level: MipLevel| level.offset.saturating_add(area(level.width, level.height));
    let expected = mip_levels(width, height).last().map_or(0, pixels);
    same("a chain of mips", expected, chain.len())?;
    for (upper, lower) in mip_levels(width, height).zip(mip_levels(width, height).skip(1)) {
        let (done, rest) = chain.split_at_mut(lower.offset);
        let src = Image::packed(&done[upper.offset..], upper.width, upper.height)?;
        mip(&src, &mut ImageMut::packed(rest, lower.width, lower.height)?, filter)?;
    }
    Ok(())
}

struct Halve<'a> {
    src: Image<'a>,
    dst: ImageMut<'a>,
}

impl Kernel for Halve<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { src, mut dst } = self;
        for y in 0..dst.height() {
            let (Some(upper), Some(row)) = (src.row(2 * y), dst.row_mut(y)) else { break };
            let lower = src.row(2 * y + 1).unwrap_or(upper);
            let blocks = S::blocks_mut(row).0;
            let (upper_blocks, lower_blocks) = (S::blocks(upper).0, S::blocks(lower).0);
            let pairs = upper_blocks.chunks_exact(2).zip(lower_blocks.chunks_exact(2));
            let mut done = 0;
            for (block, (u, l)) in blocks.iter_mut().zip(pairs) {
                let upper = [simd.load(&u[0]), simd.load(&u[1])];
                let lower = [simd.load(&l[0]), simd.load(&l[1])];
                *block = simd.store(simd.halve(upper, lower));
                done += block.as_ref().len();
            }
            halve_row(&upper[2 * done..], &lower[2 * done..], &mut row[done..], mean);
        }
    }
}

fn halve(src: &Image<'_>, mut dst: ImageMut<'_>, average: impl Fn([Pixel; 4]) -> Pixel) {
    for y in 0..dst.height() {
        let (Some(upper), Some(row)) = (src.row(2 * y), dst.row_mut(y)) else { break };
        halve_row(upper, src.row(2 * y + 1).unwrap_or(upper), row, &average);
    }
}

#[inline(always)]
fn halve_row(
    upper: &[Pixel],
    lower: &[Pixel],
    dst: &mut [Pixel],
    average: impl Fn([Pixel; 4]) -> Pixel,
) {
    let (upper_pairs, upper_last) = upper.as_chunks::<2>();
    let (lower_pairs, lower_last) = lower.as_chunks::<2>();
    for ((d, u), l) in dst.iter_mut().zip(upper_pairs).zip(lower_pairs) {
        *d = average([u[0], u[1], l[0], l[1]]);
    }
    if let ([.., d], [u], [l]) = (dst, upper_last, lower_last) {
        *d = average([*u, *u, *l, *l]);
    }
}

fn average_light<P: Rgba8>(block: [Pixel; 4]) -> Pixel {
    let mut sum = [0.0; 4];
    for pixel in block {
        sum.iter_mut().zip(P::load_linear(pixel)).for_each(|(s, v)| *s += v);
    }
    P::store_linear(sum.map(|v| v * 0.25))
}

fn average_normal(block: [Pixel; 4]) -> Pixel {
    // In 255ths, four times as long as the mean: its length does not matter.
    let sum = |c: usize| block.iter().map(|p| 2.0 * f64::from(p[c]) - 255.0).sum::<f64>();
    let normal = [sum(0), sum(1), sum(2)];
    let length = libm::sqrt(normal.iter().map(|v| v * v).sum());
    let [.., alpha] = mean(block);
    let unit = if length > 0.0 { normal.map(|v| v / length) } else { [0.0, 0.0, 1.0] };
    let [r, g, b] = unit.map(|v| (v * 127.5 + 128.0) as u8);
    [r, g, b, alpha]
}
