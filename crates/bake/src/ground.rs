//! Height and slope of the ground as pages want them: bytes, already averaged for each mip.

use crate::BakeError;
use crate::grid::Grid;
use crate::run::Run;
use farplane_geom::DVec2;
use rayon::prelude::*;

/// Height (255 steps over the world's range) and slope (255 × sine of the inclination).
type Cell = [f32; 2];

/// The finest grid and its averages: a sample of level *l* + 1 is the 1-2-1 mean, both ways, of
/// those of level *l* about it.
pub(crate) struct Ground<'a> {
    grid: &'a Grid,
    lowest: f32,
    steps_per_quantum: f32,
    levels: Vec<Level>,
}

struct Level {
    size: [u32; 2],
    cells: Vec<[u8; 2]>,
}

impl<'a> Ground<'a> {
    /// `range`: lowest and highest quantum of the world.
    pub fn new(grid: &'a Grid, range: [u16; 2], run: &Run<'_>) -> Result<Self, BakeError> {
        let span = f32::from(range[1]) - f32::from(range[0]);
        let steps_per_quantum = if span > 0.0 { 255.0 / span } else { 0.0 };
        let lowest = f32::from(range[0]);
        let mut ground = Self { grid, lowest, steps_per_quantum, levels: Vec::new() };
        let mut size = grid.size;
        while size[0].max(size[1]) > 3 {
            let next = size.map(|s| (s - 1).div_ceil(2) + 1);
            let mut cells = vec![[0u8; 2]; next[0] as usize * next[1] as usize];
            cells.par_chunks_mut(next[0] as usize).enumerate().for_each_init(
                || (Vec::new(), Vec::new()),
                |(row, sum), (y, out)| ground.average(size, y as u32, row, sum, out),
            );
            ground.levels.push(Level { size: next, cells });
            size = next;
            run.check()?;
        }
        Ok(ground)
    }

    /// One row of the next level from the finest one so far.
    fn average(
        &self,
        size: [u32; 2],
        y: u32,
        row: &mut Vec<Cell>,
        sum: &mut Vec<Cell>,
        out: &mut [[u8; 2]],
    ) {
        sum.clear();
        sum.resize(size[0] as usize, [0.0; 2]);
        let last = size[1] - 1;
        for (at, weight) in [((2 * y).saturating_sub(1), 0.25), (2 * y, 0.5), (2 * y + 1, 0.25f32)]
        {
            match self.levels.last() {
                None => self.finest_row(at.min(last), row),
                Some(level) => {
                    let cells = &level.cells[at.min(last) as usize * size[0] as usize..];
                    row.clear();
                    row.extend(cells[..size[0] as usize].iter().map(|c| c.map(f32::from)));
                }
            }
            for (s, r) in sum.iter_mut().zip(row.iter()) {
                s[0] += weight * r[0];
                s[1] += weight * r[1];
            }
        }
        let end = sum.len() - 1;
        for (x, o) in out.iter_mut().enumerate() {
            let (w, c, e) = (
                sum[(2 * x).saturating_sub(1).min(end)],
                sum[(2 * x).min(end)],
                sum[(2 * x + 1).min(end)],
            );
            *o = [0, 1].map(|k| (0.25 * (w[k] + e[k]) + 0.5 * c[k] + 0.5) as u8);
        }
    }

    /// Height and slope of a row of the finest grid, by central differences.
    fn finest_row(&self, y: u32, out: &mut Vec<Cell>) {
        let [w, h] = self.grid.size;
        let (south, north) = (y.saturating_sub(1), (y + 1).min(h - 1));
        let (here, below, above) = (self.grid.row(y), self.grid.row(south), self.grid.row(north));
        let per_y = (self.grid.quantum_m / (f64::from(north - south) * self.grid.spacing.y)) as f32;
        let per_x = (self.grid.quantum_m / (2.0 * self.grid.spacing.x)) as f32;
        let end = w as usize - 1;
        let cell = |x: usize, west: usize, east: usize, per_x: f32| {
            let dx = (f32::from(here[east]) - f32::from(here[west])) * per_x;
            let dy = (f32::from(above[x]) - f32::from(below[x])) * per_y;
            let g = dx * dx + dy * dy;
            let height = (f32::from(here[x]) - self.lowest) * self.steps_per_quantum;
            [height, 255.0 * (g / (1.0 + g)).sqrt()]
        };
        out.clear();
        out.push(cell(0, 0, 1, 2.0 * per_x));
        out.extend((1..end).map(|x| cell(x, x - 1, x + 1, per_x)));
        out.push(cell(end, end - 1, end, 2.0 * per_x));
    }

