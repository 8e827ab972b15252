use crate::error::{SizeError, same};
use crate::{Image, ImageMut, Pixel};

/// Colours for numbers: stops at equal distances, straight lines between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorMap<'a> {
    stops: &'a [Pixel],
}

/// `0xrrggbb`, opaque.
const fn rgb<const N: usize>(stops: [u32; N]) -> [Pixel; N] {
    let mut out = [[0; 4]; N];
    let mut i = 0;
    while i < N {
        let [_, r, g, b] = stops[i].to_be_bytes();
        out[i] = [r, g, b, 255];
        i += 1;
    }
    out
}

impl ColorMap<'static> {
    /// Dark blue to yellow, as bright as the number is large, also for the colour-blind: eleven
    /// stops of matplotlib's map (Smith and van der Walt, 2015, CC0).
    pub const VIRIDIS: Self = Self {
        stops: &rgb([
            0x44_0154, 0x48_2475, 0x41_4487, 0x35_5f8d, 0x2a_788e, 0x21_918c, 0x22_a884, 0x44_bf70,
            0x7a_d151, 0xbd_df26, 0xfd_e725,
        ]),
    };

    /// Black over red to pale yellow: eleven stops of matplotlib's map (likewise).
    pub const INFERNO: Self = Self {
        stops: &rgb([
            0x00_0004, 0x16_0b39, 0x42_0a68, 0x6a_176e, 0x93_2667, 0xbc_3754, 0xdd_513a, 0xf3_7819,
            0xfc_a50a, 0xf6_d746, 0xfc_ffa4,
        ]),
    };

    /// Red over yellow to green: bad to good.
    pub const TRAFFIC: Self = Self { stops: &rgb([0xd7_3027, 0xfe_e08b, 0x1a_9850]) };

    /// Black to white.
    pub const GRAY: Self = Self { stops: &rgb([0x00_0000, 0xff_ffff]) };
}

impl<'a> ColorMap<'a> {
    /// A map of one's own.
    ///
    /// # Errors
    /// [`SizeError::Empty`] without any stop.
    pub fn new(stops: &'a [Pixel]) -> Result<Self, SizeError> {
        if stops.is_empty() { Err(SizeError::Empty) } else { Ok(Self { stops }) }
    }

    /// The colour for a number from 0 to 1, the nearest end beyond; clear for a NaN, which stands
    /// for "nothing there".
    #[must_use]
    pub fn color(&self, value: f32) -> Pixel {
        if value.is_nan() {
            return [0; 4];
        }
        let last = self.stops.len() - 1;
        let at = value.clamp(0.0, 1.0) * last as f32;
        let below = (at as usize).min(last);
        let (a, b) = (self.stops[below], self.stops[(below + 1).min(last)]);
        let share = at - below as f32;
        core::array::from_fn(|i| {
            let (a, b) = (f32::from(a[i]), f32::from(b[i]));
            (a + (b - a) * share + 0.5) as u8
        })
    }

    /// The colours of a grid of numbers, `low` and what is below it at the map's beginning, `high`
    /// and what is above at its end. Cells become rectangles where `dst` is larger than the grid;
    /// where it is smaller some are left out. Clear pixels let a picture through that the map is
    /// laid over with [`draw`](crate::draw).
    ///
    /// # Errors
    /// [`SizeError::Empty`] if the grid has no cells but `dst` has pixels.
    pub fn heat_map(
        &self,
        values: &Image<'_, f32>,
        [low, high]: [f32; 2],
        dst: &mut ImageMut<'_>,
    ) -> Result<(), SizeError> {
        let (width, height) = (dst.width(), dst.height());
        if width == 0 || height == 0 {
            return Ok(());
        }
        let cell = |at: usize, count: usize, size: usize| {
            (at as u128 * count as u128 / size as u128) as usize
        };
        for y in 0..height {
            let line = values.row(cell(y, values.height(), height)).unwrap_or_default();
            if line.is_empty() {
                return Err(SizeError::Empty);
            }
            let Some(row) = dst.row_mut(y) else { break };
            for (x, pixel) in row.iter_mut().enumerate() {
                let value = line[cell(x, line.len(), width)];
                *pixel = self.color(scaled(value, low, high));
            }
        }
        Ok(())
    }

    /// A legend without text: the map along the longer side, its beginning at the left or at the
    /// bottom, with `ticks` equal parts marked by notches of black and white across an eighth of
    /// the shorter side. Whoever shows it writes the numbers.
    pub fn legend(&self, dst: &mut ImageMut<'_>, ticks: usize) {
        let (width, height) = (dst.width(), dst.height());
        let (length, depth) = (width.max(height), width.min(height));
        let notch = depth.div_ceil(8);
        for y in 0..height {
            let Some(row) = dst.row_mut(y) else { break };
            for (x, pixel) in row.iter_mut().enumerate() {
                let (along, across) = if width >= height { (x, y) } else { (height - 1 - y, x) };
                let share = along as f32 / (length - 1).max(1) as f32;
                // A part begins here or ended just before.
                let starts = |at: usize| {
                    ticks > 0 && at > 0 && at * ticks / length != (at - 1) * ticks / length
                };
                *pixel = match across >= depth - notch {
                    true if starts(along) => [0, 0, 0, 255],
                    true if along + 1 < length && starts(along + 1) => [255; 4],
                    _ => self.color(share),
                };
            }
        }
    }
}

/// From 0 at `low` to 1 at `high`.
fn scaled(value: f32, low: f32, high: f32) -> f32 {
    if value <= low {
        0.0
    } else if value >= high {
        1.0
    } else {
        (value - low) / (high - low)
    }
}

/// A picture of any other size: each pixel is the mean of those that it stands for, to the nearest,
/// halves rounded up; where there is not a whole one, the one that it lies in. Premultiplied, as
/// stored. For previews and terminals; smooth enlargement is for the feature `resize`.
///
/// # Errors
/// [`SizeError::Empty`] if `src` has no pixels but `dst` does, [`SizeError::Length`] for images
/// whose width or height exceeds 2³¹.
pub fn fit(src: &Image<'_>, dst: &mut ImageMut<'_>) -> Result<(), SizeError> {
    const LIMIT: usize = 1 << 31;
    for size in [src.width(), src.height(), dst.width(), dst.height()] {
        same("a picture to fit", size.min(LIMIT), size)?;
    }
    let (width, height) = (dst.width(), dst.height());
    if width == 0 || height == 0 {
        return Ok(());
    }
    if src.width() == 0 || src.height() == 0 {
        return Err(SizeError::Empty);
    }
    let part = |at: usize, count: usize, size: usize| {
        let edge = |at: usize| (at as u64 * count as u64 / size as u64) as usize;
        edge(at)..edge(at + 1).max(edge(at) + 1)
    };
    for y in 0..height {
        let rows = part(y, src.height(), height);
        let Some(row) = dst.row_mut(y) else { break };
        for (x, pixel) in row.iter_mut().enumerate() {
            let columns = part(x, src.width(), width);
            let mut sums = [0_u64; 4];
            for line in rows.clone().filter_map(|y| src.row(y)) {
                for source in &line[columns.clone()] {
                    sums.iter_mut().zip(source).for_each(|(sum, c)| *sum += u64::from(*c));
                }
            }
            let count = (rows.len() * columns.len()) as u64;
            *pixel = sums.map(|sum| ((2 * sum + count) / (2 * count)) as u8);
        }
    }
    Ok(())
}
