use std::fmt::Write;

use serde_json::Value;

use super::{OPTION_CLOCK, OPTION_TARGET_HZ, Report};

/// A screen has at most this many lines.
pub const SCREEN_LINES_MAX: usize = 40;

/// A line of a screen has at most this many characters, colour codes aside.
pub const SCREEN_COLUMNS_MAX: usize = 100;

/// The report on one screen, the verdict first. Colour, as ANSI codes, only in the verdict's word.
///
/// A run is HELD when no frame was over the target (with the real clock), no need was a hole, no
/// allocation was refused and usage stayed within the budget; MISSED when one of these is not so;
/// UNKNOWN when one of the figures was not taken.
#[must_use]
pub fn screen(report: &Report, color: bool) -> String {
    let verdict = Verdict::of(report);
    let mut lines = vec![verdict.text.clone(), String::new()];
    run_lines(report, &mut lines);
    residency_lines(report, &mut lines);
    memory_lines(report, &mut lines);
    io_lines(report, &mut lines);
    draw_lines(report, &mut lines);
    timing_lines(report, &mut lines);
    let mut out = String::new();
    for (index, line) in lines.iter().take(SCREEN_LINES_MAX).enumerate() {
        let line = fit(line);
        match line.strip_prefix(verdict.word) {
            Some(rest) if color && index == 0 => {
                out.push_str(verdict.ansi);
                out.push_str(verdict.word);
                out.push_str("\x1b[0m");
                out.push_str(rest);
            }
            _ => out.push_str(&line),
        }
        out.push('\n');
    }
    out
}

struct Verdict {
    word: &'static str,
    ansi: &'static str,
    text: String,
}

impl Verdict {
    fn of(report: &Report) -> Self {
        let is_virtual =
            report.options.get(OPTION_CLOCK).and_then(Value::as_str) == Some("virtual");
        let goal = match report.option_number(OPTION_TARGET_HZ) {
            _ if is_virtual => "the budget (virtual clock)".to_owned(),
            Some(hz) => format!("{hz} Hz"),
            None => "the target".to_owned(),
        };
        let (mut missed, mut unknown) = (Vec::new(), Vec::new());
        check_frames(report, is_virtual, &mut missed, &mut unknown);
        check_counts(report, &mut missed, &mut unknown);
        let (word, ansi, reasons) = if !missed.is_empty() {
            ("MISSED", "\x1b[1;31m", missed.join(", "))
        } else if !unknown.is_empty() {
            ("UNKNOWN", "\x1b[1;33m", format!("no figure for {}", unknown.join(", ")))
        } else {
            ("HELD", "\x1b[1;32m", held_because(report, is_virtual))
        };
        Self { word, ansi, text: format!("{word} {goal}: {reasons}") }
    }
}

fn check_frames(
    report: &Report,
    is_virtual: bool,
    missed: &mut Vec<String>,
    unknown: &mut Vec<String>,
) {
    if is_virtual {
        return;
    }
    let timing = &report.timing;
    match timing.hitches.over_target {
        None => unknown.push("hitches".to_owned()),
        Some(0) => {}
        Some(hitches) => missed.push(format!(
            "{hitches} of {} frames late, worst {} ms ({})",
            count(timing.frames_timed),
            figure(timing.frame_ms.max, 2),
            timing.hitches.worst_cause.as_deref().unwrap_or("cause not known"),
        )),
    }
}

fn check_counts(report: &Report, missed: &mut Vec<String>, unknown: &mut Vec<String>) {
    for (name, value) in [("holes", report.residency.holes), ("refused", report.memory.refused)] {
        match value {
            None => unknown.push(name.to_owned()),
            Some(0) => {}
            Some(value) => missed.push(format!("{name} {value}")),
        }
    }
    match (report.memory.usage_bytes_max, report.memory.budget_bytes) {
        (Some(usage), Some(budget)) if usage > budget => {
            missed.push(format!(
                "usage {} over the budget by {} B",
                mib(Some(usage)),
                usage - budget
            ));
        }
        (Some(_), Some(_)) => {}
        _ => unknown.push("usage or budget".to_owned()),
    }
}

fn held_because(report: &Report, is_virtual: bool) -> String {
    let frames = match is_virtual {
        true => format!("{} frames", count(report.residency.frames_measured)),
        false => format!("no hitch in {} frames", count(report.timing.frames_timed)),
    };
    format!(
        "{frames}, holes 0, hit rate {}, usage {} of {}",
        figure(report.residency.hit_rate, 3),
        mib(report.memory.usage_bytes_max),
        mib(report.memory.budget_bytes),
    )
}

