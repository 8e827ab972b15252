use crate::Grid;
use crate::ray::Ray;
use glam::Vec3;

/// Where a ray meets the terrain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Distance in units of the ray's direction: `position = origin + t · dir`.
    pub t: f32,
    /// The point, m, relative to the world origin.
    pub position: Vec3,
    /// Unit normal of the triangle there (of the triangle above, where the ray comes in through
    /// the side of a tile).
    pub normal: Vec3,
    /// Level of the tile that was hit.
    pub level: u8,
}

impl Hit {
    /// `slope` is that of the triangle, in height steps per finest quad east and north.
    #[inline(always)]
    pub(crate) fn new(grid: &Grid, ray: &Ray, t: f32, slope: [f32; 2], level: u8) -> Self {
        let x = slope[0] * grid.quantum_m / grid.spacing.x;
        let y = slope[1] * grid.quantum_m / grid.spacing.y;
        let inverse = 1.0 / (x * x + y * y + 1.0).sqrt();
        let position = Vec3::new(
            ray.origin.x + ray.dir.x * t,
            ray.origin.y + ray.dir.y * t,
            ray.origin.z + ray.dir.z * t,
        );
        let normal = Vec3::new(-x * inverse, -y * inverse, inverse);
        Self { t, position, normal, level }
    }
}
