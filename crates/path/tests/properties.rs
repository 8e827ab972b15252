//! Properties over random input: the model of a file, and garbage for every reader.

mod model;

use farplane_path::{
    CamPath, DVec2, FitOptions, FitWorld, Format, GeoOptions, ImportMode, ImportOptions, Track,
    fit, geo_to_path, import,
};
use proptest::prelude::*;

fn hill(x: f64, y: f64) -> Option<f64> {
    (x.abs() < 2000.0 && y.abs() < 2000.0).then(|| x * 0.1 + (y * 0.01).sin() * 50.0)
}

/// Whatever can be read can be laid out, fitted, written and read again; nothing panics.
fn read_all(format: Format, bytes: &[u8]) {
    for mode in [ImportMode::Repair, ImportMode::Keep] {
        let options = ImportOptions { mode, ..ImportOptions::default() };
        let Ok(imported) = import(format, bytes, &options) else { continue };
        let mut report = imported.report;
        let path = match imported.track {
            Track::Local(path) => path,
            Track::Geographic(track) => {
                let (own, options) = (track.own_projection(), GeoOptions::default());
                match geo_to_path(&track, &own, &hill, &options, &mut report) {
                    Ok(path) => path,
                    Err(error) => {
                        assert!(!error.to_string().is_empty());
                        continue;
                    }
                }
            }
        };
        assert!(!report.to_string().is_empty());
        assert_eq!(CamPath::parse(path.to_text().as_bytes()).as_ref(), Ok(&path));
        let world = FitWorld::new(DVec2::splat(-2000.0), DVec2::splat(2000.0), &hill);
        for drape in [false, true] {
            let _ = fit(&path, &world, &FitOptions { drape, ..FitOptions::default() });
        }
    }
}

const SEEDS: [(Format, &str); 5] = [
    (Format::Tum, "# t\n1.5 1 2 3 0 0 0 1\n1.6 1 2.5 3 0 0 0.1 1\n1.7 1 3 3 0 0 0.2 1\n"),
    (Format::Kitti, "1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0.1 0 1 0 0 0 0 1 1.5\n"),
    (
        Format::Euroc,
        "#t\n1403636580838555648,4.6,-1.7,0.78,0.53,-0.15,-0.82,-0.08,0,0\n\
                     1403636580843555328,4.7,-1.7,0.78,0.53,-0.15,-0.82,-0.08,0,0\n",
    ),
    (
        Format::Gpx,
        "<gpx><trk><trkseg><trkpt lat='49.1' lon='-123'><ele>5</ele>\
                   <time>2019-03-20T13:12:26Z</time></trkpt>\n<trkpt lat='49.2' lon='-123.1'>\
                   <time>2019-03-20T13:12:29Z</time></trkpt></trkseg></trk></gpx>",
    ),
    (
        Format::Igc,
        "HFDTE200319\nB1312264427812N00122344EA001550030600000\n\
                   B1312314427813N00122344EV001550030600000\nB0012364427812N00122344EA001550030600000\n",
    ),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cam_file_is_read_as_the_model_reads_it(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        model::check(&bytes);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = CamPath::parse(&bytes);
        for (format, _) in SEEDS {
            read_all(format, &bytes);
        }
    }

    #[test]
    fn nearly_right_files_make_no_reader_panic(
        which in 0usize..5,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (format, text) = SEEDS[which];
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(text.len()));
        }
        read_all(format, &bytes);
        let _ = CamPath::parse(&bytes);
    }

    #[test]
    fn words_of_numbers_make_no_reader_panic(
        words in proptest::collection::vec(prop_oneof![
            Just("0".to_string()), Just("1e308".into()), Just("-1e-320".into()), Just("nan".into()),
            Just("4500000000".into()), Just("-4500000000.5".into()), Just("1e9".into()),
            Just("-1e9".into()), (-1000i32..1000).prop_map(|v| v.to_string()),
        ], 16..100),
        columns in prop_oneof![Just(8usize), Just(9), Just(12)],
    ) {
        let text: String = words.chunks(columns).map(|c| c.join(" ") + "\n").collect();
        if let Ok(path) = CamPath::parse(text.as_bytes()) {
            assert_eq!(CamPath::parse(path.to_text().as_bytes()).as_ref(), Ok(&path));
        }
        for (format, _) in SEEDS {
            read_all(format, text.as_bytes());
        }
    }
}
