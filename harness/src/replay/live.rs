//! The heat map in the terminal, redrawn in place while a replay runs.

use crate::cli::Clock;
use crate::progress;
use crate::replay::heat::{Ink, Painter, Scenery, Snapshot, ink, text};
use crate::replay::settings::Settings;
use crate::replay::sink::Sink;
use crate::report::Fifo;
use anyhow::{Context, Result};
use console::Term;
use farplane::composite::FifoPolicy;
use farplane_profiler::Clock as WallClock;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};
use std::sync::Arc;

/// From map to map, ns: eight a second.
const PERIOD_NS: u64 = 125_000_000;
/// Where no terminal says how wide it is: what is printed into a file is read there.
const FILE_COLUMNS: u32 = 72;
/// Lines below a map: how the run goes, and where the cursor stands.
const LINES_BELOW: u32 = 2;

/// Who draws in the terminal.
pub struct Live {
    /// `None` where there is no terminal to draw in: the last map is printed once.
    sink: Option<Sink<Snapshot>>,
    scenery: Arc<Scenery>,
    clock: WallClock,
    due_ns: u64,
}

impl Live {
    /// Starts drawing on standard error, if that is a terminal.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn new(settings: &Settings, scenery: &Arc<Scenery>) -> Result<Self> {
        let ink = ink(|name| std::env::var(name).ok()).filter(|_| stderr().is_terminal());
        let start = |ink| {
            let mut screen = Screen::new(ink, Arc::clone(scenery));
            let draw = move |snapshot: Snapshot| screen.draw(&snapshot);
            // Whoever watches wants the newest one.
            let gives_way = settings.args.clock == Clock::Real;
            Sink::start("live", 1, FifoPolicy::DropOldest, gives_way, draw)
        };
        let scenery = Arc::clone(scenery);
        Ok(Self { sink: ink.map(start).transpose()?, scenery, clock: WallClock::new(), due_ns: 0 })
    }

    /// Whether there is a terminal to draw in.
    pub fn draws(&self) -> bool {
        self.sink.is_some()
    }

    /// Whether it is time for another map.
    pub fn is_due(&mut self) -> bool {
        let now_ns = self.clock.now_ns();
        let due = self.draws() && now_ns >= self.due_ns;
        if due {
            self.due_ns = now_ns + PERIOD_NS;
        }
        due
    }

    /// Draws a map, when there is time.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn push(&mut self, snapshot: Snapshot) -> Result<()> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.push(snapshot))
    }

    /// Draws the last map and leaves it there. Where there is no terminal, prints it in ASCII.
    ///
    /// # Errors
    /// As [`Live::push`].
    pub fn finish(mut self, last: Snapshot) -> Result<Fifo> {
        if let Some(mut sink) = self.sink.take() {
            sink.push(last)?;
            return sink.finish();
        }
        let size = size_in(&self.scenery, FILE_COLUMNS, FILE_COLUMNS / 2);
        let painter = Painter::new(Arc::clone(&self.scenery), size);
        let map = text(&painter, &last, Ink::Ascii)?;
        let printed = writeln!(stderr().lock(), "{map}{}", status_line(&last, usize::MAX));
        printed.context("cannot draw on standard error")?;
        Ok(Fifo::default())
    }
}

/// The terminal, and what was drawn there.
struct Screen {
    ink: Ink,
    scenery: Arc<Scenery>,
    painter: Option<Painter>,
    /// Columns and rows of the terminal.
    size: [u32; 2],
    /// The lines that are there, the last one above the cursor's.
    shown: Vec<String>,
}

impl Screen {
    fn new(ink: Ink, scenery: Arc<Scenery>) -> Self {
        Self { ink, scenery, painter: None, size: [0; 2], shown: Vec::new() }
    }

    fn draw(&mut self, snapshot: &Snapshot) -> Result<()> {
        let (rows, columns) = Term::stderr().size();
        let size = [u32::from(columns), u32::from(rows)];
        let mut out = String::new();
        if self.painter.is_none() {
            progress::hide_cursor();
        } else if size == self.size {
            write!(out, "\r\x1b[{}A", self.shown.len())?;
        } else {
            // Lines that were wrapped anew cannot be found again.
            out.push_str("\x1b[2J\x1b[H");
            self.shown.clear();
        }
        let painter = match &mut self.painter {
            Some(painter) if size == self.size => painter,
            other => {
                let map = size_in(&self.scenery, size[0], size[1].saturating_sub(LINES_BELOW));
                other.insert(Painter::new(Arc::clone(&self.scenery), map))
            }
        };
        self.size = size;
        let map = text(painter, snapshot, self.ink)?;
        let status = status_line(snapshot, columns.into());
        let lines: Vec<String> = map.lines().chain([&*status]).map(str::to_owned).collect();
        for (i, line) in lines.iter().enumerate() {
            // What stays is not written again: a map has many lines and few that change.
            match self.shown.get(i) == Some(line) {
                true => out.push('\n'),
                false => writeln!(out, "{line}\x1b[K")?,
            }
        }
        self.shown = lines;
        let mut stderr = stderr().lock();
        stderr.write_all(out.as_bytes()).context("cannot draw in the terminal")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        progress::show_cursor();
    }
}

/// Columns, and rows of pixels two to a line, of the largest map in so many columns and lines.
fn size_in(scenery: &Scenery, columns: u32, lines: u32) -> [u32; 2] {
    let [w, h] = [columns.max(1), (lines * 2).max(2)].map(f64::from);
    let scale = (w / scenery.size_m.x).min(h / scenery.size_m.y);
    [(scenery.size_m.x * scale) as u32, (scenery.size_m.y * scale) as u32].map(|s| s.max(1))
}

/// How the run goes, in one line of at most so many characters.
fn status_line(snapshot: &Snapshot, columns_max: usize) -> String {
    let (status, [needs, hits]) = (&snapshot.status, snapshot.needs);
    let percent = status.frames[0] * 100 / status.frames[1].max(1);
    let rate =
        if needs > 0 { format!("{:.4}", hits as f64 / needs as f64) } else { "-".to_owned() };
    let [usage, budget] = status.usage_bytes.map(|b| b as f64 / 1_048_576.0);
    let line = format!(
        "{percent:3}%  {:.1} s  hit rate {rate}  {usage:.0} of {budget:.0} MiB  {} reads in flight",
        status.seconds, status.reads
    );
    line.chars().take(columns_max.saturating_sub(1)).collect()
}