fn run_lines(report: &Report, lines: &mut Vec<String>) {
    let (world, path) = (&report.world, &report.path);
    lines.push(format!(
        "world      {}: {} units, {} decoded, {} on disk",
        text(&world.path),
        count(world.units),
        mib(world.logical_bytes),
        mib(world.archive_bytes),
    ));
    lines.push(format!(
        "path       {} frames, {} s, {} cuts; {} frames of warm-up, in no figure below but 'all'",
        count(path.frames),
        figure(path.seconds, 1),
        count(path.cuts),
        count(report.residency.frames_warm_up),
    ));
}

fn residency_lines(report: &Report, lines: &mut Vec<String>) {
    let residency = &report.residency;
    let wait = &residency.time_to_quality_ms;
    lines.push(String::new());
    lines.push(format!("residency  over {} frames", count(residency.frames_measured)));
    lines.push(row(&[
        ("hit rate", figure(residency.hit_rate, 4)),
        ("first need", figure(residency.hit_rate_first, 4)),
        ("by pixels", figure(residency.hit_rate_pixels, 4)),
        ("all", figure(residency.hit_rate_cold, 4)),
    ]));
    lines.push(row(&[
        ("needs", count(residency.needs)),
        ("hits", count(residency.hits)),
        ("holes, all", count(residency.holes)),
        ("coarser by", levels(residency.fallback_depth_mean, residency.fallback_depth_max)),
    ]));
    lines.push(row(&[
        ("wait p50 ms", figure(wait.p50, 1)),
        ("wait p99 ms", figure(wait.p99, 1)),
        ("wait max ms", figure(wait.max, 1)),
        ("unserved", count(wait.unserved)),
    ]));
    lines.push(row(&[
        ("loaded, all", mib(residency.loaded_bytes)),
        ("waste, all", figure(residency.waste, 4)),
        ("thrash, all", count(residency.thrashed_units)),
    ]));
    if let Some(bound) = &residency.bound {
        lines.push(row(&[
            ("bound", figure(bound.hit_rate, 4)),
            ("ratio", figure(bound.ratio, 4)),
            ("bytes low", mib(bound.loaded_bytes_low)),
            ("bytes high", mib(bound.loaded_bytes_high)),
        ]));
    }
}

fn memory_lines(report: &Report, lines: &mut Vec<String>) {
    let memory = &report.memory;
    lines.push(String::new());
    lines.push(format!("memory     over all {} frames", count(report.path.frames)));
    lines.push(row(&[
        ("budget", mib(memory.budget_bytes)),
        ("usage max", mib(memory.usage_bytes_max)),
        ("index", mib(memory.index_bytes)),
        ("occupancy", figure(memory.occupancy_mean, 3)),
    ]));
    lines.push(row(&[
        ("frag. mean", figure(memory.fragmentation.mean, 3)),
        ("frag. max", figure(memory.fragmentation.max, 3)),
        ("frag. last", figure(memory.fragmentation.last, 3)),
        ("internal", figure(memory.internal_fragmentation, 3)),
    ]));
    lines.push(row(&[
        ("moved", mib(memory.moved_bytes)),
        ("most/frame", mib(memory.moved_bytes_frame_max)),
        ("refused", count(memory.refused)),
        ("evicted", count(memory.evicted_units)),
    ]));
}

fn io_lines(report: &Report, lines: &mut Vec<String>) {
    let io = &report.io;
    lines.push(String::new());
    lines.push(format!(
        "io         {}, over all {} frames",
        text(&io.backend),
        count(report.path.frames)
    ));
    lines.push(row(&[
        ("reads", count(io.reads)),
        ("read", mib(io.read_bytes)),
        ("decoded", mib(io.decoded_bytes)),
        ("coalesced", count(io.coalesced)),
    ]));
    lines.push(row(&[
        ("p50 ms", figure(io.latency_ms.p50, 3)),
        ("p99 ms", figure(io.latency_ms.p99, 3)),
        ("cancelled", count(io.cancelled)),
        ("retried", count(io.retried)),
    ]));
    lines.push(row(&[("failed", count(io.failed)), ("bad blocks", count(io.checksum_failures))]));
}

fn draw_lines(report: &Report, lines: &mut Vec<String>) {
    let (draw, quality) = (&report.draw, &report.quality);
    let drawn = [draw.instances, draw.triangles, draw.draw_calls_before, draw.draw_calls];
    let compared = [quality.psnr_mean_db, quality.psnr_min_db];
    if drawn.iter().chain(&compared).all(Option::is_none) {
        return;
    }
    lines.push(String::new());
    lines.push(format!("draw       mean over {} frames", count(report.residency.frames_measured)));
    lines.push(row(&[
        ("instances", figure(draw.instances, 0)),
        ("triangles", figure(draw.triangles, 0)),
        ("unbatched", figure(draw.draw_calls_before, 0)),
        ("draw calls", figure(draw.draw_calls, 0)),
    ]));
    let small = ("too small", figure(draw.too_small, 0));
    if draw.lod_scale_max.is_some_and(|scale| scale > 1.0) {
        lines.push(row(&[
            small,
            ("LOD scale max", figure(draw.lod_scale_max, 2)),
            ("levels less", figure(draw.lod_coarser, 0)),
            ("hidden", figure(draw.lod_hidden, 0)),
        ]));
    } else {
        lines.push(row(&[small]));
    }
    if compared.iter().any(Option::is_some) {
        lines.push(row(&[
            ("PSNR mean dB", figure(quality.psnr_mean_db, 2)),
            ("PSNR min dB", figure(quality.psnr_min_db, 2)),
        ]));
    }
}

