use glam::Vec3;

/// A sphere in metres, relative to a world origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sphere {
    /// Centre.
    pub center: Vec3,
    /// Radius, m, not negative.
    pub radius: f32,
}

impl Sphere {
    /// A sphere from its centre and radius.
    #[must_use]
    pub const fn new(center: Vec3, radius: f32) -> Self {
        Self { center, radius }
    }
}
