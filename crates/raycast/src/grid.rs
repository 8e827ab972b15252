use core::fmt;
use glam::Vec2;

/// Where the heights of a world lie, relative to the world origin.
///
/// A sample `q` stands for a height of `base_m + q · quantum_m`. A tile at level `l` has
/// `tile_quads` × `tile_quads` quads, each 2^l finest quads wide, and `(tile_quads + 1)²` samples.
/// The world ends at `quads`, also in the middle of a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// South-west corner, m.
    pub min: Vec2,
    /// Size of a finest quad east and north, m.
    pub spacing: Vec2,
    /// Extent of the world in finest quads, east and north; need not be a multiple of the tile.
    pub quads: [u32; 2],
    /// Quads along one side of a tile: a power of two from 4 to 1024.
    pub tile_quads: u32,
    /// Levels that tiles may have; level 0 is the finest.
    pub levels: u32,
    /// Height of sample 0, m.
    pub base_m: f32,
    /// Height of one step of a sample, m.
    pub quantum_m: f32,
}

/// Why a [`Grid`] cannot be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GridError {
    /// The corner or the base height is not finite.
    NotFinite {
        /// South-west corner, m.
        min: Vec2,
        /// Height of sample 0, m.
        base_m: f32,
    },
    /// The size of a quad is not a normal positive number.
    Spacing {
        /// Size of a finest quad, m.
        spacing: Vec2,
    },
    /// The height step is not a normal positive number.
    Quantum {
        /// Height of one step, m.
        quantum_m: f32,
    },
    /// The tile size is not a power of two from 4 to 1024.
    TileQuads {
        /// Quads along one side of a tile.
        tile_quads: u32,
    },
    /// The world is empty or has more than [`Grid::TILES_MAX`] finest tiles along a side.
    Extent {
        /// Extent in finest quads.
        quads: [u32; 2],
        /// Most finest quads along a side.
        quads_max: u32,
    },
    /// There is no level, or more than [`Grid::LEVELS_MAX`].
    Levels {
        /// Levels asked for.
        levels: u32,
    },
}

impl fmt::Display for GridError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotFinite { min, base_m } => {
                write!(f, "grid corner {min} or base height {base_m} m is not finite")
            }
            Self::Spacing { spacing } => {
                write!(f, "grid spacing {spacing} m is not positive; give the size of a quad")
            }
            Self::Quantum { quantum_m } => {
                write!(f, "height quantum {quantum_m} m is not positive")
            }
            Self::TileQuads { tile_quads } => {
                write!(f, "{tile_quads} quads a tile; must be a power of two from 4 to 1024")
            }
            Self::Extent { quads: [x, y], quads_max } => {
                write!(f, "grid of {x} × {y} quads; each side must be from 1 to {quads_max}")
            }
            Self::Levels { levels } => {
                write!(f, "{levels} levels; must be from 1 to {}", Grid::LEVELS_MAX)
            }
        }
    }
}

impl core::error::Error for GridError {}

impl Grid {
    /// Most finest tiles along a side. It bounds the index, 45 MB at most.
    pub const TILES_MAX: u32 = 2048;

    /// Most levels of tiles.
    pub const LEVELS_MAX: u32 = Self::TILES_MAX.ilog2() + 1;

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that makes no sense.
    pub fn validate(&self) -> Result<(), GridError> {
        let positive = |v: f32| v.is_normal() && v > 0.0;
        if !self.min.is_finite() || !self.base_m.is_finite() {
            return Err(GridError::NotFinite { min: self.min, base_m: self.base_m });
        }
        if !positive(self.spacing.x) || !positive(self.spacing.y) {
            return Err(GridError::Spacing { spacing: self.spacing });
        }
        if !positive(self.quantum_m) {
            return Err(GridError::Quantum { quantum_m: self.quantum_m });
        }
        if !self.tile_quads.is_power_of_two() || !(4..=1024).contains(&self.tile_quads) {
            return Err(GridError::TileQuads { tile_quads: self.tile_quads });
        }
        // Quads up to 2²¹ are exact in f32, with room for positions inside a quad.
        let quads_max = self.tile_quads * Self::TILES_MAX;
        if self.quads.iter().any(|&q| q == 0 || q > quads_max) {
            return Err(GridError::Extent { quads: self.quads, quads_max });
        }
        if !(1..=Self::LEVELS_MAX).contains(&self.levels) {
            return Err(GridError::Levels { levels: self.levels });
        }
        Ok(())
    }

    /// Tiles of a level, east and north.
    #[must_use]
    pub fn tiles(&self, level: u32) -> [u32; 2] {
        let width = u64::from(self.tile_quads) << level.min(32);
        self.quads.map(|q| u64::from(q).div_ceil(width) as u32)
    }

    /// Samples of one tile.
    #[must_use]
    pub fn tile_samples(&self) -> usize {
        (self.tile_quads as usize + 1) * (self.tile_quads as usize + 1)
    }
}
