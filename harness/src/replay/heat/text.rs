//! A map as text, for terminals.

use crate::replay::heat::{Painter, Snapshot};
use anyhow::Result;
use farplane::composite::{Image, ascii, half_blocks, half_blocks_256};

/// What a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// 24-bit colour.
    TrueColor,
    /// The palette of 256 colours.
    Palette,
    /// Characters alone.
    Ascii,
}

/// The ink of a terminal, by what its environment says: `NO_COLOR` (not empty), `COLORTERM`
/// (`truecolor` or `24bit`). `None` where nothing can be drawn in place: `TERM` is `dumb`.
pub fn ink(var: impl Fn(&str) -> Option<String>) -> Option<Ink> {
    if var("TERM").is_some_and(|term| term == "dumb") {
        return None;
    }
    if var("NO_COLOR").is_some_and(|v| !v.is_empty()) {
        return Some(Ink::Ascii);
    }
    let deep = var("COLORTERM").is_some_and(|v| matches!(v.as_str(), "truecolor" | "24bit"));
    Some(if deep { Ink::TrueColor } else { Ink::Palette })
}

/// Lines of text for a map, two rows of pixels each.
///
/// # Errors
/// None is known.
pub fn text(painter: &Painter, snapshot: &Snapshot, ink: Ink) -> Result<String> {
    if ink == Ink::Ascii {
        return ascii_map(painter, snapshot);
    }
    let picture = painter.paint(snapshot)?;
    let [w, h] = painter.size().map(|s| s as usize);
    let image = Image::packed(&picture, w, h)?;
    let mut out = String::new();
    match ink {
        Ink::TrueColor => half_blocks(&image, &mut out)?,
        _ => half_blocks_256(&image, &mut out)?,
    }
    Ok(out)
}

/// A map in plain ASCII: the darker the character, the more; `!` for what is wanted and missing,
/// an arrow for the camera.
///
/// # Errors
/// None is known.
pub fn ascii_map(painter: &Painter, snapshot: &Snapshot) -> Result<String> {
    let picture = painter.paint_gray(snapshot)?;
    let [w, h] = painter.size().map(|s| s as usize);
    let mut out = String::new();
    ascii(&Image::packed(&picture, w, h)?, &mut out)?;
    let mut lines: Vec<Vec<u8>> = out.lines().map(|line| line.as_bytes().to_vec()).collect();
    let mut mark = |x: usize, y: usize, with: u8| {
        if let Some(character) = lines.get_mut(y / 2).and_then(|line| line.get_mut(x)) {
            *character = with;
        }
    };
    for area in painter.missing(snapshot) {
        let (columns, rows) = area.within(w, h);
        for y in rows {
            columns.clone().for_each(|x| mark(x, y, b'!'));
        }
    }
    let view = &snapshot.view;
    let at = painter.to_px(view.position.truncate() - snapshot.corner);
    let ahead = view.forward();
    if at.iter().all(|v| *v >= 0.0) {
        let arrow = match (ahead.x.abs() > ahead.y.abs(), ahead.x > 0.0, ahead.y > 0.0) {
            (true, true, _) => b'>',
            (true, false, _) => b'<',
            (false, _, true) => b'^',
            (false, _, false) => b'v',
        };
        mark(at[0] as usize, at[1] as usize, arrow);
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(&String::from_utf8_lossy(&line));
        text.push('\n');
    }
    Ok(text)
}
