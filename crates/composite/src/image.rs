use crate::Pixel;
use crate::error::{SizeError, area};

/// Pixels to read: `height` rows of `width`, each `stride` pixels after the one before.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    width: usize,
    height: usize,
    stride: usize,
    pixels: &'a [Pixel],
}

/// Pixels to write: `height` rows of `width`, each `stride` pixels after the one before.
#[derive(Debug)]
pub struct ImageMut<'a> {
    width: usize,
    height: usize,
    stride: usize,
    pixels: &'a mut [Pixel],
}

impl<'a> Image<'a> {
    /// An image over `pixels`, which may be longer than needed.
    ///
    /// # Errors
    /// [`SizeError::Stride`] if rows overlap, [`SizeError::Length`] if `pixels` is too short.
    pub fn new(
        pixels: &'a [Pixel],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, SizeError> {
        check(pixels.len(), width, height, stride)?;
        Ok(Self { width, height, stride, pixels })
    }

    /// An image whose rows follow one another without a gap.
    ///
    /// # Errors
    /// [`SizeError::Length`] if `pixels` is too short.
    pub fn packed(pixels: &'a [Pixel], width: usize, height: usize) -> Result<Self, SizeError> {
        Self::new(pixels, width, height, width)
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row `y`; none past the last one.
    #[must_use]
    pub fn row(&self, y: usize) -> Option<&'a [Pixel]> {
        (y < self.height).then(|| &self.pixels[y * self.stride..][..self.width])
    }
}

impl<'a> ImageMut<'a> {
    /// An image over `pixels`, which may be longer than needed. What lies between the rows is
    /// never written.
    ///
    /// # Errors
    /// [`SizeError::Stride`] if rows overlap, [`SizeError::Length`] if `pixels` is too short.
    pub fn new(
        pixels: &'a mut [Pixel],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, SizeError> {
        check(pixels.len(), width, height, stride)?;
        Ok(Self { width, height, stride, pixels })
    }

    /// An image whose rows follow one another without a gap.
    ///
    /// # Errors
    /// [`SizeError::Length`] if `pixels` is too short.
    pub fn packed(pixels: &'a mut [Pixel], width: usize, height: usize) -> Result<Self, SizeError> {
        Self::new(pixels, width, height, width)
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row `y`; none past the last one.
    #[must_use]
    pub fn row_mut(&mut self, y: usize) -> Option<&mut [Pixel]> {
        (y < self.height).then(|| &mut self.pixels[y * self.stride..][..self.width])
    }

    /// The same pixels, to read.
    #[must_use]
    pub fn as_image(&self) -> Image<'_> {
        Image { width: self.width, height: self.height, stride: self.stride, pixels: self.pixels }
    }
}

fn check(len: usize, width: usize, height: usize, stride: usize) -> Result<(), SizeError> {
    if stride < width {
        return Err(SizeError::Stride { width, stride });
    }
    // The last row needs no padding behind it; an image without rows or columns needs nothing.
    let needed = match (width, height) {
        (0, _) => area(stride, height.saturating_sub(1)),
        (_, 0) => 0,
        _ => area(stride, height - 1).saturating_add(width),
    };
    if len < needed {
        return Err(SizeError::Length { what: "an image", expected: needed, found: len });
    }
    Ok(())
}
