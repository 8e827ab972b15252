use farplane_geom::{Aabb, Frustum, Sphere, Vec3};

/// `N` boxes side by side, one array per coordinate, so that one instruction tests several. Every
/// lane is computed alone: nothing depends on the width of the machine's vectors.
#[derive(Clone, Debug)]
pub struct Lanes<const N: usize> {
    /// `min[axis][lane]`.
    min: [[f32; N]; 3],
    /// `max[axis][lane]`.
    max: [[f32; N]; 3],
}

/// What a query asks of boxes. `open` is a set of tests that are still undecided for a node; an
/// empty set means that every item below is a hit.
pub trait Probe {
    /// All tests undecided.
    const OPEN: u8;

    /// Which of these boxes are hit, given the tests that are open for the node around them.
    /// Must agree with the documented test of a single box, bit for bit.
    fn items<const N: usize>(&self, boxes: &Lanes<N>, open: u8) -> [bool; N];

    /// For the bounds of eight nodes: whether any item inside may be hit, and the tests that are
    /// still open there. Must never rule out, nor decide for, what [`Probe::items`] would not.
    fn nodes(&self, bounds: &Lanes<8>, open: u8) -> ([bool; 8], [u8; 8]);
}

impl<const N: usize> Lanes<N> {
    pub const fn new() -> Self {
        Self { min: [[0.0; N]; 3], max: [[0.0; N]; 3] }
    }

    pub fn get(&self, lane: usize) -> Aabb {
        Aabb::new(
            Vec3::new(self.min[0][lane], self.min[1][lane], self.min[2][lane]),
            Vec3::new(self.max[0][lane], self.max[1][lane], self.max[2][lane]),
        )
    }

    pub fn set(&mut self, lane: usize, b: &Aabb) {
        for axis in 0..3 {
            self.min[axis][lane] = b.min[axis];
            self.max[axis][lane] = b.max[axis];
        }
    }
}

/// The larger of two numbers; one compare, and so one vector instruction, unlike `f32::max`.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Boxes with a point within a sphere: `Aabb::distance_squared(center) ≤ radius²`.
pub struct SphereProbe {
    center: [f32; 3],
    radius_squared: f32,
}

impl SphereProbe {
    /// `None` for a sphere that no box can touch: a centre or radius that is not a number, a
    /// negative radius.
    pub fn new(sphere: &Sphere) -> Option<Self> {
        let valid = sphere.center.is_finite() && sphere.radius >= 0.0;
        valid.then(|| Self {
            center: sphere.center.to_array(),
            radius_squared: sphere.radius * sphere.radius,
        })
    }

    /// Rounding is monotonic in every step, so a box inside another is never nearer than it.
    #[inline(always)]
    fn nearest_squared<const N: usize>(&self, boxes: &Lanes<N>, lane: usize) -> f32 {
        let along = |axis: usize| {
            let p = self.center[axis];
            larger(larger(boxes.min[axis][lane] - p, p - boxes.max[axis][lane]), 0.0)
        };
        let (x, y, z) = (along(0), along(1), along(2));
        x * x + y * y + z * z
    }

    #[inline(always)]
    fn farthest_squared<const N: usize>(&self, boxes: &Lanes<N>, lane: usize) -> f32 {
        let along = |axis: usize| {
            let p = self.center[axis];
            larger(p - boxes.min[axis][lane], boxes.max[axis][lane] - p)
        };
        let (x, y, z) = (along(0), along(1), along(2));
        x * x + y * y + z * z
    }
}

impl Probe for SphereProbe {
    const OPEN: u8 = 1;

    #[inline]
    fn items<const N: usize>(&self, boxes: &Lanes<N>, _open: u8) -> [bool; N] {
        core::array::from_fn(|lane| self.nearest_squared(boxes, lane) <= self.radius_squared)
    }

    #[inline]
    fn nodes(&self, bounds: &Lanes<8>, _open: u8) -> ([bool; 8], [u8; 8]) {
        let open = core::array::from_fn(|lane| {
            u8::from(self.farthest_squared(bounds, lane) > self.radius_squared)
        });
        (self.items(bounds, 1), open)
    }
}

