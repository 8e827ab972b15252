//! The records of an archive being written. Pure: positions and records, no storage.

use std::collections::BTreeMap;

use super::contents::Contents;
use super::directory::{Directory, content_hash};
use super::error::ArchiveError;
use super::format::{
    DEAD_BYTES, DeadRecord, ENTRIES_MAX, ENTRY_BYTES, EntryRecord, LEAF_BYTES, LEAF_ENTRIES,
    ROOT_HEADER_BYTES, RUN_ALIGN_BYTES, SECTIONS_MAX, Slots, Superblock,
};
use crate::block::Packed;

/// What an archive came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Entries that are present.
    pub entries: u32,
    /// Sections.
    pub sections: u32,
    /// Entries whose content another entry has stored.
    pub duplicates: u32,
    /// Bytes of entries and sections before compression.
    pub logical_bytes: u64,
    /// Bytes of entries and sections as stored, equal content counted once.
    pub stored_bytes: u64,
    /// Bytes that only older generations use.
    pub dead_bytes: u64,
    /// Bytes in the file.
    pub file_bytes: u64,
    /// 2 for a new archive, one more with every append.
    pub generation: u64,
    /// Names the content; see [`Archive::content_hash`](crate::Archive::content_hash).
    pub content_hash: u128,
}

/// The entries of one leaf.
#[derive(Debug, Default)]
struct Leaf {
    entries: Vec<Option<EntryRecord>>,
    /// A bit for each entry that this writer has added.
    added: [u64; LEAF_ENTRIES / 64],
}

/// The records of an archive being written: at most 100 bytes an entry.
#[derive(Debug)]
pub(crate) struct Ledger {
    slots: Slots,
    generation: u64,
    leaves: Vec<Leaf>,
    sections: Vec<([u8; 8], EntryRecord, bool)>,
    /// One entry for each content and place, or two where the older one may still be replaced.
    contents: Contents,
    /// Older entries that share an extent: its offset, and their ids.
    shared: Vec<(u64, u32)>,
    /// By offset: the first of `shared` that may still be there, where the first of all is not.
    heirs: BTreeMap<u64, usize>,
    /// What older generations use and this one may not.
    retired: Vec<(u32, EntryRecord)>,
    dead: Vec<DeadRecord>,
    /// Where the next byte goes.
    position: u64,
    run_begins: bool,
}

/// The directory of a finished ledger, and where it goes. The leaves are encoded one by one, by
/// [`Ledger::leaf`].
pub(crate) struct Ending {
    pub leaves: usize,
    pub leaves_offset: u64,
    /// Behind the leaves and the dead records.
    pub leaves_end: u64,
    pub dead: Vec<u8>,
    pub root: Vec<u8>,
    /// What is to be zero of the slots: start and end.
    pub zeros: Vec<(u64, u64)>,
    pub superblock: Superblock,
    pub summary: Summary,
}

impl Ledger {
    /// Of a new archive with slots for about `entries` entries.
    pub(crate) fn new(entries: u32) -> Self {
        let slots = Slots::for_entries(entries);
        Self {
            slots,
            generation: 2,
            leaves: Vec::new(),
            sections: Vec::new(),
            contents: Contents::default(),
            shared: Vec::new(),
            heirs: BTreeMap::new(),
            retired: Vec::new(),
            dead: Vec::new(),
            position: slots.end(),
            run_begins: false,
        }
    }

    /// Of the generation behind the one that `directory` is of.
    pub(crate) fn after(directory: Directory) -> Self {
        let superblock = directory.root.superblock;
        let mut ledger = Self::new(0);
        ledger.slots = superblock.slots;
        ledger.generation = superblock.generation + 1;
        ledger.position = superblock.file_bytes;
        ledger.dead = directory.dead;
        ledger.dead.extend(directory.root.outside_slots());
        ledger.sections =
            directory.root.sections.iter().map(|(name, record)| (*name, *record, false)).collect();
        for (id, record) in directory.entries.into_iter().enumerate() {
            let Some(record) = record else { continue };
            *ledger.slot(id as u32) = Some(record);
            ledger.note_content(id as u32, &record);
        }
        let stored = ledger.present().filter(|(_, record)| record.stored_bytes > 0);
        let mut extents: Vec<(u64, u32)> = stored.map(|(id, r)| (r.offset, id)).collect();
        extents.sort_unstable();
        for same in extents.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            ledger.shared.extend_from_slice(same);
        }
        ledger
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn begin_run(&mut self) {
        self.run_begins = true;
    }

