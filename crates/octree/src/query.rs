use crate::Octree;
use crate::block::Block;
use crate::lanes::{BoxProbe, FrustumProbe, Probe, SphereProbe};
use crate::node::Node;
use crate::pool::NONE;
use crate::tree::ROOT;
use alloc::vec::Vec;
use farplane_geom::{Aabb, Frustum, Sphere};

/// Nodes that wait at most: seven siblings on each level above the deepest, eight there.
const STACK_MAX: usize = 7 * Node::DEPTH_MAX as usize + 1;

/// Queries append the numbers of the items they hit to `out` and allocate nothing else. Order: the
/// items of a node before those of its children, children in Morton order (x fastest, then y, z).
impl Octree {
    /// Items whose box has a point within the sphere: [`Aabb::distance_squared`] of the centre is
    /// at most the radius squared. A centre that is not finite, or a radius that is negative or not
    /// a number, hits nothing.
    pub fn query_sphere(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        if let Some(probe) = SphereProbe::new(sphere) {
            self.query(&probe, out);
        }
    }

    /// Items whose box shares a point with the given one: [`Aabb::intersects`]. A box with a corner
    /// that is not a number hits nothing.
    pub fn query_box(&self, bounds: &Aabb, out: &mut Vec<u32>) {
        self.query(&BoxProbe::new(bounds), out);
    }

    /// Items whose box [`Frustum::classify_aabb`] does not call outside: exactly those, bit for
    /// bit.
    pub fn query_frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.query(&FrustumProbe::new(frustum), out);
    }

    fn query<P: Probe>(&self, probe: &P, out: &mut Vec<u32>) {
        let mut stack = [(ROOT, P::OPEN); STACK_MAX];
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let (index, open) = stack[waiting];
            let node = &self.nodes[index];
            self.query_own(probe, node.head, open, out);
            if node.octet == NONE {
                continue;
            }
            let octet = &self.octets[node.octet];
            let (hit, still_open) =
                if open == 0 { ([true; 8], [0; 8]) } else { probe.nodes(&octet.bounds, open) };
            for lane in (0..8).rev() {
                if hit[lane] && octet.children[lane] != NONE {
                    stack[waiting] = (octet.children[lane], still_open[lane]);
                    waiting += 1;
                }
            }
        }
    }

    fn query_own<P: Probe>(&self, probe: &P, head: u32, open: u8, out: &mut Vec<u32>) {
        let mut next = head;
        while next != NONE {
            let block = &self.blocks[next];
            next = block.next;
            let count = block.count as usize;
            if open == 0 {
                out.extend_from_slice(&block.items[..count]);
                continue;
            }
            let hit = probe.items(&block.boxes, open);
            let mut items = [0; Block::COUNT_MAX];
            let mut hits = 0;
            for (&item, hit) in block.items[..count].iter().zip(hit) {
                items[hits] = item;
                hits += usize::from(hit);
            }
            out.extend_from_slice(&items[..hits]);
        }
    }
}
