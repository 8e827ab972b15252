//! What a user can get wrong: one clear line each, exit status 1 or 2, never a panic.
#![allow(missing_docs)]

mod common;

use common::{Rng, Tiff, fails, harness, one_line, small_world, succeeds};
use farplane::io::Archive;
use farplane::world::World;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const HALF: &str = "0.7071067811865476";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A path that is fine.
fn good_cam(folder: &TempDir) -> String {
    let file = folder.path().join("good.cam");
    fs::write(&file, format!("0 0 0 100 -{HALF} 0 0 {HALF}\n1 0 9 100 -{HALF} 0 0 {HALF}\n"))
        .unwrap();
    text(&file).to_owned()
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_command_line_that_makes_no_sense_has_status_2() {
    let world = text(small_world());
    for (args, says) in [
        ("fly", "'fly'"),
        ("bake", "--output"),
        ("bake -o w.far --seed x", "--seed"),
        ("bench-io --seconds nan", "0.1 to 600"),
        ("bench-io --seconds 0", "0.1 to 600"),
        ("bake -o w.far --size-m -5", "--size-m -5"),
        ("bake -o w.far --size-m nan", "--size-m NaN"),
        ("bake -o w.far --size-m 10", "64 m"),
        ("bake -o w.far --height a.tif --height b.tif --size-m 100", "2 files"),
        ("bake -o w.far --color-extent -71,-33,-70,-32", "--color"),
        ("bake -o w.far --color c.png --color-extent 1,2,3", "W,S,E,N"),
        ("bake -o w.far --color c.png --color-extent 3,2,1,4", "W < E"),
        ("bake -o w.far --texels-per-metre 0", "texels per metre"),
        ("bake -o w.far --threads 100000", "1024"),
        ("bake -o w.far --props 4000000000", "4000000"),
        ("import --from dxf a -o b", "dxf"),
        ("import --from tum a -o b --hz 10", "--hz"),
        ("import --from gpx a -o b --times t", "--times"),
        ("import --from kitti a -o b --hz 10 --times t", "--times"),
        ("import --from tum a -o b --extrinsic e", "--extrinsic"),
        ("import --from kitti a -o b --world w.far", "--fit"),
        ("import --from gpx a -o b --world w.far --fit w.far", "--world"),
        ("import --from tum a -o b --speed-mps 5", "--speed-mps"),
        ("import --from tum a -o b --clearance-m 5", "--clearance-m"),
        ("import --from tum a -o b --repair --keep", "--keep"),
        ("import --from tum Cargo.toml -o Cargo.toml", "another name"),
        ("record -o a.cam", "--preset"),
        ("record --preset somersault -o a.cam", "flyover"),
        ("record --preset orbit -o a.cam --world WORLD --seconds 0.5", "seconds"),
        ("record --preset orbit -o a.cam --world WORLD --seconds nan", "seconds"),
        ("inspect", "W.far|URL|P.cam"),
        ("verify a b", "'b'"),
        ("replay --budget lots", "lots"),
        ("replay --size 1x1", "480x270"),
    ] {
        let args: Vec<&str> =
            args.split(' ').map(|a| if a == "WORLD" { world } else { a }).collect();
        let line = fails(&args, 2);
        assert!(line.contains(says), "{args:?}: {line}");
    }
}

#[test]
fn numbers_out_of_range_have_status_2() {
    let folder = folder();
    let (cam, out) = (good_cam(&folder), folder.path().join("out.cam"));
    let world = text(small_world());
    for (option, value) in [("--speed-mps", "0"), ("--speed-mps", "-1"), ("--clearance-m", "-1")] {
        let args =
            ["import", "--from", "tum", &cam, "-o", text(&out), "--fit", world, option, value];
        let line = fails(&args, 2);
        assert!(line.contains(value), "{line}");
    }
    let args = ["import", "--from", "kitti", &cam, "-o", text(&out), "--hz", "-3"];
    assert!(fails(&args, 2).contains("-3"));
    assert!(!out.exists());
}

#[test]
fn help_shows_examples() {
    for verb in ["bake", "import", "record", "replay", "inspect", "verify"] {
        let help = succeeds(&[verb, "--help"]);
        assert!(help.contains("Example") && help.contains(&format!("harness {verb} ")), "{help}");
    }
    assert!(succeeds(&["--help"]).contains("harness replay"));
}

/// Every way to hand a world to a verb.
fn with_world<'a>(world: &'a str, cam: &'a str, gpx: &'a str, out: &'a str) -> [Vec<&'a str>; 6] {
    [
        vec!["inspect", world],
        vec!["verify", world],
        vec!["record", "--preset", "orbit", "-o", out, "--world", world],
        vec!["import", "--from", "tum", cam, "-o", out, "--fit", world],
        vec!["import", "--from", "gpx", gpx, "-o", out, "--world", world],
        vec!["replay", cam, "--world", world],
    ]
}

