//! The only module with unsafe code: the arena's memory and who may touch it when.
//!
//! # Why this is sound
//!
//! Memory is handed out in two ways only: `&mut [u8]` through a [`Lease`], and `&[u8]` through
//! [`Arena::read`] or [`Snapshot::read`]. It must never happen that a byte is in a `&mut` and in
//! any other reference. Three sets of bytes decide it:
//!
//! - L: the ranges of live leases. A lease enters them when it is made and leaves when it is
//!   dropped or published; [`LeaseBook`] refuses a range that overlaps one of them.
//! - P: the published bytes. [`Arena::publish`] adds to it, [`Arena::retire`] takes away.
//! - S: for each snapshot that anybody still holds, the P of the moment when it was taken. It is
//!   immutable ([`View`]).
//!
//! Invariant: L shares no byte with P, nor with any S.
//!
//! - [`Arena::lease`], the only way into L, checks all three.
//! - `publish`, the only way into P, consumes a lease of this very arena: these bytes leave L when
//!   they enter P, and no reference through that lease can outlive the call that took it by value.
//! - [`Arena::snapshot`], the only way into the S, copies P.
//!
//! References made: a lease borrows itself to give its bytes, so two of them never live at once;
//! `Arena::read` borrows the arena, and all that could bring its bytes into L needs `&mut Arena`;
//! `Snapshot::read` borrows the snapshot, so while the reference lives the view counts as held.
//!
//! Order between threads: a lease clears its flag with Release and the owner reads it with
//! Acquire, so a dropped lease's writes come before the next lease's. Whether a view is held is
//! asked with `Arc::get_mut`, which synchronises with the drop of the other owners, so a reader's
//! last read comes before the next lease's first write; and nobody can clone a view that only the
//! arena holds. Published bytes reach a reader through the snapshot, which it can only get from
//! the owner's thread. `tests/interleavings.rs` has loom try the orders of these events. Forgetting a lease or a snapshot (`mem::forget`) leaves its bytes in L or S
//! for ever: lost, never shared.
//!
//! The memory lives as long as the last of arena, leases and snapshots, and never moves.
//!
//! Epochs play no part in this: they only tell the owner when asking for a lease makes sense.
#![allow(unsafe_code)]

use super::lease_book::{LeaseBook, LeaseFlags};
use super::range_set::RangeSet;
use super::{ArenaError, CopyError, ForeignLease, LeaseError};
use crate::Range;
use crate::sync::{Arc, Witness};
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// A moment in the life of an arena: it goes on with [`Arena::advance_epoch`] and with the first
/// snapshot after a [`Arena::retire`], and never back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(u64);

impl Epoch {
    /// Its number, from 0.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}", self.0)
    }
}

/// The memory of one arena. It hands out bytes to whoever can promise that they are allowed to.
struct Bytes {
    /// What the system gave; the arena begins at the first multiple of [`Bytes::ALIGN`] in it.
    given: NonNull<u8>,
    layout: Layout,
    len: usize,
    witness: Witness,
}

