use crate::Grid;
use glam::Vec3;

/// Rays in a packet.
pub const PACKET: usize = 8;

/// A ray in metres, relative to the world origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ray {
    /// Where it starts.
    pub origin: Vec3,
    /// Where it goes; any length from 10⁻¹⁵ quads, and distances are in units of it.
    pub dir: Vec3,
    /// Where it ends, in units of `dir`; may be infinite.
    pub t_max: f32,
}

/// A direction smaller than this along an axis does not move along it.
const STILL: f32 = 1e-30;

/// A direction smaller than this along every axis is none.
const DIR_MIN: f32 = 1e-15;

/// One axis of a ray: the distance at which it crosses a line is `(line − origin) · inverse`.
///
/// That product, and nothing else, decides where a ray enters and leaves a cell. It grows
/// monotonically with `line`, rounding included, so the interval inside a cell never sticks out of
/// the interval inside its parent, whatever the traversal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) origin: f32,
    pub(crate) dir: f32,
    /// 1 / dir. A ray that does not move along the axis counts as moving upwards without end:
    /// lines at or below the origin are crossed at t ≤ 0, those above it beyond any range.
    pub(crate) inverse: f32,
    pub(crate) negative: bool,
}

impl Axis {
    fn new(origin: f32, dir: f32) -> Self {
        if dir.abs() < STILL {
            Self { origin, dir: 0.0, inverse: 1.0 / STILL, negative: false }
        } else {
            Self { origin, dir, inverse: 1.0 / dir, negative: dir < 0.0 }
        }
    }

    /// Where the ray is between 0 and `size`; `None` where it never comes there.
    fn span(&self, size: f32) -> Option<(f32, f32)> {
        if self.dir == 0.0 {
            // It stays in its column of quads, also beyond what its inverse takes for no end.
            let inside = self.origin >= 0.0 && self.origin < size;
            return inside.then(|| (0.0, self.crossing(self.origin.floor() + 1.0)));
        }
        let (low, high) = (self.crossing(0.0), self.crossing(size));
        Some(if self.negative { (high, low) } else { (low, high) })
    }

    #[inline(always)]
    pub(crate) fn crossing(&self, line: f32) -> f32 {
        (line - self.origin) * self.inverse
    }
}

/// A ray in units of the grid: finest quads east and north, height steps upwards. `t` is the
/// same as that of the ray in metres.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GridRay {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) z: Axis,
    /// x − y: a quad's diagonal is a line of it.
    pub(crate) diagonal: Axis,
    /// The part inside the world, `start < end`.
    pub(crate) start: f32,
    pub(crate) end: f32,
}

#[inline(always)]
pub(crate) fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
pub(crate) fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

impl GridRay {
    /// `None` where the ray misses the world's rectangle or is not a ray: not finite, no direction,
    /// no length.
    pub(crate) fn new(grid: &Grid, ray: &Ray) -> Option<Self> {
        let Ray { origin, dir, t_max } = *ray;
        let (sx, sy, sz) = (grid.spacing.x, grid.spacing.y, grid.quantum_m);
        let (ox, oy) = ((origin.x - grid.min.x) / sx, (origin.y - grid.min.y) / sy);
        let oz = (origin.z - grid.base_m) / sz;
        let (dx, dy, dz) = (dir.x / sx, dir.y / sy, dir.z / sz);
        let sum = (ox + oy + oz) + (dx + dy + dz) + (ox - oy) + (dx - dy);
        let moves = [dx, dy, dz].iter().any(|d| d.abs() >= DIR_MIN);
        if !sum.is_finite() || !moves || t_max.is_nan() {
            return None;
        }
        let (x, y) = (Axis::new(ox, dx), Axis::new(oy, dy));
        let z = Axis::new(oz, dz);
        let diagonal = Axis::new(ox - oy, x.dir - y.dir);
        let [width, height] = grid.quads.map(|q| q as f32);
        let (x0, x1) = x.span(width)?;
        let (y0, y1) = y.span(height)?;
        let start = greater(greater(x0, y0), 0.0);
        let end = lesser(lesser(x1, y1), t_max);
        (start < end).then_some(Self { x, y, z, diagonal, start, end })
    }

    /// The part inside a cell below a height, empty unless the first is less than the second.
    #[inline(always)]
    pub(crate) fn clip_height(&self, t_in: f32, t_out: f32, height: f32) -> (f32, f32) {
        let t = self.z.crossing(height);
        if self.z.negative { (greater(t_in, t), t_out) } else { (t_in, lesser(t_out, t)) }
    }
}
