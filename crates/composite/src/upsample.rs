use crate::error::{SizeError, area, same};

/// Texels per interval between two control points.
const STEP: usize = 4;

/// Control intervals per strip: two rows of `STEP` times as many `u16` live on the stack.
const STRIP: usize = 64;

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
    for start in (0..ow).step_by(STRIP * STEP) {
        let width = (ow - start).min(STRIP * STEP);
        upsample_strip(&control[start / STEP..], cw, &mut out[start..], ow, width);
    }
    Ok(())
}

/// One strip of columns: each control row is widened once, then every output row mixes the two
/// around it, which is a plain loop over `u16`.
fn upsample_strip(control: &[u8], cw: usize, out: &mut [u8], ow: usize, width: usize) {
    let intervals = width.div_ceil(STEP);
    let mut above = [[0_u16; STEP]; STRIP];
    let mut below = [[0_u16; STEP]; STRIP];
    let row = |y: usize| &control[y * cw..][..=intervals];
    widen_row(row(0), &mut above);
    for (k, group) in out.chunks_mut(STEP * ow).enumerate() {
        widen_row(row(k + 1), &mut below);
        for (line, after) in group.chunks_mut(ow).zip(AFTER) {
            let (a, b) = (above.as_flattened(), below.as_flattened());
            mix_rows(&a[..width], &b[..width], after, &mut line[..width]);
        }
        core::mem::swap(&mut above, &mut below);
    }
}

/// Along a row: eighths of a control value, at most 8 · 255.
fn widen_row(points: &[u8], wide: &mut [[u16; STEP]; STRIP]) {
    for (texels, pair) in wide.iter_mut().zip(points.windows(2)) {
        let [before, after] = [u16::from(pair[0]), u16::from(pair[1])];
        *texels = AFTER.map(|w| mix(before, after, w));
    }
}

/// Across rows: sixty-fourths, at most 64 · 255 + 32.
fn mix_rows(above: &[u16], below: &[u16], after: u16, out: &mut [u8]) {
    for ((o, a), b) in out.iter_mut().zip(above).zip(below) {
        *o = (mix(*a, *b, after).wrapping_add(32) >> 6) as u8;
    }
}

/// Eight times the mix. Wrapping, since nothing here can overflow: the checks of a debug build
/// would keep the loops from becoming vectors.
#[inline(always)]
fn mix(before: u16, after: u16, weight: u16) -> u16 {
    before.wrapping_mul(8_u16.wrapping_sub(weight)).wrapping_add(after.wrapping_mul(weight))
}
