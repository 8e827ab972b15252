//! What instances want: levels of their meshes.

use crate::index::WorldIndex;
use core::convert::Infallible;
use core::ops::ControlFlow;
use farplane_geom::{Frustum, Sphere, View};
use farplane_lod::{
    BatchStats, Batches, Blocks, Budget, BudgetFit, LodBudget, LodChange, LodError, LodRule,
    LodState, LodView, NO_SLOT, SlotBatcher, Visible, VisibleBlocks, Wanted,
};
use farplane_octree::BlockHits;
use farplane_stream::{Class, Core, Want};

impl WorldIndex {
    /// Replaces `out` by the instances whose boxes a frustum (relative to the world's origin) hits.
    pub fn instances_in_frustum(&self, frustum: &Frustum, out: &mut VisibleBlocks) {
        out.clear();
        let add = |hits: BlockHits<'_>| self.add_run(hits, out);
        let ControlFlow::Continue(()) = self.octree.query().visit_frustum_blocks(frustum, add);
    }

    /// Replaces `out` by the instances whose boxes a sphere touches.
    pub fn instances_in_sphere(&self, sphere: &Sphere, out: &mut VisibleBlocks) {
        out.clear();
        let add = |hits: BlockHits<'_>| self.add_run(hits, out);
        let ControlFlow::Continue(()) = self.octree.query().visit_sphere_blocks(sphere, add);
    }

    /// Instances are numbered in the order of the tree, so those of a block follow each other.
    #[inline]
    fn add_run(&self, hits: BlockHits<'_>, out: &mut VisibleBlocks) -> ControlFlow<Infallible> {
        out.push(self.block_firsts[hits.block as usize], hits.hits);
        ControlFlow::Continue(())
    }
}

/// What is selected of some instances, over many frames.
#[derive(Default)]
struct Selection {
    visible: VisibleBlocks,
    /// Made at the first look.
    levels: Option<LodState>,
    changes: Vec<LodChange>,
}

impl Selection {
    /// Selects the levels of the visible instances.
    fn select(&mut self, index: &WorldIndex, view: &LodView, rule: &LodRule) {
        let instances = index.instances();
        let state = self.levels.get_or_insert_with(|| LodState::new(instances.len()));
        let blocks = Blocks::Listed(self.visible.blocks());
        if state.select(&instances, &index.lods, blocks, view, rule, &mut self.changes).is_err() {
            // Of a view that cannot be nothing is drawn.
            self.visible.clear();
        }
    }

    fn add_to(&self, index: &WorldIndex, batcher: &mut SlotBatcher) {
        let Some(levels) = &self.levels else { return };
        let added = batcher.add_blocks(&self.visible, levels, &index.mesh_slots);
        debug_assert!(added.is_ok(), "{added:?}: the octree and the columns are of one world");
    }
}

/// Per-view state of the instances' selection.
#[derive(Default)]
pub(crate) struct PropsView(Selection);

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
        index.instances_in_frustum(&view.frustum(index.world.origin), &mut self.0.visible);
    }

    /// Counts what the levels of what was found would cost.
    pub fn count(
        &mut self,
        index: &WorldIndex,
        view: &View,
        rule: &LodRule,
        budget: &mut LodBudget,
    ) -> Result<(), LodError> {
        let Selection { visible, levels, .. } = &mut self.0;
        let instances = index.instances();
        let levels = levels.get_or_insert_with(|| LodState::new(instances.len())).levels();
        budget.add(&Wanted {
            instances: &instances,
            assets: &index.lods,
            costs: &index.lod_costs,
            visible: Visible::Blocks(visible),
            levels,
            view: &LodView::from_view(view, index.world.origin),
            rule,
        })
    }

    /// Selects levels of what was found, with hysteresis.
    pub fn select(&mut self, index: &WorldIndex, view: &View, rule: &LodRule) {
        self.0.select(index, &LodView::from_view(view, index.world.origin), rule);
    }

    /// How many instances were found.
    pub fn in_view(&self) -> usize {
        self.0.visible.count()
    }
}

