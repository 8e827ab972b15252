//! Queues that read for real, from files that fail: what a request sees of it.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    Backend, BufferPool, Completion, HeapPool, QueueOptions, ReadErrorKind, ReadQueue, ReadRequest,
    open_queue,
};
use crate::archive::{Archive, ArchiveBuilder};
use crate::filter::Filter;
use crate::mmap::Map;
use crate::pack;

/// An archive whose reads go to `file`.
fn archive_of(file: File) -> Archive {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&[7; 20_000], Filter::None)).unwrap();
    let map = Map::of_bytes_beside(&builder.finish().0, file).unwrap();
    Archive::of_map(PathBuf::from("<faulty>"), map).unwrap()
}

/// The queue, unless this machine has no such backend.
fn open(
    archive: &Archive,
    backend: Backend,
    options: QueueOptions,
) -> Option<Box<dyn ReadQueue + Send>> {
    let chosen = open_queue(archive, backend, options, Arc::new(HeapPool::default())).unwrap();
    (chosen.queue.backend() == backend.name()).then_some(chosen.queue)
}

/// A pipe that has a name, and its end to write to: a read of it waits for bytes.
fn pipe(folder: &tempfile::TempDir) -> (File, File) {
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    // For both: or opening one would wait for the other.
    let writer = File::options().read(true).write(true).open(&path).unwrap();
    (File::open(&path).unwrap(), writer)
}

fn poll_until(queue: &mut dyn ReadQueue, count: usize) -> Vec<Completion> {
    let (deadline, mut out) = (Instant::now() + Duration::from_secs(20), Vec::new());
    while out.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} have come", out.len());
        queue.poll(0, &mut out);
        std::thread::sleep(Duration::from_millis(1));
    }
    out
}

#[test]
fn a_device_that_fails_ends_its_requests_with_the_systems_error_one_by_one() {
    const EIO: i32 = 5;
    for backend in [Backend::Pread, Backend::Uring] {
        // The process' memory: nothing is mapped at its beginning, and to read that is an EIO.
        let archive = archive_of(File::open("/proc/self/mem").unwrap());
        let Some(mut queue) = open(&archive, backend, QueueOptions::default()) else {
            eprintln!("skipped: no {backend:?} here");
            continue;
        };
        // Neighbours: their shared read fails, then each alone.
        for id in 0..8 {
            queue.submit(ReadRequest::new(id, 4096 + id * 1000, 1000), 0).unwrap();
        }
        let mut done = poll_until(&mut *queue, 8);
        done.sort_by_key(|done| done.id);
        for (id, done) in (0..).zip(&done) {
            let error = done.result.as_ref().unwrap_err();
            assert_eq!((error.id, error.offset, error.len), (id, 4096 + id * 1000, 1000));
            assert!(
                matches!(error.kind, ReadErrorKind::Io { os_error: Some(EIO), .. }),
                "{backend:?}: {error}"
            );
        }
        assert_eq!((queue.in_flight(), queue.counters().failed), (0, 8));
    }
}

#[test]
fn a_file_without_places_is_an_error_of_positioned_reads() {
    const ESPIPE: i32 = 29;
    let folder = tempfile::tempdir().unwrap();
    let (reader, _writer) = pipe(&folder);
    let archive = archive_of(reader);
    let mut queue = open(&archive, Backend::Pread, QueueOptions::default()).unwrap();
    queue.submit(ReadRequest::new(1, 4096, 100), 0).unwrap();
    let done = poll_until(&mut *queue, 1);
    let error = done[0].result.as_ref().unwrap_err();
    assert!(matches!(error.kind, ReadErrorKind::Io { os_error: Some(ESPIPE), .. }), "{error}");
}

#[test]
fn a_read_that_does_not_come_is_given_up_and_its_buffer_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, mut writer) = pipe(&folder);
    let archive = archive_of(reader);
    let options = QueueOptions { stall_ns: 50_000_000, ..QueueOptions::default() };
    let Some(mut queue) = open(&archive, Backend::Uring, options) else {
        eprintln!("skipped: no io_uring here");
        return;
    };
    queue.submit(ReadRequest::new(1, 4096, 100), 0).unwrap();
    let done = poll_until(&mut *queue, 1);
    let error = done[0].result.as_ref().unwrap_err();
    let ReadErrorKind::Stalled { after_ns } = error.kind else { panic!("{error}") };
    assert!(after_ns >= options.stall_ns);
    assert!(queue.buffer_bytes() > 0, "the kernel may still write to it");
    // It comes at last: nobody waits for it, and the buffer goes home.
    writer.write_all(&[1; 100]).unwrap();
    queue.submit(ReadRequest::new(2, 4096, 300), 0).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    writer.write_all(&[2; 300]).unwrap();
    let done = poll_until(&mut *queue, 1);
    assert_eq!(done[0].id, 2);
    assert_eq!(done[0].result.as_ref().unwrap()[..], [2; 300]);
}

#[test]
fn what_is_being_read_when_a_queue_is_dropped_goes_back_to_its_pool() {
    const READS: u64 = 64;
    let folder = tempfile::tempdir().unwrap();
    let (reader, mut writer) = pipe(&folder);
    let archive = archive_of(reader);
    let options = QueueOptions { adapt: false, joined_bytes_max: 0, ..QueueOptions::default() };
    let pool = Arc::new(HeapPool::default());
    let chosen = open_queue(&archive, Backend::Uring, options, pool.clone()).unwrap();
    let mut queue = chosen.queue;
    if queue.backend() != "uring" {
        eprintln!("skipped: no io_uring here");
        return;
    }
    for id in 0..READS {
        queue.submit(ReadRequest::new(id, id * 100, 100), 0).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while queue.counters().reads < READS {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        for _ in 0..READS {
            writer.write_all(&[1; 100]).unwrap();
        }
        writer
    });
    drop(queue);
    drop(late.join().unwrap());
    assert_eq!(pool.bytes(), pool.idle_bytes() as u64, "what is not idle is lent");
}

#[test]
fn who_waits_behind_the_first_read_is_read_although_nobody_polls() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, mut writer) = pipe(&folder);
    let archive = archive_of(reader);
    let options = QueueOptions { joined_bytes_max: 0, ..QueueOptions::default() };
    let Some(mut queue) = open(&archive, Backend::Uring, options) else {
        eprintln!("skipped: no io_uring here");
        return;
    };
    for id in 0..2 {
        queue.submit(ReadRequest::new(id, id * 100, 100), 0).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while queue.counters().reads < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let reads = queue.counters().reads;
    writer.write_all(&[1; 200]).unwrap();
    poll_until(&mut *queue, 2);
    assert_eq!(reads, 2, "the first has not answered for long");
}
