//! What is kept on disk of a server: cheaper reads, within bytes, and never a wrong one.
#![cfg(feature = "remote")]

#[path = "model/mod.rs"]
mod model;
#[path = "model/server.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use farplane_io::{
    Archive, ArchiveBuilder, CacheOptions, Filter, RemoteCounters, RemoteError, RemoteOptions, pack,
};
use model::noise;
use server::Server;

const ENTRIES: u32 = 60;
const ENTRY_BYTES: usize = 50_000;

/// Of an entry: no two have the same.
fn content(seed: u32, id: u32) -> Vec<u8> {
    noise(seed * 1000 + id * 2 + 1, ENTRY_BYTES)
}

/// 3 MB of noise: more than the front of the file.
fn file(seed: u32) -> Vec<u8> {
    let mut builder = ArchiveBuilder::new();
    for id in 0..ENTRIES {
        builder.add(id, &pack(&content(seed, id), Filter::None)).unwrap();
    }
    builder.finish().0
}

fn open(url: &str, folder: &Path, bytes_max: u64) -> Archive {
    let cache = Some(CacheOptions { folder: folder.to_owned(), bytes_max });
    let options = RemoteOptions {
        attempt_timeout: Duration::from_secs(5),
        retries_max: 2,
        pause_min: Duration::from_millis(5),
        cache,
        ..RemoteOptions::default()
    };
    Archive::open_remote(url, options).unwrap()
}

/// Reads everything, compares it with what was packed, and closes the archive.
fn read_all(archive: Archive, seed: u32) -> RemoteCounters {
    for id in 0..ENTRIES {
        assert!(archive.read(id).unwrap() == content(seed, id), "entry {id} is another");
    }
    archive.remote_counters().unwrap()
}

/// Whether this is what a reading of everything takes. Never to the byte: which neighbours come
/// together, gaps between them included, depends on the time.
fn is_about(bytes: u64, whole: u64) -> bool {
    bytes.abs_diff(whole) <= whole / 10
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found
}

/// What files take on disk, in blocks of 4 KiB. One may go while they are counted.
fn disk_bytes(folder: &Path) -> u64 {
    let bytes = |path: &PathBuf| fs::metadata(path).map_or(0, |m| m.len().next_multiple_of(4096));
    files(folder).iter().map(bytes).sum()
}

/// What is done to a stored file.
type Damage = fn(&mut Vec<u8>);

#[test]
fn what_was_read_once_is_not_sent_again() {
    let (server, folder) = (Server::new(file(1)), tempfile::tempdir().unwrap());
    let first = read_all(open(&server.url, folder.path(), 1 << 30), 1);
    assert!(first.received_bytes > 3_000_000);
    let (sent, requests) = (server.sent_bytes(), server.requests());
    let second = read_all(open(&server.url, folder.path(), 1 << 30), 1);
    // One question whether it is still the same.
    assert_eq!((server.sent_bytes() - sent, server.requests() - requests), (0, 1));
    assert_eq!((second.received_bytes, second.requests), (0, 1));
    assert!(second.cached_bytes > 3_000_000, "{second:?}");
    assert_eq!((second.cache_misfits, second.cache_failures), (0, 0));
}

#[test]
fn another_version_is_never_taken_for_the_first() {
    let (server, folder) = (Server::new(file(1)), tempfile::tempdir().unwrap());
    let whole = read_all(open(&server.url, folder.path(), 1 << 30), 1).received_bytes;
    server.replace(file(2));
    let counters = read_all(open(&server.url, folder.path(), 1 << 30), 2);
    assert!(is_about(counters.received_bytes, whole), "{counters:?}, of {whole}");
    // Another address is another file, whatever its ETag.
    let other = Server::new(file(3));
    read_all(open(&other.url, folder.path(), 1 << 30), 3);
    assert_eq!(read_all(open(&server.url, folder.path(), 1 << 30), 2).received_bytes, 0);
}

#[test]
fn damage_on_disk_is_noticed_and_costs_a_read() {
    let (server, folder) = (Server::new(file(1)), tempfile::tempdir().unwrap());
    let whole = read_all(open(&server.url, folder.path(), 1 << 30), 1).received_bytes;
    let is_whole = |bytes| is_about(bytes, whole);
    let damages: [(&str, Damage); 5] = [
        ("a bit flipped in the middle", |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        }),
        ("the first byte", |bytes| bytes[0] ^= 0x80),
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("nothing", Vec::clear),
        ("zeros", |bytes| bytes.fill(0)),
    ];
    for (what, damage) in damages {
        let content = |path: &PathBuf| path.to_string_lossy().contains("content-v2");
        for path in files(folder.path()).iter().filter(|path| content(path)) {
            let mut bytes = fs::read(path).unwrap();
            damage(&mut bytes);
            fs::write(path, bytes).unwrap();
        }
        let counters = read_all(open(&server.url, folder.path(), 1 << 30), 1);
        assert!(counters.cache_misfits > 5, "{what}: {counters:?}");
        assert!(is_whole(counters.received_bytes), "{what}: {counters:?}");
        let again = read_all(open(&server.url, folder.path(), 1 << 30), 1);
        assert_eq!(again.cache_misfits, 0, "{what}");
        assert!(again.received_bytes <= whole / 10, "{what}: {again:?}");
    }
    // Pieces that change places: each knows its own name.
    let content = |path: &PathBuf| path.to_string_lossy().contains("content-v2");
    let pieces: Vec<PathBuf> = files(folder.path()).into_iter().filter(content).collect();
    let first = fs::read(&pieces[0]).unwrap();
    for pair in pieces.windows(2) {
        fs::copy(&pair[1], &pair[0]).unwrap();
    }
    fs::write(pieces.last().unwrap(), first).unwrap();
    assert!(is_whole(read_all(open(&server.url, folder.path(), 1 << 30), 1).received_bytes));
    // An index of garbage, text or not, is an empty one.
    let index = |path: &PathBuf| path.to_string_lossy().contains("index-v5");
    for flip in [0x15, 0xFF] {
        for path in files(folder.path()).iter().filter(|path| index(path)) {
            let mut bytes = fs::read(path).unwrap();
            for byte in bytes.iter_mut().skip(5).step_by(7) {
                *byte ^= flip;
            }
            fs::write(path, bytes).unwrap();
        }
        assert!(is_whole(read_all(open(&server.url, folder.path(), 1 << 30), 1).received_bytes));
        let again = read_all(open(&server.url, folder.path(), 1 << 30), 1);
        assert!(again.received_bytes <= whole / 10, "{again:?}");
    }
}

