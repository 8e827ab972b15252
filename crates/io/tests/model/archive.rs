//! The model of an archive: maps from ids and names to bytes, and what of them each generation has.

use std::collections::BTreeMap;

use farplane_io::{
    Archive, ArchiveBuilder, ArchiveError, ByteRange, Filter, Located, Names, Profile,
    RUN_ALIGN_BYTES, RemoteIndex,
};

use super::{byte, crc32c, noise, word};

/// A call to a writer.
#[derive(Clone, Debug)]
pub enum Op {
    Add {
        id: u32,
        bytes: Vec<u8>,
        filter: Filter,
        profile: Profile,
    },
    Remove {
        id: u32,
    },
    BeginRun,
    Section {
        name: [u8; 8],
        bytes: Vec<u8>,
    },
    Name {
        id: u32,
        name: String,
    },
    Unname {
        name: String,
    },
    /// Finish, and append from here on.
    Commit,
}

impl Op {
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        match byte(input)? % 16 {
            0 => Some(Self::BeginRun),
            1 => {
                let name = [byte(input)? % 4, 0, 0, 0, 0, 0, 0, b'x'];
                Some(Self::Section { name, bytes: content(input)? })
            }
            2 => Some(Self::Commit),
            3 => Some(Self::Remove { id: id(input)? }),
            4 => Some(Self::Name { id: id(input)?, name: name(input)? }),
            5 => Some(Self::Unname { name: name(input)? }),
            _ => {
                let (id, filter) = (id(input)?, filter(input)?);
                let profile = if id % 2 == 0 { Profile::Fast } else { Profile::Small };
                Some(Self::Add { id, filter, profile, bytes: content(input)? })
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

fn id(input: &mut &[u8]) -> Option<u32> {
    let id = u32::from(byte(input)?);
    // Now and then far apart, so that there are several leaves.
    Some(if id > 250 { id * 9 } else { id % 32 })
}

fn name(input: &mut &[u8]) -> Option<String> {
    Some(["", "a", "a/b", "a/c", "rock", "äöü"][usize::from(byte(input)? % 6)].to_owned())
}

pub fn filter(input: &mut &[u8]) -> Option<Filter> {
    let (kind, parameter) = (byte(input)?, u32::from(byte(input)?));
    Some(match kind % 8 {
        0 => Filter::None,
        1 => Filter::PlanarDelta16 { row_samples: parameter },
        2 => Filter::PlanarDelta32 { row_samples: parameter },
        3 => Filter::SubtractGreen { row_texels: parameter },
        4 => Filter::MeshVertices { stride: parameter * 4 },
        5 => Filter::MeshIndices16,
        6 => Filter::MeshIndices32,
        _ => Filter::ByteShuffle { stride: parameter },
    })
}

/// Up to three blocks of zeros, of a smooth slope, of noise, of noise between zeros, of triangles, or
/// one of a few that come again.
fn content(input: &mut &[u8]) -> Option<Vec<u8>> {
    let (kind, len) = (byte(input)?, word(input)?);
    let len = if kind & 0x80 == 0 { len as usize % 300 } else { len as usize * 3 };
    let seed = u32::from(kind) * 0x0101_0101;
    Some(match kind % 6 {
        0 => vec![0; len],
        1 => (0..len).map(|i| (i / 7) as u8).collect(),
        2 => noise(seed, len),
        3 => noise(seed, len).into_iter().map(|b| if b < 64 { b } else { 0 }).collect(),
        4 => (0..len as u32 / 4).flat_map(|i| (i / 3 + i % 3).to_le_bytes()).collect(),
        _ => noise(u32::from(kind % 3), 500),
    })
}

#[derive(Clone, Default)]
struct Held {
    entries: BTreeMap<u32, Vec<u8>>,
    /// How each entry was packed.
    forms: BTreeMap<u32, (Filter, Profile)>,
    sections: BTreeMap<[u8; 8], Vec<u8>>,
    names: BTreeMap<String, u32>,
}

/// Runs the calls against the builder and the model and compares all that can be read, after every
/// commit. Returns the bytes of the archive.
pub fn check(ops: &[Op]) -> Vec<u8> {
    let mut builder = ArchiveBuilder::for_entries(40);
    let mut held = Held::default();
    // What this generation has touched, and the entries it stored, in order.
    let (mut added, mut sections_added) = (Vec::new(), Vec::new());
    let mut generation = 2;
    for op in ops {
        match op {
            Op::BeginRun => builder.begin_run(),
            Op::Add { id, bytes, filter, profile } => {
                let result = builder.add(*id, &profile.pack(bytes, *filter));
                if added.contains(id) {
                    assert!(matches!(result, Err(ArchiveError::DuplicateEntry { .. })));
                } else {
                    result.expect("a new entry");
                    held.entries.insert(*id, bytes.clone());
                    held.forms.insert(*id, (*filter, *profile));
                    added.push(*id);
                }
            }
            Op::Remove { id } => {
                let result = builder.remove(*id);
                if added.contains(id) {
                    assert!(matches!(result, Err(ArchiveError::DuplicateEntry { .. })));
                } else if held.entries.remove(id).is_some() {
                    result.expect("an entry of an older generation");
                } else {
                    assert!(matches!(result, Err(ArchiveError::NoEntry { .. })));
                }
            }
            Op::Section { name, bytes } => {
                let result = builder.section(*name, bytes);
                if sections_added.contains(name) {
                    assert!(matches!(result, Err(ArchiveError::DuplicateSection { .. })));
                } else {
                    result.expect("a new section");
                    held.sections.insert(*name, bytes.clone());
                    sections_added.push(*name);
                }
            }
            Op::Name { id, name } => {
                builder.name(*id, name).expect("a name");
                held.names.insert(name.clone(), *id);
            }
            Op::Unname { name } => {
                let there = builder.unname(name).expect("names");
                assert_eq!(there, held.names.remove(name).is_some());
            }
            Op::Commit => {
                let bytes = committed(builder, &held, generation);
                builder = ArchiveBuilder::append(bytes).expect("a whole archive");
                generation += 1;
                added.clear();
                sections_added.clear();
            }
        }
    }
    committed(builder, &held, generation)
}

fn committed(builder: ArchiveBuilder, held: &Held, generation: u64) -> Vec<u8> {
    let (bytes, summary) = builder.finish();
    assert_eq!(bytes.len() as u64, summary.file_bytes);
    let archive = Archive::from_bytes(bytes.clone()).expect("the archive opens");
    assert_eq!(archive.file_bytes(), summary.file_bytes);
    assert_eq!(archive.content_hash(), summary.content_hash);
    assert_eq!((archive.generation(), summary.generation), (generation, generation));
    assert_eq!(archive.entries(), held.entries.keys().last().map_or(0, |last| last + 1));
    for id in 0..archive.entries() + 1 {
        let logical = archive.extent(id).map(|extent| extent.logical_bytes as usize);
        assert_eq!(logical, held.entries.get(&id).map(Vec::len));
        assert_eq!(archive.read(id).ok().as_ref(), held.entries.get(&id));
    }
    for (name, bytes) in &held.sections {
        assert_eq!(&archive.section(*name).expect("the section"), bytes);
    }
    let mut sections: Vec<_> = archive.sections().collect();
    sections.sort_unstable();
    assert!(sections.iter().eq(held.sections.keys()));
    let names: Names = archive.names().expect("names");
    assert!(names.iter().eq(held.names.iter().map(|(name, id)| (name.as_str(), *id))));
    for (name, id) in &held.names {
        assert_eq!(names.find(name), Some(*id));
    }
    check_places(&archive, held);
    assert_eq!(fetched(&bytes).expect("opens from afar"), archive.content_hash());
    let report = archive.verify(&mut |done, total| assert!(done <= total)).expect("memory");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.entries as usize, held.entries.len());
    assert_eq!(report.dead_bytes, summary.dead_bytes);
    bytes
}

/// Extents are disjoint or of equal content, which is stored once if it was packed the same way.
fn check_places(archive: &Archive, held: &Held) {
    let mut extents = Vec::new();
    for id in held.entries.keys() {
        let extent = archive.extent(*id).expect("an entry that was added");
        let blocks = extent.logical_bytes.div_ceil(65_536);
        assert!(extent.stored_bytes <= extent.logical_bytes + 8 * blocks, "hardly larger");
        assert!(extent.offset >= 2 * RUN_ALIGN_BYTES);
        extents.push((extent.offset, extent.stored_bytes, *id));
    }
    extents.retain(|extent| extent.1 > 0);
    extents.sort_unstable();
    let mut places = BTreeMap::new();
    for &(start, _, id) in &extents {
        let (filter, profile) = held.forms[&id];
        let form = (&held.entries[&id], format!("{filter:?} {profile:?}"));
        assert_eq!(*places.entry(form).or_insert(start), start, "entry {id} is stored again");
    }
    for pair in extents.windows(2) {
        let [(start, bytes, id), (next, _, other)] = *pair else { continue };
        let (own, others) = (&held.entries[&id], &held.entries[&other]);
        if start == next {
            assert_eq!(own, others);
        } else {
            assert!(start + u64::from(bytes) <= next, "no overlap");
        }
    }
}

/// Opens the bytes as a server would give them, range by range; the content hash of what is found.
/// Never more requests than the format promises.
pub fn fetched(bytes: &[u8]) -> Result<u128, ArchiveError> {
    let mut index = RemoteIndex::new();
    let serve = |range: ByteRange| {
        let start = bytes.len().min(usize::try_from(range.offset).unwrap_or(usize::MAX));
        let end = bytes.len().min(start.saturating_add(range.bytes as usize));
        &bytes[start..end]
    };
    let mut requests = 0;
    while let Some(range) = index.wants() {
        index.supply(range.offset, serve(range))?;
        requests += 1;
        assert!(requests <= 3, "the front, and the root of either superblock at most");
    }
    if let Some(range) = index.rest() {
        index.supply(range.offset, serve(range))?;
    }
    for id in 0..100 {
        assert!(!matches!(index.locate(id), Located::Unknown(_)), "all is known");
    }
    let archive = index.into_archive("<test>".into()).expect("complete");
    assert!(!archive.is_here());
    Ok(archive.content_hash())
}

/// Opens bytes that may be anything and reads all there is. Nothing may panic, and no entry may
/// claim more than its stored bytes can expand to.
pub fn read_all(bytes: Vec<u8>) {
    let file_bytes = bytes.len() as u64;
    // It may open: it never reads the records of dead extents, and falls back on other grounds.
    let _ = fetched(&bytes);
    let appended = ArchiveBuilder::append(bytes.clone());
    let can_append = appended.is_ok();
    if let Ok(builder) = appended {
        append_to(builder);
    }
    let archive = match Archive::from_bytes(bytes) {
        Ok(archive) => archive,
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1, "one clear line");
            assert!(!can_append, "{error}");
            return;
        }
    };
    for id in 0..archive.entries().min(5000) {
        let Some(extent) = archive.extent(id) else { continue };
        assert!(extent.offset + u64::from(extent.stored_bytes) <= file_bytes);
        assert!(u64::from(extent.logical_bytes) <= 255 * u64::from(extent.stored_bytes));
        let _ = archive.read(id);
    }
    let names: Vec<_> = archive.sections().collect();
    for name in names {
        let _ = archive.section(name);
    }
    let _ = archive.names();
    let report = archive.verify(&mut |_, _| {}).expect("memory");
    assert_eq!(report.file_bytes, archive.file_bytes());
}

