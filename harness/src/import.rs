//! `harness import`: recorded trajectories become camera paths.

use crate::cli::{ImportArgs, PathFormat};
use crate::status::{Done, Failure};
use crate::truth::Truth;
use crate::{file, flown};
use anyhow::{Error, anyhow};
use farplane::geom::{DVec2, Projection};
use farplane::world::World;
use farplane_path::{
    CAM_BYTES_MAX, CamPath, FitError, FitOptions, FitWorld, Format, GeoOptions, GeoTrack,
    ImportError, ImportMode, ImportOptions, ImportReport, Imported, Track, fit, geo_to_path,
    import,
};
use std::fmt::Write;
use std::path::Path;

/// `harness import`.
///
/// # Errors
/// Options that make no sense or do not belong to the format, a file that cannot be read or holds
/// no path, a world that cannot be read, a path that cannot be written.
pub fn run(args: &ImportArgs) -> Done {
    check_usage(args)?;
    let bytes = file::read(&args.input, CAM_BYTES_MAX)?;
    let times = args.times.as_deref().map(|f| file::read(f, CAM_BYTES_MAX)).transpose()?;
    let extrinsic = args.extrinsic.as_deref().map(|f| file::read(f, CAM_BYTES_MAX)).transpose()?;
    let defaults = ImportOptions::default();
    let options = ImportOptions {
        mode: if args.keep { ImportMode::Keep } else { ImportMode::Repair },
        hz: args.hz.unwrap_or(defaults.hz),
        times: times.as_deref(),
        extrinsic: extrinsic.as_deref(),
    };
    let failed = |e| failure(e, args);
    let Imported { track, mut report } =
        import(format(args.from), &bytes, &options).map_err(failed)?;
    let mut text = String::new();
    let path = match (&args.fit, &args.world, track) {
        (Some(world), _, track) => fitted(args, world, track, &mut report, &mut text)?,
        (None, Some(world), Track::Geographic(track)) => {
            laid_out(args, world, &track, &mut report, &mut text)?
        }
        (None, _, Track::Geographic(track)) => {
            on_its_own(args, &track, &mut report).map_err(failed)?
        }
        (None, _, Track::Local(path)) => path,
    };
    file::write(&args.output, path.to_text().as_bytes())?;
    let written = flown::line(&path);
    file::print(&format!("{report}\n{text}wrote {}: {written}\n", args.output.display()))?;
    Ok(())
}

const fn format(format: PathFormat) -> Format {
    match format {
        PathFormat::Tum => Format::Tum,
        PathFormat::Kitti => Format::Kitti,
        PathFormat::Euroc => Format::Euroc,
        PathFormat::Gpx => Format::Gpx,
        PathFormat::Igc => Format::Igc,
    }
}

/// Refuses options that would do nothing, before any file is opened.
fn check_usage(args: &ImportArgs) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::Usage(text));
    let from = format(args.from);
    let geographic = matches!(args.from, PathFormat::Gpx | PathFormat::Igc);
    let fit = args.fit.is_some();
    for (option, given, belongs, to) in [
        ("--hz", args.hz.is_some(), args.from == PathFormat::Kitti, "--from kitti"),
        ("--times", args.times.is_some(), args.from == PathFormat::Kitti, "--from kitti"),
        ("--extrinsic", args.extrinsic.is_some(), args.from == PathFormat::Euroc, "--from euroc"),
        (
            "--world",
            args.world.is_some(),
            geographic,
            "--from gpx and --from igc (a local path lies as it is; --fit puts it over a world)",
        ),
        (
            "--speed-mps",
            args.speed_mps.is_some(),
            fit || args.from == PathFormat::Gpx,
            "--fit, and to --from gpx",
        ),
        (
            "--clearance-m",
            args.clearance_m.is_some(),
            fit || geographic,
            "--fit, and to --from gpx and --from igc",
        ),
    ] {
        if given && !belongs {
            return usage(format!("{option} belongs to {to}, not to --from {from}: leave it out"));
        }
    }
    let inputs = [Some(&args.input), args.fit.as_ref(), args.world.as_ref()];
    if inputs.into_iter().flatten().any(|input| file::same(input, &args.output)) {
        return usage(format!(
            "--output {} would replace what is read: give another name",
            args.output.display()
        ));
    }
    Ok(())
}

