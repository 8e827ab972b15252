//! What instances want: levels of their meshes.

use crate::index::WorldIndex;
use farplane_geom::{Sphere, View};
use farplane_lod::{CULLED, Instances, LodChange, LodRule, LodView, ideal_level, select};
use farplane_stream::{Class, Core, Want};

/// An instance to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawInstance {
    /// Number of the instance.
    pub instance: u32,
    /// Its mesh.
    pub mesh: u32,
    /// The level to draw: resident, the wanted one or the nearest coarser one, else a finer one.
    pub level: u8,
}

/// Per-view state of the instances' selection.
#[derive(Default)]
pub(crate) struct PropsView {
    levels: Vec<u8>,
    visible: Vec<u32>,
    changes: Vec<LodChange>,
}

/// Mesh levels wanted by many instances, once each.
#[derive(Default)]
pub(crate) struct MeshWants {
    /// Most urgent class and number of wishes, by mesh level.
    best: Vec<(u8, u32)>,
    touched: Vec<u32>,
}

impl MeshWants {
    pub fn add(&mut self, index: &WorldIndex, unit: u32, class: Class) {
        let first = index.world.mesh_base();
        self.best.resize((index.page_base() - first) as usize, (u8::MAX, 0));
        let best = &mut self.best[(unit - first) as usize];
        if best.1 == 0 {
            self.touched.push(unit);
        }
        *best = (best.0.min(class as u8), best.1 + 1);
    }

    pub fn drain(&mut self, index: &WorldIndex, wants: &mut Vec<Want>) {
        let first = index.world.mesh_base();
        for unit in self.touched.drain(..) {
            let best = &mut self.best[(unit - first) as usize];
            let class = Class::ALL[usize::from(best.0)];
            let bytes = index.units[unit as usize].resident_bytes as f32;
            wants.push(Want { unit, class, score: best.1 as f32 * 1000.0 / bytes });
            *best = (u8::MAX, 0);
        }
    }
}

impl PropsView {
    /// Levels of what is visible, with hysteresis; wants; what to draw. Returns the number of
    /// instances that have no resident level at all.
    pub fn visible(
        &mut self,
        index: &WorldIndex,
        core: &Core,
        view: &View,
        rule: &LodRule,
        wants: &mut MeshWants,
        draw: &mut Vec<DrawInstance>,
    ) -> usize {
        let origin = index.world.origin;
        self.levels.resize(index.centers.len(), CULLED);
        self.visible.clear();
        index.octree.query_frustum(&view.frustum(origin), &mut self.visible);
        let lod_view = LodView::from_view(view, origin);
        let instances =
            Instances { center: &index.centers, radius_m: &index.radii, asset: &index.assets };
        let (levels, changes) = (&mut self.levels, &mut self.changes);
        let selected =
            select(&instances, &index.lods, &self.visible, &lod_view, rule, levels, changes);
        if selected.is_err() {
            return 0;
        }
        let mut holes = 0;
        for &instance in &self.visible {
            let level = self.levels[instance as usize];
            if level == CULLED {
                continue;
            }
            let mesh = index.world.instances[instance as usize].mesh;
            wants.add(index, index.mesh_unit(mesh, level), Class::High);
            match resident_level(index, core, mesh, level) {
                Some(level) => draw.push(DrawInstance { instance, mesh, level }),
                None => holes += 1,
            }
        }
        holes
    }
}

/// The level to draw instead of `level`: itself, the next coarser resident one, or else a finer one.
pub(crate) fn resident_level(index: &WorldIndex, core: &Core, mesh: u32, level: u8) -> Option<u8> {
    let resident = |l: &u8| core.is_resident(index.mesh_unit(mesh, *l));
    let coarser = level..index.mesh_levels(mesh);
    coarser.into_iter().find(resident).or_else(|| (0..level).rev().find(resident))
}

/// Levels that instances around a view would want if it turned to them.
pub(crate) fn around(
    index: &WorldIndex,
    view: &View,
    within_m: f32,
    rule: &LodRule,
    found: &mut Vec<u32>,
    wants: &mut MeshWants,
) {
    let lod_view = LodView::from_view(view, index.world.origin);
    found.clear();
    index.octree.query_sphere(&Sphere::new(lod_view.position, within_m), found);
    for &instance in &*found {
        let i = instance as usize;
        let asset = &index.lods[index.assets[i] as usize];
        let level = ideal_level(index.centers[i], index.radii[i], asset, &lod_view, rule);
        if level != CULLED {
            let mesh = index.world.instances[i].mesh;
            wants.add(index, index.mesh_unit(mesh, level), Class::Prefetch);
        }
    }
}
