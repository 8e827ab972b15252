#![allow(unsafe_code)]

use super::portable::Portable;
use super::simd::Simd;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::Pixel;

/// A set of instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the build is for: SSE2 on x86-64, NEON on 64-bit ARM, unless it was told otherwise.
    Baseline,
    /// AVX2, x86-64 alone.
    Avx2,
    /// AVX-512 F, BW, DQ and VL, x86-64 alone.
    Avx512,
}

impl Level {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// Whether this machine has it. Without the feature `std` only the baseline is ever found.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            Self::Avx2 => has_avx2(),
            Self::Avx512 => has_avx512(),
        }
    }

    /// The widest one that this machine has, or what [`with_level`] set on this thread.
    #[must_use]
    pub fn current() -> Self {
        #[cfg(feature = "std")]
        if let Some(level) = forced::LEVEL.get() {
            return level;
        }
        Self::widest()
    }

    fn widest() -> Self {
        match (has_avx512(), has_avx2()) {
            (true, _) => Self::Avx512,
            (false, true) => Self::Avx2,
            (false, false) => Self::Baseline,
        }
    }
}

/// Runs `f` with this thread's kernels at `level`, to compare or to measure; `None`, and nothing
/// is run, where this machine lacks it. Results are the same at every level.
#[cfg(feature = "std")]
pub fn with_level<R>(level: Level, f: impl FnOnce() -> R) -> Option<R> {
    if !level.is_available() {
        return None;
    }
    let _until_dropped = forced::Guard(forced::LEVEL.replace(Some(level)));
    Some(f())
}

#[cfg(feature = "std")]
mod forced {
    use super::Level;
    use core::cell::Cell;

    std::thread_local! {
        pub(super) static LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
    }

    /// Puts back what was before, after a panic too.
    pub(super) struct Guard(pub(super) Option<Level>);

    impl Drop for Guard {
        fn drop(&mut self) {
            LEVEL.set(self.0);
        }
    }
}

/// Work on whole images or slices, compiled for every level.
pub(crate) trait Kernel {
    /// What comes out, besides what it writes.
    type Output;

    /// The body. Must be `#[inline(always)]`, and so must be what it calls in its loops, or it
    /// runs right but slowly.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs a kernel at the current level.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match Level::current() {
        Level::Baseline => {}
        // SAFETY: `current` is a level that this machine has: found there, or checked by
        // `with_level`, which alone can set another.
        Level::Avx2 => return unsafe { avx2(kernel) },
        // SAFETY: likewise.
        Level::Avx512 => return unsafe { avx512(kernel) },
    }
    kernel.run(Portable)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2::new())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::new())
}

/// Work on a row of pixels and as many others, compiled for every level.
pub(crate) trait RowKernel {
    /// The body, `#[inline(always)]` likewise. The slices are of one length.
    fn row<S: Simd>(simd: S, dst: &mut [Pixel], src: &[Pixel]);
}

/// A [`RowKernel`] at one level, chosen once for many rows.
#[derive(Clone, Copy)]
pub(crate) struct Row(unsafe fn(&mut [Pixel], &[Pixel]));

impl Row {
    /// A kernel at the current level.
    pub(crate) fn new<K: RowKernel>() -> Self {
        match Level::current() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Self(avx2_row::<K>),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Self(avx512_row::<K>),
            _ => Self(|dst, src| K::row(Portable, dst, src)),
        }
    }

    /// A kernel that is compiled for AVX2 at most: wider vectors cost more to build than they give.
    pub(crate) fn narrow<K: RowKernel>() -> Self {
        match Level::current() {
            // Whoever has AVX-512 has AVX2.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx512 => Self(avx2_row::<K>),
            _ => Self(|dst, src| K::row(Portable, dst, src)),
        }
    }

    /// A function that is the same at every level.
    pub(crate) fn scalar(f: fn(&mut [Pixel], &[Pixel])) -> Self {
        Self(f)
    }

    pub(crate) fn run(self, dst: &mut [Pixel], src: &[Pixel]) {
        // SAFETY: made by `new` for a level that this machine has, or of a safe function.
        unsafe { (self.0)(dst, src) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2_row<K: RowKernel>(dst: &mut [Pixel], src: &[Pixel]) {
    K::row(Avx2::new(), dst, src);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn avx512_row<K: RowKernel>(dst: &mut [Pixel], src: &[Pixel]) {
    K::row(Avx512::new(), dst, src);
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && has_avx2()
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
}

#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
fn has_avx2() -> bool {
    false
}

#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
fn has_avx512() -> bool {
    false
}
