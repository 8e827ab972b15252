use crate::Image;
use crate::error::{SizeError, area, same};

/// What lies outside of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edge {
    /// Its nearest pixel.
    #[default]
    Clamp,
    /// The image again.
    Wrap,
}

/// A page with its border: the square of `size` pixels whose top left one is `(x, y)` of `src`,
/// and `border` pixels around it, row by row into `dst`. So a page takes its border from its
/// neighbours in `src`; coordinates outside `src` are found as `edge` says.
///
/// # Errors
/// [`SizeError::Length`] if `dst` does not hold (size + 2 · border)² pixels,
/// [`SizeError::Empty`] if `src` has no pixels but `dst` does.
pub fn copy_with_border<P: Copy>(
    src: &Image<'_, P>,
    [x, y]: [i64; 2],
    size: u32,
    border: u32,
    edge: Edge,
    dst: &mut [P],
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
    let [left, top] = [x, y].map(|v| i128::from(v) - i128::from(border));
    for (row, offset) in dst.chunks_exact_mut(side).zip(0..) {
        let Some(source) = src.row(find(top + offset, src.height(), edge)) else { continue };
        match edge {
            Edge::Clamp => clamp_row(row, source, left),
            Edge::Wrap => wrap_row(row, source, left),
        }
    }
    Ok(())
}

/// Where a coordinate along an axis of `count` pixels is found.
fn find(at: i128, count: usize, edge: Edge) -> usize {
    let found = match edge {
        Edge::Clamp => at.clamp(0, count as i128 - 1),
        Edge::Wrap => at.rem_euclid(count as i128),
    };
    found as usize
}

fn clamp_row<P: Copy>(row: &mut [P], source: &[P], left: i128) {
    let limit = |at: i128| at.clamp(0, row.len() as i128) as usize;
    // Columns left of the image, then columns inside it; the others lie right of it.
    let (before, end) = (limit(-left), limit(source.len() as i128 - left));
    let first = find(left, source.len(), Edge::Clamp);
    row[..before].fill(source[0]);
    row[before..end].copy_from_slice(&source[first..][..end - before]);
    row[end..].fill(source[source.len() - 1]);
}

fn wrap_row<P: Copy>(row: &mut [P], source: &[P], left: i128) {
    let mut first = find(left, source.len(), Edge::Wrap);
    let mut rest = row;
    while !rest.is_empty() {
        let (part, after) = rest.split_at_mut(rest.len().min(source.len() - first));
        part.copy_from_slice(&source[first..][..part.len()]);
        (rest, first) = (after, 0);
    }
}

/// The eight pages around a page, row by row from the top left one.
pub type Neighbors<'a, P> = [Option<Image<'a, P>>; 8];

/// Fills the border of a page from the pages around it, each `size` × `size` without its own
/// border. Where one is missing, the nearest pixel of the page itself stands in.
///
/// `page` is a square of `size` + 2 · `border` pixels, its inner ones in place.
///
/// # Errors
/// [`SizeError::Length`] if `page` is not of that size or a neighbour not `size` × `size`,
/// [`SizeError::Border`] if the border is wider than a page.
pub fn border_from_neighbors<P: Copy>(
    page: &mut [P],
    size: usize,
    border: usize,
    neighbors: &Neighbors<'_, P>,
) -> Result<(), SizeError> {
    let side = border.saturating_mul(2).saturating_add(size);
    same("a page with its border", area(side, side), page.len())?;
    if border > size {
        return Err(SizeError::Border { border, size });
    }
    for image in neighbors.iter().flatten() {
        same("a row of a neighbour", size, image.width())?;
        same("a column of a neighbour", size, image.height())?;
    }
    // Before, within or after the page along an axis, and where there.
    let place = |at: usize| match at {
        _ if at < border => (0, size + at - border),
        _ if at < border + size => (1, at - border),
        _ => (2, at - border - size),
    };
    for y in 0..side {
        let (across, source_y) = place(y);
        for x in 0..side {
            let (along, source_x) = place(x);
            let cell = 3 * across + along;
            if cell == 4 {
                continue;
            }
            let neighbor = neighbors[if cell < 4 { cell } else { cell - 1 }];
            let found = neighbor.and_then(|image| image.pixel(source_x, source_y).copied());
            let inner = |at: usize| at.clamp(border, border + size - 1);
            page[y * side + x] = found.unwrap_or(page[inner(y) * side + inner(x)]);
        }
    }
    Ok(())
}
