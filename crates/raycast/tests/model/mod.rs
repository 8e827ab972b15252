//! The oracle: every triangle of a scene is the top of a solid prism that goes down for ever. A ray
//! hits the prism that it enters first. In f64, in metres, without any hierarchy.
#![allow(dead_code)]

use farplane_raycast::{Grid, Ray, Scene};
use glam::{DVec3, Vec2};

/// One tile of a scene.
#[derive(Clone, Debug)]
pub struct Tile {
    pub level: u32,
    pub x: u32,
    pub y: u32,
    pub samples: Vec<u16>,
}

/// A grid and the tiles on it.
#[derive(Clone, Debug)]
pub struct World {
    pub grid: Grid,
    pub tiles: Vec<Tile>,
}

impl World {
    pub fn scene(&self) -> Scene<&[u16]> {
        let mut scene = Scene::new(self.grid).unwrap();
        for t in &self.tiles {
            assert_eq!(scene.insert(t.level, t.x, t.y, t.samples.as_slice()), Ok(None));
        }
        scene
    }

    /// Distance to the first prism, infinite if there is none. `shift` moves the ray, `shrink`
    /// the outline of each tile inwards, m.
    pub fn cast(&self, ray: &Ray, shift: DVec3, shrink: f64) -> f64 {
        let (o, d) = (ray.origin.as_dvec3() + shift, ray.dir.as_dvec3());
        let mut best = f64::INFINITY;
        for tile in &self.tiles {
            let n = self.grid.tile_quads;
            for (i, j) in (0..n * n).map(|q| (q % n, q / n)) {
                for south_east in [true, false] {
                    if let Some(t) = self.prism(tile, [i, j], south_east, (o, d, ray.t_max), shrink)
                    {
                        best = best.min(t);
                    }
                }
            }
        }
        best
    }

    fn corner(&self, tile: &Tile, i: u32, j: u32) -> DVec3 {
        let g = &self.grid;
        let (width, stride) = (f64::from(1u32 << tile.level), g.tile_quads + 1);
        let q = tile.samples[(j * stride + i) as usize];
        DVec3::new(
            f64::from(g.min.x)
                + f64::from(tile.x * g.tile_quads + i) * width * f64::from(g.spacing.x),
            f64::from(g.min.y)
                + f64::from(tile.y * g.tile_quads + j) * width * f64::from(g.spacing.y),
            f64::from(g.base_m) + f64::from(q) * f64::from(g.quantum_m),
        )
    }

    fn prism(
        &self,
        tile: &Tile,
        [i, j]: [u32; 2],
        south_east: bool,
        (o, d, t_max): (DVec3, DVec3, f32),
        shrink: f64,
    ) -> Option<f64> {
        let g = &self.grid;
        let (sw, ne) = (self.corner(tile, i, j), self.corner(tile, i + 1, j + 1));
        // Counter-clockwise seen from above, with the diagonal first.
        let (a, b, c) = if south_east {
            (ne, sw, self.corner(tile, i + 1, j))
        } else {
            (sw, ne, self.corner(tile, i, j + 1))
        };
        let normal = (b - a).cross(c - a);
        assert!(normal.z > 0.0);
        let (mut t0, mut t1) = (0.0, f64::from(t_max));
        // Keeps where `value + rate · t ≥ 0`.
        let mut keep = |value: f64, rate: f64| {
            if rate > 0.0 {
                t0 = f64::max(t0, -value / rate);
            } else if rate < 0.0 {
                t1 = f64::min(t1, -value / rate);
            } else if value < 0.0 {
                t1 = f64::NEG_INFINITY;
            }
        };
        for (p, q) in [(a, b), (b, c), (c, a)] {
            let inward = DVec3::new(-(q.y - p.y), q.x - p.x, 0.0);
            keep(inward.dot(o - p), inward.dot(d));
        }
        keep(-normal.dot(o - a), -normal.dot(d));
        let min = g.min.as_dvec2();
        let size =
            Vec2::new(g.quads[0] as f32, g.quads[1] as f32).as_dvec2() * g.spacing.as_dvec2();
        let n = g.tile_quads;
        let (first, last) = (self.corner(tile, 0, 0), self.corner(tile, n, n));
        keep(o.x - first.x - shrink, d.x);
        keep(o.y - first.y - shrink, d.y);
        keep(last.x - shrink - o.x, -d.x);
        keep(last.y - shrink - o.y, -d.y);
        keep(min.x + size.x - o.x, -d.x);
        keep(min.y + size.y - o.y, -d.y);
        (t0 <= t1).then_some(t0)
    }
}

