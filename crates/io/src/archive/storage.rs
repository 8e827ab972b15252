//! Where an archive is written to: a file, memory, or a disk of one's own.

use std::fs::File;
use std::io;

/// Bytes that an archive is written to, in any order, and made durable by [`sync`](Self::sync).
///
/// Nothing is assumed of writes that were not synced: at a crash each sector of them may be there
/// or not, in any combination. A sector of 512 bytes is taken to be written as a whole.
pub trait Storage {
    /// Bytes there are.
    ///
    /// # Errors
    /// What the system says.
    fn byte_len(&self) -> io::Result<u64>;

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` past the end; else what the system says.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`; a gap behind the end is filled with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the bytes off at `len`, or fills up with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Returns when all that was written is durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;
}

impl Storage for Vec<u8> {
    fn byte_len(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        slice(self, offset, out.len()).map(|bytes| out.copy_from_slice(bytes))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::OutOfMemory)?;
        if end > self.len() {
            self.resize(end, 0);
        }
        self[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `len` bytes from `offset` on, all of which there must be.
pub(crate) fn slice(bytes: &[u8], offset: u64, len: usize) -> io::Result<&[u8]> {
    let range = usize::try_from(offset).ok().and_then(|at| bytes.get(at..at.checked_add(len)?));
    range.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

impl Storage for File {
    fn byte_len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact_at(self, offset, out)
    }

    #[cfg(unix)]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(not(unix))]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        use std::io::{Seek, SeekFrom, Write};

        self.seek(SeekFrom::Start(offset))?;
        self.write_all(bytes)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        // A device that a link leads to has no length to set.
        if self.metadata()?.is_file() { File::set_len(self, len) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Fills `out` from `offset` on without moving any cursor that others use.
#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, offset: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

/// Fills `out` from `offset` on.
#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                out = &mut out[count..];
                offset += count as u64;
            }
        }
    }
    Ok(())
}
