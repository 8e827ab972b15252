//! Files in and out: read with a limit, written whole or not at all, and standard output.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// When it is missing, a folder, unreadable or larger.
pub fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() > bytes_max {
        bail!("{}: more than {bytes_max} bytes; give a smaller file", path.display());
    }
    Ok(bytes)
}

/// Writes a file so that it is there whole or not at all: into a new file beside it that then takes
/// its name. A device or a pipe is written to as it is.
///
/// # Errors
/// When the folder is missing, not writable or full. A file that was there before stays as it was.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    // Behind a link: the link stays, what it points to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&target).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        let mut file = File::options().write(true).open(&target).with_context(cannot)?;
        return file.write_all(bytes).and_then(|()| file.flush()).with_context(cannot);
    }
    check_target(&target)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".farplane-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the umask leaves of it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder_of(&target)).with_context(cannot)?;
    file.write_all(bytes).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(&target).map_err(|e| e.error).with_context(cannot)?;
    Ok(())
}

/// Refuses what no new file can take the place of: a folder, a device, a name in no folder.
///
/// # Errors
/// What is in the way.
pub fn check_target(path: &Path) -> Result<()> {
    let cannot = format!("cannot write {}", path.display());
    let folder = folder_of(path);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            bail!("{cannot}: it is a folder; give the name of a file")
        }
        Ok(metadata) if !metadata.is_file() => {
            bail!("{cannot}: it is no regular file; give another name")
        }
        Err(_) if !folder.is_dir() => {
            bail!("{cannot}: there is no folder {}; make it, or check the name", folder.display())
        }
        _ => Ok(()),
    }
}

/// Whether two paths name the same file, which is there.
#[must_use]
pub fn same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
///
/// # Errors
/// When the output cannot be written: a full disk, say.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e).context("cannot write the output"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.cam");
        fs::write(&path, "a long text that was there before").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let error = format!("{:#}", write(&missing.join("a.cam"), b"new").unwrap_err());
        assert!(error.contains(missing.to_str().unwrap()), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "1234").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"1234");
        assert!(read(&path, 3).is_err());
    }
}
