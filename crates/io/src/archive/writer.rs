//! Writing an archive to a file, so that an unfinished one is never taken for whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::assembler::{Assembler, StorageError};
use super::error::ArchiveError;
use super::ledger::Summary;
use crate::block::Packed;

/// Writes an archive to a file: a new one, or another generation of one that is there.
///
/// A new one is written into `path` + `.part` and renamed to `path` when it is whole. Dropped before
/// [`finish`](Self::finish) it removes its `.part` file; a process killed before then leaves one
/// behind, which no reader opens and the next writer replaces.
///
/// A generation is appended in place. Until it is finished, and whatever happens before, readers
/// find the older one; what was appended is cut off when it is dropped or, after a kill, by the next
/// append. Readers that have the file open keep the generation that they opened.
///
/// Equal sequences of calls give equal bytes. Memory: a buffer of 1 MiB, at most 100 bytes an
/// entry, and the names; for an append the older directory too.
#[derive(Debug)]
pub struct ArchiveWriter {
    /// `None` once finished.
    assembler: Option<Assembler<File>>,
    path: PathBuf,
    /// What is written: the `.part` file, or the archive itself.
    written: PathBuf,
    /// Bytes to cut the file back to when an append is given up.
    old_bytes: Option<u64>,
}

impl ArchiveWriter {
    /// Starts an archive that will be at `path`; a file already there stays until the end.
    ///
    /// # Errors
    /// `InUse` when another process is writing the same archive, `Io` when the `.part` file
    /// cannot be created.
    pub fn create(path: &Path) -> Result<Self, ArchiveError> {
        Self::for_entries(path, 0)
    }

