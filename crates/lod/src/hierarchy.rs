use crate::{LodError, LodRule, LodView, distance_to_sphere, screen_error_px};
use farplane_geom::{Frustum, Sphere, Vec3};

/// Levels of a hierarchy at most, root and leaves included.
pub const HIERARCHY_DEPTH_MAX: u32 = 64;

/// A wanted node that is not resident may be stood in for by resident ones this many levels below.
const FINER_LEVELS_MAX: u32 = 2;

/// The parent of a root.
const NO_PARENT: u32 = u32::MAX;

/// A tree of any shape over slices, one element a node: hierarchical levels of detail, where a node
/// shows all that its children show, with a larger error.
///
/// The roots come first, then the children of node 0, those of node 1, and so on: breadth first.
/// For the quadtree of a terrain, which needs no links, see [`QuadTree`](crate::QuadTree).
#[derive(Clone, Copy, Debug)]
pub struct Nodes<'a> {
    center: &'a [Vec3],
    radius_m: &'a [f32],
    error_m: &'a [f32],
    first_child: &'a [u32],
    child_count: &'a [u32],
    parent: &'a [u32],
    roots: u32,
}

impl<'a> Nodes<'a> {
    /// `center` and `radius_m` are bounding spheres in metres relative to the world origin that hold
    /// the spheres of all nodes below, `error_m` geometric errors in metres (one that is not a number
    /// is never good enough). `parent` is `u32::MAX` for roots; `first_child` is not looked at where
    /// `child_count` is 0.
    ///
    /// # Errors
    /// [`LodError::Length`] when the columns differ in length, [`LodError::TooMany`] for more than
    /// 2³² − 1 nodes, [`LodError::Node`] for the first node whose children or parent contradict the
    /// order above (a loop, an orphan), for one deeper than [`HIERARCHY_DEPTH_MAX`] levels, and for one
    /// whose centre is not finite or whose radius is not a number or negative.
    pub fn new(
        center: &'a [Vec3],
        radius_m: &'a [f32],
        error_m: &'a [f32],
        [first_child, child_count, parent]: [&'a [u32]; 3],
    ) -> Result<Self, LodError> {
        let count = center.len();
        for (what, actual) in [
            ("radius_m", radius_m.len()),
            ("error_m", error_m.len()),
            ("first_child", first_child.len()),
            ("child_count", child_count.len()),
            ("parent", parent.len()),
        ] {
            if actual != count {
                return Err(LodError::Length { what, expected: count, actual });
            }
        }
        if count > NO_PARENT as usize {
            return Err(LodError::TooMany { what: "nodes", count, count_max: NO_PARENT as usize });
        }
        let is_sphere = |at: &usize| center[*at].is_finite() && radius_m[*at] >= 0.0;
        if let Some(at) = (0..count).find(|at| !is_sphere(at)) {
            let why =
                "has a centre that is not finite, or a radius that is not a number or negative";
            return Err(LodError::Node { index: at as u32, why });
        }
        let roots = parent.iter().take_while(|&&p| p == NO_PARENT).count() as u32;
        let nodes = Self { center, radius_m, error_m, first_child, child_count, parent, roots };
        nodes.check()?;
        Ok(nodes)
    }

    /// Walks level by level: each node's children begin where those of the node before end.
    fn check(&self) -> Result<(), LodError> {
        let count = self.center.len();
        let wrong = |index: usize, why| LodError::Node { index: index as u32, why };
        let strange = "has another parent than the node whose child it is, or is no child at all";
        let (mut first, mut end, mut depth) = (0, self.roots as usize, 0);
        while first < end {
            depth += 1;
            if depth > HIERARCHY_DEPTH_MAX {
                return Err(wrong(first, "is deeper than 64 levels"));
            }
            let mut next = end;
            for node in first..end {
                let children = self.child_count[node] as usize;
                if children == 0 {
                    continue;
                }
                if self.first_child[node] as usize != next || children > count - next {
                    let why = "has children that do not follow those of the node before";
                    return Err(wrong(node, why));
                }
                let parents = &self.parent[next..next + children];
                if let Some(at) = parents.iter().position(|&p| p as usize != node) {
                    return Err(wrong(next + at, strange));
                }
                next += children;
            }
            (first, end) = (end, next);
        }
        if end == count { Ok(()) } else { Err(wrong(end, strange)) }
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.center.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.center.is_empty()
    }

    fn children(&self, node: u32) -> core::ops::Range<u32> {
        let (first, count) = (self.first_child[node as usize], self.child_count[node as usize]);
        if count == 0 { 0..0 } else { first..first + count }
    }

    /// The cut that a view wants: the coarsest nodes that are good enough, none above or below
    /// another, together covering all that the frustum touches.
    ///
    /// From the roots down, a node is refined while its screen-space error exceeds `refine_px`; one
    /// that was refined before stays so until its error is at most `coarsen_px`. `refined` is the
    /// state, one byte a node and one slice a view, all 0 at first; an empty slice turns hysteresis
    /// off. `cut` is cleared and filled depth first.
    ///
    /// # Errors
    /// [`LodError::View`] for a view without a place or focal length, [`LodError::Length`] when
    /// `refined` is neither empty nor one byte a node. Nothing was done then but clearing `cut`.
    pub fn select_cut(
        &self,
        view: &LodView,
        frustum: Option<&Frustum>,
        rule: &LodRule,
        refined: &mut [u8],
        cut: &mut Vec<u32>,
    ) -> Result<(), LodError> {
        cut.clear();
        view.check()?;
        let (expected, actual) = (self.len(), refined.len());
        if actual != 0 && actual != expected {
            return Err(LodError::Length { what: "refined", expected, actual });
        }
        let mut walk = Walk { nodes: self, view, frustum, rule, refined, cut };
        for root in 0..self.roots {
            walk.visit(root);
        }
        Ok(())
    }

    /// The no-hole rule: from what is wanted and what is resident, the nodes to draw, so that every
    /// wanted node is covered exactly once.
    ///
    /// - A wanted node that is resident is drawn, unless a node above it is.
    /// - **Children stay until the parent is resident**: a wanted node that is not resident is
    ///   replaced by its children where these are all resident, or theirs, up to two levels.
    /// - **A parent stays until its children are resident**: otherwise the nearest resident node
    ///   above is drawn instead of everything wanted below it.
    ///
    /// No drawn node lies above or below another. With resident roots there is no hole; the return
    /// value is the number of wanted nodes without any cover. Indices in `cut` that are no nodes
    /// count as not covered. `drawn` is working memory, a byte a node, all 0 before and after. `out`
    /// is cleared and filled in the order of `cut`. O(cut × depth).
    ///
    /// # Errors
    /// [`LodError::Length`] when `drawn` is not one byte a node: then nothing was done but clearing
    /// `out`.
    pub fn resolve_drawable(
        &self,
        cut: &[u32],
        is_resident: impl Fn(u32) -> bool,
        drawn: &mut [u8],
        out: &mut Vec<u32>,
    ) -> Result<usize, LodError> {
        out.clear();
        let (expected, actual) = (self.len(), drawn.len());
        if actual != expected {
            return Err(LodError::Length { what: "drawn", expected, actual });
        }
        let mut holes = 0;
        for &wanted in cut {
            if wanted as usize >= expected {
                holes += 1;
                continue;
            }
            let before = out.len();
            if is_resident(wanted) {
                out.push(wanted);
            } else if !self.cover_finer(wanted, FINER_LEVELS_MAX, &is_resident, out) {
                match self.ancestors(wanted).find(|&above| is_resident(above)) {
                    Some(above) => out.push(above),
                    None => holes += 1,
                }
            }
            // Once each.
            let mut kept = before;
            for at in before..out.len() {
                let node = out[at];
                out[kept] = node;
                kept += usize::from(core::mem::replace(&mut drawn[node as usize], 1) == 0);
            }
            out.truncate(kept);
        }
        // What is above decides about what is below, so marks go only when all is decided.
        let mut kept = 0;
        for at in 0..out.len() {
            if self.ancestors(out[at]).all(|above| drawn[above as usize] == 0) {
                out.swap(kept, at);
                kept += 1;
            }
        }
        for &node in &*out {
            drawn[node as usize] = 0;
        }
        out.truncate(kept);
        Ok(holes)
    }

    /// The nodes above one, the nearest first.
    fn ancestors(&self, node: u32) -> impl Iterator<Item = u32> {
        let above = |node: u32| Some(self.parent[node as usize]).filter(|&p| p != NO_PARENT);
        core::iter::successors(above(node), move |&node| above(node))
    }

    /// Whether all children of a node, or theirs, are resident; they are then appended.
    fn cover_finer(
        &self,
        node: u32,
        levels: u32,
        is_resident: &impl Fn(u32) -> bool,
        out: &mut Vec<u32>,
    ) -> bool {
        let (children, before) = (self.children(node), out.len());
        if levels == 0 || children.is_empty() {
            return false;
        }
        for child in children {
            if is_resident(child) {
                out.push(child);
            } else if !self.cover_finer(child, levels - 1, is_resident, out) {
                out.truncate(before);
                return false;
            }
        }
        true
    }
}

/// One selection.
struct Walk<'a> {
    nodes: &'a Nodes<'a>,
    view: &'a LodView,
    frustum: Option<&'a Frustum>,
    rule: &'a LodRule,
    refined: &'a mut [u8],
    cut: &'a mut Vec<u32>,
}

