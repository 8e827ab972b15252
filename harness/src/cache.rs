//! The built-in world: baked once into the user's cache folder.

use crate::bake;
use anyhow::{Context, Result};
use farplane_bake::BakeOptions;
use std::path::PathBuf;

/// Seed of the built-in world.
pub const SEED: u64 = 1;
/// Counted up whenever the baker makes another built-in world of the same seed.
const REVISION: u32 = 1;

/// Environment variable that replaces the user's cache folder.
pub const CACHE_VARIABLE: &str = "FARPLANE_CACHE";

/// The archive of the built-in world; baked on first use. Another version of farplane bakes its own.
///
/// # Errors
/// When the cache folder cannot be written.
pub fn built_in_world() -> Result<PathBuf> {
    let folder = match std::env::var_os(CACHE_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => directories::ProjectDirs::from("", "", "farplane")
            .with_context(|| {
                format!("no home folder to cache the built-in world in: set {CACHE_VARIABLE}")
            })?
            .cache_dir()
            .to_path_buf(),
    };
    let name = format!("world-{}-{}.far", env!("CARGO_PKG_VERSION"), REVISION);
    let path = folder.join(name);
    if !path.exists() {
        std::fs::create_dir_all(&folder).with_context(|| {
            format!("cannot create the cache folder {} (set {CACHE_VARIABLE})", folder.display())
        })?;
        eprintln!("baking the built-in world into {}", path.display());
        let options = BakeOptions::built_in(path.clone(), SEED);
        bake::bake_with_progress(&options)?;
    }
    Ok(path)
}
