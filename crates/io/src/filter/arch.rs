//! Rows of 16-bit samples from their folded differences. [`row16_scalar`] is the definition and the
//! oracle; what the CPU has beyond it gives the same bits. The only place of the filters with
//! `unsafe`.
//!
//! Sums within a vector come from shifting and adding, doubling the distance each time (Hillis and
//! Steele, "Data parallel algorithms", 1986); one addition carries them from vector to vector.
#![allow(unsafe_code)]

/// Bytes of the folded differences of a piece of a row.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a> {
    pub high: &'a [u8],
    pub low: &'a [u8],
}

impl<'a> Planes<'a> {
    #[cfg(target_arch = "x86_64")]
    fn split_at(self, at: usize) -> (Self, Self) {
        let ((high, high_rest), (low, low_rest)) = (self.high.split_at(at), self.low.split_at(at));
        (Self { high, low }, Self { high: high_rest, low: low_rest })
    }
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isa {
    #[cfg_attr(target_arch = "x86_64", allow(dead_code, reason = "the oracle"))]
    Scalar,
    /// Which every x86-64 has.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Isa {
    /// The best that this CPU has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        return match std::arch::is_x86_feature_detected!("avx2") && !cfg!(miri) {
            true => Self::Avx2,
            false => Self::Sse2,
        };
        #[cfg(not(target_arch = "x86_64"))]
        Self::Scalar
    }

    /// Fills `out` with the running sums of the differences, each plus the sample above. All are as
    /// long as each other, samples little-endian.
    pub fn row16(self, planes: Planes<'_>, above: &[[u8; 2]], out: &mut [[u8; 2]]) {
        #[cfg(target_arch = "x86_64")]
        {
            let lanes = match self {
                Self::Scalar => return row16_scalar(planes, above, out, 0),
                Self::Sse2 => 8,
                Self::Avx2 => 16,
            };
            let (wide, rest) = planes.split_at(out.len() / lanes * lanes);
            let (wide_out, out) = out.split_at_mut(wide.high.len());
            let (wide_above, above) = above.split_at(wide.high.len());
            let (wide_above, wide_out) = (wide_above.as_flattened(), wide_out.as_flattened_mut());
            let sum = match self {
                // SAFETY: `detect` gives `Avx2` only where the CPU has it.
                Self::Avx2 => unsafe { avx2::row16(wide, wide_above, wide_out) },
                // SAFETY: every x86-64 has SSE2.
                _ => unsafe { sse2::row16(wide, wide_above, wide_out) },
            };
            row16_scalar(rest, above, out, sum);
        }
        #[cfg(not(target_arch = "x86_64"))]
        row16_scalar(planes, above, out, 0);
    }
}

