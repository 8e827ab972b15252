//! Blending by the formulas themselves, in f64: straight alpha, linear light, and modes that are no
//! polynomials.

use core::marker::PhantomData;

use crate::Pixel;
use crate::alpha::sealed::Sealed;
use crate::arch::{Row, RowKernel, Simd};
use crate::blend::Formula;

/// Pixels at once, in planes: enough for loops over them to become vectors of any width.
const LANES: usize = 32;

/// One channel of them.
type Lanes = [f64; LANES];

/// Blends values as they are stored.
pub(crate) fn encoded<P: Sealed, F: Formula>() -> Row {
    let integer = if P::STRAIGHT { None } else { F::integer_row() };
    integer.unwrap_or_else(Row::narrow::<Encoded<P, F>>)
}

/// Blends values in linear light. Tables take most of the time, which wider vectors do not make faster.
pub(crate) fn linear<P: Sealed, F: Formula>() -> Row {
    Row::scalar(|dst, src| each_block::<F>(dst, src, 1.0, P::load_linear, P::store_linear))
}

struct Encoded<P, F>(PhantomData<(P, F)>);

impl<P: Sealed, F: Formula> RowKernel for Encoded<P, F> {
    #[inline(always)]
    fn row<S: Simd>(_: S, dst: &mut [Pixel], src: &[Pixel]) {
        each_block::<F>(dst, src, P::ONE, P::load, P::store);
    }
}

#[inline(always)]
fn each_block<F: Formula>(
    dst: &mut [Pixel],
    src: &[Pixel],
    one: f64,
    load: impl Fn(Pixel) -> [f64; 4],
    store: impl Fn([f64; 4]) -> Pixel,
) {
    let (mut below, mut laid) = ([[0.0; LANES]; 4], [[0.0; LANES]; 4]);
    let (blocks, rest) = dst.as_chunks_mut::<LANES>();
    let (src_blocks, src_rest) = src.as_chunks::<LANES>();
    for (d, s) in blocks.iter_mut().zip(src_blocks) {
        spread(&mut below, d, &load);
        spread(&mut laid, s, &load);
        blend::<F>(&mut below, &laid, one);
        gather(d, &below, &store);
    }
    if !rest.is_empty() {
        let (mut d, mut s) = ([[0; 4]; LANES], [[0; 4]; LANES]);
        d[..rest.len()].copy_from_slice(rest);
        s[..rest.len()].copy_from_slice(src_rest);
        spread(&mut below, &d, &load);
        spread(&mut laid, &s, &load);
        blend::<F>(&mut below, &laid, one);
        gather(&mut d, &below, &store);
        rest.copy_from_slice(&d[..rest.len()]);
    }
}

#[inline(always)]
fn spread(planes: &mut [Lanes; 4], pixels: &[Pixel; LANES], load: impl Fn(Pixel) -> [f64; 4]) {
    for (i, pixel) in pixels.iter().enumerate() {
        let [r, g, b, a] = load(*pixel);
        planes[0][i] = r;
        planes[1][i] = g;
        planes[2][i] = b;
        planes[3][i] = a;
    }
}

#[inline(always)]
fn gather(pixels: &mut [Pixel; LANES], planes: &[Lanes; 4], store: impl Fn([f64; 4]) -> Pixel) {
    let [r, g, b, a] = planes;
    for (i, pixel) in pixels.iter_mut().enumerate() {
        *pixel = store([r[i], g[i], b[i], a[i]]);
    }
}

/// Colours first: they want the alphas of before.
#[inline(always)]
fn blend<F: Formula>(below: &mut [Lanes; 4], laid: &[Lanes; 4], one: f64) {
    let ([colors @ .., alphas], [laid_colors @ .., laid_alphas]) = (below, laid);
    for (d, s) in colors.iter_mut().zip(laid_colors) {
        for i in 0..LANES {
            d[i] = F::color(s[i], laid_alphas[i], d[i], alphas[i], one);
        }
    }
    for i in 0..LANES {
        alphas[i] = F::alpha(laid_alphas[i], alphas[i], one);
    }
}

/// The nearest byte, halves rounded up; what is below 0, or no number, is 0, above 255 is 255. A
/// value is a half if it is one but for 2⁻³¹: no quotient that is none comes as near.
///
/// A cast would saturate by branches. From 2²² on, the last 30 bits of an f64 are a fraction.
#[inline(always)]
pub(crate) fn nearest(value: f64) -> u8 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    ((value + 0.5 + 4_194_304.0).to_bits() >> 30) as u8
}