#[test]
fn a_world_that_is_none_is_refused_by_every_verb() {
    let folder = folder();
    let cam = good_cam(&folder);
    let at = |name: &str| folder.path().join(name);
    let (gpx, out) = (at("a.gpx"), at("out.cam"));
    fs::write(
        &gpx,
        "<gpx><trk><trkseg><trkpt lat=\"1\" lon=\"1\"/><trkpt lat=\"2\" lon=\"2\"/></trkseg></trk></gpx>",
    )
    .unwrap();
    let whole = fs::read(small_world()).unwrap();
    fs::write(at("empty.far"), "").unwrap();
    fs::write(at("zeros.far"), vec![0; 20_000]).unwrap();
    fs::write(at("short.far"), &whole[..5000]).unwrap();
    fs::write(at("cut.far"), &whole[..whole.len() - 1]).unwrap();
    let mut both = whole.clone();
    both[20] ^= 1;
    both[4096 + 20] ^= 1;
    fs::write(at("superblocks.far"), &both).unwrap();
    let mut newer = whole;
    newer[8] = 99;
    newer[4096 + 8] = 99;
    fs::write(at("version.far"), &newer).unwrap();
    fs::create_dir(at("folder.far")).unwrap();
    for (name, says) in [
        ("missing.far", "no such file"),
        ("empty.far", "empty"),
        ("zeros.far", "interrupted"),
        ("short.far", "5000 bytes"),
        ("cut.far", "truncated"),
        ("superblocks.far", "superblocks"),
        ("version.far", ""),
        ("folder.far", "regular file"),
    ] {
        let file = at(name);
        for args in with_world(text(&file), &cam, text(&gpx), text(&out)) {
            let line = fails(&args, 1);
            assert!(line.contains(name) && line.contains(says), "{args:?}: {line}");
        }
    }
    // A camera path is no world either; `inspect` alone takes it for what it is.
    for args in &with_world(&cam, &cam, text(&gpx), text(&out))[1..] {
        assert!(fails(args, 1).contains("good.cam"), "{args:?}");
    }
    assert!(!out.exists(), "something was written after all");
}

#[test]
fn a_bad_path_is_refused_with_its_line() {
    let folder = folder();
    let file = folder.path().join("bad.cam");
    let fine = format!("0 0 0 9 0 0 0 1\n# a comment\n1 0 1 9 {HALF} 0 0 {HALF}\n");
    let after = |line: &str| format!("{fine}{line}\n").into_bytes();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (after("2 0 0 9 0 0 1"), "line 4: 7 columns"),
        (after("2 0 0 9 0 0 0 1 60 5"), "line 4: 10 columns"),
        (after("2 0 NaN 9 0 0 0 1"), "line 4: column 3"),
        (after("2 inf 0 9 0 0 0 1"), "line 4: column 2"),
        (after("2 0 0 nine 0 0 0 1"), "line 4: column 4"),
        (after("2 0 0 9 0 0 0 0"), "line 4"),
        (after("1 0 0 9 0 0 0 1"), "line 4"),
        (after("0.5 0 0 9 0 0 0 1"), "line 4"),
        (after("2 0 0 9 0 0 0 1 180"), "line 4"),
        (after("2 0 0 1e30 0 0 0 1"), "line 4"),
        (after("1e300 0 0 1 0 0 0 1"), "line 4"),
        (after("# vfov: 60"), "line 4"),
        (b"# farplane-cam 7\n0 0 0 0 0 0 0 1\n".to_vec(), "line 1"),
        (b"# only\n# comments\n".to_vec(), "line 2"),
        (b"\n# one\n0 0 0 9 0 0 0 1\n".to_vec(), "line 3: the only pose"),
        (after("2 0 0 9 0 \0 0 1"), "line 4: byte 0x00"),
        (vec![0x93, 0x00, 0xff, 0x12, 0x0a, 0x80], "line 1: byte 0x93"),
        (after("2;0;0;9;0;0;0;1"), "line 4"),
    ];
    for (bytes, says) in cases {
        fs::write(&file, &bytes).unwrap();
        for verb in ["inspect", "replay"] {
            let line = fails(&[verb, text(&file)], 1);
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            assert!(line.contains("bad.cam") && line.contains(says), "{shown:?}: {line}");
        }
    }
    fs::write(&file, "").unwrap();
    for verb in ["inspect", "replay"] {
        assert!(fails(&[verb, text(&file)], 1).contains("bad.cam"));
        assert!(fails(&[verb, "no/such.cam"], 1).contains("no/such.cam"));
    }
}

