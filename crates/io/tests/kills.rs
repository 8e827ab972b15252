//! `kill -9` while an archive is written, appended to and compacted: nothing that was committed is
//! lost. `FARPLANE_KILLS=200 cargo test --release -p farplane-io --test kills -- --nocapture` kills
//! each 200 times; a plain run, 6 times. Of 50 kills and more, some must have hit the middle of the work.
#![cfg(unix)]

mod model;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use farplane_io::{Archive, ArchiveWriter, Filter, compact, pack, verify};
use model::noise;

const ENTRIES: u32 = 120;

fn kills() -> u64 {
    std::env::var("FARPLANE_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(6)
}

/// What entry `id` holds in a generation: each changes a third.
fn content(id: u32, generation: u64) -> Vec<u8> {
    let changed = (0..=generation).rev().find(|g| g % 3 == u64::from(id) % 3).unwrap_or(0);
    noise(id * 1000 + changed as u32, 20_000 + id as usize * 100)
}

fn add(writer: &mut ArchiveWriter, generation: u64, all: bool) {
    for id in (0..ENTRIES).filter(|id| all || generation % 3 == u64::from(id % 3)) {
        writer.add(id, &pack(&content(id, generation), Filter::None)).unwrap();
    }
    writer.section(*b"number\0\0", &generation.to_le_bytes()).unwrap();
}

fn generation_of(archive: &Archive) -> u64 {
    u64::from_le_bytes(archive.section(*b"number\0\0").unwrap().try_into().unwrap())
}

fn assert_whole(path: &Path) -> u64 {
    let archive = Archive::open(path).unwrap();
    let generation = generation_of(&archive);
    for id in 0..ENTRIES {
        assert_eq!(archive.read(id).unwrap(), content(id, generation), "entry {id}");
    }
    assert!(verify(path, &mut |_, _| {}).unwrap().is_whole());
    generation
}

/// Length and time of what was left half done, if anything was: a `.part` file, or an archive with
/// bytes behind its end.
fn half_done(path: &Path) -> Option<(u64, SystemTime)> {
    let archive_bytes = Archive::open(path).unwrap().file_bytes();
    let file = std::fs::metadata(path).unwrap();
    let part = std::fs::metadata(path.with_extension("far.part"));
    let left = part.ok().or((file.len() > archive_bytes).then_some(file))?;
    Some((left.len(), left.modified().unwrap()))
}

/// The process that is killed: does its work again and again, and says each time it is done.
#[test]
#[ignore = "run by the other tests of this file"]
fn victim() {
    let Ok(work) = std::env::var("FARPLANE_VICTIM") else { return };
    let path = std::env::var_os("FARPLANE_ARCHIVE").expect("a path");
    let path = Path::new(&path);
    println!("begun");
    loop {
        let committed = match work.as_str() {
            "write" => {
                let generation = generation_of(&Archive::open(path).unwrap()) + 1;
                let mut writer = ArchiveWriter::for_entries(path, ENTRIES).unwrap();
                add(&mut writer, generation, true);
                writer.finish().unwrap();
                generation
            }
            "append" => {
                let generation = generation_of(&Archive::open(path).unwrap()) + 1;
                let mut writer = ArchiveWriter::append(path).unwrap();
                add(&mut writer, generation, false);
                writer.finish().unwrap();
                generation
            }
            _ => {
                compact(path, path, &mut |_, _| {}).unwrap();
                generation_of(&Archive::open(path).unwrap())
            }
        };
        println!("committed {committed}");
    }
}

fn kill_during(work: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.far");
    let mut writer = ArchiveWriter::for_entries(&path, ENTRIES).unwrap();
    add(&mut writer, 0, true);
    writer.finish().unwrap();
    let (mut survived_old, mut survived_new, mut in_the_middle) = (0, 0, 0);
    for round in 0..kills() {
        if work == "compact" {
            // Something to throw away.
            let generation = generation_of(&Archive::open(&path).unwrap()) + 1;
            let mut writer = ArchiveWriter::append(&path).unwrap();
            add(&mut writer, generation, false);
            writer.finish().unwrap();
        } else if std::fs::metadata(&path).unwrap().len() > 64 << 20 {
            compact(&path, &path, &mut |_, _| {}).unwrap();
        }
        let before = assert_whole(&path);
        let left_before = half_done(&path);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--ignored", "--nocapture"])
            .env("FARPLANE_VICTIM", work)
            .env("FARPLANE_ARCHIVE", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = out.lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains("begun")));
        // From before its first byte to some commits later.
        std::thread::sleep(Duration::from_micros(round * 7919 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let committed = lines.filter_map(|l| l.strip_prefix("committed ")?.parse::<u64>().ok());
        let committed = committed.last().unwrap_or(before);
        let left = half_done(&path);
        in_the_middle += u64::from(left.is_some() && left != left_before);
        let after = assert_whole(&path);
        assert!(after >= committed, "round {round}: {committed} was committed, {after} is there");
        survived_old += u64::from(after == before);
        survived_new += u64::from(after > before);
    }
    let kills = kills();
    println!(
        "{work}: {kills} kills, {in_the_middle} in the middle; {survived_old} left as it was, \
         {survived_new} newer"
    );
    assert!(kills < 50 || in_the_middle > 0, "no kill hit the middle of {work}");
}

#[test]
fn kill_during_write_loses_nothing_that_was_committed() {
    kill_during("write");
}

#[test]
fn kill_during_append_loses_nothing_that_was_committed() {
    kill_during("append");
}

#[test]
fn kill_during_compaction_loses_nothing_that_was_committed() {
    kill_during("compact");
}
