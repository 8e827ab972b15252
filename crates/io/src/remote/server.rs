//! An archive on a server, read by callers that wait: what has to be there before anything streams.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::{Object, RemoteCounters, RemoteError, RemoteOptions, Source};
use crate::archive::{Archive, ArchiveError, RUN_ALIGN_BYTES, RemoteIndex};
use crate::queue::{
    Arrival, HeapPool, QueueOptions, ReadBuffer, ReadErrorKind, ReadQueue, ReadRequest, RemoteQueue,
};

/// The most that is read ahead for who reads from start to end.
const AHEAD_BYTES_MAX: u64 = 4 << 20;

/// After which a caller that waits looks by itself: what has stalled is not announced.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Where an archive on a server comes from: its own queue, for callers that wait.
pub(crate) struct Server {
    object: Arc<Object>,
    reader: Mutex<Reader>,
}

struct Reader {
    queue: RemoteQueue,
    arrived: Receiver<()>,
    /// What was read ahead, and where it begins.
    ahead: (u64, Vec<u8>),
}

impl Archive {
    /// Opens the archive at `url`: `http://`, `https://`, or `s3://BUCKET/KEY` with the environment's
    /// credentials (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, and
    /// `AWS_ALLOW_HTTP=true` for an endpoint without TLS).
    ///
    /// It takes one request, or where the directory does not fit into the front of the file two, and
    /// one more for each 16 MiB of it; every entry is then one request away. Streaming is for a
    /// [`RemoteQueue`](crate::RemoteQueue); [`read`](Self::read), [`section`](Self::section) and
    /// [`stored_all`](Self::stored_all) wait for the server.
    ///
    /// ```no_run
    /// use farplane_io::{
    ///     Archive, CacheOptions, HeapPool, QueueOptions, ReadQueue, ReadRequest, RemoteOptions,
    ///     RemoteQueue,
    /// };
    /// use std::sync::Arc;
    ///
    /// let cache = CacheOptions { folder: "cache".into(), bytes_max: 4 << 30 };
    /// let options = RemoteOptions { cache: Some(cache), ..RemoteOptions::default() };
    /// let archive = Archive::open_remote("https://example.org/world.far", options)?;
    /// let materials = archive.read(7)?;
    ///
    /// let pool = Arc::new(HeapPool::default());
    /// let mut queue = RemoteQueue::new(&archive, QueueOptions::remote(), pool)?;
    /// let extent = archive.extent(8).ok_or("no such entry")?;
    /// queue.submit(ReadRequest::new(8, extent.offset, extent.stored_bytes), 0)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the address, the server, the archive or the cache's folder is wrong.
    ///
    /// # Panics
    /// On a thread that drives tasks of a tokio runtime, which must not wait: call it there through
    /// `tokio::task::spawn_blocking`.
    pub fn open_remote(url: &str, options: RemoteOptions) -> Result<Self, RemoteError> {
        let object = Arc::new(Object::new(url, options)?);
        let (source, runtime) = (Source::new(&object)?, runtime()?);
        let fail = |error| RemoteError::Archive { url: url.to_owned(), error };
        let mut index = RemoteIndex::new();
        while let Some(wanted) = index.wants().or_else(|| index.rest()) {
            let range = wanted.offset..wanted.offset + wanted.bytes;
            let bytes = runtime.block_on(source.fetch(range.clone()));
            let bytes =
                bytes.map_err(|kind| RemoteError::Read { url: url.to_owned(), range, kind })?;
            index.supply(wanted.offset, &bytes).map_err(fail)?;
        }
        let path = PathBuf::from(url);
        let archive = index
            .into_archive(path.clone())
            .map_err(|_| fail(ArchiveError::NotAnArchive { path }))?;
        let file_bytes = archive.file_bytes();
        if let Some(there) = object.file_bytes().filter(|&there| there < file_bytes) {
            let (path, expected_bytes) = (PathBuf::from(url), file_bytes);
            return Err(fail(ArchiveError::Truncated { path, file_bytes: there, expected_bytes }));
        }
        let pool = Arc::new(HeapPool::default());
        // Nobody could raise the budget of this queue for an entry that is larger.
        let limits = QueueOptions::remote();
        let bytes_max = limits.bytes_max.max(archive.stored_bytes_max());
        let options = QueueOptions { bytes_max, ..limits };
        let mut queue = RemoteQueue::start(runtime, source, file_bytes, options, pool)?;
        let (send, arrived) = mpsc::sync_channel(1);
        queue.on_arrival(Arrival::new(move || {
            // Full: who waits will look anyway.
            let _ = send.try_send(());
        }));
        let reader = Mutex::new(Reader { queue, arrived, ahead: (0, Vec::new()) });
        Ok(archive.on_server(Server { object, reader }))
    }

