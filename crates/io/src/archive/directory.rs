//! The directory in memory, and the one place that turns untrusted bytes into it.

use std::io;

use super::error::{DirectoryFault, EntryFault};
use super::format::{
    DEAD_BYTES, DEAD_MAX, DeadRecord, ENTRIES_MAX, ENTRY_BYTES, EntryRecord, LEAF_ENTRIES,
    ROOT_BYTES_MAX, ROOT_HEADER_BYTES, SECTION_BYTES, SECTIONS_MAX, Superblock, array_at, u32_at,
    u64_at,
};
use crate::hash::Hasher;

/// Reads exactly the bytes asked for.
pub(crate) type ReadAt<'a> = dyn FnMut(u64, &mut [u8]) -> io::Result<()> + 'a;

/// Why a directory could not be read.
#[derive(Debug)]
pub(crate) enum ReadFault {
    Io(io::Error),
    Fault(DirectoryFault),
}

impl From<io::Error> for ReadFault {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}

impl From<DirectoryFault> for ReadFault {
    fn from(fault: DirectoryFault) -> Self {
        Self::Fault(fault)
    }
}

/// The upper level of a directory, checked: sections, and where the leaves are.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub superblock: Superblock,
    /// Entry slots.
    pub entries: usize,
    pub sections: Vec<([u8; 8], EntryRecord)>,
    pub leaves_offset: u64,
    pub leaf_crcs: Vec<u32>,
    pub dead: usize,
    pub dead_crc32c: u32,
}

impl Root {
    /// Reads the root that `superblock` names.
    pub(crate) fn read(read: &mut ReadAt<'_>, superblock: &Superblock) -> Result<Self, ReadFault> {
        let (offset, bytes) = root_range(superblock)?;
        let mut root = vec![0; bytes];
        read(offset, &mut root)?;
        Ok(Self::decode(&root, superblock)?)
    }

    pub(crate) fn decode(root: &[u8], superblock: &Superblock) -> Result<Self, DirectoryFault> {
        let (expected, found) = (superblock.root_crc32c, crc32c::crc32c(root));
        if expected != found {
            return Err(DirectoryFault::RootChecksum { expected, found });
        }
        let length = |expected: u64| {
            let found = root.len() as u64;
            (expected == found).then_some(()).ok_or(DirectoryFault::RootLength { expected, found })
        };
        if root.len() < ROOT_HEADER_BYTES {
            length(ROOT_HEADER_BYTES as u64)?;
        }
        let [entries, sections, leaves, dead] = [0, 4, 8, 12].map(|at| u32_at(root, at));
        if entries > ENTRIES_MAX
            || leaves as usize != (entries as usize).div_ceil(LEAF_ENTRIES)
            || sections as usize > SECTIONS_MAX
            || dead as usize > DEAD_MAX
            || u32_at(root, 28) != 0
        {
            return Err(DirectoryFault::Counts { entries, sections, leaves, dead });
        }
        let (head, rest) = root.split_at(ROOT_HEADER_BYTES);
        length(
            ROOT_HEADER_BYTES as u64
                + u64::from(sections) * SECTION_BYTES as u64
                + u64::from(leaves) * 4,
        )?;
        let (section_bytes, leaf_bytes) = rest.split_at(sections as usize * SECTION_BYTES);
        let (leaf_crcs, _) = leaf_bytes.as_chunks::<4>();
        let root = Self {
            superblock: *superblock,
            entries: entries as usize,
            sections: sections_of(section_bytes, superblock)?,
            leaves_offset: u64_at(head, 16),
            leaf_crcs: leaf_crcs.iter().map(|crc| u32::from_le_bytes(*crc)).collect(),
            dead: dead as usize,
            dead_crc32c: u32_at(head, 24),
        };
        let (offset, bytes) = (root.leaves_offset, root.leaves_bytes());
        match offset.checked_add(bytes) {
            Some(end) if end <= superblock.file_bytes => Ok(root),
            _ => Err(DirectoryFault::LeavesExtent { offset, bytes }),
        }
    }

