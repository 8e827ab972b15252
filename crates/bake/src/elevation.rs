//! Worlds of measured heights: files are read, joined on their common lattice, filled and brought to
//! whole quanta. Samples keep their places: the lattice of the source is the lattice of the world.

use crate::grid::{Grid, check_size};
use crate::imagery::EXPANSION_MAX;
use crate::raster::{Place, Raster};
use crate::run::Run;
use crate::{BakeError, Mismatch, geotiff, voids};
use farplane_geom::{DVec2, DVec3, Geographic, Projection};
use image::{ColorType, ImageDecoder, ImageReader};
use std::path::{Path, PathBuf};

/// Step of a PNG's values, m.
const PNG_STEP_M: f64 = 0.1;
/// Finest quantum: 1/64 m. All quanta are powers of two, so whole metres stay exact.
const QUANTUM_MIN_M: f64 = 1.0 / 64.0;
/// Farthest that a file's samples may lie from the lattice of the first one, samples.
const OFFSET_MAX: f64 = 0.01;
/// Distances of samples that make a world, m, and the largest ratio of the two directions'.
const SPACING_M: [f64; 2] = [1e-3, 1e5];
const SPACING_RATIO_MAX: f64 = 100.0;
/// Largest relative difference of two files' steps.
const SCALE_MAX: f64 = 1e-6;

/// Heights from files.
pub(crate) fn elevation(
    files: &[PathBuf],
    size_m: Option<f64>,
    run: &Run<'_>,
) -> Result<Grid, BakeError> {
    let [first, ..] = files else {
        return Err(BakeError::Option {
            option: "elevation files",
            given: "none".into(),
            allowed: "one or more GeoTIFF files or one 16-bit PNG".into(),
        });
    };
    if size_m.is_some_and(|s| !(s.is_finite() && s > 0.0)) {
        return Err(BakeError::Option {
            option: "size",
            given: format!("{size_m:?} m"),
            allowed: "a positive number of metres".into(),
        });
    }
    if files.len() == 1 && is_png(first) {
        return png(first, size_m);
    }
    let mut rasters = Vec::with_capacity(files.len());
    for path in files {
        if is_png(path) {
            return Err(unplaced(path));
        }
        let raster = geotiff::read(path, run)?;
        if raster.heights.iter().all(|h| h.is_nan()) {
            let samples = raster.heights.len() as u64;
            return Err(BakeError::AllVoid { path: path.clone(), samples });
        }
        if raster.place.is_none() && files.len() > 1 {
            return Err(unplaced(path));
        }
        rasters.push(raster);
    }
    let joined = if rasters.len() == 1 { rasters.remove(0) } else { join(files, rasters)? };
    run.check()?;
    into_grid(first, joined, size_m)
}

fn unplaced(path: &Path) -> BakeError {
    BakeError::Unsupported {
        path: path.into(),
        found: "joining a file that does not say where on Earth it lies".into(),
        remedy: "give GeoTIFF files only, or one file alone",
    }
}

fn is_png(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"))
}

/// A 16-bit PNG: values in steps of [`PNG_STEP_M`], kept as they are.
fn png(path: &Path, size_m: Option<f64>) -> Result<Grid, BakeError> {
    let damaged =
        |e: image::ImageError| BakeError::Decode { path: path.into(), reason: e.to_string() };
    let io = |error| BakeError::Read { path: path.into(), error };
    let file_bytes = std::fs::metadata(path).map_err(io)?.len();
    let mut reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    reader.no_limits();
    let decoder = reader.into_decoder().map_err(damaged)?;
    let (w, h) = decoder.dimensions();
    let size = check_size([u64::from(w), u64::from(h)])?;
    if w < 2 || h < 2 || decoder.color_type() != ColorType::L16 {
        return Err(BakeError::Unsupported {
            path: path.into(),
            found: format!("a {w} × {h} height image of type {:?}", decoder.color_type()),
            remedy: "heights need 16-bit grey: `convert IN.png -colorspace Gray -depth 16 OUT.png`",
        });
    }
    if u64::from(w) * u64::from(h) > file_bytes.saturating_mul(EXPANSION_MAX) {
        let reason = format!("{w} × {h} samples in {file_bytes} bytes");
        return Err(BakeError::Decode { path: path.into(), reason });
    }
    let image = image::DynamicImage::from_decoder(decoder).map_err(damaged)?.into_luma16();
    let rows: Vec<&[u16]> = image.as_raw().chunks_exact(w as usize).rev().collect();
    let spacing = DVec2::splat(size_m.map_or(1.0, |s| s / f64::from(w.max(h) - 1)));
    check_spacing(path, spacing)?;
    let quads = DVec2::new(f64::from(w - 1), f64::from(h - 1));
    Ok(Grid {
        size,
        heights: rows.concat(),
        base_m: 0.0,
        quantum_m: PNG_STEP_M,
        spacing,
        min: quads * spacing * -0.5,
        origin: DVec3::ZERO,
        projection: Projection::Metric,
        crs: String::new(),
        source: format!("height image, {w} × {h} samples"),
        filled_voids: 0,
    })
}

