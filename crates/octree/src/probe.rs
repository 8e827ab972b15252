use crate::arch::Simd;
use crate::pack::Pack;
use farplane_geom::{Aabb, Frustum, Sphere};

/// Tests that a query applies to boxes, at most six, one bit each. `open` is the set of those that
/// are undecided for everything below a node; with none open, all below is hit.
pub trait Probe: Copy {
    /// Number of tests.
    const TESTS: usize;

    /// Which of eight items are hit, given the open tests. Must agree with the documented test of a
    /// single box, bit for bit.
    fn items<S: Simd>(&self, s: S, boxes: &Pack, open: u8) -> u8;

    /// For the bounds of eight nodes or blocks: which may hold hits. Must never rule out, nor
    /// decide for, what [`Probe::items`] would not.
    fn nodes<S: Simd>(&self, s: S, bounds: &Pack, open: u8) -> Verdict;
}

/// What is known of eight nodes.
#[derive(Clone, Copy)]
pub struct Verdict {
    /// A bit for each that may hold hits.
    pub hit: u8,
    /// For each test, a bit for each node where it is open still.
    pub open: [u8; 6],
}

/// The open tests of one lane.
#[inline(always)]
pub fn open_of<P: Probe>(open: &[u8; 6], lane: usize) -> u8 {
    let mut bits = 0;
    for (test, lanes) in open.iter().enumerate().take(P::TESTS) {
        bits |= (lanes >> lane & 1) << test;
    }
    bits
}

/// Squared distance from a point to the nearest point of each box, in the order of operations of
/// `Aabb::distance_squared`. Rounding is monotonic in every step, so a box inside another is never
/// nearer than it.
#[inline(always)]
pub fn nearest_squared<S: Simd>(s: S, boxes: &Pack, p: &[f32; 3]) -> S::V {
    let zero = s.splat(0.0);
    let along = |axis: usize| {
        let p = s.splat(p[axis]);
        let (below, above) =
            (s.sub(s.load(&boxes.min[axis]), p), s.sub(p, s.load(&boxes.max[axis])));
        let d = s.max(s.max(below, above), zero);
        s.mul(d, d)
    };
    s.add(s.add(along(0), along(1)), along(2))
}

/// Squared distance from a point to the farthest corner of each box.
#[inline(always)]
pub fn farthest_squared<S: Simd>(s: S, boxes: &Pack, p: &[f32; 3]) -> S::V {
    let along = |axis: usize| {
        let p = s.splat(p[axis]);
        let d = s.max(s.sub(p, s.load(&boxes.min[axis])), s.sub(s.load(&boxes.max[axis]), p));
        s.mul(d, d)
    };
    s.add(s.add(along(0), along(1)), along(2))
}

/// Boxes with a point within a sphere: `Aabb::distance_squared(center) ≤ radius²`.
#[derive(Clone, Copy)]
pub struct SphereProbe {
    center: [f32; 3],
    radius_squared: f32,
}

impl SphereProbe {
    /// `None` for a sphere that no box can touch: a centre that is not finite, a radius that is
    /// negative or not a number.
    pub fn new(sphere: &Sphere) -> Option<Self> {
        let valid = sphere.center.is_finite() && sphere.radius >= 0.0;
        valid.then(|| Self {
            center: sphere.center.to_array(),
            radius_squared: sphere.radius * sphere.radius,
        })
    }
}

impl Probe for SphereProbe {
    const TESTS: usize = 1;

    #[inline(always)]
    fn items<S: Simd>(&self, s: S, boxes: &Pack, _open: u8) -> u8 {
        s.le(nearest_squared(s, boxes, &self.center), s.splat(self.radius_squared))
    }

    #[inline(always)]
    fn nodes<S: Simd>(&self, s: S, bounds: &Pack, open: u8) -> Verdict {
        let inside = s.le(farthest_squared(s, bounds, &self.center), s.splat(self.radius_squared));
        Verdict { hit: self.items(s, bounds, open), open: [!inside; 6] }
    }
}

/// Boxes that share a point with a box: `Aabb::intersects`.
#[derive(Clone, Copy)]
pub struct BoxProbe {
    min: [f32; 3],
    max: [f32; 3],
}

impl BoxProbe {
    pub fn new(b: &Aabb) -> Self {
        Self { min: b.min.to_array(), max: b.max.to_array() }
    }
}

impl Probe for BoxProbe {
    const TESTS: usize = 1;

    #[inline(always)]
    fn items<S: Simd>(&self, s: S, boxes: &Pack, _open: u8) -> u8 {
        let mut hit = 0xff;
        for axis in 0..3 {
            hit &= s.le(s.load(&boxes.min[axis]), s.splat(self.max[axis]));
            hit &= s.le(s.splat(self.min[axis]), s.load(&boxes.max[axis]));
        }
        hit
    }

