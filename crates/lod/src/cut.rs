use crate::{LEVELS_MAX, LodError, LodRule, LodView, QuadNode, QuadTree, screen_error_px};
use farplane_geom::Frustum;

/// A node of a cut: it is good enough, or the finest there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutNode {
    /// Place in the slices of the tree.
    pub index: u32,
    /// 0 is the finest.
    pub level: u32,
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
    /// Screen-space error; infinite where the view is inside the box and the error is not 0.
    pub screen_error_px: f32,
    /// Distance from the view to the node's box, m.
    pub distance_m: f32,
}

impl CutNode {
    /// Which node it is.
    #[must_use]
    pub const fn node(&self) -> QuadNode {
        QuadNode { index: self.index, level: self.level, x: self.x, y: self.y }
    }
}

/// Nodes that wait at most below one root: three siblings a level, and the node in hand.
const STACK_MAX: usize = 3 * LEVELS_MAX + 1;

impl QuadTree<'_> {
    /// The cut that a view wants: the coarsest nodes that are good enough, none above or below
    /// another, together covering all of the tree that the frustum touches.
    ///
    /// From the roots down, a node is refined while its screen-space error exceeds `refine_px`; one
    /// that was refined before stays so until its error is at most `coarsen_px`. Nodes that
    /// [`Frustum::classify_aabb`] calls outside are skipped with all below. `out` is cleared and
    /// filled depth first, children with x fastest.
    ///
    /// `refined` is the state, one byte per node and one slice per view, all 0 at first; an empty
    /// slice turns hysteresis off (that cut is the definition of what a view needs).
    ///
    /// # Errors
    /// [`LodError::View`] for a view without a place or focal length, [`LodError::Length`] when
    /// `refined` is neither empty nor one byte per node. Nothing was done then but clearing `out`.
    pub fn select_cut(
        &self,
        view: &LodView,
        frustum: Option<&Frustum>,
        rule: &LodRule,
        refined: &mut [u8],
        out: &mut Vec<CutNode>,
    ) -> Result<(), LodError> {
        out.clear();
        view.check()?;
        let (expected, actual) = (self.grid().node_count() as usize, refined.len());
        if actual != 0 && actual != expected {
            return Err(LodError::Length { what: "refined", expected, actual });
        }
        for root in self.grid().roots() {
            self.cut_below(root, view, frustum, rule, refined, out);
        }
        Ok(())
    }

    fn cut_below(
        &self,
        root: QuadNode,
        view: &LodView,
        frustum: Option<&Frustum>,
        rule: &LodRule,
        refined: &mut [u8],
        out: &mut Vec<CutNode>,
    ) {
        let mut stack = [root; STACK_MAX];
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let node = stack[waiting];
            if frustum.is_some_and(|f| !f.intersects_aabb(&self.node_bounds(&node))) {
                continue;
            }
            let distance_m = self.distance_m(&node, view.position);
            let error_px = screen_error_px(self.error_m(&node), distance_m, view.focal_px);
            let was_refined = refined.get(node.index as usize).is_some_and(|&state| state != 0);
            let limit_px = if was_refined { rule.coarsen_px() } else { rule.refine_px() };
            if error_px > limit_px && node.level > 0 {
                if let Some(state) = refined.get_mut(node.index as usize) {
                    *state = 1;
                }
                for child in self.grid().children(&node).rev() {
                    stack[waiting] = child;
                    waiting += 1;
                }
                continue;
            }
            if was_refined {
                self.forget_below(node, refined);
            }
            let QuadNode { index, level, x, y } = node;
            let screen_error_px = error_px;
            out.push(CutNode { index, level, x, y, screen_error_px, distance_m });
        }
    }

    /// A node that is no longer refined has no refined ones below: when it is refined again, they
    /// start afresh.
    fn forget_below(&self, node: QuadNode, refined: &mut [u8]) {
        let mut stack = [node; STACK_MAX];
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let node = stack[waiting];
            refined[node.index as usize] = 0;
            for child in self.grid().children(&node) {
                if refined[child.index as usize] != 0 {
                    stack[waiting] = child;
                    waiting += 1;
                }
            }
        }
    }
}
