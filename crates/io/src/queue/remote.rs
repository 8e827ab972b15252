//! Reads over HTTP and from S3, with object_store.
//!
//! One thread runs all requests. What passes (a time-out, a lost connection, 429, 5xx) is tried again
//! by object_store with exponential back-off, within [`RemoteOptions`]; a request that backs off
//! keeps its place among those in flight, so that a server which asks for patience gets it. Every
//! request carries the ETag of the first answer: once the server has another version of the archive,
//! reads fail with `Changed` and never mix the two.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, Error, GetOptions, GetRange, ObjectStore, RetryConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::front::{Shared, Threaded};
use super::pool::BufferPool;
use super::scheduler::{DeviceRead, ReadToken, Scheduler};
use super::{OptionsError, QueueOptions, ReadBuffer, ReadErrorKind};
use crate::archive::{Archive, ArchiveError, RemoteIndex};

/// How patiently to ask a server.
#[derive(Clone, Copy, Debug)]
pub struct RemoteOptions {
    /// How long one attempt may take. Default 20 s. Short: large reads over slow lines never end;
    /// long: a lost connection is noticed late.
    pub attempt_timeout: Duration,
    /// Times that a request is tried again. Default 6. 0 fails at once.
    pub retries_max: usize,
    /// After which no request is tried again. Default 60 s.
    pub retry_time_max: Duration,
    /// First pause before trying again; each is at most twice the last. Default 100 ms.
    pub pause_min: Duration,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(20),
            retries_max: 6,
            retry_time_max: Duration::from_secs(60),
            pause_min: Duration::from_millis(100),
        }
    }
}

impl QueueOptions {
    /// Limits for a server: a request costs what 256 KiB take, a quarter of what is read may be for
    /// nothing, and answers may take two minutes with all their attempts.
    #[must_use]
    pub fn remote() -> Self {
        Self {
            reads_max: 16,
            request_cost_bytes: 256 << 10,
            skipped_percent_max: 25,
            stall_ns: 120_000_000_000,
            ..Self::default()
        }
    }
}

/// Why an archive on a server cannot be opened.
#[derive(Debug)]
pub enum RemoteError {
    /// The address makes no sense.
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server did not give a range.
    Read {
        /// The address.
        url: String,
        /// The range.
        range: Range<u64>,
        /// Why.
        kind: ReadErrorKind,
    },
    /// What it gave is no archive.
    Archive {
        /// The address.
        url: String,
        /// Why.
        error: ArchiveError,
    },
    /// A limit is out of range.
    Options(OptionsError),
    /// The system refuses a thread.
    System(io::Error),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, why } => {
                let url = url.escape_debug();
                write!(f, "{url}: {why}; give http://, https:// or s3://BUCKET/KEY")
            }
            Self::Read { url, range, kind } => {
                let (first, last) = (range.start, range.end);
                write!(f, "{url}: bytes {first} to {last} could not be read: {kind}")
            }
            Self::Archive { url, error } => write!(f, "{url}: {error}"),
            Self::Options(error) => error.fmt(f),
            Self::System(error) => write!(f, "cannot start the thread that reads: {error}"),
        }
    }
}

impl std::error::Error for RemoteError {}

