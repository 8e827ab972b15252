//! The same replay through every way to read.
#![allow(missing_docs)]

mod common;
#[cfg(feature = "remote")]
#[path = "../../crates/io/tests/model/server.rs"]
mod server;

use common::{bake_small, harness};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// 512 m with 2,048² texels: large enough that not everything is pinned.
fn world() -> &'static Path {
    static WORLD: OnceLock<PathBuf> = OnceLock::new();
    WORLD.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backends");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("world.far");
        bake_small(&path, 512.0, 500);
        path
    })
}

/// The report and what stood on stderr.
fn replay(world: &str, more: &[&str]) -> (Value, String) {
    let mut args = vec!["replay", "--world", world, "--to", "3", "--json", "-"];
    args.extend(more);
    let output = harness(&args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    (serde_json::from_slice(&output.stdout).unwrap(), stderr)
}

/// What a replay on the virtual clock gives: its report outside `timing`, and pictures of what was
/// resident. They show every tile and page that is drawn: wrong bytes would be seen.
fn virtual_replay(world: &str, name: &str, more: &[&str]) -> (String, Vec<Vec<u8>>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backends").join(name);
    let _ = fs::remove_dir_all(&folder);
    let mut args = vec!["--clock", "virtual", "--render", "cpu", "--every", "45"];
    args.extend(["--size", "96x54", "--frames", folder.to_str().unwrap()]);
    args.extend(more);
    let (mut report, _) = replay(world, &args);
    assert!(report["residency"]["loaded_bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(report["io"]["backend"], "sim-nvme");
    report.as_object_mut().unwrap().remove("timing").unwrap();
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 4);
    let pictures = files.iter().map(|file| fs::read(file).unwrap()).collect();
    (serde_json::to_string_pretty(&report).unwrap(), pictures)
}

#[test]
fn the_virtual_clock_gives_the_same_through_every_backend() {
    let path = world().to_str().unwrap();
    let (modelled, pictures) = virtual_replay(path, "sim", &["--io", "sim"]);
    for io in ["mmap", "pread", "uring"] {
        let (report, same) = virtual_replay(path, io, &["--io", io]);
        assert_eq!(report, modelled, "{io}");
        assert!(same == pictures, "{io}: other pictures");
    }
    #[cfg(feature = "remote")]
    {
        let server = server::Server::new(fs::read(path).unwrap());
        let (report, same) = virtual_replay(&server.url, "http", &[]);
        assert_eq!(report, modelled, "http");
        assert!(same == pictures, "http: other pictures");
        let report: Value = serde_json::from_str(&report).unwrap();
        let read_bytes = report["io"]["read_bytes"].as_u64().unwrap();
        assert!(server.sent_bytes() as u64 > read_bytes, "the bytes came from the server");
    }
}

/// Needs, holes and failures of a replay that reads for real.
fn real_replay(world: &str, more: &[&str], backend: &str) -> (Value, String) {
    let (report, stderr) = replay(world, &[&["--pace", "max"][..], more].concat());
    assert_eq!(report["io"]["backend"], backend, "{stderr}");
    let io = |key: &str| report["io"][key].as_u64().unwrap();
    assert_eq!((io("failed"), io("checksum_failures")), (0, 0));
    assert_eq!(report["residency"]["holes"], 0);
    assert!(io("read_bytes") > 100_000);
    (report["residency"]["needs"].clone(), stderr)
}

#[test]
fn the_real_clock_needs_the_same_through_every_backend() {
    let path = world().to_str().unwrap();
    let (needs, _) = real_replay(path, &["--io", "mmap"], "mmap");
    assert_eq!(real_replay(path, &["--io", "pread"], "pread").0, needs);
    #[cfg(feature = "remote")]
    {
        let server = server::Server::new(fs::read(path).unwrap());
        let (same, stderr) = real_replay(&server.url, &[], "remote");
        assert_eq!(same, needs);
        assert!(stderr.contains("reads: remote, ranges of http://127.0.0.1:"), "{stderr}");
        assert!(stderr.contains("server: "), "{stderr}");
    }
}
