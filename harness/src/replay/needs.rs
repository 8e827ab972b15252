//! What a frame needs, from the truth: never from what happens to be resident.

use crate::truth::Truth;
use farplane::WorldIndex;
use farplane::geom::View;
use farplane::lod::{BLOCK, Blocks, CutNode, LodChange, LodRule, LodState, LodView, VisibleBlocks};
use farplane_raycast::{Footprint, Lattice};
use rayon::prelude::*;
use std::sync::Arc;

/// Distance up to which a need is critical, m; beyond it is high. As the streamer's own classes.
const NEAR_M: f32 = 250.0;

/// Nothing counts as nearer than this, m.
const DISTANCE_MIN_M: f32 = 0.1;

/// Names of the classes of needs, by their number.
pub const CLASSES: [&str; 2] = ["critical", "high"];

/// A unit that a frame needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawNeed {
    /// The unit.
    pub unit: u32,
    /// Picture pixels that it covers.
    pub pixels: f32,
    /// Its class.
    pub class: u8,
}

/// Needs and feedback of one frame. Reused from frame to frame.
#[derive(Default)]
pub struct Taken {
    /// The frame.
    pub frame: u64,
    /// Needs, each unit once, in order of the unit.
    pub needs: Vec<RawNeed>,
    /// What a GPU's feedback pass would have written: packed page ids.
    pub samples: Vec<u32>,
    footprints: Vec<Footprint>,
    cut: Vec<CutNode>,
    /// Place in `needs` by unit, plus one; 0 is none.
    places: Vec<u32>,
}

/// Computes needs, one frame after the other.
pub struct NeedsCaster {
    index: Arc<WorldIndex>,
    /// The true ground.
    truth: Arc<Truth>,
    rule: LodRule,
    /// The rule without hysteresis: an instance then has the level that it deserves, whatever it had
    /// before, and most need not be looked at again.
    sharp: LodRule,
    levels: Option<LodState>,
    visible: VisibleBlocks,
    changes: Vec<LodChange>,
    /// By mesh level: what this frame needs of it.
    meshes: Vec<MeshNeed>,
}

/// What instances need of a mesh level: the pixels that they cover, and the square of the distance
/// of the nearest, m.
#[derive(Clone, Copy)]
struct MeshNeed {
    pixels: f32,
    nearest_m2: f32,
}

impl MeshNeed {
    const NONE: Self = Self { pixels: 0.0, nearest_m2: f32::INFINITY };
}

impl NeedsCaster {
    /// Of a world by its index and its true ground.
    pub fn new(index: Arc<WorldIndex>, truth: Arc<Truth>, rule: LodRule) -> Self {
        let meshes = vec![MeshNeed::NONE; index.mesh_level_count()];
        let (visible, changes) = (VisibleBlocks::default(), Vec::new());
        let sharp = rule.without_hysteresis();
        Self { index, truth, rule, sharp, levels: None, visible, changes, meshes }
    }

    /// Needs of a frame. `parallel` spreads the rays over the current thread pool; the result is the
    /// same.
    pub fn take(&mut self, frame: u64, view: &View, parallel: bool, out: &mut Taken) {
        out.frame = frame;
        out.needs.clear();
        out.samples.clear();
        out.places.resize(self.index.units.len(), 0);
        self.cast(frame, view, parallel, out);
        self.tiles(view, out);
        self.pages(view, out);
        self.props(view, out);
        for need in &out.needs {
            out.places[need.unit as usize] = 0;
        }
        out.needs.sort_unstable_by_key(|n| n.unit);
    }

    fn cast(&self, frame: u64, view: &View, parallel: bool, out: &mut Taken) {
        let lattice = Lattice::default();
        let (phase, origin) = ((frame % 4) as u32, self.index.world.origin);
        let scene = &self.truth.scene;
        if !parallel {
            lattice.feedback(scene, view, origin, phase, frame, &mut out.footprints);
            return;
        }
        let bands = lattice.rows(phase).div_ceil(4);
        let parts: Vec<Vec<Footprint>> = (0..bands)
            .into_par_iter()
            .map(|band| {
                let mut part = Vec::new();
                let rows = band * 4..band * 4 + 4;
                lattice.feedback_rows(scene, view, origin, phase, frame, rows, &mut part);
                part
            })
            .collect();
        out.footprints.clear();
        out.footprints.extend(parts.into_iter().flatten());
    }

