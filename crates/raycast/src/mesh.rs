use crate::Picture;
use farplane_geom::View;
use glam::{DVec3, Vec3};

/// Triangles of a prop, in its own metres.
#[derive(Clone, Copy, Debug)]
pub struct Mesh<'a, I> {
    /// Corners.
    pub positions: &'a [[f32; 3]],
    /// Three numbers of corners for each triangle, `u16` or `u32`. A triangle with a corner that
    /// is not there, and what remains after the last three, is left out.
    pub indices: &'a [I],
}

/// Where a prop stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Its origin, m, relative to the world origin.
    pub position: Vec3,
    /// Turn about the z axis, counter-clockwise seen from above, radians.
    pub yaw_rad: f32,
    /// Metres of the world for a metre of the mesh.
    pub scale: f32,
}

/// How a prop looks: one colour, lit by one direction, both sides of each triangle alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Colour in full light.
    pub color: [u8; 3],
    /// Unit vector towards the light, in world axes.
    pub light: Vec3,
    /// Share of the light that comes from everywhere, 0 to 1.
    pub ambient: f32,
}

/// A corner in camera axes: right, down, forward, m.
type Corner = DVec3;

/// A corner in the picture, px, with the inverse of its depth, which is linear over a triangle.
#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
    inverse_depth: f64,
}

/// Positions are rounded to this part of a pixel, so that the edge functions of triangles within
/// some 10⁵ px are exact and neighbours share every pixel along their edge exactly once.
const SUBPIXELS: f64 = 256.0;

impl Picture<'_> {
    /// Draws a mesh in front of what is farther away, in f64 for positions far from the origin.
    /// Triangles are cut at the view's near distance; numbers that are not finite draw nothing.
    pub fn draw_mesh<I: Copy + Into<u32>>(
        &mut self,
        mesh: &Mesh<'_, I>,
        placement: &Placement,
        surface: &Surface,
    ) {
        let (sin, cos) = libm::sincos(f64::from(placement.yaw_rad));
        let scale = f64::from(placement.scale);
        let base = placement.position.as_dvec3() + (self.origin - self.view.position);
        let axes = [self.view.right(), self.view.down(), self.view.forward()];
        let turn = |p: [f32; 3]| {
            let [x, y, z] = p.map(|c| f64::from(c) * scale);
            DVec3::new(cos * x - sin * y, sin * x + cos * y, z) + base
        };
        for triangle in mesh.indices.chunks_exact(3) {
            let corner = |i: usize| mesh.positions.get(triangle[i].into() as usize).copied();
            let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) else { continue };
            let world = [turn(a), turn(b), turn(c)];
            if !world.iter().all(|p| p.is_finite()) {
                continue;
            }
            let color = surface.lit(world);
            let camera =
                world.map(|p| DVec3::new(dot(p, axes[0]), dot(p, axes[1]), dot(p, axes[2])));
            self.clip_and_fill(camera, color);
        }
    }

    /// Cuts a triangle at the near distance and fills what is left of it.
    fn clip_and_fill(&mut self, corners: [Corner; 3], color: [u8; 3]) {
        let near = self.view.clip_m[0];
        let mut kept = [Corner::ZERO; 4];
        let mut count = 0;
        for i in 0..3 {
            let (a, b) = (corners[i], corners[(i + 1) % 3]);
            if a.z >= near {
                kept[count] = a;
                count += 1;
            }
            if (a.z >= near) != (b.z >= near) {
                kept[count] = a + (b - a) * ((near - a.z) / (b.z - a.z));
                kept[count].z = near;
                count += 1;
            }
        }
        if count < 3 {
            return;
        }
        let points = kept.map(|p| project(&self.view, p));
        self.fill([points[0], points[1], points[2]], color);
        if count == 4 {
            self.fill([points[0], points[2], points[3]], color);
        }
    }

    fn fill(&mut self, [a, mut b, mut c]: [Point; 3], color: [u8; 3]) {
        let mut area = edge(&a, &b, c.x, c.y);
        if area < 0.0 {
            (b, c) = (c, b);
            area = -area;
        }
        let finite = area.is_finite() && area > 0.0;
        if !finite {
            return;
        }
        let width = self.view.viewport_px[0];
        let Some(columns) = span([a.x, b.x, c.x], 0, width) else { return };
        let Some(rows) = span([a.y, b.y, c.y], self.rows.start, self.rows.end) else { return };
        let [r, g, bl] = color;
        for y in rows {
            let row = (y - self.rows.start) as usize * width as usize;
            let cy = f64::from(y) + 0.5;
            for x in columns.clone() {
                let cx = f64::from(x) + 0.5;
                let weights = [edge(&b, &c, cx, cy), edge(&c, &a, cx, cy), edge(&a, &b, cx, cy)];
                let inside = covers(&b, &c, weights[0])
                    && covers(&c, &a, weights[1])
                    && covers(&a, &b, weights[2]);
                if !inside {
                    continue;
                }
                let inverse_depth = (weights[0] * a.inverse_depth
                    + weights[1] * b.inverse_depth
                    + weights[2] * c.inverse_depth)
                    / area;
                let depth = (1.0 / inverse_depth) as f32;
                let i = row + x as usize;
                if depth < self.depth[i] {
                    self.depth[i] = depth;
                    self.color[i] = [r, g, bl, 255];
                }
            }
        }
    }
}

impl Surface {
    /// The colour of a triangle, from its corners relative to the camera.
    fn lit(&self, [a, b, c]: [DVec3; 3]) -> [u8; 3] {
        let normal = (b - a).cross(c - a);
        let length = dot(normal, normal).sqrt();
        if length == 0.0 {
            return self.color;
        }
        let towards_camera = if dot(normal, a) > 0.0 { -1.0 } else { 1.0 };
        let facing = dot(normal, self.light.as_dvec3()) * towards_camera / length;
        let ambient = f64::from(self.ambient);
        let light = ambient + (1.0 - ambient) * facing.max(0.0);
        self.color.map(|c| (f64::from(c) * light + 0.5) as u8)
    }
}

/// Summed in a fixed order: the same bits everywhere.
fn dot(a: DVec3, b: DVec3) -> f64 {
    a.x * b.x + a.y * b.y + a.z * b.z
}

fn project(view: &View, p: Corner) -> Point {
    let f = view.focal_px() / p.z;
    let snap = |v: f64| (v * SUBPIXELS).round() * (1.0 / SUBPIXELS);
    let [width, height] = view.viewport_px.map(f64::from);
    Point {
        x: snap(p.x * f + width * 0.5),
        y: snap(p.y * f + height * 0.5),
        inverse_depth: 1.0 / p.z,
    }
}

/// Twice the area of the triangle a, b, (x, y); positive inside a triangle whose corners run
/// clockwise in the picture.
fn edge(a: &Point, b: &Point, x: f64, y: f64) -> f64 {
    (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x)
}

/// A pixel whose centre lies on an edge belongs to the triangle of which it is a left or a top
/// edge.
fn covers(a: &Point, b: &Point, weight: f64) -> bool {
    let top_or_left = b.y < a.y || (b.y == a.y && b.x > a.x);
    weight > 0.0 || (weight == 0.0 && top_or_left)
}

/// Pixels whose centres lie between the smallest and the largest of three coordinates.
fn span([a, b, c]: [f64; 3], start: u32, end: u32) -> Option<core::ops::Range<u32>> {
    let low = (a.min(b).min(c) - 0.5).ceil().max(f64::from(start));
    let high = ((a.max(b).max(c) - 0.5).floor() + 1.0).min(f64::from(end));
    (low < high).then_some(low as u32..high as u32)
}
