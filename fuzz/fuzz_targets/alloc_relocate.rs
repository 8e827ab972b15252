//! `RangeAllocator` when it is nearly full: moves, rooms, growth and shrinks, against an ordered map.
#![no_main]

#[path = "../../crates/alloc/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::range::run_relocating(bytes));
