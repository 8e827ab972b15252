use crate::blend::{Blend, with_formula};
use crate::error::{SizeError, same};
use crate::exact::{encoded, linear};
use crate::lay::{Lay, Rows};
use crate::{Image, ImageMut, Pixel, Rect, Rgba8};

/// Whether values are blended as they are stored or in linear light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Light {
    /// As they are stored: fast, and what image editors do by default.
    #[default]
    Encoded,
    /// Decoded from sRGB, blended, encoded again: as light adds up. Much slower.
    Linear,
}

/// How a picture is laid over another one.
///
/// The source is first tinted (each channel times the tint's, over 255), then covered: mask times
/// opacity over 255 is the share of it that remains. Each step rounds to the nearest.
#[derive(Clone, Copy, Debug)]
pub struct Paint<'a> {
    /// How it meets what lies below. Default: over.
    pub blend: Blend,
    /// How much of it there is, of 255. Default: 255.
    pub opacity: u8,
    /// A colour to multiply in, premultiplied itself for premultiplied pixels: one whose colours
    /// exceed its alpha leaves pixels that do. Default: white, which changes nothing.
    pub tint: Pixel,
    /// How much of each pixel there is, of 255; as large as the source (what it lacks is 0).
    /// Default: none, everything.
    pub mask: Option<Image<'a, u8>>,
    /// Pixels of the destination that may change. Default: none, all.
    pub clip: Option<Rect>,
    /// Default: as stored.
    pub light: Light,
}

impl Default for Paint<'_> {
    fn default() -> Self {
        Self {
            blend: Blend::Over,
            opacity: 255,
            tint: [255; 4],
            mask: None,
            clip: None,
            light: Light::Encoded,
        }
    }
}

/// Lays `src` over `dst`, its top left pixel at `at`. Only pixels under the source change, inside
/// the clip, and what falls outside of `dst` is cut.
///
/// Premultiplied alpha and [`Light::Encoded`]: the operators of Porter and Duff round each of the
/// two products to the nearest and saturate the sum, bit for bit as pixman does; blend modes round
/// the whole result to the nearest. Straight alpha, and linear light: the whole result is the
/// nearest, computed in f64, halves rounded up.
///
/// # Errors
/// [`SizeError::Length`] if a mask is not as large as `src`.
pub fn draw<P: Rgba8>(
    dst: &mut ImageMut<'_, P>,
    src: &Image<'_, P>,
    at: [i64; 2],
    paint: &Paint<'_>,
) -> Result<(), SizeError> {
    check_mask(paint, src.width(), src.height())?;
    let size = [src.width(), src.height()];
    draw_rows(dst, &Rows::Image(src.cast()), at, size, paint);
    Ok(())
}

pub(crate) fn check_mask(paint: &Paint<'_>, width: usize, height: usize) -> Result<(), SizeError> {
    match paint.mask {
        Some(mask) => {
            same("a row of a mask", width, mask.width())?;
            same("a column of a mask", height, mask.height())
        }
        None => Ok(()),
    }
}

/// [`draw`] from any source of rows, `size` large; a mask has been checked.
pub(crate) fn draw_rows<P: Rgba8>(
    dst: &mut ImageMut<'_, P>,
    src: &Rows<'_>,
    [x, y]: [i64; 2],
    [width, height]: [usize; 2],
    paint: &Paint<'_>,
) {
    let everything = Rect::new(x, y, width as u64, height as u64);
    let visible = paint.clip.map_or(everything, |clip| clip.intersection(&everything));
    let (columns, rows) = visible.within(dst.width(), dst.height());
    if columns.is_empty() || rows.is_empty() {
        return;
    }
    let (width, height) = (columns.len() as u64, rows.len() as u64);
    let [left, top] = [columns.start as i64, rows.start as i64];
    // Inside of both images now, so that nothing overflows.
    let inside = Rect::new(left - x, top - y, width, height);
    let lay = Lay {
        dst: dst.reborrow().crop(Rect::new(left, top, width, height)).cast(),
        src: src.part(inside),
        mask: paint.mask.map(|mask| mask.crop(inside)),
        opacity: paint.opacity,
        tint: paint.tint,
        straight: P::STRAIGHT,
    };
    lay.run(match paint.light {
        Light::Encoded => with_formula!(paint.blend, F => encoded::<P, F>()),
        Light::Linear => with_formula!(paint.blend, F => linear::<P, F>()),
    });
}
