//! How a source meets what lies below it.

use crate::Pixel;
use crate::arch::{Row, RowKernel, Simd, Vectors};

/// The operators of Porter and Duff ("Compositing digital images", 1984) and the separable blend
/// modes of the W3C (Compositing and Blending Level 1), the latter with source-over.
///
/// Below, *s* and *d* are premultiplied colours of source and destination, *sa* and *da* their
/// alphas, all from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blend {
    /// Nothing remains.
    Clear,
    /// The source replaces.
    Source,
    /// Nothing changes.
    Destination,
    /// s + d (1 − sa)
    #[default]
    Over,
    /// d + s (1 − da)
    DestinationOver,
    /// s da
    In,
    /// d sa
    DestinationIn,
    /// s (1 − da)
    Out,
    /// d (1 − sa)
    DestinationOut,
    /// s da + d (1 − sa)
    Atop,
    /// d sa + s (1 − da)
    DestinationAtop,
    /// s (1 − da) + d (1 − sa)
    Xor,
    /// s + d, at most 1: glow, light.
    Add,
    /// Darkens: black stays black.
    Multiply,
    /// Brightens: white stays white.
    Screen,
    /// Multiply where it is dark below, screen where it is bright.
    Overlay,
    /// The darker of the two.
    Darken,
    /// The brighter of the two.
    Lighten,
    /// Brightens what is below to reflect the source.
    ColorDodge,
    /// Darkens what is below to reflect the source.
    ColorBurn,
    /// Multiply where the source is dark, screen where it is bright.
    HardLight,
    /// A softer hard light.
    SoftLight,
    /// How far the two are apart.
    Difference,
    /// A difference with less contrast.
    Exclusion,
}

impl Blend {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Clear,
        Self::Source,
        Self::Destination,
        Self::Over,
        Self::DestinationOver,
        Self::In,
        Self::DestinationIn,
        Self::Out,
        Self::DestinationOut,
        Self::Atop,
        Self::DestinationAtop,
        Self::Xor,
        Self::Add,
        Self::Multiply,
        Self::Screen,
        Self::Overlay,
        Self::Darken,
        Self::Lighten,
        Self::ColorDodge,
        Self::ColorBurn,
        Self::HardLight,
        Self::SoftLight,
        Self::Difference,
        Self::Exclusion,
    ];

    /// Whether an opaque destination stays opaque under any source.
    pub(crate) fn keeps_opaque(self) -> bool {
        use Blend::{Clear, DestinationAtop, DestinationIn, DestinationOut, In, Out, Source, Xor};
        let may_end = [Clear, Source, In, DestinationIn, Out, DestinationOut, DestinationAtop, Xor];
        !may_end.contains(&self)
    }

    /// Whether a source without colour and alpha changes nothing.
    pub(crate) fn keeps_under_nothing(self) -> bool {
        use Blend::{Clear, DestinationAtop, DestinationIn, In, Out, Source};
        !matches!(self, Clear | Source | In | DestinationIn | Out | DestinationAtop)
    }
}

/// A factor of a Porter–Duff operator, as a const parameter.
pub(crate) mod factor {
    pub(crate) const ZERO: u8 = 0;
    pub(crate) const ONE: u8 = 1;
    /// The other one's alpha.
    pub(crate) const ALPHA: u8 = 2;
    /// 1 − the other one's alpha.
    pub(crate) const REST: u8 = 3;
}

/// A blend mode on premultiplied values, `one` standing for 1 in all of them: the result in units
/// of `one`², so that nothing is divided. Whole numbers stay whole where the mode is a polynomial.
pub(crate) trait Formula {
    /// Its kernel for premultiplied bytes as they are stored, where it has one.
    fn integer_row() -> Option<Row>;
    /// One colour.
    fn color(s: f64, sa: f64, d: f64, da: f64, one: f64) -> f64;
    /// The alpha.
    fn alpha(sa: f64, da: f64, one: f64) -> f64;
}

/// s · A + d · B.
pub(crate) struct PorterDuff<const A: u8, const B: u8>;

