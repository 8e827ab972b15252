use crate::support::{Baked, Tif, cut, hills, measured, read_only, run};
use farplane_bake::{BakeError, BakeOptions, Mismatch, Source};
use farplane_geom::{Geographic, Projection};
use image::{ImageBuffer, Luma};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use tiff::encoder::Compression;
use tiff::encoder::compression::DeflateLevel;

const SIZE: [u32; 2] = [300, 200];

fn bytes_of(folder: &Path, files: &[&Path]) -> Vec<u8> {
    let out = folder.join("joined.far");
    run(&measured(out.clone(), files)).unwrap();
    fs::read(out).unwrap()
}

/// Asserts that a world's finest samples are the source's, row 0 of which is the north.
fn assert_posts(out: &Path, source: &[i16]) {
    let heights = Baked::open(out).heights();
    let rows: Vec<&[i16]> = source.chunks_exact(SIZE[0] as usize).rev().collect();
    assert_eq!(heights.len(), rows.len());
    for (got, want) in heights.iter().zip(rows) {
        assert!(got.iter().zip(want).all(|(g, w)| *g == f64::from(*w)));
    }
}

#[test]
fn int16_heights_are_exact_at_the_posts_and_degrees_become_metres_about_the_centre() {
    let folder = tempfile::tempdir().unwrap();
    let (tif, out) = (folder.path().join("t.tif"), folder.path().join("w.far"));
    let source = hills(SIZE);
    let step = 1.0 / 1200.0;
    for compression in
        [Compression::Uncompressed, Compression::Lzw, Compression::Deflate(DeflateLevel::Fast)]
    {
        let file = Tif { compression, ..Tif::degrees(SIZE, -71.0, -32.0, step) };
        file.write_i16(&tif, &source);
        let summary = run(&measured(out.clone(), &[&tif])).unwrap();
        assert_eq!((summary.samples, summary.filled_voids), (SIZE, 0));
        assert_posts(&out, &source);
    }
    let world = Baked::open(&out).world;
    let Projection::Equirectangular(Geographic { lon, lat }) = world.projection else {
        panic!("degrees need a projection")
    };
    assert!((lon - (-71.0 + 149.5 * step)).abs() < 1e-12);
    assert!((lat - (-32.0 - 99.5 * step)).abs() < 1e-12);
    let metres = world.projection.metres_per_degree().unwrap();
    assert!((world.terrain.spacing / (metres * step) - 1.0).abs().max_element() < 1e-12);
    let corner = world.projection.unproject(world.extent()[0]).unwrap();
    assert!((corner.lon + 71.0).abs() < 1e-9 && (corner.lat + 32.0 + 199.0 * step).abs() < 1e-9);
    assert!(world.crs.starts_with("EPSG:4326"));
}

