//! Front to back through two quadtrees of maxima: the scene's, down to its tiles, and each tile's,
//! down to blocks. The maximum mipmaps are those of Tevs, Ihrke and Seidel, "Maximum mipmaps for
//! fast, accurate, and scalable dynamic height field rendering" (I3D 2008); instead of stepping
//! across one level and climbing back, all four children of a node are tested at once and those
//! that the ray passes below their maxima are kept on a stack.

use crate::block::{Block, Contact};
use crate::kernel::{Cell, Kernel, Scalar, Simd};
use crate::pyramid::{self, BLOCK};
use crate::ray::{GridRay, PACKET, Ray};
use crate::scene::{Link, Scene};
use crate::{Grid, Hit};
use glam::Vec3;

/// Cells on a stack: a node leaves at most three children behind, on at most 12 levels.
const STACK: usize = 3 * Grid::LEVELS_MAX as usize + 4;

/// Children in the order in which a ray passes them, two bits each, for each set of children and
/// each sign of the direction (bit 0: westwards, bit 1: southwards). East and north of the first
/// never both hold a part of the ray, so their order does not matter.
const ORDER: [[u8; 16]; 4] = {
    let mut table = [[0; 16]; 4];
    let mut first = 0;
    while first < 4 {
        let mut mask = 0;
        while mask < 16 {
            let (mut k, mut count) = (0, 0);
            while k < 4 {
                let child = first ^ k;
                if mask & (1 << child) != 0 {
                    table[first][mask] |= (child as u8) << (2 * count);
                    count += 1;
                }
                k += 1;
            }
            mask += 1;
        }
        first += 1;
    }
    table
};

/// What a cell turns out to be.
enum Visit<'a> {
    /// A node with these maxima below it.
    Inner(&'a [f32; 4]),
    /// A leaf, and what the ray found in it.
    Leaf(Option<(Contact, u8)>),
}

/// Visits the cells of one quadtree that the ray passes below their maxima, nearest first, until a
/// leaf is hit.
#[inline(always)]
fn traverse<'a, K: Kernel>(
    kernel: &K,
    first: usize,
    root: Cell,
    mut visit: impl FnMut(&Cell) -> Visit<'a>,
) -> Option<(Contact, u8)> {
    let mut stack = [root; STACK];
    let mut waiting = 0;
    let mut cell = root;
    loop {
        let mask = match visit(&cell) {
            Visit::Leaf(Some(found)) => return Some(found),
            Visit::Leaf(None) => 0,
            Visit::Inner(max) => kernel.children(&cell, max),
        };
        if mask == 0 {
            if waiting == 0 {
                return None;
            }
            waiting -= 1;
            cell = stack[waiting];
            continue;
        }
        let order = u32::from(ORDER[first][mask]);
        let mut k = mask.count_ones();
        while k > 1 {
            k -= 1;
            stack[waiting] = cell.child((order >> (2 * k)) & 3);
            waiting += 1;
        }
        cell = cell.child(order & 3);
    }
}

impl<S: AsRef<[u16]>> Scene<S> {
    /// The first point of a ray, up to `t_max`, in the solid below the surface: where it meets a
    /// triangle from above, or where it comes in through the side of a tile below its surface (as
    /// at a crack between two levels, or at the edge of the world), or its origin if that lies
    /// below the surface. `t`, and `t_max`, count in units of `dir`.
    ///
    /// `None` if there is no such point, and for what is no ray: a number that is not finite, a
    /// direction of zero, `t_max ≤ 0`. `t_max` may be infinite.
    ///
    /// This is the scalar reference; [`Scene::cast_packet`] gives the same bits sooner.
    #[must_use]
    pub fn cast(&self, origin: Vec3, dir: Vec3, t_max: f32) -> Option<Hit> {
        self.cast_with::<Scalar>(&Ray { origin, dir, t_max })
    }

    /// Casts eight rays, with the same bits as [`Scene::cast`] for each of them.
    #[must_use]
    pub fn cast_packet(&self, rays: &[Ray; PACKET]) -> [Option<Hit>; PACKET] {
        core::array::from_fn(|i| self.cast_with::<Simd>(&rays[i]))
    }

    #[inline(always)]
    fn cast_with<K: Kernel>(&self, ray: &Ray) -> Option<Hit> {
        let grid_ray = GridRay::new(&self.grid, ray)?;
        let kernel = K::new(&grid_ray);
        let first = usize::from(grid_ray.x.negative) | usize::from(grid_ray.y.negative) << 1;
        let root = Cell { x: 0.0, y: 0.0, size: self.root_size(), node: 0 };
        let found = traverse(&kernel, first, root, |cell| match self.links[cell.node as usize] {
            Link::EMPTY => Visit::Leaf(None),
            Link::INNER => Visit::Inner(&self.max[cell.node as usize]),
            Link(slot) => {
                Visit::Leaf(self.cast_tile(&kernel, &grid_ray, first, *cell, slot as usize))
            }
        });
        let ((t, slope), level) = found?;
        Some(grid_ray.hit(&self.grid, ray, t, slope, level))
    }

    #[inline(always)]
    fn cast_tile<K: Kernel>(
        &self,
        kernel: &K,
        ray: &GridRay,
        first: usize,
        tile: Cell,
        slot: usize,
    ) -> Option<(Contact, u8)> {
        let samples = self.samples(slot)?;
        let pyramid = self.pyramid(slot);
        let stride = self.grid.tile_quads as usize + 1;
        let quad = tile.size / self.grid.tile_quads as f32;
        let (block, per_quad) = (quad * BLOCK as f32, 1.0 / quad);
        let level = pyramid::level_of(quad);
        traverse(kernel, first, Cell { node: 0, ..tile }, |cell| {
            if cell.size > block {
                return Visit::Inner(&pyramid[cell.node as usize]);
            }
            let (i, j) = ((cell.x - tile.x) * per_quad, (cell.y - tile.y) * per_quad);
            let corner = j as usize * stride + i as usize;
            let contact = Block::new(*cell, samples, corner, stride).and_then(|b| b.cast(ray));
            Visit::Leaf(contact.map(|c| (c, level)))
        })
    }
}