// SAFETY: the pointer is to memory that this value owns alone; the rest are integers.
unsafe impl Send for Bytes {}
// SAFETY: through `&Bytes` memory is reached only by the two unsafe functions below, whose callers
// promise that writes are exclusive.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// A cache line, and enough for every SIMD load.
    const ALIGN: usize = 64;

    fn new(len: usize) -> Result<Self, ArenaError> {
        let out_of_memory = ArenaError::OutOfMemory { requested: len };
        // Byte alignment, and the rest by hand: for small alignments the system's allocator
        // gives fresh pages that are zero already, for large ones it would write them all.
        let padded = len.checked_add(Self::ALIGN).ok_or(out_of_memory)?;
        let layout = Layout::from_size_align(padded, 1).map_err(|_| out_of_memory)?;
        // SAFETY: the size is at least ALIGN, so not zero.
        let given = unsafe { alloc_zeroed(layout) };
        Ok(Self {
            given: NonNull::new(given).ok_or(out_of_memory)?,
            layout,
            len,
            witness: Witness::new(len),
        })
    }

    /// Start of a range, and its size.
    ///
    /// # Safety
    /// The range lies within `len` bytes.
    unsafe fn at(&self, range: Range) -> (*mut u8, usize) {
        let given = self.given.as_ptr();
        let padding = given.addr().next_multiple_of(Self::ALIGN) - given.addr();
        // SAFETY: padding < ALIGN and offset ≤ len, and `len + ALIGN` bytes were given; both fit
        // `usize` because the range lies within `len`.
        (unsafe { given.add(padding + range.offset as usize) }, range.size as usize)
    }

    /// # Safety
    /// The range lies within `len` bytes, and while the slice lives nobody writes them.
    unsafe fn slice(&self, range: Range) -> &[u8] {
        self.witness.reads(range);
        // SAFETY: in bounds and unwritten by the caller's promise, initialised by `alloc_zeroed`.
        unsafe {
            let (start, size) = self.at(range);
            core::slice::from_raw_parts(start, size)
        }
    }

    /// # Safety
    /// The range lies within `len` bytes, and while the slice lives nobody else reads or writes
    /// them.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the caller's promise")]
    unsafe fn slice_mut(&self, range: Range) -> &mut [u8] {
        self.witness.writes(range);
        // SAFETY: in bounds and exclusive by the caller's promise, initialised by `alloc_zeroed`.
        unsafe {
            let (start, size) = self.at(range);
            core::slice::from_raw_parts_mut(start, size)
        }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: given by `alloc_zeroed` with this layout; nobody has a reference any more,
        // since leases and snapshots hold an `Arc` of these bytes.
        unsafe { dealloc(self.given.as_ptr(), self.layout) }
    }
}

/// Exclusive write access to a range of an [`Arena`], for a worker on any thread: derefs to
/// `[u8]`. The bytes hold whatever was last written there, zeros at first. Dropped without
/// [`Arena::publish`] it gives the range back.
pub struct Lease {
    bytes: Arc<Bytes>,
    flags: Arc<LeaseFlags>,
    flag: u16,
    range: Range,
}

impl Lease {
    /// Where the bytes are in the arena.
    #[must_use]
    pub const fn range(&self) -> Range {
        self.range
    }
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: in bounds as checked by `Arena::lease`. These bytes are in L, so nobody else
        // has them; this lease is borrowed, so it does not write them.
        unsafe { self.bytes.slice(self.range) }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: in bounds as checked by `Arena::lease`. These bytes are in L, so nobody else
        // has them; this lease is borrowed mutably, so this is its only reference.
        unsafe { self.bytes.slice_mut(self.range) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.flags.clear(self.flag);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("range", &self.range).finish_non_exhaustive()
    }
}

/// What was published at one moment.
struct View {
    bytes: Arc<Bytes>,
    published: RangeSet,
    epoch: Epoch,
}

/// Read access, on any thread, to what was published when it was taken. Clones share it. As long
/// as one is held none of these bytes is leased again, so they stay as they are.
#[derive(Clone)]
pub struct Snapshot(Arc<View>);

impl Snapshot {
    /// The bytes of a range, if all of them were published when the snapshot was taken.
    #[must_use]
    pub fn read(&self, range: Range) -> Option<&[u8]> {
        // SAFETY: in bounds since published. These bytes are in S while this view is held, and
        // the slice borrows the snapshot that holds it; so they are not in L and nobody writes.
        self.0.published.contains(&range).then(|| unsafe { self.0.bytes.slice(range) })
    }

    /// When it was taken; where nothing had changed since an older one that is still held, the
    /// epoch of that.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.epoch
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}

/// A piece of memory, never moved, whose ranges are written by one and read by many, on any threads.
///
/// A range goes round: [`lease`](Self::lease) (a worker writes) → [`publish`](Self::publish)
/// (everybody reads) → [`retire`](Self::retire) (only snapshots taken before still read) → when
/// the last of these is dropped it can be leased again. Any range will do: a pool may be leased
/// slot by slot, and what was published in pieces may be read or retired as a whole. One thread
/// owns the arena; leases and snapshots travel.
///
/// The arena does not know which ranges are allocated: that is the
/// [`RangeAllocator`](crate::RangeAllocator)'s part, in a different place of the program.
pub struct Arena {
    bytes: Arc<Bytes>,
    /// Bytes that may be leased: no more than there are.
    len: usize,
    flags: Arc<LeaseFlags>,
    leases: LeaseBook,
    published: RangeSet,
    /// The last view is of `published` as it is, unless `changed`; the others are older, in
    /// order, and may be held by snapshots or not.
    views: Vec<Arc<View>>,
    /// Whether `published` differs from the last view.
    changed: bool,
    /// Whether something was retired since the last snapshot, in this epoch.
    retired: bool,
    epoch: Epoch,
}

