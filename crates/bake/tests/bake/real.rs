//! Real files, found through FARPLANE_TEST_DATA.

use crate::support::{Baked, Tif, cut, measured, run};
use farplane_bake::{BakeOptions, ColorSource};
use std::fs;
use std::path::{Path, PathBuf};
use tiff::decoder::{Decoder, DecodingResult};

fn data(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("FARPLANE_TEST_DATA") else {
        println!("skipped: FARPLANE_TEST_DATA is not set");
        return None;
    };
    Some(Path::new(&folder).join(name))
}

fn samples(path: &Path) -> Vec<i16> {
    let mut tiff = Decoder::new(fs::File::open(path).unwrap()).unwrap();
    let DecodingResult::I16(samples) = tiff.read_image().unwrap() else { panic!("int16") };
    samples
}

#[test]
fn the_andes_keep_their_heights_at_every_post() {
    let Some(tif) = data("dem/andes_S33W071.tif") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("andes.far");
    let options = BakeOptions {
        texels_per_metre: Some(0.01),
        color: data("imagery/earth-blue-marble.jpg")
            .map(|path| ColorSource { path, extent_wsen: None }),
        ..measured(out.clone(), &[&tif])
    };
    let summary = run(&options).unwrap();
    assert_eq!((summary.samples, summary.filled_voids), ([1201, 1201], 0));
    let source = samples(&tif);
    let heights = Baked::open(&out).heights();
    for (row, want) in heights.iter().zip(source.chunks_exact(1201).rev()) {
        assert!(row.iter().zip(want).all(|(g, w)| *g == f64::from(*w)));
    }
    assert_eq!(summary.height_m[1], 6929.0);
    // One degree at 32.5° S: 93,977 × 110,896 m by the usual series (see the projection).
    assert!(
        (summary.size_m.x - 93_977.0).abs() < 1.0 && (summary.size_m.y - 110_896.0).abs() < 1.0
    );
}

#[test]
fn a_real_tile_cut_in_two_bakes_to_the_same_archive() {
    let Some(tif) = data("dem/canberra_S36E149.tif") else { return };
    let folder = tempfile::tempdir().unwrap();
    let bytes = |files: &[&Path]| {
        let out = folder.path().join("w.far");
        let options = BakeOptions { texels_per_metre: Some(0.01), ..measured(out.clone(), files) };
        run(&options).unwrap();
        fs::read(out).unwrap()
    };
    let source = samples(&tif);
    let step = 0.000_833_333_333_333_333_4;
    let [west, east] = ["west.tif", "east.tif"].map(|n| folder.path().join(n));
    // The two halves share a column, as neighbouring tiles of the survey do.
    Tif { no_data: Some("-32767"), ..Tif::degrees([601, 1201], 149.0, -35.0, step) }
        .write_i16(&west, &cut(&source, 1201, [0, 0], [601, 1201]));
    Tif { no_data: Some("-32767"), ..Tif::degrees([601, 1201], 149.0 + 600.0 * step, -35.0, step) }
        .write_i16(&east, &cut(&source, 1201, [600, 0], [601, 1201]));
    assert!(bytes(&[&tif]) == bytes(&[&west, &east]));
}