#[test]
fn float_heights_are_within_half_a_quantum_and_all_kinds_of_voids_are_counted_and_filled() {
    let folder = tempfile::tempdir().unwrap();
    let (tif, out) = (folder.path().join("t.tif"), folder.path().join("w.far"));
    let mut data: Vec<f32> = hills(SIZE).iter().map(|h| f32::from(*h) + 0.3).collect();
    let voids = [-9999.0, f32::NAN, -32_768.0, f32::NEG_INFINITY, f32::MIN];
    for (k, v) in voids.iter().enumerate() {
        data[5000 + k] = *v;
    }
    let file = Tif { no_data: Some("-9999"), ..Tif::metres(SIZE, 3e5, 6.5e6, 30.0) };
    file.write_f32(&tif, &data);
    let summary = run(&measured(out.clone(), &[&tif])).unwrap();
    assert_eq!(summary.filled_voids, 5);
    let baked = Baked::open(&out);
    assert_eq!(baked.world.filled_voids, 5);
    let around = data.iter().filter(|v| v.is_finite() && **v > 0.0);
    let (lo, hi) = around.fold((f32::MAX, f32::MIN), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    let heights: Vec<f64> = baked.heights().into_iter().rev().flatten().collect();
    for (k, (got, want)) in heights.iter().zip(&data).enumerate() {
        if (5000..5005).contains(&k) {
            assert!((f64::from(lo)..=f64::from(hi)).contains(got), "{got}");
        } else {
            assert!((got - f64::from(*want)).abs() <= baked.world.terrain.quantum_m / 2.0);
        }
    }
}

#[test]
fn metres_of_utm_keep_their_places_to_the_micrometre() {
    let folder = tempfile::tempdir().unwrap();
    let (tif, out) = (folder.path().join("t.tif"), folder.path().join("w.far"));
    // Pixels are areas here: the first sample lies half a pixel inside the corner.
    let file = Tif::metres(SIZE, 366_745.25, 5_246_913.125, 0.3);
    file.write_i16(&tif, &hills(SIZE));
    run(&BakeOptions { texels_per_metre: Some(4.0), ..measured(out.clone(), &[&tif]) }).unwrap();
    let world = Baked::open(&out).world;
    assert_eq!(world.crs, "EPSG:32719");
    assert_eq!(world.projection, Projection::Metric);
    let [south_west, north_east] = world.extent();
    assert!((south_west.x - (366_745.25 + 0.15)).abs() < 1e-6);
    assert!((north_east.y - (5_246_913.125 - 0.15)).abs() < 1e-6);
    assert!((north_east.x - south_west.x - 299.0 * 0.3).abs() < 1e-6);
    // What is drawn in f32 is relative to the origin, and small.
    assert!(world.terrain.min.abs().max_element() < 50.0);
}

#[test]
fn a_matrix_without_rotation_is_a_scale_and_a_tie_point() {
    let folder = tempfile::tempdir().unwrap();
    let tif = folder.path().join("t.tif");
    let plain = Tif::metres(SIZE, 3e5, 6.5e6, 30.0);
    plain.write_i16(&tif, &hills(SIZE));
    let whole = bytes_of(folder.path(), &[&tif]);
    let mut m = [0.0; 16];
    (m[0], m[3], m[5], m[7], m[15]) = (30.0, 3e5, -30.0, 6.5e6, 1.0);
    Tif { matrix: Some(m), ..plain }.write_i16(&tif, &hills(SIZE));
    assert!(whole == bytes_of(folder.path(), &[&tif]));
}

#[test]
fn a_file_cut_in_two_bakes_to_the_same_archive_as_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, a, b] = ["whole.tif", "a.tif", "b.tif"].map(|n| folder.path().join(n));
    let (source, step) = (hills(SIZE), 1.0 / 1200.0);
    let (west, north) = (-71.0, -32.0);
    Tif::degrees(SIZE, west, north, step).write_i16(&whole, &source);
    let expected = bytes_of(folder.path(), &[&whole]);
    // West and east share column 120; north and south only touch.
    for (size_a, from_b, size_b) in
        [([121, 200], [120, 0], [180, 200]), ([300, 90], [0, 90], [300, 110])]
    {
        let corner = [west + f64::from(from_b[0]) * step, north - f64::from(from_b[1]) * step];
        Tif::degrees(size_a, west, north, step)
            .write_i16(&a, &cut(&source, SIZE[0], [0, 0], size_a));
        Tif::degrees(size_b, corner[0], corner[1], step)
            .write_i16(&b, &cut(&source, SIZE[0], from_b, size_b));
        assert!(expected == bytes_of(folder.path(), &[&a, &b]));
        assert!(expected == bytes_of(folder.path(), &[&b, &a]));
    }
}

#[test]
fn files_that_share_no_lattice_are_refused_with_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.tif", "b.tif"].map(|n| folder.path().join(n));
    let size = [20, 20];
    let first = Tif::metres(size, 1000.0, 2000.0, 10.0);
    first.write_i16(&a, &hills(size));
    let at = |west: f64, north: f64, step: f64| Tif::metres(size, west, north, step);
    let other_crs = Tif { keys: vec![(1024, 1), (3072, 32_720)], ..at(1200.0, 2000.0, 10.0) };
    for (second, expected) in [
        (at(1203.0, 2000.0, 10.0), Mismatch::Offset { samples: [20.3, 0.0] }),
        (at(1200.0, 2000.0, 11.0), Mismatch::Scale { this: [11.0; 2], first: [10.0; 2] }),
        (at(1300.0, 2000.0, 10.0), Mismatch::Apart),
        (other_crs, Mismatch::Crs { this: "EPSG:32720".into(), first: "EPSG:32719".into() }),
    ] {
        second.write_i16(&b, &hills(size));
        let error = run(&measured(folder.path().join("w.far"), &[&a, &b])).unwrap_err();
        let BakeError::Lattice { ref mismatch, .. } = error else { panic!("{error}") };
        match (mismatch, &expected) {
            (Mismatch::Scale { this, .. }, Mismatch::Scale { this: want, .. }) => {
                assert!((this[0] - want[0]).abs() < 1e-9);
            }
            _ => assert_eq!(*mismatch, expected),
        }
        assert!(error.to_string().contains("b.tif cannot be joined with"), "{error}");
    }
}

