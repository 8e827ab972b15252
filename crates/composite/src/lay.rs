//! The kernel that lays rows over rows: any operator, any source, with tint, mask and opacity.

use core::marker::PhantomData;

use crate::alpha::sealed::Sealed;
use crate::arch::{Kernel, Simd, Vectors, run};
use crate::blend::{Formula, factor};
use crate::{Image, ImageMut, Pixel, Rect, Tile};

/// Where the rows of a source come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    /// An image.
    Image(Image<'a>),
    /// A material, its pixel at `origin` under the first one.
    Tile { tile: Tile<'a>, origin: [u32; 2] },
}

impl<'a> Rows<'a> {
    /// The rows inside `rect`, whose corner is not negative.
    pub(crate) fn part(&self, rect: Rect) -> Self {
        match *self {
            Self::Image(image) => Self::Image(image.crop(rect)),
            Self::Tile { tile, origin: [x, y] } => {
                let origin = [x.wrapping_add(rect.x as u32), y.wrapping_add(rect.y as u32)];
                Self::Tile { tile, origin }
            }
        }
    }
}

/// A vector of the destination from one of the destination and one of the source.
pub(crate) trait Op {
    /// Whether coverage scales alpha alone.
    const STRAIGHT: bool;
    /// The vector.
    fn blend<S: Simd>(simd: S, dst: S::V, src: S::V) -> S::V;
}

/// What is laid where. Source and mask are as large as the destination, or larger.
pub(crate) struct Lay<'a> {
    pub(crate) dst: ImageMut<'a>,
    pub(crate) src: Rows<'a>,
    pub(crate) mask: Option<Image<'a, u8>>,
    pub(crate) opacity: u8,
    pub(crate) tint: Pixel,
}

impl Lay<'_> {
    pub(crate) fn run<O: Op>(self) {
        run(Laying::<O>(self, PhantomData));
    }
}

struct Laying<'a, O>(Lay<'a>, PhantomData<O>);

impl<O: Op> Kernel for Laying<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Lay { mut dst, src, mask, opacity, tint } = self.0;
        let plain = mask.is_none() && opacity == 255 && tint == [255; 4];
        let share = Share::<S> { plain, opacity: simd.splat(opacity.into()), tint: simd.all(tint) };
        for y in 0..dst.height() {
            let mask = mask.and_then(|mask| mask.row(y));
            let Some(row) = dst.row_mut(y) else { break };
            match src {
                Rows::Image(image) => {
                    if let Some(source) = image.row(y) {
                        lay_row::<O, S>(simd, row, source, mask, &share);
                    }
                }
                Rows::Tile { tile, origin: [x, top] } => {
                    let source = tile.row(top.wrapping_add(y as u32));
                    if source.len() < REPEATED {
                        lay_tile::<O, S>(simd, row, &repeat(source), x, mask, &share);
                    } else {
                        lay_tile::<O, S>(simd, row, source, x, mask, &share);
                    }
                }
            }
        }
    }
}

/// How much of the source there is.
struct Share<S: Simd> {
    /// All of it.
    plain: bool,
    opacity: S::V,
    tint: S::V,
}

/// Pixels of a short row that is repeated, so that few blocks are split.
const REPEATED: usize = 64;

/// A short row of a material, as often as it fits: its length is a power of two.
#[inline(always)]
fn repeat(row: &[Pixel]) -> [Pixel; REPEATED] {
    core::array::from_fn(|i| row[i & (row.len() - 1)])
}

/// A row of a material from column `x` on, run by run.
#[inline(always)]
fn lay_tile<O: Op, S: Simd>(
    simd: S,
    dst: &mut [Pixel],
    src: &[Pixel],
    x: u32,
    mask: Option<&[u8]>,
    share: &Share<S>,
) {
    let mut done = 0;
    while done < dst.len() {
        let column = (x as usize).wrapping_add(done) & (src.len() - 1);
        let count = (src.len() - column).min(dst.len() - done);
        let mask = mask.map(|mask| &mask[done..][..count]);
        lay_row::<O, S>(simd, &mut dst[done..][..count], &src[column..][..count], mask, share);
        done += count;
    }
}