impl Walk<'_> {
    /// Recursion: at most [`HIERARCHY_DEPTH_MAX`] calls.
    fn visit(&mut self, node: u32) {
        let index = node as usize;
        let (center, radius_m) = (self.nodes.center[index], self.nodes.radius_m[index]);
        if self.frustum.is_some_and(|f| !f.intersects_sphere(&Sphere::new(center, radius_m))) {
            return;
        }
        let distance_m = distance_to_sphere(self.view.position, center, radius_m);
        let error_px = screen_error_px(self.nodes.error_m[index], distance_m, self.view.focal_px);
        let was_refined = self.refined.get(index).is_some_and(|&state| state != 0);
        let limit_px = if was_refined { self.rule.coarsen_px() } else { self.rule.refine_px() };
        let children = self.nodes.children(node);
        if error_px > limit_px && !children.is_empty() {
            if let Some(state) = self.refined.get_mut(index) {
                *state = 1;
            }
            children.for_each(|child| self.visit(child));
            return;
        }
        if was_refined {
            self.forget_below(node);
        }
        self.cut.push(node);
    }

    /// A node that is no longer refined has no refined ones below: when it is refined again, they
    /// start afresh.
    fn forget_below(&mut self, node: u32) {
        if core::mem::replace(&mut self.refined[node as usize], 0) != 0 {
            self.nodes.children(node).for_each(|child| self.forget_below(child));
        }
    }
}