fn timing_lines(report: &Report, lines: &mut Vec<String>) {
    let timing = &report.timing;
    let (frame, interval, update) = (&timing.frame_ms, &timing.interval_ms, &timing.update_ms);
    lines.push(String::new());
    lines.push(format!(
        "timing     over {} frames, {} threads, {}",
        count(timing.frames_timed),
        count(timing.threads),
        text(&timing.cpu),
    ));
    lines.push(row(&[
        ("frame p50 ms", figure(frame.p50, 3)),
        ("p99 ms", figure(frame.p99, 3)),
        ("max ms", figure(frame.max, 3)),
        ("cv(max(t,T))", figure(frame.cv, 3)),
    ]));
    lines.push(row(&[
        ("update p50 ms", figure(update.p50, 3)),
        ("p99 ms", figure(update.p99, 3)),
        ("max ms", figure(update.max, 3)),
        ("cv(interval)", figure(interval.cv, 3)),
    ]));
    let find = &timing.cull_lod_ms;
    lines.push(row(&[
        ("cull+LOD p50", figure(find.p50, 3)),
        ("p99 ms", figure(find.p99, 3)),
        ("CPU p50 ms", figure(find.cpu_p50, 3)),
        ("CPU p99 ms", figure(find.cpu_p99, 3)),
    ]));
    lines.push(row(&[
        ("FPS mean", figure(timing.fps_mean, 1)),
        ("1% low avg", figure(timing.fps_low_1pct_avg, 1)),
        ("0.1% low avg", figure(timing.fps_low_01pct_avg, 1)),
        ("pacing p99 ms", figure(timing.pacing_ms.p99, 3)),
    ]));
    lines.push(row(&[
        ("hitches > T", count(timing.hitches.over_target)),
        ("> 2T", count(timing.hitches.over_2x)),
        ("> 50 ms", count(timing.hitches.over_50ms)),
        ("hitch ms/s", figure(timing.hitches.ms_per_s, 3)),
    ]));
    lines.push(row(&[
        ("smoothness", figure(timing.smoothness, 4)),
        ("tier", text(timing.tier.as_deref().unwrap_or(""))),
        ("start-up ms", figure(timing.startup_ms, 0)),
        ("anon RSS max", mib(timing.peak_anon_rss_bytes)),
    ]));
    let fifos = &timing.fifos;
    let named =
        [("pictures", &fifos.pictures), ("heat maps", &fifos.heat_map), ("live", &fifos.live)];
    for (name, fifo) in named.into_iter().filter(|(_, fifo)| fifo.frames.is_some()) {
        lines.push(row(&[
            (name, count(fifo.frames)),
            ("waited, max", format!("{}/{}", count(fifo.depth_max), count(fifo.capacity))),
            ("dropped", count(fifo.dropped)),
            ("drop rate", figure(fifo.drop_rate, 4)),
        ]));
    }
    lines.push(format!(
        "  worst frame: {}, {}; stolen by the host: {} ms",
        count(timing.hitches.worst_frame),
        text(timing.hitches.worst_cause.as_deref().unwrap_or("")),
        figure(timing.stolen_ms, 0),
    ));
}

/// Cells of a name and a figure, the figure flush right; four of them fill a line.
fn row(cells: &[(&str, String)]) -> String {
    let mut line = String::from(" ");
    for (name, figure) in cells {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name:<13}{figure:>9} ");
    }
    line.truncate(line.trim_end().len());
    line
}

fn figure(value: Option<f64>, decimals: usize) -> String {
    match value.filter(|value| value.is_finite()) {
        Some(value) => format!("{value:.decimals$}"),
        None => "–".to_owned(),
    }
}

fn count(value: Option<u64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

fn levels(mean: Option<f64>, max: Option<u64>) -> String {
    format!("{}/{}", figure(mean, 2), count(max))
}

fn mib(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / 1048576.0))
}

fn text(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { text.to_owned() }
}

/// The line without control characters, cut to the width of the screen.
fn fit(line: &str) -> String {
    let clean = || line.chars().filter(|c| !c.is_control());
    if clean().count() <= SCREEN_COLUMNS_MAX {
        clean().collect()
    } else {
        clean().take(SCREEN_COLUMNS_MAX - 1).chain(['…']).collect()
    }
}
