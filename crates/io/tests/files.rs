//! Archives in files: what a path can lead to, and how a write can end.

mod model;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use farplane_io::{
    Archive, ArchiveBuilder, ArchiveError, ArchiveWriter, ENTRIES_MAX, Filter, RUN_ALIGN_BYTES,
    compact, pack, patch, verify,
};
use model::noise;

const WORLD: [u8; 8] = *b"world\0\0\0";

fn write(path: &Path, text: &[u8]) -> farplane_io::Summary {
    let mut writer = ArchiveWriter::create(path).unwrap();
    writer.section(WORLD, text).unwrap();
    writer.begin_run();
    writer.add(1, &pack(&text.repeat(1000), Filter::None)).unwrap();
    writer.add(0, &pack(text, Filter::None)).unwrap();
    writer.finish().unwrap()
}

/// The message, which is one line and names the path.
fn refused(path: &Path) -> String {
    let message = Archive::open(path).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert_eq!(verify(path, &mut |_, _| {}).unwrap_err().to_string(), message);
    message
}

#[test]
fn file_holds_what_the_builder_gives_for_the_same_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.far");
    let summary = write(&path, b"hello");
    let mut builder = ArchiveBuilder::new();
    builder.section(WORLD, b"hello").unwrap();
    builder.begin_run();
    builder.add(1, &pack(&b"hello".repeat(1000), Filter::None)).unwrap();
    builder.add(0, &pack(b"hello", Filter::None)).unwrap();
    assert_eq!((fs::read(&path).unwrap(), summary), builder.finish());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no .part file is left");

    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.path(), path);
    assert_eq!(archive.read(0).unwrap(), b"hello");
    assert_eq!(archive.section(WORLD).unwrap(), b"hello");
    let mut last = (0, 0);
    let report = verify(&path, &mut |done, total| {
        assert!(done >= last.0);
        last = (done, total);
    })
    .unwrap();
    assert!(report.is_clean());
    assert_eq!(last, (summary.file_bytes, summary.file_bytes));
}

#[test]
fn what_is_no_archive_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.far");
    assert!(refused(&path).contains("no such file"));
    fs::write(&path, b"").unwrap();
    assert!(refused(&path).contains("empty"));
    fs::write(&path, b"short").unwrap();
    assert!(refused(&path).contains("5 bytes are too few"));
    fs::write(&path, b"a long text ".repeat(1000)).unwrap();
    assert!(refused(&path).contains("not a farplane archive"));
    fs::write(&path, vec![0; 10_000]).unwrap();
    assert!(refused(&path).contains("unfinished"));
    assert!(refused(folder.path()).contains("not a regular file"));

    write(&path, b"hello");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(refused(&path).contains("truncated"));
    // The one root that both superblocks of a new archive name.
    let mut bad = good.clone();
    bad[8192] ^= 1;
    fs::write(&path, &bad).unwrap();
    assert!(refused(&path).contains("directory is damaged"));
}

#[test]
fn missing_section_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.far");
    write(&path, b"hello");
    let error = Archive::open(&path).unwrap().section(*b"tiles\0\0\0").unwrap_err();
    assert!(error.to_string().contains("no section 'tiles'"));
}

#[test]
fn dropped_writer_leaves_nothing_and_keeps_the_old_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.far");
    write(&path, b"old");
    let mut writer = ArchiveWriter::create(&path).unwrap();
    writer.add(0, &pack(b"new", Filter::None)).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.read(0).unwrap(), b"old");

    write(&path, b"new");
    assert_eq!(archive.read(0).unwrap(), b"old", "an open archive keeps its bytes");
    assert_eq!(Archive::open(&path).unwrap().read(0).unwrap(), b"new");
}

#[test]
fn killed_writer_leaves_a_part_that_does_not_open_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.far");
    let part = folder.path().join("k.far.part");
    let mut writer = ArchiveWriter::create(&path).unwrap();
    // More than the writer buffers, so that it reaches the file.
    let noise = noise(7, 3 << 20);
    writer.add(0, &pack(&noise, Filter::None)).unwrap();
    // What a kill leaves behind is a copy of the file as it is now.
    let left = fs::read(&part).unwrap();
    assert!(left.len() > 1 << 20);
    drop(writer);
    fs::write(&part, &left).unwrap();
    assert!(refused(&part).contains("unfinished"));
    assert!(refused(&path).contains("no such file"));

    let summary = write(&path, b"again");
    assert_eq!(fs::metadata(&path).unwrap().len(), summary.file_bytes);
    assert!(!part.exists());
}

