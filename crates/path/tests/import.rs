//! Importers: each format's axes, units and order of columns, and what becomes of faults.

use farplane_path::{
    CamPath, DVec3, Format, GeoOptions, ImportError, ImportMode, ImportOptions, Imported, Note,
    Projection, Track, geo_to_path, import,
};

fn options(mode: ImportMode) -> ImportOptions<'static> {
    ImportOptions { mode, ..ImportOptions::default() }
}

fn repaired(format: Format, text: &str) -> Imported {
    import(format, text.as_bytes(), &options(ImportMode::Repair)).unwrap()
}

fn path_of(imported: &Imported) -> &CamPath {
    match &imported.track {
        Track::Local(path) => path,
        Track::Geographic(_) => panic!("poses in metres expected"),
    }
}

fn forward(path: &CamPath, pose: usize) -> DVec3 {
    path.poses()[pose].rotation * DVec3::Z
}

fn lay_out(imported: &mut Imported, ground: impl Fn(f64, f64) -> Option<f64>) -> CamPath {
    let Track::Geographic(track) = &imported.track else { panic!("degrees expected") };
    let (own, options) = (track.own_projection(), GeoOptions::default());
    geo_to_path(track, &own, &ground, &options, &mut imported.report).unwrap()
}

/// Twenty TUM lines a tenth of a second and a tenth of a metre apart.
fn tum_lines() -> Vec<String> {
    (0..20).map(|i| format!("{}.{} {}.{} 0 1 0 0 0 1", i / 10, i % 10, i / 10, i % 10)).collect()
}

#[test]
fn repair_skips_sorts_and_drops_and_counts_each() {
    let mut lines = tum_lines();
    lines.swap(4, 5);
    lines[8] = "0.8 nan 0 1 0 0 0 1".into();
    lines[12] = lines[11].clone();
    let imported = repaired(Format::Tum, &lines.join("\n"));
    let report = &imported.report;
    assert_eq!((report.read, report.poses), (19, 18));
    assert_eq!((report.out_of_order, report.duplicates), (1, 1));
    assert_eq!(report.skipped.count, 1);
    let text = report.to_string();
    assert!(text.contains("1 line skipped; the first: line 9: column 2 is NaN"), "{text}");
    assert!(text.contains("1 duplicate stamp: dropped"), "{text}");
    assert!(path_of(&imported).poses().windows(2).all(|w| w[0].t_ns < w[1].t_ns));
}

#[test]
fn keep_refuses_what_a_cam_cannot_hold() {
    let keep = |text: &str| import(Format::Tum, text.as_bytes(), &options(ImportMode::Keep));
    let mut lines = tum_lines();
    lines.swap(4, 5);
    let error = keep(&lines.join("\n")).unwrap_err().to_string();
    assert!(error.starts_with("line 6: time 0.4 s does not come after 0.5 s"), "{error}");
    let error = keep("0 0 0 0 0 0 0 0").unwrap_err().to_string();
    assert!(error.starts_with("line 1: the quaternion is zero"), "{error}");
    assert_eq!(keep(&tum_lines().join("\n")).unwrap().report.poses, 20);
}

#[test]
fn gaps_and_jumps_are_reported_and_cut_or_kept() {
    let mut lines = tum_lines();
    // A gap of 1.5 s (over ten times 0.1 s) before line 21, a jump of 50 m before line 22.
    lines.push("3.4 3.4 0 1 0 0 0 1".into());
    lines.push("3.5 53.4 0 1 0 0 0 1".into());
    lines.push("3.6 53.5 0 1 0 0 0 1".into());
    for (mode, cuts) in [(ImportMode::Repair, vec![20, 21]), (ImportMode::Keep, vec![])] {
        let imported = import(Format::Tum, lines.join("\n").as_bytes(), &options(mode)).unwrap();
        let (gaps, jumps) = (imported.report.gaps, imported.report.jumps);
        assert_eq!((gaps.count, gaps.median_ns, gaps.longest_ns), (1, 100_000_000, 1_500_000_000));
        assert_eq!((gaps.longest_line, jumps.longest_line), (21, 22));
        assert_eq!((jumps.count, jumps.longest_m), (1, 50.0));
        assert_eq!(path_of(&imported).cuts(), cuts);
        let text = imported.report.to_string();
        assert!(text.contains("1 gap over 10 times the median step of 0.1 s"), "{text}");
        assert!(text.contains("the longest 1.5 s, before line 21"), "{text}");
    }
}

