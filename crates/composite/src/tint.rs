use crate::Pixel;
use crate::arch::{Kernel, Simd, Vectors, run};
use crate::error::{SizeError, same};

/// The tint that changes nothing.
const NEUTRAL: u8 = 128;

/// Multiplies a colour in, plane by plane: each of red, green and blue becomes
/// `min(255, (c · t + 64) >> 7)`. A tint of 128 changes nothing, 0 gives black, 255 almost
/// doubles. Alpha stays.
///
/// # Errors
/// [`SizeError::Length`] if a plane is not as long as `pixels`.
pub fn modulate(pixels: &mut [Pixel], r: &[u8], g: &[u8], b: &[u8]) -> Result<(), SizeError> {
    for plane in [r, g, b] {
        same("a plane of a tint", pixels.len(), plane.len())?;
    }
    run(Modulate { pixels, planes: [r, g, b] });
    Ok(())
}

struct Modulate<'a> {
    pixels: &'a mut [Pixel],
    planes: [&'a [u8]; 3],
}

impl Kernel for Modulate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { pixels, planes } = self;
        let (blocks, rest) = S::blocks_mut(pixels);
        let [(r, r_rest), (g, g_rest), (b, b_rest)] = planes.map(S::bytes);
        for (((block, r), g), b) in blocks.iter_mut().zip(r).zip(g).zip(b) {
            *block = tinted_block(simd, block, [r, g, b]);
        }
        if !rest.is_empty() {
            let [r, g, b] = [r_rest, g_rest, b_rest].map(|bytes| simd.padded_bytes(bytes));
            let block = tinted_block(simd, &simd.padded(rest), [&r, &g, &b]);
            rest.copy_from_slice(&block.as_ref()[..rest.len()]);
        }
    }
}

#[inline(always)]
fn tinted_block<S: Simd>(simd: S, block: &S::Block, planes: [&S::Bytes; 3]) -> S::Block {
    let v = simd.load(block);
    let [low, high] = tinted(simd, [simd.low(v), simd.high(v)], planes);
    simd.store(simd.join(low, high))
}

/// The low and the high bytes of a block, tinted.
#[inline(always)]
pub(crate) fn tinted<S: Simd>(
    simd: S,
    [low, high]: [S::V; 2],
    [r, g, b]: [&S::Bytes; 3],
) -> [S::V; 2] {
    let mut neutral = S::Bytes::default();
    neutral.as_mut().fill(NEUTRAL);
    [channel(simd, low, simd.paired(r, b)), channel(simd, high, simd.paired(g, &neutral))]
}

/// 255 · 255 + 64 still fits 16 bits.
#[inline(always)]
fn channel<S: Simd>(simd: S, channels: S::V, tint: S::V) -> S::V {
    simd.cap(simd.shr7(simd.add(simd.mul(channels, tint), simd.splat(64))))
}
