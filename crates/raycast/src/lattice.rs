use crate::camera::Camera;
use crate::ray::{PACKET, Ray};
use crate::{Hit, Scene};
use core::ops::Range;
use farplane_geom::View;
use glam::{DVec3, Vec3};

/// Sample points for texture feedback, evenly spaced over the picture.
///
/// A quarter of them is cast at a time: phase `p` takes every second column from `p & 1` and every
/// second row from `p >> 1`. All points share one offset inside their cell, and `frame` chooses it:
/// over the frames the offsets cover the cell evenly (the R2 sequence of Roberts, "The unreasonable
/// effectiveness of quasirandom sequences", 2018), also for a caller who casts phase `frame % 4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lattice {
    /// Points in a row; at most 65,536 count.
    pub width: u32,
    /// Rows; at most 65,536 count.
    pub height: u32,
}

impl Default for Lattice {
    /// 160 × 90 points.
    fn default() -> Self {
        Self { width: 160, height: 90 }
    }
}

/// A piece of ground that is in the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Footprint {
    /// Metres east of the world origin.
    pub x: f32,
    /// Metres north of the world origin.
    pub y: f32,
    /// Distance from the camera in a straight line, m.
    pub distance_m: f32,
    /// Width of one pixel of the picture at that place, seen face on, m.
    pub cone_m: f32,
    /// Pixels of the picture that this sample stands for: all four phases together fill it.
    pub pixels: f32,
}

/// Offsets of consecutive frames, in 2⁻³² of a cell. Four times these are the steps of R2, 0.75488
/// and 0.56984, so every fourth frame sees R2 itself.
const STEP: [u32; 2] = [2_958_027_370, 1_685_603_177];

/// Largest width and height.
const SIDE_MAX: u32 = 1 << 16;

impl Lattice {
    /// Rows of one phase.
    #[must_use]
    pub fn rows(&self, phase: u32) -> u32 {
        Self::half(self.height, phase >> 1 & 1)
    }

    /// Points in a row of one phase.
    #[must_use]
    pub fn columns(&self, phase: u32) -> u32 {
        Self::half(self.width, phase & 1)
    }

    fn half(side: u32, odd: u32) -> u32 {
        (side.min(SIDE_MAX) + 1 - odd) / 2
    }

    /// Points of a phase (its own columns and rows) in the picture, px.
    fn points(&self, view: &View, phase: u32, frame: u64) -> impl Fn(u32, u32) -> [f64; 2] {
        let axis = |step: u32, odd: u32, cells: u32, px: u32| {
            let offset = f64::from((frame as u32).wrapping_mul(step)) * (1.0 / 4_294_967_296.0);
            (f64::from(odd) + offset, f64::from(px) / f64::from(cells.min(SIDE_MAX)))
        };
        let [width, height] = view.viewport_px;
        let (x0, cell_width) = axis(STEP[0], phase & 1, self.width, width);
        let (y0, cell_height) = axis(STEP[1], phase >> 1 & 1, self.height, height);
        move |column, row| {
            let x = (f64::from(column * 2) + x0) * cell_width;
            [x, (f64::from(row * 2) + y0) * cell_height]
        }
    }

    /// The rays of a phase, row by row from the top left. `phase` counts modulo 4; positions are
    /// relative to `origin`.
    pub fn rays(&self, view: &View, origin: DVec3, phase: u32, frame: u64, out: &mut Vec<Ray>) {
        out.clear();
        let (camera, point) = (Camera::new(view, origin), self.points(view, phase, frame));
        for row in 0..self.rows(phase) {
            out.extend((0..self.columns(phase)).map(|column| {
                let [x, y] = point(column, row);
                camera.ray(x, y)
            }));
        }
    }

    /// What the rays of a phase hit, in their order; `out` is cleared first.
    pub fn feedback<S: AsRef<[u16]>>(
        &self,
        scene: &Scene<S>,
        view: &View,
        origin: DVec3,
        phase: u32,
        frame: u64,
        out: &mut Vec<Footprint>,
    ) {
        out.clear();
        self.feedback_rows(scene, view, origin, phase, frame, 0..self.rows(phase), out);
    }

    /// What the rays of some rows of a phase hit, appended to `out`. Rows may be split among
    /// workers in any way: the pieces in their order are what [`Lattice::feedback`] gives.
    #[expect(clippy::too_many_arguments, reason = "a view of a scene, a quarter, a part of it")]
    pub fn feedback_rows<S: AsRef<[u16]>>(
        &self,
        scene: &Scene<S>,
        view: &View,
        origin: DVec3,
        phase: u32,
        frame: u64,
        rows: Range<u32>,
        out: &mut Vec<Footprint>,
    ) {
        let columns = self.columns(phase);
        let (camera, point) = (Camera::new(view, origin), self.points(view, phase, frame));
        let pixel_m = camera.pixel_m as f32;
        let [width, height] = view.viewport_px.map(f64::from);
        let points = f64::from(self.width.min(SIDE_MAX)) * f64::from(self.height.min(SIDE_MAX));
        let pixels = (width * height / points) as f32;
        let none = Ray { origin: Vec3::ZERO, dir: Vec3::ZERO, t_max: 0.0 };
        for row in rows.start..rows.end.min(self.rows(phase)) {
            for column in (0..columns).step_by(PACKET) {
                let rays: [Ray; PACKET] = core::array::from_fn(|i| {
                    let column = column + i as u32;
                    let [x, y] = point(column, row);
                    if column < columns { camera.ray(x, y) } else { none }
                });
                let hits = scene.cast_packet(&rays);
                out.extend(
                    rays.iter().zip(hits).filter_map(|(ray, hit)| {
                        hit.map(|hit| footprint(ray, &hit, pixel_m, pixels))
                    }),
                );
            }
        }
    }
}

fn footprint(ray: &Ray, hit: &Hit, pixel_m: f32, pixels: f32) -> Footprint {
    let d = ray.dir;
    Footprint {
        x: hit.position.x,
        y: hit.position.y,
        distance_m: hit.t * (d.x * d.x + d.y * d.y + d.z * d.z).sqrt(),
        cone_m: hit.t * pixel_m,
        pixels,
    }
}
