//! Meshes from parametric patches: every level of detail samples the same surface at fewer points,
//! so that levels exist by construction and their errors can be measured point by point.

use farplane_geom::{Sphere, Vec3};
use farplane_world::mesh::{Mesh, Vertex};
use farplane_world::{MeshLevel, MeshLods};

/// Levels of every mesh.
pub(crate) const LEVELS: u32 = 5;

type Surface = Box<dyn Fn(f32, f32) -> Vec3>;
type Paint = Box<dyn Fn(Vec3, Vec3) -> [u8; 3]>;

/// A surface over the unit square; `u` × `v` points outwards.
pub(crate) struct Patch {
    /// Cells along u and v at the finest level.
    pub cells: [u32; 2],
    /// Fewest that keep the shape.
    pub cells_min: [u32; 2],
    pub surface: Surface,
}

/// Patches that make up a mesh.
pub(crate) struct Model {
    pub patches: Vec<Patch>,
    /// Colour at a position with a normal.
    pub paint: Vec<Paint>,
}

impl Patch {
    fn cells_at(&self, level: u32) -> [u32; 2] {
        [0, 1].map(|k| self.cells[k].div_ceil(1 << level).max(self.cells_min[k]))
    }

    fn points(&self, [nu, nv]: [u32; 2]) -> Vec<Vec3> {
        let mut out = Vec::with_capacity(((nu + 1) * (nv + 1)) as usize);
        for j in 0..=nv {
            for i in 0..=nu {
                out.push((self.surface)(i as f32 / nu as f32, j as f32 / nv as f32));
            }
        }
        out
    }

    /// Outward unit normal at `p`, the point of (u, v), by forward differences; up or down where the
    /// surface closes to a point.
    fn normal(&self, u: f32, v: f32, p: Vec3) -> Vec3 {
        const H: f32 = 1.0 / 512.0;
        let n = ((self.surface)(u + H, v) - p).cross((self.surface)(u, v + H) - p);
        n.try_normalize().unwrap_or(if v > 0.5 { Vec3::Z } else { Vec3::NEG_Z })
    }

    /// Largest distance of a finest point from the point of the coarse surface at its own parameters:
    /// never less than its distance from that surface.
    fn error(&self, level: u32) -> f32 {
        if level == 0 {
            return 0.0;
        }
        let (fine_cells, cells) = (self.cells_at(0), self.cells_at(level));
        let (fine, coarse) = (self.points(fine_cells), self.points(cells));
        let width = fine_cells[0] + 1;
        let mut largest = 0f32;
        for (k, p) in fine.iter().enumerate() {
            let (i, j) = (k as u32 % width, k as u32 / width);
            let at = |i: u32, fine: u32, n: u32| {
                let t = i as f32 / fine as f32 * n as f32;
                let cell = (t as u32).min(n - 1);
                (cell, t - cell as f32)
            };
            let ((cu, fu), (cv, fv)) =
                (at(i, fine_cells[0], cells[0]), at(j, fine_cells[1], cells[1]));
            let c = |di: u32, dj: u32| coarse[((cv + dj) * (cells[0] + 1) + cu + di) as usize];
            let (sw, ne) = (c(0, 0), c(1, 1));
            let q = if fu >= fv {
                sw + fu * (c(1, 0) - sw) + fv * (ne - c(1, 0))
            } else {
                sw + fv * (c(0, 1) - sw) + fu * (ne - c(0, 1))
            };
            largest = largest.max((*p - q).length());
        }
        largest
    }
}

