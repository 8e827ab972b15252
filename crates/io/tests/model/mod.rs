//! What archives and read queues must do, said in the simplest way. Shared by the property tests
//! and the fuzz targets, so it needs nothing but `farplane_io`.
#![allow(dead_code, reason = "every test binary uses its own part")]

pub mod archive;
pub mod queue;
pub mod scheduler;

/// Takes one byte off the front.
pub fn byte(input: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = input.split_first()?;
    *input = rest;
    Some(first)
}

/// Takes a little-endian number off the front.
pub fn word(input: &mut &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes([byte(input)?, byte(input)?]))
}

/// Bytes without a pattern.
pub fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut out = Vec::with_capacity(len);
    for _ in 0..len {
        // Marsaglia's xorshift32.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        out.push((state >> 24) as u8);
    }
    out
}

/// crc32c bit by bit: reflected polynomial 0x82F63B78 (RFC 3720, appendix B.4).
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