/// Whatever else is wrong with an archive that can be appended to, what is added reads back.
fn append_to(mut builder: ArchiveBuilder) {
    let content = noise(77, 300);
    builder.add(7, &Profile::Fast.pack(&content, Filter::None)).expect("one entry");
    let is_named = builder.name(7, "seven").is_ok();
    let (bytes, summary) = builder.finish();
    assert_eq!(bytes.len() as u64, summary.file_bytes);
    let archive = Archive::from_bytes(bytes).expect("what was finished opens");
    assert_eq!(archive.generation(), summary.generation);
    assert_eq!(archive.read(7).expect("what was added"), content);
    assert!(!is_named || archive.names().expect("names").find("seven") == Some(7));
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    let value = field.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    usize::try_from(value).ok()
}

/// Makes every checksum of the directories right again after their bytes were changed, so that what
/// the bytes claim is looked at. Works on anything; what does not make sense is left alone.
pub fn reseal(bytes: &mut [u8]) {
    for superblock in [0, 4096] {
        let _ = reseal_leaves(bytes, superblock);
        let _ = reseal_superblock(bytes, superblock);
    }
}

/// Start and length of the root that a superblock names.
pub fn root_of(bytes: &[u8], superblock: usize) -> Option<(usize, usize)> {
    Some((number(bytes, superblock + 32, 8)?, number(bytes, superblock + 40, 4)?))
}

