use crate::arch::Simd;
use crate::pack::{Pack, lanes};
use crate::probe::{farthest_squared, nearest_squared};
use crate::store::Block;
use crate::walk::Visit;
use crate::{OctreeError, Query};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use farplane_geom::Vec3;

impl Query<'_> {
    /// Items around a point by rings: each item within the last radius, with the place of the first
    /// radius that it touches, as [`Query::sphere`] would with that radius. One walk for all rings.
    /// A centre that is not finite hits nothing.
    ///
    /// # Errors
    /// [`OctreeError::InvalidRing`] for the first radius that is negative, not a number, or less
    /// than the one before.
    pub fn rings(
        &self,
        center: Vec3,
        radii_m: &[f32],
        out: &mut Vec<(u32, u32)>,
    ) -> Result<(), OctreeError> {
        // It never stops before the end.
        let _ = self.visit_rings(center, radii_m, |item, ring| {
            out.push((item, ring));
            ControlFlow::<()>::Continue(())
        })?;
        Ok(())
    }

    /// As [`Query::rings`], one item after the other until the visitor breaks.
    ///
    /// # Errors
    /// As [`Query::rings`].
    pub fn visit_rings<B>(
        &self,
        center: Vec3,
        radii_m: &[f32],
        mut visit: impl FnMut(u32, u32) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, OctreeError> {
        let mut stopped = ControlFlow::Continue(());
        let emit = |item, ring| {
            stopped = visit(item, ring);
            if stopped.is_break() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if let Some(mut rings) = Rings::new(center, radii_m, emit)? {
            // Why it stopped is in `stopped`.
            let _ = self.walk(&mut rings, ALL_RINGS);
        }
        Ok(stopped)
    }
}

/// What is around a point, by rings.
pub(crate) struct Rings<'a, E> {
    center: [f32; 3],
    radii_m: &'a [f32],
    emit: E,
}

impl<'a, E> Rings<'a, E> {
    /// `None` for rings that hold nothing.
    pub fn new(center: Vec3, radii_m: &'a [f32], emit: E) -> Result<Option<Self>, OctreeError> {
        let mut last = 0.0;
        for (index, &radius_m) in radii_m.iter().enumerate() {
            if radius_m.is_nan() || radius_m < last {
                return Err(OctreeError::InvalidRing { index, radius_m });
            }
            last = radius_m;
        }
        let any = center.is_finite() && !radii_m.is_empty();
        Ok(any.then(|| Self { center: center.to_array(), radii_m, emit }))
    }

    /// The first ring from `from` on that reaches a squared distance; the number of rings if none.
    #[inline(always)]
    fn ring(&self, distance_squared: f32, from: u32) -> u32 {
        let beyond = |r: &&f32| **r * **r < distance_squared;
        from + self.radii_m[from as usize..].iter().take_while(beyond).count() as u32
    }
}

/// First and last ring that anything below may be in.
type Range = (u32, u32);

/// Before anything is known.
pub(crate) const ALL_RINGS: Range = (0, u32::MAX);

impl<E: FnMut(u32, u32) -> ControlFlow<()>> Visit for Rings<'_, E> {
    type Open = Range;
    type Verdict = [Range; Pack::LANES];

    #[inline(always)]
    fn nodes<S: Simd>(&mut self, s: S, bounds: &Pack, open: Range) -> (u8, Self::Verdict) {
        let mut ranges = [open; Pack::LANES];
        if open.0 == open.1 {
            return (0xff, ranges);
        }
        let near = s.to_array(nearest_squared(s, bounds, &self.center));
        let far = s.to_array(farthest_squared(s, bounds, &self.center));
        let mut hit = 0;
        for (lane, range) in ranges.iter_mut().enumerate() {
            let first = self.ring(near[lane], open.0);
            if (first as usize) < self.radii_m.len() {
                *range = (first, self.ring(far[lane], first));
                hit |= 1 << lane;
            }
        }
        (hit, ranges)
    }

    #[inline(always)]
    fn open_of(ranges: &Self::Verdict, lane: usize) -> Range {
        ranges[lane]
    }

    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        s: S,
        block: Block<'_>,
        layers: Option<u8>,
        (first, last): Range,
    ) -> ControlFlow<()> {
        let reach = self.radii_m[self.radii_m.len() - 1];
        for (place, boxes, live) in block.packs(block.live(layers)) {
            let distances = nearest_squared(s, boxes, &self.center);
            let hit = s.le(distances, s.splat(reach * reach));
            let distances = s.to_array(distances);
            for lane in lanes(hit & live) {
                let ring = if first == last { first } else { self.ring(distances[lane], first) };
                (self.emit)(block.items[place + lane], ring)?;
            }
        }
        ControlFlow::Continue(())
    }
}
