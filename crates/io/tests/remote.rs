//! Reads from a server: a small one of this test's own that can be as bad as any.
#![cfg(feature = "remote")]

#[path = "model/mod.rs"]
mod model;
#[path = "model/server.rs"]
mod server;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use farplane_io::{
    Archive, ArchiveBuilder, Backend, BlockErrorKind, Buffer, BufferPool, Completion, Device,
    FaultPlan, Filter, HeapPool, QueueOptions, ReadErrorKind, ReadQueue, ReadRequest, RemoteError,
    RemoteOptions, RemoteQueue, SimQueue, open_queue, open_remote, pack,
};
use model::noise;
use server::{Answer, Server};

/// 40 entries of 20,000 bytes.
fn file() -> Vec<u8> {
    let mut builder = ArchiveBuilder::new();
    for id in 0..40 {
        builder.add(id, &pack(&noise(id + 1, 20_000), Filter::None)).unwrap();
    }
    builder.section(*b"notes\0\0\0", b"of a server").unwrap();
    builder.finish().0
}

fn quick() -> RemoteOptions {
    RemoteOptions {
        attempt_timeout: Duration::from_millis(800),
        retries_max: 3,
        pause_min: Duration::from_millis(5),
        ..RemoteOptions::default()
    }
}

fn open(server: &Server) -> Result<(Archive, RemoteQueue), RemoteError> {
    open_remote(&server.url, QueueOptions::remote(), quick(), Arc::new(HeapPool::default()))
}

fn request(archive: &Archive, id: u32) -> ReadRequest {
    let extent = archive.extent(id).unwrap();
    ReadRequest::new(id.into(), extent.offset, extent.stored_bytes)
}

fn drain(queue: &mut RemoteQueue) -> Vec<Completion> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut out = Vec::new();
    while queue.in_flight() > 0 {
        assert!(Instant::now() < deadline, "{} requests never complete", queue.in_flight());
        queue.poll(0, &mut out);
        thread::sleep(Duration::from_millis(1));
    }
    out
}

/// What one read of an entry ends with.
fn read(server: &Server, answers: &[Answer]) -> Result<(), ReadErrorKind> {
    let (archive, mut queue) = open(server).unwrap();
    server.answers(answers);
    queue.submit(request(&archive, 3), 0).unwrap();
    let stored = drain(&mut queue).pop().unwrap().result.map_err(|error| error.kind)?;
    let mut out = vec![0; 20_000];
    archive.decode(3, &stored, &mut out, &mut Vec::new()).unwrap();
    assert_eq!(out, noise(4, 20_000));
    Ok(())
}

#[test]
fn any_entry_takes_two_requests() {
    let server = Server::new(file());
    let (archive, mut queue) = open(&server).unwrap();
    assert_eq!((server.requests(), archive.entries(), queue.backend()), (1, 40, "remote"));
    queue.submit(request(&archive, 33), 0).unwrap();
    let done = drain(&mut queue);
    assert_eq!(server.requests(), 2);
    let mut out = vec![0; 20_000];
    let stored = done[0].result.as_ref().unwrap();
    archive.decode(33, stored, &mut out, &mut Vec::new()).unwrap();
    assert_eq!(out, noise(34, 20_000));
}

#[test]
fn neighbours_share_requests_and_little_is_fetched_for_nothing() {
    let server = Server::new(file());
    let (archive, mut queue) = open(&server).unwrap();
    let before = server.sent_bytes();
    let ids: Vec<u32> = (0..40).filter(|id| id % 5 != 4).collect();
    for &id in &ids {
        queue.submit(request(&archive, id), 0).unwrap();
    }
    let done = drain(&mut queue);
    assert!(done.iter().all(|done| done.result.is_ok()));
    let wanted: usize = done.iter().map(|done| done.result.as_ref().unwrap().len()).sum();
    let sent = server.sent_bytes() - before;
    println!(
        "{sent} bytes sent for {wanted} wanted: over-fetch {:.3}",
        sent as f64 / wanted as f64 - 1.0
    );
    assert!(sent <= wanted * 5 / 4, "{sent} bytes for {wanted}");
    assert!(queue.counters().reads < ids.len() as u64 / 2, "{:?}", queue.counters());
}

