use crate::Reservation;
use memmap2::{MmapMut, MmapOptions};
use std::io;

/// Pages straight from the system, without a header beside them, and back to it when dropped.
pub(super) struct Memory {
    map: MmapMut,
    start: usize,
    size: usize,
    pub class: usize,
    /// Declared last, dropped last: the bytes are paid for until they are gone.
    _reservation: Reservation,
}

/// What every system's pages are aligned to at least.
pub(super) const PAGE: usize = 4096;

impl Memory {
    /// `size` zeroed bytes from a multiple of `align` on, a power of two.
    pub fn new(
        size: usize,
        align: usize,
        class: usize,
        reservation: Reservation,
    ) -> io::Result<Self> {
        // What lies before and behind the aligned part is never touched, so it stays address
        // space without memory behind it.
        let len = size.checked_add(align - PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapOptions::new().len(len).map_anon()?;
        let address = map.as_ptr().addr();
        let start = address.next_multiple_of(align) - address;
        Ok(Self { map, start, size, class, _reservation: reservation })
    }

    pub const fn size(&self) -> usize {
        self.size
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map[self.start..][..self.size]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map[self.start..][..self.size]
    }
}
