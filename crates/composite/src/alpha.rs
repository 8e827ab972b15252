//! The two meanings of a pixel's colour: premultiplied by its alpha, or straight.

use bytemuck::{Pod, Zeroable};

use crate::Pixel;
use crate::exact::nearest;
use crate::srgb;

/// One RGBA8 pixel with straight alpha: its colour is not premultiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Straight(pub Pixel);

/// RGBA8 with premultiplied ([`Pixel`]) or straight ([`Straight`]) alpha.
pub trait Rgba8: Pod + Default + sealed::Sealed {}

impl Rgba8 for Pixel {}
impl Rgba8 for Straight {}

pub(crate) mod sealed {
    use super::Pixel;

    /// What the two kinds of alpha do differently.
    pub trait Sealed {
        /// What stands for 1 in the premultiplied values of [`Sealed::load`].
        const ONE: f64;
        /// Whether colours are not premultiplied.
        const STRAIGHT: bool;
        /// Premultiplied values.
        fn load(pixel: Pixel) -> [f64; 4];
        /// The nearest pixel to premultiplied values in units of `ONE`², halves rounded up.
        fn store(value: [f64; 4]) -> Pixel;
        /// Premultiplied values in linear light, from 0 to 1.
        fn load_linear(pixel: Pixel) -> [f64; 4];
        /// The inverse, to the nearest.
        fn store_linear(value: [f64; 4]) -> Pixel;
    }
}

impl sealed::Sealed for Pixel {
    const ONE: f64 = 255.0;
    const STRAIGHT: bool = false;

    #[inline(always)]
    fn load(pixel: Pixel) -> [f64; 4] {
        let [r, g, b, a] = pixel;
        [f64::from(r), f64::from(g), f64::from(b), f64::from(a)]
    }

    #[inline(always)]
    fn store(value: [f64; 4]) -> Pixel {
        let [r, g, b, a] = value;
        let byte = |v: f64| nearest(v * (1.0 / 255.0));
        [byte(r), byte(g), byte(b), byte(a)]
    }

    /// Colours are made straight first, each the nearest byte, since sRGB is defined for those.
    #[inline(always)]
    fn load_linear(pixel: Pixel) -> [f64; 4] {
        Straight::load_linear(crate::over::unpremultiplied(pixel))
    }

    #[inline(always)]
    fn store_linear(value: [f64; 4]) -> Pixel {
        let [r, g, b, a] = Straight::store_linear(value);
        let color = |c: u8| ((u32::from(c) * u32::from(a) * 2 + 255) / 510) as u8;
        [color(r), color(g), color(b), a]
    }
}

impl sealed::Sealed for Straight {
    // Colour times alpha is a whole number of 255ths of 255ths.
    const ONE: f64 = 65_025.0;
    const STRAIGHT: bool = true;

    #[inline(always)]
    fn load([r, g, b, a]: Pixel) -> [f64; 4] {
        let alpha = f64::from(a);
        [f64::from(r) * alpha, f64::from(g) * alpha, f64::from(b) * alpha, 255.0 * alpha]
    }

    /// The colour is divided by the exact alpha, not by the rounded one. One division for all: what
    /// is half-way may then come out a trifle below, and what is not is at least 7 · 10⁻⁶ away.
    #[inline(always)]
    fn store([r, g, b, a]: [f64; 4]) -> Pixel {
        let by = 255.0 / a;
        let by = if a > 0.0 { by } else { 0.0 };
        let byte = |c: f64| nearest(c * by);
        [byte(r), byte(g), byte(b), nearest(a * (1.0 / (65_025.0 * 255.0)))]
    }

    #[inline(always)]
    fn load_linear([r, g, b, a]: Pixel) -> [f64; 4] {
        let alpha = f64::from(a) / 255.0;
        let color = |c: u8| srgb::linear(c) * alpha;
        [color(r), color(g), color(b), alpha]
    }

    #[inline(always)]
    fn store_linear([r, g, b, a]: [f64; 4]) -> Pixel {
        let color = |c: f64| if a > 0.0 { srgb::encode(c / a) } else { 0 };
        [color(r), color(g), color(b), nearest(a * 255.0)]
    }
}
