//! Textures, or whatever else is dear to make, used again by descriptor once the GPU is done with
//! them.

mod error;
mod slot;

pub use error::TextureError;
pub use slot::TextureKey;

use crate::StaleHandle;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::num::NonZeroU64;
use slot::{Slot, Slots, State};

/// What a texture is made from. Equal descriptors make textures that can stand in for each other.
///
/// The order is only used to find equal ones; deriving it will do.
pub trait TextureDescriptor: Clone + Ord {
    /// Bytes of memory that such a texture takes, all mips and layers.
    fn bytes(&self) -> u64;
}

/// How much a [`TexturePool`] may hold, in use and idle together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextureLimits {
    /// Textures.
    pub count_max: usize,
    /// Bytes of them.
    pub bytes_max: u64,
}

/// What a [`TexturePool`] has and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TexturePoolStats {
    /// Requests that got an idle texture, since the beginning.
    pub hits: u64,
    /// Requests that had a texture made, since the beginning.
    pub misses: u64,
    /// Requests refused for want of room, since the beginning.
    pub refused: u64,
    /// Textures dropped to make room, since the beginning.
    pub evicted: u64,
    /// Textures in use.
    pub used: usize,
    /// Bytes of the textures in use.
    pub used_bytes: u64,
    /// Textures released and not yet in use again, those that the GPU may still read among them.
    pub idle: usize,
    /// Bytes of the idle textures.
    pub idle_bytes: u64,
    /// The most bytes, in use and idle, that it has ever held.
    pub peak_bytes: u64,
}

/// Keeps textures of type `T` made from descriptors of type `D`, and hands an idle one out again
/// instead of making another.
///
/// It knows no GPU: `T` is any value that frees itself when it is dropped. A texture is released
/// with the number of the last frame that uses it; it is neither handed out nor dropped before
/// [`frame_done`](Self::frame_done) has said that this frame is done. When room is needed, the
/// textures that were released longest ago are dropped first. For one thread; everything it does
/// follows from the calls alone.
///
/// ```
/// use farplane_alloc::{TextureDescriptor, TextureLimits, TexturePool};
///
/// #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
/// struct Rgba8 {
///     size: (u32, u32),
/// }
///
/// impl TextureDescriptor for Rgba8 {
///     fn bytes(&self) -> u64 {
///         4 * u64::from(self.size.0) * u64::from(self.size.1)
///     }
/// }
///
/// # struct Texture;
/// # fn make(_: &Rgba8) -> Texture { Texture }
/// let limits = TextureLimits { count_max: 64, bytes_max: 256 << 20 };
/// let mut pool = TexturePool::new(limits);
/// let shadow = Rgba8 { size: (1024, 1024) };
/// let first = pool.acquire(&shadow, make)?;
/// pool.release(first, 7)?; // frame 7 draws with it
/// let second = pool.acquire(&shadow, make)?; // frame 7 is not done: another one is made
/// pool.frame_done(7);
/// let third = pool.acquire(&shadow, make)?; // the first again
/// assert_eq!((pool.stats().misses, pool.stats().hits), (2, 1));
/// assert!(pool.get(first).is_none() && pool.get(third).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TexturePool<D, T> {
    limits: TextureLimits,
    slots: Slots<D, T>,
    /// Slots of the textures of a descriptor.
    kinds: BTreeMap<D, Vec<usize>>,
    /// The last frame that is done.
    done: Option<u64>,
    /// Counts acquisitions, so that no key comes twice.
    acquired: NonZeroU64,
    /// Counts releases, to tell who was released first.
    released: u64,
    stats: TexturePoolStats,
}

impl<D: TextureDescriptor, T> TexturePool<D, T> {
    /// A pool without textures.
    #[must_use]
    pub const fn new(limits: TextureLimits) -> Self {
        Self {
            limits,
            slots: Slots::new(),
            kinds: BTreeMap::new(),
            done: None,
            acquired: NonZeroU64::MIN,
            released: 0,
            stats: TexturePoolStats {
                hits: 0,
                misses: 0,
                refused: 0,
                evicted: 0,
                used: 0,
                used_bytes: 0,
                idle: 0,
                idle_bytes: 0,
                peak_bytes: 0,
            },
        }
    }