    /// Whether entry `id` may be added.
    pub(crate) fn check_entry(&self, id: u32) -> Result<(), ArchiveError> {
        if id >= ENTRIES_MAX {
            return Err(ArchiveError::EntryId { id });
        }
        if is_added(&self.leaves, id) {
            return Err(ArchiveError::DuplicateEntry { id });
        }
        Ok(())
    }

    /// Whether a section may be added, where places are kept for `kept` others.
    pub(crate) fn check_section(&self, name: [u8; 8], kept: usize) -> Result<(), ArchiveError> {
        match self.sections.iter().find(|(other, ..)| *other == name) {
            Some((.., true)) => Err(ArchiveError::DuplicateSection { name }),
            None if self.sections.len() + kept >= SECTIONS_MAX => {
                Err(ArchiveError::TooManySections)
            }
            _ => Ok(()),
        }
    }

    /// An entry that may have the same bytes stored already.
    pub(crate) fn alike(&self, packed: &Packed) -> Option<EntryRecord> {
        let is_alike = |record: &EntryRecord| {
            record.content_hash == packed.content_hash
                && record.filter == packed.filter
                && u64::from(record.logical_bytes) == packed.logical_bytes
                && record.stored_bytes as usize == packed.stored.len()
                && record.table_crc32c == packed.table_crc32c
        };
        let found = |id| self.entry(id).is_some_and(|record| is_alike(&record));
        self.contents.find(packed.content_hash, found).and_then(|id| self.entry(id))
    }

    /// Notes what an entry was. Another that shares its extent stands for the content from now on.
    fn retire(&mut self, id: u32, before: EntryRecord) {
        self.retired.push((id, before));
        let first = || self.shared.partition_point(|&(offset, _)| offset < before.offset);
        let begin = self.heirs.get(&before.offset).copied().unwrap_or_else(first);
        let mut at = begin;
        let still = |id: u32| self.entry(id).is_some_and(|record| record.offset == before.offset);
        // Who is gone stays gone, or has been added since and stands for itself.
        while let Some(&(offset, id)) = self.shared.get(at)
            && offset == before.offset
        {
            if still(id) {
                self.note_content(id, &before);
                break;
            }
            at += 1;
        }
        if at > begin {
            self.heirs.insert(before.offset, at);
        }
    }

    /// Notes that entry `id` has that content, unless another stands for it already: one that has it
    /// in the same place, and is not replaced before `id` can be.
    fn note_content(&mut self, id: u32, record: &EntryRecord) {
        let (leaves, hash) = (&self.leaves, record.content_hash);
        let is_new = is_added(leaves, id);
        let stands = |other| {
            let has_it = |r: EntryRecord| r.content_hash == hash && r.offset == record.offset;
            entry(leaves, other).is_some_and(has_it) && (is_added(leaves, other) || !is_new)
        };
        if self.contents.find(hash, stands).is_none() {
            let hash_of = |id| entry(leaves, id).map(|record| record.content_hash);
            self.contents.insert(hash, id, hash_of);
        }
    }

    /// The record of bytes that are stored next, and the zeros to write before them.
    pub(crate) fn place(&mut self, packed: &Packed) -> Result<(u64, EntryRecord), ArchiveError> {
        let logical_bytes = packed.logical_bytes;
        let too_large = |_| ArchiveError::TooLarge { logical_bytes };
        let stored_bytes = u32::try_from(packed.stored.len()).map_err(too_large)?;
        let logical_bytes = u32::try_from(logical_bytes).map_err(too_large)?;
        let run_begins = self.run_begins && stored_bytes > 0;
        let padding = if run_begins { padding(self.position) } else { 0 };
        let record = EntryRecord {
            offset: self.position + padding,
            stored_bytes,
            logical_bytes,
            filter: packed.filter,
            content_hash: packed.content_hash,
            table_crc32c: packed.table_crc32c,
        };
        self.run_begins &= !run_begins;
        self.position = record.end();
        Ok((padding, record))
    }

    /// Notes an entry that was checked, and placed or found to be stored already.
    pub(crate) fn add(&mut self, id: u32, record: EntryRecord) {
        if let Some(before) = self.slot(id).replace(record) {
            self.retire(id, before);
        }
        let (leaf, index) = (id as usize / LEAF_ENTRIES, id as usize % LEAF_ENTRIES);
        self.leaves[leaf].added[index / 64] |= 1 << (index % 64);
        self.note_content(id, &record);
    }

    /// Takes an entry of an older generation away.
    pub(crate) fn remove(&mut self, id: u32) -> Result<(), ArchiveError> {
        self.check_entry(id)?;
        let before = match self.entry(id) {
            Some(_) => self.slot(id).take(),
            None => None,
        };
        let before = before.ok_or(ArchiveError::NoEntry { id })?;
        self.retire(id, before);
        Ok(())
    }

