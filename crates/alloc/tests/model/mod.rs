//! What the crate's structures must do, in the plainest way: the oracles of the property tests
//! here and of the fuzz targets. Each decodes operations from bytes, carries them out on the real
//! thing and on the model, and panics where the two differ.
#![allow(dead_code, reason = "a fuzz target runs one of them")]

pub mod arena;
pub mod budget;
#[cfg(feature = "std")]
pub mod buffer_pool;
pub mod huge_pages;
pub mod range;
pub mod relocate;
pub mod texture_pool;

/// Takes one byte off the front.
fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

/// One of a list, by an arbitrary number.
fn pick<T>(list: &[T], number: u8) -> Option<usize> {
    (!list.is_empty()).then(|| usize::from(number) % list.len())
}