#[test]
fn second_writer_of_the_same_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l.far");
    let first = ArchiveWriter::create(&path).unwrap();
    assert!(matches!(ArchiveWriter::create(&path), Err(ArchiveError::InUse { .. })));
    first.finish().unwrap();
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.entries(), 0);
    assert!(ArchiveWriter::create(&path).is_ok());
}

#[test]
fn unwritable_folder_is_named_with_the_answer_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("a.far");
    match ArchiveWriter::create(&path) {
        Err(error @ ArchiveError::Io { .. }) => {
            let message = error.to_string();
            assert!(message.contains("missing"), "{message}");
            assert!(message.contains("os error"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_is_named_and_nothing_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.far");
    // /dev/full takes every open and fails every write with ENOSPC.
    std::os::unix::fs::symlink("/dev/full", folder.path().join("f.far.part")).unwrap();
    let mut writer = ArchiveWriter::create(&path).unwrap();
    let noise = noise(7, 3 << 20);
    let error = writer.add(0, &pack(&noise, Filter::None)).unwrap_err().to_string();
    assert!(error.contains("f.far.part") && error.contains("os error 28"), "{error}");
    assert!(matches!(
        writer.add(1, &pack(b"x", Filter::None)),
        Err(ArchiveError::Abandoned { .. })
    ));
    assert!(matches!(writer.finish(), Err(ArchiveError::Abandoned { .. })));
    assert!(!path.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    std::os::unix::fs::symlink("/dev/full", folder.path().join("f.far.part")).unwrap();
    let writer = ArchiveWriter::create(&path).unwrap();
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("os error 28"), "{error}");
    assert!(!path.exists());
}

#[test]
fn wrong_calls_are_refused_and_change_nothing() {
    let mut builder = ArchiveBuilder::new();
    let packed = pack(b"x", Filter::None);
    builder.add(2, &packed).unwrap();
    builder.section(WORLD, b"w").unwrap();
    assert!(matches!(builder.add(2, &packed), Err(ArchiveError::DuplicateEntry { id: 2 })));
    assert!(matches!(
        builder.add(ENTRIES_MAX, &packed),
        Err(ArchiveError::EntryId { id: ENTRIES_MAX })
    ));
    assert!(matches!(builder.section(WORLD, b"v"), Err(ArchiveError::DuplicateSection { .. })));
    let names = *b".names\0\0";
    assert!(matches!(builder.section(names, b"v"), Err(ArchiveError::ReservedSection { .. })));
    assert!(matches!(builder.remove(2), Err(ArchiveError::DuplicateEntry { id: 2 })));
    assert!(matches!(builder.remove(7), Err(ArchiveError::NoEntry { id: 7 })));
    let mut expected = ArchiveBuilder::new();
    expected.add(2, &packed).unwrap();
    expected.section(WORLD, b"w").unwrap();
    assert_eq!(builder.finish(), expected.finish());
}

#[test]
fn the_last_section_is_kept_for_names_as_soon_as_there_are_any() {
    let numbered = |index: u64| index.to_le_bytes();
    let fill = |builder: &mut ArchiveBuilder, count: u64| {
        (0..count).for_each(|index| builder.section(numbered(index), b"x").unwrap());
    };
    let too_many = |result: Result<(), ArchiveError>| {
        assert!(matches!(result, Err(ArchiveError::TooManySections)), "{result:?}");
    };
    // Names first.
    let mut builder = ArchiveBuilder::new();
    builder.name(0, "named").unwrap();
    fill(&mut builder, 1023);
    too_many(builder.section(numbered(1023), b"x"));
    let (bytes, summary) = builder.finish();
    assert_eq!(summary.sections, 1024);
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    assert_eq!(archive.names().unwrap().find("named"), Some(0));
    // They have their place already.
    let mut builder = ArchiveBuilder::append(bytes).unwrap();
    builder.name(1, "another").unwrap();
    builder.section(numbered(5), b"y").unwrap();
    too_many(builder.section(numbered(1023), b"x"));
    assert_eq!(builder.finish().1.sections, 1024);
    // Sections first.
    let mut builder = ArchiveBuilder::new();
    fill(&mut builder, 1024);
    too_many(builder.name(0, "named"));
    too_many(builder.section(numbered(1024), b"x"));
    assert_eq!(builder.finish().1.sections, 1024);
}

#[test]
fn archive_and_buffers_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Archive>();
    crosses::<farplane_io::ReadBuffer>();
    crosses::<farplane_io::Packed>();
}

/// Entries 0 to 39 in runs of 8, each with a content of its own in each version.
fn versioned(writer: &mut ArchiveWriter, version: u32, ids: impl Iterator<Item = u32>) {
    for id in ids {
        if id % 8 == 0 {
            writer.begin_run();
        }
        let bytes = noise(version * 100 + id, 500 + (id + version) as usize * 37);
        writer.add(id, &pack(&bytes, Filter::None)).unwrap();
    }
}

#[test]
fn compaction_of_a_patched_archive_gives_the_bytes_of_one_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = (folder.path().join("p.far"), folder.path().join("w.far"));
    let write = |path: &Path, version: u32| {
        let mut writer = ArchiveWriter::for_entries(path, 40).unwrap();
        versioned(&mut writer, version, 0..40);
        writer.begin_run();
        writer.section(WORLD, &version.to_le_bytes()).unwrap();
        writer.name(3, "three").unwrap();
        writer.finish().unwrap()
    };
    write(&path, 1);
    let written = write(&whole, 2);
    let new = Archive::open(&whole).unwrap();
    let (diff, summary) = patch(&path, &new).unwrap();
    assert_eq!((diff.changes.len(), summary.generation), (41, 3));
    assert_eq!(summary.content_hash, written.content_hash);
    assert!(summary.dead_bytes > 40 * 500);
    assert!(verify(&path, &mut |_, _| {}).unwrap().is_clean());
    let compacted = compact(&path, &path, &mut |_, _| {}).unwrap();
    assert_eq!(compacted.summary, written);
    assert!(fs::read(&path).unwrap() == fs::read(&whole).unwrap());
}

#[test]
fn compaction_leaves_no_more_than_a_fresh_write_takes() {
    let folder = tempfile::tempdir().unwrap();
    let (path, fresh) = (folder.path().join("p.far"), folder.path().join("f.far"));
    let mut writer = ArchiveWriter::for_entries(&path, 40).unwrap();
    versioned(&mut writer, 1, 0..40);
    writer.finish().unwrap();
    // Generations that replace, take away, and go beyond what the first had room for.
    let mut writer = ArchiveWriter::append(&path).unwrap();
    versioned(&mut writer, 9, 10..20);
    (20..30).for_each(|id| writer.remove(id).unwrap());
    writer.finish().unwrap();
    let mut writer = ArchiveWriter::append(&path).unwrap();
    versioned(&mut writer, 3, 3000..3100);
    writer.finish().unwrap();

    let compacted = compact(&path, &path, &mut |_, _| {}).unwrap().summary;
    let mut writer = ArchiveWriter::for_entries(&fresh, 3100).unwrap();
    for (version, ids) in [(1, 0..10), (9, 10..20), (1, 30..40), (3, 3000..3100)] {
        versioned(&mut writer, version, ids);
    }
    let written = writer.finish().unwrap();
    assert_eq!(compacted.content_hash, written.content_hash);
    assert_eq!(compacted.dead_bytes, 0);
    // Runs begin at every eighth id; an entry that lay on a boundary by chance begins one more, and
    // the end of the file is padded too.
    let runs = 130 / 8 + 2;
    let most = written.file_bytes + runs * RUN_ALIGN_BYTES;
    assert!(compacted.file_bytes <= most, "{} > {most}", compacted.file_bytes);
    assert_eq!(fs::metadata(&path).unwrap().len(), compacted.file_bytes);
}

#[test]
fn append_that_is_dropped_leaves_the_file_as_it_was_and_keeps_others_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.far");
    write(&path, b"old");
    let before = fs::read(&path).unwrap();
    let mut writer = ArchiveWriter::append(&path).unwrap();
    assert!(matches!(ArchiveWriter::append(&path), Err(ArchiveError::InUse { .. })));
    assert!(matches!(compact(&path, &path, &mut |_, _| {}), Err(ArchiveError::InUse { .. })));
    writer.add(5, &pack(&noise(1, 3 << 20), Filter::None)).unwrap();
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), before);
    // An open reader keeps its generation while others append.
    let archive = Archive::open(&path).unwrap();
    for text in [b"new".as_slice(), b"newer"] {
        let mut writer = ArchiveWriter::append(&path).unwrap();
        writer.add(0, &pack(text, Filter::None)).unwrap();
        writer.finish().unwrap();
    }
    assert_eq!(archive.read(0).unwrap(), b"old");
    assert_eq!(Archive::open(&path).unwrap().read(0).unwrap(), b"newer");
}

