//! `harness record`: camera paths from presets.

use crate::cli::{PathPreset, RecordArgs};
use crate::status::{Done, Failure};
use crate::truth::Truth;
use crate::{cache, file, flown, world};
use anyhow::anyhow;
use farplane_path::{FitWorld, Preset, RecordError, RecordOptions, record};

/// `harness record`.
///
/// # Errors
/// Options out of range, a world that cannot be read or is too small, or a path that cannot be
/// written.
pub fn run(args: &RecordArgs) -> Done {
    let file = match &args.world {
        Some(file) => file.clone(),
        None => cache::built_in_world()?,
    };
    let (_, truth) = Truth::open(&world::open(&file, &args.cache)?)?;
    let ground = |x: f64, y: f64| truth.height(x, y);
    let [min, max] = truth.extent();
    let world = FitWorld::new(min, max, &ground);
    let options =
        RecordOptions { seconds: args.seconds, seed: args.seed, ..RecordOptions::default() };
    let path = record(preset(args.preset), &world, &options).map_err(|e| match e {
        RecordError::Option { .. } => Failure::Usage(e.to_string()),
        e => Failure::Run(anyhow!(e).context(file.display().to_string())),
    })?;
    file::write(&args.output, path.to_text().as_bytes())?;
    file::print(&format!("wrote {}: {}\n", args.output.display(), flown::line(&path)))?;
    Ok(())
}

const fn preset(preset: PathPreset) -> Preset {
    match preset {
        PathPreset::Flyover => Preset::Flyover,
        PathPreset::Orbit => Preset::Orbit,
        PathPreset::Sprint => Preset::Sprint,
        PathPreset::Teleport => Preset::Teleport,
    }
}
