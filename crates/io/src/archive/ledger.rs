//! The records of an archive being written. Pure: positions and records, no storage.

use std::collections::BTreeMap;

use super::directory::{Directory, content_hash};
use super::error::ArchiveError;
use super::format::{
    DeadRecord, ENTRIES_MAX, EntryRecord, LEAF_BYTES, LEAF_ENTRIES, ROOT_HEADER_BYTES,
    SECTIONS_MAX, Slots, Superblock,
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
    /// One entry for each content.
    by_content: BTreeMap<u128, u32>,
    /// What older generations use and this one may not.
    retired: Vec<(u32, EntryRecord)>,
    dead: Vec<DeadRecord>,
    /// Where the next byte goes.
    position: u64,
    run_begins: bool,
}

/// A directory as bytes, and where they go.
pub(crate) struct Ending {
    /// What goes behind the last extent.
    pub tail: Vec<Piece>,
    /// What goes into the slots.
    pub slots: Vec<Piece>,
    pub superblock: Superblock,
    pub summary: Summary,
}

/// Bytes for a place, and zeros behind them up to a length.
pub(crate) struct Piece {
    pub offset: u64,
    pub bytes: Vec<u8>,
    pub len: u64,
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
            by_content: BTreeMap::new(),
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
            ledger.by_content.entry(record.content_hash).or_insert(id as u32);
            *ledger.slot(id as u32) = Some(record);
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
        let (leaf, index) = (id as usize / LEAF_ENTRIES, id as usize % LEAF_ENTRIES);
        let added = |leaf: &Leaf| leaf.added[index / 64] >> (index % 64) & 1 == 1;
        if self.leaves.get(leaf).is_some_and(added) {
            return Err(ArchiveError::DuplicateEntry { id });
        }
        Ok(())
    }

    /// Whether a section may be added.
    pub(crate) fn check_section(&self, name: [u8; 8]) -> Result<(), ArchiveError> {
        match self.sections.iter().find(|(other, ..)| *other == name) {
            Some((.., true)) => Err(ArchiveError::DuplicateSection { name }),
            None if self.sections.len() == SECTIONS_MAX => Err(ArchiveError::TooManySections),
            _ => Ok(()),
        }
    }

    /// An entry that may have the same bytes stored already.
    pub(crate) fn alike(&mut self, packed: &Packed) -> Option<EntryRecord> {
        let hash = packed.content_hash;
        let id = *self.by_content.get(&hash)?;
        let is_alike = |record: &EntryRecord| {
            record.content_hash == hash
                && record.filter == packed.filter
                && u64::from(record.logical_bytes) == packed.logical_bytes
                && record.stored_bytes as usize == packed.stored.len()
                && record.table_crc32c == packed.table_crc32c
        };
        if let Some(record) = self.entry(id).filter(is_alike) {
            return Some(record);
        }
        // The one that was noted has other content by now; another may still have this.
        let found = self.present().find(|(_, record)| is_alike(record));
        found.map(|(id, record)| {
            self.by_content.insert(hash, id);
            record
        })
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
        let before = self.slot(id).replace(record);
        self.retired.extend(before.map(|before| (id, before)));
        let (leaf, index) = (id as usize / LEAF_ENTRIES, id as usize % LEAF_ENTRIES);
        self.leaves[leaf].added[index / 64] |= 1 << (index % 64);
        self.by_content.entry(record.content_hash).or_insert(id);
    }

    /// Takes an entry of an older generation away.
    pub(crate) fn remove(&mut self, id: u32) -> Result<(), ArchiveError> {
        self.check_entry(id)?;
        let before = match self.entry(id) {
            Some(_) => self.slot(id).take(),
            None => None,
        };
        let before = before.ok_or(ArchiveError::NoEntry { id })?;
        self.retired.push((id, before));
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
        *self.leaves.get(id as usize / LEAF_ENTRIES)?.entries.get(id as usize % LEAF_ENTRIES)?
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

    /// The directory and its superblock.
    pub(crate) fn finish(&mut self) -> Ending {
        self.bury();
        while self.leaves.last().is_some_and(|leaf| leaf.entries.iter().all(Option::is_none)) {
            self.leaves.pop();
        }
        let entries = self.leaves.last().map_or(0, |last| {
            let used = last.entries.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            (self.leaves.len() - 1) * LEAF_ENTRIES + used
        });
        let mut ending = Ending {
            tail: Vec::new(),
            slots: Vec::new(),
            superblock: Superblock {
                generation: self.generation,
                file_bytes: 0,
                root_offset: 0,
                root_bytes: 0,
                root_crc32c: 0,
                slots: self.slots,
                content_hash: 0,
            },
            summary: self.summary(),
        };
        let (leaves, leaf_crcs) = self.leaf_bytes(entries);
        let mut dead_bytes = Vec::new();
        for dead in &self.dead {
            dead_bytes.extend_from_slice(&dead.encode());
        }
        let dead_crc32c = crc32c::crc32c(&dead_bytes);
        let leaf_slot = (self.slots.leaves(self.generation), u64::from(self.slots.leaf_bytes));
        let mut leaves = leaves;
        leaves.extend_from_slice(&dead_bytes);
        let leaves_offset = self.into_slot(&mut ending, leaf_slot, leaves);
        let root = self.root(entries, leaves_offset, dead_crc32c, &leaf_crcs);
        let superblock = &mut ending.superblock;
        superblock.root_bytes = root.len() as u32;
        superblock.root_crc32c = crc32c::crc32c(&root);
        let root_slot = (self.slots.root(self.generation), u64::from(self.slots.root_bytes));
        let root_offset = self.into_slot(&mut ending, root_slot, root);
        let sections: Vec<_> = self.sections.iter().map(|(name, r, _)| (*name, *r)).collect();
        ending.superblock.root_offset = root_offset;
        ending.superblock.file_bytes = self.position.next_multiple_of(super::RUN_ALIGN_BYTES);
        ending.superblock.content_hash = content_hash(self.present(), &sections);
        ending.summary.file_bytes = ending.superblock.file_bytes;
        ending.summary.content_hash = ending.superblock.content_hash;
        ending
    }

    /// Puts a part of the directory into its slot, or to the end of the file.
    fn into_slot(&mut self, ending: &mut Ending, slot: (u64, u64), bytes: Vec<u8>) -> u64 {
        let (slot_offset, slot_bytes) = slot;
        if bytes.len() as u64 <= slot_bytes {
            ending.slots.push(Piece { offset: slot_offset, bytes, len: slot_bytes });
            return slot_offset;
        }
        // What the slot held before is zeroed.
        ending.slots.push(Piece { offset: slot_offset, bytes: Vec::new(), len: slot_bytes });
        let offset = self.position.next_multiple_of(super::RUN_ALIGN_BYTES);
        let len = bytes.len() as u64;
        self.position = offset + len;
        ending.tail.push(Piece { offset, bytes, len });
        offset
    }

    fn leaf_bytes(&self, entries: usize) -> (Vec<u8>, Vec<u32>) {
        let mut out = Vec::with_capacity(entries * super::format::ENTRY_BYTES);
        let mut crcs = Vec::with_capacity(self.leaves.len());
        for (index, leaf) in self.leaves.iter().enumerate() {
            let start = out.len();
            let count = LEAF_ENTRIES.min(entries - index * LEAF_ENTRIES);
            for entry in leaf.entries.iter().take(count) {
                let record = entry.map_or([0; super::format::ENTRY_BYTES], |entry| entry.encode());
                out.extend_from_slice(&record);
            }
            out.resize(start + count * super::format::ENTRY_BYTES, 0);
            crcs.push(crc32c::crc32c(&out[start..]));
            debug_assert!(out.len() - start <= LEAF_BYTES);
        }
        (out, crcs)
    }

    fn root(
        &self,
        entries: usize,
        leaves_offset: u64,
        dead_crc32c: u32,
        leaf_crcs: &[u32],
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(ROOT_HEADER_BYTES + leaf_crcs.len() * 4);
        for count in [entries, self.sections.len(), leaf_crcs.len(), self.dead.len()] {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        out.extend_from_slice(&leaves_offset.to_le_bytes());
        out.extend_from_slice(&dead_crc32c.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for (name, record, _) in &self.sections {
            out.extend_from_slice(name);
            out.extend_from_slice(&record.encode());
        }
        for crc in leaf_crcs {
            out.extend_from_slice(&crc.to_le_bytes());
        }
        out
    }

    fn summary(&self) -> Summary {
        let mut summary = Summary {
            entries: 0,
            sections: self.sections.len() as u32,
            duplicates: 0,
            logical_bytes: 0,
            stored_bytes: 0,
            dead_bytes: self.dead.iter().map(|dead| dead.bytes).sum(),
            file_bytes: 0,
            generation: self.generation,
            content_hash: 0,
        };
        let mut extents = Vec::new();
        for (_, record) in self.present() {
            summary.entries += 1;
            summary.logical_bytes += u64::from(record.logical_bytes);
            if record.stored_bytes > 0 {
                extents.push((record.offset, record.stored_bytes));
            }
        }
        let all = extents.len();
        extents.sort_unstable();
        extents.dedup();
        summary.duplicates = (all - extents.len()) as u32;
        for (_, record, _) in &self.sections {
            summary.logical_bytes += u64::from(record.logical_bytes);
            summary.stored_bytes += u64::from(record.stored_bytes);
        }
        summary.stored_bytes += extents.iter().map(|&(_, bytes)| u64::from(bytes)).sum::<u64>();
        summary
    }
}

/// Zero bytes from `position` to the next multiple of [`RUN_ALIGN_BYTES`](super::RUN_ALIGN_BYTES).
fn padding(position: u64) -> u64 {
    position.next_multiple_of(super::RUN_ALIGN_BYTES) - position
}
