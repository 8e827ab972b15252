use crate::arch::{Kernel, Simd, run};
use crate::error::{SizeError, area, same};
use crate::tint::tinted;
use crate::upsample::{BLOCK, STEP, STRIP, Strip, control_points};
use crate::{Pixel, Tile};

/// Splats in one page.
pub const SPLATS_MAX: usize = 16;

/// Texels that a strip is wide: whole blocks of any kernel.
const WIDTH: usize = STRIP * STEP;
const _: () = assert!(WIDTH.is_multiple_of(BLOCK));

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
        let mut planes = [const { Lines::new() }; SPLATS_MAX];
        let mut tints = [const { Lines::new() }; 3];
        let mut copies = [[[0; 4]; WIDTH]; SPLATS_MAX];
        for start in (0..self.width).step_by(WIDTH) {
            let columns = (self.width - start).min(WIDTH);
            for (y, row) in self.out.chunks_exact_mut(self.width).enumerate() {
                let at = At { x: start, y, columns, width: self.width };
                weigh(self.splats, &mut planes, at);
                let mut laid = [Laid::<S>::default(); SPLATS_MAX];
                let mut count = 0;
                for ((splat, lines), copy) in self.splats.iter().zip(&planes).zip(&mut copies) {
                    if let Some(found) = Laid::of(simd, splat, lines, copy, at) {
                        laid[count] = found;
                        count += 1;
                    }
                }
                let row = &mut row[start..][..columns];
                let Some(given) = self.tint else {
                    mix_row(simd, row, &laid[..count], Plain);
                    continue;
                };
                tints.iter_mut().zip(given).for_each(|(lines, plane)| lines.fill(plane, at));
                let [r, g, b] = [0, 1, 2].map(|i| S::bytes(&tints[i].bytes).0);
                mix_row(simd, row, &laid[..count], Tinted::<S>([r, g, b]));
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

impl At {
    /// Blocks that the columns reach into.
    #[inline(always)]
    fn blocks<S: Simd>(self) -> usize {
        self.columns.div_ceil(S::Block::default().as_ref().len())
    }
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
        match plane {
            Plane::Texels(texels) => {
                let texels = &texels[at.y * at.width + at.x..][..at.columns];
                self.bytes[..at.columns].copy_from_slice(texels);
            }
            Plane::Control(points) => {
                let points = &points[at.x / STEP..];
                let bytes = &mut self.bytes[..at.columns.next_multiple_of(BLOCK)];
                self.strip.line(points, control_points(at.width), at.y, at.columns, bytes);
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

/// A splat along the part of a row at hand: as many blocks of weights as of pixels. Weights behind
/// the last column are what an earlier row left there: nobody looks at what comes of them.
struct Laid<'a, S: Simd> {
    weights: &'a [S::Bytes],
    pixels: &'a [S::Block],
}

impl<S: Simd> Clone for Laid<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd> Copy for Laid<'_, S> {}

impl<S: Simd> Default for Laid<'_, S> {
    fn default() -> Self {
        Self { weights: &[], pixels: &[] }
    }
}

impl<'a, S: Simd> Laid<'a, S> {
    /// None where all weights are zero. `copy` takes the pixels where the material's row ends
    /// before the part of the page's does.
    #[inline(always)]
    fn of(
        simd: S,
        splat: &Splat<'a>,
        lines: &'a Lines,
        copy: &'a mut [Pixel; WIDTH],
        at: At,
    ) -> Option<Self> {
        let count = at.blocks::<S>();
        let weights = &S::bytes(&lines.bytes).0[..count];
        if weights.iter().all(S::are_zero) {
            return None;
        }
        let [x, y] = splat.origin;
        let y = y.wrapping_add(at.y as u32);
        let (row, next) = (splat.material.row(y), splat.material.row(y.wrapping_add(1)));
        let first = (x as usize).wrapping_add(at.x) & (row.len() - 1);
        // A row is too short for the hardware to foresee, and materials fill the second cache.
        for column in (first..first + at.columns).step_by(CACHE_LINE) {
            simd.prefetch(&raw const next[column & (next.len() - 1)]);
        }
        let whole = S::blocks(&row[first..]).0;
        let pixels = if whole.len() >= count {
            &whole[..count]
        } else {
            repeat(&mut copy[..count * S::Block::default().as_ref().len()], row, first);
            &S::blocks(copy).0[..count]
        };
        Some(Self { weights, pixels })
    }
}

/// Pixels in a line of the caches, where those have the usual 64 bytes.
const CACHE_LINE: usize = 16;

/// A row that repeats, from a column on.
#[inline(always)]
fn repeat(dst: &mut [Pixel], row: &[Pixel], first: usize) {
    let mut rest = dst;
    let mut from = first;
    while !rest.is_empty() {
        let (part, after) = rest.split_at_mut(rest.len().min(row.len() - from));
        part.copy_from_slice(&row[from..][..part.len()]);
        (rest, from) = (after, 0);
    }
}

/// What is done to a mixed block before it is stored.
trait Finish<S: Simd> {
    /// The low and the high bytes of block `i`.
    fn finish(&self, simd: S, i: usize, bytes: [S::V; 2]) -> [S::V; 2];
}

/// Nothing.
struct Plain;

impl<S: Simd> Finish<S> for Plain {
    #[inline(always)]
    fn finish(&self, _: S, _: usize, bytes: [S::V; 2]) -> [S::V; 2] {
        bytes
    }
}

/// Planes of red, green and blue.
struct Tinted<'a, S: Simd>([&'a [S::Bytes]; 3]);

impl<S: Simd> Finish<S> for Tinted<'_, S> {
    #[inline(always)]
    fn finish(&self, simd: S, i: usize, bytes: [S::V; 2]) -> [S::V; 2] {
        let Self([r, g, b]) = self;
        tinted(simd, bytes, [&r[i], &g[i], &b[i]])
    }
}

