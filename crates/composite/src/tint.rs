use wide::u16x16;

use crate::Pixel;
use crate::error::{SizeError, same};
use crate::lanes::{LANES, cap, join, load, padded, pair_bytes, shr7, split, store};

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
    let (blocks, rest) = pixels.as_chunks_mut::<LANES>();
    let [(r, r_rest), (g, g_rest), (b, b_rest)] = [r, g, b].map(|p| p.as_chunks::<LANES>());
    for (((block, r), g), b) in blocks.iter_mut().zip(r).zip(g).zip(b) {
        *block = modulate_block(block, r, g, b);
    }
    if !rest.is_empty() {
        let block =
            modulate_block(&padded(rest), &padded(r_rest), &padded(g_rest), &padded(b_rest));
        rest.copy_from_slice(&block[..rest.len()]);
    }
    Ok(())
}

#[inline(always)]
fn modulate_block(
    pixels: &[Pixel; LANES],
    r: &[u8; LANES],
    g: &[u8; LANES],
    b: &[u8; LANES],
) -> [Pixel; LANES] {
    let (rb, ga) = split(load(pixels));
    let rb = scale(rb, pair_bytes(r, b));
    let ga = scale(ga, pair_bytes(g, &[NEUTRAL; LANES]));
    store(join(rb, ga))
}

/// 255 · 255 + 64 still fits 16 bits.
#[inline(always)]
fn scale(channels: u16x16, tint: u16x16) -> u16x16 {
    cap(shr7(channels * tint + u16x16::splat(64)))
}
