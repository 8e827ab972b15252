//! Writing an archive anew, without what only older generations used.

use std::path::Path;

use super::error::ArchiveError;
use super::format::{DeadRecord, RUN_ALIGN_BYTES};
use super::ledger::Summary;
use super::reader::{Archive, open_file};
use super::writer::{ArchiveWriter, lock};

/// What a compaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the file before.
    pub old_bytes: u64,
    /// The archive that was written.
    pub summary: Summary,
}

/// Something that is copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Entry(u32),
    Section(u32),
}

/// Writes the newest generation of the archive at `from` to `to`, which may be the same path: the
/// bytes as they are stored, equal content once, in the order that the file had. An entry that
/// replaced another goes to where that was, as far as the file still knows. The directory goes to
/// the front. So an archive that was written in one go by one who knew the number of its entries
/// comes out byte for byte the same, and so does one that was patched to the same content.
///
/// `progress` gets the entries done and the entries in all.
///
/// # Errors
/// Those of [`Archive::open`] and [`ArchiveWriter::create`], `BadEntry` or `BadSection` when
/// something is damaged, `InUse` when another process is appending. What was at `to` is then as
/// before.
pub fn compact(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Compacted, ArchiveError> {
    // Locked before the directory is read, and as long as the archive lives: a generation that
    // another process appends meanwhile would be lost.
    let file = open_file(from)?;
    lock(&file, from)?;
    let archive = Archive::of_file(from, file)?;
    let items = in_order(&archive);
    let mut writer = ArchiveWriter::for_entries(to, archive.entries())?;
    let total = items.len() as u64;
    progress(0, total);
    for (done, &(offset, item)) in items.iter().enumerate() {
        if offset.is_multiple_of(RUN_ALIGN_BYTES) {
            writer.begin_run();
        }
        match item {
            Item::Entry(id) => {
                let packed = archive
                    .packed(id)
                    .map_err(|error| ArchiveError::BadEntry { path: from.to_path_buf(), error })?;
                writer.add(id, &packed)?;
            }
            Item::Section(index) => {
                let name = archive.directory.root.sections[index as usize].0;
                if name != super::names::NAMES {
                    writer.packed_section(name, &archive.packed_section(name)?)?;
                }
            }
        }
        progress(done as u64 + 1, total);
    }
    for (name, id) in archive.names()?.iter() {
        writer.name(id, name)?;
    }
    let old_bytes = archive.map().len() as u64;
    Ok(Compacted { old_bytes, summary: writer.finish()? })
}

/// Entries and sections by the place where the file had them, or their predecessors.
fn in_order(archive: &Archive) -> Vec<(u64, Item)> {
    let directory = &archive.directory;
    // By id, of each the first place.
    let mut before: Vec<(u32, u64)> = directory
        .dead
        .iter()
        .filter(|dead| dead.id != DeadRecord::NO_ENTRY)
        .map(|dead| (dead.id, dead.offset))
        .collect();
    before.sort_unstable();
    before.dedup_by_key(|(id, _)| *id);
    let first = |id: u32, offset: u64| match before.binary_search_by_key(&id, |(id, _)| *id) {
        Ok(at) => offset.min(before[at].1),
        Err(_) => offset,
    };
    let entries = directory.present().map(|(id, r)| (first(id, r.offset), Item::Entry(id)));
    let sections = directory.root.sections.iter().enumerate();
    let sections = sections.map(|(index, (_, r))| (r.offset, Item::Section(index as u32)));
    let mut items: Vec<_> = entries.chain(sections).collect();
    items.sort_unstable();
    items
}
