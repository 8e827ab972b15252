//! Pictures as text. Nothing here knows a terminal: whoever prints decides where, and makes the
//! picture as large as the terminal with [`fit`](crate::fit).

use core::fmt::{self, Write};

use crate::{Image, Pixel};

/// From dark to bright.
const RAMP: &[u8; 10] = b" .:-=+*#%@";

/// A picture in 24-bit colour: each character is a half block, two pixels high, so that pixels are
/// about square. A line of text for two rows, each ending in a reset and a line feed; a last odd
/// row has black below it. Colours are those of the picture over black; a colour that stays is not
/// repeated.
///
/// # Errors
/// Those of `out`.
pub fn half_blocks(image: &Image<'_>, out: &mut impl Write) -> fmt::Result {
    for y in (0..image.height()).step_by(2) {
        let upper = image.row(y).unwrap_or_default();
        let lower = image.row(y + 1).unwrap_or_default();
        let mut last = None;
        for (x, [r, g, b, _]) in upper.iter().enumerate() {
            let [lr, lg, lb, _] = lower.get(x).copied().unwrap_or_default();
            let colors = ([*r, *g, *b], [lr, lg, lb]);
            if last.is_none_or(|(front, _)| front != colors.0) {
                write!(out, "\x1b[38;2;{r};{g};{b}m")?;
            }
            if last.is_none_or(|(_, back)| back != colors.1) {
                write!(out, "\x1b[48;2;{lr};{lg};{lb}m")?;
            }
            last = Some(colors);
            out.write_char('▀')?;
        }
        out.write_str("\x1b[0m\n")?;
    }
    Ok(())
}

/// A picture in plain ASCII: each character stands for two pixels, one above the other, by their
/// mean brightness (BT.601) over black.
///
/// # Errors
/// Those of `out`.
pub fn ascii(image: &Image<'_>, out: &mut impl Write) -> fmt::Result {
    for y in (0..image.height()).step_by(2) {
        let upper = image.row(y).unwrap_or_default();
        let lower = image.row(y + 1).unwrap_or(upper);
        for (u, l) in upper.iter().zip(lower) {
            let brightness = (luma(*u) + luma(*l)) / 2;
            let step = brightness as usize * RAMP.len() / 256;
            out.write_char(char::from(RAMP[step]))?;
        }
        out.write_char('\n')?;
    }
    Ok(())
}

/// 0 to 255.
fn luma([r, g, b, _]: Pixel) -> u32 {
    (77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8
}
