//! From what a run has recorded to a picture of the world from above, north at the top.

use crate::cli::HeatMapOf;
use crate::replay::heat::{Ground, Snapshot};
use farplane::composite::{
    Blend, ColorMap, Image, ImageMut, Paint, Pixel, Rect, SizeError, draw, fit, line, polyline,
};
use farplane::geom::{DVec2, View};
use std::sync::Arc;

/// What was wanted and is not there.
const MISSING: Pixel = [255, 32, 32, 255];
const FLOWN: Pixel = [255; 4];
const AHEAD: Pixel = [120, 120, 120, 255];
const CASING: Pixel = [0, 0, 0, 255];
/// Gap and width of the legend beside a map, px.
const LEGEND_PX: [u32; 2] = [8, 24];
/// How many times finer than its picture a map is drawn at most, so that no cell is left out, and to
/// how many pixels a side.
const FINER_MAX: u32 = 8;
const FINE_PX_MAX: u32 = 4096;

/// What all maps of a run have in common.
pub struct Scenery {
    /// Which figure the colours are.
    pub of: HeatMapOf,
    /// The units it is about.
    pub grounds: Vec<Ground>,
    /// The world, m east and north.
    pub size_m: DVec2,
    /// Height of the ground at a place, m from the south-west corner.
    pub height: Box<dyn Fn(DVec2) -> f32 + Send + Sync>,
    /// The camera's way.
    pub path: Vec<Waypoint>,
}

/// A place on the camera's way.
#[derive(Clone, Copy, Debug)]
pub struct Waypoint {
    /// The frame that is there.
    pub frame: u64,
    /// Where it is, m from the world's south-west corner.
    pub at: DVec2,
    /// Cuts passed so far.
    pub cuts: usize,
}

/// A number for each pixel, and those at the ends of the colours.
struct Heat {
    values: Vec<f32>,
    low: f32,
    high: f32,
}

impl Scenery {
    /// The size of a map whose longer side has so many pixels.
    pub fn size_px(&self, longer_px: u32) -> [u32; 2] {
        let longer = self.size_m.x.max(self.size_m.y);
        [self.size_m.x, self.size_m.y]
            .map(|m| ((m / longer * f64::from(longer_px)).round() as u32).max(1))
    }

    /// The colours of this figure.
    pub fn colors(&self) -> ColorMap<'static> {
        match self.of {
            HeatMapOf::Pages | HeatMapOf::Tiles => ColorMap::VIRIDIS,
            HeatMapOf::Loads | HeatMapOf::Misses => ColorMap::INFERNO,
        }
    }

    /// Levels that the colours tell apart; 0 where they are no levels.
    pub fn levels(&self) -> usize {
        match self.of {
            HeatMapOf::Pages | HeatMapOf::Tiles => self.grounds.iter().map(Ground::streamed).sum(),
            HeatMapOf::Loads | HeatMapOf::Misses => 0,
        }
    }

    /// The number at the hot end of a map's colours: for counts the next of 1, 2, 5, 10, 20 … from
    /// the largest one on, so that it seldom changes from map to map.
    pub fn top(&self, snapshot: &Snapshot, size: [u32; 2]) -> f32 {
        self.heat(snapshot, size.map(|s| s * finer(self, size))).high
    }

    /// A number for each cell of each ground.
    fn cells(&self, snapshot: &Snapshot) -> Vec<Vec<f32>> {
        let resident = |unit: u32| snapshot.is_resident(unit);
        let values = |ground: &Ground| match self.of {
            HeatMapOf::Pages | HeatMapOf::Tiles => ground.quality(resident),
            HeatMapOf::Loads | HeatMapOf::Misses => ground.counted(&snapshot.counts),
        };
        self.grounds.iter().map(values).collect()
    }

    /// A number for each pixel: that of the cells under its centre, those of several grounds added
    /// up.
    fn heat(&self, snapshot: &Snapshot, [w, h]: [u32; 2]) -> Heat {
        let cells = self.cells(snapshot);
        let mut values = vec![f32::NAN; w as usize * h as usize];
        for (ground, cells) in self.grounds.iter().zip(&cells) {
            let at = |x, y| ground.cell_at(self.place([x, y], [w, h]));
            let columns: Vec<u32> = (0..w).map(|x| at(x, 0)[0]).collect();
            for (y, row) in (0..h).zip(values.chunks_exact_mut(w.max(1) as usize)) {
                let first = at(0, y)[1] * ground.cells()[0];
                for (value, column) in row.iter_mut().zip(&columns) {
                    let cell = cells[(first + column) as usize];
                    *value = match (value.is_nan(), cell.is_nan()) {
                        (true, _) => cell,
                        (_, true) => *value,
                        _ => *value + cell,
                    };
                }
            }
        }
        let high = match self.levels() {
            0 => round_up(values.iter().copied().fold(0.0, f32::max)),
            levels => (levels - 1) as f32,
        };
        // With one level alone, what is there is at its best.
        Heat { values, low: if high > 0.0 { 0.0 } else { -1.0 }, high }
    }

    /// Centre of a pixel, m from the south-west corner.
    fn place(&self, [x, y]: [u32; 2], [w, h]: [u32; 2]) -> DVec2 {
        let share = |at: u32, count: u32| (f64::from(at) + 0.5) / f64::from(count);
        self.size_m * DVec2::new(share(x, w), 1.0 - share(y, h))
    }

    /// The last of 1, 2, 5, 10, 20 … m within a fifth of the map's width: what a scale bar shows.
    pub fn bar_m(&self) -> f64 {
        let most = self.size_m.x * 0.2;
        round_steps().take_while(|m| *m <= most).last().unwrap_or(most)
    }
}

