//! `Arena` against one writer or many readers for each byte.
#![no_main]

#[path = "../../crates/alloc/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::arena::run(bytes));
