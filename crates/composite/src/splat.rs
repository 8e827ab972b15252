use crate::arch::{Kernel, Simd, run};
use crate::error::{SizeError, area, same};
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
    fn run<S: Simd>(self, simd: S) {
        let mut planes = [const { Lines::new() }; SPLATS_MAX + 3];
        let mut sums = Sums::new();
        for start in (0..self.width).step_by(WIDTH) {
            let columns = (self.width - start).min(WIDTH);
            for (y, row) in self.out.chunks_exact_mut(self.width).enumerate() {
                let (weights, tints) = planes.split_at_mut(SPLATS_MAX);
                let at = At { x: start, y, columns, width: self.width };
                weigh(self.splats, weights, at);
                sums.clear(columns);
                for (splat, lines) in self.splats.iter().zip(weights.iter()) {
                    sums.add(simd, splat, lines, at);
                }
                let row = &mut row[start..][..columns];
                sums.finish(simd, row);
                if let Some(given) = self.tint {
                    for (lines, plane) in tints.iter_mut().zip(given) {
                        lines.fill(plane, at);
                    }
                    let [r, g, b] = [0, 1, 2].map(|i| &tints[i].bytes[..columns]);
                    modulate_row(simd, row, r, g, b);
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

/// Sums of weighted channels along a part of a row, two 16-bit lanes a pixel.
struct Sums {
    /// Of red and blue.
    low: [Pixel; WIDTH],
    /// Of green and alpha.
    high: [Pixel; WIDTH],
}

impl Sums {
    const fn new() -> Self {
        Self { low: [[0; 4]; WIDTH], high: [[0; 4]; WIDTH] }
    }

    /// Back to nothing, as far as any block of so many columns reaches.
    #[inline(always)]
    fn clear(&mut self, columns: usize) {
        let end = columns.next_multiple_of(64).min(WIDTH);
        self.low[..end].fill([0; 4]);
        self.high[..end].fill([0; 4]);
    }

    /// Adds one splat. Weights behind the last column are what an earlier row left there: nobody
    /// looks at what comes of them.
    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, splat: &Splat<'_>, lines: &Lines, at: At) {
        let lanes = S::Bytes::default().as_ref().len();
        let weights = &S::bytes(&lines.bytes).0[..at.columns.div_ceil(lanes)];
        if weights.iter().all(S::are_zero) {
            return;
        }
        let [x, y] = splat.origin;
        let y = y.wrapping_add(at.y as u32);
        let (row, next) = (splat.material.row(y), splat.material.row(y.wrapping_add(1)));
        let mut column = (x as usize).wrapping_add(at.x);
        let (low, high) = (S::blocks_mut(&mut self.low).0, S::blocks_mut(&mut self.high).0);
        for ((weights, low), high) in weights.iter().zip(low).zip(high) {
            let first = column & (row.len() - 1);
            column = column.wrapping_add(lanes);
            // A row is too short for the hardware to foresee, and materials fill the second cache.
            simd.prefetch(&next[first]);
            let block = match S::blocks(&row[first..]).0.first() {
                Some(block) => simd.load(block),
                None => simd.load(&wrapped::<S>(row, first)),
            };
            let weights = simd.doubled(weights);
            // One product fits 16 bits. A sum that does not is far above 255 · 255 and is capped,
            // and everything there becomes 255 anyway.
            let (reds, greens) = (simd.low(block), simd.high(block));
            *low = simd.store(simd.add_capped(simd.load(low), simd.mul(reds, weights)));
            *high = simd.store(simd.add_capped(simd.load(high), simd.mul(greens, weights)));
        }
    }

    /// Turns the sums into pixels.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, row: &mut [Pixel]) {
        let (low, high) = (S::blocks(&self.low).0, S::blocks(&self.high).0);
        let (blocks, rest) = S::blocks_mut(row);
        let whole = blocks.len();
        for ((block, low), high) in blocks.iter_mut().zip(low).zip(high) {
            *block = mean(simd, low, high);
        }
        if !rest.is_empty() {
            let block = mean(simd, &low[whole], &high[whole]);
            rest.copy_from_slice(&block.as_ref()[..rest.len()]);
        }
    }
}

#[inline(always)]
fn mean<S: Simd>(simd: S, low: &S::Block, high: &S::Block) -> S::Block {
    let [low, high] = [sum_to_byte(simd, simd.load(low)), sum_to_byte(simd, simd.load(high))];
    simd.store(simd.join(low, high))
}

/// A block of a row that repeats. Out of line: merged with the common case, the compiler would
/// load that one pixel by pixel too.
#[cold]
#[inline(never)]
fn wrapped<S: Simd>(row: &[Pixel], column: usize) -> S::Block {
    let mut block = S::Block::default();
    for (pixel, at) in block.as_mut().iter_mut().zip(column..) {
        *pixel = row[at & (row.len() - 1)];
    }
    block
}

/// `min(255, (sum + 127) / 255)`; `x · 0x8081 >> 23` is `x / 255` for every 16-bit x.
#[inline(always)]
fn sum_to_byte<S: Simd>(simd: S, sum: S::V) -> S::V {
    let rounded = simd.add_capped(sum, simd.splat(127));
    simd.cap(simd.shr7(simd.mul_high(rounded, simd.splat(0x8081))))
}
