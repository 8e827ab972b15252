//! A page pool, a page table and its indirection texels beside the most naive model of them.
//! The property test and the fuzz target share it.

use std::collections::BTreeMap;

use farplane_vt::{
    DIRTY_RECTS_PER_MIP, Indirection, PageId, PagePool, PageTable, PoolError, PoolStats, Slot,
    SlotHandle, TableError, Texel, VtLayout,
};

/// One change. A handle is one of all those ever given, so most soon are stale; a page may lie
/// outside the texture.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Allocate,
    Free {
        handle: u8,
    },
    Pin {
        handle: u8,
    },
    Unpin {
        handle: u8,
    },
    Retain {
        handle: u8,
    },
    Release {
        handle: u8,
    },
    Map {
        page: PageId,
        slot: u8,
    },
    Unmap {
        page: PageId,
    },
    /// Brings the indirection up to date with all changes since the last one.
    Refresh {
        backwards: bool,
    },
    /// Copies what is dirty to the GPU's image, and clears it.
    Upload,
}

impl Op {
    /// Takes one operation off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let ([kind, a, b], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let (handle, slot) = (*a, *b);
        // Mostly pages of the small textures below, some outside.
        let page = PageId::new(a % 6, u16::from(b % 16), u16::from(b / 16));
        Some(match kind % 16 {
            0 | 1 => Self::Allocate,
            2 => Self::Free { handle },
            3 => Self::Pin { handle },
            4 => Self::Unpin { handle },
            5 => Self::Retain { handle },
            6 => Self::Release { handle },
            7..=9 => Self::Map { page, slot: kind / 16 },
            10 | 11 => Self::Unmap { page },
            12 | 13 => Self::Refresh { backwards: slot.is_multiple_of(2) },
            _ => Self::Upload,
        })
    }
}

/// What the model knows of a slot that is taken.
#[derive(Clone, Copy, Debug)]
struct Held {
    handle: SlotHandle,
    pins: u32,
    references: u32,
}

pub struct Model {
    layout: VtLayout,
    pool: PagePool,
    held: Vec<Held>,
    handles: Vec<SlotHandle>,
    stats: PoolStats,
    table: PageTable,
    mapped: BTreeMap<PageId, Slot>,
    changed: Vec<PageId>,
    indirection: Indirection,
    /// What a GPU would have: only ever written from dirty rectangles.
    uploaded: Vec<Vec<u32>>,
}

/// Applies all operations, after a texture of a size that the first two bytes choose.
pub fn run(mut bytes: &[u8]) {
    let Some(([width, height], rest)) = bytes.split_first_chunk() else { return };
    bytes = rest;
    let mut model = Model::new(1 + u32::from(width % 13), 1 + u32::from(height % 13));
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
        model.check();
    }
    model.apply(Op::Refresh { backwards: true });
    model.apply(Op::Upload);
    model.check();
}

impl Model {
    /// A texture of `pages_x` × `pages_y` pages, the last ones cut, and a pool of five slots.
    pub fn new(pages_x: u32, pages_y: u32) -> Self {
        let layout = VtLayout::with_pages(16 * pages_x - 3, 16 * pages_y - 15, 16, 2).unwrap();
        let uploaded = (0..layout.mips())
            .map(|mip| vec![0x1234; usize::from(layout.pages_x(mip) * layout.pages_y(mip))])
            .collect();
        Self {
            layout,
            pool: PagePool::new(5).unwrap(),
            held: Vec::new(),
            handles: Vec::new(),
            stats: PoolStats { slots: 5, ..PoolStats::default() },
            table: PageTable::new(&layout),
            mapped: BTreeMap::new(),
            changed: Vec::new(),
            indirection: Indirection::new(&layout),
            uploaded,
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Allocate => self.allocate(),
            Op::Free { handle } => self.free(handle),
            Op::Pin { handle } => self.count(handle, PagePool::pin, |held| &mut held.pins, 1),
            Op::Unpin { handle } => self.count(handle, PagePool::unpin, |held| &mut held.pins, -1),
            Op::Retain { handle } => {
                self.count(handle, PagePool::retain, |held| &mut held.references, 1);
            }
            Op::Release { handle } => {
                self.count(handle, PagePool::release, |held| &mut held.references, -1);
            }
            Op::Map { page, slot } => self.map(page, Slot(u16::from(slot))),
            Op::Unmap { page } => self.unmap(page),
            Op::Refresh { backwards } => self.refresh(backwards),
            Op::Upload => self.upload(),
        }
    }

    fn allocate(&mut self) {
        match self.pool.allocate() {
            Some(handle) => {
                assert!(self.held.iter().all(|held| held.handle.slot() != handle.slot()));
                assert!(u32::from(handle.slot().0) < self.stats.slots);
                assert!(!self.handles.contains(&handle), "a handle was given twice");
                self.handles.push(handle);
                self.held.push(Held { handle, pins: 0, references: 0 });
                self.stats.allocations += 1;
            }
            None => {
                assert_eq!(self.held.len(), 5, "refused although a slot is free");
                self.stats.refused += 1;
            }
        }
        self.stats.allocated_max = self.stats.allocated_max.max(self.held.len() as u32);
    }

    fn free(&mut self, handle: u8) {
        let Some(handle) = self.pick(handle) else { return };
        let result = self.pool.free(handle);
        match self.held.iter().position(|held| held.handle == handle) {
            None => assert!(matches!(result, Err(PoolError::Stale { .. }))),
            Some(i) => match self.held[i] {
                Held { pins: 0, references: 0, .. } => {
                    assert_eq!(result, Ok(()));
                    self.held.remove(i);
                }
                Held { pins, references, .. } => {
                    let slot = handle.slot();
                    assert_eq!(result, Err(PoolError::InUse { slot, pins, references }));
                }
            },
        }
    }

