use crate::Frustum;
use glam::{DMat3, DQuat, DVec3, Vec3, Vec4};

/// A camera: where it is, where it looks, how many pixels it fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Position in world metres.
    pub position: DVec3,
    /// Camera axes (x right, y down, z forward) to world axes; unit length.
    pub rotation: DQuat,
    /// Vertical field of view, radians, in (0, π).
    pub vfov_rad: f64,
    /// Width and height, px.
    pub viewport_px: [u32; 2],
    /// Near and far distance, m.
    pub clip_m: [f64; 2],
}

impl View {
    /// Near and far distance of a new view, m.
    pub const CLIP_M: [f64; 2] = [0.1, 200_000.0];

    /// A view with the default clip distances.
    #[must_use]
    pub fn new(position: DVec3, rotation: DQuat, vfov_degrees: f64, viewport_px: [u32; 2]) -> Self {
        let vfov_rad = vfov_degrees.to_radians();
        Self { position, rotation, vfov_rad, viewport_px, clip_m: Self::CLIP_M }
    }

    /// A view along `direction` (any length but zero) with the horizon level. Straight up or down,
    /// the top of the picture is north.
    #[must_use]
    pub fn looking(
        position: DVec3,
        direction: DVec3,
        vfov_degrees: f64,
        viewport_px: [u32; 2],
    ) -> Self {
        Self::new(position, Self::rotation_towards(direction), vfov_degrees, viewport_px)
    }

    /// The rotation of a level camera that looks along `direction`.
    #[must_use]
    pub fn rotation_towards(direction: DVec3) -> DQuat {
        let forward = direction.normalize();
        let side = forward.cross(DVec3::Z);
        let right = if side.length_squared() > 1e-12 { side.normalize() } else { DVec3::X };
        let down = forward.cross(right);
        DQuat::from_mat3(&DMat3::from_cols(right, down, forward)).normalize()
    }

    /// Unit vector of the camera's right, in world axes.
    #[must_use]
    pub fn right(&self) -> DVec3 {
        self.rotation * DVec3::X
    }

    /// Unit vector downwards in the picture, in world axes.
    #[must_use]
    pub fn down(&self) -> DVec3 {
        self.rotation * DVec3::Y
    }

    /// Unit vector of the look direction, in world axes.
    #[must_use]
    pub fn forward(&self) -> DVec3 {
        self.rotation * DVec3::Z
    }

    /// Focal length in pixels: an object of 1 m at 1 m covers this many pixels.
    #[must_use]
    pub fn focal_px(&self) -> f64 {
        f64::from(self.viewport_px[1]) * 0.5 / libm::tan(self.vfov_rad * 0.5)
    }

    /// Direction through a point of the picture (px, origin top left, centre of the first pixel at
    /// 0.5), in world axes, not normalised: its component along [`View::forward`] is 1.
    #[must_use]
    pub fn ray(&self, x_px: f64, y_px: f64) -> DVec3 {
        let f = self.focal_px();
        let x = (x_px - f64::from(self.viewport_px[0]) * 0.5) / f;
        let y = (y_px - f64::from(self.viewport_px[1]) * 0.5) / f;
        self.forward() + self.right() * x + self.down() * y
    }

    /// Position relative to a world origin.
    #[must_use]
    pub fn relative(&self, origin: DVec3) -> Vec3 {
        (self.position - origin).as_vec3()
    }

    /// What the view can see, relative to a world origin.
    #[must_use]
    pub fn frustum(&self, origin: DVec3) -> Frustum {
        let f = self.focal_px();
        let tx = f64::from(self.viewport_px[0]) * 0.5 / f;
        let ty = f64::from(self.viewport_px[1]) * 0.5 / f;
        let (r, d, n) = (self.right(), self.down(), self.forward());
        let p = self.position - origin;
        let plane = |normal: DVec3, at: DVec3| {
            let normal = normal.normalize();
            let w = -(normal.x * at.x + normal.y * at.y + normal.z * at.z);
            Vec4::new(normal.x as f32, normal.y as f32, normal.z as f32, w as f32)
        };
        Frustum {
            planes: [
                plane(r + n * tx, p),
                plane(n * tx - r, p),
                plane(d + n * ty, p),
                plane(n * ty - d, p),
                plane(n, p + n * self.clip_m[0]),
                plane(-n, p + n * self.clip_m[1]),
            ],
        }
    }

    /// Whether every number is finite, the rotation has unit length and the field of view, viewport
    /// and clip distances make sense.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.position.is_finite()
            && self.rotation.is_finite()
            && (self.rotation.length_squared() - 1.0).abs() < 1e-3
            && self.vfov_rad > 1e-4
            && self.vfov_rad < 3.1
            && self.viewport_px.iter().all(|&px| (1..=65_536).contains(&px))
            && self.clip_m[0] > 0.0
            && self.clip_m[1] > self.clip_m[0]
            && self.clip_m[1].is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_looks_north_has_east_at_its_right() {
        let v = View::looking(DVec3::ZERO, DVec3::Y, 60.0, [1920, 1080]);
        assert!((v.right() - DVec3::X).length() < 1e-12);
        assert!((v.down() + DVec3::Z).length() < 1e-12);
        assert!((v.forward() - DVec3::Y).length() < 1e-12);
    }

    #[test]
    fn the_corner_rays_lie_on_the_frustum_planes() {
        let origin = DVec3::new(5.0e6, 4.0e6, 100.0);
        let direction = DVec3::new(1.0, 2.0, -0.5);
        let v = View::looking(origin + DVec3::splat(3.0), direction, 60.0, [1920, 1080]);
        let f = v.frustum(origin);
        let at = |x, y| v.relative(origin) + (v.ray(x, y) * 100.0).as_vec3();
        for (inside, outside) in [
            (at(1.0, 540.0), at(-1.0, 540.0)),
            (at(1919.0, 540.0), at(1921.0, 540.0)),
            (at(960.0, 1.0), at(960.0, -1.0)),
            (at(960.0, 1079.0), at(960.0, 1081.0)),
        ] {
            assert!(f.contains(inside));
            assert!(!f.contains(outside));
        }
    }

    #[test]
    fn looking_straight_down_is_defined() {
        let v = View::looking(DVec3::ZERO, -DVec3::Z, 60.0, [100, 100]);
        assert!(v.is_valid());
        assert!((v.forward() + DVec3::Z).length() < 1e-12);
    }
}
