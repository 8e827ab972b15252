use crate::lanes::Lanes;
use crate::pool::NONE;
use farplane_geom::{Aabb, Vec3};

/// A cube of space, the cell, and the items stored in it. Which node an item is stored in decides
/// only about speed: queries go by the measured bounds in [`Octet`], never by the cell.
#[derive(Clone, Debug)]
pub struct Node {
    center: Vec3,
    /// Half the cell's edge, m.
    half_m: f32,
    /// The node above and the place there; the root has `NONE`.
    pub parent: u32,
    pub octant: u8,
    pub depth: u8,
    /// Whether items that fit a child go there. A leaf keeps all.
    pub is_inner: bool,
    /// First block of the items stored here, or `NONE`.
    pub head: u32,
    /// Items stored here.
    pub own_count: u32,
    /// Items stored here and below.
    pub count: u32,
    /// The children, or `NONE`.
    pub octet: u32,
}

impl Node {
    /// A node below this depth would have a cell of 1/65,536 of the root's edge: 25 cm in a world
    /// of 16 km. It also bounds every recursion.
    pub const DEPTH_MAX: u8 = 16;
    /// A leaf with more items becomes inner.
    pub const LEAF_COUNT_MAX: u32 = 64;
    /// An inner node with this few items below becomes a leaf: far enough from the split that
    /// items on the move do not do both in turn.
    pub const COLLAPSE_COUNT: usize = 16;

    pub const fn root(center: Vec3, half_m: f32) -> Self {
        Self {
            center,
            half_m,
            parent: NONE,
            octant: 0,
            depth: 0,
            is_inner: false,
            head: NONE,
            own_count: 0,
            count: 0,
            octet: NONE,
        }
    }

    pub fn child(&self, index: u32, octant: u8) -> Self {
        let (center, half_m) = self.child_cell(octant);
        let above = Self::root(center, half_m);
        Self { parent: index, octant, depth: self.depth + 1, ..above }
    }

    fn child_cell(&self, octant: u8) -> (Vec3, f32) {
        let half_m = self.half_m * 0.5;
        let side = |axis: u8| if octant >> axis & 1 == 1 { half_m } else { -half_m };
        (self.center + Vec3::new(side(0), side(1), side(2)), half_m)
    }

    /// The child whose loose cell holds the box: the one that the box's centre lies in.
    pub fn fitting_octant(&self, bounds: &Aabb) -> Option<u8> {
        let c = bounds.center();
        let octant = u8::from(c.x >= self.center.x)
            | u8::from(c.y >= self.center.y) << 1
            | u8::from(c.z >= self.center.z) << 2;
        let (center, half_m) = self.child_cell(octant);
        is_in_loose_cell(center, half_m, bounds).then_some(octant)
    }

    /// Whether an item may stay here after it moved. The root keeps what fits nowhere.
    pub fn keeps(&self, bounds: &Aabb) -> bool {
        (self.parent == NONE || is_in_loose_cell(self.center, self.half_m, bounds))
            && (!self.is_inner || self.fitting_octant(bounds).is_none())
    }
}

/// A loose cell is twice as long as its cell (Ulrich, "Loose Octrees", Game Programming Gems,
/// 2000), so that every box up to the cell's size fits wherever its centre is.
fn is_in_loose_cell(center: Vec3, half_m: f32, bounds: &Aabb) -> bool {
    let reach = Vec3::splat(half_m * 2.0);
    (center - reach).cmple(bounds.min).all() && bounds.max.cmple(center + reach).all()
}

/// The children of one node, with their bounds side by side.
#[derive(Clone, Debug)]
pub struct Octet {
    /// Bounds of all items in and below each child. They grow with every item that comes or moves
    /// and shrink when the child is emptied or collapses; a child's lie inside its parent's.
    pub bounds: Lanes<8>,
    /// Node indices; `NONE` where there is no child.
    pub children: [u32; 8],
}

impl Octet {
    pub const fn new() -> Self {
        Self { bounds: Lanes::new(), children: [NONE; 8] }
    }
}
