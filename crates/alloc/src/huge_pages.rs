//! The system's huge pages for what is large. Unsafe, as every allocator is: it hands out pointers.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};

/// An allocator that takes what is large from the system in huge pages, and leaves the rest to
/// another one.
///
/// A table of tens of megabytes that is read here and there costs a miss of the page table for
/// nearly every line, and such a miss may cost as much as the line itself; in a virtual machine more.
/// With pages of 2 MiB in place of 4 KiB there are few.
///
/// ```
/// use farplane_alloc::HugePages;
/// use std::alloc::System;
///
/// #[global_allocator]
/// static ALLOCATOR: HugePages<System> = HugePages::new(System);
/// # let table = vec![1u32; 10 << 20];
/// # if cfg!(all(target_os = "linux", not(miri))) {
/// #     assert_eq!(table.as_ptr().addr() % (2 << 20), 0);
/// # }
/// ```
///
/// Every request of [`HugePages::LARGE_BYTES`] or more, but for stricter alignments, becomes a mapping of
/// its own, aligned to that many bytes, that the kernel is asked to back with huge pages (`MADV_HUGEPAGE`). It takes
/// effect where `/sys/kernel/mm/transparent_hugepage/enabled` says `madvise` or `always`; elsewhere
/// they are pages of the usual size. As with any mapping, memory is taken as it is first written: of
/// a large buffer that is never filled, up to one huge page more than without. Growing one moves pages and
/// copies nothing. Making one and giving it back are calls of the system: what is short-lived is
/// better kept.
///
/// Only on Linux; elsewhere everything is left to the other allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct HugePages<A> {
    inner: A,
}

impl<A> HugePages<A> {
    /// From how many bytes on a request is large: one huge page of x86-64, and of AArch64 with
    /// pages of 4 KiB.
    pub const LARGE_BYTES: usize = 2 << 20;

    /// Leaves what is smaller to `inner`.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }

    /// Whether a request becomes a mapping. Its layout alone decides, since that is all there is
    /// when it is given back.
    const fn is_large(layout: &Layout) -> bool {
        // Under Miri there are no mappings.
        cfg!(all(target_os = "linux", not(miri)))
            && layout.size() >= Self::LARGE_BYTES
            && layout.align() <= Self::LARGE_BYTES
    }
}

