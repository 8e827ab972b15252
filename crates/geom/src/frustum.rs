use crate::{Aabb, Sphere};
use glam::{Vec3, Vec4};

/// Six half-spaces, relative to a world origin. A plane `(n, d)` keeps the points with
/// `n·p + d ≥ 0`; `n` has unit length and points inwards. Order: left, right, top, bottom, near,
/// far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frustum {
    /// `xyz` is the inward unit normal, `w` the offset in metres.
    pub planes: [Vec4; 6],
}

/// How much of a volume lies in a frustum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Containment {
    /// Certainly nothing of it.
    Outside,
    /// Possibly some of it.
    Crosses,
    /// All of it.
    Inside,
}

impl Frustum {
    /// Signed distance of a point to a plane, summed in a fixed order: the same bits everywhere.
    #[inline]
    fn distance(plane: Vec4, p: Vec3) -> f32 {
        plane.x * p.x + plane.y * p.y + plane.z * p.z + plane.w
    }

    /// Conservative test: a sphere near a corner may count as crossing although it is outside.
    #[must_use]
    pub fn intersects_sphere(&self, s: &Sphere) -> bool {
        self.planes.iter().all(|&p| Self::distance(p, s.center) >= -s.radius)
    }

    /// Conservative test: a box near a corner may count as crossing although it is outside.
    #[must_use]
    pub fn intersects_aabb(&self, b: &Aabb) -> bool {
        self.classify_aabb(b) != Containment::Outside
    }

    /// Whether a point is inside or on the boundary.
    #[must_use]
    pub fn contains(&self, p: Vec3) -> bool {
        self.planes.iter().all(|&plane| Self::distance(plane, p) >= 0.0)
    }

    /// Where a box lies. `Inside` and `Outside` are certain, `Crosses` is not.
    #[must_use]
    pub fn classify_aabb(&self, b: &Aabb) -> Containment {
        let (c, h) = (b.center(), b.half_size());
        let mut inside = true;
        for &p in &self.planes {
            let r = p.x.abs() * h.x + p.y.abs() * h.y + p.z.abs() * h.z;
            let d = Self::distance(p, c);
            if d < -r {
                return Containment::Outside;
            }
            inside &= d >= r;
        }
        if inside { Containment::Inside } else { Containment::Crosses }
    }
}
