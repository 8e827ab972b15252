use crate::Query;
use crate::arch::{Simd, run};
use crate::nearest::{Closest, Seek};
use crate::pack::{Pack, lanes};
use crate::store::Block;
use crate::walk::Visit;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use farplane_geom::{Aabb, Vec3};

/// A half line or a piece of one: the points `origin + t·direction` with t from 0 to `range`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ray {
    /// Where it starts, m.
    pub origin: Vec3,
    /// Where it goes; any length but zero.
    pub direction: Vec3,
    /// Largest t: metres where the direction has unit length; infinite for a half line.
    pub range: f32,
}

/// Where a ray enters an item's box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RayHit {
    /// The item's number.
    pub item: u32,
    /// The ray's t there; 0 where it starts inside.
    pub t: f32,
}

impl Ray {
    /// The whole half line.
    #[must_use]
    pub const fn new(origin: Vec3, direction: Vec3) -> Self {
        Self { origin, direction, range: f32::INFINITY }
    }

    /// The t where the ray enters a box, 0 where it starts inside; `None` where it misses. Touching
    /// counts. This is the test of all queries along rays (slabs: Kay and Kajiya, "Ray Tracing
    /// Complex Scenes", 1986; divided instead of multiplied, so that every step rounds monotonically
    /// and a box is never missed that a box inside it is not).
    #[must_use]
    pub fn enter(&self, b: &Aabb) -> Option<f32> {
        if !self.is_valid() {
            return None;
        }
        let (mut near, mut far) = (0.0f32, self.range);
        for axis in 0..3 {
            let (o, d) = (self.origin[axis], self.direction[axis]);
            if d == 0.0 {
                if o < b.min[axis] || o > b.max[axis] {
                    return None;
                }
                continue;
            }
            let (first, last) = if d > 0.0 { (b.min, b.max) } else { (b.max, b.min) };
            let (enter, leave) = ((first[axis] - o) / d, (last[axis] - o) / d);
            near = if enter > near { enter } else { near };
            far = if leave < far { leave } else { far };
        }
        (near <= far).then_some(near)
    }

    /// Whether origin and direction are finite, the direction is not zero and the range is a number
    /// that is not negative. Others hit nothing.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.origin.is_finite()
            && self.direction.is_finite()
            && self.direction != Vec3::ZERO
            && self.range >= 0.0
    }

    /// [`Ray::enter`] of eight boxes, and a bit for each that is hit.
    #[inline(always)]
    fn enter_eight<S: Simd>(&self, s: S, boxes: &Pack) -> (S::V, u8) {
        let (mut near, mut far) = (s.splat(0.0), s.splat(self.range));
        let mut hit = 0xff;
        for axis in 0..3 {
            let (o, d) = (s.splat(self.origin[axis]), self.direction[axis]);
            let (min, max) = (s.load(&boxes.min[axis]), s.load(&boxes.max[axis]));
            if d == 0.0 {
                hit &= s.le(min, o) & s.le(o, max);
                continue;
            }
            let (first, last) = if d > 0.0 { (min, max) } else { (max, min) };
            let d = s.splat(d);
            near = s.max(s.div(s.sub(first, o), d), near);
            far = s.min(s.div(s.sub(last, o), d), far);
        }
        (near, hit & s.le(near, far))
    }
}

impl Query<'_> {
    /// All items whose box the ray hits ([`Ray::enter`]), in the order of the tree, not of the ray.
    pub fn ray(&self, ray: &Ray, out: &mut Vec<RayHit>) {
        // It never stops before the end.
        let _ = self.visit_ray(ray, |hit| {
            out.push(hit);
            ControlFlow::<()>::Continue(())
        });
    }

    /// As [`Query::ray`], one hit after the other until the visitor breaks: whether anything is in
    /// the way, say.
    pub fn visit_ray<B>(
        &self,
        ray: &Ray,
        mut visit: impl FnMut(RayHit) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut stopped = ControlFlow::Continue(());
        if !ray.is_valid() {
            return stopped;
        }
        let emit = |hit| {
            stopped = visit(hit);
            if stopped.is_break() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        // Why it stopped is in `stopped`.
        let _ = self.walk(&mut All { ray: *ray, emit }, ());
        stopped
    }

    /// The item whose box the ray enters first; the lowest number of several at the same t.
    #[must_use]
    pub fn ray_first(&self, ray: &Ray) -> Option<RayHit> {
        self.ray_first_by(ray, |hit| Some(hit.t))
    }

    /// The first item by a test of the caller's: `enter` is given an item and where the ray enters
    /// its box, and returns where it hits the item itself, if it does; at most the range, and not
    /// before the box, else the item is missed. Boxes that begin behind the best hit are not asked.
    #[must_use]
    pub fn ray_first_by(
        &self,
        ray: &Ray,
        enter: impl FnMut(RayHit) -> Option<f32>,
    ) -> Option<RayHit> {
        if !ray.is_valid() {
            return None;
        }
        let mut seek = First { ray: *ray, best: None, enter };
        let Self { parts, layers, set } = *self;
        run(set, Closest { parts, layers, seek: &mut seek });
        seek.best
    }
}

/// All that a valid ray hits.
pub(crate) struct All<E> {
    pub ray: Ray,
    pub emit: E,
}

impl<E: FnMut(RayHit) -> ControlFlow<()>> Visit for All<E> {
    type Open = ();
    type Verdict = ();

    #[inline(always)]
    fn nodes<S: Simd>(&mut self, s: S, bounds: &Pack, (): ()) -> (u8, ()) {
        (self.ray.enter_eight(s, bounds).1, ())
    }

    #[inline(always)]
    fn open_of((): &(), _lane: usize) {}

    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        s: S,
        block: Block<'_>,
        layers: Option<u8>,
        (): (),
    ) -> ControlFlow<()> {
        for (first, boxes, live) in block.packs(block.live(layers)) {
            let (near, hit) = self.ray.enter_eight(s, boxes);
            let hit = hit & live;
            if hit == 0 {
                continue;
            }
            let near = s.to_array(near);
            for lane in lanes(hit) {
                let item = block.items[first + lane];
                (self.emit)(RayHit { item, t: near[lane] })?;
            }
        }
        ControlFlow::Continue(())
    }
}

struct First<E> {
    ray: Ray,
    best: Option<RayHit>,
    enter: E,
}

impl<E: FnMut(RayHit) -> Option<f32>> Seek for First<E> {
    #[inline(always)]
    fn distances<S: Simd>(&self, s: S, boxes: &Pack) -> (S::V, u8) {
        self.ray.enter_eight(s, boxes)
    }

    #[inline(always)]
    fn limit(&self) -> f32 {
        self.best.map_or(self.ray.range, |best| best.t)
    }

    fn offer(&mut self, item: u32, near: f32) {
        let Some(t) = (self.enter)(RayHit { item, t: near }) else { return };
        let before = |best: RayHit| (t, item) < (best.t, best.item);
        if t >= near && t <= self.ray.range && self.best.is_none_or(before) {
            self.best = Some(RayHit { item, t });
        }
    }
}
