//! Terrain tiles: what each holds, and how far each lies from the finest samples under it.

use crate::BakeError;
use crate::grid::{Grid, TILE_QUADS};
use crate::run::Run;
use farplane_world::{Terrain, TileNode};
use rayon::prelude::*;

/// The terrain with the range and the error of every tile.
pub(crate) fn measure(grid: &Grid, run: &Run<'_>) -> Result<Terrain, BakeError> {
    let mut terrain = grid.terrain();
    let mut measured: Vec<TileNode> = Vec::with_capacity(terrain.tile_count() as usize);
    for level in 0..terrain.levels {
        let [w, h] = terrain.tiles(level);
        run.progress("errors", u64::from(level), u64::from(terrain.levels))?;
        let below =
            if level == 0 { &[] } else { &measured[terrain.level_offset(level - 1) as usize..] };
        let below_size = if level == 0 { [0, 0] } else { terrain.tiles(level - 1) };
        let nodes: Vec<TileNode> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                if run.check().is_err() {
                    return TileNode::default();
                }
                let (x, y) = (i % w, i / w);
                if level == 0 {
                    let (min_q, max_q) = range(grid, x, y);
                    return TileNode { min_q, max_q, error_m: 0.0 };
                }
                let steps = largest_distance(grid, level, x, y);
                let scale = grid.quantum_m / f64::from(1u32 << level);
                let error_m = (f64::from(steps) * scale) as f32;
                // A parent spans its children's ranges and is never said to be better than they.
                let mut node = TileNode { min_q: u16::MAX, max_q: 0, error_m };
                for (cx, cy) in
                    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(a, b)| (2 * x + a, 2 * y + b))
                {
                    if cx < below_size[0] && cy < below_size[1] {
                        let child = below[(cy * below_size[0] + cx) as usize];
                        node.min_q = node.min_q.min(child.min_q);
                        node.max_q = node.max_q.max(child.max_q);
                        node.error_m = node.error_m.max(child.error_m);
                    }
                }
                node
            })
            .collect();
        run.check()?;
        measured.extend(nodes);
    }
    terrain.nodes = measured;
    Ok(terrain)
}

/// The samples of a tile, as its entry holds them.
pub(crate) fn payload(grid: &Grid, level: u32, x: u32, y: u32) -> Vec<u8> {
    let n = TILE_QUADS + 1;
    let mut out = Vec::with_capacity((n * n * 2) as usize);
    for j in 0..n {
        let gy = (u64::from(y * TILE_QUADS) + u64::from(j)) << level;
        let row = grid.row(gy.min(u64::from(grid.size[1] - 1)) as u32);
        for i in 0..n {
            let gx = (u64::from(x * TILE_QUADS) + u64::from(i)) << level;
            let q = row[gx.min(u64::from(grid.size[0] - 1)) as usize];
            out.extend_from_slice(&q.to_le_bytes());
        }
    }
    out
}

/// First and last valid sample of a tile along an axis.
fn span(at: u32, level: u32, samples: u32) -> (u32, u32) {
    let quads = u64::from(TILE_QUADS) << level;
    let end = ((u64::from(at) + 1) * quads).min(u64::from(samples) - 1);
    ((u64::from(at) * quads) as u32, end as u32)
}

fn range(grid: &Grid, x: u32, y: u32) -> (u16, u16) {
    let ((x0, x1), (y0, y1)) = (span(x, 0, grid.size[0]), span(y, 0, grid.size[1]));
    let (mut lo, mut hi) = (u16::MAX, 0);
    for gy in y0..=y1 {
        for &q in &grid.row(gy)[x0 as usize..=x1 as usize] {
            lo = lo.min(q);
            hi = hi.max(q);
        }
    }
    (lo, hi)
}

/// The largest vertical distance between a tile's surface and the finest samples on it, in steps of
/// `quantum / 2^level`: whole numbers, so exact. A quad's surface is linear along a row on either
/// side of the diagonal; with 2^level ≤ 2^13 all terms stay inside 31 bits.
fn largest_distance(grid: &Grid, level: u32, x: u32, y: u32) -> u32 {
    let step = 1usize << level;
    let s = step as i32;
    let ((x0, x1), (y0, y1)) = (span(x, level, grid.size[0]), span(y, level, grid.size[1]));
    let mut largest = 0i32;
    for gy in y0..=y1 {
        let fy = ((gy - y0) as usize % step) as i32;
        let south_y = u64::from(gy) - fy as u64;
        // The last row lies on the quads' southern edge: the row above it does not count there.
        let row = grid.row(gy);
        let mut gx = x0 as usize;
        while gx <= x1 as usize {
            let at = |dx: u64, dy: u64| {
                i32::from(grid.sample(gx as u64 + dx * step as u64, south_y + dy * step as u64))
            };
            let (sw, se, nw, ne) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
            let valid = &row[gx..=(gx + step - 1).min(x1 as usize)];
            // West of the diagonal (fx < fy), then east of it.
            let (west, east) = valid.split_at((fy as usize).min(valid.len()));
            let start = sw * s + fy * (nw - sw);
            largest = largest.max(distance(west, 0, start, ne - nw, s));
            let start = sw * s + fy * (ne - se);
            largest = largest.max(distance(east, fy, start, se - sw, s));
            gx += step;
        }
    }
    largest as u32
}

