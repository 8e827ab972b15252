//! Archives on a server: what is asked of it, how patiently, and what of its answers stays on disk.
//!
//! [`Archive::open_remote`] opens one; a [`RemoteQueue`](crate::RemoteQueue) streams from it.

mod disk_cache;
mod error;
mod object;
mod options;
mod server;
mod transport;

pub use error::RemoteError;
pub use object::RemoteCounters;
pub(crate) use object::{Object, Source};
pub use options::{CacheOptions, RemoteOptions};
pub(crate) use server::{Server, runtime};

use std::sync::Arc;

use crate::archive::Archive;
use crate::queue::{BufferPool, QueueOptions, RemoteQueue};

/// Opens the archive at `url` and a queue of reads from it: [`Archive::open_remote`], then
/// [`RemoteQueue::new`].
///
/// # Errors
/// When the address, the server, the archive or a limit is wrong.
///
/// # Panics
/// As [`Archive::open_remote`].
pub fn open_remote(
    url: &str,
    options: QueueOptions,
    remote: RemoteOptions,
    pool: Arc<dyn BufferPool>,
) -> Result<(Archive, RemoteQueue), RemoteError> {
    let archive = Archive::open_remote(url, remote)?;
    let queue = RemoteQueue::new(&archive, options, pool)?;
    Ok((archive, queue))
}
