use crate::arch::{Kernel, Simd, run};
use crate::{Image, Pixel};

/// What is known of all alphas of a picture or page, so that nothing is blended that need not be.
/// Found once, when it is made, and kept beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlphaClass {
    /// Every byte of every pixel is 0.
    Transparent,
    /// Every alpha is 255.
    Opaque,
    /// Anything.
    #[default]
    Mixed,
}

/// The class of a picture; [`AlphaClass::Transparent`] if it has no pixels. Reads it once.
#[must_use]
pub fn alpha_class(image: &Image<'_>) -> AlphaClass {
    run(Classify(*image))
}

struct Classify<'a>(Image<'a>);

impl Kernel for Classify<'_> {
    type Output = AlphaClass;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> AlphaClass {
        let (mut any, mut all) = (0, u32::MAX);
        for y in 0..self.0.height() {
            for pixel in self.0.row(y).unwrap_or_default() {
                let bits = u32::from_le_bytes(*pixel);
                any |= bits;
                all &= bits;
            }
            if any != 0 && all < 255 << 24 {
                return AlphaClass::Mixed;
            }
        }
        match (any, all >> 24) {
            (0, _) => AlphaClass::Transparent,
            (_, 255) => AlphaClass::Opaque,
            _ => AlphaClass::Mixed,
        }
    }
}

/// The class of one colour.
pub(crate) fn class_of(color: Pixel) -> AlphaClass {
    match color {
        [0, 0, 0, 0] => AlphaClass::Transparent,
        [.., 255] => AlphaClass::Opaque,
        _ => AlphaClass::Mixed,
    }
}