impl Arena {
    /// An arena of `len` bytes, all zero. It begins at a multiple of 64 in memory. The system
    /// brings in its pages only when they are first written.
    ///
    /// # Errors
    /// [`ArenaError::OutOfMemory`] if the system does not give that much.
    pub fn new(len: usize) -> Result<Self, ArenaError> {
        Self::with_reserve(len, len)
    }

    /// As [`new`](Self::new), with address space for growing up to `reserve` bytes (`len` at
    /// least), so that growth never moves a byte. What the arena never grew into is never
    /// written, and on systems that bring in pages lazily costs no memory.
    ///
    /// # Errors
    /// [`ArenaError::OutOfMemory`] if the system does not give that much address space.
    pub fn with_reserve(len: usize, reserve: usize) -> Result<Self, ArenaError> {
        let flags = LeaseFlags::new();
        Ok(Self {
            bytes: Arc::new(Bytes::new(reserve.max(len))?),
            len,
            leases: LeaseBook::new(Arc::clone(&flags)),
            flags,
            published: RangeSet::new(),
            views: Vec::new(),
            changed: true,
            retired: false,
            epoch: Epoch::default(),
        })
    }

    /// Bytes of the arena.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.len as u64
    }

    /// The most bytes that the arena can have.
    #[must_use]
    pub fn reserve(&self) -> u64 {
        self.bytes.len as u64
    }

    /// Makes the arena larger or smaller. All its bytes stay where they are: leases, snapshots and
    /// published ranges are as valid as before. What was written beyond a smaller end keeps its
    /// memory, for growing into again, until the arena is dropped.
    ///
    /// # Errors
    /// [`ArenaError`]: larger than the reserve, or something beyond the new end is leased,
    /// published, or may be read by a snapshot. Nothing has changed then.
    pub fn resize(&mut self, len: usize) -> Result<(), ArenaError> {
        let reserve = self.bytes.len;
        if len > reserve {
            return Err(ArenaError::BeyondReserve { requested: len, reserve });
        }
        if len < self.len {
            let cut = Range::new(len as u64, (self.len - len) as u64);
            let leased = self.leases.overlaps(&cut);
            if leased || self.published.overlaps(&cut) || self.oldest_reader_of(&cut).is_some() {
                return Err(ArenaError::InUse { range: cut });
            }
        }
        self.len = len;
        Ok(())
    }

    /// Leases that live now.
    #[must_use]
    pub fn leases(&mut self) -> usize {
        self.leases.len()
    }

    /// Published ranges, counted with those that touch merged.
    #[must_use]
    pub fn published_ranges(&self) -> usize {
        self.published.len()
    }

    /// Exclusive write access to a range.
    ///
    /// # Errors
    /// [`LeaseError`] if the range is empty or out of bounds, if somebody else may write or read
    /// some of it, or if [`LEASES_MAX`](crate::LEASES_MAX) leases live.
    pub fn lease(&mut self, range: Range) -> Result<Lease, LeaseError> {
        let capacity = self.capacity();
        let in_bounds = range.offset.checked_add(range.size).is_some_and(|end| end <= capacity);
        if range.size == 0 || !in_bounds {
            return Err(LeaseError::OutOfBounds { range, capacity });
        }
        if self.published.overlaps(&range) {
            return Err(LeaseError::Published { range });
        }
        if let Some(epoch) = self.oldest_reader_of(&range) {
            return Err(LeaseError::StillRead { range, epoch });
        }
        let flag = self.leases.enter(range)?;
        Ok(Lease { bytes: Arc::clone(&self.bytes), flags: Arc::clone(&self.flags), flag, range })
    }

    /// Ends a lease and makes its range readable: to the owner at once, to other threads through
    /// snapshots taken from now on. Returns the range.
    ///
    /// # Errors
    /// [`ForeignLease`] if it is another arena's; it is dropped, its range is not published.
    pub fn publish(&mut self, lease: Lease) -> Result<Range, ForeignLease> {
        let range = lease.range;
        if !Arc::ptr_eq(&lease.bytes, &self.bytes) {
            return Err(ForeignLease { range });
        }
        drop(lease);
        self.published.insert(range);
        self.changed = true;
        Ok(range)
    }

    /// Takes a range from all readers to come. Snapshots that exist go on reading it; they are
    /// all gone when [`oldest_reader`](Self::oldest_reader) is later than the returned epoch.
    /// Bytes that were not published stay as they are.
    pub fn retire(&mut self, range: Range) -> Epoch {
        if self.published.remove(range) {
            self.changed = true;
            self.retired = true;
        }
        self.epoch
    }

    /// The bytes of a range, if all of them are published.
    #[must_use]
    pub fn read(&self, range: Range) -> Option<&[u8]> {
        // SAFETY: in bounds since published. These bytes are in P, so not in L; to change that
        // needs `&mut self`, which the slice's borrow excludes.
        self.published.contains(&range).then(|| unsafe { self.bytes.slice(range) })
    }

    /// Read access for other threads to all that is published now. Cheap: a reference count
    /// where nothing was published or retired since the last one, else a copy of the list of
    /// published ranges into memory that an old snapshot has left.
    pub fn snapshot(&mut self) -> Snapshot {
        if self.retired {
            self.advance_epoch();
        }
        if let Some(view) = self.views.last_mut().filter(|_| !self.changed) {
            if let Some(unheld) = Arc::get_mut(view) {
                unheld.epoch = self.epoch;
            }
            return Snapshot(Arc::clone(view));
        }
        let mut view = self.recycled_view();
        if let Some(view) = Arc::get_mut(&mut view) {
            view.published.copy_from(&self.published);
            view.epoch = self.epoch;
        }
        self.changed = false;
        self.views.push(Arc::clone(&view));
        Snapshot(view)
    }

    /// Begins the next epoch: once a frame.
    pub fn advance_epoch(&mut self) -> Epoch {
        self.epoch.0 += 1;
        self.retired = false;
        self.epoch
    }

    /// The epoch of the oldest snapshot that is held, or else of the next one that will be taken:
    /// nobody reads any more what was retired in an earlier epoch. Never goes back.
    #[must_use]
    pub fn oldest_reader(&mut self) -> Epoch {
        let next = Epoch(self.epoch.0 + u64::from(self.retired));
        self.views.iter_mut().find_map(held_epoch).unwrap_or(next)
    }

    /// Copies published bytes into a lease of this or another arena, for moves.
    ///
    /// # Errors
    /// [`CopyError`] if the source is not wholly published or the sizes differ.
    pub fn copy(&self, from: Range, to: &mut Lease) -> Result<(), CopyError> {
        if from.size != to.range.size {
            return Err(CopyError::SizeMismatch { from, to: to.range });
        }
        to.copy_from_slice(self.read(from).ok_or(CopyError::NotPublished { from })?);
        Ok(())
    }

    /// The epoch of the oldest held view with a byte of `range`.
    fn oldest_reader_of(&mut self, range: &Range) -> Option<Epoch> {
        self.views.iter_mut().filter(|view| view.published.overlaps(range)).find_map(held_epoch)
    }

    /// A view that nobody else has, out of an old one where there is one.
    fn recycled_view(&mut self) -> Arc<View> {
        match self.views.iter_mut().position(|view| held_epoch(view).is_none()) {
            Some(unheld) => self.views.remove(unheld),
            None => Arc::new(View {
                bytes: Arc::clone(&self.bytes),
                published: RangeSet::new(),
                epoch: self.epoch,
            }),
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("capacity", &self.capacity())
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// The epoch of a view that a snapshot holds.
fn held_epoch(view: &mut Arc<View>) -> Option<Epoch> {
    let held = Arc::get_mut(view).is_none();
    held.then(|| view.epoch)
}
