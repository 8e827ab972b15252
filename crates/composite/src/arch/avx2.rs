//! Eight pixels in a register of AVX2.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::Simd;
use crate::Pixel;

const LANES: usize = 8;

/// Instructions of AVX2: whoever has one may use them.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Only where the instructions are known to be there.
    #[target_feature(enable = "avx2")]
    pub(crate) fn new() -> Self {
        Self(())
    }
}

/// Calls an intrinsic.
macro_rules! op {
    ($call:expr) => {
        // SAFETY: a `Avx2` exists, so that this machine has the instructions. Pointers are to
        // blocks exactly as large as what is read, at any alignment; a prefetch reads nothing.
        unsafe { $call }
    };
}

impl Simd for Avx2 {
    type Block = [Pixel; LANES];
    type Bytes = [u8; LANES];
    type V = __m256i;

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
        u64::from_ne_bytes(*bytes) == 0
    }

    #[inline(always)]
    fn load(self, block: &Self::Block) -> __m256i {
        op!(_mm256_loadu_si256(block.as_ptr().cast()))
    }

    #[inline(always)]
    fn prefetch(self, at: *const Pixel) {
        op!(_mm_prefetch::<_MM_HINT_T0>(at.cast()));
    }

    #[inline(always)]
    fn store(self, vector: __m256i) -> Self::Block {
        let mut block = Self::Block::default();
        op!(_mm256_storeu_si256(block.as_mut_ptr().cast(), vector));
        block
    }

    #[inline(always)]
    fn splat(self, value: u16) -> __m256i {
        op!(_mm256_set1_epi16(value as i16))
    }

    #[inline(always)]
    fn low(self, v: __m256i) -> __m256i {
        op!(_mm256_and_si256(v, _mm256_set1_epi16(255)))
    }

    #[inline(always)]
    fn high(self, v: __m256i) -> __m256i {
        op!(_mm256_srli_epi16::<8>(v))
    }

    #[inline(always)]
    fn join(self, low: __m256i, high: __m256i) -> __m256i {
        op!(_mm256_or_si256(low, _mm256_slli_epi16::<8>(high)))
    }

    #[inline(always)]
    fn alphas(self, v: __m256i) -> __m256i {
        // Byte 3 of each pixel and a zero, twice.
        const PICK: [u8; 16] = [3, 128, 3, 128, 7, 128, 7, 128, 11, 128, 11, 128, 15, 128, 15, 128];
        let pick = op!(_mm_loadu_si128(PICK.as_ptr().cast()));
        op!(_mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(pick)))
    }

    #[inline(always)]
    fn doubled(self, bytes: &Self::Bytes) -> __m256i {
        // Each byte and a zero, twice; the first four for the lower half of the register.
        const PICK: [u8; 32] = [
            0, 128, 0, 128, 1, 128, 1, 128, 2, 128, 2, 128, 3, 128, 3, 128, 4, 128, 4, 128, 5, 128,
            5, 128, 6, 128, 6, 128, 7, 128, 7, 128,
        ];
        let all = op!(_mm256_set1_epi64x(i64::from_ne_bytes(*bytes)));
        op!(_mm256_shuffle_epi8(all, _mm256_loadu_si256(PICK.as_ptr().cast())))
    }

    #[inline(always)]
    fn paired(self, first: &Self::Bytes, second: &Self::Bytes) -> __m256i {
        let (first, second) = (u64_of(first), u64_of(second));
        op!(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(first, second)))
    }

    #[inline(always)]
    fn mul(self, a: __m256i, b: __m256i) -> __m256i {
        op!(_mm256_mullo_epi16(a, b))
    }

    #[inline(always)]
    fn mul_high(self, a: __m256i, b: __m256i) -> __m256i {
        op!(_mm256_mulhi_epu16(a, b))
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        op!(_mm256_add_epi16(a, b))
    }

    #[inline(always)]
    fn add_capped(self, a: __m256i, b: __m256i) -> __m256i {
        op!(_mm256_adds_epu16(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m256i, b: __m256i) -> __m256i {
        op!(_mm256_sub_epi16(a, b))
    }

    #[inline(always)]
    fn sub_capped(self, a: __m256i, b: __m256i) -> __m256i {
        op!(_mm256_subs_epu16(a, b))
    }

    #[inline(always)]
    fn cap(self, v: __m256i) -> __m256i {
        op!(_mm256_min_epu16(v, _mm256_set1_epi16(255)))
    }

    #[inline(always)]
    fn shr7(self, v: __m256i) -> __m256i {
        op!(_mm256_srli_epi16::<7>(v))
    }

    #[inline(always)]
    fn add_bytes(self, a: __m256i, b: __m256i) -> __m256i {
        op!(_mm256_adds_epu8(a, b))
    }

    #[inline(always)]
    fn halve(self, upper: [__m256i; 2], lower: [__m256i; 2]) -> __m256i {
        let (first, second) = (means(upper[0], lower[0]), means(upper[1], lower[1]));
        let packed = op!(_mm256_packus_epi16(first, second));
        // Each half of the register was packed by itself.
        op!(_mm256_permute4x64_epi64::<0b11_01_10_00>(packed))
    }
}

/// Means of 2 × 2 blocks, 16 bits a channel.
#[inline(always)]
fn means(upper: __m256i, lower: __m256i) -> __m256i {
    // Channels of two neighbours side by side, so that one instruction adds them.
    const PAIRS: [u8; 16] = [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15];
    // SAFETY: only called with an `Avx2` at hand; the load reads 16 bytes from 16.
    unsafe {
        let pairs = _mm256_broadcastsi128_si256(_mm_loadu_si128(PAIRS.as_ptr().cast()));
        let ones = _mm256_set1_epi8(1);
        let upper = _mm256_maddubs_epi16(_mm256_shuffle_epi8(upper, pairs), ones);
        let lower = _mm256_maddubs_epi16(_mm256_shuffle_epi8(lower, pairs), ones);
        let sum = _mm256_add_epi16(_mm256_add_epi16(upper, lower), _mm256_set1_epi16(2));
        _mm256_srli_epi16::<2>(sum)
    }
}

/// Eight bytes in the lower half of a register.
#[inline(always)]
fn u64_of(bytes: &[u8; LANES]) -> __m128i {
    // SAFETY: only called with an `Avx2` at hand; the load reads 8 bytes from 8.
    unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) }
}
