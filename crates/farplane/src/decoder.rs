use crate::index::WorldIndex;
use crate::page::{PageScratch, compose_page};
use farplane_io::Archive;
use farplane_stream::{Decode, DecodeError, UnitId};
use std::sync::Arc;

/// Turns a world's archive entries into what is resident: tiles and meshes as they are, pages
/// composited.
pub struct WorldDecoder {
    archive: Arc<Archive>,
    index: Arc<WorldIndex>,
    payload_bytes_max: u64,
}

/// Working memory of one decoding thread.
#[derive(Default)]
pub struct DecoderScratch {
    filter: Vec<u8>,
    payload: Vec<u8>,
    page: PageScratch,
}

impl WorldDecoder {
    /// A decoder for an archive and its index.
    #[must_use]
    pub fn new(archive: Arc<Archive>, index: Arc<WorldIndex>) -> Self {
        let pages = index.page_base()..index.units.len() as u32;
        let logical = |unit| archive.extent(unit).map_or(0, |e| u64::from(e.logical_bytes));
        let payload_bytes_max = pages.map(logical).max().unwrap_or(0);
        Self { archive, index, payload_bytes_max }
    }
}

impl Decode for WorldDecoder {
    type Scratch = DecoderScratch;

    fn decode(
        &self,
        unit: UnitId,
        stored: &[u8],
        out: &mut [u8],
        scratch: &mut DecoderScratch,
    ) -> Result<(), DecodeError> {
        let DecoderScratch { filter, payload, page: page_scratch } = scratch;
        let Some(page) = self.index.page_of(unit) else {
            return self
                .archive
                .decode(unit, stored, out, filter)
                .map_err(|_| DecodeError::Corrupt);
        };
        let logical = self.archive.extent(unit).ok_or(DecodeError::Corrupt)?.logical_bytes;
        payload.resize(logical as usize, 0);
        self.archive.decode(unit, stored, payload, filter).map_err(|_| DecodeError::Corrupt)?;
        let (layout, materials) = (&self.index.layout, &self.index.materials);
        compose_page(payload, page, layout, materials, out, page_scratch)
            .map_err(|_| DecodeError::Undecodable)
    }

    /// 20 µs of overhead, 1 ns a decoded byte (LZ4 and a filter), 2 ns a byte of a page more (the
    /// layer stack). The model of the virtual clock, not a measurement of this machine.
    fn cost_ns(&self, unit: UnitId) -> u64 {
        let bytes = u64::from(self.index.units[unit as usize].resident_bytes);
        20_000 + if self.index.page_of(unit).is_some() { 3 * bytes } else { bytes }
    }

    fn scratch_bytes(&self) -> u64 {
        let tile = self.index.units.iter().map(|u| u64::from(u.resident_bytes)).max();
        self.payload_bytes_max + tile.unwrap_or(0) + PageScratch::bytes_max(&self.index.layout)
    }
}
