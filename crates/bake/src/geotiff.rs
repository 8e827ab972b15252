//! Elevation from GeoTIFF (OGC 19-008r4): one band of int16 or float32, strips or tiles, on a
//! lattice that is not rotated.

use crate::BakeError;
use crate::grid::check_size;
use crate::raster::{Crs, HEIGHT_MAX_M, Place, Raster};
use crate::run::Run;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

/// Most bytes that a byte of a file may stand for: LZW's longest code is 4,096 bytes.
const EXPANSION_MAX: u64 = 4096;
/// Most bytes of one strip or tile.
const CHUNK_BYTES_MAX: u64 = 1 << 32;

const WARP: &str = "resample it with `gdalwarp -t_srs EPSG:4326 -ot Float32 IN.tif OUT.tif`";
const TRANSLATE: &str = "convert it with `gdal_translate -ot Float32 -b 1 -co COMPRESS=DEFLATE -co \
                         PREDICTOR=1 IN.tif OUT.tif`";

/// North-west corner of pixel 0, 0 and the steps east and south, in CRS units.
type Lattice = ([f64; 2], [f64; 2]);

struct Reader<'a> {
    path: &'a Path,
    tiff: Decoder<BufReader<File>>,
}

/// Reads a file. Memory grows with what is decoded, never with what a header claims.
pub(crate) fn read(path: &Path, run: &Run<'_>) -> Result<Raster, BakeError> {
    let io = |error| BakeError::Read { path: path.into(), error };
    let file = File::open(path).map_err(io)?;
    let file_bytes = file.metadata().map_err(io)?.len();
    let decode = |e| tiff_error(path, e);
    let mut limits = Limits::default();
    let chunk_max = file_bytes.saturating_mul(EXPANSION_MAX).clamp(1 << 20, CHUNK_BYTES_MAX);
    limits.decoding_buffer_size = usize::try_from(chunk_max).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    // Offsets of strips: a long file of one row a strip has many.
    limits.ifd_value_size = 64 << 20;
    let tiff = Decoder::new(BufReader::new(file)).map_err(decode)?.with_limits(limits);
    let mut reader = Reader { path, tiff };
    let (w, h) = reader.tiff.dimensions().map_err(decode)?;
    if w < 2 || h < 2 {
        return Err(reader.unsupported(format!("a grid of {w} × {h} samples"), "it needs 2 × 2"));
    }
    check_size([u64::from(w), u64::from(h)])?;
    reader.check_samples()?;
    let no_data = reader.no_data()?;
    let place = reader.place()?;
    let heights = reader.heights(w, h, no_data, run)?;
    Ok(Raster { size: [w, h], heights, place })
}

fn tiff_error(path: &Path, error: TiffError) -> BakeError {
    let path = path.to_path_buf();
    match error {
        TiffError::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            BakeError::Read { path, error }
        }
        TiffError::UnsupportedError(e) => {
            BakeError::Unsupported { path, found: e.to_string(), remedy: TRANSLATE }
        }
        e => BakeError::Decode { path, reason: e.to_string() },
    }
}

