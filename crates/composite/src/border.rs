use crate::error::{SizeError, area, same};
use crate::{Image, Pixel};

/// A page with its border: the square of `size` pixels whose top left one is `(x, y)` of `src`,
/// and `border` pixels around it, row by row into `dst`. Coordinates outside `src` take its
/// nearest pixel.
///
/// # Errors
/// [`SizeError::Length`] if `dst` does not hold (size + 2 · border)² pixels,
/// [`SizeError::Empty`] if `src` has no pixels but `dst` does.
pub fn copy_with_border(
    src: &Image<'_>,
    x: i64,
    y: i64,
    size: u32,
    border: u32,
    dst: &mut [Pixel],
) -> Result<(), SizeError> {
    let side = u64::from(size) + 2 * u64::from(border);
    let side = usize::try_from(side).unwrap_or(usize::MAX);
    same("a page with its border", area(side, side), dst.len())?;
    if side == 0 {
        return Ok(());
    }
    if src.width() == 0 || src.height() == 0 {
        return Err(SizeError::Empty);
    }
    let [left, top] = [x, y].map(|v| v.saturating_sub(i64::from(border)));
    // Columns left of the image, then columns inside it; the others lie right of it.
    let before = clamp(left.saturating_neg(), side);
    let end = clamp((src.width() as i64).saturating_sub(left), side);
    let first = clamp(left, src.width() - 1);
    let mut offset = top;
    for row in dst.chunks_exact_mut(side) {
        let source_y = clamp(offset, src.height() - 1);
        offset = offset.saturating_add(1);
        let Some(source) = src.row(source_y) else { continue };
        row[..before].fill(source[0]);
        row[before..end].copy_from_slice(&source[first..][..end - before]);
        row[end..].fill(source[src.width() - 1]);
    }
    Ok(())
}

fn clamp(value: i64, max: usize) -> usize {
    usize::try_from(value.max(0)).unwrap_or(usize::MAX).min(max)
}
