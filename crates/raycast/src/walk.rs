//! Front to back through two quadtrees of maxima: the scene's, down to its tiles, and each tile's,
//! down to blocks. The maximum mipmaps are those of Tevs, Ihrke and Seidel, "Maximum mipmaps for
//! fast, accurate, and scalable dynamic height field rendering" (I3D 2008); instead of stepping
//! across one level and climbing back, all four children of a node are tested at once and those
//! that the ray passes below their maxima are kept on a stack.

use crate::Grid;
use crate::kernel::{Cell, Kernel};
use crate::pyramid::{self, BLOCK};
use crate::ray::GridRay;
use crate::scene::{Link, Scene};

/// Cells that wait. Tiles have at most 9 levels of their own (256 blocks a side), and each level leaves at most two behind, since a ray passes at most three of four
/// children.
const STACK: usize = 2 * (Grid::LEVELS_MAX as usize + 9);

/// Cells of a walk that wait, the nearest last.
pub(crate) type Stack = [Cell; STACK];

/// Room for a walk; it lies outside the walk so that making one moves little memory.
pub(crate) const EMPTY_STACK: Stack = [Cell { x: 0.0, y: 0.0, size: 0.0, node: 0 }; STACK];

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

/// A block that a ray passes below its maximum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) cell: Cell,
    /// Slot of its tile.
    pub(crate) slot: usize,
    /// Its south-west sample in the tile.
    pub(crate) corner: usize,
}

/// The tile that a walk is in.
#[derive(Clone, Copy, Debug)]
struct Tile {
    slot: usize,
    x: f32,
    y: f32,
    /// Side of a block, and quads of the tile per finest quad.
    block: f32,
    per_quad: f32,
    /// Cells that wait outside the tile.
    outside: usize,
}

/// The blocks that a ray passes below their maxima, nearest first.
pub(crate) struct Walk<K> {
    kernel: K,
    first: usize,
    /// The cell to look at next; none when the walk is over.
    cell: Option<Cell>,
    tile: Option<Tile>,
    waiting: usize,
}

impl<K: Kernel> Walk<K> {
    #[inline(always)]
    pub(crate) fn new<S>(scene: &Scene<S>, ray: &GridRay) -> Self {
        let root = Cell { x: 0.0, y: 0.0, size: scene.root_size(), node: 0 };
        Self {
            kernel: K::new(ray),
            first: usize::from(ray.x.negative) | usize::from(ray.y.negative) << 1,
            cell: Some(root),
            tile: None,
            waiting: 0,
        }
    }

    /// The next block; `stack` is the same for all of a walk.
    #[inline(always)]
    pub(crate) fn next<S>(&mut self, scene: &Scene<S>, stack: &mut Stack) -> Option<Place> {
        let mut cell = self.cell?;
        loop {
            let mask = if let Some(tile) = &self.tile {
                if cell.size <= tile.block {
                    let (i, j) = (cell.x - tile.x, cell.y - tile.y);
                    let (i, j) = ((i * tile.per_quad) as usize, (j * tile.per_quad) as usize);
                    let corner = j * scene.stride() + i;
                    let place = Place { cell, slot: tile.slot, corner };
                    self.cell = self.pop(stack);
                    return Some(place);
                }
                let max = scene.pyramid(tile.slot)[cell.node as usize];
                self.kernel.children(&cell, &max.map(pyramid::ceiling))
            } else {
                match scene.links[cell.node as usize] {
                    Link::EMPTY => 0,
                    Link::INNER => self.kernel.children(&cell, &scene.max[cell.node as usize]),
                    Link(slot) => {
                        self.enter(scene, &cell, slot as usize);
                        cell.node = 0;
                        continue;
                    }
                }
            };
            cell = if mask == 0 {
                match self.pop(stack) {
                    Some(cell) => cell,
                    None => {
                        self.cell = None;
                        return None;
                    }
                }
            } else {
                self.push_far(&cell, mask, stack)
            };
        }
    }

    #[inline(always)]
    fn enter<S>(&mut self, scene: &Scene<S>, cell: &Cell, slot: usize) {
        let quad = cell.size / scene.grid.tile_quads as f32;
        self.tile = Some(Tile {
            slot,
            x: cell.x,
            y: cell.y,
            block: quad * BLOCK as f32,
            per_quad: 1.0 / quad,
            outside: self.waiting,
        });
    }

    /// Keeps all but the nearest of a cell's children for later.
    #[inline(always)]
    fn push_far(&mut self, cell: &Cell, mask: usize, stack: &mut Stack) -> Cell {
        let order = u32::from(ORDER[self.first][mask]);
        let mut k = mask.count_ones();
        while k > 1 {
            k -= 1;
            stack[self.waiting] = cell.child((order >> (2 * k)) & 3);
            self.waiting += 1;
        }
        cell.child(order & 3)
    }

    #[inline(always)]
    fn pop(&mut self, stack: &Stack) -> Option<Cell> {
        if self.tile.is_some_and(|tile| tile.outside == self.waiting) {
            self.tile = None;
        }
        self.waiting = self.waiting.checked_sub(1)?;
        Some(stack[self.waiting])
    }
}
