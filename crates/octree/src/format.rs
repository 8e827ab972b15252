//! A tree as bytes, version 1. All numbers little-endian; offsets from the front, which must lie
//! on a multiple of 64; sections follow each other and are padded with zeros to multiples of 64.
//!
//! ```text
//!   0  "FPOCTREE"                    8
//!   8  version, 1                    u32
//!  12  root, a node                  u32
//!  16  nodes N, blocks B, slots S    3 × u32
//!  28  items                         u32
//!  32  free node, block, slot        3 × u32   heads of lists; 2³² − 1 or, of slots, 2³¹ − 1: none
//!  44  cursor of maintain            u32
//!  48  root cell: corner, edge, m    4 × f32
//!  64  nodes                         N × 320   bounds: min x[8] y[8] z[8], max x[8] y[8] z[8];
//!                                              first keys u64[8]; children u32[8]; layers u8[8];
//!                                              items of blocks u8[8]; parent u32; count u8;
//!                                              level u8; 10 × 0
//!      boxes of blocks               B × 1536  8 × bounds as above
//!      items of blocks               B × 256   u32[64]
//!      slots of blocks               B × 256   u32[64]
//!      layers of blocks              B × 64    u8[64]
//!      blocks                        B × 8     parent u32 (with bit 31: free, next); slack f32
//!      slots                         S × 6     block · 64 + lane u32 (with bit 31: free, next);
//!                                              generation u16
//! ```

use crate::check::check_parts;
use crate::key::Cell;
use crate::node::{BlockInfo, Node};
use crate::pack::Pack;
use crate::query::Query;
use crate::slots::{Slot, Slots, place_of, unplace};
use crate::store::{Boxes, Column, Parts, Store};
use crate::{Handle, Octree};
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable, bytes_of, cast_slice, try_cast_slice};
use core::fmt;
use farplane_geom::Aabb;

const MAGIC: [u8; 8] = *b"FPOCTREE";
const VERSION: u32 = 1;

/// Sections lie on multiples of this, bytes.
const ALIGNMENT: usize = 64;

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    magic: [u8; 8],
    version: u32,
    pub root: u32,
    nodes: u32,
    blocks: u32,
    slots: u32,
    pub items: u32,
    pub free_node: u32,
    pub free_block: u32,
    pub free_slot: u32,
    pub cursor: u32,
    pub cell_min: [f32; 3],
    pub cell_edge_m: f32,
}

const _: () = assert!(size_of::<Header>() == ALIGNMENT && size_of::<Node>() == 320);
const _: () = assert!(size_of::<Boxes>() == 1536 && size_of::<BlockInfo>() == 8);
const _: () = assert!(size_of::<Slot>() == 6);

/// Why bytes are no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The bytes do not begin with the name of the format.
    NoOctree,
    /// Another version, or numbers in the other byte order.
    Version {
        /// As read.
        version: u32,
        /// The one that is understood.
        expected: u32,
    },
    /// There are fewer or more bytes than the header says.
    Length {
        /// Bytes given.
        bytes: u64,
        /// Bytes that the header's counts need.
        expected: u64,
    },
    /// The bytes do not begin on a multiple of 64: map the file, or copy them to where they do.
    Misaligned {
        /// Bytes beyond such a multiple.
        by: usize,
    },
    /// Something contradicts itself.
    Corrupt {
        /// What.
        what: &'static str,
        /// Which one of them.
        index: u32,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoOctree => {
                write!(f, "octree: the bytes are no octree: they must begin with \"FPOCTREE\"")
            }
            Self::Version { version, expected } => write!(
                f,
                "octree: the bytes are of version {version}, {expected} is understood: build and \
                 write the tree anew on a little-endian machine"
            ),
            Self::Length { bytes, expected } => write!(
                f,
                "octree: {bytes} bytes given, the header says {expected}: give exactly what was \
                 written"
            ),
            Self::Misaligned { by } => write!(
                f,
                "octree: the bytes begin {by} beyond a multiple of {ALIGNMENT}: map the file, or \
                 copy them to an aligned place"
            ),
            Self::Corrupt { what, index } => write!(
                f,
                "octree: {what} {index} contradicts the rest: the bytes are corrupt, build and \
                 write the tree anew"
            ),
        }
    }
}

impl core::error::Error for FormatError {}

impl Octree {
    /// Hands the tree's bytes to `sink`, piece by piece and without a copy: write them to a file or
    /// an archive, one after the other. Handles are part of it and stay valid in the copy.
    ///
    /// # Errors
    /// The first of `sink`'s.
    pub fn write<E>(&self, mut sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let (store, slots) = (&self.store, &self.slots);
        let header = Header {
            magic: MAGIC,
            version: VERSION,
            root: store.root,
            nodes: store.nodes.len() as u32,
            blocks: store.blocks.len() as u32,
            slots: slots.list.len() as u32,
            items: slots.len,
            free_node: store.free_node,
            free_block: store.free_block,
            free_slot: slots.free,
            cursor: self.cursor,
            cell_min: self.cell.min,
            cell_edge_m: self.cell.edge_m,
        };
        let sections: [&[u8]; 8] = [
            bytes_of(&header),
            cast_slice(&store.nodes),
            cast_slice(&store.boxes),
            cast_slice(&store.items),
            cast_slice(&store.slots),
            cast_slice(&store.layers),
            cast_slice(&store.blocks),
            cast_slice(&slots.list),
        ];
        for section in sections {
            sink(section)?;
            let padding = section.len().next_multiple_of(ALIGNMENT) - section.len();
            if padding > 0 {
                sink(&[0; ALIGNMENT][..padding])?;
            }
        }
        Ok(())
    }