impl<const A: u8, const B: u8> Formula for PorterDuff<A, B> {
    fn integer_row() -> Option<Row> {
        Some(Row::new::<Self>())
    }

    #[inline(always)]
    fn color(s: f64, sa: f64, d: f64, da: f64, one: f64) -> f64 {
        let factor = |kind: u8, alpha: f64| match kind {
            factor::ZERO => 0.0,
            factor::ONE => one,
            factor::ALPHA => alpha,
            _ => one - alpha,
        };
        s * factor(A, da) + d * factor(B, sa)
    }

    #[inline(always)]
    fn alpha(sa: f64, da: f64, one: f64) -> f64 {
        // Only a sum can exceed 1.
        smaller(Self::color(sa, sa, da, da, one), one * one)
    }
}

/// Each product rounded by itself.
impl<const A: u8, const B: u8> RowKernel for PorterDuff<A, B> {
    #[inline(always)]
    fn row<S: Simd>(simd: S, dst: &mut [Pixel], src: &[Pixel]) {
        simd.each_pair(
            dst,
            src,
            #[inline(always)]
            |d, s| simd.add_bytes(product(simd, s, d, A), product(simd, d, s, B)),
        );
    }
}

/// One product, by the other one's alpha; `kind` is constant.
#[inline(always)]
fn product<S: Simd>(simd: S, v: S::V, other: S::V, kind: u8) -> S::V {
    match kind {
        factor::ZERO => simd.splat(0),
        factor::ONE => v,
        factor::ALPHA => simd.scale(v, simd.alphas(other)),
        _ => simd.scale(v, simd.inverse(simd.alphas(other))),
    }
}

/// A separable mode with source-over: `s (1 − da) + d (1 − sa) + term`.
pub(crate) struct Separable<M>(core::marker::PhantomData<M>);

/// The part of a separable mode where both are: `sa · da · B(d / da, s / sa)`.
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

/// Defines the modes: the W3C's B(cb, cs), multiplied through by sa · da.
macro_rules! modes {
    ($($name:ident |$s:ident, $sa:ident, $d:ident, $da:ident| $term:expr;)*) => {$(
        pub(crate) struct $name;
        impl Mode for $name {
            #[inline(always)]
            fn term($s: f64, $sa: f64, $d: f64, $da: f64) -> f64 {
                $term
            }
        }
    )*};
}

modes! {
    Overlay |s, sa, d, da| HardLight::term(d, da, s, sa);
    Darken |s, sa, d, da| smaller(s * da, d * sa);
    Lighten |s, sa, d, da| larger(s * da, d * sa);
    ColorDodge |s, sa, d, da| if d <= 0.0 {
        0.0
    } else if s >= sa {
        sa * da
    } else {
        smaller(sa * da, d * sa * sa / (sa - s))
    };
    ColorBurn |s, sa, d, da| if d >= da {
        sa * da
    } else if s <= 0.0 {
        0.0
    } else {
        sa * da - smaller(sa * da, (da - d) * sa * sa / s)
    };
    HardLight |s, sa, d, da| if 2.0 * s <= sa {
        2.0 * s * d
    } else {
        sa * da - 2.0 * (da - d) * (sa - s)
    };
    SoftLight |s, sa, d, da| soft_light(s, sa, d, da);
    Difference |s, sa, d, da| {
        let (a, b) = (s * da, d * sa);
        larger(a, b) - smaller(a, b)
    };
    Exclusion |s, sa, d, da| s * da + d * sa - 2.0 * s * d;
}

/// s d
pub(crate) struct Multiply;

impl Mode for Multiply {
    #[inline(always)]
    fn term(s: f64, _sa: f64, d: f64, _da: f64) -> f64 {
        s * d
    }

    fn integer_row() -> Option<Row> {
        Some(Row::new::<Self>())
    }
}