    fn count(
        &mut self,
        handle: u8,
        call: fn(&mut PagePool, SlotHandle) -> Result<(), PoolError>,
        field: fn(&mut Held) -> &mut u32,
        by: i64,
    ) {
        let Some(handle) = self.pick(handle) else { return };
        let result = call(&mut self.pool, handle);
        let Some(held) = self.held.iter_mut().find(|held| held.handle == handle) else {
            assert!(matches!(result, Err(PoolError::Stale { .. })));
            return;
        };
        let count = field(held);
        match u32::try_from(i64::from(*count) + by) {
            Ok(new) => {
                assert_eq!(result, Ok(()));
                *count = new;
            }
            Err(_) => assert_eq!(result, Err(PoolError::NotHeld { slot: handle.slot() })),
        }
    }

    fn pick(&self, handle: u8) -> Option<SlotHandle> {
        // The latest ones first, so that small numbers mostly are valid handles.
        self.handles.iter().rev().nth(usize::from(handle) % self.handles.len().max(1)).copied()
    }

    fn map(&mut self, page: PageId, slot: Slot) {
        let result = self.table.map(page, slot);
        if self.exists(page) {
            assert_eq!(result, Ok(self.mapped.insert(page, slot)));
            self.changed.push(page);
        } else {
            assert!(matches!(result, Err(TableError::NoSuchPage { .. })));
        }
    }

    fn unmap(&mut self, page: PageId) {
        let result = self.table.unmap(page);
        if self.exists(page) {
            assert_eq!(result, Ok(self.mapped.remove(&page)));
            self.changed.push(page);
        } else {
            assert!(matches!(result, Err(TableError::NoSuchPage { .. })));
            assert!(self.indirection.refresh(&self.table, page).is_err());
        }
    }

    fn refresh(&mut self, backwards: bool) {
        if backwards {
            self.changed.reverse();
        }
        for page in self.changed.drain(..) {
            self.indirection.refresh(&self.table, page).unwrap();
        }
    }

    fn upload(&mut self) {
        for rect in self.indirection.dirty() {
            let stride = usize::from(self.layout.pages_x(rect.mip));
            let (x, width) = (usize::from(rect.x), usize::from(rect.width));
            assert!(width > 0 && rect.height > 0);
            assert!(x + width <= stride, "{rect:?} leaves its mip");
            for y in usize::from(rect.y)..usize::from(rect.y + rect.height) {
                let row = y * stride + x..y * stride + x + width;
                let source = &self.indirection.texels(rect.mip)[row.clone()];
                self.uploaded[usize::from(rect.mip)][row].copy_from_slice(source);
            }
        }
        self.indirection.clear_dirty();
        assert!(self.indirection.dirty().is_empty());
        for (mip, image) in self.uploaded.iter().enumerate() {
            assert_eq!(image, self.indirection.texels(mip as u8), "a change was not uploaded");
        }
    }

    fn exists(&self, PageId { mip, x, y }: PageId) -> bool {
        let (mut width, mut height) =
            (self.layout.width().div_ceil(16), self.layout.height().div_ceil(16));
        for _ in 0..mip {
            if (width, height) == (1, 1) {
                return false;
            }
            (width, height) = (width.div_ceil(2), height.div_ceil(2));
        }
        u32::from(x) < width && u32::from(y) < height
    }

    /// From the page up, the first one that is mapped.
    fn resolve(&self, page: PageId) -> Option<(PageId, Slot)> {
        (page.mip..16)
            .map(|mip| {
                let up = mip - page.mip;
                PageId::new(mip, page.x >> up, page.y >> up)
            })
            .find_map(|p| self.mapped.get(&p).map(|slot| (p, *slot)))
    }

    /// Compares everything that can be seen.
    pub fn check(&self) {
        let pinned = self.held.iter().filter(|held| held.pins > 0).count() as u32;
        let referenced = self.held.iter().filter(|held| held.references > 0).count() as u32;
        let allocated = self.held.len() as u32;
        let expected = PoolStats { pinned, referenced, allocated, ..self.stats };
        assert_eq!(self.pool.stats(), expected);
        assert_eq!(self.pool.free_slots(), 5 - allocated);
        for handle in &self.handles {
            let held = self.held.iter().find(|held| held.handle == *handle);
            assert_eq!(self.pool.is_valid(*handle), held.is_some());
            assert_eq!(self.pool.pins(*handle), held.map(|h| h.pins));
            assert_eq!(self.pool.references(*handle), held.map(|h| h.references));
            let free = held.is_some_and(|h| h.pins == 0 && h.references == 0);
            assert_eq!(self.pool.is_evictable(*handle), free);
        }
        assert_eq!(self.table.mapped() as usize, self.mapped.len());
        for index in 0..self.layout.pages() {
            let page = self.layout.page(index).unwrap();
            let best = self.resolve(page);
            assert_eq!(self.table.slot(page), self.mapped.get(&page).copied());
            assert_eq!(self.table.resolve(page), best);
            if self.changed.is_empty() {
                let texel = best.map(|(p, slot)| Texel { slot, mip: p.mip });
                assert_eq!(self.indirection.texel(page), texel, "texel of {page:?}");
            }
        }
        let dirty = self.indirection.dirty();
        assert!(dirty.is_sorted_by_key(|rect| rect.mip));
        for group in dirty.chunk_by(|a, b| a.mip == b.mip) {
            assert!(group.len() <= DIRTY_RECTS_PER_MIP);
        }
    }
}
