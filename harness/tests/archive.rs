//! `harness archive` as a user runs it, on a small world.
#![allow(missing_docs)]

mod common;

use common::{fails, small_world, succeeds};
use farplane::io::Archive;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A copy of the small world.
    fn world(&self, name: &str) -> String {
        fs::copy(small_world(), self.path(name)).unwrap();
        self.at(name)
    }
}

#[test]
fn a_patch_is_listed_applied_and_compacted_away() {
    let desk = Desk::new();
    let (old, new, notes) = (desk.world("old.far"), desk.world("new.far"), desk.at("notes.txt"));
    fs::write(&notes, "seen from above").unwrap();
    let id = Archive::open(small_world()).unwrap().entries() + 3;
    let [first, second] = [0, 1].map(|more| format!("{}={notes}", id + more));
    let section = format!("notes={notes}");
    let name = format!("{id}=notes/first");
    let told = succeeds(&[
        "archive",
        "append",
        &new,
        "--entry",
        &first,
        "--entry",
        &second,
        "--section",
        &section,
        "--name",
        &name,
    ]);
    assert!(told.contains("generation 3"), "{told}");
    assert!(told.contains("1 of them duplicates"), "{told}");

    let listed = succeeds(&["archive", "diff", &old, &new]);
    assert!(listed.contains(&format!("+ entry {id}: 15 bytes")), "{listed}");
    assert!(listed.contains("+ section 'notes': 15 bytes"), "{listed}");
    assert!(listed.contains("3 changes, 1 names"), "{listed}");

    succeeds(&["archive", "append", &old, "--from", &new]);
    let listed = succeeds(&["archive", "diff", &old, &new]);
    assert!(listed.contains("0 changes, 0 names"), "{listed}");
    let again = succeeds(&["archive", "append", &old, "--from", &new]);
    assert!(again.contains("already"), "{again}");

    let out = desk.at("out.txt");
    succeeds(&["archive", "extract", &old, "--name", "notes/first", "-o", &out]);
    assert_eq!(fs::read(&out).unwrap(), b"seen from above");
    succeeds(&["archive", "extract", &old, "--section", "notes", "-o", &out]);
    assert_eq!(fs::read(&out).unwrap(), b"seen from above");
    let error = fails(&["archive", "extract", &old, "--name", "none", "-o", &out], 1);
    assert!(error.contains("no entry is called 'none'"), "{error}");

    succeeds(&["archive", "compact", &old]);
    let listed = succeeds(&["archive", "diff", &old, &new]);
    assert!(listed.contains("0 changes, 0 names"), "{listed}");
    let shown = succeeds(&["inspect", &old]);
    assert!(shown.contains("0.00 MB dead") && shown.contains("1 entries, 0.00 MB"), "{shown}");
}

#[test]
fn a_bake_compacts_to_its_own_bytes() {
    let desk = Desk::new();
    let compacted = desk.path("c.far");
    let world = small_world().to_str().unwrap();
    succeeds(&["archive", "compact", world, "-o", compacted.to_str().unwrap()]);
    assert!(fs::read(small_world()).unwrap() == fs::read(compacted).unwrap());
}

#[test]
fn an_interrupted_append_is_told_and_mended() {
    let desk = Desk::new();
    let world = desk.world("w.far");
    let mut bytes = fs::read(&world).unwrap();
    bytes.extend(b"half of an entry");
    fs::write(&world, &bytes).unwrap();
    let output = common::harness(&["verify", &world]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("compact"), "{told}");
    succeeds(&["archive", "compact", &world]);
    assert!(succeeds(&["verify", &world]).contains("whole"));
}

#[test]
fn made_up_archives_are_whole_and_share_what_is_equal() {
    let desk = Desk::new();
    for (bytes, least) in [("1MB", 1_000_000), ("20MB", 20_000_000)] {
        let path = desk.at("s.far");
        succeeds(&["archive", "synth", "-o", &path, "--bytes", bytes]);
        assert!(fs::metadata(&path).unwrap().len() > least);
        assert!(succeeds(&["verify", &path]).contains("an archive without a world"));
        let shown = succeeds(&["inspect", &path]);
        assert!(shown.contains("in front"), "{shown}");
        let archive = Archive::open(desk.path("s.far").as_path()).unwrap();
        let space = archive.space();
        assert_eq!(space.duplicates, archive.entries() / 10);
        assert!(archive.verify(&mut |_, _| ()).unwrap().is_clean());
    }
}

#[test]
fn a_profile_that_this_build_lacks_is_refused() {
    if farplane::io::Profile::Small.is_available() {
        return;
    }
    let desk = Desk::new();
    let out = desk.at("s.far");
    let error = fails(&["bake", "-o", &out, "--size-m", "64", "--profile", "small"], 2);
    assert!(error.contains("zstd"), "{error}");
}
