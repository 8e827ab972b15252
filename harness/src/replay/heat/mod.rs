//! Heat maps of residency: the world from above, coloured by what of it is resident, drawn on threads of
//! their own from snapshots that the frame loop takes.

mod ground;
mod painter;
mod text;

pub use ground::Ground;
pub use painter::{Painter, Scenery, Waypoint};
pub use text::{Ink, ink, text};

use crate::cli::{Clock, HeatMapOf};
use crate::replay::live::Live;
use crate::replay::settings::Settings;
use crate::replay::sink::Sink;
use crate::report::{Fifos, FrameNeeds, Need};
use crate::{file, truth::Truth};
use anyhow::{Context, Result};
use farplane::WorldIndex;
use farplane::composite::FifoPolicy;
use farplane::geom::{DVec2, View};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Maps that may wait to be drawn and written.
const FIFO_CAPACITY: usize = 4;
/// Points of the path that a map shows at most.
const WAYPOINTS_MAX: u64 = 4096;

/// What a map shows, as it was at the end of a frame.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The frame.
    pub frame: u64,
    /// A bit a unit.
    pub resident: Vec<u64>,
    /// What was counted of each unit; empty on maps of levels.
    pub counts: Vec<u32>,
    /// Units that the last counted frame wanted and that were not there.
    pub missing: Vec<u32>,
    /// The camera.
    pub view: View,
    /// The world's south-west corner, m.
    pub corner: DVec2,
    /// Needs counted so far, and hits among them.
    pub needs: [u64; 2],
    /// How the run goes.
    pub status: Status,
}

/// How a run goes, for a line below a live map.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// Frames done, and all of them.
    pub frames: [u64; 2],
    /// Path time flown, s.
    pub seconds: f64,
    /// Bytes held, and allowed.
    pub usage_bytes: [u64; 2],
    /// Reads in flight.
    pub reads: u32,
}

impl Snapshot {
    /// Whether a unit is resident.
    pub fn is_resident(&self, unit: u32) -> bool {
        self.resident.get(unit as usize / 64).is_some_and(|word| word >> (unit % 64) & 1 == 1)
    }
}

/// What a run records for its maps, and who draws them.
pub struct HeatMaps {
    of: HeatMapOf,
    counts: Vec<u32>,
    missing: Vec<u32>,
    needs: [u64; 2],
    corner: DVec2,
    files: Option<Files>,
    live: Option<Live>,
}

/// Maps that are written.
struct Files {
    path: PathBuf,
    /// Frames from one numbered map to the next.
    every: Option<f64>,
    /// Number of the next one.
    number: u64,
    sink: Sink<(PathBuf, Snapshot)>,
    scenery: Arc<Scenery>,
    size: [u32; 2],
}

