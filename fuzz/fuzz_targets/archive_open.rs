//! Any bytes as an archive: nothing panics, nothing is read out of bounds or claimed for free.
//! Three kinds of input, by the first byte: raw bytes; an archive made by calls and then changed
//! with its checksums made right again; calls alone, which must read back.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/io/tests/model/mod.rs"]
mod model;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    match model::byte(&mut rest).unwrap_or(0) % 3 {
        0 => model::archive::read_all(rest.to_vec()),
        1 => {
            let changes = model::byte(&mut rest).unwrap_or(0) % 16;
            let mut writes = Vec::new();
            for _ in 0..changes {
                let (Some(at), Some(value)) = (model::word(&mut rest), model::byte(&mut rest))
                else {
                    break;
                };
                writes.push((at, value));
            }
            let mut bytes = model::archive::check(&model::archive::Op::decode_all(rest));
            let len = bytes.len();
            for (at, value) in writes {
                // Counted from the end, where the directory is.
                bytes[len - 1 - at as usize % len] = value;
            }
            model::archive::reseal(&mut bytes);
            model::archive::read_all(bytes);
        }
        _ => {
            model::archive::check(&model::archive::Op::decode_all(rest));
        }
    }
});
