//! A small HTTP server of one file, which speaks enough of S3, and can be as bad as any.
#![allow(dead_code, missing_docs)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Well,
    Status(u16),
    /// A status, and a Retry-After of so many seconds.
    Later(u16, u32),
    /// Half of the body, then the connection ends.
    CutOff,
    /// Nothing, for longer than anybody waits.
    Silence,
    /// As if it knew no ranges: 200 and all of the file.
    Whole,
    /// The range a byte further on, and says so.
    Shifted,
    /// Says that it is all of the range, and gives half of it.
    Short,
}

/// A server of one file. Answers come from a list, one a request; when it is over, all is well.
pub struct Server {
    pub url: String,
    pub shared: Arc<Shared>,
}

pub struct Shared {
    file: Mutex<Arc<Vec<u8>>>,
    answers: Mutex<Vec<Answer>>,
    pub version: AtomicUsize,
    /// The second at which the file was changed.
    pub modified: AtomicUsize,
    /// Whether it gives ETags, and dates.
    pub e_tags: AtomicBool,
    pub dates: AtomicBool,
    /// Whether it takes notice of If-Match and If-None-Match.
    pub conditions: AtomicBool,
    pub requests: AtomicUsize,
    pub sent_bytes: AtomicUsize,
    /// Request lines and signatures.
    pub seen: Mutex<Vec<String>>,
    closing: AtomicBool,
}

impl Server {
    pub fn new(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/folder/world.far", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            file: Mutex::new(Arc::new(file)),
            answers: Mutex::default(),
            version: AtomicUsize::new(1),
            modified: AtomicUsize::new(1),
            e_tags: AtomicBool::new(true),
            dates: AtomicBool::new(true),
            conditions: AtomicBool::new(true),
            requests: AtomicUsize::new(0),
            sent_bytes: AtomicUsize::new(0),
            seen: Mutex::default(),
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

    /// Where it listens, without the file.
    pub fn endpoint(&self) -> String {
        self.url.strip_suffix("/folder/world.far").unwrap().to_owned()
    }

    /// The next requests are answered like this.
    pub fn answers(&self, answers: &[Answer]) {
        *self.shared.answers.lock().unwrap() = answers.iter().rev().copied().collect();
    }

    /// Puts another version in the file's place.
    pub fn replace(&self, file: Vec<u8>) {
        *self.shared.file.lock().unwrap() = Arc::new(file);
        self.shared.version.fetch_add(1, Ordering::SeqCst);
        self.shared.modified.fetch_add(1, Ordering::SeqCst);
    }

    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    pub fn sent_bytes(&self) -> usize {
        self.shared.sent_bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        let address = self.url["http://".len()..].split('/').next().unwrap();
        let _ = TcpStream::connect(address);
    }
}

/// What the server reads of a request.
#[derive(Default)]
struct Request {
    range: Option<(usize, usize)>,
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Request {
    fn read(reader: &mut impl BufRead, seen: &Mutex<Vec<String>>) -> Option<Self> {
        let (mut request, mut line, mut first) = (Self::default(), String::new(), true);
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let lower = line.trim().to_ascii_lowercase();
            if std::mem::take(&mut first) || lower.starts_with("authorization: ") {
                seen.lock().unwrap().push(line.trim().to_owned());
            }
            if let Some(value) = lower.strip_prefix("range: bytes=") {
                let (first, last) = value.split_once('-')?;
                request.range = Some((first.parse().ok()?, last.parse().ok()?));
            } else if let Some(value) = lower.strip_prefix("if-match: ") {
                request.if_match = Some(value.to_owned());
            } else if let Some(value) = lower.strip_prefix("if-none-match: ") {
                request.if_none_match = Some(value.to_owned());
            } else if lower.is_empty() {
                return Some(request);
            }
        }
    }
}

impl Shared {
    /// Requests of one connection, until it ends.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut stream = stream;
        loop {
            let request = Request::read(&mut reader, &self.seen)?;
            self.requests.fetch_add(1, Ordering::SeqCst);
            let mut answer = self.answers.lock().unwrap().pop().unwrap_or(Answer::Well);
            let e_tag = format!("\"{}\"", self.version.load(Ordering::SeqCst));
            if self.conditions.load(Ordering::SeqCst) {
                if request.if_match.is_some_and(|wanted| wanted != e_tag) {
                    answer = Answer::Status(412);
                }
                if request.if_none_match.is_some_and(|known| known == e_tag) {
                    answer = Answer::Status(304);
                }
            }
            match answer {
                Answer::Silence => {
                    thread::sleep(Duration::from_secs(3));
                    return None;
                }
                Answer::Status(status) => {
                    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").ok()?;
                }
                Answer::Later(status, seconds) => write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nRetry-After: {seconds}\r\n\r\n"
                )
                .ok()?,
                _ => self.send(&mut stream, answer, request.range?, &e_tag)?,
            }
        }
    }

    /// An answer with bytes; `None` when the connection ends with it.
    fn send(
        &self,
        stream: &mut TcpStream,
        answer: Answer,
        (first, last): (usize, usize),
        e_tag: &str,
    ) -> Option<()> {
        let file = Arc::clone(&*self.file.lock().unwrap());
        let size = file.len();
        let (first, end) = match answer {
            Answer::Whole => (0, size),
            Answer::Shifted => (first + 1, (last + 2).min(size)),
            _ => (first, (last + 1).min(size)),
        };
        let mut body = &file[first..end];
        if answer == Answer::Short {
            body = &body[..body.len() / 2];
        }
        let status = if answer == Answer::Whole { "200 OK" } else { "206 Partial Content" };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len()).ok()?;
        if answer != Answer::Whole {
            write!(stream, "Content-Range: bytes {first}-{}/{size}\r\n", end - 1).ok()?;
        }
        if self.e_tags.load(Ordering::SeqCst) {
            write!(stream, "ETag: {e_tag}\r\n").ok()?;
        }
        if self.dates.load(Ordering::SeqCst) {
            let second = self.modified.load(Ordering::SeqCst);
            write!(stream, "Last-Modified: Sat, 01 Jan 2000 00:00:{second:02} GMT\r\n").ok()?;
        }
        write!(stream, "\r\n").ok()?;
        self.sent_bytes.fetch_add(body.len(), Ordering::SeqCst);
        if answer == Answer::CutOff {
            stream.write_all(&body[..body.len() / 2]).ok()?;
            return None;
        }
        stream.write_all(body).ok()
    }
}