#[test]
fn what_passes_is_tried_again() {
    let server = Server::new(file());
    for trouble in [
        Answer::Status(503),
        Answer::Status(429),
        Answer::Status(500),
        Answer::CutOff,
        Answer::Silence,
    ] {
        let before = server.requests();
        assert_eq!(read(&server, &[trouble]), Ok(()), "{trouble:?}");
        assert_eq!(server.requests() - before, 3, "the front, one in vain, one that counts");
    }
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let server = Server::new(file());
    for status in [429, 503] {
        let start = Instant::now();
        assert_eq!(read(&server, &[Answer::Later(status, 1)]), Ok(()), "{status}");
        let waited = start.elapsed();
        assert!(waited >= Duration::from_secs(1), "{status}: tried again after {waited:?}");
    }
    // But not for longer than it is worth.
    let patience = RemoteOptions { retry_time_max: Duration::from_millis(50), ..quick() };
    let queue = QueueOptions::remote();
    let pool = Arc::new(HeapPool::default());
    let (archive, mut queue) = open_remote(&server.url, queue, patience, pool).unwrap();
    server.answers(&[Answer::Later(503, 3600)]);
    queue.submit(request(&archive, 3), 0).unwrap();
    let error = drain(&mut queue).pop().unwrap().result.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Remote { status: None });
}

#[test]
fn a_server_without_ranges_is_told_from_one_that_is_down() {
    let server = Server::new(file());
    for (answer, status) in [(Answer::Whole, 200), (Answer::Shifted, 206), (Answer::Short, 206)] {
        let before = server.requests();
        assert_eq!(read(&server, &[answer]), Err(ReadErrorKind::NotTheRange { status }));
        assert_eq!(server.requests() - before, 2, "{answer:?} is not asked for again");
    }
    server.answers(&[Answer::Whole]);
    let error = open(&server).unwrap_err().to_string();
    assert!(error.contains("something else (status 200); take one that serves ranges"), "{error}");
}

#[test]
fn one_bad_answer_costs_the_requests_that_shared_it_nothing() {
    let server = Server::new(file());
    let (archive, mut queue) = open(&server).unwrap();
    server.answers(&[Answer::Shifted]);
    for id in 0..8 {
        queue.submit(request(&archive, id), 0).unwrap();
    }
    let done = drain(&mut queue);
    assert!(queue.counters().joined > 0);
    assert!(done.iter().all(|done| done.result.is_ok()), "{done:?}");
}

#[test]
fn what_does_not_pass_is_told_of_each_request() {
    let server = Server::new(file());
    let failed = |status| Err(ReadErrorKind::Remote { status });
    assert_eq!(read(&server, &[Answer::Status(503); 4]), failed(None));
    assert_eq!(read(&server, &[Answer::Status(404)]), failed(Some(404)));
    assert_eq!(read(&server, &[Answer::Status(403)]), failed(Some(403)));
}

#[test]
fn a_server_with_another_version_is_noticed() {
    for conditions in [true, false] {
        let server = Server::new(file());
        server.shared.conditions.store(conditions, Ordering::SeqCst);
        let (archive, mut queue) = open(&server).unwrap();
        server.shared.version.store(2, Ordering::SeqCst);
        queue.submit(request(&archive, 3), 0).unwrap();
        let error = drain(&mut queue).pop().unwrap().result.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Changed);
        assert!(error.to_string().contains("has changed; open it again"), "{error}");
    }
}

/// What a read ends with once `change` has been done to a server that gives ETags, and dates, or not.
fn read_after(e_tags: bool, dates: bool, change: impl Fn(&Server)) -> Result<(), ReadErrorKind> {
    let server = Server::new(file());
    server.shared.e_tags.store(e_tags, Ordering::SeqCst);
    server.shared.dates.store(dates, Ordering::SeqCst);
    let (archive, mut queue) = open(&server).unwrap();
    change(&server);
    queue.submit(request(&archive, 3), 0).unwrap();
    let result = drain(&mut queue).pop().unwrap().result;
    result.map(drop).map_err(|error| error.kind)
}

#[test]
fn what_else_tells_versions_apart_counts_too() {
    let changed = Err(ReadErrorKind::Changed);
    let touch = |server: &Server| server.shared.modified.store(2, Ordering::SeqCst);
    let grow = |server: &Server| server.replace([file(), vec![0; 4096]].concat());
    let no_tags = |server: &Server| server.shared.e_tags.store(false, Ordering::SeqCst);
    let tags = |server: &Server| server.shared.e_tags.store(true, Ordering::SeqCst);
    // Without ETags: the date, and the length.
    assert_eq!(read_after(false, true, |_| {}), Ok(()));
    assert_eq!(read_after(false, true, touch), changed);
    assert_eq!(read_after(false, false, grow), changed);
    // An ETag that comes or goes is another one.
    assert_eq!(read_after(true, true, no_tags), changed);
    assert_eq!(read_after(false, true, tags), changed);
    // Servers that share their work agree on ETags, not on dates.
    assert_eq!(read_after(true, true, touch), Ok(()));
    // With nothing to tell them apart, nothing is noticed here; the checksums of the blocks remain.
    let other = |server: &Server| server.replace(file());
    assert_eq!(read_after(false, false, other), Ok(()));
}

