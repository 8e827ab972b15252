use core::ops::Range;

/// A rectangle of pixels; it may lie anywhere, also outside of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Leftmost column.
    pub x: i64,
    /// Topmost row.
    pub y: i64,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
}

impl Rect {
    /// A rectangle with its top left pixel at `(x, y)`.
    #[must_use]
    pub fn new(x: i64, y: i64, width: u64, height: u64) -> Self {
        Self { x, y, width, height }
    }

    /// What is inside of both; empty where nothing is.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (x, width) = both(self.x, self.width, other.x, other.width);
        let (y, height) = both(self.y, self.height, other.y, other.height);
        Self { x, y, width, height }
    }

    /// Columns and rows of an image of `width` × `height` that lie inside.
    #[must_use]
    pub fn within(&self, width: usize, height: usize) -> (Range<usize>, Range<usize>) {
        (clip(self.x, self.width, width), clip(self.y, self.height, height))
    }
}

/// `start ..< start + len` within `0 ..< count`.
fn clip(start: i64, len: u64, count: usize) -> Range<usize> {
    let limit = |v: i128| v.clamp(0, count as i128) as usize;
    let (start, end) = (i128::from(start), i128::from(start) + i128::from(len));
    limit(start)..limit(end)
}

fn both(a: i64, a_len: u64, b: i64, b_len: u64) -> (i64, u64) {
    let end = |start: i64, len: u64| i128::from(start) + i128::from(len);
    let start = a.max(b);
    let len = end(a, a_len).min(end(b, b_len)) - i128::from(start);
    (start, len.max(0) as u64)
}
