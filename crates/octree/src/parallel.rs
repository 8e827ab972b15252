use crate::Query;
use crate::arch::run;
use crate::probe::{BoxProbe, FrustumProbe, Probe, SphereProbe, open_of};
use crate::query::{all_open, append_to};
use crate::walk::{Select, Walk};
use alloc::vec::Vec;
use farplane_geom::{Aabb, Frustum, Sphere};
use rayon::prelude::*;

/// Buffers of parallel queries; used again, they do not allocate.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    tasks: Vec<(u32, u8)>,
    below: Vec<(u32, u8)>,
    results: Vec<Vec<u32>>,
}

/// Subtrees to share out: several for each of as many threads as there may be.
const TASKS_MIN: usize = 64;

/// Queries on the threads of rayon's current pool, for those with tens of thousands of hits.
impl Query<'_> {
    /// As [`Query::sphere`], with the same results in the same order.
    pub fn par_sphere(&self, sphere: &Sphere, scratch: &mut Scratch, out: &mut Vec<u32>) {
        if let Some(probe) = SphereProbe::new(sphere) {
            self.par_append(probe, scratch, out);
        }
    }

    /// As [`Query::aabb`], with the same results in the same order.
    pub fn par_aabb(&self, bounds: &Aabb, scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.par_append(BoxProbe::new(bounds), scratch, out);
    }

    /// As [`Query::frustum`], with the same results in the same order.
    pub fn par_frustum(&self, frustum: &Frustum, scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.par_append(FrustumProbe::new(frustum), scratch, out);
    }

    fn par_append<P: Probe + Sync>(&self, probe: P, scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.share_out(probe, scratch);
        let Scratch { tasks, results, .. } = scratch;
        if results.len() < tasks.len() {
            results.resize_with(tasks.len(), Vec::new);
        }
        let Self { parts, layers, set } = *self;
        tasks.par_iter().zip(results.par_iter_mut()).for_each(|(&(start, open), result)| {
            result.clear();
            let visit = &mut Select { probe, emit: append_to(result) };
            // It never stops before the end.
            let _ = run(set, Walk { parts, layers, start, open, visit });
        });
        for result in &results[..tasks.len()] {
            out.extend_from_slice(result);
        }
    }

    /// Subtrees that hold all hits, in the order of the tree: a level after the other, until there
    /// are enough.
    fn share_out<P: Probe>(&self, probe: P, scratch: &mut Scratch) {
        let Scratch { tasks, below, .. } = scratch;
        tasks.clear();
        tasks.push((self.parts.root, all_open::<P>()));
        let mut level = self.parts.nodes[self.parts.root as usize].level;
        while level > 0 && tasks.len() < TASKS_MIN {
            below.clear();
            let select = Select { probe, emit: () };
            for &(index, open) in tasks.iter() {
                let node = &self.parts.nodes[index as usize];
                let (hit, verdict) = select.nodes(crate::arch::Scalar, &node.bounds, open);
                let hit = node.on_layers(hit & node.live(), self.layers);
                below.extend(node.children.iter().enumerate().filter_map(|(lane, &child)| {
                    let open = open_of::<P>(&verdict, lane);
                    (hit >> lane & 1 == 1).then_some((child, open))
                }));
            }
            core::mem::swap(tasks, below);
            level -= 1;
        }
    }
}
