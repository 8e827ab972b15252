//! Writing an archive to a file, so that an unfinished one is never taken for whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::ArchiveError;
use super::format::{DATA_START, RUN_ALIGN_BYTES, SUPERBLOCK_BYTES};
use super::layout::{Layout, Summary};
use crate::block::{Packed, pack};
use crate::filter::Filter;

/// Bytes collected before they go to the file.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes an archive into `path` + `.part` and renames it to `path` when it is whole.
///
/// Equal sequences of calls give equal bytes. Dropped before [`finish`](Self::finish) it removes
/// its `.part` file; a process killed before then leaves one behind, which no reader opens and
/// the next writer replaces.
#[derive(Debug)]
pub struct ArchiveWriter {
    layout: Layout,
    /// `None` once finished.
    file: Option<BufWriter<File>>,
    path: PathBuf,
    part: PathBuf,
    failed: bool,
}

impl ArchiveWriter {
    /// Starts an archive that will be at `path`; a file already there stays until the end.
    ///
    /// # Errors
    /// `InUse` when another process is writing the same archive, `Io` when the `.part` file
    /// cannot be created.
    pub fn create(path: &Path) -> Result<Self, ArchiveError> {
        let mut part = OsString::from(path);
        part.push(".part");
        let part = PathBuf::from(part);
        let fail = |action, source| ArchiveError::Io { action, path: part.clone(), source };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(|source| fail("create", source))?;
        // Only a lock that another process holds is a reason to stop: some filesystems have none.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(ArchiveError::InUse { path: part });
        }
        // Opened just before another writer renamed it away: it is that one's finished archive.
        if !is_at(&file, &part) {
            return Err(ArchiveError::InUse { path: part });
        }
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            file.set_len(0).map_err(|source| fail("write", source))?;
        }
        let mut writer = Self {
            layout: Layout::new(),
            file: Some(BufWriter::with_capacity(BUFFER_BYTES, file)),
            path: path.to_path_buf(),
            part,
            failed: false,
        };
        writer.append(DATA_START as usize, &[])?;
        Ok(writer)
    }

    /// Adds entry `id`, behind what was added before. Ids are below
    /// [`ENTRIES_MAX`](crate::ENTRIES_MAX) and may come in any order; the directory has a record
    /// for every id up to the largest, so they should be dense.
    ///
    /// # Errors
    /// `DuplicateEntry`, `EntryId` or `TooLarge`, after which the archive is as before the call;
    /// `Io` when the disk is full or fails, after which it cannot be finished.
    pub fn add(&mut self, id: u32, packed: &Packed) -> Result<(), ArchiveError> {
        let padding = self.layout.add(id, packed)?;
        self.append(padding, &packed.stored)
    }

    /// Aligns the entry or section that is added next to
    /// [`RUN_ALIGN_BYTES`](crate::RUN_ALIGN_BYTES).
    pub fn begin_run(&mut self) {
        self.layout.begin_run();
    }

    /// Adds a section: bytes found by name, stored as an entry is.
    ///
    /// # Errors
    /// `DuplicateSection`, `TooManySections` or `TooLarge`, after which the archive is as before
    /// the call; `Io` when the disk is full or fails, after which it cannot be finished.
    pub fn section(&mut self, name: [u8; 8], bytes: &[u8]) -> Result<(), ArchiveError> {
        let packed = pack(bytes, Filter::None);
        let padding = self.layout.section(name, &packed)?;
        self.append(padding, &packed.stored)
    }

    /// Writes the directory, then the superblocks, each synced to the disk, and renames the file
    /// to its path.
    ///
    /// # Errors
    /// `Abandoned` when an earlier write failed, `Io` when this one does. The `.part` file is
    /// then removed and a file that was at the path before is untouched.
    pub fn finish(mut self) -> Result<Summary, ArchiveError> {
        if self.failed {
            return Err(ArchiveError::Abandoned { path: self.part.clone() });
        }
        let ending = self.layout.finish();
        self.append(0, &ending.tail)?;
        let result = self.seal(&ending.superblocks);
        result.map_err(|source| self.io("write", source))?;
        fs::rename(&self.part, &self.path).map_err(|source| ArchiveError::Io {
            action: "rename the finished archive to",
            path: self.path.clone(),
            source,
        })?;
        self.file = None;
        sync_folder(&self.path)?;
        Ok(ending.summary)
    }

    fn seal<const N: usize>(&mut self, superblocks: &[[u8; N]; 2]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.flush()?;
        file.get_ref().sync_all()?;
        for (index, superblock) in superblocks.iter().enumerate() {
            file.seek(SeekFrom::Start((index * SUPERBLOCK_BYTES) as u64))?;
            file.write_all(superblock)?;
            file.flush()?;
        }
        file.get_ref().sync_all()
    }

    fn append(&mut self, padding: usize, stored: &[u8]) -> Result<(), ArchiveError> {
        if self.failed {
            return Err(ArchiveError::Abandoned { path: self.part.clone() });
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let zeros = [0; DATA_START as usize];
        let result = file.write_all(&zeros[..padding]).and_then(|()| file.write_all(stored));
        result.map_err(|source| {
            self.failed = true;
            self.io("write", source)
        })
    }

    fn io(&self, action: &'static str, source: io::Error) -> ArchiveError {
        ArchiveError::Io { action, path: self.part.clone(), source }
    }
}

const _: () = assert!(RUN_ALIGN_BYTES <= DATA_START, "padding is taken from one array of zeros");

impl Drop for ArchiveWriter {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Without a last flush: the bytes are about to go. Removed while still locked, so
            // that no other writer's file is taken for this one.
            let (file, _) = file.into_parts();
            let _ = fs::remove_file(&self.part);
            drop(file);
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
