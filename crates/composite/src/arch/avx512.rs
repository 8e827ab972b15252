//! Sixteen pixels in a register of AVX-512.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::Simd;
use crate::Pixel;

const LANES: usize = 16;

/// Instructions of AVX-512 F and BW: whoever has one may use them.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Only where the instructions are known to be there.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(crate) fn new() -> Self {
        Self(())
    }
}

/// Calls an intrinsic.
macro_rules! op {
    ($call:expr) => {
        // SAFETY: a `Avx512` exists, so that this machine has the instructions. Pointers are to
        // blocks exactly as large as what is read, at any alignment; a prefetch reads nothing.
        unsafe { $call }
    };
}

impl Simd for Avx512 {
    type Block = [Pixel; LANES];
    type Bytes = [u8; LANES];
    type V = __m512i;

    #[inline(always)]
    fn blocks(pixels: &[Pixel]) -> (&[Self::Block], &[Pixel]) {
        pixels.as_chunks()
    }

    #[inline(always)]
    fn blocks_mut(pixels: &mut [Pixel]) -> (&mut [Self::Block], &mut [Pixel]) {
        pixels.as_chunks_mut()
    }

    #[inline(always)]
    fn bytes(bytes: &[u8]) -> (&[Self::Bytes], &[u8]) {
        bytes.as_chunks()
    }

    #[inline(always)]
    fn are_zero(bytes: &Self::Bytes) -> bool {
        u128::from_ne_bytes(*bytes) == 0
    }

    #[inline(always)]
    fn load(self, block: &Self::Block) -> __m512i {
        op!(_mm512_loadu_si512(block.as_ptr().cast()))
    }

    #[inline(always)]
    fn prefetch(self, at: *const Pixel) {
        op!(_mm_prefetch::<_MM_HINT_T0>(at.cast()));
    }

    #[inline(always)]
    fn store(self, vector: __m512i) -> Self::Block {
        let mut block = Self::Block::default();
        op!(_mm512_storeu_si512(block.as_mut_ptr().cast(), vector));
        block
    }

    #[inline(always)]
    fn splat(self, value: u16) -> __m512i {
        op!(_mm512_set1_epi16(value as i16))
    }

    #[inline(always)]
    fn low(self, v: __m512i) -> __m512i {
        op!(_mm512_and_si512(v, _mm512_set1_epi16(255)))
    }

    #[inline(always)]
    fn high(self, v: __m512i) -> __m512i {
        op!(_mm512_srli_epi16::<8>(v))
    }

    #[inline(always)]
    fn join(self, low: __m512i, high: __m512i) -> __m512i {
        op!(_mm512_or_si512(low, _mm512_slli_epi16::<8>(high)))
    }

    #[inline(always)]
    fn alphas(self, v: __m512i) -> __m512i {
        // Byte 3 of each pixel and a zero, twice.
        const PICK: [u8; 16] = [3, 128, 3, 128, 7, 128, 7, 128, 11, 128, 11, 128, 15, 128, 15, 128];
        let pick = op!(_mm_loadu_si128(PICK.as_ptr().cast()));
        op!(_mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(pick)))
    }

    #[inline(always)]
    fn doubled(self, bytes: &Self::Bytes) -> __m512i {
        let lanes = widened(bytes);
        op!(_mm512_or_si512(lanes, _mm512_slli_epi32::<16>(lanes)))
    }

    #[inline(always)]
    fn paired(self, first: &Self::Bytes, second: &Self::Bytes) -> __m512i {
        let (first, second) = (widened(first), widened(second));
        op!(_mm512_or_si512(first, _mm512_slli_epi32::<16>(second)))
    }

    #[inline(always)]
    fn mul(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_mullo_epi16(a, b))
    }

    #[inline(always)]
    fn mul_high(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_mulhi_epu16(a, b))
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_add_epi16(a, b))
    }

    #[inline(always)]
    fn add_capped(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_adds_epu16(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_sub_epi16(a, b))
    }

    #[inline(always)]
    fn sub_capped(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_subs_epu16(a, b))
    }

    #[inline(always)]
    fn cap(self, v: __m512i) -> __m512i {
        op!(_mm512_min_epu16(v, _mm512_set1_epi16(255)))
    }

    #[inline(always)]
    fn shr7(self, v: __m512i) -> __m512i {
        op!(_mm512_srli_epi16::<7>(v))
    }

    #[inline(always)]
    fn add_bytes(self, a: __m512i, b: __m512i) -> __m512i {
        op!(_mm512_adds_epu8(a, b))
    }

    #[inline(always)]
    fn halve(self, upper: [__m512i; 2], lower: [__m512i; 2]) -> __m512i {
        let (first, second) = (means(upper[0], lower[0]), means(upper[1], lower[1]));
        let packed = op!(_mm512_packus_epi16(first, second));
        // Each quarter of the register was packed by itself.
        op!(_mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed))
    }
}

/// Means of 2 × 2 blocks, 16 bits a channel.
#[inline(always)]
fn means(upper: __m512i, lower: __m512i) -> __m512i {
    // Channels of two neighbours side by side, so that one instruction adds them.
    const PAIRS: [u8; 16] = [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15];
    // SAFETY: only called with an `Avx512` at hand; the load reads 16 bytes from 16.
    unsafe {
        let pairs = _mm512_broadcast_i32x4(_mm_loadu_si128(PAIRS.as_ptr().cast()));
        let ones = _mm512_set1_epi8(1);
        let upper = _mm512_maddubs_epi16(_mm512_shuffle_epi8(upper, pairs), ones);
        let lower = _mm512_maddubs_epi16(_mm512_shuffle_epi8(lower, pairs), ones);
        let sum = _mm512_add_epi16(_mm512_add_epi16(upper, lower), _mm512_set1_epi16(2));
        _mm512_srli_epi16::<2>(sum)
    }
}

/// Each byte in 32 bits of its own.
#[inline(always)]
fn widened(bytes: &[u8; LANES]) -> __m512i {
    // SAFETY: only called with an `Avx512` at hand; the load reads 16 bytes from 16.
    unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast())) }
}
