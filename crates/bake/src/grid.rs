use crate::{BakeError, SAMPLES_MAX, SIDE_MAX};
use farplane_geom::{DVec2, DVec3, Projection};
use farplane_world::Terrain;

/// Quads along the side of a tile.
pub(crate) const TILE_QUADS: u32 = 128;

/// The finest heights of a world and where they lie. Row 0 is the southernmost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    /// Samples east and north.
    pub size: [u32; 2],
    /// Heights in quanta, row by row.
    pub heights: Vec<u16>,
    pub base_m: f64,
    pub quantum_m: f64,
    /// Metres between samples.
    pub spacing: DVec2,
    /// South-west sample relative to `origin`.
    pub min: DVec2,
    pub origin: DVec3,
    pub projection: Projection,
    pub crs: String,
    pub source: String,
    pub filled_voids: u64,
}

/// Refuses grids that memory or the schema cannot hold.
pub(crate) fn check_size(samples: [u64; 2]) -> Result<[u32; 2], BakeError> {
    let [w, h] = samples;
    if w.max(h) > u64::from(SIDE_MAX) || w * h > SAMPLES_MAX {
        return Err(BakeError::TooLarge { samples, samples_max: SAMPLES_MAX, side_max: SIDE_MAX });
    }
    Ok([w as u32, h as u32])
}

impl Grid {
    pub fn quads(&self) -> [u32; 2] {
        self.size.map(|s| s - 1)
    }

    /// Size of the extent, m.
    pub fn size_m(&self) -> DVec2 {
        let [w, h] = self.quads();
        DVec2::new(f64::from(w), f64::from(h)) * self.spacing
    }

    /// A sample; beyond the extent the last valid one.
    pub fn sample(&self, x: u64, y: u64) -> u16 {
        let (x, y) = (x.min(u64::from(self.size[0] - 1)), y.min(u64::from(self.size[1] - 1)));
        self.heights[y as usize * self.size[0] as usize + x as usize]
    }

    /// One row of samples.
    pub fn row(&self, y: u32) -> &[u16] {
        let w = self.size[0] as usize;
        &self.heights[y as usize * w..(y as usize + 1) * w]
    }

    /// Height, m, of the finest surface at a place relative to the world's origin, clamped to the
    /// extent; on the triangles that [`Terrain`] defines.
    pub fn height_at(&self, place: DVec2) -> f64 {
        let at = (place - self.min) / self.spacing;
        let cell = |v: f64, samples: u32| {
            let v = v.clamp(0.0, f64::from(samples - 1));
            let i = (v as u32).min(samples.saturating_sub(2));
            (u64::from(i), v - f64::from(i))
        };
        let ((ix, fx), (iy, fy)) = (cell(at.x, self.size[0]), cell(at.y, self.size[1]));
        let q = |dx: u64, dy: u64| f64::from(self.sample(ix + dx, iy + dy));
        let (sw, ne) = (q(0, 0), q(1, 1));
        let quanta = if fx >= fy {
            let se = q(1, 0);
            sw + fx * (se - sw) + fy * (ne - se)
        } else {
            let nw = q(0, 1);
            sw + fy * (nw - sw) + fx * (ne - nw)
        };
        self.base_m + quanta * self.quantum_m
    }

    /// The terrain over this grid, its tiles still unmeasured.
    pub fn terrain(&self) -> Terrain {
        let quads = self.quads();
        Terrain {
            min: self.min,
            spacing: self.spacing,
            quads,
            tile_quads: TILE_QUADS,
            levels: Terrain::levels_for(quads, TILE_QUADS),
            base_m: self.base_m,
            quantum_m: self.quantum_m,
            nodes: Vec::new(),
        }
    }
}