/// s (1 − da + d) + d (1 − sa), at most 1 where no colour exceeds its alpha.
impl RowKernel for Multiply {
    #[inline(always)]
    fn row<S: Simd>(simd: S, dst: &mut [Pixel], src: &[Pixel]) {
        simd.each_pair(
            dst,
            src,
            #[inline(always)]
            |d, s| {
                let (keep_s, keep_d) = (simd.inverse(simd.alphas(d)), simd.inverse(simd.alphas(s)));
                let low = multiply_half(simd, simd.low(s), simd.low(d), keep_s, keep_d);
                let high = multiply_half(simd, simd.high(s), simd.high(d), keep_s, keep_d);
                simd.join(low, high)
            },
        );
    }
}

/// At most 255 whatever the bytes are, so that nothing spills into a neighbour.
#[inline(always)]
fn multiply_half<S: Simd>(simd: S, s: S::V, d: S::V, keep_s: S::V, keep_d: S::V) -> S::V {
    let sum = simd.add(simd.mul(s, simd.add(keep_s, d)), simd.mul(d, keep_d));
    simd.cap(simd.div255(sum))
}

/// s + d − s d
pub(crate) struct Screen;

impl Mode for Screen {
    #[inline(always)]
    fn term(s: f64, sa: f64, d: f64, da: f64) -> f64 {
        s * da + d * sa - s * d
    }

    fn integer_row() -> Option<Row> {
        Some(Row::new::<Self>())
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

#[inline(always)]
fn soft_light(s: f64, sa: f64, d: f64, da: f64) -> f64 {
    if da <= 0.0 {
        return 0.0;
    }
    let (twice, below) = (2.0 * s - sa, d / da);
    if twice <= 0.0 {
        return d * sa + twice * d * (1.0 - below);
    }
    let curve = if below <= 0.25 {
        ((16.0 * below - 12.0) * below + 4.0) * below
    } else {
        libm::sqrt(below)
    };
    d * sa + twice * da * (curve - below)
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a < b { b } else { a }
}

/// `$body` with the type `$name` for the formula of `$blend`: a kernel for each of them.
macro_rules! with_formula {
    ($blend:expr, $name:ident => $body:expr) => {{
        use $crate::blend::factor::{ALPHA, ONE, REST, ZERO};
        use $crate::blend::{self, Blend, PorterDuff, Separable};
        macro_rules! on { ($t:ty) => {{ type $name = $t; $body }} }
        match $blend {
            Blend::Clear => on!(PorterDuff<ZERO, ZERO>),
            Blend::Source => on!(PorterDuff<ONE, ZERO>),
            Blend::Destination => on!(PorterDuff<ZERO, ONE>),
            Blend::Over => on!(PorterDuff<ONE, REST>),
            Blend::DestinationOver => on!(PorterDuff<REST, ONE>),
            Blend::In => on!(PorterDuff<ALPHA, ZERO>),
            Blend::DestinationIn => on!(PorterDuff<ZERO, ALPHA>),
            Blend::Out => on!(PorterDuff<REST, ZERO>),
            Blend::DestinationOut => on!(PorterDuff<ZERO, REST>),
            Blend::Atop => on!(PorterDuff<ALPHA, REST>),
            Blend::DestinationAtop => on!(PorterDuff<REST, ALPHA>),
            Blend::Xor => on!(PorterDuff<REST, REST>),
            Blend::Add => on!(PorterDuff<ONE, ONE>),
            Blend::Multiply => on!(Separable<blend::Multiply>),
            Blend::Screen => on!(Separable<blend::Screen>),
            Blend::Overlay => on!(Separable<blend::Overlay>),
            Blend::Darken => on!(Separable<blend::Darken>),
            Blend::Lighten => on!(Separable<blend::Lighten>),
            Blend::ColorDodge => on!(Separable<blend::ColorDodge>),
            Blend::ColorBurn => on!(Separable<blend::ColorBurn>),
            Blend::HardLight => on!(Separable<blend::HardLight>),
            Blend::SoftLight => on!(Separable<blend::SoftLight>),
            Blend::Difference => on!(Separable<blend::Difference>),
            Blend::Exclusion => on!(Separable<blend::Exclusion>),
        }
    }};
}
pub(crate) use with_formula;