#[inline(always)]
fn lay_row<O: Op, S: Simd>(
    simd: S,
    dst: &mut [Pixel],
    src: &[Pixel],
    mask: Option<&[u8]>,
    share: &Share<S>,
) {
    let Some(mask) = mask else {
        if share.plain {
            simd.each_pair(dst, src, #[inline(always)] |d, s| O::blend(simd, d, s));
        } else {
            let by = share.opacity;
            simd.each_pair(dst, src, #[inline(always)] |d, s| {
                O::blend(simd, d, shared::<O, S>(simd, s, by, share))
            });
        }
        return;
    };
    let (blocks, rest) = S::blocks_mut(dst);
    let (src_blocks, src_rest) = S::blocks(src);
    let (mask_blocks, mask_rest) = S::bytes(mask);
    for ((d, s), mask) in blocks.iter_mut().zip(src_blocks).zip(mask_blocks) {
        *d = masked::<O, S>(simd, d, s, mask, share);
    }
    if !rest.is_empty() {
        let (d, s) = (simd.padded(rest), simd.padded(src_rest));
        let mask = simd.padded_bytes(mask_rest);
        let block = masked::<O, S>(simd, &d, &s, &mask, share);
        rest.copy_from_slice(&block.as_ref()[..rest.len()]);
    }
}

#[inline(always)]
fn masked<O: Op, S: Simd>(
    simd: S,
    dst: &S::Block,
    src: &S::Block,
    mask: &S::Bytes,
    share: &Share<S>,
) -> S::Block {
    let by = simd.div255(simd.mul(simd.doubled(mask), share.opacity));
    let src = shared::<O, S>(simd, simd.load(src), by, share);
    simd.store(O::blend(simd, simd.load(dst), src))
}

/// Tinted, then covered.
#[inline(always)]
fn shared<O: Op, S: Simd>(simd: S, src: S::V, by: S::V, share: &Share<S>) -> S::V {
    let tinted = simd.scale_each(src, simd.low(share.tint), simd.high(share.tint));
    if !O::STRAIGHT {
        return simd.scale(tinted, by);
    }
    // Colours stay, alpha alone is scaled: green's factor is lifted to 255.
    let lifted = simd.cap(simd.add(by, simd.low(simd.all([255, 0, 0, 0]))));
    simd.scale_each(tinted, simd.splat(255), lifted)
}

/// Values are blended as they are stored.
pub(crate) struct Encoded<P, F>(PhantomData<(P, F)>);

impl<P: Sealed, F: Formula> Op for Encoded<P, F> {
    const STRAIGHT: bool = P::STRAIGHT;

    #[inline(always)]
    fn blend<S: Simd>(simd: S, dst: S::V, src: S::V) -> S::V {
        if let (false, Some([a, b])) = (P::STRAIGHT, F::FACTORS) {
            return simd.add_bytes(product(simd, src, dst, a), product(simd, dst, src, b));
        }
        each_pixel::<F, S>(simd, dst, src, P::ONE, P::load, P::store)
    }
}

/// Values are blended in linear light.
pub(crate) struct Linear<P, F>(PhantomData<(P, F)>);

impl<P: Sealed, F: Formula> Op for Linear<P, F> {
    const STRAIGHT: bool = P::STRAIGHT;

    #[inline(always)]
    fn blend<S: Simd>(simd: S, dst: S::V, src: S::V) -> S::V {
        each_pixel::<F, S>(simd, dst, src, 1.0, P::load_linear, P::store_linear)
    }
}

/// One factor of an operator of Porter and Duff, by the other one's alpha; `kind` is constant.
#[inline(always)]
fn product<S: Simd>(simd: S, v: S::V, other: S::V, kind: u8) -> S::V {
    match kind {
        factor::ZERO => simd.splat(0),
        factor::ONE => v,
        factor::ALPHA => simd.scale(v, simd.alphas(other)),
        _ => simd.scale(v, simd.inverse(simd.alphas(other))),
    }
}

/// Pixel by pixel, by the formula itself.
#[inline(always)]
fn each_pixel<F: Formula, S: Simd>(
    simd: S,
    dst: S::V,
    src: S::V,
    one: f64,
    load: impl Fn(Pixel) -> [f64; 4],
    store: impl Fn([f64; 4]) -> Pixel,
) -> S::V {
    let (mut out, src) = (simd.store(dst), simd.store(src));
    for (d, s) in out.as_mut().iter_mut().zip(src.as_ref()) {
        let ([r, g, b, sa], [dr, dg, db, da]) = (load(*s), load(*d));
        let color = |s: f64, d: f64| F::color(s, sa, d, da, one);
        *d = store([color(r, dr), color(g, dg), color(b, db), F::alpha(sa, da, one)]);
    }
    simd.load(&out)
}
