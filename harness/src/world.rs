//! Where a world is opened: from a file, or from a server.

use crate::cli::CacheArgs;
use crate::status::Failure;
use anyhow::{Context, anyhow};
use farplane::io::{Archive, QueueOptions};
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
    use farplane::io::{CacheOptions, RemoteError, RemoteOptions};

    let bytes_max = cache.cache_limit;
    let folder = |folder: &std::path::PathBuf| CacheOptions { folder: folder.clone(), bytes_max };
    let options =
        RemoteOptions { cache: cache.cache.as_ref().map(folder), ..RemoteOptions::default() };
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

/// What reading from a server has cost, in one line; `None` for a file.
#[must_use]
pub fn cost(archive: &Archive) -> Option<String> {
    #[cfg(feature = "remote")]
    if let Some(c) = archive.remote_counters() {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let mut line = format!(
            "server: {} requests, {:.2} MB of {:.2} MB received, {:.2} MB from the cache",
            c.requests,
            mb(c.received_bytes),
            mb(archive.file_bytes()),
            mb(c.cached_bytes)
        );
        if c.cache_misfits + c.cache_failures > 0 {
            line += &format!(
                "; the cache had {} damaged pieces and could not take {}",
                c.cache_misfits, c.cache_failures
            );
        }
        return Some(line);
    }
    let _ = archive;
    None
}

/// The world's index, in its archive.
///
/// # Errors
/// When it is missing or corrupt; names the archive.
pub fn index(archive: &Archive) -> Result<farplane::world::World, Failure> {
    let section = archive.section(farplane::world::World::SECTION)?;
    let world = farplane::world::World::decode(&section);
    Ok(world.with_context(|| archive.path().display().to_string())?)
}