impl Model {
    /// One level, finest 0.
    pub fn mesh(&self, level: u32) -> Mesh {
        let mut mesh = Mesh::default();
        for (patch, paint) in self.patches.iter().zip(&self.paint) {
            let [nu, nv] = patch.cells_at(level);
            let base = mesh.vertices.len() as u32;
            let points = patch.points([nu, nv]);
            for (k, p) in points.iter().enumerate() {
                let (i, j) = (k as u32 % (nu + 1), k as u32 / (nu + 1));
                let n = patch.normal(i as f32 / nu as f32, j as f32 / nv as f32, *p);
                let [r, g, b] = paint(*p, n);
                let byte = |v: f32| (v * 127.0).round() as i8;
                mesh.vertices.push(Vertex {
                    position: p.to_array(),
                    normal: [byte(n.x), byte(n.y), byte(n.z), 0],
                    color: [r, g, b, 255],
                });
            }
            for j in 0..nv {
                for i in 0..nu {
                    let at = |di: u32, dj: u32| (j + dj) * (nu + 1) + i + di;
                    let (sw, se, ne, nw) = (at(0, 0), at(1, 0), at(1, 1), at(0, 1));
                    for t in [[sw, se, ne], [sw, ne, nw]] {
                        // Where the surface closes to a point one triangle of a cell has no area.
                        let [a, b, c] = t.map(|v| points[v as usize]);
                        if a != b && b != c && c != a {
                            mesh.indices.extend(t.map(|v| (base + v) as u16));
                        }
                    }
                }
            }
        }
        mesh
    }

    /// All levels with their measured errors and common bounds.
    pub fn lods(&self) -> (MeshLods, Vec<Mesh>) {
        let meshes: Vec<Mesh> = (0..LEVELS).map(|l| self.mesh(l)).collect();
        let mut error_m = 0f32;
        let levels = meshes.iter().enumerate().map(|(l, mesh)| {
            let measured = self.patches.iter().map(|p| p.error(l as u32)).fold(0f32, f32::max);
            error_m = error_m.max(measured);
            MeshLevel {
                error_m,
                vertices: mesh.vertices.len() as u32,
                indices: mesh.indices.len() as u32,
            }
        });
        let levels = levels.collect();
        (MeshLods { bounds: bounds(&meshes), levels }, meshes)
    }
}

fn bounds(meshes: &[Mesh]) -> Sphere {
    let points = || meshes.iter().flat_map(|m| &m.vertices).map(|v| Vec3::from_array(v.position));
    let (lo, hi) =
        points().fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(lo, hi), p| (lo.min(p), hi.max(p)));
    let center = (lo + hi) * 0.5;
    let radius = points().map(|p| (p - center).length()).fold(0f32, f32::max);
    Sphere::new(center, radius * (1.0 + 1e-5))
}

/// The six patches of a closed surface around `center`: `radius` by direction.
pub(crate) fn star(
    center: Vec3,
    cells: u32,
    radius: impl Fn(Vec3) -> f32 + Clone + 'static,
) -> impl Iterator<Item = Patch> {
    (0..6).map(move |face| {
        let radius = radius.clone();
        Patch {
            cells: [cells; 2],
            cells_min: [1; 2],
            surface: Box::new(move |u, v| {
                let (u, v) = (2.0 * u - 1.0, 2.0 * v - 1.0);
                let d = match face {
                    0 => Vec3::new(1.0, u, v),
                    1 => Vec3::new(-1.0, -u, v),
                    2 => Vec3::new(-u, 1.0, v),
                    3 => Vec3::new(u, -1.0, v),
                    4 => Vec3::new(u, v, 1.0),
                    _ => Vec3::new(-u, v, -1.0),
                };
                let d = d / d.length();
                center + d * radius(d)
            }),
        }
    })
}

/// A surface of revolution about the z axis: `profile` gives radius and height along v from the
/// bottom to the top, `bulge` scales the radius by angle (as cosine and sine) and height.
pub(crate) fn revolution(
    cells: [u32; 2],
    profile: impl Fn(f32) -> [f32; 2] + 'static,
    bulge: impl Fn(f32, f32, f32) -> f32 + 'static,
) -> Patch {
    Patch {
        cells,
        cells_min: [3, 3.min(cells[1])],
        surface: Box::new(move |u, v| {
            let angle = if u == 1.0 { 0.0 } else { u * core::f32::consts::TAU };
            let (c, s) = (libm::cosf(angle), libm::sinf(angle));
            let [r, z] = profile(v.clamp(0.0, 1.0));
            let r = r * bulge(c, s, z);
            Vec3::new(r * c, r * s, z)
        }),
    }
}
