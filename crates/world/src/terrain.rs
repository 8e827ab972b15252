use crate::bytes::{Put, Reader, WorldError, invalid};
use farplane_geom::{Aabb, DVec2, Vec3};

/// What is known of a tile before it is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TileNode {
    /// Lowest height sample under the tile at the finest level, in quanta.
    pub min_q: u16,
    /// Highest height sample under the tile at the finest level, in quanta.
    pub max_q: u16,
    /// Geometric error: the largest vertical distance between this tile's surface and the finest
    /// one, m. 0 at level 0.
    pub error_m: f32,
}

/// The ground: a quadtree of square tiles of height samples.
///
/// Level 0 is the finest; a tile at level *l* covers 2^l × 2^l tiles of level 0 and has as many
/// samples, `(tile_quads + 1)²`, by taking every 2^l-th. Tiles exist where they overlap the valid
/// extent of `quads`; samples beyond it repeat the last valid one. Sample rows run from south to
/// north, samples in a row from west to east. Each quad is two triangles that meet on the diagonal
/// from its south-west to its north-east corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Terrain {
    /// South-west corner relative to the world's origin, m.
    pub min: DVec2,
    /// Distance of neighbouring samples at level 0, east and north, m.
    pub spacing: DVec2,
    /// Valid extent in quads of level 0, east and north.
    pub quads: [u32; 2],
    /// Quads along the side of a tile: a power of two.
    pub tile_quads: u32,
    /// Number of levels; the last one is a single root tile.
    pub levels: u32,
    /// Height of quantum 0, m.
    pub base_m: f64,
    /// Height of one quantum, m.
    pub quantum_m: f64,
    /// Every tile, level by level from the finest, row by row from the south.
    pub nodes: Vec<TileNode>,
}

impl Terrain {
    /// Most levels that a terrain may have.
    pub const LEVELS_MAX: u32 = 20;

    /// Number of levels that a single root needs over `quads`.
    #[must_use]
    pub fn levels_for(quads: [u32; 2], tile_quads: u32) -> u32 {
        let tiles = quads.map(|q| q.div_ceil(tile_quads.max(1)).max(1));
        let longer = tiles[0].max(tiles[1]);
        longer.next_power_of_two().trailing_zeros() + 1
    }

    /// Tiles east and north at a level.
    #[must_use]
    pub fn tiles(&self, level: u32) -> [u32; 2] {
        self.quads
            .map(|q| (u64::from(q)).div_ceil(u64::from(self.tile_quads) << level).max(1) as u32)
    }

    /// Index of the first tile of a level; with `level == levels`, the number of tiles.
    #[must_use]
    pub fn level_offset(&self, level: u32) -> u32 {
        (0..level).map(|l| self.tiles(l)[0] * self.tiles(l)[1]).sum()
    }

    /// Number of tiles of all levels.
    #[must_use]
    pub fn tile_count(&self) -> u32 {
        self.level_offset(self.levels)
    }

    /// Index of a tile; `None` where there is none. O(levels).
    #[must_use]
    pub fn index(&self, level: u32, x: u32, y: u32) -> Option<u32> {
        if level >= self.levels {
            return None;
        }
        let [w, h] = self.tiles(level);
        (x < w && y < h).then(|| self.level_offset(level) + y * w + x)
    }

    /// Level, column and row of a tile index. O(levels).
    #[must_use]
    pub fn coordinates(&self, index: u32) -> Option<(u32, u32, u32)> {
        let mut rest = index;
        for level in 0..self.levels {
            let [w, h] = self.tiles(level);
            if rest < w * h {
                return Some((level, rest % w, rest / w));
            }
            rest -= w * h;
        }
        None
    }

    /// Samples along the side of a tile.
    #[must_use]
    pub fn tile_samples(&self) -> u32 {
        self.tile_quads + 1
    }

    /// Bytes of a tile's samples.
    #[must_use]
    pub fn tile_bytes(&self) -> u32 {
        self.tile_samples() * self.tile_samples() * 2
    }

    /// East-west and north-south size of the valid extent, m.
    #[must_use]
    pub fn size_m(&self) -> DVec2 {
        DVec2::new(f64::from(self.quads[0]), f64::from(self.quads[1])) * self.spacing
    }

    /// Height of a sample, m.
    #[must_use]
    pub fn height_m(&self, q: u16) -> f64 {
        self.base_m + f64::from(q) * self.quantum_m
    }

    /// The box of a tile, cut at the valid extent, relative to the world's origin.
    #[must_use]
    pub fn bounds(&self, level: u32, x: u32, y: u32) -> Option<Aabb> {
        let node = self.nodes.get(self.index(level, x, y)? as usize)?;
        let quads = u64::from(self.tile_quads) << level;
        let edge = |at: u32, limit: u32| ((u64::from(at) * quads).min(u64::from(limit))) as f64;
        let corner = |cx: u32, cy: u32, z: u16| {
            Vec3::new(
                (self.min.x + edge(cx, self.quads[0]) * self.spacing.x) as f32,
                (self.min.y + edge(cy, self.quads[1]) * self.spacing.y) as f32,
                self.height_m(z) as f32,
            )
        };
        Some(Aabb::new(corner(x, y, node.min_q), corner(x + 1, y + 1, node.max_q)))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for v in [self.min.x, self.min.y, self.spacing.x, self.spacing.y] {
            out.put_f64(v);
        }
        out.put_f64(self.base_m);
        out.put_f64(self.quantum_m);
        for v in [self.quads[0], self.quads[1], self.tile_quads, self.levels] {
            out.put_u32(v);
        }
        for n in &self.nodes {
            out.put_u16(n.min_q);
            out.put_u16(n.max_q);
            out.put_f32(n.error_m);
        }
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, WorldError> {
        let mut f = || r.f64("terrain grid");
        let min = DVec2::new(f()?, f()?);
        let spacing = DVec2::new(f()?, f()?);
        let (base_m, quantum_m) = (f()?, f()?);
        let mut u = || r.u32("terrain grid");
        let (quads, tile_quads, levels) = ([u()?, u()?], u()?, u()?);
        if !(spacing.x > 0.0 && spacing.y > 0.0 && quantum_m > 0.0) {
            return invalid("terrain spacing and height quantum", "positive");
        }
        if quads.iter().any(|q| !(1..=1 << 26).contains(q)) {
            return invalid("terrain quads", "1 to 2^26");
        }
        if !tile_quads.is_power_of_two() || !(8..=1024).contains(&tile_quads) {
            return invalid("quads of a tile", "a power of two, 8 to 1024");
        }
        if levels != Self::levels_for(quads, tile_quads) || levels > Self::LEVELS_MAX {
            return invalid("terrain levels", "what a single root over the quads needs");
        }
        let mut terrain =
            Self { min, spacing, quads, tile_quads, levels, base_m, quantum_m, nodes: Vec::new() };
        let count =
            (0..levels).map(|l| terrain.tiles(l).map(u64::from)).map(|[w, h]| w * h).sum::<u64>();
        let raw = r.take(count.saturating_mul(8), "terrain tiles")?;
        let mut nodes = Reader::new(raw);
        for _ in 0..count {
            let min_q = nodes.u16("tile heights")?;
            let max_q = nodes.u16("tile heights")?;
            let error_m = nodes.f32("tile error")?;
            if min_q > max_q || error_m < 0.0 {
                return invalid("tile heights and error", "ordered and not negative");
            }
            terrain.nodes.push(TileNode { min_q, max_q, error_m });
        }
        Ok(terrain)
    }
}
