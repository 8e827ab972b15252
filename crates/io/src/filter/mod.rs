//! Typed filters: exact rearrangements that make a block compress better.

mod arch;
mod color;
mod indices;
mod planar;
mod shuffle;
mod vertices;

#[cfg(test)]
mod oracle;

use crate::block::BlockErrorKind;

/// What is done to the bytes of a block before compression, and undone after it.
///
/// Every filter accepts every length and every parameter: bytes that do not fill a whole sample
/// or element stay as they are. A filter works on each 64 KiB block by itself, so that blocks
/// decode independently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The bytes as they are.
    #[default]
    None,
    /// For heights: little-endian u16 samples in rows. Each sample is predicted from the plane
    /// through its neighbours (left + above − above left; at the edges of the block and of the row
    /// by the one of them that there is), the difference is folded so that small ones of either
    /// sign are small (0, −1, 1, −2, … → 0, 1, 2, 3, …), then all high bytes are stored before all
    /// low bytes.
    PlanarDelta16 {
        /// Samples in a row; 0 means one endless row.
        row_samples: u32,
    },
    /// The same for little-endian f32 samples, whose bits are first mapped to integers in the
    /// order of the numbers. Exact for every bit pattern, NaN and −0 included.
    PlanarDelta32 {
        /// Samples in a row; 0 means one endless row.
        row_samples: u32,
    },
    /// For records of a fixed size: all first bytes, then all second bytes, and so on.
    ByteShuffle {
        /// Bytes in a record; 0 and 1 leave the bytes as they are.
        stride: u32,
    },
    /// For RGBA8 texels in rows: green is subtracted from red and blue, then every channel of
    /// the texel above from each (in the first row of a block of the texel to the left), and the
    /// four channels are stored one after the other.
    SubtractGreen {
        /// Texels in a row; 0 means one endless row.
        row_texels: u32,
    },
    /// For vertices of a mesh: the vertex codec of meshoptimizer, version 0.
    MeshVertices {
        /// Bytes in a vertex, a multiple of 4 up to 256; any other leaves the bytes as they are.
        stride: u32,
    },
    /// For triangle lists of little-endian u16 indices: the index codec of meshoptimizer, version
    /// 1, and beside it by how much it turned each triangle.
    MeshIndices16,
    /// For triangle lists of little-endian u32 indices, likewise.
    MeshIndices32,
}

impl Filter {
    /// Identifier and parameter as the archive stores them.
    pub(crate) fn to_stored(self) -> (u8, u32) {
        match self {
            Self::None => (0, 0),
            Self::PlanarDelta16 { row_samples } => (1, row_samples),
            Self::ByteShuffle { stride } => (2, stride),
            Self::PlanarDelta32 { row_samples } => (3, row_samples),
            Self::SubtractGreen { row_texels } => (4, row_texels),
            Self::MeshVertices { stride } => (5, stride),
            Self::MeshIndices16 => (6, 0),
            Self::MeshIndices32 => (7, 0),
        }
    }

    pub(crate) fn from_stored(id: u8, parameter: u32) -> Option<Self> {
        match (id, parameter) {
            (0, 0) => Some(Self::None),
            (1, row_samples) => Some(Self::PlanarDelta16 { row_samples }),
            (2, stride) => Some(Self::ByteShuffle { stride }),
            (3, row_samples) => Some(Self::PlanarDelta32 { row_samples }),
            (4, row_texels) => Some(Self::SubtractGreen { row_texels }),
            (5, stride) => Some(Self::MeshVertices { stride }),
            (6, 0) => Some(Self::MeshIndices16),
            (7, 0) => Some(Self::MeshIndices32),
            _ => None,
        }
    }

    /// Appends the filtered form of a block that starts `start` bytes into its entry. What comes
    /// out longer than the block is of no use and may be incomplete.
    pub(crate) fn encode(self, start: usize, block: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::None => out.extend_from_slice(block),
            Self::PlanarDelta16 { row_samples } => {
                planar::encode::<u16, 2>(start, block, out, row_samples as usize);
            }
            Self::PlanarDelta32 { row_samples } => {
                planar::encode::<u32, 4>(start, block, out, row_samples as usize);
            }
            Self::ByteShuffle { stride } => shuffle::encode(block, out, stride as usize),
            Self::SubtractGreen { row_texels } => color::encode(block, out, row_texels as usize),
            Self::MeshVertices { stride } => vertices::encode(start, block, out, stride as usize),
            Self::MeshIndices16 => indices::encode::<2>(start, block, out),
            Self::MeshIndices32 => indices::encode::<4>(start, block, out),
        }
    }

    /// The exact inverse of [`encode`](Self::encode): fills `out`, which is as long as the block
    /// was, or says that no block is filtered to these bytes.
    pub(crate) fn decode(
        self,
        start: usize,
        filtered: &[u8],
        out: &mut [u8],
    ) -> Result<(), BlockErrorKind> {
        let keeps_size =
            !matches!(self, Self::MeshVertices { .. } | Self::MeshIndices16 | Self::MeshIndices32);
        if keeps_size && filtered.len() != out.len() {
            return Err(BlockErrorKind::length(out.len(), filtered.len()));
        }
        match self {
            Self::None => out.copy_from_slice(filtered),
            Self::PlanarDelta16 { row_samples } => {
                planar::decode::<u16, 2>(start, filtered, out, row_samples as usize);
            }
            Self::PlanarDelta32 { row_samples } => {
                planar::decode::<u32, 4>(start, filtered, out, row_samples as usize);
            }
            Self::ByteShuffle { stride } => shuffle::decode(filtered, out, stride as usize),
            Self::SubtractGreen { row_texels } => color::decode(filtered, out, row_texels as usize),
            Self::MeshVertices { stride } => {
                return vertices::decode(start, filtered, out, stride as usize)
                    .ok_or(BlockErrorKind::Filter);
            }
            Self::MeshIndices16 => {
                return indices::decode::<2>(start, filtered, out).ok_or(BlockErrorKind::Filter);
            }
            Self::MeshIndices32 => {
                return indices::decode::<4>(start, filtered, out).ok_or(BlockErrorKind::Filter);
            }
        }
        Ok(())
    }
}

/// Where the whole elements of a block lie that starts `start` bytes into its entry: behind what
/// is left of an element that began in the block before.
fn whole(start: usize, len: usize, element: usize) -> (usize, usize) {
    let head = (element - start % element) % element;
    let head = head.min(len);
    (head, (len - head) / element)
}
