use bytemuck::Pod;

use crate::error::{SizeError, area};
use crate::{Pixel, Rect};

/// Pixels to read: `height` rows of `width`, each `stride` pixels after the one before. Its format
/// is the type of a pixel, so that formats cannot be mixed up.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a, P = Pixel> {
    width: usize,
    height: usize,
    stride: usize,
    pixels: &'a [P],
}

/// Pixels to write: `height` rows of `width`, each `stride` pixels after the one before.
#[derive(Debug)]
pub struct ImageMut<'a, P = Pixel> {
    width: usize,
    height: usize,
    stride: usize,
    pixels: &'a mut [P],
}

impl<'a, P> Image<'a, P> {
    /// An image over `pixels`, which may be longer than needed.
    ///
    /// # Errors
    /// [`SizeError::Stride`] if rows overlap, [`SizeError::Length`] if `pixels` is too short.
    pub fn new(
        pixels: &'a [P],
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
    pub fn packed(pixels: &'a [P], width: usize, height: usize) -> Result<Self, SizeError> {
        Self::new(pixels, width, height, width)
    }

    /// An image over bytes; `stride` counts pixels.
    ///
    /// # Errors
    /// As [`Image::new`], and [`SizeError::Unaligned`] if the bytes do not begin where a pixel of
    /// this format may, or are not whole pixels.
    pub fn from_bytes(
        bytes: &'a [u8],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, SizeError>
    where
        P: Pod,
    {
        let pixels = bytemuck::try_cast_slice(bytes).map_err(|_| unaligned::<P>(bytes))?;
        Self::new(pixels, width, height, stride)
    }

    /// Pixels in a row.
    #[must_use]
    #[inline]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    #[inline]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row `y`; none past the last one.
    #[must_use]
    #[inline]
    pub fn row(&self, y: usize) -> Option<&'a [P]> {
        (y < self.height).then(|| &self.pixels[y * self.stride..][..self.width])
    }

    /// The pixel at `(x, y)`; none outside.
    #[must_use]
    #[inline]
    pub fn pixel(&self, x: usize, y: usize) -> Option<&'a P> {
        self.row(y)?.get(x)
    }

    /// All pixels, where no row is followed by a gap.
    pub(crate) fn whole(&self) -> Option<&'a [P]> {
        (self.stride == self.width).then(|| &self.pixels[..self.width * self.height])
    }

    /// The same bytes as pixels of another format of the same size.
    pub(crate) fn cast<Q: Pod>(&self) -> Image<'a, Q>
    where
        P: Pod,
    {
        const { assert!(size_of::<P>() == size_of::<Q>() && align_of::<P>() == align_of::<Q>()) };
        let pixels = bytemuck::cast_slice(self.pixels);
        Image { width: self.width, height: self.height, stride: self.stride, pixels }
    }

    /// The part of the image inside `rect`.
    #[must_use]
    pub fn crop(&self, rect: Rect) -> Self {
        let (columns, rows) = rect.within(self.width, self.height);
        let start = (rows.start * self.stride + columns.start).min(self.pixels.len());
        Self {
            width: columns.len(),
            height: rows.len(),
            stride: self.stride,
            pixels: &self.pixels[start..],
        }
    }
}

impl<'a, P> ImageMut<'a, P> {
    /// An image over `pixels`, which may be longer than needed. What lies between the rows is
    /// never written.
    ///
    /// # Errors
    /// [`SizeError::Stride`] if rows overlap, [`SizeError::Length`] if `pixels` is too short.
    pub fn new(
        pixels: &'a mut [P],
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
    pub fn packed(pixels: &'a mut [P], width: usize, height: usize) -> Result<Self, SizeError> {
        Self::new(pixels, width, height, width)
    }

    /// An image over bytes; `stride` counts pixels.
    ///
    /// # Errors
    /// As [`Image::from_bytes`].
    pub fn from_bytes(
        bytes: &'a mut [u8],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, SizeError>
    where
        P: Pod,
    {
        let error = unaligned::<P>(bytes);
        let pixels = bytemuck::try_cast_slice_mut(bytes).map_err(|_| error)?;
        Self::new(pixels, width, height, stride)
    }

    /// Pixels in a row.
    #[must_use]
    #[inline]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    #[inline]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row `y`; none past the last one.
    #[must_use]
    #[inline]
    pub fn row_mut(&mut self, y: usize) -> Option<&mut [P]> {
        (y < self.height).then(|| &mut self.pixels[y * self.stride..][..self.width])
    }

    /// The same pixels, to read.
    #[must_use]
    pub fn as_image(&self) -> Image<'_, P> {
        Image { width: self.width, height: self.height, stride: self.stride, pixels: self.pixels }
    }

    /// The same pixels, for a shorter time.
    #[must_use]
    pub fn reborrow(&mut self) -> ImageMut<'_, P> {
        ImageMut {
            width: self.width,
            height: self.height,
            stride: self.stride,
            pixels: self.pixels,
        }
    }

    /// All pixels, where no row is followed by a gap.
    pub(crate) fn whole_mut(&mut self) -> Option<&mut [P]> {
        (self.stride == self.width).then(|| &mut self.pixels[..self.width * self.height])
    }

    /// The same bytes as pixels of another format of the same size.
    pub(crate) fn cast<Q: Pod>(self) -> ImageMut<'a, Q>
    where
        P: Pod,
    {
        const { assert!(size_of::<P>() == size_of::<Q>() && align_of::<P>() == align_of::<Q>()) };
        let pixels = bytemuck::cast_slice_mut(self.pixels);
        ImageMut { width: self.width, height: self.height, stride: self.stride, pixels }
    }

    /// The part of the image inside `rect`.
    #[must_use]
    pub fn crop(self, rect: Rect) -> Self {
        let (columns, rows) = rect.within(self.width, self.height);
        let start = (rows.start * self.stride + columns.start).min(self.pixels.len());
        Self {
            width: columns.len(),
            height: rows.len(),
            stride: self.stride,
            pixels: &mut self.pixels[start..],
        }
    }

    /// The rows above row `y` and those from it on (none, if there are fewer): two images that two
    /// threads may write at once.
    #[must_use]
    pub fn split_at_row(self, y: usize) -> (Self, Self) {
        let above = y.min(self.height);
        let Self { width, height, stride, pixels } = self;
        // The last row may end before its stride does.
        let (first, second) = pixels.split_at_mut((above * stride).min(pixels.len()));
        (
            Self { width, height: above, stride, pixels: first },
            Self { width, height: height - above, stride, pixels: second },
        )
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

fn unaligned<P>(bytes: &[u8]) -> SizeError {
    SizeError::Unaligned { pixel_bytes: size_of::<P>(), align: align_of::<P>(), bytes: bytes.len() }
}
