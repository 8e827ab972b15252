/// Heights of one elevation file, m; NaN where it has no data. Row 0 is the northernmost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raster {
    /// Samples east and south.
    pub size: [u32; 2],
    pub heights: Vec<f32>,
    /// Where on Earth it lies; `None` where the file does not say.
    pub place: Option<Place>,
}

/// The lattice of a georeferenced file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub crs: Crs,
    /// Position of the north-west sample (the sample, not its pixel's corner), in CRS units.
    pub north_west: [f64; 2],
    /// Distance of samples east and south, in CRS units.
    pub step: [f64; 2],
}

/// A coordinate reference system.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Crs {
    /// `EPSG:n`, or what is known.
    pub name: String,
    /// Degrees of longitude and latitude; metres otherwise.
    pub is_geographic: bool,
}

/// Heights beyond this are marks for "no data" that the file does not declare, m.
pub(crate) const HEIGHT_MAX_M: f32 = 100_000.0;
