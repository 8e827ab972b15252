//! The true ground: heights at full resolution, held by the harness to know what a frame needs. It
//! is no part of what streams, and of no budget. From a world on a server all of these heights are
//! fetched before anything is flown.

use crate::status::Failure;
use crate::{progress, world};
use anyhow::{Context, Result, anyhow, bail};
use farplane::geom::{DVec2, Vec2};
use farplane::io::Archive;
use farplane::world::{Terrain, World, tile};
use farplane_raycast::{Grid, Scene};
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::sync::atomic::Ordering;

/// Memory that the true heights may take; a world that needs more is held at a coarser level.
const TRUTH_BYTES_MAX: u64 = 192 << 20;

/// Stored bytes of tiles that are read and decoded at once.
const BATCH_BYTES: u64 = 16 << 20;

/// The ground of a world, all of it.
pub struct Truth {
    /// Every tile of one level.
    pub scene: Scene<Vec<u16>>,
    /// That level: 0 unless the world is too large for memory.
    pub level: u32,
    /// Columns and rows of tiles that could not be read: their ground is that of a coarser level.
    pub corrupt: Vec<[u32; 2]>,
    /// Corners of the world, m.
    extent: [DVec2; 2],
    origin_z: f64,
    tile_m: DVec2,
    tiles: [u32; 2],
    /// Samples of the tiles, row by row: the scene's own.
    samples_side: usize,
    base_m: f64,
    quantum_m: f64,
}

/// The ray caster's grid of a world.
#[must_use]
pub fn grid(world: &World) -> Grid {
    let t = &world.terrain;
    Grid {
        min: Vec2::new(t.min.x as f32, t.min.y as f32),
        spacing: Vec2::new(t.spacing.x as f32, t.spacing.y as f32),
        quads: t.quads,
        tile_quads: t.tile_quads,
        levels: t.levels,
        base_m: t.base_m as f32,
        quantum_m: t.quantum_m as f32,
    }
}

impl Truth {
    /// Reads the heights of a world of which none may be missing.
    ///
    /// # Errors
    /// When it is no world, cannot be read, or has a corrupt tile: names it.
    pub fn open(archive: &Archive) -> Result<(World, Self), Failure> {
        let world = world::index(archive)?;
        let truth = Self::load(archive, &world);
        let truth = truth.with_context(|| archive.path().display().to_string())?;
        if let Some([x, y]) = truth.corrupt.first() {
            let (path, level) = (archive.path().display(), truth.level);
            let what = anyhow!("{path}: tile {level}/{x}/{y} is corrupt; bake or copy it again");
            return Err(what.into());
        }
        Ok((world, truth))
    }

    /// Reads the heights. A tile that is corrupt gets the ground of the finest coarser level that is
    /// not: what a replay has there, too.
    ///
    /// # Errors
    /// When the terrain has sizes that cannot be, or the archive's server does not give them.
    pub fn load(archive: &Archive, world: &World) -> Result<Self> {
        let t = &world.terrain;
        let bytes = |level: u32| {
            let [w, h] = t.tiles(level).map(u64::from);
            w * h * u64::from(t.tile_bytes())
        };
        let level = (0..t.levels).find(|&l| bytes(l) <= TRUTH_BYTES_MAX).unwrap_or(t.levels - 1);
        let [w, h] = t.tiles(level);
        let ids: Vec<Option<u32>> = (0..w * h).map(|i| t.index(level, i % w, i / w)).collect();
        let tiles = samples(archive, t, &ids)?;
        let mut scene = Scene::new(grid(world)).context("the terrain's grid")?;
        let mut corrupt = Vec::new();
        for (i, samples) in (0u32..).zip(tiles) {
            let at = [i % w, i / w];
            let samples = samples.unwrap_or_else(|| {
                corrupt.push(at);
                coarser(archive, t, level, at)
            });
            scene.insert(level, at[0], at[1], samples).context("a terrain tile")?;
        }
        let tile_m = t.spacing * f64::from(t.tile_quads << level);
        Ok(Self {
            scene,
            level,
            corrupt,
            extent: world.extent(),
            origin_z: world.origin.z,
            tile_m,
            tiles: [w, h],
            samples_side: t.tile_samples() as usize,
            base_m: t.base_m,
            quantum_m: t.quantum_m,
        })
    }

