use crate::frusta::Several;
use crate::pack::lanes;
use crate::probe::{BoxProbe, FrustumProbe, Probe, SphereProbe};
use crate::query::{all_open, append_to};
use crate::ray::All;
use crate::rings::{ALL_RINGS, Rings};
use crate::store::BLOCK;
use crate::walk::{Items, Select, Visit};
use crate::{OctreeError, Query, Ray, RayHit};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use farplane_geom::{Aabb, Frustum, Sphere, Vec3};
use rayon::prelude::*;

/// Buffers of parallel queries with results of one type; used again, they do not allocate.
#[derive(Clone, Debug)]
pub struct Scratch<T = u32> {
    tasks: Vec<u32>,
    below: Vec<u32>,
    results: Vec<Vec<T>>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self { tasks: Vec::new(), below: Vec::new(), results: Vec::new() }
    }
}

/// Subtrees to share out: several for each of as many threads as there may be.
const TASKS_MIN: usize = 64;

/// Queries on the threads of rayon's current pool, for those with tens of thousands of hits. The
/// nearest items and the first hit of a ray are not among them: what one thread finds there spares
/// the others their work.
impl Query<'_> {
    /// As [`Query::sphere`], with the same results in the same order.
    pub fn par_sphere(&self, sphere: &Sphere, scratch: &mut Scratch, out: &mut Vec<u32>) {
        if let Some(probe) = SphereProbe::new(sphere) {
            self.par_select(probe, scratch, out);
        }
    }

    /// As [`Query::aabb`], with the same results in the same order.
    pub fn par_aabb(&self, bounds: &Aabb, scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.par_select(BoxProbe::new(bounds), scratch, out);
    }

    /// As [`Query::frustum`], with the same results in the same order.
    pub fn par_frustum(&self, frustum: &Frustum, scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.par_select(FrustumProbe::new(frustum), scratch, out);
    }

    /// As [`Query::frusta`], with the same results in the same order.
    ///
    /// # Errors
    /// As [`Query::frusta`].
    pub fn par_frusta(
        &self,
        frusta: &[Frustum],
        scratch: &mut Scratch<(u32, u8)>,
        out: &mut Vec<(u32, u8)>,
    ) -> Result<(), OctreeError> {
        let open = Several::<()>::all_open(frusta);
        self.share_out(&mut Several::new(frusta, |_, _| ControlFlow::Continue(()))?, open, scratch);
        scratch.run(out, |start, out| {
            let emit = |item, mask| push(out, (item, mask));
            let Ok(mut visit) = Several::new(frusta, emit) else { return };
            // It never stops before the end; so do those below.
            let _ = self.walk_from(start, &mut visit, open);
        });
        Ok(())
    }

    /// As [`Query::ray`], with the same results in the same order.
    pub fn par_ray(&self, ray: &Ray, scratch: &mut Scratch<RayHit>, out: &mut Vec<RayHit>) {
        if !ray.is_valid() {
            return;
        }
        self.share_out(&mut All { ray: *ray, emit: |_| ControlFlow::Continue(()) }, (), scratch);
        scratch.run(out, |start, out| {
            let mut visit = All { ray: *ray, emit: |hit| push(out, hit) };
            let _ = self.walk_from(start, &mut visit, ());
        });
    }

    /// As [`Query::rings`], with the same results in the same order.
    ///
    /// # Errors
    /// As [`Query::rings`].
    pub fn par_rings(
        &self,
        center: Vec3,
        radii_m: &[f32],
        scratch: &mut Scratch<(u32, u32)>,
        out: &mut Vec<(u32, u32)>,
    ) -> Result<(), OctreeError> {
        let Some(mut rings) = Rings::new(center, radii_m, |_, _| ControlFlow::Continue(()))? else {
            return Ok(());
        };
        self.share_out(&mut rings, ALL_RINGS, scratch);
        scratch.run(out, |start, out| {
            let emit = |item, ring| push(out, (item, ring));
            let Ok(Some(mut visit)) = Rings::new(center, radii_m, emit) else { return };
            let _ = self.walk_from(start, &mut visit, ALL_RINGS);
        });
        Ok(())
    }

    fn par_select<P: Probe + Sync>(&self, probe: P, scratch: &mut Scratch, out: &mut Vec<u32>) {
        let open = all_open::<P>();
        let emit = Items(|_: &[u32; BLOCK], _| ControlFlow::Continue(()));
        self.share_out(&mut Select { probe, emit }, open, scratch);
        scratch.run(out, |start, out| {
            let mut visit = Select { probe, emit: Items(append_to(out)) };
            let _ = self.walk_from(start, &mut visit, open);
        });
    }

    /// Subtrees that hold all hits, in the order of the tree: a level after the other, until there
    /// are enough. What is known of them is not passed on: each finds it out again at its first
    /// node.
    fn share_out<V: Visit, T>(&self, visit: &mut V, open: V::Open, scratch: &mut Scratch<T>) {
        let Scratch { tasks, below, .. } = scratch;
        tasks.clear();
        tasks.push(self.parts.root);
        let mut level = self.parts.nodes[self.parts.root as usize].level;
        while level > 0 && tasks.len() < TASKS_MIN {
            below.clear();
            for &index in tasks.iter() {
                let node = &self.parts.nodes[index as usize];
                let (hit, _) = visit.nodes(crate::arch::Scalar, &node.bounds, open);
                let hit = node.on_layers(hit & node.live(), self.layers);
                below.extend(lanes(hit).map(|lane| node.children[lane]));
            }
            core::mem::swap(tasks, below);
            level -= 1;
        }
    }
}

impl<T: Copy + Send> Scratch<T> {
    /// Appends what a query finds in each of the subtrees that were shared out, in their order.
    fn run(&mut self, out: &mut Vec<T>, query: impl Fn(u32, &mut Vec<T>) + Sync) {
        let Self { tasks, results, .. } = self;
        if results.len() < tasks.len() {
            results.resize_with(tasks.len(), Vec::new);
        }
        tasks.par_iter().zip(results.par_iter_mut()).for_each(|(&start, result)| {
            result.clear();
            query(start, result);
        });
        for result in &results[..tasks.len()] {
            out.extend_from_slice(result);
        }
    }
}

fn push<T>(out: &mut Vec<T>, value: T) -> ControlFlow<()> {
    out.push(value);
    ControlFlow::Continue(())
}
