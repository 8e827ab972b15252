use crate::arch::{InstructionSet, run};
use crate::probe::{BoxProbe, FrustumProbe, Probe, SphereProbe};
use crate::store::{BLOCK, Parts};
use crate::walk::{Items, Select, Visit, Walk};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use farplane_geom::{Aabb, Frustum, Sphere};

/// What can be asked of a tree. Queries append to buffers of the caller's and allocate nothing but
/// what those need to grow; `visit_*` hand each item to a closure, which may stop them. Items come
/// in the order of the tree: along the Z curve, small ones before big ones.
///
/// All results are those of testing every box with the named test, bit for bit, with every
/// instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub(crate) parts: Parts<'a>,
    pub(crate) layers: Option<u8>,
    pub(crate) set: InstructionSet,
}

impl<'a> Query<'a> {
    pub(crate) fn new(parts: Parts<'a>) -> Self {
        Self { parts, layers: None, set: InstructionSet::best() }
    }

    /// Narrows to the items that are on any of the layers whose bits are set.
    #[must_use]
    pub const fn on_layers(self, layers: u8) -> Self {
        Self { layers: Some(layers), ..self }
    }

    /// Uses the given instructions instead of the best that the machine has; plain ones where it
    /// lacks them. Results are the same.
    #[must_use]
    pub const fn using(self, set: InstructionSet) -> Self {
        Self { set, ..self }
    }

    /// Items whose box has a point within the sphere: [`Aabb::distance_squared`] of the centre is
    /// at most the radius squared. A centre that is not finite, or a radius that is negative or not
    /// a number, hits nothing.
    pub fn sphere(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        if let Some(probe) = SphereProbe::new(sphere) {
            self.append(probe, out);
        }
    }

    /// Items whose box shares a point with the given one: [`Aabb::intersects`]. A box with a corner
    /// that is not a number hits nothing.
    pub fn aabb(&self, bounds: &Aabb, out: &mut Vec<u32>) {
        self.append(BoxProbe::new(bounds), out);
    }

    /// Items whose box [`Frustum::classify_aabb`] does not call outside: exactly those, bit for
    /// bit.
    pub fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.append(FrustumProbe::new(frustum), out);
    }

    /// As [`Query::sphere`], one item after the other until the visitor breaks.
    pub fn visit_sphere<B>(
        &self,
        sphere: &Sphere,
        visit: impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        match SphereProbe::new(sphere) {
            Some(probe) => self.visit(probe, visit),
            None => ControlFlow::Continue(()),
        }
    }

    /// As [`Query::aabb`], one item after the other until the visitor breaks.
    pub fn visit_aabb<B>(
        &self,
        bounds: &Aabb,
        visit: impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.visit(BoxProbe::new(bounds), visit)
    }

    /// As [`Query::frustum`], one item after the other until the visitor breaks.
    pub fn visit_frustum<B>(
        &self,
        frustum: &Frustum,
        visit: impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.visit(FrustumProbe::new(frustum), visit)
    }

    fn append<P: Probe>(&self, probe: P, out: &mut Vec<u32>) {
        // It never stops before the end.
        let _ = self.select(probe, append_to(out));
    }

    fn visit<P: Probe, B>(
        &self,
        probe: P,
        mut visit: impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut stopped = ControlFlow::Continue(());
        let emit = |items: &[u32; BLOCK], count: usize| {
            for &item in &items[..count] {
                stopped = visit(item);
                if stopped.is_break() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        };
        // Why it stopped is in `stopped`.
        let _ = self.select(probe, emit);
        stopped
    }

    fn select<P: Probe>(
        &self,
        probe: P,
        emit: impl FnMut(&[u32; BLOCK], usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.walk(&mut Select { probe, emit: Items(emit) }, all_open::<P>())
    }

    pub(crate) fn walk<V: Visit>(&self, visit: &mut V, open: V::Open) -> ControlFlow<()> {
        self.walk_from(self.parts.root, visit, open)
    }

    /// Below one node only.
    pub(crate) fn walk_from<V: Visit>(
        &self,
        start: u32,
        visit: &mut V,
        open: V::Open,
    ) -> ControlFlow<()> {
        let Self { parts, layers, set } = *self;
        run(set, Walk { parts, layers, start, open, visit })
    }
}

/// Appends the first so many items of a column. Where there is room all of them are copied, which is
/// a few instructions where a copy of a number known only now is a call.
#[inline(always)]
pub(crate) fn append_to(out: &mut Vec<u32>) -> impl FnMut(&[u32; BLOCK], usize) -> ControlFlow<()> {
    |items, count| {
        let before = out.len();
        if out.capacity() - before >= BLOCK {
            out.extend_from_slice(items);
            out.truncate(before + count);
        } else {
            out.extend_from_slice(&items[..count]);
        }
        ControlFlow::Continue(())
    }
}

/// All tests of a probe.
pub(crate) const fn all_open<P: Probe>() -> u8 {
    ((1u16 << P::TESTS) - 1) as u8
}
