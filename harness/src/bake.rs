//! `harness bake`: a world from a seed, or from elevation data and imagery.

use crate::cli::{BakeArgs, BakeProfile};
use crate::status::{Done, Failure};
use crate::{file, progress};
use anyhow::{Result, anyhow};
use farplane::io::Profile;
use farplane_bake::{BakeError, BakeOptions, ColorSource, Progress, Source, Summary};
use indicatif::ProgressBar;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Side of a world from a seed, unless told otherwise, m.
const SIZE_M: f64 = 4096.0;

/// Most worker threads.
const THREADS_MAX: usize = 1024;

/// `harness bake`.
///
/// # Errors
/// Options that make no sense, sources that cannot be read, an archive that cannot be written, or
/// an interruption. No archive is left behind.
pub fn run(args: &BakeArgs) -> Done {
    let options = options(args)?;
    let start = Instant::now();
    let summary = bake_with_progress(&options).map_err(|e| match e.downcast() {
        Ok(e @ BakeError::Option { .. }) => Failure::Usage(e.to_string()),
        Ok(e) => Failure::Run(e.into()),
        Err(e) => Failure::Run(e),
    })?;
    let seconds = start.elapsed().as_secs_f64();
    file::print(&format!("{summary}  baked in   {seconds:.1} s\n"))?;
    Ok(())
}

/// Bakes, with a bar for each stage on a terminal. Ctrl-C stops it.
///
/// # Errors
/// What is wrong, where, and what to do about it.
pub fn bake_with_progress(options: &BakeOptions) -> Result<Summary> {
    file::check_target(&options.out)?;
    let bars = Bars::default();
    let result =
        farplane_bake::bake(options, &|progress| bars.show(progress), progress::interrupted());
    bars.clear();
    match result {
        Err(BakeError::Cancelled) => {
            Err(anyhow!("interrupted; {} was not written", options.out.display()))
        }
        result => Ok(result?),
    }
}

/// The options that a command line stands for.
fn options(args: &BakeArgs) -> Result<BakeOptions, Failure> {
    let usage = |text: String| Err(Failure::Usage(text));
    if let Some(size_m) = args.size_m {
        if !(size_m.is_finite() && size_m > 0.0) {
            return usage(format!("--size-m {size_m}: give a positive number of metres"));
        }
        if args.height.len() > 1 {
            return usage(format!(
                "--size-m is for a world from a seed or a single PNG, not for {} files: leave it out",
                args.height.len()
            ));
        }
    }
    if args.threads > THREADS_MAX {
        return usage(format!("--threads {}: at most {THREADS_MAX}", args.threads));
    }
    let inputs = args.height.iter().chain(&args.color);
    if let Some(input) = inputs.into_iter().find(|input| file::same(input, &args.output)) {
        return usage(format!(
            "--output {} would replace a source: give another name",
            input.display()
        ));
    }
    let extent_wsen = args.color_extent;
    let source = if args.height.is_empty() {
        Source::Procedural { size_m: args.size_m.unwrap_or(SIZE_M) }
    } else {
        Source::Elevation { files: args.height.clone(), size_m: args.size_m }
    };
    Ok(BakeOptions {
        out: args.output.clone(),
        source,
        texels_per_metre: args.texels_per_metre,
        color: args.color.clone().map(|path| ColorSource { path, extent_wsen }),
        props: args.props,
        threads: args.threads,
        seed: args.seed,
        profile: match args.profile {
            BakeProfile::Fast => Profile::Fast,
            BakeProfile::Small => Profile::Small,
        },
    })
}

/// One bar after the other: stages follow each other, parts of a stage end on any thread.
#[derive(Default)]
struct Bars(Mutex<Option<(&'static str, ProgressBar)>>);

impl Bars {
    fn show(&self, progress: &Progress) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bar.as_ref().is_none_or(|(stage, _)| *stage != progress.stage) {
            if let Some((_, last)) = bar.take() {
                last.finish_and_clear();
            }
            *bar = Some((progress.stage, progress::bar(progress.total, progress.stage)));
        }
        if let Some((_, bar)) = &*bar {
            bar.set_position(bar.position().max(progress.done));
        }
    }

    fn clear(&self) {
        if let Some((_, bar)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
