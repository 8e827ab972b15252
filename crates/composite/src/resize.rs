use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{ResizeAlg, ResizeOptions, Resizer};
use std::vec::Vec;

pub use fast_image_resize::FilterType;

use crate::{Image, ImageMut, Pixel, SizeError};

/// Any size by any filter, on premultiplied pixels as they are stored. Allocates; for halves there
/// is [`mip`](crate::mip), which does not.
///
/// # Errors
/// [`SizeError::Empty`] if `src` has no pixels but `dst` does, [`SizeError::TooMany`] for images
/// whose width or height does not fit 32 bits.
pub fn resize(
    src: &Image<'_>,
    dst: &mut ImageMut<'_>,
    filter: FilterType,
) -> Result<(), SizeError> {
    let limited = |size: usize| {
        let error = SizeError::TooMany { what: "pixels in a row", found: size, max: MAX };
        u32::try_from(size).map_err(|_| error)
    };
    let (from, to) = (
        [limited(src.width())?, limited(src.height())?],
        [limited(dst.width())?, limited(dst.height())?],
    );
    if to.contains(&0) {
        return Ok(());
    }
    if from.contains(&0) {
        return Err(SizeError::Empty);
    }
    let rows = (0..src.height()).filter_map(|y| src.row(y));
    let pixels: Vec<U8x4> = rows.flatten().map(|pixel| U8x4::new(*pixel)).collect();
    let mut out = std::vec![U8x4::new([0; 4]); dst.width() * dst.height()];
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    let resized = TypedImageRef::new(from[0], from[1], &pixels).is_ok_and(|src| {
        TypedImage::from_pixels_slice(to[0], to[1], &mut out)
            .is_ok_and(|mut dst| Resizer::new().resize_typed(&src, &mut dst, &options).is_ok())
    });
    if !resized {
        return Err(SizeError::Empty);
    }
    for (y, source) in out.chunks_exact(dst.width()).enumerate() {
        let Some(row) = dst.row_mut(y) else { break };
        row.iter_mut().zip(source).for_each(|(pixel, s): (&mut Pixel, _)| *pixel = s.0);
    }
    Ok(())
}

const MAX: usize = u32::MAX as usize;
