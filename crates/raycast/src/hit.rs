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
