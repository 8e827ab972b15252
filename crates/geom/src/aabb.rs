use crate::Sphere;
use glam::Vec3;

/// An axis-aligned box in metres, relative to a world origin. Valid boxes have `min ≤ max` and
/// finite corners; [`Aabb::is_valid`] tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aabb {
    /// Smallest corner.
    pub min: Vec3,
    /// Largest corner.
    pub max: Vec3,
}

impl Aabb {
    /// The box between two corners.
    #[must_use]
    pub const fn new(min: Vec3, max: Vec3) -> Self {
        Self { min, max }
    }

    /// The box around a sphere.
    #[must_use]
    pub fn around(sphere: &Sphere) -> Self {
        let r = Vec3::splat(sphere.radius);
        Self { min: sphere.center - r, max: sphere.center + r }
    }

    /// Middle of the box.
    #[must_use]
    pub fn center(&self) -> Vec3 {
        (self.min + self.max) * 0.5
    }

    /// Half the size along each axis.
    #[must_use]
    pub fn half_size(&self) -> Vec3 {
        (self.max - self.min) * 0.5
    }

    /// Whether all corners are finite and `min ≤ max` on every axis.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.min.is_finite() && self.max.is_finite() && self.min.cmple(self.max).all()
    }

    /// Whether the two boxes share a point (touching counts).
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.min.cmple(other.max).all() && other.min.cmple(self.max).all()
    }

    /// Squared distance from a point to the nearest point of the box; 0 inside.
    #[must_use]
    pub fn distance_squared(&self, point: Vec3) -> f32 {
        let d = (self.min - point).max(point - self.max).max(Vec3::ZERO);
        d.x * d.x + d.y * d.y + d.z * d.z
    }

    /// The smallest box that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_zero_inside_and_euclidean_outside() {
        let b = Aabb::new(Vec3::ZERO, Vec3::splat(2.0));
        assert_eq!(b.distance_squared(Vec3::ONE), 0.0);
        assert_eq!(b.distance_squared(Vec3::new(5.0, 6.0, 1.0)), 9.0 + 16.0);
    }

    #[test]
    fn a_box_with_a_nan_or_swapped_corner_is_invalid() {
        assert!(!Aabb::new(Vec3::new(f32::NAN, 0.0, 0.0), Vec3::ONE).is_valid());
        assert!(!Aabb::new(Vec3::ONE, Vec3::ZERO).is_valid());
        assert!(Aabb::new(Vec3::ONE, Vec3::ONE).is_valid());
    }
}