    /// Notes a section that was checked and placed.
    pub(crate) fn add_section(&mut self, name: [u8; 8], record: EntryRecord) {
        match self.sections.iter_mut().find(|(other, ..)| *other == name) {
            Some((_, before, added)) => {
                self.retired.push((DeadRecord::NO_ENTRY, *before));
                *before = record;
                *added = true;
            }
            None => self.sections.push((name, record, true)),
        }
    }

    pub(crate) fn section(&self, name: [u8; 8]) -> Option<EntryRecord> {
        self.sections.iter().find(|(other, ..)| *other == name).map(|(_, record, _)| *record)
    }

    /// Takes a section of an older generation away.
    pub(crate) fn remove_section(&mut self, name: [u8; 8]) -> Result<(), ArchiveError> {
        let position = self.sections.iter().position(|(other, ..)| *other == name);
        let Some(index) = position else { return Err(ArchiveError::NoSection { name }) };
        if self.sections[index].2 {
            return Err(ArchiveError::DuplicateSection { name });
        }
        let (_, before, _) = self.sections.remove(index);
        self.retired.push((DeadRecord::NO_ENTRY, before));
        Ok(())
    }

    fn entry(&self, id: u32) -> Option<EntryRecord> {
        entry(&self.leaves, id)
    }

    fn slot(&mut self, id: u32) -> &mut Option<EntryRecord> {
        let (leaf, index) = (id as usize / LEAF_ENTRIES, id as usize % LEAF_ENTRIES);
        if leaf >= self.leaves.len() {
            self.leaves.resize_with(leaf + 1, Leaf::default);
        }
        let entries = &mut self.leaves[leaf].entries;
        if index >= entries.len() {
            entries.resize(index + 1, None);
        }
        &mut entries[index]
    }

    pub(crate) fn present(&self) -> impl Iterator<Item = (u32, EntryRecord)> {
        self.leaves.iter().enumerate().flat_map(|(leaf, entries)| {
            let numbered = entries.entries.iter().enumerate();
            numbered.filter_map(move |(index, record)| {
                Some(((leaf * LEAF_ENTRIES + index) as u32, (*record)?))
            })
        })
    }

    /// What this generation does not use any more becomes dead.
    fn bury(&mut self) {
        let mut live: Vec<u64> = self
            .present()
            .map(|(_, record)| record)
            .chain(self.sections.iter().map(|(_, record, _)| *record))
            .filter(|record| record.stored_bytes > 0)
            .map(|record| record.offset)
            .collect();
        live.sort_unstable();
        for (id, record) in std::mem::take(&mut self.retired) {
            if record.stored_bytes == 0 || live.binary_search(&record.offset).is_ok() {
                continue;
            }
            self.dead.push(DeadRecord {
                offset: record.offset,
                bytes: u64::from(record.stored_bytes),
                id,
                blocks: record.block_count() as u32,
                crc32c: record.table_crc32c,
            });
        }
        // Entries of equal content died of the same place: the lowest id stays.
        self.dead.sort_unstable_by_key(|dead| (dead.offset, dead.id));
        self.dead.dedup_by_key(|dead| dead.offset);
    }

    /// Places the directory and makes its superblock. Entries are no longer added after this.
    pub(crate) fn finish(&mut self) -> Ending {
        // It is not asked any more, and what comes now takes memory too.
        self.contents = Contents::default();
        self.bury();
        let has_entries = |leaf: &Leaf| leaf.entries.iter().any(Option::is_some);
        let leaves = self.leaves.iter().rposition(has_entries).map_or(0, |last| last + 1);
        self.leaves.truncate(leaves);
        if let Some(last) = self.leaves.last_mut() {
            let used = last.entries.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            last.entries.truncate(used);
        }
        let mut dead = Vec::with_capacity(self.dead.len() * DEAD_BYTES);
        self.dead.iter().for_each(|record| dead.extend_from_slice(&record.encode()));
        let leaves_bytes = (self.entry_slots() * ENTRY_BYTES + dead.len()) as u64;
        let mut zeros = Vec::new();
        let slot = (self.slots.leaves(self.generation), u64::from(self.slots.leaf_bytes));
        let leaves_offset = self.place_part(slot, leaves_bytes, &mut zeros);
        let root = self.root(leaves_offset, crc32c::crc32c(&dead));
        let slot = (self.slots.root(self.generation), u64::from(self.slots.root_bytes));
        let root_offset = self.place_part(slot, root.len() as u64, &mut zeros);
        let sections: Vec<_> = self.sections.iter().map(|(name, r, _)| (*name, *r)).collect();
        let superblock = Superblock {
            generation: self.generation,
            file_bytes: self.position.next_multiple_of(RUN_ALIGN_BYTES),
            root_offset,
            root_bytes: root.len() as u32,
            root_crc32c: crc32c::crc32c(&root),
            slots: self.slots,
            content_hash: content_hash(self.present(), &sections),
        };
        let summary = self.summary(&superblock);
        let leaves_end = leaves_offset + leaves_bytes;
        Ending { leaves, leaves_offset, leaves_end, dead, root, zeros, superblock, summary }
    }

