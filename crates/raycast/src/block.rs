use crate::kernel::Cell;
use crate::pyramid::{BLOCK, ceiling};
use crate::ray::{GridRay, greater, lesser};

/// Lines of a block along one axis.
const LINES: usize = BLOCK as usize + 1;

/// A block with its samples: `rows[j][i]` lies `i` quads east and `j` north of its south-west
/// corner. They are a copy, so that making a block fetches them all at once.
pub(crate) struct Block {
    cell: Cell,
    rows: [[u16; LINES]; LINES],
}

/// Where a ray meets a quad: distance, and slope of the triangle in height steps per finest quad.
pub(crate) type Contact = (f32, [f32; 2]);

impl Block {
    /// The block at a place among a tile's samples, `None` outside them.
    #[inline(always)]
    pub(crate) fn new(cell: Cell, samples: &[u16], first: usize, stride: usize) -> Option<Self> {
        let last = BLOCK as usize * stride;
        let samples = samples.get(first..first + last + LINES)?;
        let row = |j: usize| samples[j * stride..].first_chunk::<LINES>().copied();
        Some(Self { cell, rows: [row(0)?, row(1)?, row(2)?, row(3)?, row(4)?] })
    }

    /// Walks along the ray from quad to quad (Amanatides and Woo, "A fast voxel traversal
    /// algorithm", 1987).
    #[inline(always)]
    pub(crate) fn cast(&self, ray: &GridRay) -> Option<Contact> {
        let quad = self.cell.size * (1.0 / BLOCK as f32);
        // Quads are counted in the order in which the ray crosses them.
        let place = |i: usize, negative: bool| if negative { BLOCK as usize - i } else { i };
        let x = |i| ray.x.crossing(self.cell.x + quad * place(i, ray.x.negative) as f32);
        let y = |j| ray.y.crossing(self.cell.y + quad * place(j, ray.y.negative) as f32);
        let xs: [f32; LINES] = core::array::from_fn(x);
        let ys: [f32; LINES] = core::array::from_fn(y);

        let t = greater(greater(xs[0], ys[0]), ray.start);
        let crossed = |lines: &[f32; LINES]| -> usize {
            lines[1..LINES - 1].iter().map(|&line| usize::from(line <= t)).sum()
        };
        let (mut i, mut j) = (crossed(&xs), crossed(&ys));
        let last = BLOCK as usize - 1;
        loop {
            let t_in = greater(greater(xs[i], ys[j]), ray.start);
            let t_out = lesser(lesser(xs[i + 1], ys[j + 1]), ray.end);
            let east = if ray.x.negative { last - i } else { i };
            let north = if ray.y.negative { last - j } else { j };
            let contact = self.quad(ray, [east, north], quad, t_in, t_out);
            if contact.is_some() {
                return contact;
            }
            if xs[i + 1] <= ys[j + 1] {
                i += 1;
            } else {
                j += 1;
            }
            if i > last || j > last || t_out >= ray.end {
                return None;
            }
        }
    }

    /// One quad on its own: a function of the ray and the quad only, so whatever skips quads that
    /// cannot be met changes no bit of a result.
    #[inline(always)]
    fn quad(
        &self,
        ray: &GridRay,
        [i, j]: [usize; 2],
        size: f32,
        t_in: f32,
        t_out: f32,
    ) -> Option<Contact> {
        let (south, north) = (self.rows[j], self.rows[j + 1]);
        let (sw, se, nw, ne) = (south[i], south[i + 1], north[i], north[i + 1]);
        let max = sw.max(se).max(nw.max(ne));
        let (t_in, t_out) = ray.clip_height(t_in, t_out, ceiling(max));
        if t_in < t_out {
            let corner = [self.cell.x + size * i as f32, self.cell.y + size * j as f32];
            triangles(ray, corner, size, [sw, se, nw, ne].map(f32::from), t_in, t_out)
        } else {
            None
        }
    }
}

/// The two triangles of a quad, in the order in which the ray passes them.
#[inline(never)]
fn triangles(
    ray: &GridRay,
    [x, y]: [f32; 2],
    size: f32,
    [sw, se, nw, ne]: [f32; 4],
    t_in: f32,
    t_out: f32,
) -> Option<Contact> {
    let scale = 1.0 / size;
    let south_east = [(se - sw) * scale, (ne - se) * scale];
    let north_west = [(ne - nw) * scale, (nw - sw) * scale];
    let t = lesser(greater(ray.diagonal.crossing(x - y), t_in), t_out);
    // Where x − y shrinks the ray goes from the south-east to the north-west.
    let (first, second) =
        if ray.diagonal.negative { (south_east, north_west) } else { (north_west, south_east) };
    let segment = |slope: [f32; 2], t0: f32, t1: f32| {
        let part = t0 < t1;
        let (u, v) = (ray.x.origin + ray.x.dir * t0 - x, ray.y.origin + ray.y.dir * t0 - y);
        let above = (ray.z.origin + ray.z.dir * t0) - (sw + slope[0] * u + slope[1] * v);
        if !part {
            return None;
        }
        if above <= 0.0 {
            return Some((t0, slope));
        }
        let sinks = slope[0] * ray.x.dir + slope[1] * ray.y.dir - ray.z.dir;
        let meets = sinks > 0.0 && above <= sinks * (t1 - t0);
        meets.then(|| (lesser(t0 + above / sinks, t1), slope))
    };
    segment(first, t_in, t).or_else(|| segment(second, t, t_out))
}
