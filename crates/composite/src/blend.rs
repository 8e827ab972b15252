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

/// A blend mode on premultiplied values, without branches, `one` standing for 1 in all of them: the result in units
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
    /// What moves bytes alone is left to the system, which also knows when to go past the caches.
    fn integer_row() -> Option<Row> {
        Some(match (A, B) {
            (factor::ZERO, factor::ZERO) => Row::scalar(|dst, _| dst.fill([0; 4])),
            (factor::ONE, factor::ZERO) => Row::scalar(<[Pixel]>::copy_from_slice),
            (factor::ZERO, factor::ONE) => Row::scalar(|_, _| {}),
            _ => Row::new::<Self>(),
        })
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
        let sum = Self::color(sa, sa, da, da, one);
        if sum < one * one { sum } else { one * one }
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

/// `$body` with the type `$name` for the formula of `$blend`: a kernel for each of them.
macro_rules! with_formula {
    ($blend:expr, $name:ident => $body:expr) => {{
        use $crate::blend::factor::{ALPHA, ONE, REST, ZERO};
        use $crate::blend::{Blend, PorterDuff};
        use $crate::separable::{self, Separable};
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
            Blend::Multiply => on!(Separable<separable::Multiply>),
            Blend::Screen => on!(Separable<separable::Screen>),
            Blend::Overlay => on!(Separable<separable::Overlay>),
            Blend::Darken => on!(Separable<separable::Darken>),
            Blend::Lighten => on!(Separable<separable::Lighten>),
            Blend::ColorDodge => on!(Separable<separable::ColorDodge>),
            Blend::ColorBurn => on!(Separable<separable::ColorBurn>),
            Blend::HardLight => on!(Separable<separable::HardLight>),
            Blend::SoftLight => on!(Separable<separable::SoftLight>),
            Blend::Difference => on!(Separable<separable::Difference>),
            Blend::Exclusion => on!(Separable<separable::Exclusion>),
        }
    }};
}
pub(crate) use with_formula;
