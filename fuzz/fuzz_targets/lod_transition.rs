//! Transitions of instances against one instance at a time.
#![no_main]

#[path = "../../crates/lod/tests/model/fade.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
