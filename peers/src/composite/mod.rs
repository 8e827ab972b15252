//! Source-over, mips and page building: everyone on the same pictures.

mod contenders;
mod pages;
mod pictures;
#[cfg(has_pixman)]
mod pixman;

use crate::goal::{Bound, Goal};
use crate::rounds::{median, since_ns};
use crate::section::Section;
use crate::table::{Side, Table};
use contenders::{Contender, MEMCPY, OURS, PIXMAN, SKIA, VELLO, contenders};
use farplane_composite::Level;
use pictures::Alpha;
use std::time::Instant;

/// Rounds; each figure is the median.
const ROUNDS: usize = 9;
/// A contender's turn lasts at least so long, so that the clock does not count.
const TURN_NS: f64 = 3e6;

/// Names and medians of a run, µs a turn's single run.
fn measure(all: &mut [Contender]) -> Vec<f64> {
    let mut rounds = vec![Vec::new(); all.len()];
    for round in 0..=ROUNDS {
        for (contender, figures) in all.iter_mut().zip(&mut rounds) {
            let (start, mut runs) = (Instant::now(), 0.0);
            while since_ns(start) < TURN_NS {
                (contender.run)();
                runs += 1.0;
            }
            // The first round warms up.
            if round > 0 {
                figures.push(since_ns(start) * 1e-3 / runs);
            }
        }
    }
    rounds.iter().map(|figures| median(figures)).collect()
}

/// Source-over of pictures of one size, a column for each kind of alphas.
fn over_table(title: &str, width: usize, height: usize) -> Table {
    let columns: Vec<String> = Alpha::ALL.iter().map(|a| format!("{}, µs", a.name())).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(title, &columns);
    let mut rows: Vec<(&str, Side, Vec<Option<f64>>)> = Vec::new();
    for alpha in Alpha::ALL {
        let dst = Alpha::Random.picture(1, width, height);
        let src = alpha.picture(2, width, height);
        let mut all = contenders(&dst, &src, width, height);
        let figures = measure(&mut all);
        if rows.is_empty() {
            rows = all.iter().map(|c| (c.name, c.side, Vec::new())).collect();
        }
        for (row, figure) in rows.iter_mut().zip(figures) {
            row.2.push(Some(figure));
        }
    }
    for (name, side, cells) in rows {
        table.row(name, side, &cells);
    }
    table
}

/// Measures the section.
pub fn run() -> Section {
    let level = Level::current();
    let method = format!(
        "source-over of premultiplied RGBA8, one thread where not said otherwise; median of \
         {ROUNDS} rounds; farplane at {level:?}"
    );
    let mut section = Section::new("composite", &method);
    section.tables.push(over_table("1920 × 1080", 1920, 1080));
    section.tables.push(over_table("256 × 256, a page in cache", 256, 256));
    section.tables.push(pages::mips());
    section.tables.push(pages::building());
    section.tables.push(pages::threads());
    if cfg!(not(has_pixman)) {
        section.absent(PIXMAN, "pkg-config finds no pixman-1: install libpixman-1-dev");
    }
    section.absent("OpenCV", "not installed: its headers and libraries are not looked for");
    section.absent("Skia, cairo", "C++ and C; cairo composites with pixman");
    section.goals = goals(&section.tables, level);
    section
}

fn goals(tables: &[Table], level: Level) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let [frame, page, mips, building, threads] = tables else { return Vec::new() };
    let times = |table: &Table, peer: &str, column: &str| table.ratio(peer, OURS, column);
    #[cfg(has_pixman)]
    let differing = Some(pixman::differing() as f64);
    #[cfg(not(has_pixman))]
    let differing = None;
    let random = "random, µs";
    let mut goals = vec![
        (
            "pixels that differ from pixman's: 13 operators, all pairs of alphas",
            AtMost(0.0),
            differing,
        ),
        ("1080p random: times as fast as pixman", AtLeast(2.0), times(frame, PIXMAN, random)),
        ("1080p random: time / memcpy", AtMost(1.15), frame.ratio(OURS, MEMCPY, random)),
        ("1080p opaque: time / memcpy", AtMost(1.05), frame.ratio(OURS, MEMCPY, "opaque, µs")),
        ("1080p random: times as fast as vello_cpu", AtLeast(4.0), times(frame, VELLO, random)),
        ("1080p random: times as fast as tiny-skia", AtLeast(17.0), times(frame, SKIA, random)),
    ];
    let on_pages = times(page, PIXMAN, random);
    let wide = |wanted: Level| if level == wanted { on_pages } else { None };
    goals.extend([
        ("256² random, AVX2: times as fast as pixman", AtLeast(2.8), wide(Level::Avx2)),
        ("256² random, AVX-512: times as fast as pixman", AtLeast(4.0), wide(Level::Avx512)),
    ]);
    goals.extend(pages::goals(mips, building, threads));
    goals.into_iter().map(|(what, bound, v)| Goal::new(what, bound, v)).collect()
}