/// Keeps the triangles of instances within a limit.
#[derive(Default)]
pub(crate) struct Triangles(LodBudget);

impl Triangles {
    /// The largest factor: for who asks for the impossible.
    const SCALE_MAX: f32 = 65_536.0;

    /// How much coarser the views must be selected than by their rule.
    pub fn fit<'a>(
        &mut self,
        index: &WorldIndex,
        views: impl Iterator<Item = (&'a mut PropsView, &'a View)>,
        rule: &LodRule,
        max: u64,
    ) -> BudgetFit {
        let nothing = Default::default();
        let all = |scale| BudgetFit {
            scale,
            wanted: nothing,
            granted: nothing,
            coarser_levels: 0,
            hidden: 0,
        };
        if max == u64::MAX {
            return all(1.0);
        }
        for (props, view) in views {
            if props.count(index, view, rule, &mut self.0).is_err() {
                // Of a view that cannot be nothing is selected either.
                self.0.forget();
            }
        }
        let limit = Budget { triangles: max, ..Budget::default() };
        self.0.fit(&index.lod_costs, &limit).unwrap_or_else(|_| all(Self::SCALE_MAX))
    }
}

/// What became of the instances in the views.
pub(crate) struct PropsDrawn {
    /// Those that are drawn.
    pub batched: BatchStats,
    /// Those that cover too little of the picture to be drawn.
    pub too_small: usize,
    /// Those that no level is resident of.
    pub missing: usize,
}

/// Draws of all views.
#[derive(Default)]
pub(crate) struct PropsDraw {
    batcher: SlotBatcher,
    /// By mesh level, in the order of the units: the one that is drawn instead.
    stand_ins: Vec<u32>,
}

impl PropsDraw {
    /// What to draw of the views' instances, and wants.
    pub fn draw<'a>(
        &mut self,
        index: &WorldIndex,
        core: &Core,
        views: impl Iterator<Item = &'a PropsView>,
        wants: &mut MeshWants,
        out: &mut Batches,
    ) -> PropsDrawn {
        self.look_up_stand_ins(index, core);
        self.batcher.begin(self.stand_ins.len());
        let mut in_view = 0;
        for view in views {
            in_view += view.in_view();
            view.0.add_to(index, &mut self.batcher);
        }
        wants.add(self.batcher.wanted(), 0);
        wants.keep(self.batcher.wanted(), &self.stand_ins);
        let drawn = self.batcher.finish(&self.stand_ins, &index.mesh_draws, out);
        debug_assert!(drawn.is_ok(), "{drawn:?}: stand-ins are of the same world");
        let batched = drawn.unwrap_or_default();
        let shown = self.batcher.len();
        PropsDrawn {
            batched,
            too_small: in_view - shown,
            missing: shown - batched.instances as usize,
        }
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

/// Instances around a view, whichever way it looks.
pub(crate) struct Around {
    selection: Selection,
    /// Without hysteresis, an instance has the level that it deserves, whatever it had before: so
    /// all views share the selection.
    rule: LodRule,
    batcher: SlotBatcher,
}

impl Around {
    /// By the rule that the views select by.
    pub fn new(rule: &LodRule) -> Self {
        let (selection, batcher) = (Selection::default(), SlotBatcher::default());
        Self { selection, rule: rule.without_hysteresis(), batcher }
    }

    /// Levels that instances around a view would want if it turned to them.
    pub fn look(&mut self, index: &WorldIndex, view: &View, within_m: f32, wants: &mut MeshWants) {
        let lod_view = LodView::from_view(view, index.world.origin);
        let sphere = Sphere::new(lod_view.position, within_m);
        index.instances_in_sphere(&sphere, &mut self.selection.visible);
        self.selection.select(index, &lod_view, &self.rule);
        self.batcher.begin(index.mesh_level_count());
        self.selection.add_to(index, &mut self.batcher);
        wants.add(self.batcher.wanted(), 1);
    }
}
