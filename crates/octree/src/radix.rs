use alloc::vec;
use alloc::vec::Vec;

/// A digit: 2048 counters fit the first cache, and three passes do for 32 bits.
const DIGIT_BITS: u32 = 11;
const DIGITS: usize = 32usize.div_ceil(DIGIT_BITS as usize);
const VALUES: usize = 1 << DIGIT_BITS;

/// Below this, counting costs more than comparing.
const SMALL: usize = 4096;

/// Places of the keys in ascending order; equal keys keep theirs.
///
/// Sorts by 32 bits at a time, each packed with its place into one number: half of what keys and
/// places would move. The upper 32 bits that differ at all tell nearly all keys of a million apart;
/// the few that are equal there are sorted by the bits below.
pub fn order_of(keys: &[u64]) -> Vec<u32> {
    let differing = keys.iter().fold(0, |bits, key| bits | (key ^ keys[0]));
    let shift = 32u32.saturating_sub(differing.leading_zeros());
    let high = |(place, key): (u64, &u64)| (key >> shift) << 32 | place;
    let mut pairs: Vec<u64> = (0..).zip(keys).map(high).collect();
    let mut other = vec![0; if pairs.len() < SMALL { 0 } else { pairs.len() }];
    sort(&mut pairs, &mut other);
    if shift > 0 {
        let mut start = 0;
        while start < pairs.len() {
            let equal = pairs[start..].iter().take_while(|p| *p >> 32 == pairs[start] >> 32);
            let end = start + equal.count();
            if end - start > 1 {
                let run = &mut pairs[start..end];
                for pair in run.iter_mut() {
                    let place = *pair & u64::from(u32::MAX);
                    *pair = (keys[place as usize] & ((1 << shift) - 1)) << 32 | place;
                }
                let len = if run.len() < SMALL { 0 } else { run.len() };
                sort(run, &mut other[..len]);
            }
            start = end;
        }
    }
    pairs.into_iter().map(|pair| pair as u32).collect()
}

/// Sorts by the upper 32 bits; the lower ones ascend within equal ones, and so stay in order. Least
/// significant digit first; a digit that all share costs nothing. `other` is as long unless there
/// are few.
fn sort(pairs: &mut [u64], other: &mut [u64]) {
    if pairs.len() < SMALL {
        pairs.sort_unstable();
        return;
    }
    let digit = |pair: u64, index: usize| {
        (pair >> (32 + DIGIT_BITS * index as u32)) as usize & (VALUES - 1)
    };
    let mut counts = [[0u32; VALUES]; DIGITS];
    for &pair in pairs.iter() {
        for (index, counts) in counts.iter_mut().enumerate() {
            counts[digit(pair, index)] += 1;
        }
    }
    let (mut from, mut to) = (pairs, other);
    let mut passes = 0;
    for (index, counts) in counts.iter_mut().enumerate() {
        if counts[digit(from[0], index)] as usize == from.len() {
            continue;
        }
        let mut sum = 0;
        for count in counts.iter_mut() {
            (*count, sum) = (sum, sum + *count);
        }
        for &pair in from.iter() {
            let place = &mut counts[digit(pair, index)];
            to[*place as usize] = pair;
            *place += 1;
        }
        core::mem::swap(&mut from, &mut to);
        passes += 1;
    }
    if passes % 2 == 1 {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_comparing_does() {
        let mut state = 1u64;
        let halves = [u64::MAX, u64::MAX << 60, 0x7ff << 32];
        let masks = [0xfff, 0xffff_0000_0000_0000, 0x8000_0000_0000_0001, 0, 0xffff_ffff];
        let tried = if cfg!(miri) { 1 } else { halves.len() + masks.len() };
        for mask in halves.into_iter().chain(masks).take(tried) {
            for count in [0, 1, 100, 3 * SMALL as u32] {
                let keys: Vec<_> = (0..count)
                    .map(|_| {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        (state ^ state >> 29) & mask
                    })
                    .collect();
                let mut expected: Vec<_> = (0..count).collect();
                expected.sort_by_key(|&place| keys[place as usize]);
                assert_eq!(order_of(&keys), expected, "{mask:x}, {count}");
            }
        }
    }
}