/// Few splats are the rule: with their number known, sums stay in registers and no loop over them
/// is left.
#[inline(always)]
fn mix_row<S: Simd>(simd: S, row: &mut [Pixel], laid: &[Laid<'_, S>], finish: impl Finish<S>) {
    match *laid {
        [a] => mix(simd, row, &[a], finish),
        [a, b] => mix(simd, row, &[a, b], finish),
        [a, b, c] => mix(simd, row, &[a, b, c], finish),
        [a, b, c, d] => mix(simd, row, &[a, b, c, d], finish),
        _ => mix(simd, row, laid, finish),
    }
}

#[inline(always)]
fn mix<S: Simd>(simd: S, row: &mut [Pixel], laid: &[Laid<'_, S>], finish: impl Finish<S>) {
    let (blocks, rest) = S::blocks_mut(row);
    let whole = blocks.len();
    for (i, block) in blocks.iter_mut().enumerate() {
        *block = mixed(simd, laid, i, &finish);
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&mixed(simd, laid, whole, &finish).as_ref()[..rest.len()]);
    }
}

#[inline(always)]
fn mixed<S: Simd>(simd: S, laid: &[Laid<'_, S>], i: usize, finish: &impl Finish<S>) -> S::Block {
    // Two 16-bit lanes a pixel: of red and blue, of green and alpha.
    let mut sums = [simd.splat(0); 2];
    for splat in laid {
        let (block, weights) = (simd.load(&splat.pixels[i]), simd.doubled(&splat.weights[i]));
        // One product fits 16 bits. A sum that does not is far above 255 · 255 and is capped, and
        // everything there becomes 255 anyway.
        sums[0] = simd.add_capped(sums[0], simd.mul(simd.low(block), weights));
        sums[1] = simd.add_capped(sums[1], simd.mul(simd.high(block), weights));
    }
    let bytes = [sum_to_byte(simd, sums[0]), sum_to_byte(simd, sums[1])];
    let [low, high] = finish.finish(simd, i, bytes);
    simd.store(simd.join(low, high))
}

/// `min(255, (sum + 127) / 255)`; `x · 0x8081 >> 23` is `x / 255` for every 16-bit x.
#[inline(always)]
fn sum_to_byte<S: Simd>(simd: S, sum: S::V) -> S::V {
    let rounded = simd.add_capped(sum, simd.splat(127));
    simd.cap(simd.shr7(simd.mul_high(rounded, simd.splat(0x8081))))
}