#[test]
fn garbage_is_no_trajectory_of_any_format() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let out = at("out.cam");
    fs::write(at("binary"), [0xb8, 0x00, 0x0a, 0xff, 0xfe, 0x0a, 0x31]).unwrap();
    fs::write(at("words"), "this is no trajectory\nat all\n").unwrap();
    fs::write(at("empty"), "").unwrap();
    for from in ["tum", "kitti", "euroc", "gpx", "igc"] {
        for name in ["binary", "words", "empty", "missing", "."] {
            let file = at(name);
            let line = fails(&["import", "--from", from, text(&file), "-o", text(&out)], 1);
            assert!(line.contains(text(&file)), "{from} {name}: {line}");
        }
    }
    assert!(!out.exists());
}

#[test]
fn what_looks_wrong_is_repaired_and_told_or_kept_and_refused() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (file, out) = (at("odd.txt"), at("out.cam"));
    // Steps of 0.1 s; a stamp twice, a line that is none, one out of order, a gap of 5 s and a jump
    // of 500 m.
    let mut lines: Vec<String> =
        (0..50).map(|i| format!("{} {i} 0 0 0 0 0 1", f64::from(i) * 0.1)).collect();
    lines.insert(11, "1 10 0 0 0 0 0 1".to_owned());
    lines.insert(20, "what is this".to_owned());
    lines.swap(30, 31);
    lines.extend((0..50).map(|i| format!("{} {i} 0 0 0 0 0 1", 10.0 + f64::from(i) * 0.1)));
    lines.extend((0..50).map(|i| format!("{} {} 0 0 0 0 0 1", 15.0 + f64::from(i) * 0.1, 549 + i)));
    fs::write(&file, lines.join("\n")).unwrap();
    let args = ["import", "--from", "tum", text(&file), "-o", text(&out)];
    let told = succeeds(&args);
    for says in ["1 line skipped; the first: line 21", "1 duplicate", "1 pose out of order"] {
        assert!(told.contains(says), "{says}: {told}");
    }
    assert!(told.contains("1 gap ") && told.contains("1 jump "), "{told}");
    assert!(told.contains("150 poses") && told.contains("2 cuts"), "{told}");
    assert_eq!(succeeds(&[&args[..], &["--repair"]].concat()), told);
    fs::remove_file(&out).unwrap();
    // Kept, the first thing that a `.cam` cannot hold is an error: the line that is no pose, then
    // the stamp that is there twice.
    let keep = [&args[..], &["--keep"]].concat();
    assert!(fails(&keep, 1).contains("odd.txt: line 21: 3 columns"));
    lines.remove(20);
    fs::write(&file, lines.join("\n")).unwrap();
    assert!(fails(&keep, 1).contains("odd.txt: line 12: "));
    assert!(!out.exists());
}