fn failure(error: ImportError, args: &ImportArgs) -> Failure {
    match error {
        ImportError::Option { .. } => Failure::Usage(error.to_string()),
        ImportError::NotGeoreferenced => {
            let world = args.world.as_ref().unwrap_or(&args.input);
            Failure::Run(anyhow!(error).context(world.display().to_string()))
        }
        ImportError::Times { .. } => at(args.times.as_deref(), error.into()),
        ImportError::Extrinsic { .. } => at(args.extrinsic.as_deref(), error.into()),
        error => at(Some(&args.input), error.into()),
    }
}

fn at(file: Option<&Path>, error: Error) -> Failure {
    Failure::Run(match file {
        Some(file) => error.context(file.display().to_string()),
        None => error,
    })
}

fn geo_options(args: &ImportArgs) -> GeoOptions {
    let defaults = GeoOptions::default();
    GeoOptions {
        speed_mps: args.speed_mps.unwrap_or(defaults.speed_mps),
        clearance_m: args.clearance_m.unwrap_or(defaults.clearance_m),
        ..defaults
    }
}

/// A geographic track about its own middle, where no ground is known.
fn on_its_own(
    args: &ImportArgs,
    track: &GeoTrack,
    report: &mut ImportReport,
) -> Result<CamPath, ImportError> {
    let nowhere = |_: f64, _: f64| None;
    geo_to_path(track, &track.own_projection(), &nowhere, &geo_options(args), report)
}

/// Over the middle of a world, wherever it was recorded.
fn fitted(
    args: &ImportArgs,
    file: &Path,
    track: Track,
    report: &mut ImportReport,
    text: &mut String,
) -> Result<CamPath, Failure> {
    let (_, truth) = Truth::open(&crate::world::open(file, &args.cache)?)?;
    let (path, drape) = match track {
        Track::Local(path) => (path, false),
        Track::Geographic(track) => {
            let path = on_its_own(args, &track, report).map_err(|e| failure(e, args))?;
            (path, !track.has_elevation())
        }
    };
    let ground = |x: f64, y: f64| truth.height(x, y);
    let [min, max] = truth.extent();
    let world = FitWorld::new(min, max, &ground);
    let defaults = FitOptions::default();
    let options = FitOptions {
        speed_mps: args.speed_mps.unwrap_or(defaults.speed_mps),
        clearance_m: args.clearance_m.unwrap_or(defaults.clearance_m),
        drape,
    };
    let (path, fitted) = fit(&path, &world, &options).map_err(|e| match e {
        FitError::Option { .. } => Failure::Usage(e.to_string()),
        FitError::World { .. } => at(Some(file), e.into()),
        e => at(Some(&args.input), e.into()),
    })?;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "fitted to {}: {fitted}", file.display());
    Ok(path)
}

/// Where it belongs on a georeferenced world.
fn laid_out(
    args: &ImportArgs,
    file: &Path,
    track: &GeoTrack,
    report: &mut ImportReport,
    text: &mut String,
) -> Result<CamPath, Failure> {
    let (world, truth) = Truth::open(&crate::world::open(file, &args.cache)?)?;
    let ground = |x: f64, y: f64| truth.height(x, y);
    let path = geo_to_path(track, &world.projection, &ground, &geo_options(args), report)
        .map_err(|e| failure(e, args))?;
    let [min, max] = truth.extent();
    let inside = |p: DVec2| p.cmpge(min).all() && p.cmple(max).all();
    let poses = path.poses();
    let outside = poses.iter().filter(|p| !inside(p.position.truncate())).count();
    if outside == poses.len() {
        return Err(at(Some(&args.input), elsewhere(file, &world, &path)));
    }
    if outside > 0 {
        let _ = writeln!(text, "{outside} of {} poses beside {}", poses.len(), file.display());
    }
    Ok(path)
}

fn elsewhere(file: &Path, world: &World, path: &CamPath) -> Error {
    let degrees = |projection: &Projection, p: DVec2| {
        projection.unproject(p).map_or(DVec2::NAN, |g| DVec2::new(g.lon, g.lat))
    };
    let own = path.header().projection();
    let start = degrees(&own, path.poses()[0].position.truncate());
    let [min, max] = world.extent().map(|corner| degrees(&world.projection, corner));
    anyhow!(
        "starts at {:.3}° E, {:.3}° N and never comes near {} ({:.3} to {:.3}° E, {:.3} to {:.3}° N); use --fit {} to \
         move it there",
        start.x,
        start.y,
        file.display(),
        min.x,
        max.x,
        min.y,
        max.y,
        file.display()
    )
}
