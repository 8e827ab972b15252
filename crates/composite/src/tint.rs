use crate::Pixel;
use crate::arch::{Kernel, run};
use crate::error::{SizeError, same};
use crate::lanes::{Block, LANES, padded, pairs, pixels, words};

/// The tint that changes nothing.
const NEUTRAL: u32 = 128;

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
    fn run(self) {
        let [r, g, b] = self.planes;
        modulate_row(self.pixels, r, g, b);
    }
}

/// [`modulate`] for slices of one length.
#[inline(always)]
pub(crate) fn modulate_row(pixels: &mut [Pixel], r: &[u8], g: &[u8], b: &[u8]) {
    let (blocks, rest) = pixels.as_chunks_mut::<LANES>();
    let (r, r_rest) = r.as_chunks();
    let (g, g_rest) = g.as_chunks();
    let (b, b_rest) = b.as_chunks();
    for (((block, r), g), b) in blocks.iter_mut().zip(r).zip(g).zip(b) {
        *block = modulate_block(block, r, g, b);
    }
    if !rest.is_empty() {
        let block =
            modulate_block(&padded(rest), &padded(r_rest), &padded(g_rest), &padded(b_rest));
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

#[inline(always)]
fn modulate_block(block: &Block, r: &[u8; LANES], g: &[u8; LANES], b: &[u8; LANES]) -> Block {
    let (mut rb, mut ga) = ([0; LANES], [0; LANES]);
    for i in 0..LANES {
        rb[i] = u32::from(r[i]) | u32::from(b[i]) << 16;
        ga[i] = u32::from(g[i]) | NEUTRAL << 16;
    }
    let (channels, rb, ga) = (words(block), pairs(rb), pairs(ga));
    let mut out = [0; 2 * LANES];
    for i in 0..2 * LANES {
        out[i] = tinted(channels[i] & 255, rb[i]) | tinted(channels[i] >> 8, ga[i]) << 8;
    }
    pixels(out)
}

/// 255 · 255 + 64 still fits 16 bits.
#[inline(always)]
fn tinted(channel: u16, tint: u16) -> u16 {
    (channel.wrapping_mul(tint).wrapping_add(64) >> 7).min(255)
}