impl HeatMaps {
    /// What the command line asks for; `None` for no map.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new(settings: &Settings, index: &WorldIndex) -> Result<Option<Self>> {
        let args = &settings.args;
        if args.heat_map.is_none() && !args.live {
            return Ok(None);
        }
        let scenery = Arc::new(scenery(settings, index));
        let counts = match args.heat_map_of {
            HeatMapOf::Pages | HeatMapOf::Tiles => 0,
            HeatMapOf::Loads | HeatMapOf::Misses => index.units.len(),
        };
        let files = args.heat_map.as_ref().map(|path| Files::new(settings, &scenery, path));
        let live = args.live.then(|| Live::new(settings, &scenery));
        Ok(Some(Self {
            of: args.heat_map_of,
            counts: vec![0; counts],
            missing: Vec::new(),
            needs: [0; 2],
            corner: settings.truth.extent()[0],
            files: files.transpose()?,
            live: live.transpose()?,
        }))
    }

    /// Whether a terminal shows how the run goes.
    pub fn is_live(&self) -> bool {
        self.live.as_ref().is_some_and(Live::draws)
    }

    /// A unit was loaded.
    pub fn loaded(&mut self, unit: u32) {
        if self.of == HeatMapOf::Loads {
            self.counts[unit as usize] += 1;
        }
    }

    /// Needs of a frame were counted.
    pub fn counted(&mut self, needs: &[Need], counted: &FrameNeeds, warm_up: bool) {
        self.missing.clear();
        self.missing.extend(needs.iter().filter(|n| !n.hit).map(|n| n.unit));
        self.needs[0] += counted.needs;
        self.needs[1] += counted.hits;
        if self.of == HeatMapOf::Misses && !warm_up {
            for &unit in &self.missing {
                self.counts[unit as usize] += 1;
            }
        }
    }

    /// At the end of a frame: takes the snapshots that are due. `resident` has a bit a unit.
    ///
    /// # Errors
    /// When an earlier map could not be written.
    pub fn frame(&mut self, resident: &[u64], view: &View, status: Status) -> Result<()> {
        let frame = status.frames[0];
        if let Some(every) = self.files.as_ref().and_then(|f| f.every)
            && frame as f64 >= self.files.as_ref().map_or(0.0, |f| f.number as f64 * every)
        {
            let snapshot = self.snapshot(resident, view, status);
            if let Some(files) = &mut self.files {
                files.push_numbered(snapshot)?;
            }
        }
        if self.live.as_mut().is_some_and(Live::is_due) {
            let snapshot = self.snapshot(resident, view, status);
            if let Some(live) = &mut self.live {
                live.push(snapshot)?;
            }
        }
        Ok(())
    }

    /// The last maps. Waits until all are written.
    ///
    /// # Errors
    /// When a map could not be written.
    pub fn finish(mut self, resident: &[u64], view: &View, status: Status) -> Result<Fifos> {
        let snapshot = self.snapshot(resident, view, status);
        let mut fifos = Fifos::default();
        if let Some(live) = self.live.take() {
            fifos.live = live.finish(snapshot.clone())?;
        }
        if let Some(Files { path, mut sink, scenery, size, .. }) = self.files.take() {
            let note = note(&scenery, &path, size, &snapshot);
            sink.push((path, snapshot))?;
            fifos.heat_map = sink.finish()?;
            eprintln!("{note}");
        }
        Ok(fifos)
    }

    fn snapshot(&self, resident: &[u64], view: &View, status: Status) -> Snapshot {
        Snapshot {
            frame: status.frames[0],
            resident: resident.to_vec(),
            counts: self.counts.clone(),
            missing: self.missing.clone(),
            view: *view,
            corner: self.corner,
            needs: self.needs,
            status,
        }
    }
}

impl Files {
    fn new(settings: &Settings, scenery: &Arc<Scenery>, path: &Path) -> Result<Self> {
        let args = &settings.args;
        let size = scenery.size_px(args.heat_map_px);
        // Every map is written where time waits for it; elsewhere no frame waits for a map.
        let policy = match args.clock {
            Clock::Virtual => FifoPolicy::Block,
            Clock::Real => FifoPolicy::DropOldest,
        };
        let (mut painter, for_painter) = (None, Arc::clone(scenery));
        let gives_way = args.clock == Clock::Real;
        let write = move |(path, snapshot): (PathBuf, Snapshot)| {
            let painter =
                painter.get_or_insert_with(|| Painter::new(Arc::clone(&for_painter), size));
            let (pixels, size) = painter.sheet(&snapshot).context("drawing a heat map")?;
            file::write(&path, &png(&pixels, size)?)
        };
        let sink = Sink::start("heat-map", FIFO_CAPACITY, policy, gives_way, write)?;
        let every = args.heat_map_every.map(|seconds| seconds * args.target_hz);
        let (path, scenery) = (path.to_owned(), Arc::clone(scenery));
        Ok(Self { path, every, number: 1, sink, scenery, size })
    }

    fn push_numbered(&mut self, snapshot: Snapshot) -> Result<()> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-{:04}.png", self.number);
        self.number += 1;
        self.sink.push((self.path.with_file_name(name), snapshot))
    }
}

/// What the colours are, for people.
fn note(scenery: &Scenery, path: &Path, [w, h]: [u32; 2], last: &Snapshot) -> String {
    let top = scenery.top(last, [w, h]);
    let colors = match scenery.of {
        HeatMapOf::Pages => format!("finest texture page resident, of {} levels", top + 1.0),
        HeatMapOf::Tiles => format!("finest terrain tile resident, of {} levels", top + 1.0),
        HeatMapOf::Loads => format!("loads of pages and tiles, 0 to {top}"),
        HeatMapOf::Misses => format!("frames that missed a page or tile, 0 to {top}"),
    };
    let bar = crate::flown::distance(scenery.bar_m());
    format!("heat map: {} ({w} x {h} px): {colors}; the scale bar is {bar}", path.display())
}

