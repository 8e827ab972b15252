//! The separable blend modes of the W3C (Compositing and Blending Level 1), each with source-over.

use core::marker::PhantomData;

use crate::Pixel;
use crate::arch::{Row, RowKernel, Simd, Vectors};
use crate::blend::Formula;

/// A mode with source-over: `s (1 − da) + d (1 − sa) + term`.
pub(crate) struct Separable<M>(PhantomData<M>);

/// The part of a mode where both are: `sa · da · B(d / da, s / sa)`. No branch may be needed, so that
/// a loop over many becomes vectors.
pub(crate) trait Mode {
    /// `sa · da · B`, in units of the square of what its arguments are in.
    fn term(s: f64, sa: f64, d: f64, da: f64) -> f64;

    /// Its kernel for premultiplied bytes, where all of it fits 16 bits.
    fn integer_row() -> Option<Row> {
        None
    }
}

impl<M: Mode> Formula for Separable<M> {
    fn integer_row() -> Option<Row> {
        M::integer_row()
    }

    #[inline(always)]
    fn color(s: f64, sa: f64, d: f64, da: f64, one: f64) -> f64 {
        s * (one - da) + d * (one - sa) + M::term(s, sa, d, da)
    }

    #[inline(always)]
    fn alpha(sa: f64, da: f64, one: f64) -> f64 {
        sa * one + da * (one - sa)
    }
}

/// A mode whose term is a polynomial in pieces: whole numbers stay whole.
pub(crate) trait Polynomial: Mode {
    /// `sa · da · B` in 255ths of 255ths, at most `sa · da`.
    fn whole<S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V;

    /// Whether white on white is black, and not white. Alpha, which is handled as a colour that is
    /// white on both sides, then lacks its term.
    const CANCELS: bool = false;
}

/// The kernel of a polynomial mode.
pub(crate) struct Whole<M>(PhantomData<M>);

/// The sum is at most 255², and rounded as a whole. Colours above their alpha saturate or wrap, at
/// every level alike, and never spill into a neighbour.
impl<M: Polynomial> RowKernel for Whole<M> {
    #[inline(always)]
    fn row<S: Simd>(simd: S, dst: &mut [Pixel], src: &[Pixel]) {
        let alpha = simd.high(simd.all([0, 0, 0, 1]));
        simd.each_pair(
            dst,
            src,
            #[inline(always)]
            |d, s| {
                let (sa, da) = (simd.alphas(s), simd.alphas(d));
                let low = sum::<M, S>(simd, simd.low(s), sa, simd.low(d), da);
                let mut high = sum::<M, S>(simd, simd.high(s), sa, simd.high(d), da);
                if M::CANCELS {
                    high = simd.add_capped(high, simd.mul(simd.mul(sa, da), alpha));
                }
                simd.join(rounded(simd, low), rounded(simd, high))
            },
        );
    }
}

#[inline(always)]
fn sum<M: Polynomial, S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V {
    let (keep_s, keep_d) = (simd.inverse(da), simd.inverse(sa));
    let apart = simd.add_capped(simd.mul(s, keep_s), simd.mul(d, keep_d));
    simd.add_capped(apart, M::whole(simd, s, sa, d, da))
}

#[inline(always)]
fn rounded<S: Simd>(simd: S, sum: S::V) -> S::V {
    simd.cap(simd.mul_high(simd.add_capped(sum, simd.splat(128)), simd.splat(257)))
}

/// Defines the modes: the W3C's B(cb, cs), multiplied through by sa · da.
macro_rules! modes {
    ($($name:ident $(by $kernel:ty)?,
        |$s:ident, $sa:ident, $d:ident, $da:ident| $term:expr;)*) => {$(
        pub(crate) struct $name;
        impl Mode for $name {
            #[inline(always)]
            fn term($s: f64, $sa: f64, $d: f64, $da: f64) -> f64 {
                $term
            }

            $(fn integer_row() -> Option<Row> {
                Some(Row::new::<$kernel>())
            })?
        }
    )*};
}

modes! {
    Multiply by Whole<Self>, |s, _sa, d, _da| s * d;
    Screen by Self, |s, sa, d, da| s * da + d * sa - s * d;
    Overlay by Whole<Self>, |s, sa, d, da| HardLight::term(d, da, s, sa);
    Darken by Whole<Self>, |s, sa, d, da| smaller(s * da, d * sa);
    Lighten by Whole<Self>, |s, sa, d, da| larger(s * da, d * sa);
    ColorDodge, |s, sa, d, da| {
        let both = sa * da;
        let part = smaller(both, d * sa * sa / (sa - s));
        let lit = if s < sa { part } else { both };
        if d > 0.0 { lit } else { 0.0 }
    };
    ColorBurn, |s, sa, d, da| {
        let both = sa * da;
        let part = both - smaller(both, (da - d) * sa * sa / s);
        let burnt = if s > 0.0 { part } else { 0.0 };
        if d < da { burnt } else { both }
    };
    HardLight by Whole<Self>, |s, sa, d, da| {
        let (dark, bright) = (2.0 * s * d, sa * da - 2.0 * (da - d) * (sa - s));
        if 2.0 * s <= sa { dark } else { bright }
    };
    SoftLight, |s, sa, d, da| soft_light(s, sa, d, da);
    Difference by Whole<Self>, |s, sa, d, da| {
        let (a, b) = (s * da, d * sa);
        larger(a, b) - smaller(a, b)
    };
    Exclusion by Whole<Self>, |s, sa, d, da| s * da + d * sa - 2.0 * s * d;
}

