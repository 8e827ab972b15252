//! Looks at what is not visible yet.

use crate::index::WorldIndex;
use crate::pages::{PageQuery, projected};
use crate::terrain::want;
use farplane_geom::{Frustum, View};
use farplane_lod::{CutNode, LodRule, LodView};
use farplane_stream::{Class, Core, Want};
use farplane_vt::PageId;

/// From where, how far, and how urgent what is found there is.
pub(crate) struct Look<'a> {
    pub view: &'a View,
    pub within_m: f32,
    pub class: Class,
}

/// Buffers of looks.
pub(crate) struct Looking {
    rule: LodRule,
    cut: Vec<CutNode>,
    stack: Vec<PageId>,
}

impl Looking {
    pub fn new(rule: LodRule) -> Self {
        Self { rule, cut: Vec::new(), stack: Vec::new() }
    }

    /// Appends the tiles and pages that a view there would want, inside the frustum or in all
    /// directions. No hysteresis: nothing is drawn from here.
    pub fn take(
        &mut self,
        index: &WorldIndex,
        core: &Core,
        look: &Look<'_>,
        frustum: Option<&Frustum>,
        wants: &mut Vec<Want>,
    ) {
        let Look { view, within_m, class } = *look;
        let lod_view = LodView::from_view(view, index.world.origin);
        let (focal_px, eye) = (lod_view.focal_px, lod_view.position);
        let tree = index.quadtree();
        if tree.select_cut(&lod_view, frustum, &self.rule, &mut [], &mut self.cut).is_ok() {
            let near = self.cut.iter().filter(|n| n.distance_m <= within_m);
            wants.extend(near.map(|n| want(index, core, n, focal_px, class)));
        }
        let query = PageQuery { eye, focal_px, frustum, within_m, class };
        projected(index, core, &query, &mut self.stack, wants);
    }
}
