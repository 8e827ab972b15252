//! Any bytes as the blocks of an entry, behind checksums that are right: decoding never panics, and
//! gives either an error or the number of bytes that the directory names.
#![no_main]

use farplane_io::{Archive, ArchiveBuilder, pack};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/io/tests/model/mod.rs"]
mod model;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let Some(filter) = model::archive::filter(&mut rest) else { return };
    let (Some(codec), Some(len)) = (model::byte(&mut rest), model::word(&mut rest)) else { return };
    let logical = len as usize + 64;
    let blocks = logical.div_ceil(65_536);
    // An entry as long as the input wants it, whose table and blocks are then replaced.
    let mut builder = ArchiveBuilder::new();
    if builder.add(0, &pack(&model::noise(1, logical), filter)).is_err() {
        return;
    }
    let (mut bytes, _) = builder.finish();
    let Some((leaf, _)) = model::archive::leaf_of(&bytes, 0) else { return };
    let Some(extent) = Archive::from_bytes(bytes.clone()).ok().and_then(|a| a.extent(0)) else {
        return;
    };
    let stored = rest.len().min(logical);
    let at = extent.offset as usize;
    // All the input in the first block, a byte in a second one.
    let mut table = Vec::new();
    for (index, piece) in [&rest[..stored], &[0]].into_iter().take(blocks).enumerate() {
        let codec = if index == 0 { u32::from(codec % 4) } else { 1 };
        table.extend((piece.len() as u32 | codec << 24).to_le_bytes());
        table.extend(model::crc32c(piece).to_le_bytes());
    }
    let mut content = table.clone();
    content.extend(&rest[..stored]);
    content.extend(&[0][..blocks - 1]);
    if content.len() > extent.stored_bytes as usize {
        return;
    }
    bytes[at..at + content.len()].copy_from_slice(&content);
    bytes[leaf + 8..leaf + 12].copy_from_slice(&(content.len() as u32).to_le_bytes());
    bytes[leaf + 40..leaf + 44].copy_from_slice(&model::crc32c(&table).to_le_bytes());
    model::archive::reseal(&mut bytes);
    let Ok(archive) = Archive::from_bytes(bytes) else { return };
    if let Ok(decoded) = archive.read(0) {
        assert_eq!(decoded.len(), logical);
    }
});