/// 1, 2, 5, 10, 20 …
fn round_steps() -> impl Iterator<Item = f64> {
    let decades = std::iter::successors(Some(1.0), |d| (*d < 1e12).then_some(d * 10.0));
    decades.flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade])
}

/// The next of them that is not smaller.
fn round_up(value: f32) -> f32 {
    round_steps().find(|step| *step >= f64::from(value)).map_or(value, |step| step as f32)
}

/// Draws maps of one size.
pub struct Painter {
    scenery: Arc<Scenery>,
    size: [u32; 2],
    /// Heat and relief are drawn this many times finer.
    finer: u32,
    /// The ground in grey.
    relief: Vec<Pixel>,
}

impl Painter {
    /// A painter of maps of so many pixels; draws the relief.
    pub fn new(scenery: Arc<Scenery>, size: [u32; 2]) -> Self {
        let finer = finer(&scenery, size);
        let relief = relief(&scenery, size.map(|s| s * finer));
        Self { scenery, size, finer, relief }
    }

    /// Columns and rows of its maps.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// The map: colours over the relief, what is wanted and missing, the path, the camera.
    ///
    /// # Errors
    /// None is known: sizes fit by construction.
    pub fn paint(&self, snapshot: &Snapshot) -> Result<Vec<Pixel>, SizeError> {
        let fine = self.size.map(|s| (s * self.finer) as usize);
        let heat = self.scenery.heat(snapshot, self.size.map(|s| s * self.finer));
        let mut colors = vec![[0; 4]; heat.values.len()];
        let mut target = packed(&mut colors, fine)?;
        let values = Image::packed(&heat.values, fine[0], fine[1])?;
        self.scenery.colors().heat_map(&values, [heat.low, heat.high], &mut target)?;
        let mut picture = self.relief.clone();
        let multiply = Paint { blend: Blend::Multiply, opacity: 225, ..Paint::default() };
        draw(&mut packed(&mut picture, fine)?, &target.as_image(), [0, 0], &multiply)?;
        let mut picture = self.fitted(picture)?;
        let mut map = packed(&mut picture, self.size.map(|s| s as usize))?;
        for area in self.missing(snapshot) {
            fill(&mut map, area, MISSING);
        }
        self.draw_path(snapshot, &mut map);
        self.draw_camera(&snapshot.view, snapshot.corner, &mut map);
        Ok(picture)
    }