    /// The bytes of [`Octree::write`] in one piece.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let all = self.write(|piece| {
            bytes.extend_from_slice(piece);
            Ok::<(), core::convert::Infallible>(())
        });
        match all {
            Ok(()) => bytes,
            Err(never) => match never {},
        }
    }
}

/// A tree in bytes that somebody else holds, an archive mapped into memory, say: queries without a
/// copy.
#[derive(Clone, Copy, Debug)]
pub struct OctreeView<'a> {
    pub(crate) header: Header,
    pub(crate) parts: Parts<'a>,
    pub(crate) slots: &'a [Column<u32>],
    pub(crate) places: &'a [Slot],
}

/// Cuts sections off the front.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    /// `count` elements and their padding; the length was checked before.
    fn take<T: Pod>(&mut self, count: u32) -> Option<&'a [T]> {
        let bytes = count as usize * size_of::<T>();
        let (section, rest) = self.0.split_at_checked(bytes.next_multiple_of(ALIGNMENT))?;
        self.0 = rest;
        try_cast_slice(&section[..bytes]).ok()
    }
}

impl<'a> OctreeView<'a> {
    /// The tree that bytes written by [`Octree::write`] hold. All of it is read and checked once,
    /// so that no query can go wrong whatever the bytes are; the time is that of a few queries for
    /// everything.
    ///
    /// # Errors
    /// [`FormatError`] for whatever is no tree. Whatever a header claims, no more is allocated than a
    /// list of the nodes that wait to be looked at, at most seven a level.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let by = bytes.as_ptr().align_offset(ALIGNMENT);
        if by != 0 {
            return Err(FormatError::Misaligned { by: ALIGNMENT - by % ALIGNMENT });
        }
        let no = FormatError::NoOctree;
        let front = bytes.get(..size_of::<Header>()).ok_or(no)?;
        let header: Header = bytemuck::pod_read_unaligned(front);
        if header.magic != MAGIC {
            return Err(no);
        }
        if header.version != VERSION {
            return Err(FormatError::Version { version: header.version, expected: VERSION });
        }
        let expected = length(&header);
        if bytes.len() as u64 != expected {
            return Err(FormatError::Length { bytes: bytes.len() as u64, expected });
        }
        let view = Self::cut(header, &bytes[size_of::<Header>()..]).ok_or(no)?;
        check_parts(&view)?;
        Ok(view)
    }

    fn cut(header: Header, bytes: &'a [u8]) -> Option<Self> {
        let mut cut = Cut(bytes);
        let nodes: &[Node] = cut.take(header.nodes)?;
        let boxes: &[Boxes] = cut.take(header.blocks)?;
        let items = cut.take(header.blocks)?;
        let slots = cut.take(header.blocks)?;
        let layers = cut.take(header.blocks)?;
        let blocks = cut.take(header.blocks)?;
        let parts = Parts { nodes, blocks, boxes, items, layers, root: header.root };
        let places = cut.take(header.slots)?;
        Some(Self { header, parts, slots, places })
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.header.items as usize
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What can be asked of the tree; of the items on all layers unless narrowed.
    #[inline]
    #[must_use]
    pub fn query(&self) -> Query<'a> {
        Query::new(self.parts)
    }

    /// Box and number of an item; `None` when it was removed.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<(Aabb, u32)> {
        let (block, lane) = unplace(place_of(self.places, handle)?);
        let bounds = self.parts.boxes[block as usize][lane / Pack::LANES].get(lane % Pack::LANES);
        Some((bounds, self.parts.items[block as usize][lane]))
    }

    /// A tree of its own that can change: the arrays are copied as they are.
    #[must_use]
    pub fn to_octree(&self) -> Octree {
        let (header, parts) = (&self.header, &self.parts);
        let store = Store {
            nodes: parts.nodes.to_vec(),
            blocks: parts.blocks.to_vec(),
            boxes: parts.boxes.to_vec(),
            items: parts.items.to_vec(),
            slots: self.slots.to_vec(),
            layers: parts.layers.to_vec(),
            root: parts.root,
            free_node: header.free_node,
            free_block: header.free_block,
        };
        let slots = Slots { list: self.places.to_vec(), free: header.free_slot, len: header.items };
        let cell = Cell { min: header.cell_min, edge_m: header.cell_edge_m };
        Octree { store, slots, cell, cursor: header.cursor }
    }
}

/// Bytes that the counts of a header need.
fn length(header: &Header) -> u64 {
    let section = |count: u32, size: usize| {
        (u64::from(count) * size as u64).next_multiple_of(ALIGNMENT as u64)
    };
    let [boxes, column] = [size_of::<Boxes>(), size_of::<Column<u32>>()];
    let per_block = boxes + 2 * column + size_of::<Column<u8>>();
    size_of::<Header>() as u64
        + section(header.nodes, size_of::<Node>())
        + section(header.blocks, per_block)
        + section(header.blocks, size_of::<BlockInfo>())
        + section(header.slots, size_of::<Slot>())
}