#[test]
fn a_silent_server_is_given_up() {
    let server = Server::new(file());
    let options = QueueOptions { stall_ns: 50_000_000, ..QueueOptions::remote() };
    let pool = Arc::new(HeapPool::default());
    let (archive, mut queue) = open_remote(&server.url, options, quick(), pool).unwrap();
    server.answers(&[Answer::Silence]);
    queue.submit(request(&archive, 3), 0).unwrap();
    let error = drain(&mut queue).pop().unwrap().result.unwrap_err();
    assert!(matches!(error.kind, ReadErrorKind::Stalled { .. }), "{error}");
}

#[test]
fn an_urgent_request_overtakes_the_others() {
    let server = Server::new(file());
    let options = QueueOptions { reads_max: 1, joined_bytes_max: 0, ..QueueOptions::remote() };
    let pool = Arc::new(HeapPool::default());
    let (archive, mut queue) = open_remote(&server.url, options, quick(), pool).unwrap();
    // The first one is on its way for a moment.
    server.answers(&[Answer::Status(503)]);
    for id in 0..30 {
        queue.submit(request(&archive, id).class(3), 0).unwrap();
    }
    queue.submit(request(&archive, 39).class(0), 0).unwrap();
    let order: Vec<u64> = drain(&mut queue).iter().map(|done| done.id).collect();
    assert!(order.iter().position(|&id| id == 39) <= Some(1), "{order:?}");
}

#[test]
fn an_archive_on_a_server_is_read_like_one_that_is_here() {
    let bytes = file();
    let here = Archive::from_bytes(bytes.clone()).unwrap();
    let server = Server::new(bytes.clone());
    let there = Archive::open_remote(&server.url, quick()).unwrap();
    assert!(here.is_here() && !there.is_here());
    assert_eq!(here.layout_hash(), there.layout_hash());
    let ids: Vec<u32> = (0..40).rev().collect();
    let before = server.requests();
    for (id, stored) in ids.iter().zip(there.stored_all(&ids).unwrap()) {
        assert_eq!(Some(&*stored), here.stored(*id), "{id}");
    }
    assert!(server.requests() - before < 10, "{} requests", server.requests() - before);
    assert_eq!(there.read(17).unwrap(), noise(18, 20_000));
    assert_eq!(there.section(*b"notes\0\0\0").unwrap(), b"of a server");
    assert_eq!(there.packed(5).unwrap(), here.packed(5).unwrap());
    let error = there.stored_all(&[3, 99]).unwrap_err();
    assert_eq!((error.entry, error.kind), (99, BlockErrorKind::Absent));
    let report = there.verify(&mut |_, _| {}).unwrap();
    assert_eq!(report, here.verify(&mut |_, _| {}).unwrap());
    assert!(report.is_clean());
    // What cannot be read is an error of that call, and the next one works.
    server.answers(&[Answer::Status(403)]);
    let kind = BlockErrorKind::Unread(ReadErrorKind::Remote { status: Some(403) });
    assert_eq!(there.read(17).unwrap_err().kind, kind);
    assert!(there.read(17).is_ok());
    // Damage on the server is found from here.
    let mut damaged = bytes;
    let at = here.extent(7).unwrap().offset as usize + 5000;
    damaged[at] ^= 4;
    let server = Server::new(damaged);
    let there = Archive::open_remote(&server.url, quick()).unwrap();
    let report = there.verify(&mut |_, _| {}).unwrap();
    assert_eq!(report.bad_blocks.iter().map(|bad| bad.entry).collect::<Vec<_>>(), [7]);
}

#[test]
fn a_directory_over_one_mebibyte_costs_one_request_more() {
    // 48 bytes an entry, 2.9 MB: what is asked for first holds 2 MiB.
    let mut builder = ArchiveBuilder::new();
    for id in 0..60_000u32 {
        builder.add(id, &pack(&id.to_le_bytes(), Filter::None)).unwrap();
    }
    let server = Server::new(builder.finish().0);
    let archive = Archive::open_remote(&server.url, quick()).unwrap();
    assert_eq!(archive.read(59_000).unwrap(), 59_000u32.to_le_bytes());
    let counters = archive.remote_counters().unwrap();
    println!("{} requests to an entry behind a directory of 2.9 MB", counters.requests);
    assert_eq!((server.requests(), counters.requests), (3, 3));
    assert_eq!(counters.received_bytes, server.sent_bytes() as u64);
}

#[test]
fn an_entry_of_any_size_is_read_from_its_server() {
    let bytes = noise(5, 65 << 20);
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&bytes, Filter::None)).unwrap();
    let server = Server::new(builder.finish().0);
    let archive = Archive::open_remote(&server.url, RemoteOptions::default()).unwrap();
    assert!(archive.extent(0).unwrap().stored_bytes as u64 > QueueOptions::remote().bytes_max);
    assert!(archive.read(0).unwrap() == bytes);
}

/// This test program again, in a process of its own that runs only that test.
fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
}

