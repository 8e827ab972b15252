//! Heat maps of `harness replay` as a user gets them: files, a terminal, bad arguments.
#![allow(missing_docs)]

mod common;

use common::{bake_small, fails, harness, small_world};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// 512 m with 2,048² texels: large enough that not everything is pinned.
fn world() -> &'static str {
    static WORLD: OnceLock<PathBuf> = OnceLock::new();
    let path = WORLD.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("heat-512.far");
        bake_small(&path, 512.0, 100);
        path
    });
    path.to_str().unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The report of a replay on the virtual clock, and what stood on stderr.
fn replay(more: &[&str]) -> (Value, String) {
    let mut args = vec!["replay", "--clock", "virtual", "--to", "3", "--json", "-"];
    args.extend(more);
    let output = harness(&args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    (serde_json::from_slice(&output.stdout).unwrap(), stderr)
}

#[test]
fn maps_are_the_same_bytes_for_any_number_of_threads_and_none_is_lost() {
    let folder = folder();
    let mut sets = Vec::new();
    let mut reports = Vec::new();
    for threads in ["1", "2"] {
        let map = folder.path().join(format!("{threads}.png"));
        let map = map.to_str().unwrap();
        let (mut report, stderr) = replay(&[
            "--world",
            world(),
            "--threads",
            threads,
            "--heat-map",
            map,
            "--heat-map-every",
            "0.7",
            "--heat-map-px",
            "200",
        ]);
        assert!(stderr.starts_with("heat map: ") && stderr.contains("200 x 200 px"), "{stderr}");
        // 0.7, 1.4, 2.1 and 2.8 s, and the end.
        let names = ["", "-0001", "-0002", "-0003", "-0004"];
        let file = |name: &str| folder.path().join(format!("{threads}{name}.png"));
        sets.push(names.map(|name| fs::read(file(name)).unwrap()));
        assert!(!file("-0005").exists());
        let timing = report.as_object_mut().unwrap().remove("timing").unwrap();
        let fifo = &timing["fifos"]["heat_map"];
        assert_eq!((&fifo["frames"], &fifo["dropped"]), (&5.into(), &0.into()));
        assert_eq!((&fifo["policy"], &fifo["drop_rate"]), (&"block".into(), &0.0.into()));
        assert!(timing["fifos"]["live"]["frames"].is_null());
        reports.push(report);
    }
    assert!(sets[0] == sets[1], "maps differ with the number of threads");
    assert!(sets[0][0] != sets[0][1], "the maps of two moments are the same");
    assert_eq!(reports[0], reports[1]);
    let (mut plain, _) = replay(&["--world", world()]);
    plain.as_object_mut().unwrap().remove("timing");
    assert_eq!(plain, reports[0], "a map changes what it shows");
}

#[test]
fn a_world_that_is_wholly_resident_is_all_of_the_finest_colour() {
    // 128 m: all its tiles and pages are pinned.
    let folder = folder();
    let map = folder.path().join("map.png");
    for of in ["pages", "tiles"] {
        let world = small_world().to_str().unwrap();
        let map = map.to_str().unwrap();
        replay(&["--world", world, "--heat-map", map, "--heat-map-of", of, "--heat-map-px", "128"]);
        let picture = image::open(map).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (128 + 8 + 24, 128));
        // The legend is one field, and yellow lies over the relief: blue well below red and green.
        assert_eq!(picture.get_pixel(150, 64).0, [0xfd, 0xe7, 0x25]);
        let yellow = |p: [u8; 3]| p[0] / 2 > p[2] && p[1] / 2 > p[2];
        let cells = picture.enumerate_pixels().filter(|(x, ..)| *x < 128);
        let count = cells.filter(|(_, _, p)| yellow(p.0)).count();
        assert!(count > 128 * 128 * 3 / 4, "{of}: {count}");
    }
}

#[test]
fn each_figure_draws_a_map_of_its_own() {
    let folder = folder();
    let mut maps = Vec::new();
    for of in ["pages", "tiles", "loads", "misses"] {
        let map = folder.path().join("map.png");
        let path = map.to_str().unwrap();
        // A slow disk, so that something is missed.
        let more = ["--device", "hdd", "--warmup", "0", "--heat-map-of", of, "--heat-map", path];
        let (_, stderr) = replay(&[&["--world", world()][..], &more].concat());
        assert!(stderr.contains("scale bar is 100.0 m"), "{stderr}");
        maps.push(fs::read(&map).unwrap());
    }
    for (i, map) in maps.iter().enumerate() {
        assert!(maps[..i].iter().all(|other| other != map));
    }
}

