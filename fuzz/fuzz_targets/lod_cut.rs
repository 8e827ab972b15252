//! Cuts of terrain and of trees of any shape against plain recursion.
#![no_main]

#[path = "../../crates/lod/tests/model/cut.rs"]
mod cut;
#[path = "../../crates/lod/tests/model/tree.rs"]
mod tree;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((kind, rest)) if kind % 2 == 0 => cut::run(rest),
    Some((_, rest)) => tree::run(rest),
    None => {}
});
