//! Reads over HTTP and from S3, with object_store.
//!
//! One thread runs all requests. What passes (a time-out, a lost connection, 429, 5xx) is tried again
//! by object_store with exponential back-off, within [`RemoteOptions`](crate::RemoteOptions); a request
//! that backs off keeps its place among those in flight, so that a server which asks for patience gets
//! it. Every request carries the ETag of the first answer: once the server has another version of the
//! archive, reads fail with `Changed` and never mix the two.

use std::io::ErrorKind;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::sleep;

use super::buffer::Lent;
use super::front::{Shared, Threaded};
use super::pool::BufferPool;
use super::scheduler::{DeviceRead, ReadToken, Scheduler};
use super::{QueueOptions, ReadBuffer, ReadErrorKind};
use crate::archive::Archive;
use crate::remote::{RemoteError, Source, runtime};

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

/// Reads from a server. It owns its thread, which ends with it; what is in flight then is dropped.
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
    /// A queue of reads from an archive that [`Archive::open_remote`] opened, into buffers of `pool`;
    /// [`QueueOptions::remote`] suits it.
    ///
    /// # Errors
    /// When the archive is not on a server, a limit is out of range, or the system refuses a thread.
    pub fn new(
        archive: &Archive,
        options: QueueOptions,
        pool: Arc<dyn BufferPool>,
    ) -> Result<Self, RemoteError> {
        let path = || archive.path().to_path_buf();
        let server = archive.server().ok_or_else(|| RemoteError::NotRemote { path: path() })?;
        let source = Source::new(server.object())?;
        Self::start(runtime()?, source, archive.file_bytes(), options, pool)
    }

    pub(crate) fn start(
        runtime: Runtime,
        source: Source,
        file_bytes: u64,
        options: QueueOptions,
        pool: Arc<dyn BufferPool>,
    ) -> Result<Self, RemoteError> {
        let scheduler = Scheduler::new(options, file_bytes, 1).map_err(RemoteError::Options)?;
        let (shared, work) = (Shared::new(scheduler.into_buffers(), pool), Notify::new());
        let inner = Arc::new(Inner { shared, source, work });
        let serving = Arc::clone(&inner);
        let builder = thread::Builder::new().name("farplane-remote".to_owned());
        let thread = builder.spawn(move || {
            if let Some(on_start) = options.on_start {
                on_start(0);
            }
            runtime.block_on(async {
                serve(Arc::clone(&serving)).await;
                serving.source.finish().await;
            });
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
    let mut requests: JoinSet<Result<ReadBuffer, ReadErrorKind>> = JoinSet::new();
    let mut tokens: Vec<(Id, ReadToken)> = Vec::new();
    let mut reads = Vec::new();
    loop {
        // In a scope of its own: nobody waits with the lock in hand.
        let timer = {
            let mut state = inner.shared.lock();
            if state.closing {
                return;
            }
            let now_ns = inner.shared.now_ns();
            while let Some(read) = state.scheduler.issue(now_ns) {
                reads.push(read);
            }
            state.sleeps_alone(now_ns)
        };
        for read in reads.drain(..) {
            let inner = Arc::clone(&inner);
            let token = read.token;
            tokens.push((requests.spawn(async move { inner.read(read).await }).id(), token));
        }
        tokio::select! {
            () = inner.work.notified() => {}
            () = sleep(timer.unwrap_or_default()), if timer.is_some() => {}
            Some(ended) = requests.join_next_with_id() => {
                // A pool may panic, or object_store: that read has failed.
                let failed = Err(ReadErrorKind::Io { kind: ErrorKind::Other, os_error: None });
                let (id, result) = ended.unwrap_or_else(|error| (error.id(), failed));
                if let Some(place) = tokens.iter().position(|&(other, _)| other == id) {
                    inner.shared.complete([(tokens.swap_remove(place).1, result)]);
                }
            }
        }
    }
}

impl Inner {
    async fn read(&self, read: DeviceRead) -> Result<ReadBuffer, ReadErrorKind> {
        let mut buffer =
            Lent::take(&self.shared.pool, read.len).ok_or(ReadErrorKind::OutOfMemory)?;
        let range = read.offset..read.offset + read.needed as u64;
        let result = self.source.read(range, &mut buffer[..read.needed]).await;
        result.map(|()| ReadBuffer::lent(buffer))
    }
}
