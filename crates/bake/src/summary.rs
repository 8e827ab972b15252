use farplane_geom::DVec2;
use std::fmt;
use std::path::PathBuf;

/// Entries of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindTotal {
    /// Entries.
    pub entries: u32,
    /// Bytes as they are in memory.
    pub logical_bytes: u64,
    /// Bytes in the archive, padding apart.
    pub stored_bytes: u64,
}

/// What a bake has written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The archive.
    pub out: PathBuf,
    /// Its size.
    pub archive_bytes: u64,
    /// What it was made from, one line.
    pub source: String,
    /// Name of the coordinate reference system, empty for none.
    pub crs: String,
    /// East-west and north-south size, m.
    pub size_m: DVec2,
    /// Lowest and highest sample, m.
    pub height_m: [f64; 2],
    /// Height samples east and north.
    pub samples: [u32; 2],
    /// Levels of terrain.
    pub levels: u32,
    /// Texels of the virtual texture east and north.
    pub texels: [u32; 2],
    /// Pages whose pixels are stored; the others are composited when loaded.
    pub stored_pages: u32,
    /// Distinct meshes.
    pub meshes: u32,
    /// Props.
    pub instances: u32,
    /// Samples without data that were filled from their surroundings.
    pub filled_voids: u64,
    /// Terrain tiles.
    pub tiles: KindTotal,
    /// Mesh levels.
    pub mesh_levels: KindTotal,
    /// Pages of the virtual texture.
    pub pages: KindTotal,
    /// The materials.
    pub materials: KindTotal,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        writeln!(f, "{}: {:.1} MB", self.out.display(), mb(self.archive_bytes))?;
        write!(f, "  source     {}", self.source)?;
        if !self.crs.is_empty() {
            write!(f, " ({})", self.crs)?;
        }
        let [w, h] = self.samples;
        let [lo, hi] = self.height_m;
        writeln!(
            f,
            "\n  ground     {:.0} × {:.0} m, {lo:.1} to {hi:.1} m high, {w} × {h} samples, \
             {} levels",
            self.size_m.x, self.size_m.y, self.levels
        )?;
        if self.filled_voids > 0 {
            let share = 100.0 * self.filled_voids as f64 / (f64::from(w) * f64::from(h));
            writeln!(
                f,
                "  voids      {} samples without data ({share:.2}%) filled from their \
                 surroundings",
                self.filled_voids
            )?;
        }
        writeln!(
            f,
            "  texture    {} × {} texels, {} of {} pages stored, the others composited",
            self.texels[0], self.texels[1], self.stored_pages, self.pages.entries
        )?;
        writeln!(f, "  props      {} of {} meshes", self.instances, self.meshes)?;
        for (name, k) in [
            ("tiles", self.tiles),
            ("meshes", self.mesh_levels),
            ("pages", self.pages),
            ("materials", self.materials),
        ] {
            writeln!(
                f,
                "  {name:<10} {:>8} entries {:>9.1} MB {:>9.1} MB stored",
                k.entries,
                mb(k.logical_bytes),
                mb(k.stored_bytes)
            )?;
        }
        Ok(())
    }
}
