//! `harness replay` as a user runs it, on a small world: exit statuses, reproducibility, damage.
#![allow(missing_docs)]

mod common;

use common::{bake_small, fails, harness, small_world};
use farplane::WorldIndex;
use farplane::io::Archive;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// 512 m with 2,048² texels: large enough that not everything is pinned.
fn world() -> &'static Path {
    static WORLD: OnceLock<PathBuf> = OnceLock::new();
    WORLD.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay-512.far");
        bake_small(&path, 512.0, 500);
        path
    })
}

fn virtual_replay(world: &Path, more: &[&str]) -> Vec<String> {
    let world = world.to_str().unwrap();
    let mut args = vec!["replay", "--world", world, "--clock", "virtual", "--to", "3"];
    args.extend(more);
    args.into_iter().map(str::to_owned).collect()
}

/// The report as JSON, and what stood on stderr.
fn report(world: &Path, more: &[&str]) -> (Value, String) {
    let mut args = virtual_replay(world, more);
    args.extend(["--json".to_owned(), "-".to_owned()]);
    let output = harness(&args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    (serde_json::from_slice(&output.stdout).unwrap(), stderr)
}

fn outside_timing(mut report: Value) -> String {
    report.as_object_mut().unwrap().remove("timing").unwrap();
    serde_json::to_string(&report).unwrap()
}

#[test]
fn the_virtual_clock_gives_the_same_report_for_any_number_of_threads() {
    let (one, _) = report(world(), &["--threads", "1"]);
    let (two, _) = report(world(), &["--threads", "2"]);
    let (again, _) = report(world(), &["--threads", "2"]);
    assert_eq!(one["timing"]["threads"], 1);
    assert_eq!(two["timing"]["threads"], 2);
    assert_eq!(one["schema"], "farplane-report-1");
    assert!(one["residency"]["needs"].as_u64().unwrap() > 1000);
    assert_eq!(outside_timing(one), outside_timing(two.clone()));
    assert_eq!(outside_timing(two), outside_timing(again));
}

#[test]
fn another_device_gives_another_report() {
    let (nvme, _) = report(world(), &["--device", "nvme"]);
    let (hdd, _) = report(world(), &["--device", "hdd"]);
    let p50 = |r: &Value| r["io"]["latency_ms"]["p50"].as_f64().unwrap();
    assert!(p50(&hdd) > p50(&nvme), "{} {}", p50(&hdd), p50(&nvme));
    assert_eq!(hdd["io"]["backend"], "sim-hdd");
    assert_eq!(hdd["residency"]["holes"], 0);
}

#[test]
fn usage_stays_in_the_budget_and_the_real_clock_agrees_on_the_needs() {
    let world = world().to_str().unwrap();
    let (modelled, _) = report(Path::new(world), &[]);
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real.json");
    let path = json.to_str().unwrap();
    let output =
        harness(&["replay", "--world", world, "--to", "3", "--pace", "max", "--json", path]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    // What reads, and why.
    assert!(stderr.lines().all(|line| line.starts_with("reads: ")), "{stderr}");
    let real: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    // What a frame needs depends on the path and on the truth, not on the clock.
    assert_eq!(real["residency"]["needs"], modelled["residency"]["needs"]);
    for r in [&real, &modelled] {
        let bytes = |key: &str| r["memory"][key].as_u64().unwrap();
        assert!(bytes("usage_bytes_max") <= bytes("budget_bytes"));
        assert_eq!((&r["memory"]["refused"], &r["residency"]["holes"]), (&0.into(), &0.into()));
    }
}

#[test]
fn a_budget_too_small_says_what_is_needed_and_that_is_enough() {
    let line = fails(&virtual_replay(world(), &["--budget", "1MiB"]), 1);
    let needed = line.split("give at least ").nth(1).expect(&line).trim();
    let needed = needed.replace(' ', "");
    let (report, _) = report(world(), &["--budget", &needed]);
    assert_eq!(report["residency"]["holes"], 0);
    let bytes = |key: &str| report["memory"][key].as_u64().unwrap();
    assert!(bytes("usage_bytes_max") <= bytes("budget_bytes"));
}

#[test]
fn triangles_stay_within_their_limit() {
    let draw = |args: &[&str]| report(world(), args).0["draw"].clone();
    let free = draw(&[]);
    assert_eq!(free["lod_scale_max"], 1.0);
    let limit = free["instance_triangles_max"].as_f64().unwrap() / 2.0;
    let kept = draw(&["--triangles", &format!("{}", limit as u64)]);
    assert!(kept["instance_triangles_max"].as_f64().unwrap() <= limit, "{kept}");
    assert!(kept["lod_scale_max"].as_f64().unwrap() > 1.0, "{kept}");
    assert!(kept["instances"].as_f64().unwrap() > 0.0, "{kept}");
}

#[test]
fn corrupt_pages_are_counted_and_the_run_goes_on() {
    let damaged = Path::new(env!("CARGO_TARGET_TMPDIR")).join("damaged.far");
    let mut bytes = std::fs::read(world()).unwrap();
    let archive = Archive::open(world()).unwrap();
    let index = WorldIndex::load(&archive).unwrap();
    let finest = index.page_base()..index.units.len() as u32;
    for unit in finest.filter(|&u| index.page_of(u).is_some_and(|p| p.mip == 0)) {
        let extent = archive.extent(unit).unwrap();
        bytes[extent.offset as usize + extent.stored_bytes as usize / 2] ^= 0x10;
    }
    std::fs::write(&damaged, bytes).unwrap();
    let (report, stderr) = report(&damaged, &[]);
    let failures = report["io"]["checksum_failures"].as_u64().unwrap();
    assert!(failures > 0);
    assert_eq!(report["io"]["failed"], failures);
    assert_eq!(report["residency"]["holes"], 0);
    assert!(stderr.contains("could not be loaded"), "{stderr}");
    assert!(stderr.contains("a checksum does not match"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn assertions_decide_the_exit_status() {
    let hold = ["--assert", "holes == 0", "--assert", "residency.hit_rate > 0.5"];
    report(world(), &hold);
    let output = harness(&virtual_replay(world(), &["--assert", "holes >= 1"]));
    assert_eq!(output.status.code(), Some(10));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("residency.holes"), "{stderr}");
    // A typing mistake is never a pass, and shows before anything runs.
    let line = fails(&virtual_replay(Path::new("missing.far"), &["--assert", "hols == 0"]), 2);
    assert!(line.contains("hols") && line.contains("holes"), "{line}");
}

#[test]
fn options_that_contradict_each_other_are_usage_errors() {
    let world = small_world().to_str().unwrap();
    for args in [
        vec!["--device", "hdd"],
        vec!["--render", "cpu", "--frames", "x"],
        vec!["--clock", "virtual", "--render", "cpu"],
        vec!["--from", "9", "--to", "3"],
        vec!["--from", "1e9"],
        vec!["--target-hz", "0"],
        vec!["--clock", "virtual", "--device", "floppy"],
    ] {
        let mut all = vec!["replay", "--world", world];
        all.extend(&args);
        fails(&all, 2);
    }
}

#[test]
fn a_csv_has_a_row_a_frame_and_pictures_match_the_truth() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let csv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("frames.csv");
    let more = [
        "--csv",
        csv.to_str().unwrap(),
        "--render",
        "cpu",
        "--frames",
        folder.to_str().unwrap(),
        "--every",
        "90",
        "--size",
        "96x54",
    ];
    let (report, _) = report(world(), &more);
    let rows = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(rows.lines().count(), 1 + 180);
    assert!(folder.join("frame-000000.png").exists() && folder.join("frame-000090.png").exists());
    // The built-in path starts cold; after 1.5 s what is resident looks like the truth.
    assert!(report["quality"]["psnr_mean_db"].as_f64().unwrap() > 30.0);
}

#[test]
fn outputs_that_cannot_be_written_are_one_clear_line() {
    let line = fails(&virtual_replay(world(), &["--csv", "no/such/folder/f.csv"]), 1);
    assert!(line.contains("no/such/folder/f.csv"), "{line}");
    let line = fails(&virtual_replay(world(), &["--json", "no/such/folder/r.json"]), 1);
    assert!(line.contains("no/such/folder/r.json"), "{line}");
}