#[test]
fn side_files_of_an_import_are_checked() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (kitti, euroc, out) = (at("00.txt"), at("data.csv"), at("out.cam"));
    fs::write(&kitti, "1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 1\n").unwrap();
    fs::write(&euroc, "#t\n1000000000,0,0,0,1,0,0,0\n2000000000,1,0,0,1,0,0,0\n").unwrap();
    for (name, content, from, input, option, says) in [
        ("few.txt", "0\n", "kitti", &kitti, "--times", "1 times for 2 poses"),
        ("words.txt", "0\nsoon\n", "kitti", &kitti, "--times", "line 2"),
        ("nine.txt", "1 0 0 0 1 0 0 0 1", "euroc", &euroc, "--extrinsic", "9 numbers"),
        ("flat.txt", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", "euroc", &euroc, "--extrinsic", "rigid"),
    ] {
        let side = at(name);
        fs::write(&side, content).unwrap();
        let args = ["import", "--from", from, text(input), "-o", text(&out), option, text(&side)];
        let line = fails(&args, 1);
        assert!(line.contains(says), "{line}");
    }
    let missing = at("missing.txt");
    let args = ["import", "--from", "kitti", text(&kitti), "-o", text(&out), "--times"];
    assert!(fails(&[&args[..], &[text(&missing)]].concat(), 1).contains("missing.txt"));
    assert!(!out.exists());
}

#[test]
fn a_track_that_does_not_lie_on_the_world_is_refused() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (tif, world, gpx, out) = (at("dem.tif"), at("w.far"), at("a.gpx"), at("out.cam"));
    fs::write(&tif, common::geotiff([140, 140], [-71.0, -32.0], 0.001, &[700; 140 * 140])).unwrap();
    let bake = ["bake", "-o", text(&world), "--height", text(&tif)];
    let coarse = ["--props", "0", "--texels-per-metre", "0.02"];
    let baked = succeeds(&[&bake[..], &coarse].concat());
    assert!(baked.contains("140 × 140 samples"), "{baked}");
    let point = |lon: f64| format!("<trkpt lat=\"-32.05\" lon=\"{lon}\"><ele>900</ele></trkpt>");
    let track =
        |a: f64, b: f64| format!("<gpx><trk><trkseg>{}{}</trkseg></trk></gpx>", point(a), point(b));
    fs::write(&gpx, track(10.0, 10.1)).unwrap();
    let args = ["import", "--from", "gpx", text(&gpx), "-o", text(&out), "--world"];
    let line = fails(&[&args[..], &[text(&world)]].concat(), 1);
    assert!(line.contains("10.000° E") && line.contains("--fit"), "{line}");
    // A world in plain metres has no place for degrees.
    let line = fails(&[&args[..], &[text(small_world())]].concat(), 1);
    assert!(line.contains("no geographic projection"), "{line}");
    // Half of it beside the world: told.
    fs::write(&gpx, track(-70.95, -70.5)).unwrap();
    let told = succeeds(&[&args[..], &[text(&world)]].concat());
    assert!(told.contains("1 of 2 poses beside"), "{told}");
}

#[test]
fn elevation_that_cannot_be_read_is_refused() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (tif, out) = (at("dem.tif"), at("w.far"));
    fs::write(&out, "what was there before").unwrap();
    let heights = [5i16; 40 * 40];
    let whole = common::geotiff([40, 40], [-71.0, -32.0], 0.001, &heights);
    let with = |bits, compression| {
        Tiff { bits, compression, ..Tiff::new([40, 40], [-71.0, -32.0], 0.001) }.bytes(&heights)
    };
    for (bytes, says) in [
        (with(8, 1), "not supported"),
        (with(16, 7), "dem.tif"),
        (with(16, 34661), "dem.tif"),
        (whole[..whole.len() / 2].to_vec(), "dem.tif"),
        (whole[..30].to_vec(), "dem.tif"),
        (b"no TIFF at all".to_vec(), "dem.tif"),
        (Vec::new(), "dem.tif"),
        (common::geotiff([40, 40], [-71.0, -32.0], 0.001, &[-32768; 40 * 40]), "1600 samples"),
    ] {
        fs::write(&tif, &bytes).unwrap();
        let line = fails(&["bake", "-o", text(&out), "--height", text(&tif)], 1);
        assert!(line.contains(says), "{line}");
    }
    let args = ["bake", "-o", text(&out), "--height", "no.tif"];
    assert!(fails(&args, 1).contains("no.tif"));
    fs::write(&tif, &whole).unwrap();
    let sized = ["bake", "-o", text(&out), "--height", text(&tif), "--size-m", "900"];
    assert!(fails(&sized, 2).contains("georeferenced"));
    let color = ["bake", "-o", text(&out), "--height", text(&tif), "--color", text(&tif)];
    assert!(fails(&color, 1).contains("dem.tif"));
    let itself = ["bake", "-o", text(&tif), "--height", text(&tif)];
    assert!(fails(&itself, 2).contains("another name"));
    assert_eq!(fs::read(&out).unwrap(), b"what was there before");
    assert_eq!(names(folder.path()), ["dem.tif", "w.far"]);
}