    /// A texture of the descriptor: of the idle ones that the GPU is done with the one released
    /// last, or else what `make` makes. Its content is whatever it was.
    ///
    /// # Errors
    /// [`TextureError`] if a new one has no room, even without the idle ones that may be dropped;
    /// `make` is not called and nothing is dropped then.
    pub fn acquire(
        &mut self,
        descriptor: &D,
        make: impl FnOnce(&D) -> T,
    ) -> Result<TextureKey, TextureError> {
        let made = self.try_acquire(descriptor, |descriptor| Ok::<_, Infallible>(make(descriptor)));
        made.map(|Ok(key)| key)
    }

    /// As [`acquire`](Self::acquire), where making a texture may fail.
    ///
    /// # Errors
    /// The outer error as in [`acquire`](Self::acquire), the inner one is that of `make`: room was
    /// made for the texture then, and nothing else has changed.
    pub fn try_acquire<E>(
        &mut self,
        descriptor: &D,
        make: impl FnOnce(&D) -> Result<T, E>,
    ) -> Result<Result<TextureKey, E>, TextureError> {
        let acquired = self.acquired;
        let state = State::Used { acquired };
        let (index, bytes) = if let Some(index) = self.take_idle(descriptor, state) {
            index
        } else {
            let bytes = descriptor.bytes();
            self.make_room(bytes).inspect_err(|_| self.stats.refused += 1)?;
            let texture = match make(descriptor) {
                Ok(texture) => texture,
                Err(error) => return Ok(Err(error)),
            };
            let descriptor = descriptor.clone();
            let slot = Slot { descriptor: descriptor.clone(), texture, bytes, state };
            let index = self.slots.insert(slot);
            self.kinds.entry(descriptor).or_default().push(index);
            self.stats.misses += 1;
            (index, bytes)
        };
        self.acquired = acquired.saturating_add(1);
        self.stats.used += 1;
        self.stats.used_bytes += bytes;
        let held_bytes = self.stats.used_bytes + self.stats.idle_bytes;
        self.stats.peak_bytes = self.stats.peak_bytes.max(held_bytes);
        Ok(Ok(TextureKey { index, acquired }))
    }

    /// Gives a texture back that is last used by frame `last_frame`. Its key is stale from now on.
    ///
    /// # Errors
    /// [`StaleHandle`] if it was released before; nothing has changed then.
    pub fn release(&mut self, key: TextureKey, last_frame: u64) -> Result<(), StaleHandle> {
        let slot = self.slots.used_mut(key).ok_or(StaleHandle)?;
        self.released += 1;
        slot.state = State::Idle { released: self.released, last_frame };
        self.stats.used -= 1;
        self.stats.used_bytes -= slot.bytes;
        self.stats.idle += 1;
        self.stats.idle_bytes += slot.bytes;
        Ok(())
    }

    /// Says that the GPU is done with frame `frame` and all before it. A frame before the last one
    /// that was said changes nothing.
    pub fn frame_done(&mut self, frame: u64) {
        self.done = self.done.max(Some(frame));
    }

    /// A texture in use; `None` for a stale key.
    #[must_use]
    pub fn get(&self, key: TextureKey) -> Option<&T> {
        Some(&self.slots.used(key)?.texture)
    }

    /// A texture in use, to be changed; `None` for a stale key.
    #[must_use]
    pub fn get_mut(&mut self, key: TextureKey) -> Option<&mut T> {
        Some(&mut self.slots.used_mut(key)?.texture)
    }

    /// Drops idle textures that the GPU is done with until the pool holds no more than `limits`,
    /// the one released longest ago first, and says how many it dropped. The pool's own limits
    /// stay; a limit of 0 textures drops all that may be dropped.
    pub fn trim(&mut self, limits: TextureLimits) -> usize {
        let mut dropped = 0;
        while !self.holds_room(limits, 0, 0) && self.evict_oldest() {
            dropped += 1;
        }
        dropped
    }

