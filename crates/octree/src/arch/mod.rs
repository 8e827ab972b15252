//! Eight lanes of f32 by instruction set, and the choice among them at run time. Only the
//! operations below are used, each exact or correctly rounded and none fused, so that every set
//! gives the same bits. `scalar.rs` is the definition that the others are tested against.
#![allow(unsafe_code)]

mod scalar;

#[cfg(target_arch = "x86_64")]
mod x86;

use crate::pack::Pack;
#[cfg(feature = "rayon")]
pub use scalar::Scalar;

const LANES: usize = Pack::LANES;

/// What a processor can test boxes with. Results are the same with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstructionSet {
    /// Plain code for any machine.
    Scalar,
    /// The least that every x86-64 has: 2 × 4 lanes.
    Sse2,
    /// 8 lanes.
    Avx2,
    /// 8 lanes, comparisons into mask registers, hits compressed by one instruction (AVX-512 F
    /// and VL).
    Avx512,
}

impl InstructionSet {
    /// All, the plainest first.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Sse2, Self::Avx2, Self::Avx512];

    /// Whether this machine has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Sse2 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The best that this machine has.
    #[must_use]
    pub fn best() -> Self {
        let all = Self::ALL.into_iter().rev();
        all.into_iter().find(|set| set.is_available()).unwrap_or(Self::Scalar)
    }
}

/// Eight lanes of f32. A value of the implementing type proves that the machine has the
/// instructions.
pub trait Simd: Copy {
    type V: Copy;
    fn load(self, row: &[f32; LANES]) -> Self::V;
    fn splat(self, v: f32) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `if a > b { a } else { b }` in each lane.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `if a < b { a } else { b }` in each lane.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// A bit for each lane with `a <= b`.
    fn le(self, a: Self::V, b: Self::V) -> u8;
    /// A bit for each lane with `a < b`.
    fn lt(self, a: Self::V, b: Self::V) -> u8;
    fn to_array(self, v: Self::V) -> [f32; LANES];
    /// Writes the items whose bits are set to the front of `out`, in order, and anything behind
    /// them; returns how many.
    fn compress(self, items: &[u32; LANES], mask: u8, out: &mut [u32; LANES]) -> usize;
}

/// Asks for a value that will be read soon; where that cannot be asked, nothing happens.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    const LINE: usize = 64;
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for offset in (0..size_of::<T>()).step_by(LINE) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = core::ptr::from_ref(value).cast::<i8>().wrapping_add(offset);
        // SAFETY: every x86-64 has SSE, and a prefetch changes nothing whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (value, LINE);
}

/// Work that is compiled once for each instruction set.
pub trait Kernel {
    type Out;
    fn run<S: Simd>(self, simd: S) -> Self::Out;
}

/// Runs a kernel with the given instructions, or with plain ones where the machine lacks them.
#[inline]
pub fn run<K: Kernel>(set: InstructionSet, kernel: K) -> K::Out {
    match set {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Sse2 => kernel.run(x86::Sse2),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => match x86::Avx2::detect() {
            Some(simd) => simd.run(kernel),
            None => kernel.run(scalar::Scalar),
        },
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => match x86::Avx512::detect() {
            Some(simd) => simd.run(kernel),
            None => kernel.run(scalar::Scalar),
        },
        _ => kernel.run(scalar::Scalar),
    }
}

#[cfg(test)]
mod tests;
