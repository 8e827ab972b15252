//! The `.cam` format: what is read, what is refused and how, what is written.

use farplane_path::{CamHeader, CamPath, DQuat, DVec3, Pose};

fn refusal(text: &[u8]) -> String {
    CamPath::parse(text).expect_err("this must be refused").to_string()
}

const GOOD: &str = "0 0 0 0 0 0 0 1\n1 10 0 0 0 0 0 1\n";

#[test]
fn every_fault_is_one_line_that_says_where_what_and_what_to_do() {
    let cases: [(&str, &str); 23] = [
        ("0 0 0 0 0 0 1\n", "line 1: 7 columns, expected 8 or 9; one pose a line is"),
        ("0 0 0 0 0 0 0 1\n# c\n1 0 0 0 0 0 0 1 60 5\n", "line 3: 10 columns, expected 8 or 9"),
        ("garbage\n", "line 1: 1 column, expected 8 or 9"),
        ("0 0 x 0 0 0 0 1\n", "line 1: column 3 is \"x\", not a number"),
        ("0 0 0 NaN 0 0 0 1\n", "line 1: column 4 is NaN or infinite"),
        ("0 0 0 0 0 0 0 -inf\n", "line 1: column 8 is NaN or infinite"),
        ("0 1e999 0 0 0 0 0 1\n", "line 1: column 2 is NaN or infinite"),
        ("nan 0 0 0 0 0 0 1\n", "line 1: column 1 is NaN or infinite"),
        ("0 2e9 0 0 0 0 0 1\n", "line 1: the position is farther than 1e9 m"),
        ("1e12 0 0 0 0 0 0 1\n", "line 1: the time is beyond"),
        ("0 0 0 0 0 0 0 0\n", "line 1: the quaternion is zero"),
        ("0 0 0 0 0 0 0 1 0\n", "line 1: a vertical field of view of 0 degrees"),
        ("1 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 1\n", "line 2: time 1 s does not come after 1 s"),
        (
            "1.5 0 0 0 0 0 0 1\n1.25 0 0 0 0 0 0 1\n",
            "line 2: time 1.25 s does not come after 1.5 s",
        ),
        ("", "line 0: the end, and no pose"),
        ("# only\n# comments\n", "line 2: the end, and no pose"),
        ("\n0 0 0 0 0 0 0 1\n", "line 2: the only pose; a path needs at least two"),
        ("# farplane-cam 2\n", "line 1: format version \"2\"; this version of farplane reads 1"),
        (
            "# axes: right up forward\n",
            "line 1: `axes: right up forward` is not understood; expected",
        ),
        ("# up: x\n", "line 1: `up: x` is not understood; expected `z` or `y`"),
        ("# vfov: 200\n", "line 1: `vfov: 200` is not understood; expected degrees"),
        ("# origin: 1 2\n", "line 1: `origin: 1 2` is not understood; expected three"),
        ("# near: 10\n# far: 5\n", "line 2: `far: 5` is not understood; expected metres"),
    ];
    for (text, expected) in cases {
        let message = refusal(text.as_bytes());
        assert!(message.starts_with(expected), "{text:?}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let late = format!("{GOOD}# up: y\n");
    assert!(refusal(late.as_bytes()).starts_with("line 3: `up` behind the first pose"));
}

#[test]
fn binary_garbage_is_refused_with_its_line() {
    assert!(refusal(b"# a\n\x00\x01").starts_with("line 2: byte 0x00 at offset 4"));
    assert!(refusal(b"\x89PNG\r\n\x1a\n").starts_with("line 1: byte 0x89 at offset 0"));
}

#[test]
fn a_plain_tum_file_is_a_cam_file() {
    let text = "# ground truth trajectory\n# file: 'rgbd.bag'\n# timestamp tx ty tz qx qy qz qw\n\
                1305031098.6659 1.3563 0.6305 1.6380 0 0 0 2\r\n\
                1305031098.6758,1.3543,0.6306,1.6360,0,0,0,2\n";
    let path = CamPath::parse(text.as_bytes()).unwrap();
    assert_eq!(path.start_ns(), 1_305_031_098_665_900_000);
    assert_eq!(path.duration_ns(), 9_900_000);
    assert_eq!(path.poses()[1].position, DVec3::new(1.3543, 0.6306, 1.6360));
    assert_eq!(path.poses()[0].rotation, DQuat::IDENTITY);
}

#[test]
fn header_and_poses_are_written_so_that_reading_gives_the_same_bits() {
    let header = CamHeader {
        crs: Some("EPSG:4326".into()),
        origin: Some(DVec3::new(-70.123_456_789_012_3, -32.5, 0.1)),
        vfov_degrees: Some(0.1 + 0.2 + 60.0),
        near_m: Some(0.1),
        far_m: Some(2e5),
    };
    let pose = |t_ns, x: f64, vfov_degrees, cut| Pose {
        t_ns,
        position: DVec3::new(x, -x / 3.0, f64::MIN_POSITIVE),
        rotation: DQuat::from_xyzw(0.6132, 0.5962, -0.3311, x),
        vfov_degrees,
        cut,
    };
    let poses = vec![
        pose(5, 0.1, None, true),
        pose(6, 5e6 + 0.000_000_1, Some(33.3), false),
        pose(1_000_000_007, -1.0 / 3.0, None, true),
    ];
    let path = CamPath::new(header, -3_000_000_000, poses).unwrap();
    assert_eq!(path.start_ns(), -2_999_999_995);
    assert_eq!(path.cuts(), [2], "a cut before the first pose means nothing");
    let text = path.to_text();
    assert!(text.starts_with("# farplane-cam 1\n# axes: right down forward\n# up: z\n"));
    assert_eq!(CamPath::parse(text.as_bytes()).unwrap(), path);
}

#[test]
fn golden_version_1() {
    let text = "# farplane-cam 1\n# axes: right down forward\n# up: z\n# crs: EPSG:4326\n\
                # origin: -70.5 -32.5 0\n# vfov: 60\n# near: 0.1\n# far: 200000\n\
                # timestamp tx ty tz qx qy qz qw [vfov_degrees]\n\
                0 0 0 100 0 0 0 1\n0.5 0 50 100 0 0 0 1 55\n# cut\n1 900 0 100 0 0 0 1\n";
    assert_eq!(CamPath::parse(text.as_bytes()).unwrap().to_text(), text);
}

#[test]
fn opengl_axes_and_y_up_become_farplanes() {
    // At (1, 2, 3) in a y-up world, looking along −z with y up: OpenGL's camera at rest. In z up it
    // stands at (1, −3, 2) and looks north, its right to the east, its down downwards.
    let text = "# axes: right up back\n# up: y\n0 1 2 3 0 0 0 1\n1 1 2 4 0 0 0 1\n";
    let path = CamPath::parse(text.as_bytes()).unwrap();
    let pose = path.poses()[0];
    assert_eq!(pose.position, DVec3::new(1.0, -3.0, 2.0));
    for (camera, world) in [(DVec3::X, DVec3::X), (DVec3::Y, -DVec3::Z), (DVec3::Z, DVec3::Y)] {
        assert!((pose.rotation * camera - world).length() < 1e-12);
    }
}

#[test]
fn positions_of_five_thousand_kilometres_keep_their_micrometres() {
    let text =
        "0 500000.000001 5000000.000001 0 0 0 0 1\n1 500000.000003 5000000.000003 0 0 0 0 1\n";
    let path = CamPath::parse(text.as_bytes()).unwrap();
    let middle = path.sample(500_000_000).position;
    assert!((middle.y - 5_000_000.000_002).abs() < 2e-9);
    assert!((middle.x - 500_000.000_002).abs() < 2e-10);
}

#[test]
fn nothing_is_interpolated_across_a_cut() {
    let text =
        "0 0 0 0 0 0 0 1 50\n1 10 0 0 0 0 0 1 60\n# cut\n2 900 0 0 0 0 1 0\n3 910 0 0 0 0 1 0\n";
    let path = CamPath::parse(text.as_bytes()).unwrap();
    let before = path.sample(1_999_999_999);
    assert_eq!((before.position.x, before.pose, before.cuts), (10.0, 1, 0));
    let after = path.sample(2_000_000_000);
    assert_eq!((after.position.x, after.pose, after.cuts), (900.0, 2, 1));
    assert_eq!(path.sample(500_000_000).vfov_degrees, Some(55.0));
    assert_eq!(after.vfov_degrees, None);
    let end = path.sample(u64::MAX);
    assert_eq!((end.position.x, end.pose), (910.0, 3), "the last pose holds");
}

#[test]
fn the_hash_is_of_what_the_camera_sees() {
    let hash = |text: &str| CamPath::parse(text.as_bytes()).unwrap().hash();
    assert_eq!(hash(GOOD), hash(&format!("# a comment\n{GOOD}")));
    assert_eq!(hash(GOOD), hash("7 0 0 0 0 0 0 1\n8 10 0 0 0 0 0 1\n"), "the clock does not count");
    for other in [
        "0 0 0 0 0 0 0 1\n1 10 0 0.5 0 0 0 1\n",
        "0 0 0 0 0 0 0 1\n1.1 10 0 0 0 0 0 1\n",
        "0 0 0 0 0 0 0 1\n1 10 0 0 0 0 1 0\n",
        "0 0 0 0 0 0 0 1\n# cut\n1 10 0 0 0 0 0 1\n",
        "# vfov: 50\n0 0 0 0 0 0 0 1\n1 10 0 0 0 0 0 1\n",
    ] {
        assert_ne!(hash(GOOD), hash(other), "{other}");
    }
}

#[test]
fn a_crs_that_could_not_be_written_again_is_refused() {
    let text = |crs: &str| format!("# crs: {crs}\n0 0 0 0 0 0 0 1\n1 1 0 0 0 0 0 1\n");
    let printable = text("EPSG:2056 + LN02");
    assert_eq!(
        CamPath::parse(printable.as_bytes()).unwrap().header().crs.as_deref(),
        Some("EPSG:2056 + LN02")
    );
    for crs in ["EPSG:\u{e}4326", "a\tb", &"x".repeat(65)] {
        let error = CamPath::parse(text(crs).as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("line 1: `crs: "), "{error}");
    }
}
