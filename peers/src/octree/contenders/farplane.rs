use super::{Index, Move};
use farplane_geom::{Aabb, Frustum, Sphere};
use farplane_octree::{Handle, Octree};

/// farplane-octree.
pub struct Farplane {
    octree: Octree,
    handles: Vec<Handle>,
    moved: Vec<(Handle, Aabb)>,
}

/// Blocks that are looked after in each frame.
const MAINTAIN: u32 = 96;

impl Index for Farplane {
    fn build(boxes: &[Aabb]) -> Self {
        let items: Vec<_> = boxes.iter().copied().zip(0..).collect();
        let octree = Octree::build(&items).expect("boxes of the scene are valid");
        let handles = octree.handles().collect();
        Self { octree, handles, moved: Vec::new() }
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        self.octree.query().sphere(sphere, out);
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.octree.query().frustum(frustum, out);
    }

    fn bytes(&self) -> Option<usize> {
        Some(self.octree.index_bytes())
    }

    fn prepare(&mut self, moves: &[Move]) {
        self.moved.clear();
        self.moved.extend(moves.iter().map(|m| (self.handles[m.item as usize], m.to)));
    }

    fn moves(&mut self, _moves: &[Move]) -> bool {
        self.octree.move_many(&self.moved).expect("the boxes are in the tree");
        self.octree.maintain(MAINTAIN);
        true
    }
}
