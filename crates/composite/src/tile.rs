use crate::Pixel;
use crate::error::{SizeError, area, same};

/// The pixels of a material: a square that repeats without end in both directions.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    size: usize,
    pixels: &'a [Pixel],
}

impl<'a> Tile<'a> {
    /// A material of `size` × `size` pixels, rows packed.
    ///
    /// # Errors
    /// [`SizeError::NotPowerOfTwo`], or [`SizeError::Length`] if `pixels` is not size².
    pub fn new(pixels: &'a [Pixel], size: usize) -> Result<Self, SizeError> {
        if !size.is_power_of_two() {
            return Err(SizeError::NotPowerOfTwo { size });
        }
        same("a material", area(size, size), pixels.len())?;
        Ok(Self { size, pixels })
    }

    /// Pixels along each side.
    #[must_use]
    #[inline]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The pixel at column `x` and row `y`, both modulo the size.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Pixel {
        self.row(y)[x as usize & (self.size - 1)]
    }

    #[inline(always)]
    pub(crate) fn row(&self, y: u32) -> &'a [Pixel] {
        &self.pixels[(y as usize & (self.size - 1)) * self.size..][..self.size]
    }
}
