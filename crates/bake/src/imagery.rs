//! The colours of a world: an image over the ground, sampled by area.

use crate::grid::Grid;
use crate::noise::{noise2, seed_for};
use crate::{BakeError, ColorSource};
use farplane_geom::DVec2;
use image::{ImageDecoder, ImageReader, Limits};

/// Most pixels that a byte of an image file may stand for.
pub(crate) const EXPANSION_MAX: u64 = 2048;
/// Most pixels of an image.
const PIXELS_MAX: u64 = 1 << 31;
/// Longer side of the made-up colours at most, pixels.
const MACRO_SIDE_MAX: u32 = 1024;

/// An image and where it lies. Its box-filtered value over a footprint of one pixel is the bilinear
/// interpolation; wider footprints average.
pub(crate) struct Imagery {
    width: u32,
    height: u32,
    /// RGB, row 0 at the north.
    pixels: Vec<u8>,
    /// Pixels per metre east, and south.
    per_metre: DVec2,
    /// Pixel position of the world's origin.
    at_origin: DVec2,
    /// The image goes around the globe.
    wraps: bool,
    /// Real imagery, which pages may store, rather than made-up colours.
    pub is_source: bool,
}

/// Weights of the pixels under a footprint along one axis.
struct Taps {
    first: i64,
    weights: Vec<f32>,
}

impl Imagery {
    /// Opens an image and places it over the world.
    pub fn open(source: &ColorSource, grid: &Grid) -> Result<Self, BakeError> {
        let (width, height, pixels) = decode(source)?;
        let world = world_edges(grid);
        let degrees = grid.projection.center().is_some();
        let image = match source.extent_wsen {
            Some(e) => checked_extent(e)?,
            None if degrees && width == height.saturating_mul(2) => [-180.0, -90.0, 180.0, 90.0],
            None => world,
        };
        let [mut west, south, mut east, north] = image;
        let wraps = degrees && (east - west - 360.0).abs() < 1e-6;
        if degrees {
            // The turn of the globe on which image and world are closest.
            let turns = ((world[0] + world[2] - west - east) / 720.0).round() * 360.0;
            west += turns;
            east += turns;
        }
        let beside = !wraps && (world[2] <= west || world[0] >= east);
        if beside || world[3] <= south || world[1] >= north {
            let path = source.path.clone();
            return Err(BakeError::ColorElsewhere { path, image_wsen: image, world_wsen: world });
        }
        let units_per_metre = grid.projection.metres_per_degree().map_or(DVec2::ONE, |m| 1.0 / m);
        let zero = match grid.projection.center() {
            Some(c) => DVec2::new(c.lon, c.lat),
            None => DVec2::new(grid.origin.x, grid.origin.y),
        };
        let scale =
            DVec2::new(f64::from(width) / (east - west), f64::from(height) / (north - south));
        Ok(Self {
            width,
            height,
            pixels,
            per_metre: scale * units_per_metre,
            at_origin: DVec2::new((zero.x - west) * scale.x, (north - zero.y) * scale.y),
            wraps,
            is_source: true,
        })
    }

    /// Made-up colours: a neutral tint that wanders between moist and dry, light and dark.
    pub fn made_up(grid: &Grid, texels: [u32; 2], seed: u64) -> Self {
        let [width, height] = texels.map(|t| (t / 16).clamp(8, MACRO_SIDE_MAX));
        let (moist, light) = (seed_for(seed, 40), seed_for(seed, 41));
        let wander = |x: u32, y: u32, seed: u32| {
            let octave = |cell: f32, k: u32| {
                noise2(x as f32 / cell + 0.5, y as f32 / cell + 0.5, seed.wrapping_add(k))
                    * 0.02
                    * cell.sqrt()
            };
            octave(120.0, 0) * 2.2 + octave(48.0, 1) + octave(19.0, 2) + octave(7.0, 3) * 1.4
        };
        let mut pixels = Vec::with_capacity((width * height * 3) as usize);
        for y in 0..height {
            for x in 0..width {
                let (m, l) = (wander(x, y, moist), 1.0 + 0.5 * wander(x, y, light));
                for axis in [-0.5, 0.1, -0.35f32] {
                    pixels.push((128.0 * l * (1.0 + axis * m) + 0.5).clamp(60.0, 200.0) as u8);
                }
            }
        }
        let size = grid.size_m();
        let per_metre = DVec2::new(f64::from(width), f64::from(height)) / size;
        let north = grid.min.y + size.y;
        let at_origin = DVec2::new(-grid.min.x * per_metre.x, north * per_metre.y);
        Self { width, height, pixels, per_metre, at_origin, wraps: false, is_source: false }
    }

    /// Pixels that a step of so many metres spans, east and north.
    pub fn pixels_per(&self, step_m: DVec2) -> DVec2 {
        step_m * self.per_metre
    }

