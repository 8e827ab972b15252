use super::error::BeyondCapacity;
use super::memory::Memory;
use super::shared::Shared;
use crate::sync::Arc;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// Bytes lent by a [`BufferPool`](crate::BufferPool): they go back to it when this is dropped, on
/// whatever thread.
///
/// They begin at a multiple of the pool's alignment and do not move while the buffer lives, so a
/// device may write them by their address. What they hold at first is unspecified: zeros, or what an
/// earlier user left. Forgetting the buffer (`mem::forget`) loses its bytes to the pool and its
/// budget for ever.
pub struct Buffer {
    /// `None` only while it is dropped.
    memory: Option<Memory>,
    len: usize,
    /// The length that it was acquired with.
    requested: usize,
    pool: Arc<Shared>,
}

impl Buffer {
    pub(super) fn new(memory: Memory, len: usize, pool: Arc<Shared>) -> Self {
        Self { memory: Some(memory), len, requested: len, pool }
    }

    /// Bytes that it has, at least its length: a multiple of the pool's alignment, so that a direct
    /// read may be rounded up into it.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.as_ref().map_or(0, Memory::size)
    }

    /// Makes it shorter, or longer up to its capacity. No byte changes.
    ///
    /// # Errors
    /// [`BeyondCapacity`]; the length stays as it was.
    pub fn set_len(&mut self, len: usize) -> Result<(), BeyondCapacity> {
        let capacity = self.capacity();
        if len > capacity {
            return Err(BeyondCapacity { requested: len, capacity });
        }
        self.len = len;
        Ok(())
    }

    /// The bytes as elements of a plain type.
    ///
    /// # Errors
    /// [`ViewError`](crate::ViewError) unless the length is a whole number of elements, of a type
    /// that is not more strictly aligned than the pool.
    #[cfg(feature = "bytemuck")]
    pub fn view<T: bytemuck::AnyBitPattern>(&self) -> Result<&[T], super::ViewError> {
        bytemuck::try_cast_slice(self).map_err(|_| view_error::<T>(self.len))
    }

    /// The bytes as elements of a plain type, to be changed.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    #[cfg(feature = "bytemuck")]
    pub fn view_mut<T: bytemuck::Pod>(&mut self) -> Result<&mut [T], super::ViewError> {
        let len = self.len;
        bytemuck::try_cast_slice_mut(self).map_err(|_| view_error::<T>(len))
    }
}

#[cfg(feature = "bytemuck")]
const fn view_error<T>(len: usize) -> super::ViewError {
    super::ViewError { len, element: size_of::<T>(), align: align_of::<T>() }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.as_ref().map_or(&[], |memory| &memory.bytes()[..self.len])
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.as_mut().map_or(&mut [], |memory| &mut memory.bytes_mut()[..self.len])
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.pool.take_back(memory, self.requested);
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} of {} bytes)", self.len, self.capacity())
    }
}
