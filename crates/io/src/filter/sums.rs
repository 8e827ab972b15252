//! Running sums of 16-bit differences, eight at a time. A module with `unsafe`: one call of a function
//! that needs SSE2.
#![allow(unsafe_code)]

/// Replaces each difference in `own` by the sum of those up to it, plus the sample above. Both are
/// little-endian and as long as each other. This is the definition; [`running`] is as fast as
/// the machine allows.
pub(super) fn running_scalar(own: &mut [[u8; 2]], above: &[[u8; 2]], mut sum: u16) {
    for (sample, above) in own.iter_mut().zip(above) {
        sum = sum.wrapping_add(u16::from_le_bytes(*sample));
        *sample = sum.wrapping_add(u16::from_le_bytes(*above)).to_le_bytes();
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn running(own: &mut [[u8; 2]], above: &[[u8; 2]]) {
    running_scalar(own, above, 0);
}

/// Sums within eight lanes by shifting three times (Hillis and Steele, "Data parallel algorithms",
/// 1986), with SSE2, which every x86-64 has.
#[cfg(target_arch = "x86_64")]
pub(super) fn running(own: &mut [[u8; 2]], above: &[[u8; 2]]) {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi16, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_setzero_si128,
        _mm_shufflehi_epi16, _mm_slli_si128, _mm_unpackhi_epi64,
    };

    #[target_feature(enable = "sse2")]
    fn load(bytes: &[u8; 16]) -> __m128i {
        let word = u128::from_le_bytes(*bytes);
        _mm_set_epi64x((word >> 64) as i64, word as i64)
    }

    #[target_feature(enable = "sse2")]
    fn store(lanes: __m128i, bytes: &mut [u8; 16]) {
        let (low, high) = bytes.split_at_mut(8);
        low.copy_from_slice(&_mm_cvtsi128_si64(lanes).to_le_bytes());
        high.copy_from_slice(&_mm_cvtsi128_si64(_mm_unpackhi_epi64(lanes, lanes)).to_le_bytes());
    }

    #[target_feature(enable = "sse2")]
    fn sums(own: &mut [[u8; 16]], above: &[[u8; 16]]) -> u16 {
        let mut carry = _mm_setzero_si128();
        for (own, above) in own.iter_mut().zip(above) {
            let mut lanes = load(own);
            lanes = _mm_add_epi16(lanes, _mm_slli_si128::<2>(lanes));
            lanes = _mm_add_epi16(lanes, _mm_slli_si128::<4>(lanes));
            lanes = _mm_add_epi16(lanes, _mm_slli_si128::<8>(lanes));
            lanes = _mm_add_epi16(lanes, carry);
            // The last lane everywhere.
            let last = _mm_shufflehi_epi16::<0xFF>(lanes);
            carry = _mm_unpackhi_epi64(last, last);
            store(_mm_add_epi16(lanes, load(above)), own);
        }
        _mm_cvtsi128_si64(carry) as u16
    }

    let whole = own.len() / 8 * 8;
    let (wide, rest) = own.split_at_mut(whole);
    let (wide_above, rest_above) = above.split_at(whole);
    let (wide, _) = wide.as_flattened_mut().as_chunks_mut::<16>();
    let (wide_above, _) = wide_above.as_flattened().as_chunks::<16>();
    // SAFETY: `sums` needs SSE2 and nothing else, which every x86-64 has.
    let sum = unsafe { sums(wide, wide_above) };
    running_scalar(rest, rest_above, sum);
}

#[cfg(test)]
mod tests {
    use super::{running, running_scalar};

    #[test]
    fn fast_sums_are_those_of_the_definition() {
        for len in 0..200usize {
            let noise = |seed: usize| -> Vec<[u8; 2]> {
                (0..len)
                    .map(|i| ((i * 40_503 + seed * 977) as u16 ^ seed as u16).to_le_bytes())
                    .collect()
            };
            let (mut fast, above) = (noise(len), noise(7));
            let mut scalar = fast.clone();
            running(&mut fast, &above);
            running_scalar(&mut scalar, &above, 0);
            assert_eq!(fast, scalar);
        }
    }
}
