//! One file on a server: ranges of it, from disk where they are kept, else from the network.

use std::error::Error as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};
use tokio::task::JoinSet;

use super::RemoteError;
use super::disk_cache::DiskCache;
use super::options::RemoteOptions;
use super::transport::{self, NotTheRange};
use crate::queue::ReadErrorKind;

/// The most that one request of an archive that is being opened asks for, and that memory is taken for
/// before it comes.
const PIECE_BYTES: u64 = 16 << 20;

/// What reading from a server has cost so far, over all that reads from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteCounters {
    /// Requests sent, those that were tried again included.
    pub requests: u64,
    /// Bytes of files that the server sent.
    pub received_bytes: u64,
    /// Bytes that came from the disk cache instead.
    pub cached_bytes: u64,
    /// Pieces that the disk cache gave up, since they were damaged or gone.
    pub cache_misfits: u64,
    /// Pieces that could not be written to the disk cache.
    pub cache_failures: u64,
}

/// A file on a server, shared by all that reads from it.
#[derive(Debug)]
pub(crate) struct Object {
    url: String,
    options: RemoteOptions,
    /// Which version of it was opened, once the server has answered.
    version: OnceLock<Version>,
    cache: Option<DiskCache>,
    requests: Arc<AtomicU64>,
    received_bytes: AtomicU64,
    cached_bytes: AtomicU64,
}

/// What a server tells of a version of a file.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub e_tag: Option<String>,
    /// Milliseconds since 1970, and 0 where the server does not say; `None` where it was not asked.
    pub modified_ms: Option<i64>,
    pub file_bytes: u64,
}

impl Version {
    fn of(meta: &ObjectMeta) -> Self {
        Self {
            e_tag: meta.e_tag.clone(),
            modified_ms: Some(meta.last_modified.timestamp_millis()),
            file_bytes: meta.size,
        }
    }

    fn strong_e_tag(&self) -> Option<&String> {
        self.e_tag.as_ref().filter(|e_tag| !e_tag.starts_with("W/"))
    }

    /// Whether nothing speaks against the two being the same. With a strong ETag the time does not
    /// count: servers that share their work may differ in it.
    fn may_be(&self, now: &Self) -> bool {
        let times = self.modified_ms.zip(now.modified_ms);
        self.file_bytes == now.file_bytes
            && self.e_tag == now.e_tag
            && (self.strong_e_tag().is_some() || times.is_none_or(|(first, now)| first == now))
    }
}

