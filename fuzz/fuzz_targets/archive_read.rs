//! Archives of several generations whose bytes were changed anywhere, with the checksums of their
//! directories made right again: opened from memory and from afar, read, verified, appended to.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/io/tests/model/mod.rs"]
mod model;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let changes = model::byte(&mut rest).unwrap_or(0) % 16;
    let mut writes = Vec::new();
    for _ in 0..changes {
        let (Some(kind), Some(at), Some(value)) =
            (model::byte(&mut rest), model::word(&mut rest), model::byte(&mut rest))
        else {
            break;
        };
        writes.push((kind, at as usize, value));
    }
    let mut bytes = model::archive::check(&model::archive::Op::decode_all(rest));
    for (kind, at, value) in writes {
        // In a superblock, in a directory, or anywhere.
        let at = match kind % 6 {
            0 => at % 76,
            1 => 4096 + at % 76,
            2 | 3 => model::archive::root_of(&bytes, usize::from(kind % 2) * 4096)
                .map_or(0, |(root, len)| root + at % len.max(1)),
            4 => model::archive::leaf_of(&bytes, 0).map_or(0, |(leaf, len)| leaf + at % len.max(1)),
            _ => at,
        };
        let len = bytes.len();
        bytes[at % len] = value;
    }
    model::archive::reseal(&mut bytes);
    model::archive::read_all(bytes);
});
