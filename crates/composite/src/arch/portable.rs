//! Eight pixels in the vectors of the build's own instruction set, by `wide`.

use wide::{u8x16, u8x32, u16x8, u16x16, u32x8};

use super::Simd;
use crate::Pixel;

const LANES: usize = 8;

/// Operations that every machine has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type Block = [Pixel; LANES];
    type Bytes = [u8; LANES];
    type V = u16x16;

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
    fn load(self, block: &Self::Block) -> u16x16 {
        halves(u32x8::new(block.map(u32::from_le_bytes)))
    }

    #[inline(always)]
    fn prefetch(self, _: *const Pixel) {}

    #[inline(always)]
    fn store(self, vector: u16x16) -> Self::Block {
        words(vector).to_array().map(u32::to_le_bytes)
    }

    #[inline(always)]
    fn splat(self, value: u16) -> u16x16 {
        u16x16::splat(value)
    }

    #[inline(always)]
    fn low(self, v: u16x16) -> u16x16 {
        v & u16x16::splat(255)
    }

    /// Written as a product: `wide` hands the count of a shift over in memory, which costs a
    /// check per shift where debug assertions are on.
    #[inline(always)]
    fn high(self, v: u16x16) -> u16x16 {
        self.mul_high(v, u16x16::splat(256))
    }

    #[inline(always)]
    fn join(self, low: u16x16, high: u16x16) -> u16x16 {
        low | (high * u16x16::splat(256))
    }

    #[inline(always)]
    fn alphas(self, v: u16x16) -> u16x16 {
        halves(u32x8::new(words(v).to_array().map(|p| p >> 24 | (p >> 24) << 16)))
    }

    #[inline(always)]
    fn doubled(self, bytes: &Self::Bytes) -> u16x16 {
        self.paired(bytes, bytes)
    }

    #[inline(always)]
    fn paired(self, first: &Self::Bytes, second: &Self::Bytes) -> u16x16 {
        let zero = u8x16::splat(0);
        let bytes = u8x16::unpack_low(half_filled(first), half_filled(second));
        let lanes = [u8x16::unpack_low(bytes, zero), u8x16::unpack_high(bytes, zero)];
        let lanes: [u32; LANES] = bytemuck::cast(lanes);
        halves(u32x8::new(lanes.map(u32::from_le)))
    }

    #[inline(always)]
    fn mul(self, a: u16x16, b: u16x16) -> u16x16 {
        a * b
    }

    /// `wide` joins the two halves by a cast to a type of larger alignment, which again costs a
    /// check; through an array it costs nothing.
    #[inline(always)]
    fn mul_high(self, a: u16x16, b: u16x16) -> u16x16 {
        let ([a, c], [b, d]): ([u16x8; 2], [u16x8; 2]) = (bytemuck::cast(a), bytemuck::cast(b));
        let halves = [a.mul_keep_high(b).to_array(), c.mul_keep_high(d).to_array()];
        u16x16::new(bytemuck::cast(halves))
    }

    #[inline(always)]
    fn add(self, a: u16x16, b: u16x16) -> u16x16 {
        a + b
    }

    #[inline(always)]
    fn add_capped(self, a: u16x16, b: u16x16) -> u16x16 {
        a.saturating_add(b)
    }

    #[inline(always)]
    fn sub(self, a: u16x16, b: u16x16) -> u16x16 {
        a - b
    }

    #[inline(always)]
    fn sub_capped(self, a: u16x16, b: u16x16) -> u16x16 {
        a.saturating_sub(b)
    }

    /// Without an unsigned 16-bit minimum, which SSE2 lacks.
    #[inline(always)]
    fn cap(self, v: u16x16) -> u16x16 {
        v - v.saturating_sub(u16x16::splat(255))
    }

    #[inline(always)]
    fn shr7(self, v: u16x16) -> u16x16 {
        self.mul_high(v, u16x16::splat(512))
    }

    #[inline(always)]
    fn add_bytes(self, a: u16x16, b: u16x16) -> u16x16 {
        let a: u8x32 = bytemuck::cast(a);
        bytemuck::cast(a.saturating_add(bytemuck::cast(b)))
    }

    #[inline(always)]
    fn halve(self, upper: [u16x16; 2], lower: [u16x16; 2]) -> u16x16 {
        let ([u, v], [l, m]) = (upper.map(|v| self.store(v)), lower.map(|v| self.store(v)));
        let mut out = Self::Block::default();
        let (first, second) = out.split_at_mut(LANES / 2);
        for (half, (u, l)) in [(first, (u, l)), (second, (v, m))] {
            let (u, l) = (u.as_chunks::<2>().0, l.as_chunks::<2>().0);
            for ((pixel, u), l) in half.iter_mut().zip(u).zip(l) {
                *pixel = mean([u[0], u[1], l[0], l[1]]);
            }
        }
        self.load(&out)
    }
}

/// Each channel's `(a + b + c + d + 2) >> 2`. Two channels at a time in the halves of a `u32`: four
/// bytes and 2 sum to ten bits, so nothing carries over, and a loop around it vectorises on any
/// instruction set.
#[inline(always)]
pub(crate) fn mean(block: [Pixel; 4]) -> Pixel {
    const EVEN_BYTES: u32 = 0x00ff_00ff;
    const TWO: u32 = 0x0002_0002;
    let [a, b, c, d] = block.map(u32::from_le_bytes);
    let even = |p: u32| p & EVEN_BYTES;
    let odd = |p: u32| (p >> 8) & EVEN_BYTES;
    let rb = (even(a) + even(b) + even(c) + even(d) + TWO) >> 2 & EVEN_BYTES;
    let ga = (odd(a) + odd(b) + odd(c) + odd(d) + TWO) >> 2 & EVEN_BYTES;
    (rb | ga << 8).to_le_bytes()
}

#[inline(always)]
fn half_filled(bytes: &[u8; LANES]) -> u8x16 {
    let mut block = [0; 2 * LANES];
    block[..LANES].copy_from_slice(bytes);
    u8x16::new(block)
}

#[inline(always)]
fn halves(block: u32x8) -> u16x16 {
    bytemuck::cast(block)
}

#[inline(always)]
fn words(block: u16x16) -> u32x8 {
    bytemuck::cast(block)
}
