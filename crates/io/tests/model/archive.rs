//! The model of an archive: maps from ids and names to bytes.

use std::collections::BTreeMap;

use farplane_io::{Archive, ArchiveBuilder, ArchiveError, Filter, RUN_ALIGN_BYTES, pack};

use super::{byte, crc32c, noise, word};

/// A call to a writer.
#[derive(Clone, Debug)]
pub enum Op {
    Add { id: u32, bytes: Vec<u8>, filter: Filter },
    BeginRun,
    Section { name: [u8; 8], bytes: Vec<u8> },
}

impl Op {
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        match byte(input)? % 8 {
            0 => Some(Self::BeginRun),
            1 => {
                let name = [byte(input)? % 4, 0, 0, 0, 0, 0, 0, b'x'];
                Some(Self::Section { name, bytes: content(input)? })
            }
            _ => {
                let id = u32::from(byte(input)?);
                // Now and then far apart, so that there are several leaves.
                let id = if id > 250 { id * 9 } else { id % 32 };
                Some(Self::Add { id, filter: filter(input)?, bytes: content(input)? })
            }
        }
    }

    pub fn decode_all(mut input: &[u8]) -> Vec<Self> {
        let mut ops = Vec::new();
        while let Some(op) = Self::decode(&mut input) {
            ops.push(op);
        }
        ops
    }
}

fn filter(input: &mut &[u8]) -> Option<Filter> {
    let (kind, parameter) = (byte(input)?, u32::from(byte(input)?));
    Some(match kind % 3 {
        0 => Filter::None,
        1 => Filter::PlanarDelta16 { row_samples: parameter },
        _ => Filter::ByteShuffle { stride: parameter },
    })
}

/// Up to three blocks of zeros, of a smooth slope, of noise, or of noise between zeros.
fn content(input: &mut &[u8]) -> Option<Vec<u8>> {
    let (kind, len) = (byte(input)?, word(input)?);
    let len = if kind & 0x80 == 0 { len as usize % 300 } else { len as usize * 3 };
    let seed = u32::from(kind) * 0x0101_0101;
    Some(match kind % 4 {
        0 => vec![0; len],
        1 => (0..len).map(|i| (i / 7) as u8).collect(),
        2 => noise(seed, len),
        _ => noise(seed, len).into_iter().map(|b| if b < 64 { b } else { 0 }).collect(),
    })
}

/// Runs the calls against the builder and the model and compares all that can be read. Returns
/// the bytes of the archive.
pub fn check(ops: &[Op]) -> Vec<u8> {
    let mut builder = ArchiveBuilder::new();
    let mut entries = BTreeMap::new();
    let mut sections = BTreeMap::new();
    let mut order = Vec::new();
    let mut run_begins = false;
    for op in ops {
        match op {
            Op::BeginRun => {
                builder.begin_run();
                run_begins = true;
            }
            Op::Add { id, bytes, filter } => {
                let result = builder.add(*id, &pack(bytes, *filter));
                if entries.contains_key(id) {
                    assert!(matches!(result, Err(ArchiveError::DuplicateEntry { .. })));
                } else {
                    result.expect("a new entry");
                    entries.insert(*id, bytes.clone());
                    order.push((*id, run_begins));
                    run_begins = false;
                }
            }
            Op::Section { name, bytes } => {
                let result = builder.section(*name, bytes);
                if sections.contains_key(name) {
                    assert!(matches!(result, Err(ArchiveError::DuplicateSection { .. })));
                } else {
                    result.expect("a new section");
                    sections.insert(*name, bytes.clone());
                    run_begins = false;
                }
            }
        }
    }

    let (bytes, summary) = builder.finish();
    assert_eq!(bytes.len() as u64, summary.file_bytes);
    let archive = Archive::from_bytes(bytes.clone()).expect("the archive opens");
    assert_eq!(archive.file_bytes(), summary.file_bytes);
    assert_eq!(archive.content_hash(), summary.content_hash);
    assert_eq!(archive.entries(), entries.keys().last().map_or(0, |last| last + 1));
    for id in 0..archive.entries() + 1 {
        let logical = archive.extent(id).map(|extent| extent.logical_bytes as usize);
        assert_eq!(logical, entries.get(&id).map(Vec::len));
        assert_eq!(archive.read(id).ok().as_ref(), entries.get(&id));
    }
    for (name, bytes) in &sections {
        assert_eq!(&archive.section(*name).expect("the section"), bytes);
    }
    let mut end = 2 * RUN_ALIGN_BYTES;
    for (id, aligned) in order {
        let extent = archive.extent(id).expect("an entry that was added");
        assert!(extent.offset >= end, "in the order of the calls, without overlap");
        assert!(extent.stored_bytes <= extent.logical_bytes, "never larger than its content");
        assert!(!aligned || extent.offset.is_multiple_of(RUN_ALIGN_BYTES));
        end = extent.offset + u64::from(extent.stored_bytes);
    }
    let report = archive.verify(&mut |done, total| assert!(done <= total));
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.entries as usize, entries.len());
    assert_eq!(report.sections as usize, sections.len());
    assert_eq!(report.blocks, summary.blocks);
    bytes
}