    /// The heat alone, brighter where it is more, for terminals without colour.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub fn paint_gray(&self, snapshot: &Snapshot) -> Result<Vec<Pixel>, SizeError> {
        let fine = self.size.map(|s| (s * self.finer) as usize);
        let heat = self.scenery.heat(snapshot, self.size.map(|s| s * self.finer));
        let mut colors = vec![[0; 4]; heat.values.len()];
        let mut target = packed(&mut colors, fine)?;
        // Below zero begins what is there, so that it differs from what is not.
        let low = heat.low.min(-0.5 * heat.high.max(1.0));
        let values = Image::packed(&heat.values, fine[0], fine[1])?;
        ColorMap::GRAY.heat_map(&values, [low, heat.high], &mut target)?;
        self.fitted(colors)
    }

    /// Pixels under units that the last counted frame wanted and that were not there, on maps of
    /// levels.
    pub fn missing(&self, snapshot: &Snapshot) -> Vec<Rect> {
        if self.scenery.levels() == 0 {
            return Vec::new();
        }
        let area = |unit: u32| {
            let find = |g: &Ground| g.extent_m(unit);
            let [min, max] = self.scenery.grounds.iter().find_map(find)?;
            let [[left, bottom], [right, top]] = [self.to_px(min), self.to_px(max)];
            let (x, y) = (left.floor() as i64, top.floor() as i64);
            let side = |from: i64, to: f32| (to.ceil() as i64 - from).max(1) as u64;
            Some(Rect::new(x, y, side(x, right), side(y, bottom)))
        };
        snapshot.missing.iter().filter_map(|unit| area(*unit)).collect()
    }

    /// The map with a legend at its right and a scale bar, for files: pixels, width and height.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub fn sheet(&self, snapshot: &Snapshot) -> Result<(Vec<Pixel>, [u32; 2]), SizeError> {
        let mut picture = self.paint(snapshot)?;
        let [w, h] = self.size.map(|s| s as usize);
        self.draw_bar(&mut packed(&mut picture, [w, h])?);
        let [gap, legend] = LEGEND_PX.map(|s| s as usize);
        let size = [w + gap + legend, h];
        let mut pixels = vec![[255; 4]; size[0] * size[1]];
        let mut sheet = packed(&mut pixels, size)?;
        draw(&mut sheet, &Image::packed(&picture, w, h)?, [0, 0], &Paint::default())?;
        let place = Rect::new((w + gap) as i64, 0, legend as u64, h as u64);
        self.draw_legend(&mut sheet.crop(place))?;
        Ok((pixels, size.map(|s| s as u32)))
    }

    /// The colours from the coldest at the bottom to the hottest at the top: a field for each level,
    /// or ten parts of a scale from 0.
    fn draw_legend(&self, legend: &mut ImageMut<'_>) -> Result<(), SizeError> {
        let colors = self.scenery.colors();
        match self.scenery.levels() {
            0 => colors.legend(legend, 10),
            levels => {
                let top = (levels - 1) as f32;
                let values: Vec<f32> = (0..levels).rev().map(|v| v as f32).collect();
                let low = if top > 0.0 { 0.0 } else { -1.0 };
                colors.heat_map(&Image::packed(&values, 1, levels)?, [low, top], legend)?;
            }
        }
        Ok(())
    }

    /// Four fields in black and white, at the bottom left.
    fn draw_bar(&self, map: &mut ImageMut<'_>) {
        let height = (self.size[1] / 100).max(3);
        let length = self.scenery.bar_m() / self.scenery.size_m.x * f64::from(self.size[0]);
        let left = i64::from(height) * 2;
        let top = i64::from(self.size[1]) - i64::from(height) * 3;
        let edge = |part: i64| left + (length * part as f64 / 4.0).round() as i64;
        let around =
            Rect::new(left - 1, top - 1, (edge(4) - left + 2) as u64, u64::from(height) + 2);
        fill(map, around, CASING);
        for part in [0, 2] {
            let width = (edge(part + 1) - edge(part)) as u64;
            fill(map, Rect::new(edge(part), top, width, u64::from(height)), FLOWN);
        }
    }

    fn draw_path(&self, snapshot: &Snapshot, map: &mut ImageMut<'_>) {
        let path = &self.scenery.path;
        let flown = path.partition_point(|p| p.frame <= snapshot.frame);
        let legs = |part: std::ops::Range<usize>, thickness: u32, color: Pixel, map: &mut _| {
            for leg in path[part].chunk_by(|a, b| a.cuts == b.cuts) {
                polyline(map, leg.iter().map(|p| self.to_px(p.at)), thickness, color);
            }
        };
        let width = self.line_px();
        legs(flown.saturating_sub(1)..path.len(), width, AHEAD, map);
        if width > 1 {
            legs(0..flown, width + 2, CASING, map);
        }
        legs(0..flown, width, FLOWN, map);
    }

    /// A wedge as wide as the view, its tip where the camera is.
    fn draw_camera(&self, view: &View, corner: DVec2, map: &mut ImageMut<'_>) {
        let tip = DVec2::new(view.position.x, view.position.y) - corner;
        let [w, h] = view.viewport_px.map(f64::from);
        let reach = self.scenery.size_m.max_element() / 10.0;
        let ends = [0.0, w].map(|x| {
            let ray = view.ray(x, h * 0.5);
            self.to_px(tip + DVec2::new(ray.x, ray.y).normalize_or_zero() * reach)
        });
        let tip = self.to_px(tip);
        let width = self.line_px();
        let corners = [tip, ends[0], ends[1], tip];
        if width > 1 {
            polyline(map, corners, width + 2, CASING);
        }
        polyline(map, corners, width, FLOWN);
        line(map, tip, tip, width * 3, FLOWN);
    }

    /// Thickness of lines, px.
    fn line_px(&self) -> u32 {
        (self.size[0].max(self.size[1]) / 400).max(1)
    }

    /// A place, m from the south-west corner, in the picture.
    pub fn to_px(&self, at: DVec2) -> [f32; 2] {
        let share = at / self.scenery.size_m;
        [
            (share.x * f64::from(self.size[0])) as f32,
            ((1.0 - share.y) * f64::from(self.size[1])) as f32,
        ]
    }

    fn fitted(&self, fine: Vec<Pixel>) -> Result<Vec<Pixel>, SizeError> {
        if self.finer == 1 {
            return Ok(fine);
        }
        let [w, h] = self.size.map(|s| s as usize);
        let finer = self.finer as usize;
        let mut out = vec![[0; 4]; w * h];
        fit(&Image::packed(&fine, w * finer, h * finer)?, &mut packed(&mut out, [w, h])?)?;
        Ok(out)
    }
}

