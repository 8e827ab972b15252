//! The units that lie on the ground, as grids over the world: one a level.

use crate::cli::HeatMapOf;
use farplane::WorldIndex;
use farplane::geom::DVec2;
use farplane::vt::PageId;

/// Terrain tiles, or texture pages: a quadtree whose levels are grids from the world's south-west
/// corner, each twice as coarse as the one before.
pub struct Ground {
    levels: Vec<Level>,
    /// Side of a cell: a unit of the finest level, m.
    cell_m: DVec2,
    /// The first level that is always resident.
    pinned: usize,
}

/// A level: units by rows from the south, the first one's number first.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Number of the unit in the south-west.
    pub first: u32,
    /// Units east and north.
    pub size: [u32; 2],
}

impl Ground {
    /// A ground of these levels, the finest first.
    pub fn new(levels: Vec<Level>, cell_m: DVec2, pinned: usize) -> Self {
        Self { levels, cell_m, pinned }
    }

    /// What a map of these colours shows.
    pub fn of(index: &WorldIndex, of: HeatMapOf) -> Vec<Self> {
        match of {
            HeatMapOf::Pages => vec![Self::pages(index)],
            HeatMapOf::Tiles => vec![Self::tiles(index)],
            HeatMapOf::Loads | HeatMapOf::Misses => vec![Self::pages(index), Self::tiles(index)],
        }
    }

    fn tiles(index: &WorldIndex) -> Self {
        let t = &index.world.terrain;
        let level = |l| Level { first: t.level_offset(l), size: t.tiles(l) };
        let cell_m = t.spacing * f64::from(t.tile_quads);
        Self::with_pins(index, (0..t.levels).map(level).collect(), cell_m)
    }

    fn pages(index: &WorldIndex) -> Self {
        let layout = &index.layout;
        let level = |mip| {
            let size = [layout.pages_x(mip), layout.pages_y(mip)].map(u32::from);
            Some(Level { first: index.page_unit(PageId::new(mip, 0, 0))?, size })
        };
        let cell_m = index.world.texel_m() * f64::from(layout.page_texels());
        Self::with_pins(index, (0..layout.mips()).filter_map(level).collect(), cell_m)
    }

    fn with_pins(index: &WorldIndex, levels: Vec<Level>, cell_m: DVec2) -> Self {
        let pinned = levels.iter().position(|l| index.units[l.first as usize].pinned);
        let pinned = pinned.unwrap_or(levels.len());
        Self::new(levels, cell_m, pinned)
    }

    /// Cells east and north.
    pub fn cells(&self) -> [u32; 2] {
        self.levels.first().map_or([0; 2], |l| l.size)
    }

    /// Column and row of the cell under a point, m from the south-west corner.
    pub fn cell_at(&self, at: DVec2) -> [u32; 2] {
        let [w, h] = self.cells();
        let cell = (at / self.cell_m).max(DVec2::ZERO);
        [(cell.x as u32).min(w.saturating_sub(1)), (cell.y as u32).min(h.saturating_sub(1))]
    }

    /// The ground under a unit, corner to corner, m from the south-west corner; `None` for a unit of
    /// another kind.
    pub fn extent_m(&self, unit: u32) -> Option<[DVec2; 2]> {
        let inside = |l: &Level| (l.first..l.first + l.size[0] * l.size[1]).contains(&unit);
        let level = self.levels.iter().position(inside)?;
        let Level { first, size: [w, _] } = self.levels[level];
        let (x, y) = ((unit - first) % w, (unit - first) / w);
        let side = self.cell_m * f64::from(1u32 << level);
        let corner = |x: u32, y: u32| side * DVec2::new(f64::from(x), f64::from(y));
        Some([corner(x, y), corner(x + 1, y + 1)])
    }

    /// Levels that come and go: as many colours has a map of levels.
    pub fn streamed(&self) -> usize {
        self.pinned.clamp(1, self.levels.len().max(1))
    }

    /// The finest resident level of each cell, row by row from the south-west, counted from what is
    /// always there: 0 is the coarsest level that comes and goes, `streamed() - 1` the finest one. NaN
    /// where there is no more than what is always there, unless that is the finest.
    pub fn quality(&self, resident: impl Fn(u32) -> bool) -> Vec<f32> {
        let top = self.streamed() - 1;
        let own = |above: f32, level: usize, unit: u32| match resident(unit) && level <= top {
            true => (top - level) as f32,
            false => above,
        };
        self.descend(f32::NAN, own)
    }

