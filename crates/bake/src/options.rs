use farplane_io::Profile;
use std::path::PathBuf;

/// Where the heights of a world come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The built-in terrain: mountains, valleys and plains from the seed, a sample every 0.5 m.
    Procedural {
        /// Side of the square world, m: 64 to 23,169 (the largest grid that [`SAMPLES_MAX`]
        /// allows); rounded to whole samples.
        size_m: f64,
    },
    /// Measured heights.
    Elevation {
        /// GeoTIFF files (int16 or float32, one band) that touch and share one sample lattice, or
        /// a single 16-bit grey PNG, whose values are steps of 0.1 m.
        files: Vec<PathBuf>,
        /// Length of the longer side, m, for a file that does not say where on Earth it lies;
        /// `None`: 1 m a sample. A file that is georeferenced refuses it.
        size_m: Option<f64>,
    },
}

/// An image that colours the world.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorSource {
    /// JPEG or PNG, sRGB, row 0 at the north.
    pub path: PathBuf,
    /// West, south, east, north edge: degrees for a world in degrees, metres of its CRS otherwise.
    /// `None`: an image twice as wide as high covers the globe if the world is in degrees; any
    /// other covers the world exactly.
    pub extent_wsen: Option<[f64; 4]>,
}

/// What to bake and how.
#[derive(Clone, Debug, PartialEq)]
pub struct BakeOptions {
    /// The archive to write. It appears under this name only when it is whole.
    pub out: PathBuf,
    /// Where the heights come from.
    pub source: Source,
    /// Resolution of the virtual texture along the longer side, texels a metre. `None`: 4, or less
    /// where the longer side would pass 16,384 texels. Each doubling makes about four times as
    /// many pages; never changes the terrain.
    pub texels_per_metre: Option<f64>,
    /// Imagery. `None`: colours from the seed.
    pub color: Option<ColorSource>,
    /// Number of props to scatter, `None`: 50,000. 0 makes a bare world, without
    /// meshes; at most
    /// [`PROPS_MAX`].
    pub props: Option<u32>,
    /// Worker threads, 0: one per core. Never changes a byte of the archive.
    pub threads: usize,
    /// Seed of all that is made up: procedural terrain, props, decals and materials.
    pub seed: u64,
    /// What the archive is compressed for. Changes how it is stored, never what is in it. A profile
    /// that this build does not have is refused.
    pub profile: Profile,
}

/// Most height samples of a world; its finest grid is held in memory, two bytes each.
pub const SAMPLES_MAX: u64 = 1 << 31;

/// Most samples along a side.
pub const SIDE_MAX: u32 = 1 << 20;

/// Most texels along a side of the virtual texture.
pub const TEXELS_MAX: u32 = 1 << 21;

/// Most pages of all mips together.
pub const PAGES_MAX: u32 = 1 << 24;

/// Most props.
pub const PROPS_MAX: u32 = 4_000_000;

impl BakeOptions {
    /// The built-in world: 4,096 m square, 4 texels a metre, 50,000 props.
    #[must_use]
    pub fn built_in(out: PathBuf, seed: u64) -> Self {
        Self {
            out,
            source: Source::Procedural { size_m: 4096.0 },
            texels_per_metre: None,
            color: None,
            props: None,
            threads: 0,
            seed,
            profile: Profile::default(),
        }
    }
}

/// How far a bake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being made; a new name starts at 0 again.
    pub stage: &'static str,
    /// Parts done of this stage.
    pub done: u64,
    /// Parts of this stage.
    pub total: u64,
}
