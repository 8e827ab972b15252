//! What is laid over what.

use crate::random::Random;
use farplane_composite::{Pixel, premultiply};

/// Alphas of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpha {
    /// Noise.
    Random,
    /// 255 everywhere.
    Opaque,
    /// 0 everywhere, and no colour.
    Transparent,
    /// Squares of 32² pixels, each opaque, clear or noise: sprites and overlays.
    Mixed,
}

impl Alpha {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Random, Self::Opaque, Self::Transparent, Self::Mixed];

    /// The name of a column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Opaque => "opaque",
            Self::Transparent => "transparent",
            Self::Mixed => "mixed",
        }
    }

    fn of(self, noise: u8, x: usize, y: usize) -> u8 {
        match self {
            Self::Random => noise,
            Self::Opaque => 255,
            Self::Transparent => 0,
            Self::Mixed => match (x / 32 * 7 + y / 32 * 13) % 3 {
                0 => 255,
                1 => 0,
                _ => noise,
            },
        }
    }

    /// A picture of noise with such alphas, premultiplied.
    pub fn picture(self, seed: u64, width: usize, height: usize) -> Vec<Pixel> {
        let mut random = Random::new(seed);
        let mut pixels: Vec<Pixel> = (0..width * height)
            .map(|i| {
                let [r, g, b, a, ..] = random.bits().to_le_bytes();
                [r, g, b, self.of(a, i % width, i / width)]
            })
            .collect();
        premultiply(&mut pixels);
        pixels
    }
}
