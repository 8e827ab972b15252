//! Which backend to read with.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use super::pool::BufferPool;
use super::{MmapQueue, PreadQueue, QueueOptions, ReadQueue};
use crate::archive::Archive;

/// A way to read a local file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The fastest that the machine offers.
    Auto,
    /// The memory map.
    Mmap,
    /// Positioned reads on threads.
    Pread,
    /// io_uring, with direct I/O where the file system has it (Linux, feature `uring`).
    Uring,
}

impl Backend {
    /// Every backend.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Mmap, Self::Pread, Self::Uring];

    /// Its name, as [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Mmap => "mmap",
            Self::Pread => "pread",
            Self::Uring => "uring",
        }
    }
}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Self, UnknownBackend> {
        let found = Self::ALL.into_iter().find(|backend| backend.name() == name);
        found.ok_or_else(|| UnknownBackend { name: name.to_owned() })
    }
}

/// A name that is no backend's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBackend {
    /// That name.
    pub name: String,
}

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.escape_debug();
        write!(f, "unknown backend '{name}'; use one of auto, mmap, pread, uring")
    }
}

impl std::error::Error for UnknownBackend {}

/// A queue, and why it is this one.
pub struct Chosen {
    /// The queue.
    pub queue: Box<dyn ReadQueue + Send>,
    /// One line for whoever asks: what reads, and what the machine did not offer.
    pub reason: String,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chosen({}: {})", self.queue.backend(), self.reason)
    }
}

/// A queue of reads from `archive` with `backend`, or with the next best where the machine refuses
/// it: `uring` falls back to `pread`, direct I/O to buffered. An archive that was opened from a server
/// is read from there, with `auto` only.
///
/// # Errors
/// When an option is out of range, the system refuses even threads, or the archive lies elsewhere and
/// this cannot read it.
pub fn open_queue(
    archive: &Archive,
    backend: Backend,
    options: QueueOptions,
    pool: Arc<dyn BufferPool>,
) -> io::Result<Chosen> {
    options.check()?;
    if !archive.is_here() {
        return elsewhere(archive, backend, options, pool);
    }
    match backend {
        Backend::Mmap => {
            let queue = Box::new(MmapQueue::new(archive, options)?);
            Ok(Chosen { queue, reason: "mmap, as asked for".to_owned() })
        }
        Backend::Pread => {
            let queue = Box::new(PreadQueue::new(archive, options, pool)?);
            let reason = format!("pread on {} threads, as asked for", options.threads);
            Ok(Chosen { queue, reason })
        }
        Backend::Auto | Backend::Uring => first_of(
            || uring(archive, options, &pool),
            || Ok(Box::new(PreadQueue::new(archive, options, Arc::clone(&pool))?)),
            options.threads,
        ),
    }
}

/// What reads an archive that is not here.
#[cfg(feature = "remote")]
fn elsewhere(
    archive: &Archive,
    backend: Backend,
    options: QueueOptions,
    pool: Arc<dyn BufferPool>,
) -> io::Result<Chosen> {
    if backend != Backend::Auto {
        return Err(not_here(archive, backend));
    }
    let queue = super::RemoteQueue::new(archive, options, pool)?;
    let reason = format!("remote, ranges of {}", archive.path().display());
    Ok(Chosen { queue: Box::new(queue), reason })
}

#[cfg(not(feature = "remote"))]
fn elsewhere(
    archive: &Archive,
    backend: Backend,
    _: QueueOptions,
    _: Arc<dyn BufferPool>,
) -> io::Result<Chosen> {
    Err(not_here(archive, backend))
}

fn not_here(archive: &Archive, backend: Backend) -> io::Error {
    let path = archive.path().display();
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{} reads local files, and {path} lies elsewhere", backend.name()),
    )
}

/// io_uring, or else threads, and why.
fn first_of(
    uring: impl FnOnce() -> Result<Chosen, String>,
    pread: impl FnOnce() -> io::Result<Box<dyn ReadQueue + Send>>,
    threads: usize,
) -> io::Result<Chosen> {
    uring().or_else(|why| {
        let reason = format!("pread on {threads} threads: io_uring is out, {why}");
        Ok(Chosen { queue: pread()?, reason })
    })
}

#[cfg(all(target_os = "linux", feature = "uring"))]
fn uring(
    archive: &Archive,
    options: QueueOptions,
    pool: &Arc<dyn BufferPool>,
) -> Result<Chosen, String> {
    let queue = super::UringQueue::new(archive, options, Arc::clone(pool));
    let queue = queue.map_err(|error| error.to_string())?;
    let reason = match queue.direct() {
        Ok(()) => "uring with direct I/O".to_owned(),
        Err(why) => format!("uring through the page cache: no direct I/O here, {why}"),
    };
    Ok(Chosen { queue: Box::new(queue), reason })
}

#[cfg(not(all(target_os = "linux", feature = "uring")))]
fn uring(_: &Archive, _: QueueOptions, _: &Arc<dyn BufferPool>) -> Result<Chosen, String> {
    Err("this build has none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_falls_back_and_says_so() {
        let bytes = crate::ArchiveBuilder::new().finish().0;
        let archive = Archive::from_bytes(bytes).unwrap();
        let pool: Arc<dyn BufferPool> = Arc::new(crate::HeapPool::default());
        let options = QueueOptions::default();
        let refused = || Err("Operation not permitted (os error 1)".to_owned());
        let pread = || -> io::Result<Box<dyn ReadQueue + Send>> {
            Ok(Box::new(PreadQueue::new(&archive, options, Arc::clone(&pool))?))
        };
        let chosen = first_of(refused, pread, 8).unwrap();
        assert_eq!(chosen.queue.backend(), "pread");
        let expected = "pread on 8 threads: io_uring is out, Operation not permitted (os error 1)";
        assert_eq!(chosen.reason, expected);
        // An archive in memory is no file that io_uring could read.
        let chosen = open_queue(&archive, Backend::Uring, options, Arc::clone(&pool)).unwrap();
        assert_eq!(chosen.queue.backend(), "pread");
        assert!(chosen.reason.contains("io_uring is out"), "{}", chosen.reason);
    }
}
