//! `RangeAllocator` against an ordered map of ranges.
#![no_main]

#[path = "../../crates/alloc/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::range::run(bytes));
