use crate::error::{SizeError, same};
use crate::{Image, ImageMut, Pixel};

/// Where one channel of a packed image comes from.
#[derive(Clone, Copy, Debug)]
pub enum Channel<'a> {
    /// One value all over.
    Constant(u8),
    /// An image of its own.
    Plane(Image<'a, u8>),
}

/// Packs red, green, blue and alpha from sources of their own: roughness, metalness and occlusion
/// in one texture, say.
///
/// # Errors
/// [`SizeError::Length`] if a plane is not as large as `dst`. Nothing was written then.
pub fn pack_channels(
    dst: &mut ImageMut<'_, Pixel>,
    channels: [Channel<'_>; 4],
) -> Result<(), SizeError> {
    for channel in &channels {
        if let Channel::Plane(plane) = channel {
            same("a row of a channel", dst.width(), plane.width())?;
            same("a column of a channel", dst.height(), plane.height())?;
        }
    }
    for y in 0..dst.height() {
        let Some(row) = dst.row_mut(y) else { break };
        for (i, channel) in channels.iter().enumerate() {
            match channel {
                Channel::Constant(value) => row.iter_mut().for_each(|pixel| pixel[i] = *value),
                Channel::Plane(plane) => {
                    let source = plane.row(y).unwrap_or_default();
                    row.iter_mut().zip(source).for_each(|(pixel, value)| pixel[i] = *value);
                }
            }
        }
    }
    Ok(())
}

/// Takes one channel (0 is red, 3 alpha; only the lowest two bits count) out of an image.
///
/// # Errors
/// [`SizeError::Length`] if the images differ in size.
pub fn extract_channel(
    src: &Image<'_, Pixel>,
    channel: usize,
    dst: &mut ImageMut<'_, u8>,
) -> Result<(), SizeError> {
    same("a row of a channel", src.width(), dst.width())?;
    same("a column of a channel", src.height(), dst.height())?;
    for y in 0..src.height() {
        let (Some(row), Some(source)) = (dst.row_mut(y), src.row(y)) else { break };
        row.iter_mut().zip(source).for_each(|(value, pixel)| *value = pixel[channel & 3]);
    }
    Ok(())
}