/// Numbers for worlds and rays, drawn from bytes; zeros when they run out.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    pub fn u8(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// In −1..1.
    pub fn unit(&mut self) -> f32 {
        (f32::from(self.u16()) - 32767.5) / 32768.0
    }

    /// Tiles of up to three levels over an area that need not be whole tiles, with empty places.
    pub fn world(&mut self) -> World {
        let tile_quads = [4, 8][usize::from(self.u8() % 2)];
        let mut side = || 1 + u32::from(self.u8()) % (tile_quads * 4);
        let quads = [side(), side()];
        let spacing = Vec2::new(0.25 + self.unit().abs() * 2.0, 0.25 + self.unit().abs() * 2.0);
        let grid = Grid {
            min: Vec2::new(self.unit(), self.unit()) * 20.0,
            spacing,
            quads,
            tile_quads,
            levels: 1 + u32::from(self.u8()) % 3,
            base_m: self.unit() * 5.0,
            quantum_m: [0.0001, 0.001][usize::from(self.u8() % 2)],
        };
        let mut world = World { grid, tiles: Vec::new() };
        let top = grid.levels - 1;
        let [nx, ny] = grid.tiles(top);
        for (x, y) in (0..nx * ny).map(|i| (i % nx, i / nx)) {
            self.cut(&mut world, top, x, y);
        }
        world
    }

    fn cut(&mut self, world: &mut World, level: u32, x: u32, y: u32) {
        let [nx, ny] = world.grid.tiles(level);
        if x >= nx || y >= ny {
            return;
        }
        match self.u8() % 8 {
            0 => {}
            1..4 if level > 0 => {
                for c in 0..4 {
                    self.cut(world, level - 1, 2 * x + (c & 1), 2 * y + (c >> 1));
                }
            }
            kind => {
                let (low, step) = (self.u16(), [0, 1, 40, 1000][usize::from(kind % 4)]);
                let count = world.grid.tile_samples();
                let mut state = u32::from(self.u16()) | 1;
                let samples = (0..count).map(|_| {
                    state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                    (u32::from(low / 2) + (state >> 27) * step).min(65_535) as u16
                });
                world.tiles.push(Tile { level, x, y, samples: samples.collect() });
            }
        }
    }

    /// Rays of all kinds: any direction, straight up and down, level, along lines of the grid.
    pub fn ray(&mut self, grid: &Grid) -> Ray {
        let size = Vec2::new(grid.quads[0] as f32, grid.quads[1] as f32) * grid.spacing;
        let kind = self.u8();
        let mut place = grid.min + size * (Vec2::new(self.unit(), self.unit()) + 0.5);
        let top = 65_535.0 * grid.quantum_m;
        let z = grid.base_m + top * (self.unit() + 0.5);
        let mut dir = glam::Vec3::new(self.unit(), self.unit(), self.unit() * 0.5);
        if kind & 1 != 0 {
            let line = ((place - grid.min) / grid.spacing).round();
            place = grid.min + line * grid.spacing;
        }
        match kind >> 1 & 7 {
            0 => dir.x = 0.0,
            1 => dir.y = 0.0,
            2 => dir.z = 0.0,
            3 => (dir.x, dir.y) = (0.0, 0.0),
            4 => (dir.x, dir.y) = (grid.spacing.x * dir.x.signum(), grid.spacing.y),
            _ => {}
        }
        let t_max = if kind & 16 != 0 { f32::INFINITY } else { 4.0 * self.unit().abs() };
        Ray { origin: place.extend(z), dir: dir * if kind & 32 != 0 { 50.0 } else { 1.0 }, t_max }
    }
}
