//! Every compositing kernel equals its scalar twin in every bit.
#![no_main]

#[path = "../../crates/composite/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Some(op) = model::Op::decode(&mut rest) {
        op.check();
    }
});
