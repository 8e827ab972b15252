use crate::arch::{Kernel, run};
use crate::error::{SizeError, area, same};
use crate::lanes::{Block, LANES, Words, doubled, pixels, words};
use crate::tint::modulate_row;
use crate::upsample::{STEP, STRIP, Strip, control_points};
use crate::{Pixel, Tile};

/// Splats in one page.
pub const SPLATS_MAX: usize = 16;

/// Texels that a strip is wide.
const WIDTH: usize = STRIP * STEP;

/// A plane of bytes over a page.
#[derive(Clone, Copy, Debug)]
pub enum Plane<'a> {
    /// One byte for each texel.
    Texels(&'a [u8]),
    /// One byte for each control point, four texels apart and upsampled as by
    /// [`upsample4`](crate::upsample4): ⌈width / 4⌉ + 1 by ⌈height / 4⌉ + 1 of them.
    Control(&'a [u8]),
}

/// A material and how much of it lies where: texture splatting (Bloom, "Terrain texture
/// compositing by blending in the frame-buffer", 2000).
#[derive(Clone, Copy, Debug)]
pub struct Splat<'a> {
    /// Weights, of 255; `None`, for one splat of a page, is what all others leave of it.
    pub weights: Option<Plane<'a>>,
    /// What is laid there.
    pub material: Tile<'a>,
    /// Column and row of the material under the first texel, modulo its size.
    pub origin: [u32; 2],
}

/// Builds a page of rows of `width` texels from materials and their weights, in one pass, a strip
/// of a row at a time, so that everything in between stays in the first cache:
///
/// 1. weights given at control points are upsampled; a splat without any gets
///    `max(0, 255 − Σ others)`, so that a page's weights sum to exactly 255 although each plane was
///    rounded by itself;
/// 2. each channel, alpha too, becomes `min(255, (Σ w · c + 127) / 255)`, rounded down: to the
///    nearest, that is. A sum of weights that is not 255 is off by as much in the result;
/// 3. red, green and blue are tinted as by [`modulate`](crate::modulate), where a tint is given.
///
/// What was in `out` is overwritten. A splat costs next to nothing where its weights are zero.
///
/// # Errors
/// [`SizeError::Length`] if `out` is not whole rows of `width` or a plane does not fit it,
/// [`SizeError::TooMany`] with more than [`SPLATS_MAX`] splats, or more than one without weights.
pub fn splat(
    out: &mut [Pixel],
    width: usize,
    splats: &[Splat<'_>],
    tint: Option<[Plane<'_>; 3]>,
) -> Result<(), SizeError> {
    let rows = out.len().checked_div(width).unwrap_or(0);
    same("a page of splats", area(width, rows), out.len())?;
    if splats.len() > SPLATS_MAX {
        return Err(SizeError::TooMany { what: "splats", found: splats.len(), max: SPLATS_MAX });
    }
    let bare = splats.iter().filter(|s| s.weights.is_none()).count();
    if bare > 1 {
        return Err(SizeError::TooMany { what: "splats without weights", found: bare, max: 1 });
    }
    let given = splats.iter().filter_map(|s| s.weights);
    for plane in given.chain(tint.into_iter().flatten()) {
        match plane {
            Plane::Texels(bytes) => same("a plane of texels", out.len(), bytes.len())?,
            Plane::Control(bytes) => {
                let points = area(control_points(width), control_points(rows));
                same("a plane of control points", points, bytes.len())?;
            }
        }
    }
    if !out.is_empty() {
        run(Page { out, width, splats, tint: tint.as_ref() });
    }
    Ok(())
}

struct Page<'a> {
    out: &'a mut [Pixel],
    width: usize,
    splats: &'a [Splat<'a>],
    tint: Option<&'a [Plane<'a>; 3]>,
}

impl Kernel for Page<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut planes = [const { Lines::new() }; SPLATS_MAX + 3];
        for start in (0..self.width).step_by(WIDTH) {
            let columns = (self.width - start).min(WIDTH);
            for (y, row) in self.out.chunks_exact_mut(self.width).enumerate() {
                let (weights, tints) = planes.split_at_mut(SPLATS_MAX);
                let at = At { x: start, y, columns, width: self.width };
                weigh(self.splats, weights, at);
                let row = &mut row[start..][..columns];
                blend_row(row, self.splats, weights, at);
                if let Some(given) = self.tint {
                    for (lines, plane) in tints.iter_mut().zip(given) {
                        lines.fill(plane, at);
                    }
                    let [r, g, b] = [0, 1, 2].map(|i| &tints[i].bytes[..columns]);
                    modulate_row(row, r, g, b);
                }
            }
        }
    }
}

