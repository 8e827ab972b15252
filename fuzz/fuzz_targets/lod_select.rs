//! Selection by blocks and budgets against every level of every instance tried in turn.
#![no_main]

#[path = "../../crates/lod/tests/model/select.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
