//! The order of entries in the archive: coarse before fine, and within a size by place, so that what
//! is needed together lies together.

use crate::grid::Grid;
use crate::pages::{self, PageAt};
use crate::patch::LEVELS;
use farplane_geom::DVec2;
use farplane_world::{Terrain, TextureLayout};

/// Interleaves the bits of two coordinates.
pub(crate) fn morton(x: u32, y: u32) -> u64 {
    let spread = |v: u32| {
        let mut v = u64::from(v);
        for (shift, mask) in [
            (16, 0x0000_ffff_0000_ffff),
            (8, 0x00ff_00ff_00ff_00ff),
            (4, 0x0f0f_0f0f_0f0f_0f0f),
            (2, 0x3333_3333_3333_3333),
            (1, 0x5555_5555_5555_5555u64),
        ] {
            v = (v | v << shift) & mask;
        }
        v
    };
    spread(x) | spread(y) << 1
}

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Materials,
    Mesh { mesh: u32, level: u32 },
    Tile { level: u32, x: u32, y: u32 },
    Page { mip: u32, x: u32, y: u32 },
}

/// An entry in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Number in the archive.
    pub id: u32,
    pub part: Part,
    /// Equal for entries of one run: about 8 × 8 units of one size.
    pub run: (u32, u64),
}

/// Side of a run's square in units of the finest cell, as a power of two: 8 units of up to 2 cells.
const RUN_CELLS_LOG2: u32 = 4;

/// All entries in the order of writing: the materials, then size by size from the coarsest, each led
/// by one level of the meshes.
pub(crate) fn entries(
    grid: &Grid,
    terrain: &Terrain,
    texture: &TextureLayout,
    meshes: u32,
) -> Vec<Entry> {
    let [w, h] = texture.texels.map(|t| f64::from(t / texture.page_texels));
    let page_m = grid.size_m() / DVec2::new(w, h);
    let tile_m = f64::from(terrain.tile_quads) * terrain.spacing.max_element();
    let finest_m = page_m.max_element().min(tile_m);
    // A unit's size in powers of two of the finest one's, rounded down, and its place in halves of
    // that size.
    let place = |side_m: DVec2, x: u32, y: u32| {
        let longer_m = side_m.max_element() * (1.0 + 1e-9);
        let mut band = 0u32;
        while band < 30 && finest_m * f64::from(2u32 << band) <= longer_m {
            band += 1;
        }
        let half_m = 0.5 * finest_m * f64::from(1u32 << band);
        let cell = |i: u32, side: f64| ((f64::from(i) + 0.5) * side / half_m) as u32;
        (band, morton(cell(x, side_m.x), cell(y, side_m.y)))
    };
    let mut placed: Vec<(u32, u64, Part, u32)> = Vec::new();
    for id in 0..terrain.tile_count() {
        let Some((level, x, y)) = terrain.coordinates(id) else { continue };
        let side_m = terrain.spacing * f64::from(terrain.tile_quads) * f64::from(1u32 << level);
        let (band, code) = place(side_m, x, y);
        placed.push((band, code, Part::Tile { level, x, y }, id));
    }
    let mesh_base = terrain.tile_count();
    let page_base = mesh_base + meshes * LEVELS;
    for (i, PageAt { mip, x, y }) in pages::all(texture).enumerate() {
        let (band, code) = place(page_m * f64::from(1u32 << mip), x, y);
        placed.push((band, code, Part::Page { mip, x, y }, page_base + i as u32));
    }
    placed.sort_unstable_by_key(|&(band, code, part, _)| (core::cmp::Reverse(band), code, part));
    let mut out = Vec::with_capacity(placed.len() + (meshes * LEVELS) as usize + 1);
    let materials = page_base + texture.pages;
    out.push(Entry { id: materials, part: Part::Materials, run: (u32::MAX, 0) });
    let mut waiting = (0..LEVELS).rev();
    let mut lead = |out: &mut Vec<Entry>| {
        let Some(level) = waiting.next() else { return false };
        out.extend((0..meshes).map(|mesh| Entry {
            id: mesh_base + mesh * LEVELS + level,
            part: Part::Mesh { mesh, level },
            run: (1000 + level, 0),
        }));
        true
    };
    let mut last = None;
    for (band, code, part, id) in placed {
        if last != Some(band) {
            lead(&mut out);
            last = Some(band);
        }
        out.push(Entry { id, part, run: (band, code >> (2 * RUN_CELLS_LOG2)) });
    }
    while lead(&mut out) {}
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use farplane_geom::{DVec3, Projection};

    fn square(samples: u32) -> Grid {
        Grid {
            size: [samples; 2],
            heights: vec![0; (samples * samples) as usize],
            base_m: 0.0,
            quantum_m: 1.0,
            spacing: DVec2::splat(0.5),
            min: DVec2::ZERO,
            origin: DVec3::ZERO,
            projection: Projection::Metric,
            crs: String::new(),
            source: String::new(),
            filled_voids: 0,
        }
    }

    #[test]
    fn every_entry_comes_once_and_no_larger_unit_after_a_smaller_one() {
        // 16 × 16 tiles of 64 m, 32 × 32 pages of 32 m.
        let grid = square(2049);
        let (terrain, texture) = (grid.terrain(), TextureLayout::new([4096; 2], 128, 4));
        let entries = entries(&grid, &terrain, &texture, 3);
        let mut ids: Vec<u32> = entries.iter().map(|e| e.id).collect();
        assert_eq!(entries[0], Entry { id: ids[0], part: Part::Materials, run: (u32::MAX, 0) });
        let mut side_m = u32::MAX;
        for e in &entries {
            let this_m = match e.part {
                Part::Tile { level, .. } => 64 << level,
                Part::Page { mip, .. } => 32 << mip,
                Part::Materials | Part::Mesh { .. } => continue,
            };
            assert!(this_m <= side_m);
            side_m = this_m;
        }
        ids.sort_unstable();
        let count = terrain.tile_count() + 3 * LEVELS + texture.pages + 1;
        assert!(ids.into_iter().eq(0..count));
    }

    #[test]
    fn a_run_is_the_tiles_and_pages_of_one_square() {
        let grid = square(2049);
        let (terrain, texture) = (grid.terrain(), TextureLayout::new([4096; 2], 128, 4));
        let entries = entries(&grid, &terrain, &texture, 0);
        let finest: Vec<&[Entry]> = entries
            .chunk_by(|a, b| a.run == b.run)
            .filter(|run| run.iter().any(|e| matches!(e.part, Part::Tile { level: 0, .. })))
            .collect();
        // 4 squares of 512 m: 8 × 8 finest tiles and 8 × 8 pages of mip 1 each.
        assert_eq!(finest.len(), 4);
        for run in finest {
            let tiles = run.iter().filter(|e| matches!(e.part, Part::Tile { level: 0, .. }));
            let pages = run.iter().filter(|e| matches!(e.part, Part::Page { mip: 1, .. }));
            assert_eq!((tiles.count(), pages.count(), run.len()), (64, 64, 128));
        }
    }

    #[test]
    fn morton_interleaves() {
        assert_eq!(morton(0b101, 0b011), 0b01_10_11);
        assert_eq!(morton(u32::MAX, 0), 0x5555_5555_5555_5555);
    }
}
