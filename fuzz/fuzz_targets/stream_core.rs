//! The streaming core behaves as its naive model.
#![no_main]

#[path = "../../crates/stream/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    model::run(bytes);
});
