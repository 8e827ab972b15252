//! A histogram agrees with a sorted vector, whatever is done with it.

#![no_main]

#[path = "../../crates/profiler/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