fn scenery(settings: &Settings, index: &WorldIndex) -> Scenery {
    let truth = Arc::clone(&settings.truth);
    let [corner, end] = truth.extent();
    let height = move |at: DVec2| Truth::height(&truth, corner.x + at.x, corner.y + at.y);
    let frames = &settings.frames;
    let step = (frames.end - frames.start).div_ceil(WAYPOINTS_MAX).max(1) as usize;
    let waypoint = |frame: u64| {
        let (view, cuts) = settings.view(frame);
        let at = DVec2::new(view.position.x, view.position.y) - corner;
        Waypoint { frame: frame - frames.start, at, cuts }
    };
    Scenery {
        of: settings.args.heat_map_of,
        grounds: Ground::of(index, settings.args.heat_map_of),
        size_m: end - corner,
        height: Box::new(move |at| height(at).unwrap_or(0.0) as f32),
        path: frames.clone().step_by(step).chain([frames.end - 1]).map(waypoint).collect(),
    }
}

/// RGB of opaque pixels, as a PNG.
fn png(pixels: &[[u8; 4]], [w, h]: [u32; 2]) -> Result<Vec<u8>> {
    let rgb: Vec<u8> = pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    encoder.write_image(&rgb, w, h, ExtendedColorType::Rgb8).context("encoding a picture")?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::ground::Level;
    use super::*;
    use farplane::geom::DVec3;

    /// A flat world of 40 × 40 m: 16 cells, units 0 to 15 by rows from the south-west; 16 to 19 above
    /// them; 20 the root, always resident.
    pub fn flat(of: HeatMapOf) -> Scenery {
        let level = |first, side| Level { first, size: [side, side] };
        let levels = vec![level(0, 4), level(16, 2), level(20, 1)];
        let point = |frame, x, cuts| Waypoint { frame, at: DVec2::new(x, 31.75), cuts };
        Scenery {
            of,
            grounds: vec![Ground::new(levels, DVec2::splat(10.0), 2)],
            size_m: DVec2::splat(40.0),
            height: Box::new(|_| 7.0),
            path: vec![
                point(0, 5.0, 0),
                point(1, 15.0, 0),
                point(2, 25.0, 0),
                point(3, 30.0, 1),
                point(4, 38.0, 1),
            ],
        }
    }

    /// Resident: the cells in the south-west and north-east corners, the quarter in the south-west, the
    /// root. Missing: the cell in column 2, row 1. The camera in the middle of cell (2, 2), looking
    /// north.
    pub fn snapshot() -> Snapshot {
        let corner = DVec2::new(1000.0, -500.0);
        let position = DVec3::new(1025.0, -475.0, 50.0);
        Snapshot {
            frame: 0,
            resident: vec![1 | 1 << 15 | 1 << 16 | 1 << 20],
            counts: Vec::new(),
            missing: vec![6],
            view: View::looking(position, DVec3::Y, 60.0, [192, 108]),
            corner,
            needs: [0; 2],
            status: Status::default(),
        }
    }

    #[test]
    fn a_map_in_ascii() {
        let painter = Painter::new(Arc::new(flat(HeatMapOf::Pages)), [8, 8]);
        let expected = "      @@\n     ^  \n----!!  \n@@--    \n";
        assert_eq!(text(&painter, &snapshot(), Ink::Ascii).unwrap(), expected);
    }

    #[test]
    fn a_map_in_colour_is_as_large_as_it_should_be() {
        let painter = Painter::new(Arc::new(flat(HeatMapOf::Pages)), [8, 8]);
        for (ink, code) in [(Ink::TrueColor, "\x1b[38;2;"), (Ink::Palette, "\x1b[38;5;")] {
            let text = text(&painter, &snapshot(), ink).unwrap();
            assert_eq!((text.lines().count(), text.matches('▀').count()), (4, 32));
            assert!(text.contains(code));
        }
    }

    #[test]
    fn the_environment_decides_the_ink() {
        let with = |pairs: &'static [(&str, &str)]| {
            ink(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(with(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]), Some(Ink::TrueColor));
        assert_eq!(with(&[("TERM", "xterm-256color")]), Some(Ink::Palette));
        assert_eq!(with(&[("COLORTERM", "24bit"), ("NO_COLOR", "1")]), Some(Ink::Ascii));
        assert_eq!(with(&[("COLORTERM", "24bit"), ("NO_COLOR", "")]), Some(Ink::TrueColor));
        assert_eq!(with(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), None);
    }

    #[test]
    fn a_png_has_the_pixels() {
        let bytes = png(&[[1, 2, 3, 255], [4, 5, 6, 255]], [1, 2]).unwrap();
        let back = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(back.dimensions(), (1, 2));
        assert_eq!(back.into_raw(), [1, 2, 3, 4, 5, 6]);
    }
}