/// Part of a row: `columns` texels from `(x, y)` on, of a page that is `width` wide.
#[derive(Clone, Copy)]
struct At {
    x: usize,
    y: usize,
    columns: usize,
    width: usize,
}

/// One plane's bytes along the part of a row at hand.
struct Lines {
    strip: Strip,
    bytes: [u8; WIDTH],
}

impl Lines {
    const fn new() -> Self {
        Self { strip: Strip::new(), bytes: [0; WIDTH] }
    }

    #[inline(always)]
    fn fill(&mut self, plane: &Plane<'_>, at: At) {
        let bytes = &mut self.bytes[..at.columns];
        match plane {
            Plane::Texels(texels) => {
                bytes.copy_from_slice(&texels[at.y * at.width + at.x..][..at.columns]);
            }
            Plane::Control(points) => {
                let points = &points[at.x / STEP..];
                self.strip.line(points, control_points(at.width), at.y, bytes);
            }
        }
    }
}

#[inline(always)]
fn weigh(splats: &[Splat<'_>], planes: &mut [Lines], at: At) {
    let mut rest = [255_u8; WIDTH];
    for (lines, splat) in planes.iter_mut().zip(splats) {
        if let Some(plane) = &splat.weights {
            lines.fill(plane, at);
            for (r, w) in rest.iter_mut().zip(&lines.bytes) {
                *r = r.saturating_sub(*w);
            }
        }
    }
    for (lines, splat) in planes.iter_mut().zip(splats) {
        if splat.weights.is_none() {
            lines.bytes = rest;
        }
    }
}

#[inline(always)]
fn blend_row(row: &mut [Pixel], splats: &[Splat<'_>], planes: &[Lines], at: At) {
    let (blocks, rest) = row.as_chunks_mut::<LANES>();
    for (i, block) in blocks.iter_mut().enumerate() {
        *block = blend_block(splats, planes, i, at);
    }
    if !rest.is_empty() {
        let block = blend_block(splats, planes, blocks.len(), at);
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// The `i`th sixteen texels. Weights behind the last column are what an earlier row left there:
/// nobody looks at what comes of them.
#[inline(always)]
fn blend_block(splats: &[Splat<'_>], planes: &[Lines], i: usize, at: At) -> Block {
    let mut rb = [0; 2 * LANES];
    let mut ga = [0; 2 * LANES];
    for (splat, lines) in splats.iter().zip(planes) {
        let weights = &lines.bytes.as_chunks::<LANES>().0[i];
        if u128::from_ne_bytes(*weights) == 0 {
            continue;
        }
        let row = splat.material.row(splat.origin[1].wrapping_add(at.y as u32));
        let column = (splat.origin[0] as usize).wrapping_add(at.x + i * LANES) & (row.len() - 1);
        match row[column..].first_chunk::<LANES>() {
            Some(block) => add_weighted(&mut rb, &mut ga, block, weights),
            None => add_weighted(&mut rb, &mut ga, &wrapped(row, column), weights),
        }
    }
    let mut out = [0; 2 * LANES];
    for i in 0..2 * LANES {
        out[i] = sum_to_byte(rb[i]) | sum_to_byte(ga[i]) << 8;
    }
    pixels(out)
}

/// One product fits 16 bits. A sum that does not is far above 255 · 255 and saturates, and
/// everything there becomes 255 anyway.
#[inline(always)]
fn add_weighted(rb: &mut Words, ga: &mut Words, block: &Block, weights: &[u8; LANES]) {
    let (material, weights) = (words(block), doubled(weights));
    for i in 0..2 * LANES {
        rb[i] = rb[i].saturating_add((material[i] & 255).wrapping_mul(weights[i]));
        ga[i] = ga[i].saturating_add((material[i] >> 8).wrapping_mul(weights[i]));
    }
}

/// Sixteen pixels of a row that repeats. Out of line: merged with the common case, the compiler
/// would load that one pixel by pixel too.
#[cold]
#[inline(never)]
fn wrapped(row: &[Pixel], column: usize) -> Block {
    let mut block = [[0; 4]; LANES];
    for (pixel, at) in block.iter_mut().zip(column..) {
        *pixel = row[at & (row.len() - 1)];
    }
    block
}

/// `min(255, (sum + 127) / 255)`; `x · 0x8081 >> 23` is `x / 255` for every 16-bit x.
#[inline(always)]
fn sum_to_byte(sum: u16) -> u16 {
    let rounded = u32::from(sum.saturating_add(127));
    (((rounded * 0x8081) >> 16) as u16 >> 7).min(255)
}
