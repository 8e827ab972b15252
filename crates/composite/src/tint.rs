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
        let [r, g, b] = self.planes;
        modulate_row(simd, self.pixels, r, g, b);
    }
}

/// [`modulate`] for slices of one length.
#[inline(always)]
pub(crate) fn modulate_row<S: Simd>(simd: S, pixels: &mut [Pixel], r: &[u8], g: &[u8], b: &[u8]) {
    let (blocks, rest) = S::blocks_mut(pixels);
    let [(r, r_rest), (g, g_rest), (b, b_rest)] = [r, g, b].map(S::bytes);
    for (((block, r), g), b) in blocks.iter_mut().zip(r).zip(g).zip(b) {
        *block = tinted(simd, block, [r, g, b]);
    }
    if !rest.is_empty() {
        let [r, g, b] = [r_rest, g_rest, b_rest].map(|bytes| simd.padded_bytes(bytes));
        let block = tinted(simd, &simd.padded(rest), [&r, &g, &b]);
        rest.copy_from_slice(&block.as_ref()[..rest.len()]);
    }
}

#[inline(always)]
fn tinted<S: Simd>(simd: S, block: &S::Block, [r, g, b]: [&S::Bytes; 3]) -> S::Block {
    let mut neutral = S::Bytes::default();
    neutral.as_mut().fill(NEUTRAL);
    let v = simd.load(block);
    let low = channel(simd, simd.low(v), simd.paired(r, b));
    simd.store(simd.join(low, channel(simd, simd.high(v), simd.paired(g, &neutral))))
}

/// 255 · 255 + 64 still fits 16 bits.
#[inline(always)]
fn channel<S: Simd>(simd: S, channels: S::V, tint: S::V) -> S::V {
    simd.cap(simd.shr7(simd.add(simd.mul(channels, tint), simd.splat(64))))
}