impl Object {
    pub(crate) fn new(url: &str, options: RemoteOptions) -> Result<Self, RemoteError> {
        let cache = options.cache.as_ref().map(|options| {
            DiskCache::open(options, url)
                .map_err(|source| RemoteError::Cache { folder: options.folder.clone(), source })
        });
        Ok(Self {
            url: url.to_owned(),
            cache: cache.transpose()?,
            options,
            version: OnceLock::new(),
            requests: Arc::default(),
            received_bytes: AtomicU64::new(0),
            cached_bytes: AtomicU64::new(0),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn counters(&self) -> RemoteCounters {
        let cache = self.cache.as_ref();
        let (cache_misfits, cache_failures) = cache.map_or((0, 0), DiskCache::troubles);
        RemoteCounters {
            requests: self.requests.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            cached_bytes: self.cached_bytes.load(Ordering::Relaxed),
            cache_misfits,
            cache_failures,
        }
    }

    /// Bytes of the file, as the server counts them; `None` before its first answer.
    pub(crate) fn file_bytes(&self) -> Option<u64> {
        self.version.get().map(|version| version.file_bytes)
    }

    fn take_version(&self, version: Version) {
        if let Some(cache) = &self.cache {
            cache.select(&version);
        }
        let _ = self.version.set(version);
    }
}

/// A connection to a file on a server. It belongs to one runtime.
#[derive(Debug)]
pub(crate) struct Source {
    object: Arc<Object>,
    store: Box<dyn ObjectStore>,
    path: Path,
    /// Writes to the disk cache.
    keeping: Mutex<JoinSet<()>>,
}

impl Source {
    pub(crate) fn new(object: &Arc<Object>) -> Result<Self, RemoteError> {
        let (store, path) = transport::connect(&object.url, &object.options, &object.requests)?;
        Ok(Self { object: Arc::clone(object), store, path, keeping: Mutex::default() })
    }

    /// A range of which the file may hold less, which may be as long as the server or the archive
    /// claims: memory grows with what comes. The first one tells which version there is; what is kept
    /// on disk of that version is not sent again.
    pub(crate) async fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>, ReadErrorKind> {
        let object = &self.object;
        if object.version.get().is_none() {
            let kept = object.cache.as_ref().and_then(DiskCache::newest);
            let if_none_match = kept.as_ref().and_then(|version| version.e_tag.clone());
            let options = GetOptions { if_none_match, ..self.options(range.clone()) };
            match (self.store.get_opts(&self.path, options).await, kept) {
                (Err(Error::NotModified { .. }), Some(kept)) => object.take_version(kept),
                (Ok(answer), _) => {
                    object.take_version(Version::of(&answer.meta));
                    let got = answer.range.clone();
                    let mut bytes = vec![0; (got.end - got.start) as usize];
                    self.receive(answer, &mut bytes).await?;
                    self.keep(got.start, &bytes);
                    return Ok(bytes);
                }
                (Err(error), _) => return Err(kind_of(&error)),
            }
        }
        let end = object.file_bytes().map_or(range.end, |file_bytes| range.end.min(file_bytes));
        let mut bytes = Vec::new();
        let mut at = range.start.min(end);
        while at < end {
            let (arrived, until) = (bytes.len(), end.min(at + PIECE_BYTES));
            bytes.resize(arrived + (until - at) as usize, 0);
            self.read(at..until, &mut bytes[arrived..]).await?;
            at = until;
        }
        Ok(bytes)
    }

    /// A range of which all is needed: what is kept of it from disk, the rest from the server.
    pub(crate) async fn read(
        &self,
        range: Range<u64>,
        out: &mut [u8],
    ) -> Result<(), ReadErrorKind> {
        let mut at = range.start;
        let slot = |from: u64, to: u64| (from - range.start) as usize..(to - range.start) as usize;
        for (offset, bytes) in self.kept(&range).await {
            if offset > at {
                self.get(at..offset, &mut out[slot(at, offset)]).await?;
                self.keep(at, &out[slot(at, offset)]);
            }
            at = offset + bytes.len() as u64;
            out[slot(offset, at)].copy_from_slice(&bytes);
            self.object.cached_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        if at < range.end {
            self.get(at..range.end, &mut out[slot(at, range.end)]).await?;
            self.keep(at, &out[slot(at, range.end)]);
        }
        Ok(())
    }

    /// What the disk cache holds of a range, in order and without overlaps.
    async fn kept(&self, range: &Range<u64>) -> Vec<(u64, Vec<u8>)> {
        if self.object.cache.is_none() {
            return Vec::new();
        }
        let (object, range) = (Arc::clone(&self.object), range.clone());
        let read = move || object.cache.as_ref().map_or(Vec::new(), |cache| cache.read(range));
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    /// Hands bytes to the disk cache, on another thread. Nobody waits for it before the end.
    fn keep(&self, offset: u64, bytes: &[u8]) {
        if self.object.cache.as_ref().is_some_and(DiskCache::keeps) {
            let (object, bytes) = (Arc::clone(&self.object), bytes.to_vec());
            let mut keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
            while keeping.try_join_next().is_some() {}
            keeping.spawn_blocking(move || {
                if let Some(cache) = &object.cache {
                    cache.write(offset, &bytes);
                }
            });
        }
    }

    /// Waits until all that is to be kept is on disk.
    pub(crate) async fn finish(&self) {
        let mut keeping =
            std::mem::take(&mut *self.keeping.lock().unwrap_or_else(PoisonError::into_inner));
        while keeping.join_next().await.is_some() {}
    }

    /// A range from the server.
    async fn get(&self, range: Range<u64>, out: &mut [u8]) -> Result<(), ReadErrorKind> {
        let options = self.options(range);
        let answer = self.store.get_opts(&self.path, options).await.map_err(|e| kind_of(&e))?;
        self.receive(answer, out).await
    }

    async fn receive(&self, answer: GetResult, out: &mut [u8]) -> Result<(), ReadErrorKind> {
        // Servers that do not know If-Match tell at least what they have.
        let first = self.object.version.get();
        if first.is_some_and(|first| !first.may_be(&Version::of(&answer.meta))) {
            return Err(ReadErrorKind::Changed);
        }
        let told = answer.range.end - answer.range.start;
        let mut pieces = answer.into_stream();
        let mut arrived = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| kind_of(&error))?;
            self.object.received_bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            let rest = out.get_mut(arrived..arrived + piece.len());
            // More than was asked for is as wrong as less.
            rest.ok_or(ReadErrorKind::NotTheRange { status: 206 })?.copy_from_slice(&piece);
            arrived += piece.len();
        }
        match arrived as u64 {
            _ if arrived == out.len() => Ok(()),
            arrived if arrived == told => Err(ReadErrorKind::Truncated),
            _ => Err(ReadErrorKind::NotTheRange { status: 206 }),
        }
    }

    fn options(&self, range: Range<u64>) -> GetOptions {
        let range = Some(GetRange::Bounded(range));
        // A weak one never matches: that the answer has the same is all that can be asked for.
        let if_match = self.object.version.get().and_then(Version::strong_e_tag).cloned();
        GetOptions { range, if_match, ..GetOptions::default() }
    }
}

fn kind_of(error: &Error) -> ReadErrorKind {
    match error {
        Error::Precondition { .. } | Error::NotModified { .. } => ReadErrorKind::Changed,
        Error::NotFound { .. } => ReadErrorKind::Remote { status: Some(404) },
        Error::PermissionDenied { .. } => ReadErrorKind::Remote { status: Some(403) },
        Error::Unauthenticated { .. } => ReadErrorKind::Remote { status: Some(401) },
        _ => {
            let mut cause = error.source();
            while let Some(error) = cause {
                if let Some(NotTheRange { status }) = error.downcast_ref() {
                    return ReadErrorKind::NotTheRange { status: *status };
                }
                cause = error.source();
            }
            ReadErrorKind::Remote { status: None }
        }
    }
}
