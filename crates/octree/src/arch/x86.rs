use super::{Kernel, LANES, Simd, scalar};
use bytemuck::cast;
use core::arch::x86_64::*;

// Every processor with AVX2 has the other two; named, so that bits are counted by one instruction.
cpufeatures::new!(cpu_avx2, "avx2", "bmi1", "popcnt");
cpufeatures::new!(cpu_avx512, "avx2", "bmi1", "popcnt", "avx512f", "avx512vl");

/// A call of an SSE2 instruction.
macro_rules! sse2 {
    ($call:expr) => {
        // SAFETY: every x86-64 has SSE2.
        unsafe { $call }
    };
}

/// Two registers of four lanes.
#[derive(Clone, Copy)]
pub struct Sse2;

#[inline(always)]
fn halves(a: [__m128; 2], b: [__m128; 2], f: impl Fn(__m128, __m128) -> __m128) -> [__m128; 2] {
    [f(a[0], b[0]), f(a[1], b[1])]
}

#[inline(always)]
fn sse2_bits(mask: [__m128; 2]) -> u8 {
    (sse2!(_mm_movemask_ps(mask[0])) | sse2!(_mm_movemask_ps(mask[1])) << 4) as u8
}

impl Simd for Sse2 {
    type V = [__m128; 2];

    #[inline(always)]
    fn load(self, row: &[f32; LANES]) -> Self::V {
        cast(*row)
    }

    #[inline(always)]
    fn splat(self, v: f32) -> Self::V {
        [sse2!(_mm_set1_ps(v)); 2]
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        halves(a, b, |a, b| sse2!(_mm_add_ps(a, b)))
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        halves(a, b, |a, b| sse2!(_mm_sub_ps(a, b)))
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        halves(a, b, |a, b| sse2!(_mm_mul_ps(a, b)))
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        halves(a, b, |a, b| sse2!(_mm_div_ps(a, b)))
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        halves(a, b, |a, b| sse2!(_mm_max_ps(a, b)))
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        halves(a, b, |a, b| sse2!(_mm_min_ps(a, b)))
    }

    #[inline(always)]
    fn le(self, a: Self::V, b: Self::V) -> u8 {
        sse2_bits(halves(a, b, |a, b| sse2!(_mm_cmple_ps(a, b))))
    }

    #[inline(always)]
    fn lt(self, a: Self::V, b: Self::V) -> u8 {
        sse2_bits(halves(a, b, |a, b| sse2!(_mm_cmplt_ps(a, b))))
    }

    #[inline(always)]
    fn to_array(self, v: Self::V) -> [f32; LANES] {
        cast(v)
    }

    #[inline(always)]
    fn compress(self, items: &[u32; LANES], mask: u8, out: &mut [u32; LANES]) -> usize {
        scalar::Scalar.compress(items, mask, out)
    }
}

/// One register of eight lanes. Only [`Avx2::detect`] makes one.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// `None` where the machine lacks AVX2, or its system does not save the registers.
    #[inline(always)]
    pub fn detect() -> Option<Self> {
        cpu_avx2::get().then_some(Self(()))
    }

    /// Runs a kernel compiled for these instructions.
    #[inline(always)]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Out {
        #[target_feature(enable = "avx2,bmi1,popcnt")]
        fn compiled<K: Kernel>(simd: Avx2, kernel: K) -> K::Out {
            kernel.run(simd)
        }
        // SAFETY: `self` exists, so the machine has AVX2.
        unsafe { compiled(self, kernel) }
    }
}