    /// As [`create`](Self::create), with room for the directory of about so many entries near the
    /// front (48 bytes an entry, twice), where a reader far away finds any entry with two requests.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn for_entries(path: &Path, entries_expected: u32) -> Result<Self, ArchiveError> {
        let mut part = OsString::from(path);
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(|source| ArchiveError::Io { action: "create", path: part.clone(), source })?;
        lock(&file, &part)?;
        let assembler = Assembler::create(file, entries_expected).map_err(|e| told(e, &part))?;
        Ok(Self {
            assembler: Some(assembler),
            path: path.to_path_buf(),
            written: part,
            old_bytes: None,
        })
    }

    /// Starts the next generation of the archive at `path`.
    ///
    /// # Errors
    /// Those of [`Archive::open`](crate::Archive::open), also when only the newest directory or a
    /// superblock is damaged; `InUse` when another process is writing it.
    pub fn append(path: &Path) -> Result<Self, ArchiveError> {
        // What the path leads to; what is in it is read under the lock.
        super::reader::open_file(path)?;
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(|source| {
            ArchiveError::Io { action: "append to", path: path.into(), source }
        })?;
        lock(&file, path)?;
        let assembler = Assembler::append(file).map_err(|error| told(error, path))?;
        Ok(Self {
            old_bytes: Some(assembler.old_bytes()),
            assembler: Some(assembler),
            path: path.to_path_buf(),
            written: path.to_path_buf(),
        })
    }

    /// Adds entry `id`, behind what was added before, or replaces that of an older generation. Ids
    /// are below [`ENTRIES_MAX`](crate::ENTRIES_MAX) and may come in any order; the directory has a
    /// record for every id up to the largest, so they should be dense. Content that an entry has
    /// already is not stored again.
    ///
    /// # Errors
    /// `DuplicateEntry`, `EntryId` or `TooLarge`, after which the archive is as before the call;
    /// `Io` when the disk is full or fails, after which it cannot be finished.
    pub fn add(&mut self, id: u32, packed: &Packed) -> Result<(), ArchiveError> {
        self.with(|assembler| assembler.add(id, packed))
    }

    /// Takes entry `id` of an older generation out of this one. Its names stay, and name nothing until
    /// there is such an entry again; [`unname`](Self::unname) takes them away.
    ///
    /// # Errors
    /// `NoEntry` when there is none, `DuplicateEntry` when it was added here.
    pub fn remove(&mut self, id: u32) -> Result<(), ArchiveError> {
        self.with(|assembler| assembler.remove(id))
    }

    /// Aligns the entry or section that is stored next to
    /// [`RUN_ALIGN_BYTES`](crate::RUN_ALIGN_BYTES).
    pub fn begin_run(&mut self) {
        if let Some(assembler) = &mut self.assembler {
            assembler.begin_run();
        }
    }

    /// Adds a section, bytes found by name and stored as an entry is, or replaces one of an older
    /// generation.
    ///
    /// # Errors
    /// `DuplicateSection`, `ReservedSection`, `TooManySections` or `TooLarge`, after which the
    /// archive is as before the call; `Io` when the disk is full or fails, after which it cannot be
    /// finished.
    pub fn section(&mut self, name: [u8; 8], bytes: &[u8]) -> Result<(), ArchiveError> {
        self.with(|assembler| assembler.section(name, bytes))
    }

    /// As [`section`](Self::section), of bytes that are packed.
    ///
    /// # Errors
    /// As [`section`](Self::section).
    pub fn packed_section(&mut self, name: [u8; 8], packed: &Packed) -> Result<(), ArchiveError> {
        self.with(|assembler| assembler.packed_section(name, packed))
    }

    /// Takes a section of an older generation out of this one.
    ///
    /// # Errors
    /// `NoSection` when there is none, `DuplicateSection` when it was added here.
    pub fn remove_section(&mut self, name: [u8; 8]) -> Result<(), ArchiveError> {
        self.with(|assembler| assembler.remove_section(name))
    }

    /// Calls entry `id` by a name, by which [`Names::find`](crate::Names::find) finds it; a name
    /// that another entry had goes over to this one.
    ///
    /// # Errors
    /// `BadNames` or `Io` when the names of an older generation cannot be read, `TooManySections`
    /// when there are 1024 sections and no names yet, which need one.
    pub fn name(&mut self, id: u32, name: &str) -> Result<(), ArchiveError> {
        self.with(|assembler| assembler.name(id, name))
    }

    /// Takes a name away; says whether there was such a name.
    ///
    /// # Errors
    /// As [`name`](Self::name).
    pub fn unname(&mut self, name: &str) -> Result<bool, ArchiveError> {
        self.with(|assembler| assembler.unname(name))
    }

    /// Writes the directory, then the superblock, each synced to the disk, and renames a new file
    /// to its path.
    ///
    /// # Errors
    /// `Abandoned` when an earlier write failed, `Io` when this one does. What was at the path
    /// before is then still there, with two exceptions, in which readers find what is new but a power
    /// cut may bring the old back: `Io` of the folder that could not be synced behind the rename, and
    /// of the last sync of an append.
    pub fn finish(mut self) -> Result<Summary, ArchiveError> {
        let Some(assembler) = self.assembler.take() else {
            return Err(ArchiveError::Abandoned { path: self.written.clone() });
        };
        let (file, summary) = match assembler.finish() {
            Ok(done) => done,
            Err(error) => {
                self.clean_up();
                return Err(told(error, &self.written));
            }
        };
        if self.old_bytes.is_none() {
            if let Err(source) = fs::rename(&self.written, &self.path) {
                self.clean_up();
                let path = self.path.clone();
                let action = "rename the finished archive to";
                return Err(ArchiveError::Io { action, path, source });
            }
            sync_folder(&self.path)?;
        }
        drop(file);
        Ok(summary)
    }

    fn with<T>(
        &mut self,
        call: impl FnOnce(&mut Assembler<File>) -> Result<T, StorageError>,
    ) -> Result<T, ArchiveError> {
        let abandoned = StorageError::Abandoned;
        let result = self.assembler.as_mut().map_or(Err(abandoned), call);
        result.map_err(|error| told(error, &self.written))
    }

    /// Removes what was not finished.
    fn clean_up(&mut self) {
        if self.old_bytes.is_none() {
            let _ = fs::remove_file(&self.written);
        }
    }
}

impl Drop for ArchiveWriter {
    fn drop(&mut self) {
        let Some(assembler) = self.assembler.take() else { return };
        // Still locked, so that no other writer's file is taken for this one. What is in the
        // buffer is not written: it is about to go.
        self.clean_up();
        let file = assembler.into_storage();
        if let Some(old_bytes) = self.old_bytes {
            let _ = file.set_len(old_bytes);
        }
    }
}

/// Takes the lock that keeps other writers off.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), ArchiveError> {
    // Only a lock that another process holds is a reason to stop: some filesystems have none.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(ArchiveError::InUse { path: path.to_path_buf() });
    }
    // Opened just before another writer renamed it away: it is that one's finished archive.
    if !is_at(file, path) {
        return Err(ArchiveError::InUse { path: path.to_path_buf() });
    }
    Ok(())
}

fn told(error: StorageError, path: &Path) -> ArchiveError {
    match error {
        StorageError::Archive(error) => error.at(path),
        StorageError::Abandoned => ArchiveError::Abandoned { path: path.to_path_buf() },
        StorageError::Io(source) => {
            ArchiveError::Io { action: "write", path: path.to_path_buf(), source }
        }
    }
}

/// Whether `path` still names `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// Makes the rename itself durable.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), ArchiveError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Ok(()) => Ok(()),
        // Some network filesystems cannot sync a folder; the archive itself is synced.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::Unsupported
                    | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        Err(source) => {
            Err(ArchiveError::Io { action: "sync the folder", path: folder.to_path_buf(), source })
        }
    }
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<(), ArchiveError> {
    Ok(())
}
