use crate::LodError;
use farplane_geom::{Aabb, DVec3, Vec3, View};

/// What selection needs to know of a camera: no rotation, so that turning it changes no level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LodView {
    /// Position in metres, relative to the world origin that the bounds are relative to.
    pub position: Vec3,
    /// Focal length, px: an object of 1 m at 1 m covers this many pixels.
    pub focal_px: f32,
}

impl LodView {
    /// From a camera and a world origin: viewport height and field of view give the focal length.
    #[must_use]
    pub fn from_view(view: &View, origin: DVec3) -> Self {
        Self { position: view.relative(origin), focal_px: view.focal_px() as f32 }
    }

    pub(crate) fn check(&self) -> Result<(), LodError> {
        let valid = self.position.is_finite() && self.focal_px.is_finite() && self.focal_px > 0.0;
        if valid { Ok(()) } else { Err(LodError::View { focal_px: self.focal_px }) }
    }
}

/// Screen-space error: how many pixels a geometric error covers at a distance.
///
/// No error is 0 px at any distance. What cannot be known is never good enough: an error that is
/// not a number, or any error at no distance, is infinite.
#[must_use]
#[inline]
pub fn screen_error_px(error_m: f32, distance_m: f32, focal_px: f32) -> f32 {
    if error_m <= 0.0 {
        return 0.0;
    }
    let error_px = error_m * focal_px / distance_m;
    if error_px >= 0.0 { error_px } else { f32::INFINITY }
}

/// Distance from a point to the nearest point of a box, m; 0 inside. An axis whose numbers are not
/// numbers adds nothing.
#[must_use]
#[inline]
pub fn distance_to_aabb(point: Vec3, bounds: &Aabb) -> f32 {
    let along = |axis: usize| {
        let (below, above) = (bounds.min[axis] - point[axis], point[axis] - bounds.max[axis]);
        let beyond = if below > above { below } else { above };
        if beyond > 0.0 { beyond } else { 0.0 }
    };
    length(along(0), along(1), along(2))
}

/// Distance from a point to the nearest point of a sphere, m; 0 inside, and where a number is not
/// a number.
#[must_use]
#[inline]
pub fn distance_to_sphere(point: Vec3, center: Vec3, radius_m: f32) -> f32 {
    let outside = distance(point, center) - radius_m;
    if outside > 0.0 { outside } else { 0.0 }
}

#[inline]
pub(crate) fn distance(a: Vec3, b: Vec3) -> f32 {
    length(a.x - b.x, a.y - b.y, a.z - b.z)
}

/// Summed in a fixed order; the square root is exact to the last bit on every machine.
#[inline]
fn length(x: f32, y: f32, z: f32) -> f32 {
    (x * x + y * y + z * z).sqrt()
}