#[test]
fn nothing_is_read_before_the_lock_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("l.far"), folder.path().join("o.far"));
    write(&path, b"old");
    write(&other, b"new");
    let new = Archive::open(&other).unwrap();
    let _writer = ArchiveWriter::append(&path).unwrap();
    // What is there while another writes is of no account: here, nothing that could be opened.
    let zeros = vec![0; fs::metadata(&path).unwrap().len() as usize];
    fs::write(&path, zeros).unwrap();
    assert!(matches!(compact(&path, &path, &mut |_, _| {}), Err(ArchiveError::InUse { .. })));
    assert!(matches!(patch(&path, &new), Err(ArchiveError::InUse { .. })));
    assert!(matches!(ArchiveWriter::append(&path), Err(ArchiveError::InUse { .. })));
}

/// Appends one generation after the other, each with entry 0 of its own and 6000 more, until
/// `is_over` says so; after each, `committed` is its number.
fn append_again_and_again(path: &Path, committed: &AtomicU32, is_over: &AtomicBool) {
    let mut number = 0u32;
    while !is_over.load(SeqCst) {
        let mut writer = match ArchiveWriter::append(path) {
            Err(ArchiveError::InUse { .. }) => continue,
            other => other.unwrap(),
        };
        number += 1;
        writer.add(0, &pack(&number.to_le_bytes(), Filter::None)).unwrap();
        for id in 1..6000 {
            // None of them changes, so that the file hardly grows.
            writer.add(id, &pack(b"the same", Filter::None)).unwrap();
        }
        writer.finish().unwrap();
        committed.store(number, SeqCst);
        // The other's turn, now and then.
        std::thread::sleep(Duration::from_millis(u64::from(number % 4)));
    }
}

