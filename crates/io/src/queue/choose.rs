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
/// it: `uring` falls back to `pread`, direct I/O to buffered.
///
/// # Errors
/// When an option is out of range, or the system refuses even threads.
pub fn open_queue(
    archive: &Archive,
    backend: Backend,
    options: QueueOptions,
    pool: Arc<dyn BufferPool>,
) -> io::Result<Chosen> {
    options.check()?;
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
        Backend::Auto | Backend::Uring => match uring(archive, options, &pool) {
            Ok(chosen) => Ok(chosen),
            Err(why) => {
                let queue = Box::new(PreadQueue::new(archive, options, pool)?);
                let reason = format!("pread on {} threads: {why}", options.threads);
                Ok(Chosen { queue, reason })
            }
        },
    }
}

/// Why there is no io_uring, as a phrase.
fn uring(
    _archive: &Archive,
    _options: QueueOptions,
    _pool: &Arc<dyn BufferPool>,
) -> Result<Chosen, String> {
    Err("built without io_uring".to_owned())
}
