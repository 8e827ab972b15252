//! A camera path in figures.

use crate::flown::{self, Flown};
use farplane_path::CamPath;
use std::fmt::Write;

/// A few lines about a path.
pub fn describe(path: &CamPath) -> String {
    let flown = Flown::of(path);
    let (header, poses) = (path.header(), path.poses());
    let start = path.start_ns();
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {name:<12}{text}");
    };
    row("camera path", format!("{} poses, {:.3} s", poses.len(), flown.seconds));
    row("clock", format!("starts at {:.3} s", start as f64 * 1e-9));
    row(
        "rate",
        format!(
            "{:.2} Hz: {:.4} s between poses (median), {:.4} s at most",
            1.0 / flown.step_s,
            flown.step_s,
            flown.step_s_max
        ),
    );
    row("cuts", path.cuts().len().to_string());
    row(
        "speed",
        format!(
            "{:.2} m/s in the mean, {:.2} m/s at most; {} flown",
            flown.mean_mps,
            flown.max_mps,
            flown::distance(flown.length_m)
        ),
    );
    let [lo, hi] = flown.extent;
    for (axis, lo, hi) in [("east", lo.x, hi.x), ("north", lo.y, hi.y), ("up", lo.z, hi.z)] {
        row(axis, format!("{lo:.2} to {hi:.2} m ({:.2} m)", hi - lo));
    }
    let crs = match (&header.crs, header.origin) {
        (Some(crs), Some(o)) => format!("{crs}, origin {} {} {}", o.x, o.y, o.z),
        (Some(crs), None) => crs.clone(),
        _ => "none: metres of its own".to_owned(),
    };
    row("CRS", crs);
    row("vfov", vfov(path));
    out
}

fn vfov(path: &CamPath) -> String {
    let own = path.poses().iter().filter_map(|p| p.vfov_degrees);
    let range = own.fold(None, |r: Option<[f64; 2]>, v| {
        Some(r.map_or([v; 2], |[lo, hi]| [lo.min(v), hi.max(v)]))
    });
    match (path.header().vfov_degrees, range) {
        (_, Some([lo, hi])) => format!("{lo}° to {hi}°, with the poses"),
        (Some(v), None) => format!("{v}°"),
        (None, None) => "none given: replays assume 60°".to_owned(),
    }
}
