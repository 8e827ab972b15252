use crate::grid::Grid;
use crate::noise::{hash2, mix, noise2, seed_for, unit};
use crate::order::morton;
use crate::props::{MESHES, ROCKS};
use farplane_geom::{DVec2, Vec3};
use farplane_world::Instance;
use rayon::prelude::*;

/// Places that are tried for every prop that is kept.
const TRIED: f64 = 2.5;

struct Candidate {
    /// Smaller ones are kept.
    rank: u32,
    cell: [u32; 2],
    instance: Instance,
}

/// Exactly `count` props on the ground: one place in every cell of a jittered grid, of which those
/// that suit best stay: fewer on steep slopes and peaks, trees in groves. In Morton order.
pub(crate) fn scatter(grid: &Grid, range: [u16; 2], count: u32, seed: u64) -> Vec<Instance> {
    if count == 0 {
        return Vec::new();
    }
    let size = grid.size_m();
    let cell_m = (size.x * size.y / (f64::from(count) * TRIED)).sqrt();
    let mut cells = [size.x, size.y].map(|s| (s / cell_m).ceil().max(1.0) as u32);
    // Rounding on a narrow world must not leave fewer places than props.
    while u64::from(cells[0]) * u64::from(cells[1]) < u64::from(count) {
        cells = cells.map(|c| c + 1);
    }
    let seed = seed_for(seed, 100);
    let place = |x: u32, y: u32| candidate(grid, range, [x, y], cells, seed);
    let mut found: Vec<Candidate> = (0..cells[1])
        .into_par_iter()
        .flat_map_iter(|y| (0..cells[0]).map(move |x| (x, y)))
        .map(|(x, y)| place(x, y))
        .collect();
    found.sort_unstable_by_key(|c| (c.rank, c.cell));
    found.truncate(count as usize);
    found.sort_unstable_by_key(|c| morton(c.cell[0], c.cell[1]));
    found.into_iter().map(|c| c.instance).collect()
}

fn candidate(
    grid: &Grid,
    range: [u16; 2],
    cell: [u32; 2],
    cells: [u32; 2],
    seed: u32,
) -> Candidate {
    let random = hash2(cell[0] as i32, cell[1] as i32, seed);
    let number = |k: u32| unit(mix(random ^ k.wrapping_mul(0x9e37_79b1)));
    let size = grid.size_m();
    // A little inside the cell, so that no two props share a place and none lies on the edge.
    let at = |k: usize, n: u32| {
        (f64::from(cell[k]) + 0.05 + 0.9 * f64::from(number(n))) / f64::from(cells[k])
    };
    let offset = DVec2::new(at(0, 1), at(1, 2)) * size;
    // Rounded first: the height must be that of the place which is stored.
    let (x, y) = ((grid.min.x + offset.x) as f32, (grid.min.y + offset.y) as f32);
    let place = DVec2::new(f64::from(x), f64::from(y));
    let height = grid.height_at(place);
    let step = grid.spacing * 2.0;
    let rise = DVec2::new(
        grid.height_at(place + DVec2::new(step.x, 0.0))
            - grid.height_at(place - DVec2::new(step.x, 0.0)),
        grid.height_at(place + DVec2::new(0.0, step.y))
            - grid.height_at(place - DVec2::new(0.0, step.y)),
    ) / (step * 2.0);
    let steepness = (rise.x * rise.x + rise.y * rise.y).sqrt() as f32;
    let span = (f64::from(range[1]) - f64::from(range[0])) * grid.quantum_m;
    let level = (height - grid.base_m) / grid.quantum_m - f64::from(range[0]);
    let level = if span > 0.0 { (level * grid.quantum_m / span) as f32 } else { 0.0 };
    // Groves are 30 cells wide: the same picture at any scale of the world.
    let (gx, gy) = (cell[0] as f32 / 30.0, cell[1] as f32 / 30.0);
    let grove = 0.5 + 1.4 * noise2(gx, gy, seed ^ 1) + 0.5 * noise2(gx * 3.1, gy * 3.1, seed ^ 2);
    let tree = grove.clamp(0.05, 1.0) * fall(steepness, 0.4, 0.9) * fall(level, 0.5, 0.75);
    let rock = 0.22 * fall(steepness, 0.8, 1.8) * fall(level, 0.8, 1.1).max(0.3);
    let is_tree = number(3) * (tree + rock) < tree;
    let (first, kinds) = if is_tree { (ROCKS, MESHES - ROCKS) } else { (0, ROCKS) };
    let mesh = first + (number(4) * kinds as f32) as u32;
    let suits = (tree + rock).max(0.004);
    // Rocks come in all sizes, small ones more often.
    let scale = if is_tree { 0.6 + 0.8 * number(5) } else { 0.5 + 1.5 * number(5) * number(5) };
    Candidate {
        rank: (number(6) / suits * 1_048_576.0) as u32,
        cell,
        instance: Instance {
            position: Vec3::new(x, y, height as f32),
            yaw_rad: number(7) * core::f32::consts::TAU,
            scale,
            mesh,
        },
    }
}

/// 1 up to `lo`, 0 from `hi` on.
fn fall(v: f32, lo: f32, hi: f32) -> f32 {
    ((hi - v) / (hi - lo)).clamp(0.0, 1.0)
}