    /// What reading from its server has cost so far; `None` where it is not on one.
    pub fn remote_counters(&self) -> Option<RemoteCounters> {
        self.server().map(|server| server.object.counters())
    }
}

pub(crate) fn runtime() -> Result<Runtime, RemoteError> {
    Builder::new_current_thread()
        .enable_all()
        // They wait for the disk cache.
        .max_blocking_threads(2)
        .build()
        .map_err(RemoteError::System)
}

impl Server {
    pub(crate) fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// Bytes of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.object.file_bytes().unwrap_or(0)
    }

    /// Reads ranges, neighbours together and several at once, and waits for all of them.
    ///
    /// # Errors
    /// The first range in the list that cannot be read, and why.
    pub(crate) fn fetch(
        &self,
        ranges: &[Range<u64>],
    ) -> Result<Vec<ReadBuffer>, (usize, ReadErrorKind)> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).fetch(ranges)
    }

    /// Fills `out` from `offset` on. Who continues where the last call ended has more read ahead.
    pub(crate) fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset + out.len() as u64;
        if end > self.file_bytes() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, ahead) = (reader.ahead.0, reader.ahead.1.len() as u64);
        if !(start <= offset && end <= start + ahead) {
            let near = (start..start + ahead + RUN_ALIGN_BYTES).contains(&offset);
            let more = if near { (ahead * 2).min(AHEAD_BYTES_MAX) } else { 0 };
            let until = end.max(offset + more).min(self.file_bytes());
            let range = offset..until;
            let bytes = reader.fetch(&[range]).map_err(|(_, kind)| io::Error::other(kind))?;
            reader.ahead = (offset, bytes.first().map_or(Vec::new(), |bytes| bytes.to_vec()));
        }
        let from = (offset - reader.ahead.0) as usize;
        let there = reader.ahead.1.get(from..from + out.len());
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Reader {
    fn fetch(&mut self, ranges: &[Range<u64>]) -> Result<Vec<ReadBuffer>, (usize, ReadErrorKind)> {
        let mut bytes: Vec<Option<ReadBuffer>> = vec![None; ranges.len()];
        let (mut next, mut done) = (0, Vec::new());
        let mut failed: Option<(usize, ReadErrorKind)> = None;
        while next < ranges.len() || self.queue.in_flight() > 0 {
            while let Some(range) = ranges.get(next).filter(|_| failed.is_none()) {
                if range.is_empty() {
                    bytes[next] = Some(ReadBuffer::from_vec(Vec::new()));
                    next += 1;
                    continue;
                }
                let len = u32::try_from(range.end - range.start);
                let len = len.map_err(|_| (next, ReadErrorKind::OutOfMemory))?;
                if self.queue.submit(ReadRequest::new(next as u64, range.start, len), 0).is_err() {
                    break;
                }
                next += 1;
            }
            self.queue.poll(0, &mut done);
            if failed.is_some() && self.queue.in_flight() == 0 && done.is_empty() {
                break;
            }
            if done.is_empty() && self.queue.in_flight() > 0 {
                let _ = self.arrived.recv_timeout(LOOK_AGAIN);
            }
            for read in done.drain(..) {
                let index = read.id as usize;
                match read.result {
                    Ok(buffer) => bytes[index] = Some(buffer),
                    Err(error) if failed.is_none_or(|(first, _)| index < first) => {
                        failed = Some((index, error.kind));
                    }
                    Err(_) => {}
                }
            }
        }
        match failed {
            Some(failed) => Err(failed),
            None => Ok(bytes.into_iter().flatten().collect()),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.object.url())
    }
}
