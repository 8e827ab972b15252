//! What the verbs make, as a user runs them: worlds and paths checked by hand calculation.
#![allow(missing_docs)]

mod common;

use common::{fails, geotiff, small_world, succeeds};
use farplane::geom::{DVec3, Geographic, Projection};
use farplane::io::Archive;
use farplane_path::CamPath;
use harness::truth::Truth;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Imports, and what came out of it: the report and the path.
    fn import(&self, args: &[&str]) -> (String, CamPath) {
        let out = self.at("out.cam");
        let told = succeeds(&[&["import", "-o", out.to_str().unwrap()], args].concat());
        (told, CamPath::parse(&fs::read(&out).unwrap()).unwrap())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn near(a: DVec3, b: DVec3) -> bool {
    a.distance(b) < 1e-6
}

/// Where the camera looks.
fn forward(path: &CamPath, pose: usize) -> DVec3 {
    path.poses()[pose].rotation * DVec3::Z
}

#[test]
fn a_bake_says_what_it_wrote_and_threads_change_no_byte() {
    let desk = Desk::new();
    let (one, two) = (desk.at("one.far"), desk.at("two.far"));
    let bake = |out: &Path, threads: &str| {
        let args = ["--seed", "9", "--size-m", "96", "--props", "40", "--threads", threads];
        succeeds(&[&["bake", "-o", text(out)], &args[..]].concat())
    };
    let told = bake(&one, "1");
    bake(&two, "2");
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    // 96 m at half a metre a sample.
    for says in ["one.far", "96 × 96 m", "193 × 193 samples", "40 of 36 meshes", "baked in"] {
        assert!(told.contains(says), "{says}: {told}");
    }
    let shown = succeeds(&["inspect", text(&one)]);
    for says in ["193 × 193 samples", "0.500 × 0.500 m", "40 of 36 meshes", "180 levels"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    // Two tiles of 64 m along each side of 96 m, and the root over them.
    let tiles = shown.lines().find(|l| l.trim_start().starts_with("tiles ")).unwrap();
    assert_eq!(tiles.split_whitespace().nth(1), Some("5"), "{shown}");
    let names = fs::read_dir(desk.0.path()).unwrap().count();
    assert_eq!(names, 2, "something else was left behind");
}

#[test]
fn presets_are_recorded_over_a_world() {
    let desk = Desk::new();
    let out = desk.at("out.cam");
    let (_, truth) = Truth::open(&Archive::open(small_world()).unwrap()).unwrap();
    for preset in ["flyover", "orbit", "sprint", "teleport"] {
        let record = |seed: &str| {
            let args = ["--preset", preset, "--seconds", "12", "--seed", seed, "--world"];
            let args = [&["record", "-o", text(&out)], &args[..], &[text(small_world())]].concat();
            let told = succeeds(&args);
            assert!(told.contains("12.000 s"), "{told}");
            fs::read(&out).unwrap()
        };
        let first = record("1");
        assert_eq!(record("1"), first, "{preset} is not reproducible");
        assert_ne!(record("2"), first, "{preset} has one path only");
        let path = CamPath::parse(&first).unwrap();
        assert_eq!(path.cuts().len(), if preset == "teleport" { 2 } else { 0 });
        for pose in path.poses() {
            let p = pose.position;
            let ground = truth.height(p.x, p.y).expect("inside the world");
            assert!(p.z > ground + 5.0, "{preset}: {p} over {ground}");
        }
    }
}

#[test]
fn local_formats_lie_as_they_are() {
    let desk = Desk::new();
    // TUM: camera to world, x right, y down, z forward.
    let tum = desk.file("a.txt", "# t x y z\n10.5 1 2 3 0 0 0 1\n11.5 4 5 6 1 0 0 0\n");
    let (_, path) = desk.import(&["--from", "tum", &tum]);
    assert_eq!((path.start_ns(), path.duration_ns()), (10_500_000_000, 1_000_000_000));
    assert!(near(path.poses()[0].position, DVec3::new(1.0, 2.0, 3.0)));
    assert!(near(forward(&path, 0), DVec3::Z) && near(forward(&path, 1), -DVec3::Z));
    // KITTI: y down and z forward become z up; the car drives 7 m ahead and 1 m up.
    let kitti = desk.file("00.txt", "1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 -1 0 0 1 7\n");
    let (told, path) = desk.import(&["--from", "kitti", &kitti]);
    assert!(told.contains("10 poses per second"), "{told}");
    assert_eq!(path.duration_ns(), 100_000_000);
    let step = path.poses()[1].position - path.poses()[0].position;
    assert!((step.z - 1.0).abs() < 1e-9 && (step.truncate().length() - 7.0).abs() < 1e-9);
    assert!(near(forward(&path, 0), step.with_z(0.0) / 7.0), "it looks where it drives");
    let (_, path) = desk.import(&["--from", "kitti", &kitti, "--hz", "2"]);
    assert_eq!(path.duration_ns(), 500_000_000);
    let times = desk.file("times.txt", "0\n0.25\n");
    let (_, path) = desk.import(&["--from", "kitti", &kitti, "--times", &times]);
    assert_eq!(path.duration_ns(), 250_000_000);
    // EuRoC: scalar first, the body's pose; the camera sits 2 m along the body's x.
    let csv = "#timestamp,p,q\n1000000000,1,0,5,1,0,0,0\n3000000000,2,0,5,1,0,0,0\n";
    let euroc = desk.file("data.csv", csv);
    let (told, path) = desk.import(&["--from", "euroc", &euroc]);
    assert!(told.contains("identity"), "{told}");
    assert!(near(path.poses()[1].position, DVec3::new(2.0, 0.0, 5.0)));
    let body = desk.file("sensor.txt", "0 0 1 2\n-1 0 0 0\n0 -1 0 0\n0 0 0 1\n");
    let (told, path) = desk.import(&["--from", "euroc", &euroc, "--extrinsic", &body]);
    assert!(!told.contains("identity"), "{told}");
    assert!(near(path.poses()[1].position, DVec3::new(4.0, 0.0, 5.0)));
    assert!(near(forward(&path, 0), DVec3::X), "camera z is body x");
}

/// A world of 0.28° from a GeoTIFF whose height is 700 m in the west, 978 m in the east.
fn georeferenced(desk: &Desk) -> PathBuf {
    let heights: Vec<i16> = (0..140).flat_map(|_| (0..140).map(|x| 700 + 2 * x)).collect();
    let tif = desk.file("dem.tif", geotiff([140, 140], [-71.0, -32.0], 0.002, &heights));
    let world = desk.at("w.far");
    let coarse = ["--props", "0", "--texels-per-metre", "0.02"];
    let told = succeeds(&[&["bake", "-o", text(&world), "--height", &tif], &coarse[..]].concat());
    assert!(told.contains("EPSG:4326") && told.contains("700.0 to 978.0 m"), "{told}");
    world
}

#[test]
fn a_geographic_track_lies_at_its_coordinates_on_a_georeferenced_world() {
    let desk = Desk::new();
    let world = georeferenced(&desk);
    let places = [(-70.95, -32.05), (-70.94, -32.06), (-70.92, -32.06)];
    let gpx = |elevations: bool, times: bool| {
        let mut out = "<gpx><trk><trkseg>".to_owned();
        for (i, (lon, lat)) in places.iter().enumerate() {
            out += &format!("<trkpt lat=\"{lat}\" lon=\"{lon}\">");
            out += if elevations { "<ele>1500</ele>" } else { "" };
            if times {
                out += &format!("<time>2024-05-01T10:0{i}:00Z</time>");
            }
            out += "</trkpt>";
        }
        out + "</trkseg></trk></gpx>"
    };
    // The centres of the pixels span 139 steps of 0.002° from half a pixel inside the corner.
    let middle = Geographic { lon: -71.0 + 0.001 + 0.139, lat: -32.0 - 0.001 - 0.139 };
    let projection = Projection::Equirectangular(middle);
    let full = desk.file("full.gpx", gpx(true, true));
    let (_, path) = desk.import(&["--from", "gpx", &full, "--world", text(&world)]);
    assert_eq!(path.duration_ns(), 120_000_000_000);
    for (pose, (lon, lat)) in path.poses().iter().zip(places) {
        let expected = projection.project(Geographic { lon, lat }).unwrap().extend(1500.0);
        assert!(pose.position.distance(expected) < 0.01, "{} {expected}", pose.position);
    }
    assert_eq!(path.header().crs.as_deref(), Some("EPSG:4326"));
    let origin = path.header().origin.unwrap();
    assert!((origin.x - middle.lon).abs() < 1e-9 && (origin.y - middle.lat).abs() < 1e-9);
    // On its own it has its own origin, and the same place on Earth.
    let (_, own) = desk.import(&["--from", "gpx", &full]);
    let moved = own.reproject(&projection).unwrap();
    for (a, b) in path.poses().iter().zip(moved.poses()) {
        assert!(a.position.distance(b.position) < 0.01);
    }
    // Without elevations: over the ground; without times: at the speed that is asked for.
    let bare = desk.file("bare.gpx", gpx(false, false));
    let options = ["--from", "gpx", &bare, "--speed-mps", "50", "--clearance-m", "30", "--world"];
    let (told, path) = desk.import(&[&options[..], &[text(&world)]].concat());
    assert!(told.contains("constant speed of 50") && told.contains("no elevation"), "{told}");
    let (_, truth) = Truth::open(&Archive::open(&world).unwrap()).unwrap();
    for pose in path.poses() {
        let p = pose.position;
        let above = p.z - truth.height(p.x, p.y).unwrap();
        assert!((29.9..40.0).contains(&above), "{above} m above the ground");
    }
    let [a, b, c] = places.map(|(lon, lat)| projection.project(Geographic { lon, lat }).unwrap());
    let seconds = (a.distance(b) + b.distance(c)) / 50.0;
    assert!((path.duration_ns() as f64 * 1e-9 - seconds).abs() < 0.01 * seconds);
}

#[test]
fn a_fit_keeps_times_and_shape_and_clears_the_ground() {
    let desk = Desk::new();
    let world = georeferenced(&desk);
    let (_, truth) = Truth::open(&Archive::open(&world).unwrap()).unwrap();
    // A square of 4 m, a side a second.
    let tum = desk.file(
        "square.txt",
        "5 0 0 0 0 0 0 1\n6 4 0 0 0 0 0 1\n7 4 4 1 0 0 0 1\n8 0 4 0 0 0 0 1\n9 0 0 0 0 0 0 1\n",
    );
    let fit = ["--from", "tum", &tum, "--fit", text(&world)];
    let (told, path) = desk.import(&fit);
    assert!(told.contains("fitted to") && told.contains("100.0 m/s"), "{told}");
    assert_eq!((path.start_ns(), path.duration_ns()), (5_000_000_000, 4_000_000_000));
    // Two sides of 4 m and two of √17 m in 4 s, now at 100 m/s.
    let scale = 100.0 / ((8.0 + 2.0 * 17.0f64.sqrt()) / 4.0);
    let p: Vec<DVec3> = path.poses().iter().map(|p| p.position).collect();
    assert!(near(p[1] - p[0], DVec3::X * 4.0 * scale));
    assert!(near(p[2] - p[1], DVec3::new(0.0, 4.0, 1.0) * scale));
    let [min, max] = truth.extent();
    let middle = (p[0] + p[2]).truncate() * 0.5;
    assert!(middle.distance((min + max) * 0.5) < 1e-6, "its middle is over the world's");
    // 10 m above the ground where it is lowest, looked for every 0.1 m of the way.
    let steps = (path.length_m() * 10.0) as u64;
    let above = (0..=steps).map(|i| {
        let p = path.sample(path.duration_ns() / steps * i).position;
        p.z - truth.height(p.x, p.y).unwrap()
    });
    let lowest = above.fold(f64::MAX, f64::min);
    assert!((lowest - 10.0).abs() < 0.5, "{lowest}");
    // Too fast for the world: slower, and said so.
    let (told, path) = desk.import(&[&fit[..], &["--speed-mps", "90000"]].concat());
    assert!(told.contains("stays in the world"), "{told}");
    let inside = |p: DVec3| p.truncate().cmpge(min).all() && p.truncate().cmple(max).all();
    assert!(path.poses().iter().all(|p| inside(p.position)));
}

#[test]
fn a_flight_log_keeps_its_heights() {
    let desk = Desk::new();
    let fix = |time: &str, lat: &str| format!("B{time}{lat}S07054000WA0090001000\n");
    let igc = desk.file(
        "a.igc",
        format!(
            "AXXX001\nHFDTE010524\n{}{}{}",
            fix("100000", "3206000"),
            fix("100010", "3207000"),
            fix("100020", "3208000")
        ),
    );
    let (told, path) = desk.import(&["--from", "igc", &igc]);
    assert!(told.contains("GPS altitudes"), "{told}");
    assert_eq!(path.duration_ns(), 20_000_000_000);
    assert!(path.poses().iter().all(|p| p.position.z == 1000.0));
    // Southwards, a minute of latitude (1,848 m at 32° S) in 10 s.
    let step = path.poses()[0].position.y - path.poses()[1].position.y;
    assert!((step - 1848.0).abs() < 1.0, "{step}");
    assert!(forward(&path, 1).y < -0.99);
    let world = georeferenced(&desk);
    let (told, path) = desk.import(&["--from", "igc", &igc, "--world", text(&world)]);
    assert!(!told.contains("below the ground"), "{told}");
    assert_eq!(path.poses().len(), 3);
    // A kilometre lower it flies through rock: reported, not hidden.
    let low = fs::read_to_string(&igc).unwrap().replace("0090001000", "0010000100");
    let low = desk.file("low.igc", low);
    let (told, _) = desk.import(&["--from", "igc", &low, "--world", text(&world)]);
    assert!(told.contains("3 poses below the ground"), "{told}");
}

#[test]
fn a_world_in_two_files_is_one_without_a_seam() {
    let desk = Desk::new();
    let row = |from: i16, to: i16| (from..to).map(|x| 700 + 2 * x);
    let west: Vec<i16> = (0..140).flat_map(|_| row(0, 70)).collect();
    let east: Vec<i16> = (0..140).flat_map(|_| row(70, 140)).collect();
    let west = desk.file("west.tif", geotiff([70, 140], [-71.0, -32.0], 0.002, &west));
    let east = desk.file("east.tif", geotiff([70, 140], [-70.86, -32.0], 0.002, &east));
    let joined = desk.at("joined.far");
    let coarse = ["--props", "0", "--texels-per-metre", "0.02"];
    let args = [&["--height", &*west, "--height", &east], &coarse[..]].concat();
    succeeds(&[&["bake", "-o", text(&joined)], &args[..]].concat());
    let (world, truth) = Truth::open(&Archive::open(&joined).unwrap()).unwrap();
    let whole = georeferenced(&desk);
    let (same, as_one) = Truth::open(&Archive::open(&whole).unwrap()).unwrap();
    assert_eq!(world.terrain, same.terrain);
    let [min, max] = truth.extent();
    for i in 0..1000 {
        let p = min + (max - min) * (f64::from(i) / 999.0);
        assert_eq!(truth.height(p.x, p.y), as_one.height(p.x, p.y));
    }
    let sized = [&["bake", "-o", text(&joined), "--size-m", "9"], &args[..]].concat();
    assert!(fails(&sized, 2).contains("2 files"));
}

#[test]
fn bench_io_measures_every_row_and_leaves_nothing_behind() {
    let desk = Desk::new();
    let mut command = common::command(&["bench-io", "--bytes", "100MiB", "--seconds", "0.1"]);
    let output = command.current_dir(desk.0.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    for says in ["  pread ", "  mmap ", "std pread + rayon", "one packed file", "memcpy"] {
        let row = told.lines().find(|line| line.contains(says));
        assert!(row.is_some_and(|row| row.contains(|c: char| c.is_ascii_digit())), "{told}");
    }
    let figure = |what: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(what));
        line.unwrap_or_else(|| panic!("{what} not in\n{told}")).to_owned()
    };
    assert!(figure("submit, pread, us: ").ends_with("(goal at most 0.5)"));
    // Where there is no io_uring its figures are nobody's, and not those of what stood in.
    let refused = told.contains("pread instead of uring");
    for what in ["urgent behind 5,000, p99 ms: ", "5,000 x 16 KiB / packed pread, time: "] {
        assert_eq!(figure(what).contains("not measured"), refused, "{told}");
    }
    assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 0);
}