/// Calls `work` while another appends, until it has succeeded 20 times.
fn while_another_appends(path: &Path, mut work: impl FnMut() -> Result<(), ArchiveError>) {
    let (committed, is_over) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| append_again_and_again(path, &committed, &is_over));
        let mut done = 0;
        let result = catch_unwind(AssertUnwindSafe(|| {
            while done < 20 {
                assert!(!other.is_finished(), "the other could not append");
                let at_least = committed.load(SeqCst);
                // Two commits while it is being opened, and its directory was written over.
                let Ok(archive) = Archive::open(path) else { continue };
                let entry = archive.read(0).unwrap();
                let there = u32::from_le_bytes(entry.try_into().unwrap());
                assert!(there >= at_least, "{at_least} was committed, {there} is there");
                match work() {
                    Err(ArchiveError::InUse { .. }) => {}
                    other => {
                        other.unwrap();
                        done += 1;
                    }
                }
            }
        }));
        is_over.store(true, SeqCst);
        result.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

#[test]
fn compaction_while_another_appends_loses_nothing_that_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.far");
    let mut writer = ArchiveWriter::for_entries(&path, 6000).unwrap();
    writer.add(0, &pack(&[0; 4], Filter::None)).unwrap();
    writer.finish().unwrap();
    while_another_appends(&path, || compact(&path, &path, &mut |_, _| {}).map(drop));
}

#[test]
fn patch_while_another_appends_leaves_exactly_what_the_new_one_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("p.far"), folder.path().join("n.far"));
    for path in [&path, &other] {
        let mut writer = ArchiveWriter::for_entries(path, 6000).unwrap();
        writer.add(0, &pack(&u32::MAX.to_le_bytes(), Filter::None)).unwrap();
        writer.finish().unwrap();
    }
    let new = Archive::open(&other).unwrap();
    while_another_appends(&path, || {
        let (_, summary) = patch(&path, &new)?;
        assert_eq!(summary.content_hash, new.content_hash());
        Ok(())
    });
}

/// Each append takes the slots of the directory before the last: two that end while a reader is
/// between superblock and directory take both from it.
#[test]
fn opens_while_it_is_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.far");
    write(&path, b"hello");
    /// Also when the writer panics: the reader is waited for.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut opened = 0;
            while !done.load(SeqCst) {
                assert_eq!(Archive::open(&path).unwrap().read(0).unwrap(), b"hello");
                opened += 1;
            }
            opened
        });
        let ends = Done(&done);
        for round in 0..300u32 {
            let mut writer = ArchiveWriter::append(&path).unwrap();
            writer.add(2 + round, &pack(&round.to_le_bytes(), Filter::None)).unwrap();
            writer.finish().unwrap();
        }
        drop(ends);
        assert!(reader.join().unwrap() > 0);
    });
}
