//! Small bakes, GeoTIFF files written by hand, and worlds read back.

use farplane_bake::{BakeError, BakeOptions, Progress, Source, Summary, bake};
use farplane_io::Archive;
use farplane_world::{World, tile};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tiff::encoder::colortype::{ColorType, Gray16, Gray32Float, GrayI16, RGB8};
use tiff::encoder::{Compression, TiffEncoder, TiffValue};
use tiff::tags::Tag;

pub fn run(options: &BakeOptions) -> Result<Summary, BakeError> {
    bake(options, &|_| (), &AtomicBool::new(false))
}

/// Reads the sources only: `Ok` stands for heights that could be baked.
pub fn read_only(options: &BakeOptions) -> Result<(), BakeError> {
    let cancel = AtomicBool::new(false);
    let stop = |p: &Progress| cancel.store(p.stage == "errors", Ordering::Relaxed);
    match bake(options, &stop, &cancel) {
        Ok(_) | Err(BakeError::Cancelled) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A built-in world of that size with a few props.
pub fn small(out: PathBuf, size_m: f64) -> BakeOptions {
    BakeOptions {
        source: Source::Procedural { size_m },
        props: Some(300),
        ..BakeOptions::built_in(out, 7)
    }
}

/// Elevation files with a texture of a few pages only.
pub fn measured(out: PathBuf, files: &[&Path]) -> BakeOptions {
    BakeOptions {
        source: Source::Elevation {
            files: files.iter().map(|f| f.to_path_buf()).collect(),
            size_m: None,
        },
        texels_per_metre: Some(0.05),
        props: Some(0),
        ..BakeOptions::built_in(out, 7)
    }
}

/// A baked world, opened.
pub struct Baked {
    pub archive: Archive,
    pub world: World,
}

impl Baked {
    pub fn open(path: &Path) -> Self {
        let archive = Archive::open(path).unwrap();
        let world = World::decode(&archive.section(World::SECTION).unwrap()).unwrap();
        Self { archive, world }
    }

    pub fn tile(&self, level: u32, x: u32, y: u32) -> Vec<u8> {
        self.archive.read(self.world.terrain.index(level, x, y).unwrap()).unwrap()
    }

    /// The finest heights, m, row 0 at the south, from the tiles of level 0.
    pub fn heights(&self) -> Vec<Vec<f64>> {
        let t = &self.world.terrain;
        let (w, h) = (t.quads[0] as usize + 1, t.quads[1] as usize + 1);
        let mut out = vec![vec![f64::NAN; w]; h];
        let [tiles_x, tiles_y] = t.tiles(0);
        for (tx, ty) in (0..tiles_y).flat_map(|y| (0..tiles_x).map(move |x| (x, y))) {
            let payload = self.tile(0, tx, ty);
            for j in 0..t.tile_samples() {
                for i in 0..t.tile_samples() {
                    let (x, y) =
                        ((tx * t.tile_quads + i) as usize, (ty * t.tile_quads + j) as usize);
                    if x < w && y < h {
                        out[y][x] = t.height_m(tile::sample(t, &payload, i, j).unwrap());
                    }
                }
            }
        }
        out
    }
}

/// A GeoTIFF to be written.
#[derive(Clone)]
pub struct Tif {
    pub size: [u32; 2],
    pub scale: [f64; 2],
    /// Tie point of pixel 0, 0.
    pub corner: [f64; 2],
    /// Key, value.
    pub keys: Vec<(u16, u16)>,
    pub no_data: Option<&'static str>,
    pub compression: Compression,
    pub rows_per_strip: u32,
    pub matrix: Option<[f64; 16]>,
}

impl Tif {
    /// Degrees, pixels are points, as SRTM tiles are.
    pub fn degrees(size: [u32; 2], west: f64, north: f64, step: f64) -> Self {
        Self {
            size,
            scale: [step; 2],
            corner: [west, north],
            keys: vec![(1024, 2), (1025, 2), (2048, 4326)],
            no_data: None,
            compression: Compression::Uncompressed,
            rows_per_strip: 3,
            matrix: None,
        }
    }

    /// Metres of UTM zone 19 south.
    pub fn metres(size: [u32; 2], west: f64, north: f64, step: f64) -> Self {
        let keys = vec![(1024, 1), (1025, 1), (3072, 32_719), (3076, 9001)];
        Self { keys, ..Self::degrees(size, west, north, step) }
    }

    pub fn write_i16(&self, path: &Path, data: &[i16]) {
        self.write::<GrayI16>(path, data);
    }

    pub fn write_f32(&self, path: &Path, data: &[f32]) {
        self.write::<Gray32Float>(path, data);
    }

    pub fn write_u16(&self, path: &Path, data: &[u16]) {
        self.write::<Gray16>(path, data);
    }

    pub fn write_rgb(&self, path: &Path, data: &[u8]) {
        self.write::<RGB8>(path, data);
    }

    fn write<C: ColorType>(&self, path: &Path, data: &[C::Inner])
    where
        [C::Inner]: TiffValue,
    {
        let encoder = TiffEncoder::new(File::create(path).unwrap()).unwrap();
        let mut encoder = encoder.with_compression(self.compression);
        let mut image = encoder.new_image::<C>(self.size[0], self.size[1]).unwrap();
        image.rows_per_strip(self.rows_per_strip).unwrap();
        let mut keys = vec![1u16, 1, 0, self.keys.len() as u16];
        for &(key, value) in &self.keys {
            keys.extend([key, 0, 1, value]);
        }
        let tags = image.encoder();
        if !self.keys.is_empty() {
            tags.write_tag(Tag::GeoKeyDirectoryTag, &keys[..]).unwrap();
            match self.matrix {
                Some(m) => tags.write_tag(Tag::ModelTransformationTag, &m[..]).unwrap(),
                None => {
                    let scale = [self.scale[0], self.scale[1], 0.0];
                    let tie = [0.0, 0.0, 0.0, self.corner[0], self.corner[1], 0.0];
                    tags.write_tag(Tag::ModelPixelScaleTag, &scale[..]).unwrap();
                    tags.write_tag(Tag::ModelTiepointTag, &tie[..]).unwrap();
                }
            }
        }
        if let Some(text) = self.no_data {
            tags.write_tag(Tag::GdalNodata, text).unwrap();
        }
        image.write_data(data).unwrap();
    }
}

/// Hills of whole metres, row 0 at the north.
pub fn hills(size: [u32; 2]) -> Vec<i16> {
    (0..size[0] * size[1])
        .map(|i| {
            let (x, y) = ((i % size[0]) as i32, (i / size[0]) as i32);
            let wave = |v: i32, n: i32| (v % n - n / 2).abs();
            (800 + 9 * wave(x, 60) - 7 * wave(y, 44) + (x * 31 + y * 17) % 13) as i16
        })
        .collect()
}

/// The part of an image from column `x0` and row `y0` on.
pub fn cut(data: &[i16], width: u32, [x0, y0]: [u32; 2], [w, h]: [u32; 2]) -> Vec<i16> {
    let row = |y: u32| &data[(y * width + x0) as usize..][..w as usize];
    (y0..y0 + h).flat_map(|y| row(y).iter().copied()).collect()
}