#[test]
fn a_cache_keeps_within_its_bytes() {
    let (server, folder) = (Server::new(file(1)), tempfile::tempdir().unwrap());
    for bytes_max in [0, 100_000, 700_000, 2_000_000, 600_000] {
        let archive = open(&server.url, folder.path(), bytes_max);
        for id in 0..ENTRIES {
            archive.read(id * 7 % ENTRIES).unwrap();
            let there = disk_bytes(folder.path());
            assert!(there <= bytes_max, "{there} bytes of {bytes_max}");
        }
        let counters = read_all(archive, 1);
        assert!(disk_bytes(folder.path()) <= bytes_max);
        assert_eq!((counters.cache_misfits, counters.cache_failures), (0, 0));
        if bytes_max > 200_000 {
            assert!(disk_bytes(folder.path()) > bytes_max / 2, "most of it is used");
        }
    }
}

#[test]
fn two_may_share_a_cache_and_the_second_only_reads_it() {
    let (server, folder) = (Server::new(file(1)), tempfile::tempdir().unwrap());
    let writer = open(&server.url, folder.path(), 1 << 30);
    for id in 0..ENTRIES / 2 {
        writer.read(id).unwrap();
    }
    // What was read last may still be on its way to the disk.
    let mut files_then = Vec::new();
    while files_then.len() != files(folder.path()).len() {
        files_then = files(folder.path());
        thread::sleep(Duration::from_millis(200));
    }
    let reader = open(&server.url, folder.path(), 1 << 30);
    let counters = read_all(reader, 1);
    assert!(counters.cached_bytes > 1_000_000 && counters.received_bytes > 500_000);
    assert_eq!(files(folder.path()).len(), files_then.len());
    // The first one throws away what the second one still counts on.
    let reader = open(&server.url, folder.path(), 1 << 30);
    drop(writer);
    drop(open(&server.url, folder.path(), 0));
    let counters = read_all(reader, 1);
    assert!(counters.cache_misfits > 0, "{counters:?}");
    // With nobody else there, the next one writes.
    read_all(open(&server.url, folder.path(), 1 << 30), 1);
    assert_eq!(read_all(open(&server.url, folder.path(), 1 << 30), 1).received_bytes, 0);
}

/// What the killed process is told: an address and a folder.
const CHILD: &str = "FARPLANE_CACHE_CHILD";
const CHILD_BYTES: u64 = 2_000_000;

#[test]
fn a_killed_process_leaves_a_cache_that_works() {
    if let Ok(told) = std::env::var(CHILD) {
        let (url, folder) = told.split_once(' ').unwrap();
        let archive = open(url, Path::new(folder), CHILD_BYTES);
        for id in (0..ENTRIES).cycle() {
            archive.read(id * 7 % ENTRIES).unwrap();
        }
    }
    let (server, folder) = (Server::new(file(1)), tempfile::tempdir().unwrap());
    // Every kill takes seconds of syncing: `FARPLANE_KILLS=200` for more of them.
    let kills = std::env::var("FARPLANE_KILLS").ok().and_then(|count| count.parse().ok());
    for kill in 0..kills.unwrap_or(6) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_leaves_a_cache_that_works"])
            .env(CHILD, format!("{} {}", server.url, folder.path().display()))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let before = server.requests();
        while server.requests() < before + 3 + kill % 12 * 3 {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(kill as u64 % 12 * 2));
        child.kill().unwrap();
        child.wait().unwrap();
        let counters = read_all(open(&server.url, folder.path(), CHILD_BYTES), 1);
        assert_eq!(counters.cache_failures, 0, "after kill {kill}");
        let there = disk_bytes(folder.path());
        assert!(there <= CHILD_BYTES, "{there} bytes after kill {kill}");
    }
}

#[test]
fn nothing_of_the_users_is_touched_and_a_bad_folder_is_named() {
    let (server, folder) = (Server::new(file(1)), tempfile::tempdir().unwrap());
    for name in ["tmp", "content-v2"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("thesis.txt"), "all of it").unwrap();
    }
    read_all(open(&server.url, folder.path(), 100_000), 1);
    for name in ["tmp", "content-v2"] {
        assert!(folder.path().join(name).join("thesis.txt").exists(), "{name}");
    }
    let bad = folder.path().join("tmp/thesis.txt");
    let cache = Some(CacheOptions { folder: bad.clone(), bytes_max: 1 << 20 });
    let options = RemoteOptions { cache, ..RemoteOptions::default() };
    let error = Archive::open_remote(&server.url, options).unwrap_err();
    assert!(matches!(error, RemoteError::Cache { .. }));
    let text = error.to_string();
    assert!(text.contains("thesis.txt") && text.contains("give another folder"), "{text}");
}
