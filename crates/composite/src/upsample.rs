use crate::arch::{Kernel, Simd, run};
use crate::error::{SizeError, area, same};

/// Texels per interval between two control points.
pub(crate) const STEP: usize = 4;

/// Control intervals per strip: two rows of `STEP` times as many `u16` live on the stack.
pub(crate) const STRIP: usize = 64;

/// Out of 8, how much of a texel comes from the control point after it; the rest from the one
/// before.
const AFTER: [u16; STEP] = [1, 3, 5, 7];

/// Bilinear upsampling by 4 from a control grid of `cw` × `ch` points: texel `i` lies at control
/// coordinate `(i + 0.5) / 4`, in both directions, so a grid of 35 × 35 covers a page of
/// 136 × 136. The four weights sum to 64; the result is `(Σ + 32) >> 6`, exact.
///
/// # Errors
/// [`SizeError::Length`] if a slice does not match its size, [`SizeError::ControlTooSmall`]
/// unless `ow ≤ 4 · (cw − 1)` and `oh ≤ 4 · (ch − 1)`.
pub fn upsample4(
    control: &[u8],
    cw: usize,
    ch: usize,
    out: &mut [u8],
    ow: usize,
    oh: usize,
) -> Result<(), SizeError> {
    same("a control grid", area(cw, ch), control.len())?;
    same("the upsampled plane", area(ow, oh), out.len())?;
    if out.is_empty() {
        return Ok(());
    }
    for (points, texels) in [(cw, ow), (ch, oh)] {
        if points.saturating_sub(1).saturating_mul(STEP) < texels {
            return Err(SizeError::ControlTooSmall { points, texels });
        }
    }
    run(Upsample { control, points: cw, out, width: ow });
    Ok(())
}

/// Control points that cover so many texels.
pub(crate) fn control_points(texels: usize) -> usize {
    texels.div_ceil(STEP) + 1
}

struct Upsample<'a> {
    control: &'a [u8],
    points: usize,
    out: &'a mut [u8],
    width: usize,
}

impl Kernel for Upsample<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let mut strip = Strip::new();
        for start in (0..self.width).step_by(STRIP * STEP) {
            let columns = (self.width - start).min(STRIP * STEP);
            for (y, line) in self.out.chunks_exact_mut(self.width).enumerate() {
                let control = &self.control[start / STEP..];
                strip.line(control, self.points, y, &mut line[start..][..columns]);
            }
        }
    }
}

/// One strip of columns: each control row is widened once, then every output row mixes the two
/// around it, which is a plain loop over `u16`.
pub(crate) struct Strip {
    above: [u64; STRIP],
    below: [u64; STRIP],
}

impl Strip {
    pub(crate) const fn new() -> Self {
        Self { above: [0; STRIP], below: [0; STRIP] }
    }

    /// Row `y` of the strip, whose lines must be asked for from the first one on, in order.
    /// `control` begins at the strip's first point, its rows are `points` apart.
    #[inline(always)]
    pub(crate) fn line(&mut self, control: &[u8], points: usize, y: usize, out: &mut [u8]) {
        let intervals = out.len().div_ceil(STEP);
        let row = |y: usize| &control[y * points..][..=intervals];
        if y == 0 {
            widen_row(row(0), &mut self.below);
        }
        if y.is_multiple_of(STEP) {
            core::mem::swap(&mut self.above, &mut self.below);
            widen_row(row(y / STEP + 1), &mut self.below);
        }
        let (above, below) = (words(&self.above), words(&self.below));
        let after = AFTER[y % STEP];
        // Blocks of a fixed size become vectors without a remainder.
        let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
        let (above_blocks, below_blocks) = (above.as_chunks().0, below.as_chunks().0);
        for ((block, a), b) in blocks.iter_mut().zip(above_blocks).zip(below_blocks) {
            *block = mix_rows(a, b, after);
        }
        if let (false, Some(a), Some(b)) =
            (rest.is_empty(), above_blocks.get(blocks.len()), below_blocks.get(blocks.len()))
        {
            rest.copy_from_slice(&mix_rows(a, b, after)[..rest.len()]);
        }
    }
}

/// Texels that are mixed at once.
const BLOCK: usize = 32;

fn words(texels: &[u64; STRIP]) -> &[u16] {
    bytemuck::cast_slice(texels)
}

/// Along a row: eighths of a control value, at most 8 · 255. The four texels of an interval are
/// the 16-bit lanes of one number, so that two products make all of them: no lane carries over.
#[inline(always)]
fn widen_row(points: &[u8], wide: &mut [u64; STRIP]) {
    const LATER: u64 = lanes(AFTER);
    const EARLIER: u64 = lanes([8 - AFTER[0], 8 - AFTER[1], 8 - AFTER[2], 8 - AFTER[3]]);
    for (texels, pair) in wide.iter_mut().zip(points.windows(2)) {
        let [before, after] = [u64::from(pair[0]), u64::from(pair[1])];
        *texels = before.wrapping_mul(EARLIER).wrapping_add(after.wrapping_mul(LATER));
    }
}

/// Lanes in the order of memory.
const fn lanes(values: [u16; STEP]) -> u64 {
    let [a, b, c, d] = [values[0] as u64, values[1] as u64, values[2] as u64, values[3] as u64];
    if cfg!(target_endian = "big") {
        a << 48 | b << 32 | c << 16 | d
    } else {
        a | b << 16 | c << 32 | d << 48
    }
}

/// Across rows: sixty-fourths, at most 64 · 255 + 32. Wrapping, since nothing here can overflow:
/// the checks of a debug build would keep the loop from becoming vectors.
#[inline(always)]
fn mix_rows(above: &[u16; BLOCK], below: &[u16; BLOCK], after: u16) -> [u8; BLOCK] {
    let mut out = [0; BLOCK];
    for i in 0..BLOCK {
        let sum = above[i].wrapping_mul(8_u16.wrapping_sub(after));
        let sum = sum.wrapping_add(below[i].wrapping_mul(after));
        out[i] = (sum.wrapping_add(32) >> 6) as u8;
    }
    out
}
