//! `BufferPool` against a list of sizes.
#![no_main]

#[path = "../../crates/alloc/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::buffer_pool::run(bytes));
