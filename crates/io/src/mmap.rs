//! The bytes of an archive: a mapped file, or bytes in memory. The one module with `unsafe`.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;

/// The bytes of an archive, shared by `Arc` between the [`Archive`](crate::Archive), its read
/// queues and the [`ReadBuffer`](crate::ReadBuffer)s that point into it.
///
/// A finished archive is never written in place (the writer makes a new file and renames it over
/// the old one, whose bytes live on as long as a map holds them). Another program that shortens
/// the file while it is mapped makes a read past its new end fail with SIGBUS, as with any map.
#[derive(Debug)]
pub struct Map {
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Mapped { map: memmap2::Mmap, file: File },
    Owned(Vec<u8>),
}

impl Map {
    /// Maps `file`, which must not be empty.
    pub(crate) fn of_file(file: File) -> io::Result<Self> {
        // SAFETY: the map is read-only and private to this value, and every reader takes its
        // bytes as untrusted: lengths and offsets are copied out and checked before use, so a
        // file changed by another program yields wrong bytes (which the checksums find), never
        // an access out of bounds. Shortening the file is documented on the type.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Self { bytes: Bytes::Mapped { map, file } })
    }

    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::Owned(bytes) }
    }

    /// Bytes whose file is another one: for reads that go wrong.
    #[cfg(test)]
    pub(crate) fn of_bytes_beside(bytes: &[u8], file: File) -> io::Result<Self> {
        let mut map = memmap2::MmapMut::map_anon(bytes.len())?;
        map.copy_from_slice(bytes);
        Ok(Self { bytes: Bytes::Mapped { map: map.make_read_only()?, file } })
    }

    /// The file behind the map; `None` for bytes in memory.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.bytes {
            Bytes::Mapped { file, .. } => Some(file),
            Bytes::Owned(_) => None,
        }
    }

    /// Copies what there is from `offset` on; how many bytes that was.
    pub(crate) fn copy_at(&self, out: &mut [u8], offset: u64) -> usize {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let from = from.unwrap_or(&[]);
        let count = from.len().min(out.len());
        out[..count].copy_from_slice(&from[..count]);
        count
    }

    /// Tells the system that what is read next lies apart, or that it no longer does. A read of the map
    /// would otherwise have it read megabytes around, for which whoever comes next waits. Advice only.
    pub(crate) fn lies_apart(&self, apart: bool) {
        #[cfg(unix)]
        if let Bytes::Mapped { map, .. } = &self.bytes {
            let advice = if apart { memmap2::Advice::Random } else { memmap2::Advice::Normal };
            let _ = map.advise(advice);
        }
        #[cfg(not(unix))]
        let _ = apart;
    }

    /// Asks the system to read a range ahead. Advice only: failure changes nothing.
    pub(crate) fn will_need(&self, offset: usize, len: usize) {
        #[cfg(unix)]
        if let Bytes::Mapped { map, .. } = &self.bytes
            && offset.checked_add(len).is_some_and(|end| end <= map.len())
        {
            let _ = map.advise_range(memmap2::Advice::WillNeed, offset, len);
        }
        #[cfg(not(unix))]
        let _ = (offset, len);
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped { map, .. } => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}