fn row16_scalar(planes: Planes<'_>, above: &[[u8; 2]], out: &mut [[u8; 2]], mut sum: u16) {
    let pairs = planes.high.iter().zip(planes.low);
    for ((out, above), (&high, &low)) in out.iter_mut().zip(above).zip(pairs) {
        let folded = u16::from_le_bytes([low, high]);
        sum = sum.wrapping_add((folded >> 1) ^ (folded & 1).wrapping_neg());
        *out = sum.wrapping_add(u16::from_le_bytes(*above)).to_le_bytes();
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::Planes;
    use std::arch::x86_64::{
        __m128i, _mm_add_epi16, _mm_and_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64,
        _mm_loadu_si128, _mm_set1_epi16, _mm_setzero_si128, _mm_shufflehi_epi16, _mm_slli_si128,
        _mm_srli_epi16, _mm_storeu_si128, _mm_sub_epi16, _mm_unpackhi_epi64, _mm_unpacklo_epi8,
        _mm_xor_si128,
    };

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: sixteen bytes are readable there; the load needs no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn store(lanes: __m128i, bytes: &mut [u8; 16]) {
        // SAFETY: sixteen bytes are writable there; the store needs no alignment.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), lanes) }
    }

    /// Whole groups of eight; gives the last running sum.
    #[target_feature(enable = "sse2")]
    pub(super) fn row16(planes: Planes<'_>, above: &[u8], out: &mut [u8]) -> u16 {
        let (high, low) = (planes.high.as_chunks::<8>().0, planes.low.as_chunks::<8>().0);
        let (above, out) = (above.as_chunks::<16>().0, out.as_chunks_mut::<16>().0);
        let (zero, one) = (_mm_setzero_si128(), _mm_set1_epi16(1));
        let mut carry = zero;
        for (((out, above), high), low) in out.iter_mut().zip(above).zip(high).zip(low) {
            let high = _mm_cvtsi64_si128(i64::from_le_bytes(*high));
            let low = _mm_cvtsi64_si128(i64::from_le_bytes(*low));
            let folded = _mm_unpacklo_epi8(low, high);
            let sign = _mm_sub_epi16(zero, _mm_and_si128(folded, one));
            let mut lanes = _mm_xor_si128(_mm_srli_epi16::<1>(folded), sign);
            lanes = _mm_add_epi16(lanes, _mm_slli_si128::<2>(lanes));
            lanes = _mm_add_epi16(lanes, _mm_slli_si128::<4>(lanes));
            lanes = _mm_add_epi16(lanes, _mm_slli_si128::<8>(lanes));
            store(_mm_add_epi16(_mm_add_epi16(lanes, load(above)), carry), out);
            // The last lane everywhere, beside the chain of carries.
            let last = _mm_shufflehi_epi16::<0xFF>(lanes);
            carry = _mm_add_epi16(carry, _mm_unpackhi_epi64(last, last));
        }
        _mm_cvtsi128_si64(carry) as u16
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::Planes;
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi16, _mm256_and_si256,
        _mm256_cvtepu8_epi16, _mm256_extract_epi16, _mm256_loadu_si256, _mm256_or_si256,
        _mm256_permute2x128_si256, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_shuffle_epi8,
        _mm256_slli_epi16, _mm256_slli_si256, _mm256_srli_epi16, _mm256_storeu_si256,
        _mm256_sub_epi16, _mm256_xor_si256,
    };

    /// Both bytes of the last lane of each half, to be shuffled everywhere in it.
    const LAST: i16 = 0x0F0E;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_half(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: sixteen bytes are readable there; the load needs no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: 32 bytes are readable there; the load needs no alignment.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(lanes: __m256i, bytes: &mut [u8; 32]) {
        // SAFETY: 32 bytes are writable there; the store needs no alignment.
        unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), lanes) }
    }

    /// Whole groups of sixteen; gives the last running sum.
    #[target_feature(enable = "avx2")]
    pub(super) fn row16(planes: Planes<'_>, above: &[u8], out: &mut [u8]) -> u16 {
        let (high, low) = (planes.high.as_chunks::<16>().0, planes.low.as_chunks::<16>().0);
        let (above, out) = (above.as_chunks::<32>().0, out.as_chunks_mut::<32>().0);
        let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi16(1));
        let last = _mm256_set1_epi16(LAST);
        let mut carry = zero;
        for (((out, above), high), low) in out.iter_mut().zip(above).zip(high).zip(low) {
            let high = _mm256_cvtepu8_epi16(load_half(high));
            let low = _mm256_cvtepu8_epi16(load_half(low));
            let folded = _mm256_or_si256(_mm256_slli_epi16::<8>(high), low);
            let sign = _mm256_sub_epi16(zero, _mm256_and_si256(folded, one));
            let mut lanes = _mm256_xor_si256(_mm256_srli_epi16::<1>(folded), sign);
            lanes = _mm256_add_epi16(lanes, _mm256_slli_si256::<2>(lanes));
            lanes = _mm256_add_epi16(lanes, _mm256_slli_si256::<4>(lanes));
            lanes = _mm256_add_epi16(lanes, _mm256_slli_si256::<8>(lanes));
            // So far in halves: the sum of the lower one goes to all of the upper one.
            let sums = _mm256_shuffle_epi8(lanes, last);
            let to_upper = _mm256_permute2x128_si256::<0x08>(sums, sums);
            let row = _mm256_add_epi16(_mm256_add_epi16(lanes, to_upper), load(above));
            store(_mm256_add_epi16(row, carry), out);
            let swapped = _mm256_permute2x128_si256::<0x01>(sums, sums);
            carry = _mm256_add_epi16(carry, _mm256_add_epi16(sums, swapped));
        }
        _mm256_extract_epi16::<0>(carry) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::{Isa, Planes};

    #[test]
    fn every_instruction_set_gives_the_scalars_bits() {
        #[cfg(target_arch = "x86_64")]
        let mut sets = vec![Isa::Sse2];
        #[cfg(not(target_arch = "x86_64"))]
        let mut sets = Vec::new();
        match Isa::detect() {
            best if sets.contains(&best) || best == Isa::Scalar => {
                println!("skipped 1 instruction set: this CPU has no AVX2");
            }
            best => sets.push(best),
        }
        for len in 0..200usize {
            let noise = |seed: usize| -> Vec<u8> {
                (0..len).map(|i| (((i + seed) * (i + 7) * 40_503) >> 7) as u8).collect()
            };
            let (high, low) = (noise(len), noise(3));
            let above: Vec<[u8; 2]> =
                noise(1).into_iter().zip(noise(2)).map(|(a, b)| [a, b]).collect();
            let planes = Planes { high: &high, low: &low };
            let mut expected = vec![[0; 2]; len];
            Isa::Scalar.row16(planes, &above, &mut expected);
            for isa in &sets {
                let mut out = vec![[0; 2]; len];
                isa.row16(planes, &above, &mut out);
                assert_eq!(out, expected, "{isa:?}");
            }
        }
    }
}