/// For each mask, the lanes whose bits are set, in order. Bytes: two kilobytes stay in the first
/// cache beside what is searched.
static COMPRESSED: [[u8; LANES]; 256] = {
    let mut table = [[0; LANES]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut count) = (0, 0);
        while lane < LANES {
            if mask >> lane & 1 == 1 {
                table[mask][count] = lane as u8;
                count += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

/// The operations that AVX2 and AVX-512 have in common. SAFETY of each: a value of the type exists,
/// so the machine has AVX2.
macro_rules! eight_lanes {
    () => {
        type V = __m256;

        #[inline(always)]
        fn load(self, row: &[f32; LANES]) -> __m256 {
            cast(*row)
        }

        #[inline(always)]
        fn splat(self, v: f32) -> __m256 {
            // SAFETY: the machine has AVX2.
            unsafe { _mm256_set1_ps(v) }
        }

        #[inline(always)]
        fn add(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: the machine has AVX2.
            unsafe { _mm256_add_ps(a, b) }
        }

        #[inline(always)]
        fn sub(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: the machine has AVX2.
            unsafe { _mm256_sub_ps(a, b) }
        }

        #[inline(always)]
        fn mul(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: the machine has AVX2.
            unsafe { _mm256_mul_ps(a, b) }
        }

        #[inline(always)]
        fn div(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: the machine has AVX2.
            unsafe { _mm256_div_ps(a, b) }
        }

        #[inline(always)]
        fn max(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: the machine has AVX2.
            unsafe { _mm256_max_ps(a, b) }
        }

        #[inline(always)]
        fn min(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: the machine has AVX2.
            unsafe { _mm256_min_ps(a, b) }
        }

        #[inline(always)]
        fn to_array(self, v: __m256) -> [f32; LANES] {
            cast(v)
        }
    };
}

impl Simd for Avx2 {
    eight_lanes!();

    #[inline(always)]
    fn le(self, a: __m256, b: __m256) -> u8 {
        // SAFETY: the machine has AVX2.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(a, b)) as u8 }
    }

    #[inline(always)]
    fn lt(self, a: __m256, b: __m256) -> u8 {
        // SAFETY: the machine has AVX2.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) as u8 }
    }

    #[inline(always)]
    fn compress(self, items: &[u32; LANES], mask: u8, out: &mut [u32; LANES]) -> usize {
        let lanes = i64::from_le_bytes(COMPRESSED[usize::from(mask)]);
        // SAFETY: the machine has AVX2.
        *out = cast(unsafe {
            let lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(lanes));
            _mm256_permutevar8x32_epi32(cast(*items), lanes)
        });
        mask.count_ones() as usize
    }
}

/// One register of eight lanes, and mask registers. Only [`Avx512::detect`] makes one.
#[derive(Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// `None` where the machine lacks AVX-512 F or VL, or its system does not save the registers.
    #[inline(always)]
    pub fn detect() -> Option<Self> {
        cpu_avx512::get().then_some(Self(()))
    }

    /// Runs a kernel compiled for these instructions.
    #[inline(always)]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Out {
        #[target_feature(enable = "avx2,bmi1,popcnt,avx512f,avx512vl")]
        fn compiled<K: Kernel>(simd: Avx512, kernel: K) -> K::Out {
            kernel.run(simd)
        }
        // SAFETY: `self` exists, so the machine has these.
        unsafe { compiled(self, kernel) }
    }
}

impl Simd for Avx512 {
    eight_lanes!();

    #[inline(always)]
    fn le(self, a: __m256, b: __m256) -> u8 {
        // SAFETY: the machine has AVX-512 F and VL.
        unsafe { _mm256_cmp_ps_mask::<_CMP_LE_OQ>(a, b) }
    }

    #[inline(always)]
    fn lt(self, a: __m256, b: __m256) -> u8 {
        // SAFETY: the machine has AVX-512 F and VL.
        unsafe { _mm256_cmp_ps_mask::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    fn compress(self, items: &[u32; LANES], mask: u8, out: &mut [u32; LANES]) -> usize {
        // SAFETY: the machine has AVX-512 F and VL.
        *out = cast(unsafe { _mm256_maskz_compress_epi32(mask, cast(*items)) });
        mask.count_ones() as usize
    }
}
