//! What the ground wants: tiles of the cut, by screen-space error.

use crate::index::WorldIndex;
use farplane_geom::View;
use farplane_lod::{CutNode, LodRule, LodView, QuadNode};
use farplane_stream::{Class, Core, Want};

/// Distance up to which what is visible is critical, m.
const NEAR_M: f32 = 250.0;

/// Per-view state of the terrain's selection.
#[derive(Default)]
pub(crate) struct TerrainView {
    refined: Vec<u8>,
    cut: Vec<CutNode>,
}

impl TerrainView {
    /// The cut that the view wants, with hysteresis; its wants; the tiles to draw. Returns holes.
    pub fn visible(
        &mut self,
        index: &WorldIndex,
        core: &Core,
        view: &View,
        rule: &LodRule,
        wants: &mut Vec<Want>,
        draw: &mut Vec<QuadNode>,
    ) -> usize {
        let tree = index.quadtree();
        self.refined.resize(index.grid().node_count() as usize, 0);
        let origin = index.world.origin;
        let frustum = view.frustum(origin);
        let lod_view = LodView::from_view(view, origin);
        let selected =
            tree.select_cut(&lod_view, Some(&frustum), rule, &mut self.refined, &mut self.cut);
        if selected.is_err() {
            return 0;
        }
        for node in &self.cut {
            let class = if node.distance_m < NEAR_M { Class::Critical } else { Class::High };
            wants.push(want(index, core, node, lod_view.focal_px, class));
        }
        let holes = tree.resolve_drawable(&self.cut, |unit| core.is_resident(unit), draw);
        // What is drawn instead of a wanted tile stays until that is there: evicted in this very
        // frame it would leave a hole.
        let keep = |node: &QuadNode| Want { unit: node.index, class: Class::Critical, score: 0.0 };
        wants.extend(draw.iter().map(keep));
        holes
    }
}

/// Score: pixels of error that the tile removes, over the area that it covers, per byte.
pub(crate) fn want(
    index: &WorldIndex,
    core: &Core,
    node: &CutNode,
    focal_px: f32,
    class: Class,
) -> Want {
    let mut score = 0.0;
    if !core.is_resident(node.index) {
        let mut above = index.grid().parent(&node.node());
        while let Some(n) = above
            && !core.is_resident(n.index)
        {
            above = index.grid().parent(&n);
        }
        let distance_m = node.distance_m.max(1.0);
        let px = |error_m: f32| error_m * focal_px / distance_m;
        let from = above.map_or(64.0, |n| px(index.tile_error_m(n.index))).min(64.0);
        let gain = (from - px(index.tile_error_m(node.index))).max(0.0);
        let size = index.grid().tile_size_m() * (1u32 << node.level) as f32;
        let area = (size.x * size.y * focal_px * focal_px / (distance_m * distance_m)).min(2.0e6);
        score = gain * area / index.units[node.index as usize].resident_bytes as f32;
    }
    Want { unit: node.index, class, score }
}
