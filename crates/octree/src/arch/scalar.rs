use super::{LANES, Simd};

/// Plain code for any machine, and the definition of what the others do.
#[derive(Clone, Copy)]
pub struct Scalar;

type V = [f32; LANES];

#[inline(always)]
fn each(a: V, b: V, f: impl Fn(f32, f32) -> f32) -> V {
    core::array::from_fn(|i| f(a[i], b[i]))
}

#[inline(always)]
fn bits(a: V, b: V, f: impl Fn(f32, f32) -> bool) -> u8 {
    (0..LANES).fold(0, |bits, i| bits | u8::from(f(a[i], b[i])) << i)
}

impl Simd for Scalar {
    type V = V;

    #[inline(always)]
    fn load(self, row: &[f32; LANES]) -> V {
        *row
    }

    #[inline(always)]
    fn splat(self, v: f32) -> V {
        [v; LANES]
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        each(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        each(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        each(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        each(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        each(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        each(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn le(self, a: V, b: V) -> u8 {
        bits(a, b, |a, b| a <= b)
    }

    #[inline(always)]
    fn lt(self, a: V, b: V) -> u8 {
        bits(a, b, |a, b| a < b)
    }

    #[inline(always)]
    fn to_array(self, v: V) -> [f32; LANES] {
        v
    }

    #[inline(always)]
    fn compress(self, items: &[u32; LANES], mask: u8, out: &mut [u32; LANES]) -> usize {
        let mut count = 0;
        for (lane, &item) in items.iter().enumerate() {
            // Never beyond the lane itself, so the last place is in range.
            out[count] = item;
            count += usize::from(mask >> lane & 1);
        }
        count
    }
}
