//! Any bytes as the stored bytes of an entry, behind a checksum that is right: decoding never
//! panics, and gives either an error or the number of bytes that the directory names.
#![no_main]

use farplane_io::{Archive, ArchiveBuilder, Filter, pack};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/io/tests/model/mod.rs"]
mod model;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let (Some(kind), Some(parameter), Some(len)) =
        (model::byte(&mut rest), model::byte(&mut rest), model::word(&mut rest))
    else {
        return;
    };
    let filter = match kind % 3 {
        0 => Filter::None,
        1 => Filter::PlanarDelta16 { row_samples: parameter.into() },
        _ => Filter::ByteShuffle { stride: parameter.into() },
    };
    // Zeros compress, so the entry has an LZ4 block; its stored bytes are then replaced.
    let mut builder = ArchiveBuilder::new();
    if builder.add(0, &pack(&vec![0; len as usize + 64], filter)).is_err() {
        return;
    }
    let (mut bytes, _) = builder.finish();
    let Some((leaf, _)) = model::archive::leaf_of(&bytes, 0) else { return };
    let stored = rest.len().min(3000);
    bytes[8192..8192 + stored].copy_from_slice(&rest[..stored]);
    bytes[leaf + 8..leaf + 12].copy_from_slice(&(stored as u32).to_le_bytes());
    bytes[leaf + 32..leaf + 35].copy_from_slice(&(stored as u32).to_le_bytes()[..3]);
    let crc = model::crc32c(&rest[..stored]);
    bytes[leaf + 36..leaf + 40].copy_from_slice(&crc.to_le_bytes());
    model::archive::reseal(&mut bytes);
    let Ok(archive) = Archive::from_bytes(bytes) else { return };
    if let Ok(decoded) = archive.read(0) {
        assert_eq!(decoded.len(), len as usize + 64);
    }
});