/// Where a raster lies on the common lattice: its north-west sample, east and south of the first
/// file's.
fn offset(
    path: &Path,
    first_path: &Path,
    place: &Place,
    first: &Place,
    size: [u32; 2],
) -> Result<[i64; 2], BakeError> {
    let fail = |mismatch| {
        Err(BakeError::Lattice { path: path.into(), first: first_path.into(), mismatch })
    };
    if place.crs != first.crs {
        let (this, first) = (place.crs.name.clone(), first.crs.name.clone());
        return fail(Mismatch::Crs { this, first });
    }
    let east = (place.north_west[0] - first.north_west[0]) / first.step[0];
    let south = (first.north_west[1] - place.north_west[1]) / first.step[1];
    let scales = (0..2).all(|k| {
        let difference = (place.step[k] - first.step[k]).abs() / first.step[k];
        // Over the whole file the samples must not drift apart either.
        difference <= SCALE_MAX && difference * f64::from(size[k]) <= OFFSET_MAX
    });
    if !scales {
        return fail(Mismatch::Scale { this: place.step, first: first.step });
    }
    let samples = [east, south];
    if samples.iter().any(|s| (s - s.round()).abs() > OFFSET_MAX || s.abs() > 1e9) {
        return fail(Mismatch::Offset { samples });
    }
    Ok(samples.map(|s| s.round() as i64))
}

/// Brings files that touch into one raster; where two have data, the one named first counts.
fn join(files: &[PathBuf], rasters: Vec<Raster>) -> Result<Raster, BakeError> {
    let places: Vec<&Place> = rasters.iter().filter_map(|r| r.place.as_ref()).collect();
    let mut corners = Vec::with_capacity(rasters.len());
    for ((path, raster), place) in files.iter().zip(&rasters).zip(&places) {
        corners.push(offset(path, &files[0], place, places[0], raster.size)?);
    }
    let ends: Vec<[i64; 2]> = corners
        .iter()
        .zip(&rasters)
        .map(|(c, r)| [c[0] + i64::from(r.size[0]), c[1] + i64::from(r.size[1])])
        .collect();
    check_touching(files, &corners, &ends)?;
    let bound = |k: usize| {
        let lo = corners.iter().map(|c| c[k]).min().unwrap_or(0);
        (lo, (ends.iter().map(|e| e[k]).max().unwrap_or(0) - lo) as u64)
    };
    let ((west, w), (north, h)) = (bound(0), bound(1));
    let size = check_size([w, h])?;
    // Taken from the outermost files, not computed, so that the order of files cannot matter.
    let north_west = [
        places.iter().map(|p| p.north_west[0]).fold(f64::INFINITY, f64::min),
        places.iter().map(|p| p.north_west[1]).fold(f64::NEG_INFINITY, f64::max),
    ];
    let place = Place { crs: places[0].crs.clone(), north_west, step: places[0].step };
    let mut heights = vec![f32::NAN; size[0] as usize * size[1] as usize];
    for (raster, corner) in rasters.into_iter().zip(&corners) {
        let (x, y) = ((corner[0] - west) as usize, (corner[1] - north) as usize);
        for (j, row) in raster.heights.chunks_exact(raster.size[0] as usize).enumerate() {
            let out = &mut heights[(y + j) * size[0] as usize + x..][..row.len()];
            for (o, v) in out.iter_mut().zip(row) {
                if o.is_nan() {
                    *o = *v;
                }
            }
        }
    }
    Ok(Raster { size, heights, place: Some(place) })
}

/// Every file must be reached from the first one by files that overlap or lie next to each other.
fn check_touching(
    files: &[PathBuf],
    corners: &[[i64; 2]],
    ends: &[[i64; 2]],
) -> Result<(), BakeError> {
    let touch = |a: usize, b: usize| {
        (0..2).all(|k| corners[a][k] <= ends[b][k] && corners[b][k] <= ends[a][k])
    };
    let mut reached = vec![false; files.len()];
    let mut open = vec![0];
    reached[0] = true;
    while let Some(a) = open.pop() {
        for (b, reached) in reached.iter_mut().enumerate() {
            if !*reached && touch(a, b) {
                *reached = true;
                open.push(b);
            }
        }
    }
    match reached.iter().position(|r| !r) {
        None => Ok(()),
        Some(i) => Err(BakeError::Lattice {
            path: files[i].clone(),
            first: files[0].clone(),
            mismatch: Mismatch::Apart,
        }),
    }
}