#[test]
fn what_a_tiff_must_not_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.tif");
    let size = [24u32, 20];
    let plain = Tif::metres(size, 0.0, 0.0, 1.0);
    let heights = hills(size);
    let message = || {
        let out = folder.path().join("w.far");
        let message = run(&measured(out, &[&path])).unwrap_err().to_string();
        assert!(message.contains("t.tif") && !message.contains('\n'), "{message}");
        message
    };
    plain.write_u16(&path, &vec![3; 480]);
    assert!(message().contains("16-bit unsigned integers is not supported; convert it with"));
    plain.write_rgb(&path, &vec![3; 1440]);
    assert!(message().contains("colour (RGB(8)) is not supported"));
    let mut m = [0.0; 16];
    (m[0], m[1], m[4], m[5], m[15]) = (0.9, 0.1, 0.1, -0.9, 1.0);
    Tif { matrix: Some(m), ..plain.clone() }.write_i16(&path, &heights);
    assert!(message().contains("a rotated ModelTransformation is not supported; resample it"));
    let keys = |keys: &[(u16, u16)]| Tif { keys: keys.to_vec(), ..plain.clone() };
    keys(&[(1024, 1), (3072, 2225), (3076, 9003)]).write_i16(&path, &heights);
    assert!(message().contains("a unit (EPSG code 9003) other than metres"));
    keys(&[(1024, 3)]).write_i16(&path, &heights);
    assert!(message().contains("a CRS of model type Some(3)"));
    plain.write_i16(&path, &[i16::MIN; 480]);
    assert!(message().contains("none of its 480 samples has data"));
    fs::write(&path, b"").unwrap();
    assert!(message().contains("damaged"));
    fs::write(&path, [7; 500]).unwrap();
    assert!(message().contains("damaged"));
    fs::remove_file(&path).unwrap();
    assert!(message().contains("cannot be read"));
    plain.write_i16(&path, &heights);
    let sized = BakeOptions {
        source: Source::Elevation { files: vec![path.clone()], size_m: Some(5.0) },
        ..measured(folder.path().join("w.far"), &[&path])
    };
    assert!(run(&sized).unwrap_err().to_string().contains("the file is georeferenced"));
    let none = BakeOptions {
        source: Source::Elevation { files: vec![], size_m: None },
        ..measured(folder.path().join("w.far"), &[&path])
    };
    assert!(run(&none).unwrap_err().to_string().contains("one or more GeoTIFF files"));
}

#[test]
fn a_16_bit_png_is_tenths_of_metres_and_an_8_bit_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (png, out) = (folder.path().join("h.png"), folder.path().join("w.far"));
    let image = ImageBuffer::from_fn(65, 33, |x, y| Luma([(x * 100 + y * 1000) as u16]));
    image.save(&png).unwrap();
    let options = |files: Vec<PathBuf>| BakeOptions {
        source: Source::Elevation { files, size_m: Some(640.0) },
        ..measured(out.clone(), &[])
    };
    run(&options(vec![png.clone()])).unwrap();
    let baked = Baked::open(&out);
    // 64 quads over 640 m; row 0 of the image is the north.
    assert_eq!(baked.world.terrain.spacing.to_array(), [10.0, 10.0]);
    let heights = baked.heights();
    assert!((heights[0][7] - (700.0 + 32_000.0) / 10.0).abs() < 1e-9);
    assert!((heights[32][64] - 640.0).abs() < 1e-9);
    ImageBuffer::from_fn(65, 33, |x, _| Luma([x as u8])).save(&png).unwrap();
    let message = run(&options(vec![png])).unwrap_err().to_string();
    assert!(message.contains("heights need 16-bit grey"), "{message}");
}

#[test]
fn a_truncated_tiff_is_an_error_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.tif");
    let size = [24, 20];
    let file = Tif { compression: Compression::Lzw, ..Tif::metres(size, 0.0, 0.0, 1.0) };
    file.write_i16(&path, &hills(size));
    let bytes = fs::read(&path).unwrap();
    let cut = folder.path().join("cut.tif");
    for len in (0..bytes.len()).step_by(7) {
        fs::write(&cut, &bytes[..len]).unwrap();
        let result = read_only(&measured(folder.path().join("w.far"), &[&cut]));
        assert!(result.is_err(), "{len} of {} bytes", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever its bytes: heights or one line, never a panic.
    #[test]
    fn a_changed_tiff_never_panics(at in 0usize..4000, to in any::<[u8; 3]>(), header in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.tif");
        let size = [24, 20];
        Tif::metres(size, 0.0, 0.0, 1.0).write_i16(&path, &hills(size));
        let mut bytes = fs::read(&path).unwrap();
        // The directory lies at the end: half of the changes go there.
        let at = if header { bytes.len() - 1 - at % 500 } else { at % bytes.len() };
        for (b, v) in bytes[at..].iter_mut().zip(to) {
            *b = v;
        }
        fs::write(&path, bytes).unwrap();
        // Positions and steps may now be anything: let the texture have its default size.
        let options = measured(folder.path().join("w.far"), &[&path]);
        if let Err(error) = read_only(&BakeOptions { texels_per_metre: None, ..options }) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}