fn packed(pixels: &mut [Pixel], [w, h]: [usize; 2]) -> Result<ImageMut<'_>, SizeError> {
    ImageMut::packed(pixels, w, h)
}

fn fill(picture: &mut ImageMut<'_>, area: Rect, color: Pixel) {
    let mut part = picture.reborrow().crop(area);
    for y in 0..part.height() {
        if let Some(row) = part.row_mut(y) {
            row.fill(color);
        }
    }
}

/// So many times finer that a pixel is no larger than a cell.
fn finer(scenery: &Scenery, size: [u32; 2]) -> u32 {
    let needed = scenery.grounds.iter().flat_map(|g| {
        let cells = g.cells();
        [0, 1].map(|axis| cells[axis].div_ceil(size[axis].max(1)))
    });
    let most = FINE_PX_MAX / size[0].max(size[1]).max(1);
    needed.max().unwrap_or(1).min(most).clamp(1, FINER_MAX)
}

/// The ground in grey, lit from the north-west as maps are, and never so dark that colours over it are lost.
fn relief(scenery: &Scenery, [w, h]: [u32; 2]) -> Vec<Pixel> {
    let heights = (0..h).flat_map(|y| (0..w).map(move |x| [x, y]));
    let heights: Vec<f32> = heights.map(|at| (scenery.height)(scenery.place(at, [w, h]))).collect();
    let step = [scenery.size_m.x / f64::from(w), scenery.size_m.y / f64::from(h)];
    let height = |x: u32, y: u32| heights[(y * w + x) as usize];
    let shade = |x: u32, y: u32| {
        let (left, right) = (x.saturating_sub(1), (x + 1).min(w - 1));
        let (above, below) = (y.saturating_sub(1), (y + 1).min(h - 1));
        let slope =
            |rise: f32, pixels: u32, step: f64| rise / (f64::from(pixels.max(1)) * step) as f32;
        let east = slope(height(right, y) - height(left, y), right - left, step[0]);
        let north = slope(height(x, above) - height(x, below), below - above, step[1]);
        // Half-way up in the north-west: (-½, ½, √½).
        let lit = (0.5 * east - 0.5 * north + core::f32::consts::FRAC_1_SQRT_2)
            / (east * east + north * north + 1.0).sqrt();
        let grey = (120.0 + 135.0 * lit.clamp(0.0, 1.0)) as u8;
        [grey, grey, grey, 255]
    };
    (0..h).flat_map(|y| (0..w).map(move |x| (x, y))).map(|(x, y)| shade(x, y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::heat::tests::{flat, snapshot};

    /// A channel of a flat relief (grey 215: 120 + 135 · √½) under a colour that is multiplied in by 225 parts of 255.
    fn under(color: u8) -> u8 {
        let share = 225.0 / 255.0;
        (215.0 * (1.0 - share + share * f64::from(color) / 255.0)).round() as u8
    }

    fn near(found: Pixel, expected: [u8; 3]) -> bool {
        found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1)
    }

    #[test]
    fn cells_have_the_colours_of_their_levels_north_at_the_top() {
        let painter = Painter::new(Arc::new(flat(HeatMapOf::Pages)), [80, 80]);
        let picture = painter.paint(&snapshot()).unwrap();
        // Centres of cells of 20 × 20 px, rows from the south.
        let at = |column: usize, row: usize| picture[(70 - 20 * row) * 80 + 10 + 20 * column];
        let [fine, coarse] = [[0xfd, 0xe7, 0x25], [0x44, 0x01, 0x54]].map(|c| c.map(under));
        assert!(near(at(0, 0), fine) && near(at(3, 3), fine), "{:?} {:?}", at(0, 0), at(3, 3));
        assert!(near(at(1, 0), coarse) && near(at(0, 1), coarse), "{:?}", at(1, 0));
        assert!(near(at(3, 0), [215; 3]), "bare ground: {:?}", at(3, 0));
        assert_eq!(at(2, 1), MISSING);
    }

    #[test]
    fn counts_run_from_dark_to_bright() {
        let painter = Painter::new(Arc::new(flat(HeatMapOf::Loads)), [80, 80]);
        let mut snapshot = snapshot();
        snapshot.counts = vec![0; 21];
        (snapshot.counts[0], snapshot.counts[3], snapshot.counts[16]) = (7, 1, 3);
        assert_eq!(painter.scenery.top(&snapshot, [80, 80]), 10.0);
        let picture = painter.paint(&snapshot).unwrap();
        let at = |column: usize, row: usize| picture[(70 - 20 * row) * 80 + 10 + 20 * column];
        // 3 + 7 loads are the top, 3 and 1 of 10 lie on the fourth and the second stop.
        assert!(near(at(0, 0), [0xfc, 0xff, 0xa4].map(under)), "{:?}", at(0, 0));
        assert!(near(at(1, 1), [0x6a, 0x17, 0x6e].map(under)), "{:?}", at(1, 1));
        assert!(near(at(3, 0), [0x16, 0x0b, 0x39].map(under)), "{:?}", at(3, 0));
        assert!(near(at(3, 3), [215; 3]), "{:?}", at(3, 3));
    }

    #[test]
    fn the_path_is_white_behind_the_camera_grey_ahead_and_not_there_across_a_cut() {
        let painter = Painter::new(Arc::new(flat(HeatMapOf::Tiles)), [80, 80]);
        let mut snapshot = snapshot();
        snapshot.missing.clear();
        snapshot.frame = 1;
        let picture = painter.paint(&snapshot).unwrap();
        // Along 31.75 m north: from 5 to 15 m, on to 25 m, and after a cut from 30 to 38 m.
        let at = |metres: usize| picture[16 * 80 + 2 * metres];
        assert_eq!((at(10), at(20), at(34)), (FLOWN, AHEAD, AHEAD));
        assert!(at(27) != AHEAD && at(27) != FLOWN);
    }

    #[test]
    fn a_sheet_has_a_legend_with_a_field_a_level_and_a_scale_bar() {
        let painter = Painter::new(Arc::new(flat(HeatMapOf::Pages)), [100, 100]);
        let (pixels, [w, h]) = painter.sheet(&snapshot()).unwrap();
        assert_eq!([w, h], [100 + 8 + 24, 100]);
        assert_eq!(pixels.len(), (w * h) as usize);
        let at = |x: u32, y: u32| pixels[(y * w + x) as usize];
        assert_eq!(at(104, 50), [255; 4]);
        assert_eq!(at(120, 49), [0xfd, 0xe7, 0x25, 255]);
        assert_eq!(at(120, 50), [0x44, 0x01, 0x54, 255]);
        // A fifth of 40 m is 8: the bar has 5 m, 12 or 13 px, its first quarter white.
        assert_eq!(painter.scenery.bar_m(), 5.0);
        assert_eq!((at(5, 91), at(7, 91), at(10, 91)), (CASING, FLOWN, CASING));
    }

    #[test]
    fn a_small_map_shows_every_cell_that_is_missing() {
        let painter = Painter::new(Arc::new(flat(HeatMapOf::Pages)), [2, 2]);
        assert_eq!(painter.finer, 2);
        let mut snapshot = snapshot();
        // A camera far away hides nothing.
        snapshot.view.position.x = 1e9;
        let picture = painter.paint(&snapshot).unwrap();
        // Cell (2, 1) from the south-west lies in the pixel in the south-east.
        assert_eq!(picture[3], MISSING);
    }

    #[test]
    fn round_numbers() {
        let rounded = [0.0, 1.0, 1.5, 2.0, 3.0, 7.0, 11.0, 250.0].map(round_up);
        assert_eq!(rounded, [1.0, 1.0, 2.0, 2.0, 5.0, 10.0, 20.0, 500.0]);
    }
}