#[test]
fn an_output_that_cannot_be_written_is_named_and_nothing_is_left() {
    let folder = folder();
    let cam = good_cam(&folder);
    let nowhere = folder.path().join("nowhere").join("out");
    let world = text(small_world());
    for (out, says) in [(text(&nowhere), "no folder"), (text(folder.path()), "it is a folder")] {
        for args in [
            vec!["bake", "-o", out, "--size-m", "64"],
            vec!["record", "--preset", "orbit", "-o", out, "--world", world],
            vec!["import", "--from", "tum", &cam, "-o", out],
        ] {
            let line = fails(&args, 1);
            assert!(line.contains(out) && line.contains(says), "{line}");
        }
    }
    assert_eq!(names(folder.path()), ["good.cam"]);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let folder = folder();
    let cam = good_cam(&folder);
    let out = folder.path().join("out.cam");
    let mut command = common::command(&["record", "--preset", "orbit", "-o", text(&out)]);
    // A folder below a file.
    let output = command.env(harness::cache::CACHE_VARIABLE, format!("{cam}/below")).output();
    let line = one_line(&output.unwrap(), 1);
    assert!(line.contains("below") && line.contains(harness::cache::CACHE_VARIABLE), "{line}");
}

#[test]
fn inspect_goes_by_content_not_by_name() {
    let folder = folder();
    let (world, path) = (folder.path().join("world.cam"), folder.path().join("path.far"));
    fs::copy(small_world(), &world).unwrap();
    fs::copy(good_cam(&folder), &path).unwrap();
    assert!(succeeds(&["inspect", text(&world)]).contains("samples"));
    assert!(succeeds(&["inspect", text(&path)]).contains("camera path"));
    // Neither: the first lines of this file are text, but no poses.
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert!(fails(&["inspect", manifest], 1).contains("line 1: "));
}

#[test]
fn verify_names_what_is_damaged() {
    let folder = folder();
    let path = folder.path().join("damaged.far");
    let mut bytes = fs::read(small_world()).unwrap();
    let archive = Archive::open(small_world()).unwrap();
    let extent = archive.extent(1).unwrap();
    bytes[extent.offset as usize + 9] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let output = harness(&["verify", text(&path)]);
    let line = one_line(&output, 1);
    assert!(line.contains("1 part damaged"), "{line}");
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.contains("tile 0/1/0, block 0"), "{listed}");
    // A fit over ground that is not there would be one over made-up ground.
    let (cam, out) = (good_cam(&folder), folder.path().join("out.cam"));
    let args = ["import", "--from", "tum", &cam, "-o", text(&out), "--fit", text(&path)];
    assert!(fails(&args, 1).contains("tile 0/1/0 is corrupt"));
    assert!(succeeds(&["verify", text(small_world())]).contains("whole"));
}