    /// Bytes of the leaves and the dead records.
    pub(crate) fn leaves_bytes(&self) -> u64 {
        self.entries as u64 * ENTRY_BYTES as u64 + self.dead as u64 * DEAD_BYTES as u64
    }

    /// Entries in a leaf.
    fn leaf_entries(&self, leaf: usize) -> usize {
        LEAF_ENTRIES.min(self.entries - leaf * LEAF_ENTRIES)
    }

    /// Where a leaf lies, and its length.
    pub(crate) fn leaf_range(&self, leaf: usize) -> (u64, usize) {
        let first = (leaf * LEAF_ENTRIES * ENTRY_BYTES) as u64;
        (self.leaves_offset + first, self.leaf_entries(leaf) * ENTRY_BYTES)
    }

    fn dead_range(&self) -> (u64, usize) {
        let first = self.entries as u64 * ENTRY_BYTES as u64;
        (self.leaves_offset + first, self.dead * DEAD_BYTES)
    }

    /// The entries of a leaf, from its bytes.
    pub(crate) fn decode_leaf(
        &self,
        leaf: usize,
        bytes: &[u8],
        out: &mut Vec<Option<EntryRecord>>,
    ) -> Result<(), DirectoryFault> {
        let (expected, found) = (self.leaf_crcs[leaf], crc32c::crc32c(bytes));
        if expected != found {
            return Err(DirectoryFault::LeafChecksum { leaf: leaf as u32, expected, found });
        }
        let (records, _) = bytes.as_chunks::<ENTRY_BYTES>();
        for (index, record) in records.iter().enumerate() {
            let id = (leaf * LEAF_ENTRIES + index) as u32;
            let record = EntryRecord::decode(record, &self.superblock)
                .map_err(|fault| DirectoryFault::Entry { id, fault })?;
            out.push(record);
        }
        Ok(())
    }

    fn decode_dead(&self, bytes: &[u8]) -> Result<Vec<DeadRecord>, DirectoryFault> {
        let (expected, found) = (self.dead_crc32c, crc32c::crc32c(bytes));
        if expected != found {
            return Err(DirectoryFault::DeadChecksum { expected, found });
        }
        let (records, _) = bytes.as_chunks::<DEAD_BYTES>();
        let decode = |(index, record)| {
            DeadRecord::decode(record, &self.superblock)
                .map_err(|fault| DirectoryFault::Dead { index: index as u32, fault })
        };
        records.iter().enumerate().map(decode).collect()
    }

    /// The parts of this directory that are not in slots, as what they will be once this generation
    /// is gone.
    pub(crate) fn outside_slots(&self) -> Vec<DeadRecord> {
        let superblock = &self.superblock;
        let leaf_crcs = self.leaf_crcs.iter().enumerate().map(|(leaf, &crc)| {
            let (_, bytes) = self.leaf_range(leaf);
            (crc, bytes)
        });
        let dead = (self.dead_crc32c, self.dead_range().1);
        let leaves_crc = leaf_crcs
            .chain([dead])
            .fold(0, |crc, (next, bytes)| crc32c::crc32c_combine(crc, next, bytes));
        [
            (self.leaves_offset, self.leaves_bytes(), leaves_crc),
            (superblock.root_offset, u64::from(superblock.root_bytes), superblock.root_crc32c),
        ]
        .into_iter()
        .filter(|&(offset, bytes, _)| bytes > 0 && offset >= superblock.slots.end())
        .map(|(offset, bytes, crc32c)| DeadRecord {
            offset,
            bytes,
            id: DeadRecord::NO_ENTRY,
            blocks: 0,
            crc32c,
        })
        .collect()
    }
}

/// Where the root lies, and its length: within the file, and no longer than a root can be.
pub(crate) fn root_range(superblock: &Superblock) -> Result<(u64, usize), DirectoryFault> {
    let (offset, bytes) = (superblock.root_offset, u64::from(superblock.root_bytes));
    if bytes > ROOT_BYTES_MAX as u64 {
        let expected = ROOT_BYTES_MAX as u64;
        return Err(DirectoryFault::RootLength { expected, found: bytes });
    }
    match offset.checked_add(bytes) {
        Some(end) if end <= superblock.file_bytes => Ok((offset, bytes as usize)),
        _ => Err(DirectoryFault::RootExtent { offset, bytes }),
    }
}