#[test]
fn a_step_of_exactly_ten_medians_is_no_gap() {
    let mut lines = tum_lines();
    lines.push("2.9 2 0 1 0 0 0 1".into());
    assert_eq!(repaired(Format::Tum, &lines.join("\n")).report.gaps.count, 0);
}

#[test]
fn a_file_of_another_format_says_what_is_wrong_with_its_first_line() {
    let error = import(Format::Kitti, b"0 0 0 0 0 0 0 1\n", &options(ImportMode::Repair));
    let text = error.unwrap_err().to_string();
    assert_eq!(text, "no usable kitti pose; line 1: 8 columns, expected 12 (a 3×4 matrix by rows)");
    let empty = import(Format::Igc, b"", &options(ImportMode::Repair)).unwrap_err().to_string();
    assert_eq!(empty, "no usable igc pose; is igc the right format?");
}

#[test]
fn kitti_rows_become_a_camera_that_looks_north_in_a_world_with_z_up() {
    // The first camera of a sequence, at rest; the second 2 m ahead, 1 m right, 0.5 m up (−y),
    // turned 90° to the right (about the y axis, which points down): it looks along +x.
    let text = "1 0 0 0 0 1 0 0 0 0 1 0\n0 0 1 1 0 1 0 -0.5 -1 0 0 2\n";
    let imported = repaired(Format::Kitti, text);
    let path = path_of(&imported);
    assert_eq!(path.duration_ns(), 100_000_000, "10 Hz");
    assert!((forward(path, 0) - DVec3::Y).length() < 1e-12);
    assert_eq!(path.poses()[1].position, DVec3::new(1.0, 2.0, 0.5));
    assert!((forward(path, 1) - DVec3::X).length() < 1e-12);
    assert!((path.poses()[1].rotation * DVec3::Y + DVec3::Z).length() < 1e-12, "down is down");
    assert!(imported.report.notes.contains(&Note::YDownToZUp));
    assert!(imported.report.notes.contains(&Note::ConstantRate { hz: 10.0 }));
}

#[test]
fn kitti_times_come_from_their_file_and_must_match_in_number() {
    let poses = b"1 0 0 0 0 1 0 0 0 0 1 0\nbroken\n1 0 0 0 0 1 0 0 0 0 1 5\n";
    let with = |times: &'static [u8]| ImportOptions { times: Some(times), ..Default::default() };
    let imported = import(Format::Kitti, poses, &with(b"0\n0.5\n0.75\n")).unwrap();
    assert_eq!(path_of(&imported).duration_ns(), 750_000_000, "the broken line keeps its time");
    let error = import(Format::Kitti, poses, &with(b"0\n0.5\n")).unwrap_err();
    assert_eq!(error, ImportError::TimesCount { times: 2, poses: 3 });
    let error = import(Format::Kitti, poses, &with(b"0\nx\n1\n")).unwrap_err().to_string();
    assert!(error.starts_with("times, line 2: column 1 is \"x\""), "{error}");
}

#[test]
fn kitti_matrices_are_made_orthonormal_and_mirrors_are_refused() {
    let off = "1 0.01 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 1\n-1 0 0 0 0 1 0 0 0 0 1 2\n";
    let imported = repaired(Format::Kitti, off);
    assert_eq!((imported.report.orthonormalised, imported.report.skipped.count), (1, 1));
    assert!(path_of(&imported).poses().iter().all(|p| (p.rotation.length() - 1.0).abs() < 1e-12));
}

#[test]
fn euroc_quaternions_are_scalar_first_and_times_exact() {
    let text = "#timestamp, p_RS_R_x [m], ...\n\
                1403636580838555648,4.5,-1.5,0.75,0,1,0,0,0.1,0.2,0.3\n\
                1403636580843555328,4.5,-1.5,0.75,0,1,0,0,0.1,0.2,0.3\n";
    let imported = repaired(Format::Euroc, text);
    let path = path_of(&imported);
    assert_eq!(path.start_ns(), 1_403_636_580_838_555_648);
    assert_eq!(path.duration_ns(), 4_999_680);
    // Half a turn about x: forward (z) becomes −z.
    assert!((forward(path, 0) + DVec3::Z).length() < 1e-12);
    assert!(imported.report.to_string().contains("identity assumed"));
}

