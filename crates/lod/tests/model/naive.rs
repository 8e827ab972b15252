//! The quadtree as plain recursion sees it: the oracle of cuts.

use super::terrain::{TILE_M, Terrain};
use farplane_geom::{Aabb, Frustum, Vec3};
use farplane_lod::LodView;
use std::collections::HashMap;

/// The cut by recursion over columns and rows, with its own boxes and distances, in f64.
pub struct Naive<'a> {
    pub terrain: &'a Terrain,
    pub view: LodView,
    pub frustum: Option<Frustum>,
    /// Thresholds for a node that was not refined before, and for one that was.
    pub refine_px: f64,
    pub coarsen_px: f64,
    /// By level, column and row.
    pub refined: HashMap<(u32, u32, u32), bool>,
}

impl Naive<'_> {
    pub fn cut(&mut self) -> Vec<(u32, u32, u32)> {
        let top = self.terrain.grid.levels() - 1;
        let mut out = Vec::new();
        let [width, height] = self.terrain.grid.dims(0).map(|n| n.div_ceil(1 << top));
        for y in 0..height {
            for x in 0..width {
                self.visit(top, x, y, &mut out);
            }
        }
        out
    }

    fn visit(&mut self, level: u32, x: u32, y: u32, out: &mut Vec<(u32, u32, u32)>) {
        let [tiles_x, tiles_y] = self.terrain.grid.dims(0);
        let edge = 1 << level;
        if x * edge >= tiles_x || y * edge >= tiles_y {
            return;
        }
        let index = self.index(level, x, y);
        let corner = |tile: u32, tiles: u32, start: f32| start + tile.min(tiles) as f32 * TILE_M;
        let min = Vec3::new(
            corner(x * edge, tiles_x, -500.0),
            corner(y * edge, tiles_y, 300.0),
            self.terrain.min_z[index],
        );
        let max = Vec3::new(
            corner((x + 1) * edge, tiles_x, -500.0),
            corner((y + 1) * edge, tiles_y, 300.0),
            self.terrain.max_z[index],
        );
        if self.frustum.is_some_and(|f| !f.intersects_aabb(&Aabb::new(min, max))) {
            return;
        }
        let nearest = self.view.position.clamp(min, max);
        let distance = (nearest.as_dvec3() - self.view.position.as_dvec3()).length();
        let error = f64::from(self.terrain.error_m[index]) * f64::from(self.view.focal_px);
        let was_refined = self.refined.get(&(level, x, y)).copied().unwrap_or(false);
        let limit = if was_refined { self.coarsen_px } else { self.refine_px };
        if level > 0 && error > limit * distance {
            self.refined.insert((level, x, y), true);
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                self.visit(level - 1, x * 2 + dx, y * 2 + dy, out);
            }
        } else {
            // Whatever lies below starts afresh.
            self.refined.retain(|&(l, nx, ny), _| {
                l > level || (nx >> (level - l), ny >> (level - l)) != (x, y)
            });
            out.push((level, x, y));
        }
    }

    /// Counts the nodes of the finer levels one level at a time.
    fn index(&self, level: u32, x: u32, y: u32) -> usize {
        let [tiles_x, tiles_y] = self.terrain.grid.dims(0);
        let before: u32 =
            (0..level).map(|l| tiles_x.div_ceil(1 << l) * tiles_y.div_ceil(1 << l)).sum();
        (before + y * tiles_x.div_ceil(1 << level) + x) as usize
    }
}
