use crate::ray::{GridRay, greater, lesser};
use wide::f32x4;

/// A square of the quadtree, in finest quads: south-west corner, side, and node number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) size: f32,
    pub(crate) node: u32,
}

impl Cell {
    #[inline(always)]
    pub(crate) fn child(&self, c: u32) -> Self {
        let size = self.size * 0.5;
        Self {
            x: self.x + size * (c & 1) as f32,
            y: self.y + size * (c >> 1) as f32,
            size,
            node: self.node * 4 + 1 + c,
        }
    }
}

/// Tells which children of a cell a ray passes below their maxima.
pub(crate) trait Kernel {
    fn new(ray: &GridRay) -> Self;

    /// A bit per child: set where the ray has a part inside the child and below `max[child]`.
    fn children(&self, cell: &Cell, max: &[f32; 4]) -> usize;
}

/// One child after the other.
pub(crate) struct Scalar {
    ray: GridRay,
}

impl Kernel for Scalar {
    fn new(ray: &GridRay) -> Self {
        Self { ray: *ray }
    }

    fn children(&self, cell: &Cell, max: &[f32; 4]) -> usize {
        let ray = &self.ray;
        let mut mask = 0;
        for (c, &max) in max.iter().enumerate() {
            let child = cell.child(c as u32);
            let (x0, x1) = (ray.x.crossing(child.x), ray.x.crossing(child.x + child.size));
            let (y0, y1) = (ray.y.crossing(child.y), ray.y.crossing(child.y + child.size));
            let (x0, x1) = if ray.x.negative { (x1, x0) } else { (x0, x1) };
            let (y0, y1) = if ray.y.negative { (y1, y0) } else { (y0, y1) };
            let t_in = greater(greater(x0, y0), ray.start);
            let t_out = lesser(lesser(x1, y1), ray.end);
            let (t_in, t_out) = ray.clip_height(t_in, t_out, max);
            mask |= usize::from(t_in < t_out) << c;
        }
        mask
    }
}

/// All four children at once. The same operations in the same order in each lane, so the same
/// mask as [`Scalar`].
pub(crate) struct Simd {
    origin: [f32x4; 3],
    inverse: [f32x4; 3],
    /// Half sides from the cell's corner to the line where the ray enters each child, and to the
    /// one where it leaves.
    enter: [f32x4; 2],
    leave: [f32x4; 2],
    start: f32x4,
    end: f32x4,
    down: bool,
}

impl Kernel for Simd {
    fn new(ray: &GridRay) -> Self {
        let [east, north] = [f32x4::new([0.0, 1.0, 0.0, 1.0]), f32x4::new([0.0, 0.0, 1.0, 1.0])];
        let one = f32x4::splat(1.0);
        let (near_x, near_y) = (f32::from(ray.x.negative), f32::from(ray.y.negative));
        let (near_x, near_y) = (f32x4::splat(near_x), f32x4::splat(near_y));
        Self {
            origin: [ray.x, ray.y, ray.z].map(|a| f32x4::splat(a.origin)),
            inverse: [ray.x, ray.y, ray.z].map(|a| f32x4::splat(a.inverse)),
            enter: [east + near_x, north + near_y],
            leave: [east + (one - near_x), north + (one - near_y)],
            start: f32x4::splat(ray.start),
            end: f32x4::splat(ray.end),
            down: ray.z.negative,
        }
    }

    #[inline(always)]
    fn children(&self, cell: &Cell, max: &[f32; 4]) -> usize {
        let (x, y) = (f32x4::splat(cell.x), f32x4::splat(cell.y));
        let half = f32x4::splat(cell.size * 0.5);
        // Corner, half side and lines are whole numbers or exact fractions: nothing rounds here.
        let [ox, oy, oz] = self.origin;
        let [ix, iy, iz] = self.inverse;
        let x0 = (x + half * self.enter[0] - ox) * ix;
        let y0 = (y + half * self.enter[1] - oy) * iy;
        let x1 = (x + half * self.leave[0] - ox) * ix;
        let y1 = (y + half * self.leave[1] - oy) * iy;
        let z = (f32x4::new(*max) - oz) * iz;
        let t_in = x0.fast_max(y0).fast_max(self.start);
        let t_out = x1.fast_min(y1).fast_min(self.end);
        let mask = if self.down {
            t_in.fast_max(z).simd_lt(t_out)
        } else {
            t_in.simd_lt(t_out.fast_min(z))
        };
        mask.to_bitmask() as usize
    }
}
