//! Page pool, page table and indirection texels behave as their naive model.
#![no_main]

#[path = "../../crates/vt/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
