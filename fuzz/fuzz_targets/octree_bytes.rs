//! Damaged bytes of an octree are refused, or a tree like any other.
#![no_main]

#[path = "../../crates/octree/tests/model/damage.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