/// Boxes that share a point with a box: `Aabb::intersects`.
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
    const OPEN: u8 = 1;

    #[inline]
    fn items<const N: usize>(&self, boxes: &Lanes<N>, _open: u8) -> [bool; N] {
        core::array::from_fn(|lane| {
            let mut hit = true;
            for axis in 0..3 {
                hit &= boxes.min[axis][lane] <= self.max[axis];
                hit &= self.min[axis] <= boxes.max[axis][lane];
            }
            hit
        })
    }

    #[inline]
    fn nodes(&self, bounds: &Lanes<8>, _open: u8) -> ([bool; 8], [u8; 8]) {
        let open = core::array::from_fn(|lane| {
            let mut inside = true;
            for axis in 0..3 {
                inside &= self.min[axis] <= bounds.min[axis][lane];
                inside &= bounds.max[axis][lane] <= self.max[axis];
            }
            u8::from(!inside)
        });
        (self.items(bounds, 1), open)
    }
}

/// Boxes that `Frustum::classify_aabb` does not call outside. The open tests are planes: one that
/// a node lies wholly behind is not tested again below (Assarsson and Möller, "Optimized View
/// Frustum Culling Algorithms for Bounding Boxes", 2000: the masking, without the corner tables).
pub struct FrustumProbe {
    planes: [[f32; 4]; 6],
}

/// A node is ruled out, or a plane decided for it, only by more than this part of the magnitudes
/// involved. Rounding of the sums for one box is below 9 units of 2⁻²⁴ (centre and half size 1
/// each, four products and three additions for the distance, three and two for the reach), so 18
/// for a node and an item in it; 2·10⁻⁶ is 33 units. Thus no item is lost, or gained, that the
/// test of its own box would have decided otherwise.
const SLACK: f32 = 2.0e-6;

impl FrustumProbe {
    pub fn new(frustum: &Frustum) -> Self {
        Self { planes: frustum.planes.map(|p| p.to_array()) }
    }

    /// Signed distance of the centre and reach of the box along the normal, in the order of
    /// operations of `Frustum::classify_aabb`.
    #[inline(always)]
    fn distance_and_reach<const N: usize>(
        plane: &[f32; 4],
        boxes: &Lanes<N>,
        lane: usize,
    ) -> (f32, f32) {
        let center = |axis: usize| (boxes.min[axis][lane] + boxes.max[axis][lane]) * 0.5;
        let half = |axis: usize| (boxes.max[axis][lane] - boxes.min[axis][lane]) * 0.5;
        let [x, y, z, w] = *plane;
        let reach = x.abs() * half(0) + y.abs() * half(1) + z.abs() * half(2);
        (x * center(0) + y * center(1) + z * center(2) + w, reach)
    }

    #[inline(always)]
    fn slack(plane: &[f32; 4], bounds: &Lanes<8>, lane: usize) -> f32 {
        let size = |axis: usize| larger(bounds.min[axis][lane].abs(), bounds.max[axis][lane].abs());
        let [x, y, z, w] = plane.map(f32::abs);
        (x * size(0) + y * size(1) + z * size(2) + w) * SLACK + f32::MIN_POSITIVE
    }
}

impl Probe for FrustumProbe {
    const OPEN: u8 = 0b11_1111;

    #[inline]
    fn items<const N: usize>(&self, boxes: &Lanes<N>, open: u8) -> [bool; N] {
        let mut hit = [true; N];
        for (bit, plane) in self.planes.iter().enumerate() {
            if open & (1 << bit) == 0 {
                continue;
            }
            for (lane, hit) in hit.iter_mut().enumerate() {
                let (distance, reach) = Self::distance_and_reach(plane, boxes, lane);
                // What is not a number is not outside, as in `classify_aabb`.
                let outside = distance < -reach;
                *hit &= !outside;
            }
        }
        hit
    }

    #[inline]
    fn nodes(&self, bounds: &Lanes<8>, open: u8) -> ([bool; 8], [u8; 8]) {
        let mut outside = [false; 8];
        let mut still_open = [open; 8];
        for (bit, plane) in self.planes.iter().enumerate() {
            if open & (1 << bit) == 0 {
                continue;
            }
            for lane in 0..8 {
                let (distance, reach) = Self::distance_and_reach(plane, bounds, lane);
                let reach = reach + Self::slack(plane, bounds, lane);
                outside[lane] |= distance < -reach;
                still_open[lane] &= !(u8::from(distance >= reach) << bit);
            }
        }
        (outside.map(|outside| !outside), still_open)
    }
}