/// Opens bytes that may be anything and reads all there is. Nothing may panic, and no entry may
/// claim more than its stored bytes can expand to.
pub fn read_all(bytes: Vec<u8>) {
    let file_bytes = bytes.len() as u64;
    let archive = match Archive::from_bytes(bytes) {
        Ok(archive) => archive,
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1, "one clear line");
            return;
        }
    };
    for id in 0..archive.entries() {
        let Some(extent) = archive.extent(id) else { continue };
        assert!(extent.offset + u64::from(extent.stored_bytes) <= file_bytes);
        assert!(u64::from(extent.logical_bytes) <= 255 * u64::from(extent.stored_bytes));
        let _ = archive.read(id);
    }
    let names: Vec<_> = archive.sections().collect();
    for name in names {
        let _ = archive.section(name);
    }
    let report = archive.verify(&mut |_, _| {});
    assert_eq!(report.file_bytes, archive.file_bytes());
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    let value = field.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    usize::try_from(value).ok()
}

/// Makes every checksum of the directory right again after its bytes were changed, so that what
/// the bytes claim is looked at. Works on anything; what does not make sense is left alone.
pub fn reseal(bytes: &mut [u8]) {
    let _ = reseal_leaves(bytes);
    for at in [0, 4096] {
        let _ = reseal_superblock(bytes, at);
    }
}

/// Start and length of the root.
pub fn root_of(bytes: &[u8]) -> Option<(usize, usize)> {
    Some((number(bytes, 24, 8)?, number(bytes, 32, 8)?))
}

/// Start and length of leaf `index`.
pub fn leaf_of(bytes: &[u8], index: usize) -> Option<(usize, usize)> {
    let (root, root_bytes) = root_of(bytes)?;
    let leaves = number(bytes, root.checked_add(8)?, 4)?;
    let record = root.checked_add(root_bytes)?.checked_sub((leaves.checked_sub(index)?) * 16)?;
    Some((number(bytes, record, 8)?, number(bytes, record + 8, 4)?))
}

fn reseal_leaves(bytes: &mut [u8]) -> Option<()> {
    let (root, root_bytes) = root_of(bytes)?;
    let leaves = number(bytes, root.checked_add(8)?, 4)?;
    let records = root.checked_add(root_bytes)?.checked_sub(leaves.checked_mul(16)?)?;
    for leaf in 0..leaves.min(4) {
        let record = records + leaf * 16;
        let (at, len) = (number(bytes, record, 8)?, number(bytes, record + 8, 4)?);
        let crc = crc32c(bytes.get(at..at.checked_add(len)?)?);
        bytes.get_mut(record + 12..record + 16)?.copy_from_slice(&crc.to_le_bytes());
    }
    Some(())
}

fn reseal_superblock(bytes: &mut [u8], at: usize) -> Option<()> {
    let (root, root_bytes) = root_of(bytes)?;
    if let Some(root) = bytes.get(root..root.checked_add(root_bytes)?) {
        let crc = crc32c(root);
        bytes.get_mut(at + 56..at + 60)?.copy_from_slice(&crc.to_le_bytes());
    }
    let crc = crc32c(bytes.get(at..at + 60)?);
    bytes.get_mut(at + 60..at + 64)?.copy_from_slice(&crc.to_le_bytes());
    Some(())
}
