//! Reads from a server: a small one of this test's own that can be as bad as any.
#![cfg(feature = "remote")]

#[path = "model/mod.rs"]
mod model;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use farplane_io::{
    Archive, ArchiveBuilder, Backend, Completion, Device, FaultPlan, Filter, HeapPool,
    QueueOptions, ReadErrorKind, ReadQueue, ReadRequest, RemoteError, RemoteOptions, RemoteQueue,
    SimQueue, open_queue, open_remote, pack,
};
use model::noise;

/// What the server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Well,
    Status(u16),
    /// Half of the body, then the connection ends.
    CutOff,
    /// Nothing, for longer than anybody waits.
    Silence,
}

/// A server of one file. Answers come from a list, one a request; when it is over, all is well.
struct Server {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    file: Vec<u8>,
    answers: Mutex<Vec<Answer>>,
    version: AtomicUsize,
    /// Whether it takes notice of If-Match.
    conditions: AtomicBool,
    requests: AtomicUsize,
    sent_bytes: AtomicUsize,
    closing: AtomicBool,
}

impl Server {
    fn new(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/folder/world.far", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            file,
            answers: Mutex::default(),
            version: AtomicUsize::new(1),
            conditions: AtomicBool::new(true),
            requests: AtomicUsize::new(0),
            sent_bytes: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.closing.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.serve(stream));
            }
        });
        Self { url, shared }
    }

    /// The next requests are answered like this.
    fn answers(&self, answers: &[Answer]) {
        *self.shared.answers.lock().unwrap() = answers.iter().rev().copied().collect();
    }

    fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        let address = self.url["http://".len()..].split('/').next().unwrap();
        let _ = TcpStream::connect(address);
    }
}

impl Shared {
    /// Requests of one connection, until it ends.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut stream = stream;
        loop {
            let (mut range, mut condition, mut line) = (None, None, String::new());
            loop {
                line.clear();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let lower = line.trim().to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("range: bytes=") {
                    let (first, last) = value.split_once('-')?;
                    range = Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?));
                } else if let Some(value) = lower.strip_prefix("if-match: ") {
                    condition = Some(value.to_owned());
                } else if lower.is_empty() {
                    break;
                }
            }
            self.requests.fetch_add(1, Ordering::SeqCst);
            let answer = self.answers.lock().unwrap().pop().unwrap_or(Answer::Well);
            let e_tag = format!("\"{}\"", self.version.load(Ordering::SeqCst));
            let conditions = self.conditions.load(Ordering::SeqCst);
            let changed = conditions && condition.is_some_and(|wanted| wanted != e_tag);
            let answer = if changed { Answer::Status(412) } else { answer };
            if answer == Answer::Silence {
                thread::sleep(Duration::from_secs(3));
                return None;
            }
            if let Answer::Status(status) = answer {
                write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").ok()?;
                continue;
            }
            let size = self.file.len();
            let (first, last) = range?;
            let end = (last + 1).min(size);
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nETag: {e_tag}\r\n\
                 Content-Range: bytes {first}-{}/{size}\r\n\
                 Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\n",
                end - first,
                end - 1
            )
            .ok()?;
            let body = &self.file[first..end];
            self.sent_bytes.fetch_add(body.len(), Ordering::SeqCst);
            if answer == Answer::CutOff {
                stream.write_all(&body[..body.len() / 2]).ok()?;
                return None;
            }
            stream.write_all(body).ok()?;
        }
    }
}

/// 40 entries of 20,000 bytes.
fn file() -> Vec<u8> {
    let mut builder = ArchiveBuilder::new();
    for id in 0..40 {
        builder.add(id, &pack(&noise(id + 1, 20_000), Filter::None)).unwrap();
    }
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
    let before = server.shared.sent_bytes.load(Ordering::SeqCst);
    let ids: Vec<u32> = (0..40).filter(|id| id % 5 != 4).collect();
    for &id in &ids {
        queue.submit(request(&archive, id), 0).unwrap();
    }
    let done = drain(&mut queue);
    assert!(done.iter().all(|done| done.result.is_ok()));
    let wanted: usize = done.iter().map(|done| done.result.as_ref().unwrap().len()).sum();
    let sent = server.shared.sent_bytes.load(Ordering::SeqCst) - before;
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
