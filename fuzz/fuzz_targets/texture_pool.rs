//! `TexturePool` against a list of textures.
#![no_main]

#[path = "../../crates/alloc/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::texture_pool::run(bytes));
