//! What the bytes of an archive's file are used for.

use super::reader::Archive;

/// What the bytes of the file are used for. The parts add up to the file, unless they overlap in it,
/// which [`verify`](crate::verify) finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Entries and sections, equal content counted once.
    pub live_bytes: u64,
    /// What only older generations use.
    pub dead_bytes: u64,
    /// Superblocks and the slots of the directory, used or not, and what of the directory does not
    /// fit them.
    pub directory_bytes: u64,
    /// Zeros between runs.
    pub padding_bytes: u64,
    /// Entries whose content another entry has stored.
    pub duplicates: u32,
    /// Stored bytes that those would take.
    pub duplicate_bytes: u64,
    /// Stretches of live bytes between which dead ones lie, or the directory.
    pub pieces: u32,
}

impl Space {
    /// Part of the file's data, outside the directory, that is not live: what a compaction gives
    /// back, as far as it is not padding for alignment.
    pub fn fragmentation(&self) -> f64 {
        let [live, dead, padding] =
            [self.live_bytes, self.dead_bytes, self.padding_bytes].map(|bytes| bytes as f64);
        let data = live + dead + padding;
        if data == 0.0 { 0.0 } else { 1.0 - live / data }
    }
}

impl Archive {
    /// What the bytes of the file are used for.
    pub fn space(&self) -> Space {
        let directory = &self.directory;
        let sections = directory.root.sections.iter().map(|(_, record)| record);
        let records = directory.present().map(|(_, record)| record).chain(sections);
        let mut live: Vec<(u64, u64)> =
            records.filter(|r| r.stored_bytes > 0).map(|r| (r.offset, r.end())).collect();
        live.sort_unstable();
        let (with_bytes, all) = (live.len(), bytes_of(&live));
        live.dedup();
        let slots_end = self.superblock.slots.end();
        let outside = |&(start, end): &(u64, u64)| if start >= slots_end { end - start } else { 0 };
        let directory_bytes = slots_end + directory.extents().iter().map(outside).sum::<u64>();
        let (live_bytes, dead_bytes) = (bytes_of(&live), self.dead_bytes());
        let used = dead_bytes.saturating_add(live_bytes + directory_bytes);
        let mut others: Vec<u64> = directory.dead.iter().map(|dead| dead.offset).collect();
        others.extend(directory.extents().iter().map(|extent| extent.0));
        others.sort_unstable();
        let between = |pair: &&[(u64, u64)]| {
            let first = others.partition_point(|&offset| offset < pair[0].1);
            others.get(first).is_some_and(|&offset| offset < pair[1].0)
        };
        Space {
            live_bytes,
            dead_bytes,
            directory_bytes,
            padding_bytes: self.file_bytes().saturating_sub(used),
            duplicates: (with_bytes - live.len()) as u32,
            duplicate_bytes: all - live_bytes,
            pieces: u32::from(!live.is_empty()) + live.windows(2).filter(between).count() as u32,
        }
    }
}

fn bytes_of(extents: &[(u64, u64)]) -> u64 {
    extents.iter().map(|(start, end)| end - start).sum()
}
