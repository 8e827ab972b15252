//! Draw batches against a map of lists.
#![no_main]

#[path = "../../crates/lod/tests/model/batch.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