    /// Colours at `columns × rows` places, `step_m` apart, row by row from the south-west one at
    /// `first`; each is the mean over a footprint of one step, at least one pixel.
    pub fn sample(
        &self,
        first: DVec2,
        step_m: DVec2,
        [columns, rows]: [usize; 2],
        out: &mut Vec<[u8; 3]>,
    ) {
        let step = self.pixels_per(step_m);
        let x0 = self.at_origin.x + first.x * self.per_metre.x;
        let y0 = self.at_origin.y - first.y * self.per_metre.y;
        let xs: Vec<Taps> =
            (0..columns).map(|i| Taps::new(x0 + i as f64 * step.x, step.x)).collect();
        let mut line = vec![[0f32; 3]; self.line_span(&xs)];
        out.clear();
        for j in 0..rows {
            let ys = Taps::new(y0 - j as f64 * step.y, step.y);
            let left = xs.iter().map(|t| t.first).min().unwrap_or(0);
            line.fill([0.0; 3]);
            for (k, wy) in ys.weights.iter().enumerate() {
                let row = (ys.first + k as i64).clamp(0, i64::from(self.height) - 1) as usize;
                let row = &self.pixels[row * self.width as usize * 3..][..self.width as usize * 3];
                for (i, sum) in line.iter_mut().enumerate() {
                    let at = self.column(left + i as i64) * 3;
                    for c in 0..3 {
                        sum[c] += wy * f32::from(row[at + c]);
                    }
                }
            }
            out.extend(xs.iter().map(|t| {
                let mut sum = [0f32; 3];
                for (w, p) in t.weights.iter().zip(&line[(t.first - left) as usize..]) {
                    for c in 0..3 {
                        sum[c] += w * p[c];
                    }
                }
                sum.map(|v| (v + 0.5).clamp(0.0, 255.0) as u8)
            }));
        }
    }

    fn line_span(&self, xs: &[Taps]) -> usize {
        let left = xs.iter().map(|t| t.first).min().unwrap_or(0);
        let right = xs.iter().map(|t| t.first + t.weights.len() as i64).max().unwrap_or(0);
        (right - left) as usize
    }

    fn column(&self, x: i64) -> usize {
        let w = i64::from(self.width);
        (if self.wraps { x.rem_euclid(w) } else { x.clamp(0, w - 1) }) as usize
    }
}

impl Taps {
    /// A footprint of `width` pixels, at least one, about `center`.
    fn new(center: f64, width: f64) -> Self {
        let width = width.max(1.0);
        let (lo, hi) = (center - 0.5 * width, center + 0.5 * width);
        let first = lo.floor();
        let count = ((hi - first).ceil() as usize).max(1);
        let weights = (0..count)
            .map(|i| {
                let p = first + i as f64;
                (((p + 1.0).min(hi) - p.max(lo)).max(0.0) / width) as f32
            })
            .collect();
        Self { first: first as i64, weights }
    }
}

fn decode(source: &ColorSource) -> Result<(u32, u32, Vec<u8>), BakeError> {
    let path = &source.path;
    let io = |error| BakeError::Read { path: path.clone(), error };
    let damaged =
        |e: image::ImageError| BakeError::Decode { path: path.clone(), reason: e.to_string() };
    let file_bytes = std::fs::metadata(path).map_err(io)?.len();
    let mut reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    reader.no_limits();
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > PIXELS_MAX || pixels > file_bytes.saturating_mul(EXPANSION_MAX) {
        let reason = format!("{width} × {height} pixels in {file_bytes} bytes");
        return Err(BakeError::Decode { path: path.clone(), reason });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(pixels.saturating_mul(16).max(1 << 20));
    decoder.set_limits(limits).map_err(damaged)?;
    let image = image::DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok((width, height, image.into_rgb8().into_raw()))
}

fn checked_extent(extent: [f64; 4]) -> Result<[f64; 4], BakeError> {
    let [w, s, e, n] = extent;
    if extent.iter().all(|v| v.is_finite()) && w < e && s < n {
        return Ok(extent);
    }
    Err(BakeError::Option {
        option: "colour extent",
        given: format!("{w},{s},{e},{n}"),
        allowed: "west,south,east,north with west < east and south < north".into(),
    })
}

/// West, south, east, north edge of the world, in degrees or metres of its CRS.
fn world_edges(grid: &Grid) -> [f64; 4] {
    let (lo, hi) = (grid.min, grid.min + grid.size_m());
    let edge = |p: DVec2| match grid.projection.unproject(p) {
        Some(g) => [g.lon, g.lat],
        None => [grid.origin.x + p.x, grid.origin.y + p.y],
    };
    let ([w, s], [e, n]) = (edge(lo), edge(hi));
    [w, s, e, n]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32, pixels: Vec<u8>) -> Imagery {
        let (per_metre, at_origin) = (DVec2::ONE, DVec2::new(0.0, f64::from(height)));
        Imagery { width, height, pixels, per_metre, at_origin, wraps: false, is_source: true }
    }

    #[test]
    fn a_texel_as_large_as_a_pixel_is_that_pixel_and_a_larger_one_the_mean() {
        // One metre a pixel, 4 × 2; reds 0, 10 … 30 in the northern row, 100 … 130 in the southern.
        let reds = [0, 10, 20, 30, 100, 110, 120, 130];
        let image = plain(4, 2, reds.iter().flat_map(|r| [*r, 0, 7]).collect());
        let mut out = Vec::new();
        image.sample(DVec2::new(0.5, 0.5), DVec2::ONE, [4, 2], &mut out);
        let got: Vec<u8> = out.iter().map(|p| p[0]).collect();
        assert_eq!(got, [100, 110, 120, 130, 0, 10, 20, 30]);
        image.sample(DVec2::new(1.0, 1.0), DVec2::splat(2.0), [2, 1], &mut out);
        // Means of 0, 10, 100, 110 and of 20, 30, 120, 130.
        assert_eq!(out, [[55, 0, 7], [75, 0, 7]]);
    }

    #[test]
    fn a_finer_step_interpolates_and_the_edge_repeats() {
        let image = plain(2, 1, vec![0, 0, 0, 100, 100, 100]);
        let mut out = Vec::new();
        image.sample(DVec2::new(0.0, 0.5), DVec2::splat(0.5), [5, 1], &mut out);
        let got: Vec<u8> = out.iter().map(|p| p[0]).collect();
        assert_eq!(got, [0, 0, 50, 100, 100]);
    }
}
