//! Importers: the first byte picks format and mode, the rest is the file. Whatever is read can be
//! laid out, written, read again and fitted.
#![no_main]

use farplane_path::{
    CamPath, DVec2, FitOptions, FitWorld, Format, GeoOptions, ImportMode, ImportOptions, Track,
    fit, geo_to_path, import,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&pick, bytes)) = bytes.split_first() else { return };
    let format = Format::ALL[usize::from(pick) % Format::ALL.len()];
    let mode = if pick & 0x80 == 0 { ImportMode::Repair } else { ImportMode::Keep };
    let options = ImportOptions { mode, ..ImportOptions::default() };
    let imported = match import(format, bytes, &options) {
        Ok(imported) => imported,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut report = imported.report;
    let ground =
        |x: f64, y: f64| (x.abs() < 5000.0 && y.abs() < 5000.0).then_some(x * 0.1 - y * 0.2);
    let path = match imported.track {
        Track::Local(path) => path,
        Track::Geographic(track) => {
            let (own, options) = (track.own_projection(), GeoOptions::default());
            match geo_to_path(&track, &own, &ground, &options, &mut report) {
                Ok(path) => path,
                Err(_) => return,
            }
        }
    };
    assert!(!report.to_string().is_empty());
    assert_eq!(CamPath::parse(path.to_text().as_bytes()).as_ref(), Ok(&path));
    let world = FitWorld::new(DVec2::splat(-5000.0), DVec2::splat(5000.0), &ground);
    if let Ok((fitted, _)) = fit(&path, &world, &FitOptions::default()) {
        assert_eq!(fitted.duration_ns(), path.duration_ns());
        let inside = |p: &farplane_path::Pose| p.position.truncate().abs().max_element() <= 5000.0;
        assert!(fitted.poses().iter().all(inside));
    }
});