    /// Changes what it may hold and drops idle textures accordingly, as far as the GPU is done with
    /// them; the number of textures dropped. What is still too much is dropped by the requests and
    /// [trims](Self::trim) to come, and until then nothing new is made.
    pub fn set_limits(&mut self, limits: TextureLimits) -> usize {
        self.limits = limits;
        self.trim(limits)
    }

    /// How much it may hold.
    #[must_use]
    pub const fn limits(&self) -> TextureLimits {
        self.limits
    }

    /// Counters of this moment.
    #[must_use]
    pub const fn stats(&self) -> TexturePoolStats {
        self.stats
    }

    /// Of the idle textures of the descriptor that the GPU is done with, the one released last: in
    /// use from now on. Looks at every texture of the descriptor.
    fn take_idle(&mut self, descriptor: &D, state: State) -> Option<(usize, u64)> {
        let kin = self.kinds.get(descriptor)?.iter();
        let done = |&index: &usize| Some((self.droppable(self.slots.get(index)?)?, index));
        let (_, index) = kin.filter_map(done).max()?;
        let slot = self.slots.get_mut(index)?;
        slot.state = state;
        self.stats.hits += 1;
        self.stats.idle -= 1;
        self.stats.idle_bytes -= slot.bytes;
        Some((index, slot.bytes))
    }

    /// When a texture was released that nobody uses any more, the GPU included.
    fn droppable(&self, slot: &Slot<D, T>) -> Option<u64> {
        let State::Idle { released, last_frame } = slot.state else { return None };
        (self.done >= Some(last_frame)).then_some(released)
    }

    /// Whether so many textures more, of so many bytes together, stay within limits.
    fn holds_room(&self, limits: TextureLimits, more: usize, more_bytes: u64) -> bool {
        let (used, idle) = (self.stats.used, self.stats.idle);
        let held_bytes = self.stats.used_bytes + self.stats.idle_bytes;
        used + idle + more <= limits.count_max && is_within(held_bytes, more_bytes, limits)
    }

    /// Room for one more texture. Only a request that finds no idle one comes here: beside making a
    /// texture, looking at all of them is cheap.
    fn make_room(&mut self, bytes: u64) -> Result<(), TextureError> {
        if self.holds_room(self.limits, 1, bytes) {
            return Ok(());
        }
        let limits = self.limits;
        let fits =
            |count, held_bytes| count < limits.count_max && is_within(held_bytes, bytes, limits);
        let TexturePoolStats { used, used_bytes, .. } = self.stats;
        let (mut kept, mut kept_bytes, mut waits_for) = (used, used_bytes, None);
        for (_, slot) in self.slots.iter() {
            if let State::Idle { last_frame, .. } = slot.state
                && self.droppable(slot).is_none()
            {
                kept += 1;
                kept_bytes += slot.bytes;
                waits_for = waits_for.max(Some(last_frame));
            }
        }
        if !fits(kept, kept_bytes) {
            let waits_for = waits_for.filter(|_| fits(used, used_bytes));
            return Err(TextureError { requested: bytes, used, used_bytes, limits, waits_for });
        }
        while !self.holds_room(limits, 1, bytes) && self.evict_oldest() {}
        Ok(())
    }

    /// Drops the texture that was released longest ago, of those that nobody uses.
    fn evict_oldest(&mut self) -> bool {
        let unused = |(index, slot)| Some((self.droppable(slot)?, index));
        let Some((_, index)) = self.slots.iter().filter_map(unused).min() else { return false };
        let Some(slot) = self.slots.remove(index) else { return false };
        if let Some(kin) = self.kinds.get_mut(&slot.descriptor) {
            kin.retain(|&other| other != index);
            if kin.is_empty() {
                self.kinds.remove(&slot.descriptor);
            }
        }
        self.stats.evicted += 1;
        self.stats.idle -= 1;
        self.stats.idle_bytes -= slot.bytes;
        true
    }
}

fn is_within(held_bytes: u64, more_bytes: u64, limits: TextureLimits) -> bool {
    held_bytes.checked_add(more_bytes).is_some_and(|bytes| bytes <= limits.bytes_max)
}
