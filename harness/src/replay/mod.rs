//! `harness replay`: flies a camera path through a world and reports how that went.

mod entities;
mod heat;
mod history;
mod live;
mod machine;
mod needs;
mod picture;
mod run;
mod settings;
mod sink;

pub use run::FEEDBACK_DELAY_FRAMES;
pub use settings::{BUILT_IN_SECONDS, Settings, VFOV_DEGREES, VIEWPORT_PX, built_in_path};

use crate::cli::{Clock, ReplayArgs};
use crate::report::{
    CullLodMs, Fragmentation, Io, Latency, LatencyClass, Memory, PathInfo, Quality, Report, World,
    hash_hex, screen,
};
use crate::status::{Done, Failure};
use crate::world;
use anyhow::{Context, anyhow};
use farplane::Stage;
use farplane::stream::Class;
use farplane_profiler::{Clock as WallClock, FrameSummary, Histogram, Target};
use run::{Outcome, replay, stage_names};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

/// `harness replay`.
///
/// # Errors
/// As the exit status says: usage, a failed run, or an assertion that does not hold.
pub fn run(args: &ReplayArgs) -> Done {
    let start = WallClock::new();
    let settings = Settings::new(args)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build()
        .context("cannot start the worker threads")?;
    // The real clock's frame loop stays on this thread: workers must not share its core by design.
    let outcome = match args.clock {
        Clock::Virtual => pool.install(|| replay(&settings, start))?,
        Clock::Real => replay(&settings, start)?,
    };
    warn(&outcome);
    tell_cost(&settings, &outcome);
    let report = report(&settings, outcome)?;
    let value = report.to_value()?;
    output(args, &report)?;
    for assertion in &settings.asserts {
        let outcome = assertion.evaluate(&value).map_err(|e| anyhow!("{e}"))?;
        if !outcome.holds {
            return Err(Failure::Assertion(outcome.line));
        }
    }
    Ok(())
}

/// What went wrong and did not end the run: a line each.
fn warn(o: &Outcome) {
    if let Some(&(first, why)) = o.failed_units.first() {
        let kind = o.farplane.index().world.unit_kind(first);
        let what = kind.map_or_else(|| format!("unit {first}"), |k| format!("{k:?}"));
        eprintln!(
            "warning: {} units could not be loaded and coarser ones stayed, the first {what}: {why}",
            o.failed_units.len()
        );
    }
    if o.feedback_lost > 0 {
        eprintln!(
            "warning: feedback of {} frames came more than {} frames late and was not counted: this \
             machine is too busy",
            o.feedback_lost,
            history::FRAMES
        );
    }
}

/// What a server had to send, and how much more than the units that it was for.
fn tell_cost(settings: &Settings, o: &Outcome) {
    let (Some(before), Some(now)) = (o.cost_before, world::cost(&settings.archive)) else { return };
    let flown = before.until(now);
    let (got, needed) = (flown.received_bytes + flown.cached_bytes, o.stored_bytes.max(1));
    eprintln!(
        "server: {before} before the first frame; then {flown} for {:.2} MB of units, {:+.1}%",
        o.stored_bytes as f64 / 1e6,
        100.0 * (got as f64 / needed as f64 - 1.0)
    );
}

/// A report in which every key exists.
fn skeleton(options: &BTreeMap<String, Value>) -> Report {
    Report::skeleton(options, &Class::ALL.map(Class::name), &stage_names())
}

fn output(args: &ReplayArgs, report: &Report) -> Done {
    let json_on_stdout = args.json.as_ref().is_some_and(|p| p.as_os_str() == "-");
    if let Some(path) = &args.json {
        let json = report.to_json()?;
        if json_on_stdout {
            std::io::stdout().write_all(json.as_bytes()).context("writing the report")?;
        } else {
            std::fs::write(path, json)
                .with_context(|| format!("cannot write the report {}", path.display()))?;
        }
    }
    if json_on_stdout {
        let color = std::io::stderr().is_terminal();
        eprint!("{}", screen(report, color));
    } else {
        let color = std::io::stdout().is_terminal();
        let text = screen(report, color);
        std::io::stdout().write_all(text.as_bytes()).context("writing the report")?;
    }
    Ok(())
}

