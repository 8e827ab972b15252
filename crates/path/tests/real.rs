//! Real recordings, in the folder that FARPLANE_TEST_DATA names.

use farplane_path::{
    CamPath, DVec2, DVec3, FitOptions, FitWorld, Format, GeoOptions, ImportOptions, ImportReport,
    Track, fit, geo_to_path, import,
};

/// The file's path about its own centre, its report, and whether it has heights.
fn load(format: Format, name: &str) -> Option<(CamPath, ImportReport, bool)> {
    let Some(folder) = std::env::var_os("FARPLANE_TEST_DATA") else {
        println!("skipped: FARPLANE_TEST_DATA is not set");
        return None;
    };
    let bytes = std::fs::read(std::path::Path::new(&folder).join("traj").join(name)).unwrap();
    let imported = import(format, &bytes, &ImportOptions::default()).unwrap();
    let mut report = imported.report;
    let (path, heights) = match imported.track {
        Track::Local(path) => (path, true),
        Track::Geographic(track) => {
            let (own, options) = (track.own_projection(), GeoOptions::default());
            let path = geo_to_path(&track, &own, &|_, _| None, &options, &mut report).unwrap();
            (path, track.has_elevation())
        }
    };
    println!("{report}");
    assert_eq!(CamPath::parse(path.to_text().as_bytes()).unwrap(), path);
    Some((path, report, heights))
}

/// Fits over mountains of 93 × 111 km and checks what `fit` promises.
fn over_mountains(path: &CamPath, drape: bool) -> CamPath {
    let ground = |x: f64, y: f64| {
        let inside = x.abs() <= 46_500.0 && y.abs() <= 55_500.0;
        inside.then(|| 3000.0 + 2000.0 * (x / 3000.0).sin() * (y / 4000.0).cos())
    };
    let (min, max) = (DVec2::new(-46_500.0, -55_500.0), DVec2::new(46_500.0, 55_500.0));
    let world = FitWorld::new(min, max, &ground);
    let (fitted, report) = fit(path, &world, &FitOptions { drape, ..Default::default() }).unwrap();
    println!("{report}");
    assert_eq!(fitted.duration_ns(), path.duration_ns());
    let mut lowest = f64::MAX;
    for k in 0..=20_000u64 {
        let p = fitted.sample(fitted.duration_ns() / 20_000 * k).position;
        assert!(p.x.abs() <= 46_500.0 * 0.99 + 1e-6 && p.y.abs() <= 55_500.0 * 0.99 + 1e-6);
        lowest = lowest.min(p.z - ground(p.x, p.y).unwrap());
    }
    assert!(lowest > 10.0 - 0.2, "{lowest}");
    fitted
}

#[test]
fn the_tum_recording_is_read_whole() {
    let Some((path, report, _)) = load(Format::Tum, "tum_freiburg1_xyz.txt") else { return };
    // `grep -vc '^#'` and the first line of the file.
    assert_eq!((report.read, report.skipped.count), (3000, 0));
    assert_eq!(path.poses()[0].position, DVec3::new(1.3563, 0.6305, 1.6380));
    over_mountains(&path, false);
}

#[test]
fn the_hike_without_times_and_elevation_is_laid_over_the_ground() {
    let Some((path, report, heights)) = load(Format::Gpx, "grouse-grind.gpx") else { return };
    assert_eq!((report.read, heights), (100, false));
    // 49.3715° N 123.0986° W to 49.3790° N 123.0833° W is 1.4 km as the crow flies.
    assert!((1400.0..4000.0).contains(&path.length_m()), "{}", path.length_m());
    let origin = path.header().origin.unwrap();
    assert!((origin.x + 123.09).abs() < 0.02 && (origin.y - 49.375).abs() < 0.01);
    let fitted = over_mountains(&path, true);
    assert_eq!(fitted.header().origin, None);
}

#[test]
fn the_gliders_gap_is_reported_and_cut() {
    let Some((path, report, heights)) = load(Format::Igc, "glider_discontinuity.igc") else {
        return;
    };
    assert_eq!((report.read, heights), (4708, true));
    assert_eq!((report.gaps.count, report.gaps.longest_ns), (1, 2_207_000_000_000));
    assert!(report.to_string().contains("the longest 2207 s"));
    assert_eq!(path.start_ns(), 1_553_087_546_000_000_000, "2019-03-20T13:12:26Z");
    assert_eq!(path.duration_ns(), (56_508 - 47_546) * 1_000_000_000);
    let cut = path.cuts()[0] as usize;
    assert_eq!(path.poses()[cut].t_ns, (56_456 - 47_546) * 1_000_000_000);
    over_mountains(&path, false);
}