/// Start and length of leaf `index` of superblock 0's directory.
pub fn leaf_of(bytes: &[u8], index: usize) -> Option<(usize, usize)> {
    let (root, _) = root_of(bytes, 0)?;
    leaf(bytes, root, index)
}

fn leaf(bytes: &[u8], root: usize, index: usize) -> Option<(usize, usize)> {
    let entries = number(bytes, root, 4)?.checked_sub(index * 1024)?.min(1024);
    let leaves = number(bytes, root.checked_add(16)?, 8)?;
    Some((leaves.checked_add(index * 1024 * 48)?, entries * 48))
}

fn reseal_leaves(bytes: &mut [u8], superblock: usize) -> Option<()> {
    let (root, root_bytes) = root_of(bytes, superblock)?;
    let crc_of = |bytes: &[u8], at: usize, len: usize| {
        Some(crc32c(bytes.get(at..at.checked_add(len)?)?).to_le_bytes())
    };
    let (entries, dead) = (number(bytes, root, 4)?, number(bytes, root.checked_add(12)?, 4)?);
    let leaves = number(bytes, root.checked_add(8)?, 4)?;
    let dead_at = leaf(bytes, root, 0)?.0.checked_add(entries.checked_mul(48)?)?;
    if let Some(crc) = crc_of(bytes, dead_at, dead.checked_mul(32)?) {
        bytes.get_mut(root + 24..root + 28)?.copy_from_slice(&crc);
    }
    let crcs = root.checked_add(root_bytes)?.checked_sub(leaves.checked_mul(4)?)?;
    for index in 0..leaves.min(4) {
        let (at, len) = leaf(bytes, root, index)?;
        let crc = crc_of(bytes, at, len)?;
        bytes.get_mut(crcs + index * 4..crcs + index * 4 + 4)?.copy_from_slice(&crc);
    }
    Some(())
}

fn reseal_superblock(bytes: &mut [u8], at: usize) -> Option<()> {
    let (root, root_bytes) = root_of(bytes, at)?;
    if let Some(root) = bytes.get(root..root.checked_add(root_bytes)?) {
        let crc = crc32c(root);
        bytes.get_mut(at + 44..at + 48)?.copy_from_slice(&crc.to_le_bytes());
    }
    let crc = crc32c(bytes.get(at..at + 72)?);
    bytes.get_mut(at + 72..at + 76)?.copy_from_slice(&crc.to_le_bytes());
    Some(())
}