impl Polynomial for Multiply {
    #[inline(always)]
    fn whole<S: Simd>(simd: S, s: S::V, _sa: S::V, d: S::V, _da: S::V) -> S::V {
        simd.mul(s, d)
    }
}

/// s + d (1 − s): 255ths of d less the nearest of s d, which has no ties.
impl RowKernel for Screen {
    #[inline(always)]
    fn row<S: Simd>(simd: S, dst: &mut [Pixel], src: &[Pixel]) {
        simd.each_pair(
            dst,
            src,
            #[inline(always)]
            |d, s| {
                let low = simd.mul(simd.low(d), simd.inverse(simd.low(s)));
                let high = simd.mul(simd.high(d), simd.inverse(simd.high(s)));
                simd.add_bytes(s, simd.join(simd.div255(low), simd.div255(high)))
            },
        );
    }
}

impl Polynomial for Overlay {
    #[inline(always)]
    fn whole<S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V {
        HardLight::whole(simd, d, da, s, sa)
    }
}

impl Polynomial for Darken {
    #[inline(always)]
    fn whole<S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V {
        let a = simd.mul(s, da);
        simd.sub(a, simd.sub_capped(a, simd.mul(d, sa)))
    }
}

impl Polynomial for Lighten {
    #[inline(always)]
    fn whole<S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V {
        let b = simd.mul(d, sa);
        simd.add(b, simd.sub_capped(simd.mul(s, da), b))
    }
}

/// With what 2 s has above sa split off, both pieces are one: `(2 s − u) d + u (da − d)`, since
/// u is 0 in the first one and 2 s − sa in the second.
impl Polynomial for HardLight {
    #[inline(always)]
    fn whole<S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V {
        let twice = simd.add(s, s);
        let above = simd.sub_capped(twice, sa);
        let dark = simd.mul(simd.sub(twice, above), d);
        simd.add_capped(dark, simd.mul(above, simd.sub_capped(da, d)))
    }
}

impl Polynomial for Difference {
    const CANCELS: bool = true;

    #[inline(always)]
    fn whole<S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V {
        let (a, b) = (simd.mul(s, da), simd.mul(d, sa));
        simd.add(simd.sub_capped(a, b), simd.sub_capped(b, a))
    }
}

/// s (da − d) + d (sa − s)
impl Polynomial for Exclusion {
    const CANCELS: bool = true;

    #[inline(always)]
    fn whole<S: Simd>(simd: S, s: S::V, sa: S::V, d: S::V, da: S::V) -> S::V {
        let (of_s, of_d) = (simd.sub_capped(da, d), simd.sub_capped(sa, s));
        simd.add_capped(simd.mul(s, of_s), simd.mul(d, of_d))
    }
}

#[inline(always)]
fn soft_light(s: f64, sa: f64, d: f64, da: f64) -> f64 {
    let (twice, below) = (2.0 * s - sa, d / da);
    let cubic = ((16.0 * below - 12.0) * below + 4.0) * below;
    let curve = if below <= 0.25 { cubic } else { root(below) };
    let (darker, brighter) = (twice * d * (1.0 - below), twice * da * (curve - below));
    let change = if twice <= 0.0 { darker } else { brighter };
    if da > 0.0 { d * sa + change } else { 0.0 }
}

/// The square root of a positive number, to some 10⁻¹⁵ of it, by nothing but what every machine does
/// alike and a loop does to many at once: the reciprocal root guessed from the exponent (Lomont,
/// "Fast inverse square root", 2003) and improved by Newton's method, which doubles its digits.
#[inline(always)]
fn root(x: f64) -> f64 {
    let mut r = f64::from_bits(0x5fe6_eb50_c7b5_37a9_u64.wrapping_sub(x.to_bits() >> 1));
    r *= 1.5 - 0.5 * x * r * r;
    r *= 1.5 - 0.5 * x * r * r;
    r *= 1.5 - 0.5 * x * r * r;
    r *= 1.5 - 0.5 * x * r * r;
    x * r
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a < b { b } else { a }
}