fn report(settings: &Settings, mut o: Outcome) -> Result<Report, Failure> {
    let mut report = Report { options: settings.options(), ..Report::default() };
    let index = o.farplane.index();
    let core = o.farplane.core();
    let counters = core.counters();
    report.world = World {
        hash: hash_hex(&settings.archive.layout_hash().to_be_bytes()),
        path: settings.world_name.clone(),
        units: Some(index.units.len() as u64),
        logical_bytes: Some(index.units.iter().map(|u| u64::from(u.resident_bytes)).sum()),
        archive_bytes: Some(settings.archive.file_bytes()),
    };
    report.path = PathInfo {
        hash: hash_hex(&settings.path.hash().to_be_bytes()),
        frames: Some(o.frames),
        seconds: Some(o.frames as f64 / settings.args.target_hz),
        cuts: Some(o.cuts),
    };
    report.residency = o.meter.residency(&needs::CLASSES);
    // What was to be drawn and had no stand-in is a hole too, whatever the needs say.
    report.residency.holes = report.residency.holes.map(|h| h + o.holes_drawn);
    let frag = &o.fragmentation;
    let heap = core.heap_stats();
    report.memory = Memory {
        budget_bytes: Some(settings.args.budget),
        usage_bytes_max: Some(o.usage_bytes_max),
        index_bytes: Some(o.farplane.index_bytes()),
        fragmentation: Fragmentation {
            mean: frag.mean(),
            max: frag.some(frag.max),
            last: frag.some(frag.last),
        },
        internal_fragmentation: Some(heap.internal_fragmentation()),
        occupancy_mean: o.occupancy.mean(),
        moved_bytes: Some(counters.moved_bytes),
        moved_bytes_frame_max: Some(o.moved_bytes_frame_max),
        refused: Some(counters.refused),
        evicted_units: Some(counters.evicted_units),
        evicted_bytes: Some(counters.evicted_bytes),
    };
    report.io = Io {
        backend: o.farplane.backend().to_owned(),
        reads: Some(counters.reads),
        read_bytes: Some(counters.read_bytes),
        decoded_bytes: Some(counters.loaded_bytes),
        coalesced: Some(counters.coalesced),
        cancelled: Some(counters.cancelled),
        retried: Some(counters.retried),
        failed: Some(counters.failed),
        checksum_failures: Some(counters.checksum_failures),
        latency_ms: latency(&o.latencies),
    };
    report.draw.instances = o.instances.mean();
    report.draw.too_small = o.too_small.mean();
    report.draw.triangles = o.triangles.mean();
    report.draw.instance_triangles_max = o.instance_triangles.some(o.instance_triangles.max);
    report.draw.lod_scale_max = o.lod_scale.some(o.lod_scale.max);
    report.draw.lod_coarser = o.lod_coarser.mean();
    report.draw.lod_hidden = o.lod_hidden.mean();
    report.draw.draw_calls_before = o.draw_calls_before.mean();
    report.draw.draw_calls = o.draw_calls.mean();
    report.quality = Quality { psnr_mean_db: o.psnr.mean(), psnr_min_db: o.psnr.some(o.psnr.min) };
    let target = Target::fixed_refresh(settings.args.target_hz)?;
    let warm = (o.warm_frames as usize).min(o.log.len());
    let summary = FrameSummary::of(&o.log.frames()[warm..], &target);
    let virtual_clock = settings.args.clock == Clock::Virtual;
    report.timing.clock = if virtual_clock { "virtual" } else { "real" }.to_owned();
    report.timing.cpu = machine::cpu();
    report.timing.threads = Some(settings.threads as u64);
    report.timing.set_frames(&summary, &o.stage_names);
    let stages = [Stage::Cull, Stage::Lod].map(|stage| stage as usize);
    let wall_ns = o.log.frames()[warm..].iter().map(|f| stages.iter().map(|&s| f.stages[s]).sum());
    report.timing.cull_lod_ms = CullLodMs::of(wall_ns.collect(), o.cull_lod_cpu_ns);
    report.timing.startup_ms = Some(o.startup_ms);
    report.timing.fifos = o.fifos;
    report.timing.stolen_ms = o.stolen.map(|d| d.as_secs_f64() * 1e3);
    report.timing.peak_anon_rss_bytes = o.anon_rss_bytes_max;
    Ok(report)
}

fn latency(by_class: &[Histogram]) -> Latency {
    let ms = |h: &Histogram, q: f64, samples: u64| {
        (h.count() >= samples).then(|| h.quantile(q).map(|ns| ns as f64 * 1e-6)).flatten()
    };
    let mut all = Histogram::new();
    let mut latency = Latency::default();
    for (class, h) in Class::ALL.iter().zip(by_class) {
        all.merge(h);
        // Fewer than ten samples in the tail are no percentile.
        let entry = LatencyClass { p50: ms(h, 0.5, 20), p99: ms(h, 0.99, 1000) };
        latency.by_class.insert(class.name().to_owned(), entry);
    }
    latency.p50 = ms(&all, 0.5, 20);
    latency.p99 = ms(&all, 0.99, 1000);
    latency
}