/// Opens the archive at `url` (`http://`, `https://`, or `s3://BUCKET/KEY` with the environment's
/// credentials) and a queue of reads from it.
///
/// It takes one request, or two where the directory does not fit into the front of the file; every
/// entry is then one request away.
///
/// # Errors
/// When the address, the server, the archive or a limit is wrong.
pub fn open_remote(
    url: &str,
    options: QueueOptions,
    remote: RemoteOptions,
    pool: Arc<dyn BufferPool>,
) -> Result<(Archive, RemoteQueue), RemoteError> {
    let runtime =
        Builder::new_current_thread().enable_all().build().map_err(RemoteError::System)?;
    let mut source = Source::new(url, &remote)?;
    let mut index = RemoteIndex::new();
    while let Some(wanted) = index.wants().or_else(|| index.rest()) {
        let range = wanted.offset..wanted.offset + wanted.bytes;
        let bytes = runtime.block_on(source.fetch(range.clone()));
        let bytes = bytes.map_err(|kind| RemoteError::Read { url: url.to_owned(), range, kind })?;
        index
            .supply(wanted.offset, &bytes)
            .map_err(|error| RemoteError::Archive { url: url.to_owned(), error })?;
    }
    let archive = index.into_archive(PathBuf::from(url)).map_err(|_| RemoteError::Archive {
        url: url.to_owned(),
        error: ArchiveError::NotAnArchive { path: PathBuf::from(url) },
    })?;
    let queue = RemoteQueue::start(runtime, source, archive.file_bytes(), options, pool)?;
    Ok((archive, queue))
}

/// Reads from a server: made by [`open_remote`]. It owns its thread, which ends with it; what is in
/// flight then is dropped.
#[derive(Debug)]
pub struct RemoteQueue {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    shared: Shared,
    source: Source,
    work: Notify,
}

impl RemoteQueue {
    fn start(
        runtime: Runtime,
        source: Source,
        file_bytes: u64,
        options: QueueOptions,
        pool: Arc<dyn BufferPool>,
    ) -> Result<Self, RemoteError> {
        let scheduler = Scheduler::new(options, file_bytes, 1).map_err(RemoteError::Options)?;
        let (shared, work) = (Shared::new(scheduler, pool), Notify::new());
        let inner = Arc::new(Inner { shared, source, work });
        let serving = Arc::clone(&inner);
        let builder = thread::Builder::new().name("farplane-remote".to_owned());
        let thread = builder.spawn(move || {
            if let Some(on_start) = options.on_start {
                on_start(0);
            }
            runtime.block_on(serve(serving));
        });
        Ok(Self { inner, thread: Some(thread.map_err(RemoteError::System)?) })
    }
}

impl Threaded for RemoteQueue {
    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn rouse(&self) {
        self.inner.work.notify_one();
    }

    fn name(&self) -> &'static str {
        "remote"
    }
}

