//! Any sequence of octree operations against a list of boxes.
#![no_main]

#[path = "../../crates/octree/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
