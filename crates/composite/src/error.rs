use core::fmt;

/// Sizes that do not fit together. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// A slice is longer or shorter than its width and height say.
    Length {
        /// Which slice.
        what: &'static str,
        /// Elements that it must have (`usize::MAX` where the true number does not fit).
        expected: usize,
        /// Elements that it has.
        found: usize,
    },
    /// A row is longer than the distance between two rows.
    Stride {
        /// Pixels in a row.
        width: usize,
        /// Pixels from one row's start to the next one's.
        stride: usize,
    },
    /// The pixels of a material are not a square with a power of two as its side.
    NotPowerOfTwo {
        /// The side that was given.
        size: usize,
    },
    /// The image to read from has no pixels.
    Empty,
    /// Bytes do not begin where a pixel of the format may begin, or are not whole pixels.
    Unaligned {
        /// Bytes of a pixel.
        pixel_bytes: usize,
        /// What its address must be a multiple of.
        align: usize,
        /// Bytes that were given.
        bytes: usize,
    },
    /// More of something than fits.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many fit.
        max: usize,
    },
    /// A border that is wider than the pages that it is taken from.
    Border {
        /// Its width, pixels.
        border: usize,
        /// Pixels along a page.
        size: usize,
    },
    /// The control grid does not reach over the output.
    ControlTooSmall {
        /// Control points in a row or column.
        points: usize,
        /// Texels wanted along it: at most 4 × (points − 1).
        texels: usize,
    },
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { what, expected, found } => {
                write!(f, "{what} has {found} elements where its size needs {expected}")
            }
            Self::Stride { width, stride } => {
                write!(f, "rows of {width} pixels do not fit a stride of {stride}")
            }
            Self::NotPowerOfTwo { size } => {
                write!(f, "a material's side must be a power of two, not {size}")
            }
            Self::Unaligned { pixel_bytes, align, bytes } => write!(
                f,
                "{bytes} bytes are no whole pixels of {pixel_bytes} bytes aligned to {align}"
            ),
            Self::TooMany { what, found, max } => {
                write!(f, "{found} {what} where at most {max} are possible")
            }
            Self::Border { border, size } => {
                write!(f, "a border of {border} pixels is wider than its page of {size}")
            }
            Self::Empty => f.write_str("the source image has no pixels to copy from"),
            Self::ControlTooSmall { points, texels } => write!(
                f,
                "{points} control points cover at most {} texels, {texels} were asked for",
                points.saturating_sub(1).saturating_mul(4)
            ),
        }
    }
}

impl core::error::Error for SizeError {}

/// Fails unless `found` is `expected`.
pub(crate) fn same(what: &'static str, expected: usize, found: usize) -> Result<(), SizeError> {
    if expected == found { Ok(()) } else { Err(SizeError::Length { what, expected, found }) }
}

/// width × height, `usize::MAX` where that does not fit: no slice is as long.
pub(crate) fn area(width: usize, height: usize) -> usize {
    width.saturating_mul(height)
}
