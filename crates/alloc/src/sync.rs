//! What threads share memory with: the standard library's, or loom's under `--cfg loom`, where the
//! tests in `tests/interleavings.rs` try every order of events.

#[cfg(not(loom))]
pub(crate) use alloc::sync::Arc;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(all(not(loom), feature = "std"))]
pub(crate) use std::sync::{Mutex, MutexGuard};
#[cfg(all(not(loom), feature = "std"))]
pub(crate) use std::thread::{ThreadId, current};

#[cfg(loom)]
pub(crate) use loom::sync::Arc;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(all(loom, feature = "std"))]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(all(loom, feature = "std"))]
pub(crate) use loom::thread::{ThreadId, current};

/// Notes who touches which bytes of an arena, so that loom finds a read or a write that is not
/// ordered before or after another one's. Nothing at all without loom.
#[derive(Debug)]
pub(crate) struct Witness {
    /// One for each cache line.
    #[cfg(loom)]
    lines: alloc::boxed::Box<[loom::cell::UnsafeCell<()>]>,
}

#[cfg(not(loom))]
impl Witness {
    pub fn new(_len: usize) -> Self {
        Self {}
    }

    #[expect(clippy::unused_self, reason = "loom's counterpart needs it")]
    pub const fn reads(&self, _range: crate::Range) {}

    #[expect(clippy::unused_self, reason = "loom's counterpart needs it")]
    pub const fn writes(&self, _range: crate::Range) {}
}

#[cfg(loom)]
impl Witness {
    const LINE: u64 = 64;

    pub fn new(len: usize) -> Self {
        let lines = (len as u64).div_ceil(Self::LINE);
        Self { lines: (0..lines).map(|_| loom::cell::UnsafeCell::new(())).collect() }
    }

    pub fn reads(&self, range: crate::Range) {
        self.touched(range).for_each(|line| line.with(|_| ()));
    }

    pub fn writes(&self, range: crate::Range) {
        self.touched(range).for_each(|line| line.with_mut(|_| ()));
    }

    fn touched(&self, range: crate::Range) -> impl Iterator<Item = &loom::cell::UnsafeCell<()>> {
        let [first, last] = [range.offset, range.end().saturating_sub(1)].map(|at| at / Self::LINE);
        self.lines[first as usize..=last as usize].iter()
    }
}