fn sections_of(
    bytes: &[u8],
    superblock: &Superblock,
) -> Result<Vec<([u8; 8], EntryRecord)>, DirectoryFault> {
    let (records, _) = bytes.as_chunks::<SECTION_BYTES>();
    let mut sections: Vec<([u8; 8], EntryRecord)> = Vec::with_capacity(records.len());
    for (index, bytes) in records.iter().enumerate() {
        let name: [u8; 8] = array_at(bytes, 0);
        let twice = sections.iter().any(|(other, _)| *other == name);
        let record = EntryRecord::decode(&array_at(bytes, 8), superblock)
            .and_then(|record| record.filter(|_| !twice).ok_or(EntryFault::Section))
            .map_err(|fault| DirectoryFault::Section { index: index as u32, fault })?;
        sections.push((name, record));
    }
    Ok(sections)
}

/// Every record of an archive, checked: extents lie in the file and may be as long as they say.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub root: Root,
    pub entries: Vec<Option<EntryRecord>>,
    pub dead: Vec<DeadRecord>,
}

impl Directory {
    /// Reads the directory that `superblock` names, from a file that has as many bytes as the
    /// superblock says. What is allocated is proportional to bytes that are really there.
    pub(crate) fn read(read: &mut ReadAt<'_>, superblock: &Superblock) -> Result<Self, ReadFault> {
        let root = Root::read(read, superblock)?;
        let mut entries = Vec::with_capacity(root.entries);
        let mut bytes = Vec::new();
        for leaf in 0..root.leaf_crcs.len() {
            let (offset, len) = root.leaf_range(leaf);
            bytes.resize(len, 0);
            read(offset, &mut bytes)?;
            root.decode_leaf(leaf, &bytes, &mut entries)?;
        }
        let (offset, len) = root.dead_range();
        bytes.resize(len, 0);
        read(offset, &mut bytes)?;
        let dead = root.decode_dead(&bytes)?;
        Ok(Self { root, entries, dead })
    }

    /// The directory of an archive of which all leaves were read before, with no word of the dead.
    pub(crate) fn of_leaves(root: Root, entries: Vec<Option<EntryRecord>>) -> Self {
        Self { root, entries, dead: Vec::new() }
    }

    pub(crate) fn present(&self) -> impl Iterator<Item = (u32, &EntryRecord)> {
        let numbered = self.entries.iter().enumerate();
        numbered.filter_map(|(id, record)| Some((id as u32, record.as_ref()?)))
    }

    /// Start and end of the leaves with the dead records, and of the root.
    pub(crate) fn extents(&self) -> [(u64, u64); 2] {
        let (root, superblock) = (&self.root, &self.root.superblock);
        [
            (root.leaves_offset, root.leaves_offset + root.leaves_bytes()),
            (superblock.root_offset, superblock.root_offset + u64::from(superblock.root_bytes)),
        ]
    }

    /// What the superblock's content hash must be.
    pub(crate) fn content_hash(&self) -> u128 {
        content_hash(self.present().map(|(id, record)| (id, *record)), &self.root.sections)
    }
}

/// Names what an archive holds, wherever it lies. Entries come by rising id.
pub(crate) fn content_hash(
    entries: impl Iterator<Item = (u32, EntryRecord)>,
    sections: &[([u8; 8], EntryRecord)],
) -> u128 {
    let mut hasher = Hasher::default();
    let mut update = |name: &[u8], record: &EntryRecord, more: &[u8]| {
        hasher.update(name);
        hasher.update(&record.logical_bytes.to_le_bytes());
        hasher.update(more);
        hasher.update(&record.content_hash.to_le_bytes());
    };
    for (id, record) in entries {
        update(&id.to_le_bytes(), &record, &[]);
    }
    let mut sections: Vec<_> = sections.iter().collect();
    sections.sort_unstable_by_key(|(name, _)| *name);
    for (name, record) in sections {
        update(name, record, &[0; 4]);
    }
    hasher.finish()
}
