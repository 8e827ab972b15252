//! The kernel that lays rows over rows: any operator, any source, with tint, mask and opacity.

use core::marker::PhantomData;

use crate::alpha::sealed::Sealed;
use crate::arch::{Kernel, run};
use crate::blend::{Formula, factor};
use crate::lanes::{Block, LANES, Words, add, alphas, div255, doubled, inverse, padded, pairs, scale};
use crate::lanes::scale_each;
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

/// A block of the destination from one of the destination and one of the source.
pub(crate) trait Op {
    /// The block.
    fn block(dst: &Block, src: &Block) -> Block;
    /// Covers only the share `by` / 255 of each pixel.
    fn cover(src: &Block, by: &Words) -> Block;
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
    fn run(self) {
        let Lay { mut dst, src, mask, opacity, tint } = self.0;
        let plain = mask.is_none() && opacity == 255 && tint == [255; 4];
        let share = Share { plain, opacity: u16::from(opacity), tint: tint_words(tint) };
        let repeated = match src {
            Rows::Tile { tile, .. } if tile.size() < LANES => Some(tile),
            _ => None,
        };
        for y in 0..dst.height() {
            let mask = mask.and_then(|mask| mask.row(y));
            let Some(row) = dst.row_mut(y) else { break };
            match src {
                Rows::Image(image) => {
                    if let Some(source) = image.row(y) {
                        lay_row::<O>(row, source, mask, &share);
                    }
                }
                Rows::Tile { tile, origin: [x, top] } => {
                    let source = tile.row(top.wrapping_add(y as u32));
                    match repeated {
                        Some(_) => lay_tile::<O>(row, &repeat(source), x, mask, &share),
                        None => lay_tile::<O>(row, source, x, mask, &share),
                    }
                }
            }
        }
    }
}

/// How much of the source there is.
struct Share {
    /// All of it.
    plain: bool,
    opacity: u16,
    tint: [Words; 2],
}

fn tint_words([r, g, b, a]: Pixel) -> [Words; 2] {
    let pair = |low: u8, high: u8| pairs([u32::from(low) | u32::from(high) << 16; LANES]);
    [pair(r, b), pair(g, a)]
}

/// A short row of a material, as often as it fits: its length is a power of two.
#[inline(always)]
fn repeat(row: &[Pixel]) -> [Pixel; 4 * LANES] {
    core::array::from_fn(|i| row[i & (row.len() - 1)])
}

/// A row of a material from column `x` on, run by run.
#[inline(always)]
fn lay_tile<O: Op>(
    dst: &mut [Pixel],
    src: &[Pixel],
    x: u32,
    mask: Option<&[u8]>,
    share: &Share,
) {
    let mut done = 0;
    while done < dst.len() {
        let column = (x as usize).wrapping_add(done) & (src.len() - 1);
        let count = (src.len() - column).min(dst.len() - done);
        let mask = mask.map(|mask| &mask[done..][..count]);
        lay_row::<O>(&mut dst[done..][..count], &src[column..][..count], mask, share);
        done += count;
    }
}

#[inline(always)]
fn lay_row<O: Op>(dst: &mut [Pixel], src: &[Pixel], mask: Option<&[u8]>, share: &Share) {
    let (blocks, rest) = dst.as_chunks_mut::<LANES>();
    let (src_blocks, src_rest) = src.as_chunks::<LANES>();
    if share.plain {
        for (d, s) in blocks.iter_mut().zip(src_blocks) {
            *d = O::block(d, s);
        }
        if !rest.is_empty() {
            let block = O::block(&padded(rest), &padded(src_rest));
            rest.copy_from_slice(&block[..rest.len()]);
        }
        return;
    }
    let (mask_blocks, mask_rest) = mask.unwrap_or_default().as_chunks::<LANES>();
    let all = [255; LANES];
    for (i, (d, s)) in blocks.iter_mut().zip(src_blocks).enumerate() {
        let mask = mask_blocks.get(i).unwrap_or(&all);
        *d = O::block(d, &shared::<O>(s, mask, share));
    }
    if !rest.is_empty() {
        let mask = if mask.is_some() { padded(mask_rest) } else { all };
        let block = O::block(&padded(rest), &shared::<O>(&padded(src_rest), &mask, share));
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// Tinted, then covered.
#[inline(always)]
fn shared<O: Op>(src: &Block, mask: &[u8; LANES], share: &Share) -> Block {
    let tinted = scale_each(src, &share.tint[0], &share.tint[1]);
    let mut by = doubled(mask);
    for lane in &mut by {
        *lane = div255(lane.wrapping_mul(share.opacity));
    }
    O::cover(&tinted, &by)
}

/// Values are blended as they are stored.
pub(crate) struct Encoded<P, F>(PhantomData<(P, F)>);

impl<P: Sealed, F: Formula> Op for Encoded<P, F> {
    #[inline(always)]
    fn block(dst: &Block, src: &Block) -> Block {
        if let (true, Some([a, b])) = (P::PREMULTIPLIED, F::FACTORS) {
            return add(&product(src, dst, a), &product(dst, src, b));
        }
        each::<F>(dst, src, P::ONE, P::load, P::store)
    }

    #[inline(always)]
    fn cover(src: &Block, by: &Words) -> Block {
        P::cover(src, by)
    }
}

/// Values are blended in linear light.
pub(crate) struct Linear<P, F>(PhantomData<(P, F)>);

impl<P: Sealed, F: Formula> Op for Linear<P, F> {
    #[inline(always)]
    fn block(dst: &Block, src: &Block) -> Block {
        each::<F>(dst, src, 1.0, P::load_linear, P::store_linear)
    }

    #[inline(always)]
    fn cover(src: &Block, by: &Words) -> Block {
        P::cover(src, by)
    }
}

/// One factor of an operator of Porter and Duff, by the other one's alpha; `kind` is constant.
#[inline(always)]
fn product(block: &Block, other: &Block, kind: u8) -> Block {
    match kind {
        factor::ZERO => [[0; 4]; LANES],
        factor::ONE => *block,
        factor::ALPHA => scale(block, &alphas(other)),
        _ => scale(block, &inverse(alphas(other))),
    }
}

/// Pixel by pixel, by the formula itself.
#[inline(always)]
fn each<F: Formula>(
    dst: &Block,
    src: &Block,
    one: f64,
    load: impl Fn(Pixel) -> [f64; 4],
    store: impl Fn([f64; 4]) -> Pixel,
) -> Block {
    let mut out = *dst;
    for (d, s) in out.iter_mut().zip(src) {
        let ([r, g, b, sa], [dr, dg, db, da]) = (load(*s), load(*d));
        let color = |s: f64, d: f64| F::color(s, sa, d, da, one);
        *d = store([color(r, dr), color(g, dg), color(b, db), F::alpha(sa, da, one)]);
    }
    out
}
