//! Any bytes as world index, mesh, page or materials: refused, or what they encode to again.
#![no_main]

#[path = "../../crates/world/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