    /// What was counted of the units over each cell, of all levels together; NaN for nothing.
    pub fn counted(&self, counts: &[u32]) -> Vec<f32> {
        let count = |unit: u32| counts.get(unit as usize).copied().unwrap_or(0) as f32;
        let mut sums = self.descend(0.0, |above, _, unit| above + count(unit));
        sums.iter_mut().filter(|sum| **sum == 0.0).for_each(|sum| *sum = f32::NAN);
        sums
    }

    /// From the root down: what each unit makes of its parent's value.
    fn descend(&self, root: f32, own: impl Fn(f32, usize, u32) -> f32) -> Vec<f32> {
        let mut above = Level { first: 0, size: [1, 1] };
        let mut values = vec![root];
        for (number, level) in self.levels.iter().enumerate().rev() {
            let [w, h] = level.size;
            let mut next = Vec::with_capacity(w as usize * h as usize);
            for y in 0..h {
                let row = (y / 2).min(above.size[1] - 1) * above.size[0];
                for x in 0..w {
                    let parent = row + (x / 2).min(above.size[0] - 1);
                    let unit = level.first + y * w + x;
                    next.push(own(values[parent as usize], number, unit));
                }
            }
            (above, values) = (*level, next);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 × 2 cells of 10 × 20 m: units 100 to 105 by rows from the south, 50 and 51 above, 7 the
    /// root, which is pinned.
    fn small() -> Ground {
        let levels = vec![
            Level { first: 100, size: [3, 2] },
            Level { first: 50, size: [2, 1] },
            Level { first: 7, size: [1, 1] },
        ];
        Ground::new(levels, DVec2::new(10.0, 20.0), 2)
    }

    /// NaN as -1, so that lists can be compared.
    fn plain(values: Vec<f32>) -> Vec<f32> {
        values.into_iter().map(|v| if v.is_nan() { -1.0 } else { v }).collect()
    }

    #[test]
    fn quality_is_the_finest_resident_level() {
        let quality = |residents: &[u32]| plain(small().quality(|unit| residents.contains(&unit)));
        // The root alone: bare ground.
        assert_eq!(quality(&[7]), [-1.0; 6]);
        // Unit 50 covers the two columns in the west, 51 the third.
        assert_eq!(quality(&[7, 50]), [0.0, 0.0, -1.0, 0.0, 0.0, -1.0]);
        assert_eq!(quality(&[7, 51, 103]), [-1.0, -1.0, 0.0, 1.0, -1.0, 0.0]);
        // A fine unit counts without its parents.
        assert_eq!(quality(&[105]), [-1.0, -1.0, -1.0, -1.0, -1.0, 1.0]);
    }

    #[test]
    fn a_ground_that_is_always_there_is_at_its_best() {
        let levels = vec![Level { first: 4, size: [2, 1] }, Level { first: 6, size: [1, 1] }];
        let ground = Ground::new(levels, DVec2::ONE, 0);
        assert_eq!(ground.streamed(), 1);
        assert_eq!(plain(ground.quality(|_| true)), [0.0, 0.0]);
        assert_eq!(plain(ground.quality(|unit| unit != 5)), [0.0, -1.0]);
    }

    #[test]
    fn counts_of_all_levels_add_up() {
        let mut counts = vec![0; 106];
        (counts[50], counts[100], counts[102]) = (2, 1, 4);
        assert_eq!(plain(small().counted(&counts)), [3.0, 2.0, 4.0, 2.0, 2.0, -1.0]);
        counts[7] = 1;
        assert_eq!(plain(small().counted(&counts)), [4.0, 3.0, 5.0, 3.0, 3.0, 1.0]);
    }

    #[test]
    fn units_and_points_have_their_places() {
        let ground = small();
        let corners = |unit| ground.extent_m(unit).map(|c| c.map(|c| [c.x, c.y]));
        assert_eq!(corners(104), Some([[10.0, 20.0], [20.0, 40.0]]));
        assert_eq!(corners(51), Some([[20.0, 0.0], [40.0, 40.0]]));
        assert_eq!(corners(7), Some([[0.0, 0.0], [40.0, 80.0]]));
        assert_eq!(corners(99), None);
        assert_eq!(ground.cell_at(DVec2::new(10.0, 19.9)), [1, 0]);
        assert_eq!(ground.cell_at(DVec2::new(-5.0, 1e9)), [0, 1]);
    }
}
