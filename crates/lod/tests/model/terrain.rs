//! Terrain for the tests.

use farplane_geom::Vec2;
use farplane_lod::{QuadGrid, QuadNode, QuadTree};

#[derive(Clone, Debug)]
pub struct Terrain {
    pub grid: QuadGrid,
    pub error_m: Vec<f32>,
    pub min_z: Vec<f32>,
    pub max_z: Vec<f32>,
}

/// Edge of a tile of level 0, m.
pub const TILE_M: f32 = 64.0;

impl Terrain {
    /// Errors double with every level, times a factor per node; heights are any.
    pub fn new(dims: [u32; 2], levels: u32, seed: u64) -> Self {
        let grid =
            QuadGrid::new(Vec2::new(-500.0, 300.0), Vec2::splat(TILE_M), dims, levels).unwrap();
        let mut state = seed;
        let mut unit = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 16_777_216.0
        };
        let count = grid.node_count() as usize;
        let mut terrain = Self {
            grid,
            error_m: vec![0.0; count],
            min_z: (0..count).map(|_| unit() * -50.0).collect(),
            max_z: (0..count).map(|_| unit() * 50.0).collect(),
        };
        for level in 0..levels {
            for node in nodes(&grid, level) {
                let error_m = 0.05 * (1 << level) as f32 * (0.5 + unit());
                terrain.error_m[node.index as usize] = error_m;
            }
        }
        terrain
    }

    pub fn tree(&self) -> QuadTree<'_> {
        QuadTree::new(self.grid, &self.error_m, &self.min_z, &self.max_z).unwrap()
    }
}

pub fn nodes(grid: &QuadGrid, level: u32) -> Vec<QuadNode> {
    let [width, height] = grid.dims(level);
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places.map(|(x, y)| grid.node(level, x, y).unwrap()).collect()
}