    #[inline(always)]
    fn nodes<S: Simd>(&self, s: S, bounds: &Pack, open: u8) -> Verdict {
        let mut inside = 0xff;
        for axis in 0..3 {
            inside &= s.le(s.splat(self.min[axis]), s.load(&bounds.min[axis]));
            inside &= s.le(s.load(&bounds.max[axis]), s.splat(self.max[axis]));
        }
        Verdict { hit: self.items(s, bounds, open), open: [!inside; 6] }
    }
}

/// Boxes that `Frustum::classify_aabb` does not call outside. The tests are planes: one that a node
/// lies wholly behind is not tested again below (Assarsson and Möller, "Optimized View Frustum
/// Culling Algorithms for Bounding Boxes", 2000: the masking, without the corner tables).
#[derive(Clone, Copy)]
pub struct FrustumProbe {
    planes: [[f32; 4]; 6],
}

/// A node is ruled out, or a plane decided for it, only by more than this part of the magnitudes
/// involved. Rounding of the sums for one box is below 9 units of 2⁻²⁴ (centre and half size 1
/// each, four products and three additions for the distance, three and two for the reach), so 18
/// for a node and an item in it; 2·10⁻⁶ is 33 units. Thus no item is lost, or gained, that the
/// test of its own box would have decided otherwise.
const SLACK: f32 = 2.0e-6;

/// Centre and half size of eight boxes, each along all axes.
struct Halved<V> {
    center: [V; 3],
    half: [V; 3],
}

impl FrustumProbe {
    pub fn new(frustum: &Frustum) -> Self {
        Self { planes: frustum.planes.map(|p| p.to_array()) }
    }

    #[inline(always)]
    fn halved<S: Simd>(s: S, boxes: &Pack) -> Halved<S::V> {
        let rows = |axis: usize| (s.load(&boxes.min[axis]), s.load(&boxes.max[axis]));
        let half = s.splat(0.5);
        let center = |axis| s.mul(s.add(rows(axis).0, rows(axis).1), half);
        let size = |axis| s.mul(s.sub(rows(axis).1, rows(axis).0), half);
        Halved { center: [center(0), center(1), center(2)], half: [size(0), size(1), size(2)] }
    }

    /// Signed distance of the centres and reach of the boxes along the normal, in the order of
    /// operations of `Frustum::classify_aabb`.
    #[inline(always)]
    fn distance_and_reach<S: Simd>(s: S, plane: &[f32; 4], boxes: &Halved<S::V>) -> (S::V, S::V) {
        let sum = |n: [f32; 3], v: &[S::V; 3]| {
            let term = |axis: usize| s.mul(s.splat(n[axis]), v[axis]);
            s.add(s.add(term(0), term(1)), term(2))
        };
        let [x, y, z, w] = *plane;
        let distance = s.add(sum([x, y, z], &boxes.center), s.splat(w));
        (distance, sum([x.abs(), y.abs(), z.abs()], &boxes.half))
    }

    #[inline(always)]
    fn slack<S: Simd>(s: S, plane: &[f32; 4], bounds: &Pack) -> S::V {
        let zero = s.splat(0.0);
        let size = |axis: usize| {
            let (min, max) = (s.load(&bounds.min[axis]), s.load(&bounds.max[axis]));
            s.max(s.max(min, s.sub(zero, min)), s.max(max, s.sub(zero, max)))
        };
        let [x, y, z, w] = plane.map(f32::abs);
        let term = |n: f32, axis: usize| s.mul(s.splat(n), size(axis));
        let sum = s.add(s.add(s.add(term(x, 0), term(y, 1)), term(z, 2)), s.splat(w));
        s.add(s.mul(sum, s.splat(SLACK)), s.splat(f32::MIN_POSITIVE))
    }
}

impl Probe for FrustumProbe {
    const TESTS: usize = 6;

    #[inline(always)]
    fn items<S: Simd>(&self, s: S, boxes: &Pack, open: u8) -> u8 {
        let halved = Self::halved(s, boxes);
        let mut outside = 0;
        for (test, plane) in self.planes.iter().enumerate() {
            if open >> test & 1 == 1 {
                let (distance, reach) = Self::distance_and_reach(s, plane, &halved);
                // What is not a number is not outside, as in `classify_aabb`.
                outside |= s.lt(distance, s.sub(s.splat(0.0), reach));
                if outside == 0xff {
                    break;
                }
            }
        }
        !outside
    }

    #[inline(always)]
    fn nodes<S: Simd>(&self, s: S, bounds: &Pack, open: u8) -> Verdict {
        let halved = Self::halved(s, bounds);
        let (mut outside, mut still) = (0, [0; 6]);
        for (test, plane) in self.planes.iter().enumerate() {
            if open >> test & 1 == 1 {
                let (distance, reach) = Self::distance_and_reach(s, plane, &halved);
                let reach = s.add(reach, Self::slack(s, plane, bounds));
                outside |= s.lt(distance, s.sub(s.splat(0.0), reach));
                // Less, not less or equal: sums that overflow are equal and decide nothing.
                still[test] = !s.lt(reach, distance);
            }
        }
        Verdict { hit: !outside, open: still }
    }
}
