use crate::camera::Camera;
use crate::ray::{PACKET, Ray};
use crate::{Hit, Scene};
use core::fmt;
use core::ops::Range;
use farplane_geom::View;
use glam::{DVec3, Vec3};

/// Some rows of a picture that is being drawn, with the depth of each pixel.
///
/// Several of these with rows that do not overlap may be drawn at once, one a worker; together they
/// give the same bits as one of all rows.
#[derive(Debug)]
pub struct Picture<'a> {
    pub(crate) view: View,
    pub(crate) origin: DVec3,
    pub(crate) rows: Range<u32>,
    pub(crate) color: &'a mut [[u8; 4]],
    pub(crate) depth: &'a mut [f32],
}

/// A pixel and what it covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixel {
    /// Column, from the left.
    pub x: u32,
    /// Row, from the top.
    pub y: u32,
    /// Distance of the hit along the view's forward axis, m.
    pub depth_m: f32,
    /// Width of the pixel at that distance, seen face on, m.
    pub cone_m: f32,
    /// Direction of the ray; its component along the forward axis is 1.
    pub dir: Vec3,
}

/// Why a picture cannot be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureError {
    /// The rows do not lie in the picture.
    Rows {
        /// First row.
        start: u32,
        /// Row after the last.
        end: u32,
        /// Rows of the picture.
        height: u32,
    },
    /// A buffer does not hold exactly the pixels of the rows.
    Buffers {
        /// Pixels of the rows.
        expected: usize,
        /// Pixels of the colour buffer.
        color: usize,
        /// Pixels of the depth buffer.
        depth: usize,
    },
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Rows { start, end, height } => {
                write!(f, "rows {start}..{end} of a picture with {height} rows")
            }
            Self::Buffers { expected, color, depth } => write!(
                f,
                "buffers of {color} colours and {depth} depths; both must hold {expected} pixels"
            ),
        }
    }
}

impl core::error::Error for PictureError {}

impl<'a> Picture<'a> {
    /// Rows `rows` of the picture that `view` sees: `view.viewport_px` is its size. Positions of
    /// what is drawn are relative to `origin`. The buffers hold these rows only, row by row.
    ///
    /// # Errors
    /// If the rows do not lie in the picture or a buffer has the wrong length.
    pub fn new(
        view: &View,
        origin: DVec3,
        rows: Range<u32>,
        color: &'a mut [[u8; 4]],
        depth: &'a mut [f32],
    ) -> Result<Self, PictureError> {
        let [width, height] = view.viewport_px;
        if rows.start > rows.end || rows.end > height {
            return Err(PictureError::Rows { start: rows.start, end: rows.end, height });
        }
        let expected = width as usize * rows.len();
        if color.len() != expected || depth.len() != expected {
            let (color, depth) = (color.len(), depth.len());
            return Err(PictureError::Buffers { expected, color, depth });
        }
        Ok(Self { view: *view, origin, rows, color, depth })
    }

    /// Draws the terrain: `shade` gives the colour of a hit, `sky` is what lies behind it, at an
    /// infinite depth. Every pixel is written.
    pub fn render<S: AsRef<[u16]>>(
        &mut self,
        scene: &Scene<S>,
        shade: impl Fn(&Hit, &Pixel) -> [u8; 3],
        sky: [u8; 3],
    ) {
        let width = self.view.viewport_px[0];
        let camera = Camera::new(&self.view, self.origin);
        let pixel_m = camera.pixel_m as f32;
        for (row, y) in self.rows.clone().enumerate() {
            let first = row * width as usize;
            for x in (0..width).step_by(PACKET) {
                let rays: [Ray; PACKET] = core::array::from_fn(|i| {
                    camera.ray(f64::from(x + i as u32) + 0.5, f64::from(y) + 0.5)
                });
                let hits = scene.cast_packet(&rays);
                for (i, (hit, ray)) in hits.iter().zip(&rays).enumerate() {
                    let x = x + i as u32;
                    if x >= width {
                        break;
                    }
                    let (mut depth_m, mut color) = (f32::INFINITY, sky);
                    if let Some(hit) = hit {
                        depth_m = hit.t;
                        let cone_m = hit.t * pixel_m;
                        color = shade(hit, &Pixel { x, y, depth_m, cone_m, dir: ray.dir });
                    }
                    let [r, g, b] = color;
                    self.color[first + x as usize] = [r, g, b, 255];
                    self.depth[first + x as usize] = depth_m;
                }
            }
        }
    }
}
