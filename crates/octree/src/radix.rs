use alloc::vec;
use alloc::vec::Vec;

/// A digit: 2048 counters fit the first cache, and six passes do for 64 bits.
const DIGIT_BITS: u32 = 11;
const DIGITS: usize = 64usize.div_ceil(DIGIT_BITS as usize);
const VALUES: usize = 1 << DIGIT_BITS;

/// Below this, counting costs more than comparing.
const SMALL: usize = 4096;

fn digit(key: u64, index: usize) -> usize {
    (key >> (DIGIT_BITS * index as u32)) as usize & (VALUES - 1)
}

/// Sorts pairs by their keys; those with equal keys keep their order, which is that of their second
/// numbers. Least significant digit first; a digit that all keys share costs nothing.
pub fn sort_by_key(mut pairs: Vec<(u64, u32)>) -> Vec<(u64, u32)> {
    if pairs.len() < SMALL {
        pairs.sort_unstable();
        return pairs;
    }
    let mut counts = vec![[0u32; VALUES]; DIGITS];
    for &(key, _) in &pairs {
        for (index, counts) in counts.iter_mut().enumerate() {
            counts[digit(key, index)] += 1;
        }
    }
    let mut other = vec![(0, 0); pairs.len()];
    for (index, counts) in counts.iter_mut().enumerate() {
        if counts.iter().any(|&c| c as usize == pairs.len()) {
            continue;
        }
        let mut sum = 0;
        for count in counts.iter_mut() {
            (*count, sum) = (sum, sum + *count);
        }
        for &pair in &pairs {
            let place = &mut counts[digit(pair.0, index)];
            other[*place as usize] = pair;
            *place += 1;
        }
        core::mem::swap(&mut pairs, &mut other);
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_comparing_does() {
        let mut state = 1u64;
        for mask in [u64::MAX, 0xfff, 0xffff_0000_0000_0000, 0x8000_0000_0000_0001, 0] {
            let pairs: Vec<_> = (0..3 * SMALL as u32)
                .map(|i| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    ((state ^ state >> 29) & mask, i)
                })
                .collect();
            let mut expected = pairs.clone();
            expected.sort_unstable();
            assert_eq!(sort_by_key(pairs), expected);
        }
    }
}