    /// Where a part of the directory goes: into its slot, or to the end of the file.
    fn place_part(&mut self, slot: (u64, u64), bytes: u64, zeros: &mut Vec<(u64, u64)>) -> u64 {
        let (start, end) = (slot.0, slot.0 + slot.1);
        if bytes <= slot.1 {
            zeros.push((start + bytes, end));
            return start;
        }
        zeros.push((start, end));
        let offset = self.position.next_multiple_of(RUN_ALIGN_BYTES);
        self.position = offset + bytes;
        offset
    }

    fn entry_slots(&self) -> usize {
        let before = self.leaves.len().saturating_sub(1) * LEAF_ENTRIES;
        self.leaves.last().map_or(0, |last| before + last.entries.len())
    }

    /// The bytes of a leaf, all but the last of them [`LEAF_BYTES`].
    pub(crate) fn leaf(&self, index: usize) -> Vec<u8> {
        let leaf = &self.leaves[index];
        let mut out = Vec::with_capacity(LEAF_BYTES);
        for entry in &leaf.entries {
            out.extend_from_slice(&entry.map_or([0; ENTRY_BYTES], |entry| entry.encode()));
        }
        if index + 1 < self.leaves.len() {
            out.resize(LEAF_BYTES, 0);
        }
        out
    }

    fn root(&self, leaves_offset: u64, dead_crc32c: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(ROOT_HEADER_BYTES + self.leaves.len() * 4);
        let counts = [self.entry_slots(), self.sections.len(), self.leaves.len(), self.dead.len()];
        for count in counts {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        out.extend_from_slice(&leaves_offset.to_le_bytes());
        out.extend_from_slice(&dead_crc32c.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for (name, record, _) in &self.sections {
            out.extend_from_slice(name);
            out.extend_from_slice(&record.encode());
        }
        for index in 0..self.leaves.len() {
            out.extend_from_slice(&crc32c::crc32c(&self.leaf(index)).to_le_bytes());
        }
        out
    }

    fn summary(&self, superblock: &Superblock) -> Summary {
        let sections = || self.sections.iter().map(|(_, record, _)| *record);
        let all = || self.present().map(|(_, record)| record).chain(sections());
        let entries = self.present().count();
        let mut extents: Vec<(u64, u32)> = Vec::with_capacity(entries + self.sections.len());
        extents.extend(all().filter(|r| r.stored_bytes > 0).map(|r| (r.offset, r.stored_bytes)));
        let with_bytes = extents.len();
        extents.sort_unstable();
        extents.dedup();
        Summary {
            entries: entries as u32,
            sections: self.sections.len() as u32,
            duplicates: (with_bytes - extents.len()) as u32,
            logical_bytes: all().map(|record| u64::from(record.logical_bytes)).sum(),
            stored_bytes: extents.iter().map(|&(_, bytes)| u64::from(bytes)).sum(),
            dead_bytes: DeadRecord::bytes_of(&self.dead),
            file_bytes: superblock.file_bytes,
            generation: superblock.generation,
            content_hash: superblock.content_hash,
        }
    }
}

fn entry(leaves: &[Leaf], id: u32) -> Option<EntryRecord> {
    *leaves.get(id as usize / LEAF_ENTRIES)?.entries.get(id as usize % LEAF_ENTRIES)?
}

/// Whether this writer has added entry `id`: it stays as it is then.
fn is_added(leaves: &[Leaf], id: u32) -> bool {
    let (leaf, index) = (id as usize / LEAF_ENTRIES, id as usize % LEAF_ENTRIES);
    leaves.get(leaf).is_some_and(|leaf| leaf.added[index / 64] >> (index % 64) & 1 == 1)
}

/// Zero bytes from `position` to the next multiple of [`RUN_ALIGN_BYTES`].
fn padding(position: u64) -> u64 {
    position.next_multiple_of(RUN_ALIGN_BYTES) - position
}