#[test]
fn a_euroc_extrinsic_mounts_the_camera_on_the_body() {
    // Body at the origin turned 90° about z; the camera 1 m along the body's x, looking along it.
    let h = 0.5f64.sqrt();
    let text = format!("0,0,0,0,{h},0,0,{h}\n100000000,0,0,0,{h},0,0,{h}\n");
    let matrix = b"T_BS: [0, 0, 1, 1,\n 1, 0, 0, 0,\n 0, 1, 0, 0,\n 0, 0, 0, 1]";
    let plain = &matrix[5..];
    let with = |extrinsic| ImportOptions { extrinsic: Some(extrinsic), ..Default::default() };
    let imported = import(Format::Euroc, text.as_bytes(), &with(plain)).unwrap();
    let path = path_of(&imported);
    assert!((path.poses()[0].position - DVec3::Y).length() < 1e-12);
    assert!((forward(path, 0) - DVec3::Y).length() < 1e-12);
    let refused = import(Format::Euroc, text.as_bytes(), &with(b"1 2 3")).unwrap_err();
    assert_eq!(refused, ImportError::Extrinsic { found: 3 });
    let scaled = b"2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1";
    let refused = import(Format::Euroc, text.as_bytes(), &with(scaled)).unwrap_err();
    assert_eq!(refused, ImportError::Extrinsic { found: 16 });
}

#[test]
fn gpx_segments_are_cut_and_times_and_elevations_kept() {
    let text = "<?xml version='1.0'?><gpx xmlns='http://www.topografix.com/GPX/1/1'>\
        <wpt lat='0' lon='0'/><trk><trkseg>\
        <trkpt lat='0' lon='0'><ele>100</ele><time>2020-01-01T00:00:00Z</time></trkpt>\
        <trkpt lat='0' lon='0.001'><time>2020-01-01T00:00:10Z</time></trkpt>\
        <trkpt lat='0' lon='0.002'><ele>120</ele><time>2020-01-01T00:00:20Z</time></trkpt>\
        </trkseg><trkseg>\
        <trkpt lat='0' lon='0.004'><ele>120</ele><time>2020-01-01T00:00:30.5Z</time></trkpt>\
        <trkpt lat='0.001' lon='0.004'><ele>120</ele><time>2020-01-01T00:00:40Z</time></trkpt>\
        </trkseg></trk></gpx>";
    let mut imported = repaired(Format::Gpx, text);
    let path = lay_out(&mut imported, |_, _| None);
    assert_eq!(path.start_ns(), 1_577_836_800_000_000_000);
    assert_eq!(
        path.poses().iter().map(|p| p.t_ns / 1_000_000).collect::<Vec<_>>(),
        [0, 10_000, 20_000, 30_500, 40_000]
    );
    assert_eq!(path.cuts(), [3]);
    assert_eq!(path.poses()[1].position.z, 110.0, "between its neighbours");
    assert!(imported.report.notes.contains(&Note::ElevationsFilled { count: 1 }));
    // A thousandth of a degree at the equator is 111.3 m.
    assert!((path.poses()[1].position.x - path.poses()[0].position.x - 111.3).abs() < 0.1);
    // Level horizon, first east, then north.
    assert!(forward(&path, 0).x > 0.98 && forward(&path, 4).y > 0.99);
    assert!(path.poses().iter().all(|p| (p.rotation * DVec3::X).z.abs() < 1e-12));
    assert_eq!(path.header().crs.as_deref(), Some("EPSG:4326"));
}

#[test]
fn a_route_without_times_and_elevations_runs_over_the_ground_at_constant_speed() {
    let text = "<gpx><rte><rtept lat='0' lon='0'/><rtept lat='0' lon='0.01'/>\
                <rtept lat='0' lon='0.01'/><rtept lat='0' lon='0.03'/></rte></gpx>";
    let mut imported = repaired(Format::Gpx, text);
    let ground = |x: f64, _: f64| Some(200.0 + x * 0.1);
    let path = lay_out(&mut imported, ground);
    assert_eq!(imported.report.duplicates, 1, "a point on top of the one before");
    // 0.03° at the equator are 3,339.6 m: 33.4 s at 100 m/s.
    assert!((path.duration_ns() as f64 / 1e9 - 33.396).abs() < 0.001);
    for p in path.poses() {
        let above = p.position.z - ground(p.position.x, p.position.y).unwrap();
        assert!((10.0 - 1e-6..25.0).contains(&above), "{above}");
    }
    assert!(path.poses().len() > 200, "fine enough to follow the ground");
    assert_eq!(imported.report.below_ground, Some(0));
}

