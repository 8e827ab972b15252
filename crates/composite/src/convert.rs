use bytemuck::{Pod, Zeroable};

use crate::error::{SizeError, same};
use crate::{Image, ImageMut, Pixel, Straight};

/// A number of 16 bits with 11 of precision (IEEE 754 binary16), by its bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Half(pub u16);

impl Half {
    /// The nearest one, ties to even; too large is infinite, a NaN stays one.
    #[must_use]
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let (sign, magnitude) = ((bits >> 16) as u16 & 0x8000, bits & 0x7fff_ffff);
        let half = match magnitude {
            0x7f80_0001.. => 0x7e00,
            // From 65,520 on the nearest would be 65,536.
            0x477f_f000.. => 0x7c00,
            // Normal: exponents are 112 apart, 13 bits are rounded away.
            0x3880_0000.. => rounded(magnitude - (112 << 23), 13) as u16,
            // Less than half of the smallest one.
            ..0x3300_0000 => 0,
            // Subnormal: units of 2⁻²⁴, the leading 1 made explicit.
            _ => {
                let significand = magnitude & 0x007f_ffff | 0x0080_0000;
                rounded(significand, 126 - (magnitude >> 23)) as u16
            }
        };
        Self(sign | half)
    }

    /// Exactly the same number.
    #[must_use]
    pub fn to_f32(self) -> f32 {
        let sign = u32::from(self.0 & 0x8000) << 16;
        let (exponent, fraction) = (u32::from(self.0) >> 10 & 31, u32::from(self.0) & 0x3ff);
        match exponent {
            0 => {
                let magnitude = fraction as f32 * f32::from_bits(0x3380_0000);
                f32::from_bits(sign | magnitude.to_bits())
            }
            31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
            _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
        }
    }
}

/// `bits >> count`, to the nearest, ties to even; a carry goes into the exponent, as it should.
fn rounded(bits: u32, count: u32) -> u32 {
    let half = 1_u32 << (count - 1);
    let odd = bits >> count & 1;
    (bits + half - 1 + odd) >> count
}

/// A format of pixels, by its type:
///
/// | type | format |
/// |---|---|
/// | `[u8; 4]`, [`Pixel`] | RGBA8, premultiplied |
/// | [`Straight`] | RGBA8, straight alpha |
/// | `u8`, `u16` | R8, R16 |
/// | `[u8; 2]` | RG8 |
/// | `[Half; 4]` | RGBA16F, premultiplied |
/// | `[f32; 4]` | RGBA32F, premultiplied |
///
/// 8 and 16 bits stand for 0 to 1.
pub trait Format: Pod {
    /// Red, green, blue and alpha, premultiplied. Colours that the format lacks are 0, an alpha
    /// that it lacks is 1.
    fn to_rgba(self) -> [f32; 4];
    /// The nearest pixel, halves rounded up; for whole numbers what is below 0, or no number, is
    /// 0, and above 1 is 1. Channels that the format lacks are left out.
    fn from_rgba(rgba: [f32; 4]) -> Self;
}

fn byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

fn unit(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

impl Format for Pixel {
    fn to_rgba(self) -> [f32; 4] {
        self.map(unit)
    }

    fn from_rgba(rgba: [f32; 4]) -> Self {
        rgba.map(byte)
    }
}

impl Format for Straight {
    fn to_rgba(self) -> [f32; 4] {
        let [r, g, b, a] = self.0.map(unit);
        [r * a, g * a, b * a, a]
    }

    /// Colours are divided by the alpha, before it is rounded; where that is 0 they are 0.
    fn from_rgba([r, g, b, a]: [f32; 4]) -> Self {
        let color = |c: f32| if a > 0.0 { byte(c / a) } else { 0 };
        Self([color(r), color(g), color(b), byte(a)])
    }
}

impl Format for u8 {
    fn to_rgba(self) -> [f32; 4] {
        [unit(self), 0.0, 0.0, 1.0]
    }

    fn from_rgba([r, ..]: [f32; 4]) -> Self {
        byte(r)
    }
}

impl Format for u16 {
    fn to_rgba(self) -> [f32; 4] {
        [f32::from(self) / 65_535.0, 0.0, 0.0, 1.0]
    }

    fn from_rgba([r, ..]: [f32; 4]) -> Self {
        (r * 65_535.0 + 0.5) as u16
    }
}

impl Format for [u8; 2] {
    fn to_rgba(self) -> [f32; 4] {
        [unit(self[0]), unit(self[1]), 0.0, 1.0]
    }

    fn from_rgba([r, g, ..]: [f32; 4]) -> Self {
        [byte(r), byte(g)]
    }
}

impl Format for [Half; 4] {
    fn to_rgba(self) -> [f32; 4] {
        self.map(Half::to_f32)
    }

    fn from_rgba(rgba: [f32; 4]) -> Self {
        rgba.map(Half::from_f32)
    }
}

impl Format for [f32; 4] {
    fn to_rgba(self) -> [f32; 4] {
        self
    }

    fn from_rgba(rgba: [f32; 4]) -> Self {
        rgba
    }
}

/// Converts every pixel, through f32.
///
/// # Errors
/// [`SizeError::Length`] if the images differ in size.
pub fn convert<P: Format, Q: Format>(
    src: &Image<'_, P>,
    dst: &mut ImageMut<'_, Q>,
) -> Result<(), SizeError> {
    same("a row to convert", dst.width(), src.width())?;
    same("a column to convert", dst.height(), src.height())?;
    for y in 0..dst.height() {
        let (Some(row), Some(source)) = (dst.row_mut(y), src.row(y)) else { break };
        for (d, s) in row.iter_mut().zip(source) {
            *d = Q::from_rgba(s.to_rgba());
        }
    }
    Ok(())
}
