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
    blocks(image, out, |out, ground, [r, g, b]| write!(out, "\x1b[{ground};2;{r};{g};{b}m"))
}

/// As [`half_blocks`], in the palette of 256 colours that older terminals have: each colour is the
/// nearest of its cube of 6 × 6 × 6 and its 24 greys, by the sum of squares.
///
/// # Errors
/// Those of `out`.
pub fn half_blocks_256(image: &Image<'_>, out: &mut impl Write) -> fmt::Result {
    blocks(image, out, |out, ground, color| {
        write!(out, "\x1b[{ground};5;{}m", palette_index(color))
    })
}

/// The number of the nearest colour.
fn palette_index(color: [u8; 3]) -> u8 {
    /// What a channel of the cube can be.
    const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |a: [u8; 3]| -> u32 {
        a.iter().zip(&color).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let nearest = |c: u8| (0..6_u8).min_by_key(|i| CUBE[usize::from(*i)].abs_diff(c)).unwrap_or(0);
    let [r, g, b] = color.map(nearest);
    let cube = [r, g, b].map(|i| CUBE[usize::from(i)]);
    let gray = |i: &u8| [8 + 10 * i; 3];
    let step = (0..24_u8).min_by_key(|i| distance(gray(i))).unwrap_or(0);
    if distance(gray(&step)) < distance(cube) { 232 + step } else { 16 + 36 * r + 6 * g + b }
}

/// Half blocks; `set` writes the code that makes a colour that of the characters (38) or of their
/// background (48).
fn blocks<W: Write>(
    image: &Image<'_>,
    out: &mut W,
    set: impl Fn(&mut W, u8, [u8; 3]) -> fmt::Result,
) -> fmt::Result {
    for y in (0..image.height()).step_by(2) {
        let upper = image.row(y).unwrap_or_default();
        let lower = image.row(y + 1).unwrap_or_default();
        let mut last = None;
        for (x, [r, g, b, _]) in upper.iter().enumerate() {
            let [lr, lg, lb, _] = lower.get(x).copied().unwrap_or_default();
            let colors = ([*r, *g, *b], [lr, lg, lb]);
            if last.is_none_or(|(front, _)| front != colors.0) {
                set(out, 38, colors.0)?;
            }
            if last.is_none_or(|(_, back)| back != colors.1) {
                set(out, 48, colors.1)?;
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
