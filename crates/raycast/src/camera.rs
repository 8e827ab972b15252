use crate::ray::Ray;
use farplane_geom::View;
use glam::{DVec3, Vec3};

/// A view with what all its rays share worked out once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Camera {
    origin: Vec3,
    right: DVec3,
    down: DVec3,
    forward: DVec3,
    /// Middle of the picture, px.
    middle: [f64; 2],
    /// Width of one pixel at a distance of 1 m, m.
    pub(crate) pixel_m: f64,
    t_max: f32,
}

impl Camera {
    pub(crate) fn new(view: &View, origin: DVec3) -> Self {
        Self {
            origin: view.relative(origin),
            right: view.right(),
            down: view.down(),
            forward: view.forward(),
            middle: view.viewport_px.map(|px| f64::from(px) * 0.5),
            pixel_m: 1.0 / view.focal_px(),
            t_max: view.clip_m[1] as f32,
        }
    }

    /// Ray through a point of the picture, px from the top left. Its direction's component along
    /// the forward axis is 1, so distances along it are depths.
    pub(crate) fn ray(&self, x_px: f64, y_px: f64) -> Ray {
        let x = (x_px - self.middle[0]) * self.pixel_m;
        let y = (y_px - self.middle[1]) * self.pixel_m;
        let dir = self.forward + self.right * x + self.down * y;
        Ray { origin: self.origin, dir: dir.as_vec3(), t_max: self.t_max }
    }
}