    fn finest(&self, x: u32, y: u32) -> Cell {
        let g = self.grid;
        let q = |x: u32, y: u32| f32::from(g.sample(u64::from(x), u64::from(y)));
        let (west, east) = (x.saturating_sub(1), (x + 1).min(g.size[0] - 1));
        let (south, north) = (y.saturating_sub(1), (y + 1).min(g.size[1] - 1));
        let quantum = g.quantum_m as f32;
        let dx = (q(east, y) - q(west, y)) * quantum / ((east - west) as f32 * g.spacing.x as f32);
        let dy =
            (q(x, north) - q(x, south)) * quantum / ((north - south) as f32 * g.spacing.y as f32);
        let slope = dx * dx + dy * dy;
        [(q(x, y) - self.lowest) * self.steps_per_quantum, 255.0 * (slope / (1.0 + slope)).sqrt()]
    }

    /// Height and slope bytes at `count²` places, `step_m` apart, row by row from the south-west one
    /// at `first`; beyond the extent those of its edge.
    pub fn sample(&self, first: DVec2, step_m: DVec2, count: usize, out: &mut [Vec<u8>; 2]) {
        let ratio = (step_m / self.grid.spacing).min_element();
        let mut level = 0;
        while level < self.levels.len() && f64::from(2u32 << level) <= ratio * (1.0 + 1e-9) {
            level += 1;
        }
        let size = if level == 0 { self.grid.size } else { self.levels[level - 1].size };
        let spacing = self.grid.spacing * f64::from(1u32 << level);
        let at = |x: u32, y: u32| match level.checked_sub(1) {
            None => self.finest(x, y),
            Some(l) => {
                self.levels[l].cells[y as usize * size[0] as usize + x as usize].map(f32::from)
            }
        };
        let place = |v: f64, samples: u32| {
            let v = v.clamp(0.0, f64::from(samples - 1));
            let i = (v as u32).min(samples.saturating_sub(2));
            (i, (i + 1).min(samples - 1), (v - f64::from(i)) as f32)
        };
        out.iter_mut().for_each(Vec::clear);
        let start = (first - self.grid.min) / spacing;
        let step = step_m / spacing;
        for j in 0..count {
            let (y0, y1, fy) = place(start.y + j as f64 * step.y, size[1]);
            for i in 0..count {
                let (x0, x1, fx) = place(start.x + i as f64 * step.x, size[0]);
                let (sw, se, nw, ne) = (at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1));
                for (k, plane) in out.iter_mut().enumerate() {
                    let south = sw[k] + fx * (se[k] - sw[k]);
                    let north = nw[k] + fx * (ne[k] - nw[k]);
                    plane.push((south + fy * (north - south) + 0.5).clamp(0.0, 255.0) as u8);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farplane_geom::{DVec3, Projection};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_plane_has_its_own_slope_at_every_scale() {
        // 3 m up over 4 m east: the sine of the inclination is 3/5.
        let size = [257u32, 129];
        let grid = Grid {
            size,
            heights: (0..size[0] * size[1]).map(|i| (i % size[0] * 6) as u16).collect(),
            base_m: 0.0,
            quantum_m: 0.25,
            spacing: DVec2::splat(2.0),
            min: DVec2::new(-256.0, -128.0),
            origin: DVec3::ZERO,
            projection: Projection::Metric,
            crs: String::new(),
            source: String::new(),
            filled_voids: 0,
        };
        let cancel = AtomicBool::new(false);
        let run = Run { report: &|_| (), cancel: &cancel };
        let ground = Ground::new(&grid, [0, 256 * 6], &run).unwrap();
        let mut out = [Vec::new(), Vec::new()];
        for step in [1.0, 2.0, 4.0, 16.0] {
            ground.sample(DVec2::new(-48.0, -32.0), DVec2::splat(step), 5, &mut out);
            for j in 0..5 {
                for i in 0..5 {
                    let x = -48.0 + i as f64 * step;
                    let height = (x + 256.0) / 512.0 * 255.0;
                    // Rounded once a level.
                    let got = f64::from(out[0][j * 5 + i]);
                    assert!((got - height).abs() <= 2.5, "{step} {i}: {got} {height}");
                    assert!(out[1][j * 5 + i].abs_diff(153) <= 1);
                }
            }
        }
    }
}
