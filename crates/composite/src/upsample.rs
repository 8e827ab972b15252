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
                strip.line(control, self.points, y, columns, &mut line[start..][..columns]);
            }
        }
    }
}

/// One strip of columns: each control row is widened once. Down from one to the next, a texel
/// changes by the same step from line to line, so that a line costs one sum a texel.
pub(crate) struct Strip {
    /// The lower control row, widened.
    below: [u64; STRIP],
    /// Sixty-fourths and a half of the line before, 16 bits a texel.
    line: [u16; STRIP * STEP],
    /// What the next line has more, or less.
    step: [u16; STRIP * STEP],
}

impl Strip {
    pub(crate) const fn new() -> Self {
        Self { below: [0; STRIP], line: [0; STRIP * STEP], step: [0; STRIP * STEP] }
    }

    /// Row `y` of the strip, whose lines must be asked for from the first one on, in order.
    /// `control` begins at the strip's first point, its rows are `points` apart. `out` may be
    /// longer than `columns`, best up to a whole block; nothing of use comes there.
    #[inline(always)]
    pub(crate) fn line(
        &mut self,
        control: &[u8],
        points: usize,
        y: usize,
        columns: usize,
        out: &mut [u8],
    ) {
        let intervals = columns.div_ceil(STEP);
        let row = |y: usize| &control[y * points..][..=intervals];
        if y == 0 {
            widen_row(row(0), &mut self.below);
        }
        // Blocks of a fixed size become vectors without a remainder.
        let blocks = out.len().div_ceil(BLOCK);
        let lines = &mut self.line.as_chunks_mut::<BLOCK>().0[..blocks];
        let steps = &mut self.step.as_chunks_mut::<BLOCK>().0[..blocks];
        if y.is_multiple_of(STEP) {
            let above = self.below;
            widen_row(row(y / STEP + 1), &mut self.below);
            let (above, below) = (words(&above).as_chunks().0, words(&self.below).as_chunks().0);
            for (((line, step), above), below) in lines.iter_mut().zip(steps).zip(above).zip(below)
            {
                begin(line, step, above, below);
            }
        } else {
            for (line, step) in lines.iter_mut().zip(steps) {
                for i in 0..BLOCK {
                    line[i] = line[i].wrapping_add(step[i]);
                }
            }
        }
        let (whole, rest) = out.as_chunks_mut::<BLOCK>();
        for (block, line) in whole.iter_mut().zip(lines.iter()) {
            *block = bytes(line);
        }
        if let (false, Some(line)) = (rest.is_empty(), lines.last()) {
            rest.copy_from_slice(&bytes(line)[..rest.len()]);
        }
    }
}

/// Texels that are mixed at once.
pub(crate) const BLOCK: usize = 32;

/// The first line below a control row is 7/8 of it and 1/8 of the next one, the others follow in
/// quarters; sums are at most 64 · 255 + 32. Wrapping, since steps may be negative, and since the
/// checks of a debug build would keep the loop from becoming vectors.
#[inline(always)]
fn begin(
    line: &mut [u16; BLOCK],
    step: &mut [u16; BLOCK],
    above: &[u16; BLOCK],
    below: &[u16; BLOCK],
) {
    for i in 0..BLOCK {
        let (a, b) = (above[i], below[i]);
        line[i] = a.wrapping_mul(8 - AFTER[0]).wrapping_add(b).wrapping_add(32);
        step[i] = b.wrapping_sub(a).wrapping_mul(AFTER[1] - AFTER[0]);
    }
}

#[inline(always)]
fn bytes(line: &[u16; BLOCK]) -> [u8; BLOCK] {
    let mut out = [0; BLOCK];
    for i in 0..BLOCK {
        out[i] = (line[i] >> 6) as u8;
    }
    out
}

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