#[test]
fn a_replay_over_damaged_tiles_goes_on_and_counts_them() {
    let folder = folder();
    let file = folder.path().join("damaged.far");
    let out = text(&file);
    // Ground so rough that its finest level is needed; the coarser four are always resident.
    let mut rng = Rng(1);
    let rough: Vec<i16> = (0..1100 * 1100).map(|_| rng.below(1000) as i16).collect();
    let tif = folder.path().join("rough.tif");
    fs::write(&tif, common::geotiff([1100, 1100], [-71.0, -32.0], 0.001, &rough)).unwrap();
    let coarse = ["--props", "0", "--texels-per-metre", "0.005"];
    succeeds(&[&["bake", "-o", out, "--height", text(&tif)], &coarse[..]].concat());
    let archive = Archive::open(&file).unwrap();
    let world = World::decode(&archive.section(World::SECTION).unwrap()).unwrap();
    assert_eq!((world.terrain.levels, world.terrain.tiles(0)), (5, [9, 9]));
    let mut bytes = fs::read(&file).unwrap();
    for tile in 0..world.terrain.level_offset(1) {
        let extent = archive.extent(tile).unwrap();
        bytes[extent.offset as usize + extent.stored_bytes as usize / 2] ^= 0x10;
    }
    drop(archive);
    fs::write(&file, bytes).unwrap();
    let args = ["replay", "--world", out, "--clock", "virtual", "--to", "2"];
    let asserts = ["--assert", "io.checksum_failures > 10", "--assert", "residency.holes == 0"];
    let output = harness(&[&args[..], &asserts].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::process::{Command, Output, Stdio};
    use std::time::{Duration, Instant};

    #[test]
    fn a_full_disk_is_named_and_nothing_is_left() {
        let folder = folder();
        let cam = good_cam(&folder);
        let world = text(small_world());
        for args in [
            vec!["record", "--preset", "orbit", "-o", "/dev/full", "--world", world],
            vec!["import", "--from", "tum", &cam, "-o", "/dev/full"],
        ] {
            let line = fails(&args, 1);
            assert!(line.contains("/dev/full") && line.contains("No space left"), "{line}");
        }
        // A device is no place for an archive; it stays a device.
        assert!(fails(&["bake", "-o", "/dev/full", "--size-m", "64"], 1).contains("/dev/full"));
        // Standard output may be full, too.
        for args in [vec!["inspect", world], vec!["verify", world]] {
            let full = fs::File::options().write(true).open("/dev/full").unwrap();
            let output = common::command(&args).stdout(full).output().unwrap();
            assert!(one_line(&output, 1).contains("No space left"));
        }
    }

    /// Runs `$1` bake with `$2` as its target, after what a shell does before.
    fn bake_after(shell: &[&str], before: &str, target: &Path) -> Output {
        let script = format!("{before} \"$1\" bake -o \"$2\" --size-m 1024 --props 0");
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", &script, "sh", env!("CARGO_BIN_EXE_harness")]);
        command.arg(target).output().unwrap()
    }

    #[test]
    fn a_bake_that_may_not_write_so_much_says_so_and_leaves_the_old_file() {
        let folder = folder();
        let target = folder.path().join("w.far");
        fs::write(&target, "what was there before").unwrap();
        // 1 or 2 MiB, by shell, and no signal about it: writing fails as on a full disk.
        let output = bake_after(&["sh"], "trap '' XFSZ; ulimit -f 2048;", &target);
        let line = one_line(&output, 1);
        assert!(line.contains("w.far") && line.contains("File too large"), "{line}");
        assert_eq!(names(folder.path()), ["w.far"]);
        assert_eq!(fs::read(&target).unwrap(), b"what was there before");
    }

    #[test]
    fn a_bake_onto_a_full_disk_says_so_and_leaves_nothing() {
        // A disk of one's own, where the system lets an ordinary user have one.
        let shell = ["unshare", "--map-root-user", "--mount", "sh"];
        let folder = folder();
        let mount = "mount -t tmpfs -o size=1m none \"${2%/*}\"";
        let target = folder.path().join("w.far");
        let alone = bake_after(&shell, &format!("{mount}; exit $?;"), &target);
        if !alone.status.success() {
            println!("skipped: this system gives an ordinary user no disk to fill");
            return;
        }
        // What is left goes to standard output, which a bake that fails does not use.
        let before = format!("{mount}; trap 'ls -A \"${{2%/*}}\"' EXIT;");
        let output = bake_after(&shell, &before, &target);
        let line = one_line(&output, 1);
        assert!(line.contains("w.far") && line.contains("No space left"), "{line}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_error() {
        let mut child = common::command(&["inspect", text(small_world())])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }

    #[test]
    fn an_interrupted_bake_leaves_nothing_behind() {
        let folder = folder();
        let (far, part) = (folder.path().join("w.far"), folder.path().join("w.far.part"));
        fs::write(&far, "what was there before").unwrap();
        // More than a test machine bakes before the signal comes.
        let child = common::command(&["bake", "-o", text(&far), "--props", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while !part.exists() && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        let id = child.id().to_string();
        let signalled = Instant::now();
        let sent = std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        let line = one_line(&output, 1);
        assert!(line.contains("interrupted") && line.contains("w.far"), "{line}");
        assert!(signalled.elapsed() < Duration::from_secs(10), "{:?}", signalled.elapsed());
        assert_eq!(names(folder.path()), ["w.far"]);
        assert_eq!(fs::read(&far).unwrap(), b"what was there before");
    }
}
