//! Rows of 16-bit samples from their folded differences, eight at a time. A module with `unsafe`:
//! one call of a function that needs SSE2.
#![allow(unsafe_code)]

/// Bytes of the folded differences of a piece of a row.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a> {
    pub high: &'a [u8],
    pub low: &'a [u8],
}

impl<'a> Planes<'a> {
    fn split_at(self, at: usize) -> (Self, Self) {
        let ((high, high_rest), (low, low_rest)) = (self.high.split_at(at), self.low.split_at(at));
        (Self { high, low }, Self { high: high_rest, low: low_rest })
    }
}

/// Fills `out` with the running sums of the differences, each plus the sample above. All are
/// as long as each other, samples little-endian. This is the definition; [`row`] is as fast as the
/// machine allows.
pub(super) fn row_scalar(planes: Planes<'_>, above: &[[u8; 2]], out: &mut [[u8; 2]], mut sum: u16) {
    let pairs = planes.high.iter().zip(planes.low);
    for ((out, above), (&high, &low)) in out.iter_mut().zip(above).zip(pairs) {
        let folded = u16::from_le_bytes([low, high]);
        sum = sum.wrapping_add((folded >> 1) ^ (folded & 1).wrapping_neg());
        *out = sum.wrapping_add(u16::from_le_bytes(*above)).to_le_bytes();
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn row(planes: Planes<'_>, above: &[[u8; 2]], out: &mut [[u8; 2]]) {
    row_scalar(planes, above, out, 0);
}

/// Sums within eight lanes by shifting three times (Hillis and Steele, "Data parallel algorithms",
/// 1986), with SSE2, which every x86-64 has.
#[cfg(target_arch = "x86_64")]
pub(super) fn row(planes: Planes<'_>, above: &[[u8; 2]], out: &mut [[u8; 2]]) {
    let (wide, rest) = planes.split_at(out.len() / 8 * 8);
    let (wide_out, out) = out.split_at_mut(wide.high.len());
    let (wide_above, above) = above.split_at(wide.high.len());
    // SAFETY: the function needs SSE2 and nothing else, which every x86-64 has.
    let sum = unsafe { sse2::row(wide, wide_above.as_flattened(), wide_out.as_flattened_mut()) };
    row_scalar(rest, above, out, sum);
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::Planes;
    use std::arch::x86_64::{
        __m128i, _mm_add_epi16, _mm_and_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64,
        _mm_set_epi64x, _mm_set1_epi16, _mm_setzero_si128, _mm_shufflehi_epi16, _mm_slli_si128,
        _mm_srli_epi16, _mm_sub_epi16, _mm_unpackhi_epi64, _mm_unpacklo_epi8, _mm_xor_si128,
    };

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(bytes: &[u8; 16]) -> __m128i {
        let word = u128::from_le_bytes(*bytes);
        _mm_set_epi64x((word >> 64) as i64, word as i64)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn store(lanes: __m128i, bytes: &mut [u8; 16]) {
        let low = _mm_cvtsi128_si64(lanes) as u64;
        let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(lanes, lanes)) as u64;
        *bytes = (u128::from(high) << 64 | u128::from(low)).to_le_bytes();
    }

    /// Whole groups of eight; gives the last running sum.
    #[target_feature(enable = "sse2")]
    pub(super) fn row(planes: Planes<'_>, above: &[u8], out: &mut [u8]) -> u16 {
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
            lanes = _mm_add_epi16(lanes, carry);
            // The last lane everywhere.
            let last = _mm_shufflehi_epi16::<0xFF>(lanes);
            carry = _mm_unpackhi_epi64(last, last);
            store(_mm_add_epi16(lanes, load(above)), out);
        }
        _mm_cvtsi128_si64(carry) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::{Planes, row, row_scalar};

    #[test]
    fn fast_rows_are_those_of_the_definition() {
        for len in 0..200usize {
            let noise = |seed: usize| -> Vec<u8> {
                (0..len).map(|i| (((i + seed) * (i + 7) * 40_503) >> 7) as u8).collect()
            };
            let (high, low) = (noise(len), noise(3));
            let above: Vec<[u8; 2]> =
                noise(1).into_iter().zip(noise(2)).map(|(a, b)| [a, b]).collect();
            let planes = Planes { high: &high, low: &low };
            let (mut fast, mut scalar) = (vec![[0; 2]; len], vec![[0; 2]; len]);
            row(planes, &above, &mut fast);
            row_scalar(planes, &above, &mut scalar, 0);
            assert_eq!(fast, scalar);
        }
    }
}