impl Drop for RemoteQueue {
    fn drop(&mut self) {
        self.inner.shared.lock().closing = true;
        self.inner.work.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread does.
async fn serve(inner: Arc<Inner>) {
    let mut requests: JoinSet<(ReadToken, Result<ReadBuffer, ReadErrorKind>)> = JoinSet::new();
    let mut reads = Vec::new();
    loop {
        // In a scope of its own: nobody waits with the lock in hand.
        {
            let mut state = inner.shared.lock();
            if state.closing {
                return;
            }
            while let Some(read) = state.scheduler.issue(inner.shared.now_ns()) {
                reads.push(read);
            }
            (state.sleeping, state.roused) = (1, false);
        }
        for read in reads.drain(..) {
            let inner = Arc::clone(&inner);
            requests.spawn(async move { (read.token, inner.read(read).await) });
        }
        tokio::select! {
            () = inner.work.notified() => {}
            Some(Ok(result)) = requests.join_next() => inner.shared.complete([result]),
        }
    }
}

impl Inner {
    async fn read(&self, read: DeviceRead) -> Result<ReadBuffer, ReadErrorKind> {
        let mut buffer = self.shared.pool.take(read.len).ok_or(ReadErrorKind::OutOfMemory)?;
        let range = read.offset..read.offset + read.needed as u64;
        let result = self.source.read(range, &mut buffer[..read.needed]).await;
        let buffer = ReadBuffer::lent(buffer, &self.shared.pool);
        result.map(|()| buffer)
    }
}

/// One object on a server.
#[derive(Debug)]
struct Source {
    store: Box<dyn ObjectStore>,
    path: Path,
    /// Of the first answer.
    e_tag: Option<String>,
}

impl Source {
    fn new(url: &str, options: &RemoteOptions) -> Result<Self, RemoteError> {
        let fail = |why: String| RemoteError::Url { url: url.to_owned(), why };
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| fail("it has no scheme".to_owned()))?;
        let (host, path) =
            rest.split_once('/').ok_or_else(|| fail("it names no file".to_owned()))?;
        let retry = RetryConfig {
            backoff: object_store::BackoffConfig {
                init_backoff: options.pause_min,
                max_backoff: options.retry_time_max,
                base: 2.0,
            },
            max_retries: options.retries_max,
            retry_timeout: options.retry_time_max,
        };
        let client = ClientOptions::new()
            .with_timeout(options.attempt_timeout)
            .with_connect_timeout(options.attempt_timeout)
            .with_allow_http(scheme == "http");
        let store: Result<Box<dyn ObjectStore>, Error> = match scheme {
            "http" | "https" => HttpBuilder::new()
                .with_url(format!("{scheme}://{host}"))
                .with_client_options(client)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as Box<dyn ObjectStore>),
            "s3" => AmazonS3Builder::from_env()
                .with_bucket_name(host)
                .with_client_options(client)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as Box<dyn ObjectStore>),
            other => return Err(fail(format!("nothing reads {other}://"))),
        };
        let store = store.map_err(|error| fail(error.to_string()))?;
        let path = Path::from_url_path(path).map_err(|error| fail(error.to_string()))?;
        Ok(Self { store, path, e_tag: None })
    }

    /// A range of which the file may hold less; the first one tells the ETag.
    async fn fetch(&mut self, range: Range<u64>) -> Result<Vec<u8>, ReadErrorKind> {
        let options = self.options(range);
        let answer = self.store.get_opts(&self.path, options).await.map_err(|e| kind_of(&e))?;
        self.check(answer.meta.e_tag.as_deref())?;
        self.e_tag = self.e_tag.take().or_else(|| answer.meta.e_tag.clone());
        let bytes = answer.bytes().await.map_err(|error| kind_of(&error))?;
        Ok(bytes.to_vec())
    }

    /// A range of which all is needed.
    async fn read(&self, range: Range<u64>, out: &mut [u8]) -> Result<(), ReadErrorKind> {
        let options = self.options(range);
        let answer = self.store.get_opts(&self.path, options).await.map_err(|e| kind_of(&e))?;
        self.check(answer.meta.e_tag.as_deref())?;
        let mut pieces = answer.into_stream();
        let mut arrived = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| kind_of(&error))?;
            let rest = out.get_mut(arrived..arrived + piece.len());
            // More than was asked for is as wrong as less.
            rest.ok_or(ReadErrorKind::Truncated)?.copy_from_slice(&piece);
            arrived += piece.len();
        }
        if arrived == out.len() { Ok(()) } else { Err(ReadErrorKind::Truncated) }
    }

    fn options(&self, range: Range<u64>) -> GetOptions {
        let range = Some(GetRange::Bounded(range));
        GetOptions { range, if_match: self.e_tag.clone(), ..GetOptions::default() }
    }

    /// Servers that do not know If-Match tell at least what they have.
    fn check(&self, e_tag: Option<&str>) -> Result<(), ReadErrorKind> {
        match self.e_tag.as_deref() {
            Some(first) if e_tag.is_some_and(|now| now != first) => Err(ReadErrorKind::Changed),
            _ => Ok(()),
        }
    }
}

fn kind_of(error: &Error) -> ReadErrorKind {
    match error {
        Error::Precondition { .. } | Error::NotModified { .. } => ReadErrorKind::Changed,
        Error::NotFound { .. } => ReadErrorKind::Remote { status: Some(404) },
        Error::PermissionDenied { .. } => ReadErrorKind::Remote { status: Some(403) },
        Error::Unauthenticated { .. } => ReadErrorKind::Remote { status: Some(401) },
        _ => ReadErrorKind::Remote { status: None },
    }
}
