//! Where a world is opened: from a file, or from a server.

use crate::cli::CacheArgs;
use crate::status::Failure;
use anyhow::Context;
use farplane::io::{Archive, QueueOptions};
use farplane::world::World;
use std::fmt;
use std::path::Path;

/// Whether a world is named by an address, and not by a file.
#[must_use]
pub fn is_address(world: &Path) -> bool {
    world.to_str().is_some_and(|world| world.contains("://"))
}

/// Opens the archive of a world, in a file or on a server.
///
/// # Errors
/// Usage where an option does not go with it, or this build knows no servers; else why it cannot be
/// opened.
pub fn open(world: &Path, cache: &CacheArgs) -> Result<Archive, Failure> {
    if is_address(world) {
        return open_address(world, cache);
    }
    if cache.cache.is_some() {
        return Err(Failure::Usage(format!(
            "--cache keeps what a server sent, and {} is a file: leave it out",
            world.display()
        )));
    }
    Ok(Archive::open(world)?)
}

#[cfg(feature = "remote")]
fn open_address(world: &Path, cache: &CacheArgs) -> Result<Archive, Failure> {
    use anyhow::anyhow;
    use farplane::io::{CacheOptions, RemoteError, RemoteOptions};

    let bytes_max = cache.cache_limit;
    let cache = cache.cache.clone().map(|folder| CacheOptions { folder, bytes_max });
    let options = RemoteOptions { cache, ..RemoteOptions::default() };
    Archive::open_remote(&world.to_string_lossy(), options).map_err(|e| match e {
        RemoteError::Url { .. } => Failure::Usage(e.to_string()),
        e => Failure::Run(anyhow!(e)),
    })
}

#[cfg(not(feature = "remote"))]
fn open_address(world: &Path, _: &CacheArgs) -> Result<Archive, Failure> {
    Err(Failure::Usage(format!(
        "{}: this build reads files only; worlds on a server need `cargo run --release -p harness \
         --features remote -- …`",
        world.display()
    )))
}

/// Limits of the queue that reads an archive from where it is.
#[must_use]
pub fn queue_options(archive: &Archive) -> QueueOptions {
    #[cfg(feature = "remote")]
    if !archive.is_here() {
        return QueueOptions::remote();
    }
    let _ = archive;
    QueueOptions::default()
}

/// What reading from a server has cost so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Requests, those that were tried again included.
    pub requests: u64,
    /// Bytes that the server sent.
    pub received_bytes: u64,
    /// Bytes that came from the cache on disk instead.
    pub cached_bytes: u64,
    /// Pieces that the cache lost or could not take.
    pub cache_troubles: u64,
}

impl Cost {
    /// What has come on top of it since.
    #[must_use]
    pub fn until(self, later: Self) -> Self {
        Self {
            requests: later.requests - self.requests,
            received_bytes: later.received_bytes - self.received_bytes,
            cached_bytes: later.cached_bytes - self.cached_bytes,
            cache_troubles: later.cache_troubles - self.cache_troubles,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let (received, cached) = (mb(self.received_bytes), mb(self.cached_bytes));
        write!(f, "{} requests, {received:.2} MB", self.requests)?;
        if self.cached_bytes > 0 {
            write!(f, " and {cached:.2} MB from the cache")?;
        }
        if self.cache_troubles > 0 {
            write!(f, " (which lost or could not take {} pieces)", self.cache_troubles)?;
        }
        Ok(())
    }
}

/// What reading an archive from its server has cost so far; `None` for a file.
#[must_use]
pub fn cost(archive: &Archive) -> Option<Cost> {
    #[cfg(feature = "remote")]
    return archive.remote_counters().map(|c| Cost {
        requests: c.requests,
        received_bytes: c.received_bytes,
        cached_bytes: c.cached_bytes,
        cache_troubles: c.cache_misfits + c.cache_failures,
    });
    #[cfg(not(feature = "remote"))]
    {
        let _ = archive;
        None
    }
}

/// The world's index, in its archive.
///
/// # Errors
/// When it is missing or corrupt; names the archive.
pub fn index(archive: &Archive) -> Result<World, Failure> {
    let section = archive.section(World::SECTION)?;
    let world = World::decode(&section);
    Ok(world.with_context(|| archive.path().display().to_string())?)
}
