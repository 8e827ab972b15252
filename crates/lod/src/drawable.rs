use crate::{CutNode, QuadNode, QuadTree};

/// A wanted node that is not resident may be stood in for by resident ones this many levels finer:
/// what remains of a refined area that was just coarsened. It also bounds that search, to 1 + 4 + 16
/// nodes.
const FINER_LEVELS_MAX: u32 = 2;

impl QuadTree<'_> {
    /// The no-hole rule: from what is wanted and what is resident, the nodes to draw, so that every
    /// wanted node is covered exactly once.
    ///
    /// - A wanted node that is resident is drawn, unless a node above it is.
    /// - One that is not resident is replaced by its children where these are all resident (or
    ///   theirs, up to two levels): children stay until the parent is there.
    /// - Otherwise the nearest resident node above is drawn instead of everything wanted below it:
    ///   a parent stays until all wanted below it are covered.
    ///
    /// No drawn node lies above or below another. With resident roots there is no hole; the return
    /// value is the number of wanted nodes without any cover. `cut` must be as
    /// [`QuadTree::select_cut`] made it, in its order; entries that are no nodes of this tree count
    /// as not covered. `is_resident` is asked by node index and must not change its answers
    /// meanwhile. `out` is cleared and filled depth first.
    #[must_use = "a wanted node without cover is a hole in the picture"]
    pub fn resolve_drawable(
        &self,
        cut: &[CutNode],
        is_resident: impl Fn(u32) -> bool,
        out: &mut Vec<QuadNode>,
    ) -> usize {
        out.clear();
        let mut resolver = Resolver { tree: self, rest: cut, is_resident, out };
        let mut holes = 0;
        while let Some(first) = resolver.rest.first() {
            let node = first.node();
            let exists = self.grid().node(node.level, node.x, node.y) == Some(node);
            let root = self.grid().ancestor(&node, self.grid().levels() - 1);
            match root {
                Some(root) if exists => holes += resolver.cover(root),
                _ => {
                    holes += 1;
                    resolver.rest = &resolver.rest[1..];
                }
            }
        }
        holes
    }
}

struct Resolver<'a, F> {
    tree: &'a QuadTree<'a>,
    /// The part of the cut that is not decided yet.
    rest: &'a [CutNode],
    is_resident: F,
    out: &'a mut Vec<QuadNode>,
}

impl<F: Fn(u32) -> bool> Resolver<'_, F> {
    /// Covers what is wanted in and below a node, of which there is some at the front of `rest`.
    /// Returns how many wanted nodes found no cover. Recursion: at most one call a level.
    fn cover(&mut self, node: QuadNode) -> usize {
        let drawn_before = self.out.len();
        let mut holes = 0;
        if self.rest[0].node() == node {
            self.rest = &self.rest[1..];
            if (self.is_resident)(node.index) {
                self.out.push(node);
                return 0;
            }
            if self.cover_finer(&node, FINER_LEVELS_MAX) {
                return 0;
            }
            return 1;
        }
        for child in self.tree.grid().children(&node) {
            let wanted = self.rest.first().is_some_and(|next| {
                self.tree.grid().ancestor(&next.node(), child.level) == Some(child)
            });
            if wanted {
                holes += self.cover(child);
            }
        }
        if holes > 0 && (self.is_resident)(node.index) {
            self.out.truncate(drawn_before);
            self.out.push(node);
            holes = 0;
        }
        holes
    }

    /// Whether all children of a node, or theirs, are resident; they are then drawn.
    fn cover_finer(&mut self, node: &QuadNode, levels: u32) -> bool {
        if levels == 0 || node.level == 0 {
            return false;
        }
        let drawn_before = self.out.len();
        for child in self.tree.grid().children(node) {
            if (self.is_resident)(child.index) {
                self.out.push(child);
            } else if !self.cover_finer(&child, levels - 1) {
                self.out.truncate(drawn_before);
                return false;
            }
        }
        true
    }
}