    /// The ideal cut; a tile covers the pixels of the rays that hit it.
    fn tiles(&self, view: &View, out: &mut Taken) {
        let origin = self.index.world.origin;
        let (lod_view, frustum) = (LodView::from_view(view, origin), view.frustum(origin));
        let tree = self.index.quadtree();
        let cut = tree.select_cut(&lod_view, Some(&frustum), &self.rule, &mut [], &mut out.cut);
        if cut.is_err() {
            return;
        }
        for node in &out.cut {
            let class = u8::from(node.distance_m >= NEAR_M);
            add(&mut out.needs, &mut out.places, node.index, 0.0, class);
        }
        let grid = self.index.grid();
        let (min, tile) = (grid.min(), grid.tile_size_m());
        for f in &out.footprints {
            let x = ((f.x - min.x) / tile.x).max(0.0) as u32;
            let y = ((f.y - min.y) / tile.y).max(0.0) as u32;
            for level in 0..grid.levels() {
                let Some(node) = grid.node(level, x >> level, y >> level) else { break };
                let place = out.places[node.index as usize];
                if place > 0 {
                    out.needs[place as usize - 1].pixels += f.pixels;
                    break;
                }
            }
        }
    }

    fn pages(&self, view: &View, out: &mut Taken) {
        let focal_px = view.focal_px() as f32;
        for f in &out.footprints {
            let mip = self.index.mip_at(f.distance_m, focal_px);
            let Some(page) = self.index.page_at(mip, f.x, f.y) else { continue };
            let Some(unit) = self.index.page_unit(page) else { continue };
            out.samples.push(page.pack());
            let class = u8::from(f.distance_m >= NEAR_M);
            add(&mut out.needs, &mut out.places, unit, f.pixels, class);
        }
    }

    fn props(&mut self, view: &View, out: &mut Taken) {
        let Self { index, levels, visible, changes, meshes, .. } = self;
        let origin = index.world.origin;
        index.instances_in_frustum(&view.frustum(origin), visible);
        let lod_view = LodView::from_view(view, origin);
        let instances = index.instances();
        let levels = levels.get_or_insert_with(|| LodState::new(instances.len()));
        let blocks = Blocks::Listed(visible.blocks());
        let rule = &self.sharp;
        if levels.select(&instances, &index.lods, blocks, &lod_view, rule, changes).is_err() {
            // As for the streamer: a view that cannot be needs nothing.
            return;
        }
        let [w, h] = view.viewport_px;
        let picture_px = w as f32 * h as f32;
        for (&block, &mask) in visible.blocks().iter().zip(visible.masks()) {
            let first = block as usize * BLOCK;
            let (distances_m2, discs_px) = discs(index, first, &lod_view, picture_px);
            let mut shown = mask & levels.shown()[block as usize];
            while shown != 0 {
                let lane = shown.trailing_zeros() as usize;
                shown &= shown - 1;
                let level = levels.levels()[first + lane];
                let slot = index.mesh_slots[first + lane] + u32::from(level);
                let need = &mut meshes[slot as usize];
                need.pixels += discs_px[lane];
                need.nearest_m2 = need.nearest_m2.min(distances_m2[lane]);
            }
        }
        for (unit, need) in (index.world.mesh_base()..).zip(meshes) {
            let MeshNeed { pixels, nearest_m2 } = std::mem::replace(need, MeshNeed::NONE);
            if nearest_m2 < f32::INFINITY {
                let class = u8::from(nearest_m2 >= NEAR_M * NEAR_M);
                out.needs.push(RawNeed { unit, pixels, class });
            }
        }
    }
}

/// Of a block of instances: squared distances of the centres of their spheres from a view, m, and
/// the pixels that the spheres cover there, all of the picture at most.
fn discs(
    index: &WorldIndex,
    first: usize,
    view: &LodView,
    picture_px: f32,
) -> ([f32; BLOCK], [f32; BLOCK]) {
    let count = BLOCK.min(index.radii.len() - first);
    let column = |column: &[f32]| {
        let mut block = [0.0; BLOCK];
        block[..count].copy_from_slice(&column[first..first + count]);
        block
    };
    let [x, y, z] = [0, 1, 2].map(|axis| column(&index.centers[axis]));
    let radii = column(&index.radii);
    let (from, scale) = (view.position, view.focal_px * view.focal_px * core::f32::consts::PI);
    let (mut distances_m2, mut discs_px) = ([0.0; BLOCK], [0.0; BLOCK]);
    for lane in 0..BLOCK {
        let [x, y, z] = [x[lane] - from.x, y[lane] - from.y, z[lane] - from.z];
        let distance_m2 = (x * x + y * y + z * z).max(DISTANCE_MIN_M * DISTANCE_MIN_M);
        distances_m2[lane] = distance_m2;
        discs_px[lane] = (radii[lane] * radii[lane] * scale / distance_m2).min(picture_px);
    }
    (distances_m2, discs_px)
}

fn add(needs: &mut Vec<RawNeed>, places: &mut [u32], unit: u32, pixels: f32, class: u8) {
    let place = &mut places[unit as usize];
    if *place == 0 {
        needs.push(RawNeed { unit, pixels: 0.0, class });
        *place = needs.len() as u32;
    }
    let need = &mut needs[*place as usize - 1];
    need.pixels += pixels;
    need.class = need.class.min(class);
}
