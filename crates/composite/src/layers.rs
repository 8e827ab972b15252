use wide::{u16x16, u32x8};

use crate::Pixel;
use crate::error::{SizeError, area, same};
use crate::lanes::{LANES, cap, high, join, load, padded, pair_bytes, shr7, split, store};

/// The pixels of a material: a square that repeats without end in both directions.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    size: usize,
    pixels: &'a [Pixel],
}

/// One layer of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// One weight per output pixel. All layers' weights should sum to 255 at each pixel.
    pub weights: &'a [u8],
    /// What is laid there.
    pub material: Tile<'a>,
    /// Column and row of the material under the first output pixel, modulo its size.
    pub origin: [u32; 2],
}

impl<'a> Tile<'a> {
    /// A material of `size` × `size` pixels, rows packed.
    ///
    /// # Errors
    /// [`SizeError::NotPowerOfTwo`], or [`SizeError::Length`] if `pixels` is not size².
    pub fn new(pixels: &'a [Pixel], size: usize) -> Result<Self, SizeError> {
        if !size.is_power_of_two() {
            return Err(SizeError::NotPowerOfTwo { size });
        }
        same("a material", area(size, size), pixels.len())?;
        Ok(Self { size, pixels })
    }

    /// Pixels along each side.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The pixel at column `x` and row `y`, both modulo the size.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Pixel {
        self.row(y)[x as usize & (self.size - 1)]
    }

    #[inline(always)]
    fn row(&self, y: u32) -> &'a [Pixel] {
        &self.pixels[(y as usize & (self.size - 1)) * self.size..][..self.size]
    }
}

/// Blends a stack of layers into rows of `width` pixels: each channel, alpha too, becomes
/// `min(255, (Σ w · c + 127) / 255)`, rounded down: to the nearest, that is.
///
/// Weights that sum to 255 keep opaque materials opaque. A sum that is off by rounding is off by
/// as much in the result and no more, capped at 255; [`fill_remainder`] makes it exact. What was
/// in `out` is overwritten. A layer costs next to nothing where its weights are zero.
///
/// # Errors
/// [`SizeError::Length`] if `out` is not whole rows of `width`, or a layer's weights are not as
/// many as its pixels.
pub fn blend_layers(
    out: &mut [Pixel],
    width: usize,
    layers: &[Layer<'_>],
) -> Result<(), SizeError> {
    let rows = out.len().checked_div(width).unwrap_or(0);
    same("the output of a layer stack", area(width, rows), out.len())?;
    for layer in layers {
        same("the weights of a layer", out.len(), layer.weights.len())?;
    }
    if out.is_empty() {
        return Ok(());
    }
    for (y, row) in out.chunks_exact_mut(width).enumerate() {
        let start = y * width;
        let (blocks, rest) = row.as_chunks_mut::<LANES>();
        let whole = blocks.len() * LANES;
        for (i, block) in blocks.iter_mut().enumerate() {
            let x = i * LANES;
            *block = blend_block(layers, x, y, |weights| {
                weights[start + x..].first_chunk().copied().unwrap_or_default()
            });
        }
        if !rest.is_empty() {
            let end = start + width;
            let block =
                blend_block(layers, whole, y, |weights| padded(&weights[start + whole..end]));
            rest.copy_from_slice(&block[..rest.len()]);
        }
    }
    Ok(())
}

/// What the other layers leave of 255: `base = max(0, 255 − Σ others)`. So a stack's weights sum
/// to exactly 255 although each plane was rounded by itself, and one plane need not be stored.
///
/// # Errors
/// [`SizeError::Length`] if a plane is not as long as `base`.
pub fn fill_remainder(base: &mut [u8], others: &[&[u8]]) -> Result<(), SizeError> {
    for other in others {
        same("a plane of weights", base.len(), other.len())?;
    }
    base.fill(255);
    for other in others {
        base.iter_mut().zip(*other).for_each(|(b, o)| *b = b.saturating_sub(*o));
    }
    Ok(())
}

/// Eight pixels of a row from column `x` on; `weights` picks a layer's eight weights.
#[inline(always)]
fn blend_block(
    layers: &[Layer<'_>],
    x: usize,
    y: usize,
    weights: impl Fn(&[u8]) -> [u8; LANES],
) -> [Pixel; LANES] {
    let mut rb = u16x16::splat(0);
    let mut ga = u16x16::splat(0);
    for layer in layers {
        let weights = weights(layer.weights);
        if u64::from_ne_bytes(weights) == 0 {
            continue;
        }
        let weights = pair_bytes(&weights, &weights);
        let (material_rb, material_ga) = split(material_block(layer, x, y));
        // One product fits 16 bits. A sum that does not is far above 255 · 255 and saturates,
        // and everything there becomes 255 anyway.
        rb = rb.saturating_add(material_rb * weights);
        ga = ga.saturating_add(material_ga * weights);
    }
    store(join(sum_to_byte(rb), sum_to_byte(ga)))
}

#[inline(always)]
fn material_block(layer: &Layer<'_>, x: usize, y: usize) -> u32x8 {
    let material = &layer.material;
    let row = material.row(layer.origin[1].wrapping_add(y as u32));
    let mask = material.size - 1;
    let column = (layer.origin[0] as usize).wrapping_add(x) & mask;
    match row[column..].first_chunk::<LANES>() {
        Some(block) => load(block),
        None => load(&wrapped(row, column)),
    }
}

/// Eight pixels of a row that repeats. Out of line: merged with the common case, the compiler
/// would load that one pixel by pixel too.
#[cold]
#[inline(never)]
fn wrapped(row: &[Pixel], column: usize) -> [Pixel; LANES] {
    core::array::from_fn(|i| row[(column + i) & (row.len() - 1)])
}

/// `min(255, (sum + 127) / 255)`; `x · 0x8081 >> 23` is `x / 255` for every 16-bit x.
#[inline(always)]
fn sum_to_byte(sum: u16x16) -> u16x16 {
    let rounded = sum.saturating_add(u16x16::splat(127));
    cap(shr7(high(rounded, 0x8081)))
}