#[test]
fn a_track_in_a_world_lies_at_its_coordinates_and_its_poses_below_ground_are_counted() {
    let text = "<gpx><trk><trkseg><trkpt lat='-32.5' lon='-70.5'><ele>5</ele></trkpt>\
                <trkpt lat='-32.4' lon='-70.5'><ele>500</ele></trkpt></trkseg></trk></gpx>";
    let mut imported = repaired(Format::Gpx, text);
    let Track::Geographic(track) = &imported.track else { panic!() };
    let world = Projection::Equirectangular(farplane_path::Geographic { lon: -70.5, lat: -32.5 });
    let geo = GeoOptions::default();
    let path = geo_to_path(track, &world, &|_, _| Some(100.0), &geo, &mut imported.report).unwrap();
    assert_eq!(path.poses()[0].position, DVec3::new(0.0, 0.0, 5.0));
    assert!((path.poses()[1].position.y - 11_090.4).abs() < 1.0);
    assert_eq!(imported.report.below_ground, Some(1));
    let metric = geo_to_path(track, &Projection::Metric, &|_, _| None, &geo, &mut imported.report);
    assert_eq!(metric, Err(ImportError::NotGeoreferenced));
}

#[test]
fn a_path_saved_about_its_own_centre_finds_its_place_in_a_world() {
    let text = "<gpx><trk><trkseg><trkpt lat='10' lon='179.99'/><trkpt lat='10.01' lon='-179.99'/>\
                </trkseg></trk></gpx>";
    let mut imported = repaired(Format::Gpx, text);
    let own = lay_out(&mut imported, |_, _| None);
    let centre = own.header().origin.unwrap();
    assert!((centre.x.abs() - 180.0).abs() < 1e-9 && (centre.y - 10.005).abs() < 1e-9);
    let world = Projection::Equirectangular(farplane_path::Geographic { lon: 180.0, lat: 10.0 });
    let Track::Geographic(track) = &imported.track else { panic!() };
    let there = own.reproject(&world).unwrap();
    for (pose, point) in there.poses().iter().zip(track.points()) {
        let place = world.project(point.place).unwrap();
        assert!(pose.position.truncate().distance(place) < 1e-6);
    }
    assert_eq!(there.header().projection(), world);
}

#[test]
fn gpx_that_is_no_xml_or_too_deep_is_refused_or_read_but_never_panics() {
    let error = import(Format::Gpx, b"<gpx>\n<trk></gpx>", &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("line 2: not XML that can be read"), "{error}");
    let bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><gpx>&a;</gpx>";
    assert!(matches!(
        import(Format::Gpx, bomb, &ImportOptions::default()),
        Err(ImportError::Xml { .. })
    ));
    let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
    assert!(import(Format::Gpx, deep.as_bytes(), &ImportOptions::default()).is_err());
}

#[test]
fn igc_clocks_pass_midnight_and_flat_fixes_are_interpolated() {
    let text = "AXXX\r\nHFDTEDATE:311219,01\r\nHFPLTPILOT:J\u{f6}rg\r\n\
                B2359504400000N00100000EA0010000200xx\r\n\
                B2359554400500N00100000WV0020000000xx\r\n\
                B0000004401000S00130000EA0030000400xx\r\n\
                B00000\r\n";
    let imported = repaired(Format::Igc, text);
    let Track::Geographic(track) = &imported.track else { panic!() };
    let p = track.points();
    assert_eq!(p[0].t_ns, Some(1_577_836_790_000_000_000), "2019-12-31T23:59:50Z");
    assert_eq!(p[2].t_ns, Some(1_577_836_800_000_000_000), "2020-01-01T00:00:00Z");
    assert_eq!((p[1].place.lat, p[1].place.lon), (44.0 + 0.5 / 60.0, -1.0));
    assert_eq!((p[2].place.lat, p[2].place.lon), (-(44.0 + 1.0 / 60.0), 1.5));
    assert_eq!(
        [p[0].elevation_m, p[1].elevation_m, p[2].elevation_m],
        [Some(200.0), None, Some(400.0)]
    );
    for note in [
        Note::PastMidnight { count: 1 },
        Note::GpsAltitude,
        Note::FixesWithoutAltitude { count: 1 },
    ] {
        assert!(imported.report.notes.contains(&note), "{note}");
    }
    assert_eq!(imported.report.skipped.count, 1);
}