#[test]
fn live_without_a_terminal_prints_the_last_map_in_ascii() {
    let (report, stderr) = replay(&["--world", world(), "--live"]);
    let lines: Vec<&str> = stderr.lines().collect();
    // A square world: 72 columns, 36 lines, and a line on how it went.
    assert!(lines[37].starts_with("HELD"), "{stderr}");
    assert!(lines[..36].iter().all(|line| line.len() == 72 && line.is_ascii()), "{stderr}");
    assert!(lines[36].starts_with("100%  3.0 s  hit rate 0."), "{stderr}");
    let map = lines[..36].concat();
    assert!(map.contains('@') && map.matches(['^', 'v', '<', '>']).count() == 1, "{stderr}");
    assert!(report["timing"]["fifos"]["live"]["frames"].is_null());
}

/// What a command writes to a terminal of 60 × 20 characters; `None` where there is no `script`.
fn on_a_terminal(command: &str) -> Option<String> {
    let line = format!("stty cols 60 rows 20; {command}; echo status $?");
    let output = Command::new("script").args(["-qec", &line, "/dev/null"]).output();
    let Ok(output) = output.map_err(|e| eprintln!("SKIPPED: script(1): {e}")) else { return None };
    Some(String::from_utf8(output.stdout).unwrap())
}

fn live_command(more: &str) -> String {
    let program = env!("CARGO_BIN_EXE_harness");
    format!("{program} replay --world {} --live {more}", world())
}

#[test]
fn live_draws_in_place_and_gives_the_cursor_back() {
    let replay = live_command("--clock virtual --to 3");
    for (environment, holds, lacks) in [
        ("COLORTERM=truecolor TERM=xterm", "\x1b[38;2;", "\x1b[38;5;"),
        ("COLORTERM= TERM=xterm-256color", "\x1b[38;5;", "\x1b[38;2;"),
        ("NO_COLOR=1 TERM=xterm", "@", "▀"),
    ] {
        let Some(seen) = on_a_terminal(&format!("NO_COLOR= {environment} {replay}")) else {
            return;
        };
        assert!(seen.contains("status 0"), "{seen}");
        assert!(seen.contains(holds) && !seen.contains(lacks), "{environment}: {seen}");
        assert_eq!((seen.matches("\x1b[?25l").count(), seen.matches("\x1b[?25h").count()), (1, 1));
        // 18 lines of map and one below: the last map replaces those before it.
        assert!(seen.contains("\r\x1b[19A"), "{seen}");
        let report = seen.find("HELD").or(seen.find("MISSED")).expect(&seen);
        assert!(seen.find("\x1b[?25h").unwrap() < report, "the report comes last");
        assert!(seen.contains("100%  3.0 s"), "{seen}");
    }
}

#[test]
fn an_interrupted_live_map_gives_the_cursor_back() {
    let replay = live_command("");
    let Some(seen) = on_a_terminal(&format!("TERM=xterm timeout --foreground -s INT 3 {replay}"))
    else {
        return;
    };
    let (hidden, shown) = (seen.find("\x1b[?25l").expect(&seen), seen.rfind("\x1b[?25h"));
    assert!(shown.is_some_and(|shown| shown > hidden), "{seen}");
    let error = seen.find("error: interrupted").expect(&seen);
    assert!(shown.is_some_and(|shown| shown < error), "{seen}");
}

#[test]
fn what_cannot_be_drawn_is_one_clear_line() {
    let folder = folder();
    let map = folder.path().join("map.png");
    let map = map.to_str().unwrap();
    for (args, says) in [
        (vec!["--heat-map", "map.jpg"], "map.jpg"),
        (vec!["--heat-map-every", "1"], "--heat-map"),
        (vec!["--heat-map", map, "--heat-map-px", "0"], "64..=4096"),
        (vec!["--heat-map", map, "--heat-map-px", "9000"], "64..=4096"),
        (vec!["--heat-map", map, "--heat-map-every", "nan"], "--heat-map-every"),
        (vec!["--heat-map", map, "--heat-map-every", "inf"], "--heat-map-every"),
        (vec!["--heat-map", map, "--heat-map-every", "0"], "--heat-map-every"),
        (vec!["--heat-map", map, "--heat-map-every", "-1"], "--heat-map-every"),
        (vec!["--heat-map", map, "--heat-map-of", "heat"], "misses"),
    ] {
        let mut all = vec!["replay", "--world", world()];
        all.extend(&args);
        let line = fails(&all, 2);
        assert!(line.contains(says), "{args:?}: {line}");
    }
    let missing = folder.path().join("missing/map.png");
    fs::create_dir(folder.path().join("folder.png")).unwrap();
    for path in [missing, folder.path().join("folder.png")] {
        let path = path.to_str().unwrap();
        let line = fails(&["replay", "--world", world(), "--heat-map", path], 1);
        assert!(line.contains(path), "{line}");
    }
}
