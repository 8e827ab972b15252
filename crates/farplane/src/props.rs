//! What instances want: levels of their meshes.

use crate::index::WorldIndex;
use farplane_geom::{Sphere, View};
use farplane_lod::{
    BatchStats, Batches, Blocks, CULLED, LodChange, LodRule, LodState, LodView, NO_SLOT,
    SlotBatcher, blocks_of, ideal_level,
};
use farplane_stream::{Class, Core, Want};

/// Per-view state of the instances' selection.
#[derive(Default)]
pub(crate) struct PropsView {
    /// Made at the first look.
    levels: Option<LodState>,
    visible: Vec<u32>,
    blocks: Vec<u32>,
    changes: Vec<LodChange>,
}

/// Mesh levels wanted by many instances, once each.
#[derive(Default)]
pub(crate) struct MeshWants {
    /// By mesh level: instances that want it, by class.
    counts: [Vec<u32>; 2],
    /// By mesh level: whether it is drawn.
    drawn: Vec<bool>,
}

/// Classes that instances want with: visible ones and those around.
const CLASSES: [Class; 2] = [Class::High, Class::Prefetch];

impl MeshWants {
    fn add(&mut self, counts: &[u32], class: usize) {
        self.counts[class].resize(counts.len(), 0);
        for (sum, count) in self.counts[class].iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// What is drawn instead of a wanted level stays until that is there: evicted in this very
    /// frame it would leave a hole.
    fn keep(&mut self, counts: &[u32], stand_ins: &[u32]) {
        self.drawn.resize(counts.len(), false);
        for (&count, &stand_in) in counts.iter().zip(stand_ins) {
            if count > 0 && stand_in != NO_SLOT {
                self.drawn[stand_in as usize] = true;
            }
        }
    }

    pub fn drain(&mut self, index: &WorldIndex, wants: &mut Vec<Want>) {
        for (unit, drawn) in (index.world.mesh_base()..).zip(&mut self.drawn) {
            if std::mem::take(drawn) {
                wants.push(Want { unit, class: Class::Critical, score: 0.0 });
            }
        }
        for (counts, class) in self.counts.iter_mut().zip(CLASSES) {
            for (unit, count) in (index.world.mesh_base()..).zip(counts) {
                if *count > 0 {
                    let bytes = index.units[unit as usize].resident_bytes as f32;
                    wants.push(Want { unit, class, score: *count as f32 * 1000.0 / bytes });
                    *count = 0;
                }
            }
        }
    }
}

impl PropsView {
    /// Finds the instances in a view's frustum.
    pub fn cull(&mut self, index: &WorldIndex, view: &View) {
        self.visible.clear();
        index.octree.query().frustum(&view.frustum(index.world.origin), &mut self.visible);
        blocks_of(&self.visible, &mut self.blocks);
    }

    /// Selects levels of what was found, with hysteresis.
    pub fn select(&mut self, index: &WorldIndex, view: &View, rule: &LodRule) {
        let lod_view = LodView::from_view(view, index.world.origin);
        let instances = index.instances();
        let state = self.levels.get_or_insert_with(|| LodState::new(instances.len()));
        let (blocks, changes) = (Blocks::Listed(&self.blocks), &mut self.changes);
        if state.select(&instances, &index.lods, blocks, &lod_view, rule, changes).is_err() {
            // Of a view that cannot be nothing is drawn.
            self.visible.clear();
        }
    }

    /// Adds what was selected to what is drawn.
    fn add_to(&self, index: &WorldIndex, batcher: &mut SlotBatcher) {
        let levels = self.levels.as_ref().map_or(&[][..], LodState::levels);
        let added = batcher.add(&self.visible, levels, &index.mesh_slots);
        debug_assert!(added.is_ok(), "{added:?}: the octree and the columns are of one world");
    }
}

/// Draws of all views.
#[derive(Default)]
pub(crate) struct PropsDraw {
    batcher: SlotBatcher,
    /// By mesh level, in the order of the units: the one that is drawn instead.
    stand_ins: Vec<u32>,
}

impl PropsDraw {
    /// What to draw of the views' instances, and wants. Returns the number of instances that have no
    /// resident level at all, too.
    pub fn draw<'a>(
        &mut self,
        index: &WorldIndex,
        core: &Core,
        views: impl Iterator<Item = &'a PropsView>,
        wants: &mut MeshWants,
        out: &mut Batches,
    ) -> (BatchStats, usize) {
        self.look_up_stand_ins(index, core);
        self.batcher.begin(self.stand_ins.len());
        for view in views {
            view.add_to(index, &mut self.batcher);
        }
        wants.add(self.batcher.wanted(), 0);
        wants.keep(self.batcher.wanted(), &self.stand_ins);
        let drawn = self.batcher.finish(&self.stand_ins, &index.mesh_draws, out);
        debug_assert!(drawn.is_ok(), "{drawn:?}: stand-ins are of the same world");
        let stats = drawn.unwrap_or_default();
        (stats, self.batcher.len() - stats.instances as usize)
    }

    /// What is drawn instead of each mesh level in this frame.
    fn look_up_stand_ins(&mut self, index: &WorldIndex, core: &Core) {
        self.stand_ins.clear();
        for mesh in 0..index.world.meshes.len() as u32 {
            self.stand_ins.extend((0..index.mesh_levels(mesh)).map(|level| {
                resident_level(index, core, mesh, level)
                    .map_or(NO_SLOT, |level| index.mesh_level(mesh, level) as u32)
            }));
        }
    }
}

/// The level to draw instead of `level`: itself, the next coarser resident one, or else a finer one.
pub(crate) fn resident_level(index: &WorldIndex, core: &Core, mesh: u32, level: u8) -> Option<u8> {
    let resident = |l: &u8| core.is_resident(index.mesh_unit(mesh, *l));
    let coarser = level..index.mesh_levels(mesh);
    coarser.into_iter().find(resident).or_else(|| (0..level).rev().find(resident))
}

/// Buffers of [`around`].
#[derive(Default)]
pub(crate) struct Around {
    found: Vec<u32>,
    counts: Vec<u32>,
}

/// Levels that instances around a view would want if it turned to them.
pub(crate) fn around(
    index: &WorldIndex,
    view: &View,
    within_m: f32,
    rule: &LodRule,
    buffers: &mut Around,
    wants: &mut MeshWants,
) {
    let Around { found, counts } = buffers;
    let lod_view = LodView::from_view(view, index.world.origin);
    found.clear();
    index.octree.query().sphere(&Sphere::new(lod_view.position, within_m), found);
    counts.clear();
    counts.resize(index.mesh_level_count(), 0);
    for &instance in &*found {
        let i = instance as usize;
        let asset = &index.lods[index.assets[i] as usize];
        let level = ideal_level(index.center(instance), index.radii[i], asset, &lod_view, rule);
        if level != CULLED {
            counts[index.mesh_level(index.mesh_of(instance), level)] += 1;
        }
    }
    wants.add(counts, 1);
}
