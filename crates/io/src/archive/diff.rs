//! What one archive holds and another does not.

use std::path::Path;

use super::error::ArchiveError;
use super::format::RUN_ALIGN_BYTES;
use super::ledger::Summary;
use super::reader::{Archive, Extent};
use super::writer::ArchiveWriter;

/// An entry or a section that two archives do not have in common, and where each has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Id of the entry; `None` for a section.
    pub entry: Option<u32>,
    /// Name of the section; `None` for an entry.
    pub section: Option<[u8; 8]>,
    /// Where the old archive has it; `None`: it is added.
    pub old: Option<Extent>,
    /// Where the new archive has it; `None`: it is removed.
    pub new: Option<Extent>,
}

/// What makes an old archive a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Entries by rising id, then sections by rising name.
    pub changes: Vec<Change>,
    /// Entries that both have with equal content.
    pub entries_equal: u32,
    /// Names that one has and the other has not, or for another entry.
    pub names_changed: u32,
}

impl Diff {
    /// Compares by content, wherever it lies and however it is compressed. It reads nothing but the
    /// directories and the names.
    ///
    /// # Errors
    /// When the names of one of them are damaged.
    pub fn between(old: &Archive, new: &Archive) -> Result<Self, ArchiveError> {
        let mut diff = Self::default();
        for id in 0..old.entries().max(new.entries()) {
            let (before, after) = (old.entry_hash(id), new.entry_hash(id));
            if before == after {
                diff.entries_equal += u32::from(before.is_some());
                continue;
            }
            diff.changes.push(Change {
                entry: Some(id),
                section: None,
                old: old.extent(id),
                new: new.extent(id),
            });
        }
        let mut sections: Vec<[u8; 8]> = old.sections().chain(new.sections()).collect();
        sections.sort_unstable();
        sections.dedup();
        for name in sections {
            if old.section_hash(name) != new.section_hash(name) {
                diff.changes.push(Change {
                    entry: None,
                    section: Some(name),
                    old: old.section_extent(name),
                    new: new.section_extent(name),
                });
            }
        }
        let (before, after) = (old.names()?, new.names()?);
        let gone = before.iter().filter(|(name, _)| after.find(name).is_none()).count();
        let other = after.iter().filter(|(name, id)| before.find(name) != Some(*id)).count();
        diff.names_changed = (gone + other) as u32;
        Ok(diff)
    }

    /// Whether the archives hold the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.names_changed == 0
    }

    /// Bytes that a patch stores, before equal content is found.
    pub fn stored_bytes(&self) -> u64 {
        let new = self.changes.iter().filter_map(|change| change.new);
        new.map(|extent| u64::from(extent.stored_bytes)).sum()
    }
}

/// Appends a generation to the archive at `path` that holds exactly what `new` holds: what differs is
/// copied as it is stored, in the order that it has in `new`.
///
/// # Errors
/// Those of [`ArchiveWriter::append`] and of reading `new`. The archive is then as before.
pub fn patch(path: &Path, new: &Archive) -> Result<(Diff, Summary), ArchiveError> {
    let mut writer = ArchiveWriter::append(path)?;
    // Opened under the writer's lock: what another process appends before it is compared too.
    let old = Archive::open(path)?;
    let diff = Diff::between(&old, new)?;
    let mut changes: Vec<&Change> = diff.changes.iter().collect();
    changes.sort_by_key(|change| change.new.map(|extent| extent.offset));
    for change in changes {
        if change.new.is_some_and(|extent| extent.offset.is_multiple_of(RUN_ALIGN_BYTES)) {
            writer.begin_run();
        }
        match (change.entry, change.section) {
            (Some(id), _) if change.new.is_none() => writer.remove(id)?,
            (Some(id), _) => {
                let packed = new.packed(id).map_err(|error| ArchiveError::BadEntry {
                    path: new.path().to_path_buf(),
                    error,
                })?;
                writer.add(id, &packed)?;
            }
            (None, Some(name)) if change.new.is_none() => writer.remove_section(name)?,
            (None, Some(name)) => writer.packed_section(name, &new.packed_section(name)?)?,
            (None, None) => {}
        }
    }
    let (before, after) = (old.names()?, new.names()?);
    for (name, _) in before.iter().filter(|(name, _)| after.find(name).is_none()) {
        writer.unname(name)?;
    }
    for (name, id) in after.iter().filter(|(name, id)| before.find(name) != Some(*id)) {
        writer.name(id, name)?;
    }
    Ok((diff, writer.finish()?))
}