impl Reader<'_> {
    fn unsupported(&self, found: String, remedy: &'static str) -> BakeError {
        BakeError::Unsupported { path: self.path.into(), found, remedy }
    }

    fn damaged(&self, reason: impl Into<String>) -> BakeError {
        BakeError::Decode { path: self.path.into(), reason: reason.into() }
    }

    fn numbers(&mut self, tag: Tag) -> Result<Option<Vec<f64>>, BakeError> {
        let value = self.tiff.find_tag(tag).map_err(|e| tiff_error(self.path, e))?;
        value.map(|v| v.into_f64_vec().map_err(|e| tiff_error(self.path, e))).transpose()
    }

    fn unsigned(&mut self, tag: Tag) -> Result<Option<Vec<u32>>, BakeError> {
        self.tiff.find_tag_unsigned_vec(tag).map_err(|e| tiff_error(self.path, e))
    }

    fn check_samples(&mut self) -> Result<(), BakeError> {
        let color = self.tiff.colortype().map_err(|e| tiff_error(self.path, e))?;
        let bits = match color {
            ColorType::Gray(bits) => bits,
            ColorType::Multiband { num_samples, .. } => {
                return Err(self.unsupported(format!("a file of {num_samples} bands"), TRANSLATE));
            }
            other => return Err(self.unsupported(format!("colour ({other:?})"), TRANSLATE)),
        };
        let format =
            self.unsigned(Tag::SampleFormat)?.and_then(|f| f.first().copied()).unwrap_or(1);
        let name = match format {
            1 => "unsigned integers",
            2 => "signed integers",
            3 => "floating-point numbers",
            _ => "samples of an unknown format",
        };
        if !matches!((bits, format), (16, 2) | (32, 3)) {
            return Err(self.unsupported(format!("samples that are {bits}-bit {name}"), TRANSLATE));
        }
        let photometric = self.unsigned(Tag::PhotometricInterpretation)?;
        match photometric.and_then(|p| p.first().copied()) {
            Some(1) => Ok(()),
            p => Err(self.unsupported(format!("photometric interpretation {p:?}"), TRANSLATE)),
        }
    }

    /// The value that the file declares to mean "no data".
    fn no_data(&mut self) -> Result<Option<f32>, BakeError> {
        let value = self.tiff.find_tag(Tag::GdalNodata).map_err(|e| tiff_error(self.path, e))?;
        let Some(text) = value.and_then(|v| v.into_string().ok()) else { return Ok(None) };
        match text.trim_matches(['\0', ' ']).parse::<f64>() {
            Ok(v) => Ok(Some(v as f32)),
            Err(_) => Err(self.damaged(format!("its no-data value {text:?} is not a number"))),
        }
    }

    fn place(&mut self) -> Result<Option<Place>, BakeError> {
        let keys = self.unsigned(Tag::GeoKeyDirectoryTag)?;
        let lattice = self.lattice()?;
        let (keys, (corner, step)) = match (keys, lattice) {
            (None, None) => return Ok(None),
            (Some(k), Some(l)) => (k, l),
            (None, Some(_)) => {
                return Err(self.unsupported(
                    "a georeference without a CRS (no GeoKeyDirectoryTag)".into(),
                    "name its CRS with `gdal_edit.py -a_srs EPSG:n FILE`",
                ));
            }
            (Some(_), None) => {
                return Err(self.unsupported("a CRS without a scale and a tie point".into(), WARP));
            }
        };
        let keys = GeoKeys::new(&keys).ok_or_else(|| self.damaged("its geo keys are cut short"))?;
        let crs = self.crs(&keys)?;
        // Tie points mark the corner of a pixel where pixels are areas (also the default), and the
        // sample itself where they are points.
        let half = if keys.get(GT_RASTER_TYPE) == Some(2) { 0.0 } else { 0.5 };
        let north_west = [corner[0] + half * step[0], corner[1] - half * step[1]];
        if crs.is_geographic && north_west[1].abs() > 90.0 {
            return Err(self.damaged(format!("it begins at latitude {}", north_west[1])));
        }
        Ok(Some(Place { crs, north_west, step }))
    }

    /// From scale and tie point or from a matrix.
    fn lattice(&mut self) -> Result<Option<Lattice>, BakeError> {
        let scale = self.numbers(Tag::ModelPixelScaleTag)?;
        let tie = self.numbers(Tag::ModelTiepointTag)?;
        let matrix = self.numbers(Tag::ModelTransformationTag)?;
        let (corner, step) = match (scale.as_deref(), tie.as_deref(), matrix.as_deref()) {
            (None, None, None) => return Ok(None),
            (_, _, Some(m)) if m.len() >= 8 => {
                if m[1] != 0.0 || m[4] != 0.0 {
                    return Err(self.unsupported("a rotated ModelTransformation".into(), WARP));
                }
                ([m[3], m[7]], [m[0], -m[5]])
            }
            (Some([sx, sy, ..]), Some([i, j, _, x, y, _]), None) => {
                ([x - i * sx, y + j * sy], [*sx, *sy])
            }
            (None, Some(_), None) => {
                return Err(self.unsupported("a lattice given by tie points only".into(), WARP));
            }
            _ => return Err(self.damaged("its scale and tie point do not fit together")),
        };
        let finite = corner.iter().chain(&step).all(|v| v.is_finite());
        if !(finite && step[0] > 0.0 && step[1] > 0.0) {
            return Err(self.unsupported(
                format!("a lattice with steps of {} east and {} south", step[0], step[1]),
                WARP,
            ));
        }
        Ok(Some((corner, step)))
    }

    fn crs(&self, keys: &GeoKeys<'_>) -> Result<Crs, BakeError> {
        let (is_geographic, code, unit, wanted, what) = match keys.get(GT_MODEL_TYPE) {
            Some(1) => (false, PROJECTED_CRS, PROJ_LINEAR_UNITS, 9001, "metres"),
            Some(2) => (true, GEODETIC_CRS, GEOG_ANGULAR_UNITS, 9102, "degrees"),
            model => return Err(self.unsupported(format!("a CRS of model type {model:?}"), WARP)),
        };
        for (key, wanted, what) in [(unit, wanted, what), (VERTICAL_UNITS, 9001, "metres")] {
            if let Some(found) = keys.get(key).filter(|u| *u != wanted && *u != 0) {
                let found = format!("a unit (EPSG code {found}) other than {what}");
                return Err(self.unsupported(found, WARP));
            }
        }
        let name = match keys.get(code) {
            None | Some(0 | 32_767) => "user-defined CRS".into(),
            Some(n) => format!("EPSG:{n}"),
        };
        Ok(Crs { name, is_geographic })
    }

    fn heights(
        &mut self,
        w: u32,
        h: u32,
        no_data: Option<f32>,
        run: &Run<'_>,
    ) -> Result<Vec<f32>, BakeError> {
        let (cw, ch) = self.tiff.chunk_dimensions();
        if cw == 0 || ch == 0 {
            return Err(self.damaged("its strips or tiles are empty"));
        }
        let across = match self.tiff.get_chunk_type() {
            ChunkType::Strip => 1,
            ChunkType::Tile => w.div_ceil(cw),
        };
        let down = h.div_ceil(ch);
        let cw = if across == 1 { w } else { cw };
        let mut heights = Vec::new();
        for cy in 0..down {
            let rows = ch.min(h - cy * ch) as usize;
            let first = heights.len();
            for cx in 0..across {
                let chunk = self.tiff.read_chunk(cy * across + cx);
                let chunk = chunk.map_err(|e| tiff_error(self.path, e))?;
                if cx == 0 {
                    heights.resize(first + rows * w as usize, f32::NAN);
                }
                let x = (cx * cw) as usize;
                let columns = cw.min(w - cx * cw) as usize;
                let mut put = |i: usize, v: f32| {
                    heights[first + i / columns * w as usize + x + i % columns] = v;
                };
                let count = match &chunk {
                    DecodingResult::I16(v) if v.len() == rows * columns => {
                        v.iter().enumerate().for_each(|(i, v)| {
                            let void = *v == i16::MIN || no_data == Some(f32::from(*v));
                            put(i, if void { f32::NAN } else { f32::from(*v) });
                        });
                        v.len()
                    }
                    DecodingResult::F32(v) if v.len() == rows * columns => {
                        v.iter().enumerate().for_each(|(i, v)| {
                            // Not `>`: NaN is a void too.
                            let sane = v.abs() < HEIGHT_MAX_M && *v != f32::from(i16::MIN);
                            put(i, if sane && no_data != Some(*v) { *v } else { f32::NAN });
                        });
                        v.len()
                    }
                    _ => 0,
                };
                if count != rows * columns {
                    return Err(self.damaged(format!("strip or tile {cx}, {cy} has another size")));
                }
            }
            run.progress("reading heights", u64::from(cy) + 1, u64::from(down))?;
        }
        Ok(heights)
    }
}

const GT_MODEL_TYPE: u32 = 1024;
const GT_RASTER_TYPE: u32 = 1025;
const GEODETIC_CRS: u32 = 2048;
const GEOG_ANGULAR_UNITS: u32 = 2054;
const PROJECTED_CRS: u32 = 3072;
const PROJ_LINEAR_UNITS: u32 = 3076;
const VERTICAL_UNITS: u32 = 4099;

/// The short values of a GeoKeyDirectory: four numbers a key (id, location, count, value).
struct GeoKeys<'a>(&'a [u32]);

impl<'a> GeoKeys<'a> {
    fn new(directory: &'a [u32]) -> Option<Self> {
        let (header, keys) = directory.split_at_checked(4)?;
        let count = usize::try_from(header[3]).ok()?.checked_mul(4)?;
        keys.get(..count).map(Self)
    }

    fn get(&self, id: u32) -> Option<u32> {
        let key = self.0.chunks_exact(4).find(|k| k[0] == id && k[1] == 0)?;
        Some(key[3])
    }
}
