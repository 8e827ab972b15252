use crate::{ImageMut, Pixel};

/// Coordinates beyond this are taken for no point: far outside of any image, and still exact enough
/// to be cut.
const FAR: f32 = 1.0e6;

/// Draws straight lines from point to point, `thickness` pixels wide, and replaces what they cover
/// by `color`. A point (x, y) lies in pixel (⌊x⌋, ⌊y⌋). What is outside of the image is cut;
/// lines to or from a point that is not finite, or more than a million pixels away, are left out, and
/// show as a gap.
pub fn polyline(
    dst: &mut ImageMut<'_>,
    points: impl IntoIterator<Item = [f32; 2]>,
    thickness: u32,
    color: Pixel,
) {
    let mut points = points.into_iter();
    let Some(mut from) = points.next() else { return };
    for to in points {
        line(dst, from, to, thickness, color);
        from = to;
    }
}

/// One line of a [`polyline`].
pub fn line(dst: &mut ImageMut<'_>, from: [f32; 2], to: [f32; 2], thickness: u32, color: Pixel) {
    let margin = thickness as f32;
    let size = [dst.width() as f32, dst.height() as f32];
    let Some([[x0, y0], [x1, y1]]) = clipped(from, to, size, margin) else { return };
    // Half a pixel each, so that rounding never skips one.
    let steps = 2 * (larger(magnitude(x1 - x0), magnitude(y1 - y0)) as usize + 1);
    for step in 0..steps {
        let share = step as f32 / steps as f32;
        stamp(dst, [x0 + (x1 - x0) * share, y0 + (y1 - y0) * share], thickness, color);
    }
    stamp(dst, [x1, y1], thickness, color);
}

/// A square around a point.
fn stamp(dst: &mut ImageMut<'_>, [x, y]: [f32; 2], thickness: u32, color: Pixel) {
    let range = |at: f32, count: usize| {
        let first = libm::floorf(at) as i64 - i64::from(thickness.saturating_sub(1) / 2);
        let limit = |at: i64| at.clamp(0, count as i64) as usize;
        limit(first)..limit(first + i64::from(thickness))
    };
    let (columns, rows) = (range(x, dst.width()), range(y, dst.height()));
    for row in rows {
        if let Some(row) = dst.row_mut(row) {
            row[columns.clone()].fill(color);
        }
    }
}

/// The part of a line inside an image and a margin around it (Liang and Barsky, "A new concept and
/// method for line clipping", 1984).
fn clipped(from: [f32; 2], to: [f32; 2], size: [f32; 2], margin: f32) -> Option<[[f32; 2]; 2]> {
    let near = |v: &f32| v.is_finite() && magnitude(*v) <= FAR;
    if !from.iter().chain(&to).all(near) {
        return None;
    }
    let (mut start, mut end) = (0.0_f32, 1.0_f32);
    for axis in 0..2 {
        let (at, delta) = (from[axis], to[axis] - from[axis]);
        let (low, high) = (-margin, size[axis] + margin);
        if delta == 0.0 {
            if at < low || at > high {
                return None;
            }
            continue;
        }
        let (a, b) = ((low - at) / delta, (high - at) / delta);
        let (enter, leave) = if a < b { (a, b) } else { (b, a) };
        start = larger(start, enter);
        end = if leave < end { leave } else { end };
    }
    let at = |share: f32| [0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * share);
    // An end that is not cut stays in its pixel, whatever rounding would do to it.
    let last = if end < 1.0 { at(end) } else { to };
    (start <= end).then(|| [at(start), last])
}

fn magnitude(v: f32) -> f32 {
    if v < 0.0 { -v } else { v }
}

fn larger(a: f32, b: f32) -> f32 {
    if a < b { b } else { a }
}