#[test]
fn s3_is_read_with_the_credentials_of_the_environment() {
    let url = "s3://bucket/worlds/world.far";
    if std::env::var_os("AWS_ENDPOINT").is_some() {
        let archive = Archive::open_remote(url, quick()).unwrap();
        assert_eq!(archive.read(33).unwrap(), noise(34, 20_000));
        return;
    }
    let server = Server::new(file());
    let environment = [
        ("AWS_ENDPOINT", server.endpoint()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "a-key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "a-secret".to_owned()),
        ("AWS_REGION", "eu-north-1".to_owned()),
    ];
    let test = "s3_is_read_with_the_credentials_of_the_environment";
    server.answers(&[Answer::Well, Answer::Status(503)]);
    let output = child(test).envs(environment).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let seen = server.shared.seen.lock().unwrap().clone();
    let lines = |start: &str| seen.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(lines("GET /bucket/worlds/world.far HTTP/1.1"), 3, "{seen:?}");
    let signed = seen.iter().filter(|line| line.contains("AWS4-HMAC-SHA256 Credential=a-key/"));
    assert!(signed.filter(|line| line.contains("/eu-north-1/s3/aws4_request")).count() == 3);
}

#[test]
fn every_way_to_read_gives_the_same_on_the_virtual_clock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world.far");
    std::fs::write(&path, file()).unwrap();
    let archive = Archive::open(&path).unwrap();
    let server = Server::new(file());
    let trace = |through: Option<Box<dyn ReadQueue + Send>>| {
        let mut queue = SimQueue::new(&archive, Device::Http, 1, FaultPlan::default());
        if let Some(real) = through {
            queue = queue.reading_through(real);
        }
        let mut out = Vec::new();
        for id in 0..40 {
            queue.submit(request(&archive, id * 7 % 40).class((id % 5) as u8), 0).unwrap();
            queue.poll(u64::from(id) * 5_000_000, &mut out);
        }
        queue.poll(u64::MAX / 2, &mut out);
        let bytes = |done: &Completion| done.result.as_ref().unwrap().to_vec();
        out.iter().map(|done| (done.id, done.completed_ns, bytes(done))).collect::<Vec<_>>()
    };
    let modelled = trace(None);
    assert_eq!(modelled.len(), 40);
    for backend in [Backend::Mmap, Backend::Pread, Backend::Uring] {
        let pool = Arc::new(HeapPool::default());
        let chosen = open_queue(&archive, backend, QueueOptions::default(), pool).unwrap();
        assert!(trace(Some(chosen.queue)) == modelled, "{}", chosen.reason);
    }
    let (_, queue) = open(&server).unwrap();
    assert!(trace(Some(Box::new(queue))) == modelled, "remote");
}

#[test]
fn what_cannot_be_opened_says_why() {
    let server = Server::new(file());
    let fail = |url: &str| {
        let pool = Arc::new(HeapPool::default());
        let error = open_remote(url, QueueOptions::remote(), quick(), pool).unwrap_err();
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };
    assert!(fail("world.far").contains("it has no scheme; give http://"));
    assert!(fail("ftp://host/world.far").contains("nothing reads ftp://"));
    assert!(fail("http://host").contains("it names no file"));
    server.answers(&[Answer::Status(404)]);
    assert!(fail(&server.url).contains("the server has no such file (status 404)"));
    let other = Server::new(noise(1, 50_000));
    assert!(fail(&other.url).contains("not a farplane archive"), "{}", fail(&other.url));
    let unreachable = fail("http://127.0.0.1:9/world.far");
    assert!(unreachable.contains("could not be reached"), "{unreachable}");
}

/// A pool that panics at the second buffer that it is asked for.
#[derive(Debug, Default)]
struct Panicking(AtomicUsize);

impl BufferPool for Panicking {
    fn take(&self, bytes: usize) -> Option<Buffer> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) != 1, "a panic that is asked for");
        Buffer::new(bytes)
    }

    fn put(&self, _: Buffer) {}

    fn bytes(&self) -> u64 {
        0
    }
}

#[test]
fn a_read_that_panics_fails_and_the_others_come() {
    let server = Server::new(file());
    let pool = Arc::new(Panicking::default());
    let options = QueueOptions { joined_bytes_max: 0, ..QueueOptions::remote() };
    let (archive, mut queue) = open_remote(&server.url, options, quick(), pool).unwrap();
    for id in 0..3 {
        queue.submit(request(&archive, id), 0).unwrap();
    }
    let done = drain(&mut queue);
    let failed: Vec<_> = done.iter().filter_map(|done| done.result.as_ref().err()).collect();
    assert_eq!((done.len(), failed.len()), (3, 1));
    // As with every other queue.
    assert_eq!(failed[0].kind, ReadErrorKind::OutOfMemory);
}