/// Largest |surface − sample| of a run of samples from `fx = first` on, the surface being
/// `start + slope · fx` in steps of 1 / `s` quanta.
fn distance(samples: &[u16], first: i32, start: i32, slope: i32, s: i32) -> i32 {
    let mut largest = 0;
    for (k, &q) in samples.iter().enumerate() {
        let surface = start + slope * (first + k as i32);
        largest = largest.max((surface - i32::from(q) * s).abs());
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{hash2, noise2};
    use farplane_geom::{DVec2, DVec3, Projection};
    use farplane_world::tile;
    use std::sync::atomic::AtomicBool;

    fn bumpy(size: [u32; 2]) -> Grid {
        let heights = (0..size[0] * size[1])
            .map(|i| {
                let (x, y) = (i % size[0], i / size[0]);
                let form = 20_000.0 + 15_000.0 * noise2(x as f32 / 60.0, y as f32 / 45.0, 5);
                form as u16 + (hash2(x as i32, y as i32, 9) % 300) as u16
            })
            .collect();
        Grid {
            size,
            heights,
            base_m: -3.0,
            quantum_m: 0.25,
            spacing: DVec2::new(2.0, 3.0),
            min: DVec2::ZERO,
            origin: DVec3::ZERO,
            projection: Projection::Metric,
            crs: String::new(),
            source: String::new(),
            filled_voids: 0,
        }
    }

    /// The definition, by the schema's own surface in floating point.
    fn naive_error(grid: &Grid, terrain: &Terrain, level: u32, x: u32, y: u32) -> f64 {
        let tile = payload(grid, level, x, y);
        let quads = TILE_QUADS << level;
        let mut largest = 0f64;
        for gy in y * quads..=((y + 1) * quads).min(grid.size[1] - 1) {
            for gx in x * quads..=((x + 1) * quads).min(grid.size[0] - 1) {
                let scale = f64::from(1 << level);
                let (u, v) = (f64::from(gx - x * quads) / scale, f64::from(gy - y * quads) / scale);
                let surface = tile::surface(terrain, &tile, u, v).unwrap();
                let sample = f64::from(grid.sample(u64::from(gx), u64::from(gy)));
                largest = largest.max((surface - sample).abs());
            }
        }
        largest * grid.quantum_m
    }

    #[test]
    fn every_error_is_the_definitions_and_no_parent_is_better_than_its_children() {
        for size in [[513u32, 513], [400, 290], [129, 600]] {
            let grid = bumpy(size);
            let cancel = AtomicBool::new(false);
            let terrain = measure(&grid, &Run { report: &|_| (), cancel: &cancel }).unwrap();
            assert_eq!(terrain.nodes.len(), terrain.tile_count() as usize);
            let mut naive = vec![0f64; terrain.nodes.len()];
            for index in 0..terrain.tile_count() {
                let (level, x, y) = terrain.coordinates(index).unwrap();
                let mut want = naive_error(&grid, &terrain, level, x, y);
                for (a, b) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let child =
                        level.checked_sub(1).and_then(|l| terrain.index(l, 2 * x + a, 2 * y + b));
                    if let Some(c) = child {
                        want = want.max(naive[c as usize]);
                        assert!(
                            terrain.nodes[index as usize].error_m
                                >= terrain.nodes[c as usize].error_m
                        );
                    }
                }
                naive[index as usize] = want;
                let got = f64::from(terrain.nodes[index as usize].error_m);
                assert!(
                    (got - want).abs() <= 1e-6 * want.max(1.0),
                    "{level} {x} {y}: {got} {want}"
                );
            }
            assert!(terrain.nodes.last().unwrap().error_m > 1.0);
        }
    }

    #[test]
    fn the_root_spans_all_samples() {
        let grid = bumpy([400, 290]);
        let cancel = AtomicBool::new(false);
        let terrain = measure(&grid, &Run { report: &|_| (), cancel: &cancel }).unwrap();
        let root = terrain.nodes.last().unwrap();
        assert_eq!(root.min_q, *grid.heights.iter().min().unwrap());
        assert_eq!(root.max_q, *grid.heights.iter().max().unwrap());
    }
}