fn into_grid(first: &Path, mut raster: Raster, size_m: Option<f64>) -> Result<Grid, BakeError> {
    let [w, h] = raster.size;
    let samples = raster.heights.len() as u64;
    let filled_voids = voids::fill(raster.size, &mut raster.heights)
        .ok_or_else(|| BakeError::AllVoid { path: first.into(), samples })?;
    let (base_m, quantum_m) = quantum(&raster.heights);
    let rows = raster.heights.chunks_exact(w as usize).rev();
    let to_quanta = |v: &f32| ((f64::from(*v) - base_m) / quantum_m + 0.5) as u16;
    let heights = rows.flat_map(|row| row.iter().map(to_quanta)).collect();
    let quads = DVec2::new(f64::from(w - 1), f64::from(h - 1));
    let mut grid = Grid {
        size: raster.size,
        heights,
        base_m,
        quantum_m,
        spacing: DVec2::ONE,
        min: DVec2::ZERO,
        origin: DVec3::ZERO,
        projection: Projection::Metric,
        crs: String::new(),
        source: format!("elevation data, {w} × {h} samples"),
        filled_voids,
    };
    match raster.place {
        Some(_) if size_m.is_some() => {
            return Err(BakeError::Option {
                option: "size",
                given: format!("a size for {}", first.display()),
                allowed: "left out: the file is georeferenced and says its size".into(),
            });
        }
        None => {
            let spacing = size_m.map_or(1.0, |s| s / f64::from(w.max(h) - 1));
            grid.spacing = DVec2::splat(spacing);
        }
        Some(place) => locate(first, &mut grid, &place, quads)?,
    }
    check_spacing(first, grid.spacing)?;
    grid.min = quads * grid.spacing * -0.5;
    Ok(grid)
}

fn check_spacing(path: &Path, spacing: DVec2) -> Result<(), BakeError> {
    let (lo, hi) = (spacing.min_element(), spacing.max_element());
    if lo >= SPACING_M[0] && hi <= SPACING_M[1] && hi <= lo * SPACING_RATIO_MAX {
        return Ok(());
    }
    Err(BakeError::Unsupported {
        path: path.into(),
        found: format!("a lattice with samples {} × {} m apart", spacing.x, spacing.y),
        remedy: "samples must lie 1 mm to 100 km apart, about equally far both ways",
    })
}

/// Puts a grid onto the Earth.
fn locate(path: &Path, grid: &mut Grid, place: &Place, quads: DVec2) -> Result<(), BakeError> {
    let step = DVec2::from_array(place.step);
    let north_west = DVec2::from_array(place.north_west);
    let center = north_west + DVec2::new(quads.x * step.x, -quads.y * step.y) * 0.5;
    if !place.crs.is_geographic {
        grid.crs = place.crs.name.clone();
        grid.spacing = step;
        grid.origin = DVec3::new(center.x, center.y, 0.0);
        return Ok(());
    }
    let projection = Projection::Equirectangular(Geographic { lon: center.x, lat: center.y });
    let outside = center.y.abs() > 89.0 || center.x.abs() > 540.0;
    let Some(metres) = projection.metres_per_degree().filter(|_| !outside) else {
        return Err(BakeError::Unsupported {
            path: path.into(),
            found: format!("a world about {}, {} degrees", center.x, center.y),
            remedy: "worlds at the poles need a projected CRS: use gdalwarp with EPSG:3413 or 3031",
        });
    };
    grid.crs = format!("{} equirectangular about {}, {}", place.crs.name, center.x, center.y);
    grid.spacing = step * metres;
    grid.projection = projection;
    Ok(())
}

/// Height of quantum 0 and of one quantum, m: a whole metre at the bottom and the finest power of
/// two whose 65,535 steps span the range.
fn quantum(heights: &[f32]) -> (f64, f64) {
    let (mut lo, mut hi) = (f32::INFINITY, f32::NEG_INFINITY);
    for &h in heights {
        lo = lo.min(h);
        hi = hi.max(h);
    }
    let base_m = f64::from(lo).floor();
    let mut quantum_m = QUANTUM_MIN_M;
    while (f64::from(hi) - base_m) / quantum_m + 0.5 >= 65_536.0 {
        quantum_m *= 2.0;
    }
    (base_m, quantum_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quanta_keep_whole_metres_exact_and_span_the_range() {
        // 6,929 m over 1/8 m steps would need 55,432; over 1/16 m 110,864: too many.
        assert_eq!(quantum(&[0.0, 6929.0]), (0.0, 0.125));
        assert_eq!(quantum(&[-430.5, -400.0]), (-431.0, 1.0 / 64.0));
        assert_eq!(quantum(&[-32767.0, 32767.0]), (-32767.0, 1.0));
        assert_eq!(quantum(&[-90_000.0, 90_000.0]), (-90_000.0, 4.0));
    }
}