    /// Height of the ground at a world position, m; `None` outside the world.
    #[must_use]
    pub fn height(&self, x: f64, y: f64) -> Option<f64> {
        let p = DVec2::new(x, y);
        if !(p.cmpge(self.extent[0]).all() && p.cmple(self.extent[1]).all()) {
            return None;
        }
        let at = (p - self.extent[0]) / self.tile_m;
        let tx = (at.x as u32).min(self.tiles[0] - 1);
        let ty = (at.y as u32).min(self.tiles[1] - 1);
        let samples = self.scene.tile(self.level, tx, ty)?;
        let quads = (self.samples_side - 1) as f64;
        let (x, y) = ((at.x - f64::from(tx)) * quads, (at.y - f64::from(ty)) * quads);
        let last = self.samples_side - 2;
        let (ix, iy) = ((x as usize).min(last), (y as usize).min(last));
        let (fx, fy) = (x - ix as f64, y - iy as f64);
        let q = |dx: usize, dy: usize| {
            samples.get((iy + dy) * self.samples_side + ix + dx).map(|&q| f64::from(q))
        };
        let (sw, ne) = (q(0, 0)?, q(1, 1)?);
        let height = if fx >= fy {
            let se = q(1, 0)?;
            sw + fx * (se - sw) + fy * (ne - se)
        } else {
            let nw = q(0, 1)?;
            sw + fy * (nw - sw) + fx * (ne - nw)
        };
        Some(self.origin_z + self.base_m + height * self.quantum_m)
    }

    /// Corners of the world, m.
    #[must_use]
    pub fn extent(&self) -> [DVec2; 2] {
        self.extent
    }
}

/// The samples of each tile, a batch after the other; `None` where they are corrupt or too few.
fn samples(
    archive: &Archive,
    terrain: &Terrain,
    tiles: &[Option<u32>],
) -> Result<Vec<Option<Vec<u16>>>> {
    let mut out: Vec<Option<Vec<u16>>> = vec![None; tiles.len()];
    let extent = |id: &Option<u32>| archive.extent((*id)?);
    let present: Vec<(usize, u32)> =
        (0..).zip(tiles).filter_map(|(at, id)| extent(id).and(*id).map(|id| (at, id))).collect();
    let bar = match archive.is_here() {
        true => ProgressBar::hidden(),
        false => progress::bar(present.len() as u64, "ground"),
    };
    let stored_bytes = |id| archive.extent(id).map_or(0, |e| u64::from(e.stored_bytes));
    let mut rest = &present[..];
    while !rest.is_empty() {
        if progress::interrupted().load(Ordering::SeqCst) {
            bail!("interrupted while reading the ground");
        }
        let mut bytes = 0;
        let mut fits = |&(_, id): &(usize, u32)| {
            bytes += stored_bytes(id);
            bytes <= BATCH_BYTES
        };
        let (batch, later) = rest.split_at(rest.iter().take_while(|&t| fits(t)).count().max(1));
        let ids: Vec<u32> = batch.iter().map(|&(_, id)| id).collect();
        let stored = archive.stored_all(&ids)?;
        let decoded: Vec<Option<Vec<u16>>> = ids
            .par_iter()
            .zip(&stored)
            .map_init(Vec::new, |scratch, (&id, stored)| {
                let mut payload = vec![0; archive.extent(id)?.logical_bytes as usize];
                archive.decode(id, stored, &mut payload, scratch).ok()?;
                let whole = payload.len() == terrain.tile_bytes() as usize;
                let sample = |b: &[u8]| u16::from_le_bytes([b[0], b[1]]);
                whole.then(|| payload.chunks_exact(2).map(sample).collect())
            })
            .collect();
        for (&(at, _), samples) in batch.iter().zip(decoded) {
            out[at] = samples;
        }
        bar.inc(batch.len() as u64);
        rest = later;
    }
    bar.finish_and_clear();
    Ok(out)
}

/// The samples of a tile; `None` when they are corrupt or too few.
fn payload(archive: &Archive, terrain: &Terrain, level: u32, [x, y]: [u32; 2]) -> Option<Vec<u8>> {
    let payload = archive.read(terrain.index(level, x, y)?).ok()?;
    (payload.len() == terrain.tile_bytes() as usize).then_some(payload)
}

/// The samples of a tile as the finest readable level above it has them; level ground at the height
/// that the index gives where there is none.
fn coarser(archive: &Archive, terrain: &Terrain, level: u32, [x, y]: [u32; 2]) -> Vec<u16> {
    let side = terrain.tile_samples();
    let places = (0..side).flat_map(|row| (0..side).map(move |column| (column, row)));
    for up in 1..terrain.levels - level {
        let Some(payload) = payload(archive, terrain, level + up, [x >> up, y >> up]) else {
            continue;
        };
        let step = f64::from(1u32 << up);
        let first = |at: u32| f64::from((at & ((1 << up) - 1)) * terrain.tile_quads);
        let height = |(column, row): (u32, u32)| {
            let (cx, cy) = (first(x) + f64::from(column), first(y) + f64::from(row));
            tile::surface(terrain, &payload, cx / step, cy / step).map_or(0, |q| q.round() as u16)
        };
        return places.map(height).collect();
    }
    let node = terrain.index(level, x, y).and_then(|i| terrain.nodes.get(i as usize));
    vec![node.map_or(0, |n| n.max_q); (side * side) as usize]
}