// SAFETY: what is large is a mapping of its own, of at least the size and the alignment asked for,
// until it is given back with the same layout; all else is the inner allocator's, with the caller's
// own promises. Nothing here panics or allocates.
unsafe impl<A: GlobalAlloc> GlobalAlloc for HugePages<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Self::is_large(&layout) {
            return mapping::map(layout.size());
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Self::is_large(&layout) {
            return mapping::map(layout.size());
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if Self::is_large(&layout) {
            // SAFETY: it came from `map` with this size, and nobody has it any more.
            return unsafe { mapping::unmap(ptr, layout.size()) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that makes a layout with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (Self::is_large(&layout), Self::is_large(&new)) {
            // SAFETY: the caller's promise.
            (false, false) => unsafe { self.inner.realloc(ptr, layout, new_size) },
            // SAFETY: it came from `map` with this size, and the caller uses the new one from now on.
            (true, true) => unsafe { mapping::remap(ptr, layout.size(), new_size) },
            _ => {
                // SAFETY: the size is not 0, by the caller's promise.
                let to = unsafe { self.alloc(new) };
                if !to.is_null() {
                    // SAFETY: both hold so many bytes, and one of them was given just now.
                    unsafe { to.copy_from_nonoverlapping(ptr, layout.size().min(new_size)) };
                    // SAFETY: the caller gives it up when the new one is there.
                    unsafe { self.dealloc(ptr, layout) };
                }
                to
            }
        }
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
mod mapping {
    use super::HugePages;
    use core::ffi::c_void;
    use core::ptr::null_mut;
    use rustix::mm::{
        Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mremap_fixed, munmap,
    };

    const HUGE: usize = HugePages::<()>::LARGE_BYTES;
    /// The largest pages of usual size that a system of ours has.
    const PAGE: usize = 64 << 10;

    /// Zeroed memory from a multiple of `HUGE` on; null when there is none.
    pub fn map(size: usize) -> *mut u8 {
        let Some(len) = whole_pages(size) else { return null_mut() };
        let Some(padded) = len.checked_add(HUGE) else { return null_mut() };
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: anywhere that is free.
        let Ok(given) = (unsafe { mmap_anonymous(null_mut(), padded, access, flags) }) else {
            return null_mut();
        };
        let head = given.addr().next_multiple_of(HUGE) - given.addr();
        let start = given.wrapping_byte_add(head);
        // SAFETY: what lies before and behind is of this mapping, and nobody's; the advice changes
        // no byte. Where one of these is refused the memory is as good.
        unsafe {
            if head > 0 {
                let _ = munmap(given, head);
            }
            if head < HUGE {
                let _ = munmap(start.wrapping_byte_add(len), HUGE - head);
            }
            let _ = madvise(start, len, Advice::LinuxHugepage);
        }
        start.cast()
    }

    /// # Safety
    /// It is a mapping from `map` or `remap`, or whole pages of one, and nobody uses it any more.
    pub unsafe fn unmap(ptr: *mut u8, size: usize) {
        if let Some(len) = whole_pages(size) {
            // SAFETY: the caller's promise. It can fail only for want of memory to split a mapping.
            let _ = unsafe { munmap(ptr.cast(), len) };
        }
    }

    /// The same memory with another size, zeroed behind the old one; null when there is none, and
    /// then it is as it was.
    ///
    /// # Safety
    /// It came from `map` or `remap` with this size, and unless null is returned nobody uses it there
    /// any more.
    pub unsafe fn remap(ptr: *mut u8, size: usize, new_size: usize) -> *mut u8 {
        let (Some(len), Some(new_len)) = (whole_pages(size), whole_pages(new_size)) else {
            return null_mut();
        };
        if new_len <= len {
            if new_len < len {
                // SAFETY: the rest is given up, by the caller's promise.
                unsafe { unmap(ptr.wrapping_add(new_len), len - new_len) };
            }
            return ptr;
        }
        let to = map(new_size);
        if to.is_null() {
            return to;
        }
        let (from, at) = (ptr.cast::<c_void>(), to.cast::<c_void>());
        // SAFETY: the pages of a mapping that the caller gives up take the place of one that was made
        // just now.
        match unsafe { mremap_fixed(from, len, new_len, MremapFlags::MAYMOVE, at) } {
            Ok(_) => to,
            // The owner has made several mappings of it, by advice about a part, say; those only copies
            // join. What was at `to` may be gone by now and be somebody else's, so it is left alone.
            // SAFETY: as for `remap`.
            Err(_) => unsafe { copy(ptr, size, new_size) },
        }
    }

    /// As `remap`, to a larger size, by copying.
    ///
    /// # Safety
    /// As for `remap`.
    #[cold]
    unsafe fn copy(ptr: *mut u8, size: usize, new_size: usize) -> *mut u8 {
        let to = map(new_size);
        if !to.is_null() {
            // SAFETY: both hold so many bytes, one of them was made just now, and the caller gives the
            // other up.
            unsafe {
                to.copy_from_nonoverlapping(ptr, size);
                unmap(ptr, size);
            }
        }
        to
    }

    fn whole_pages(size: usize) -> Option<usize> {
        size.checked_next_multiple_of(PAGE)
    }
}

/// Never called.
#[cfg(not(all(target_os = "linux", not(miri))))]
mod mapping {
    use core::ptr::null_mut;

    pub fn map(_size: usize) -> *mut u8 {
        null_mut()
    }

    pub unsafe fn unmap(_ptr: *mut u8, _size: usize) {}

    pub unsafe fn remap(_ptr: *mut u8, _size: usize, _new_size: usize) -> *mut u8 {
        null_mut()
    }
}
