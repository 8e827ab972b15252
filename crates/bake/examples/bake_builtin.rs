//! Bakes the built-in world, or one from elevation files, and says how long it took:
//! `bake_builtin OUT.far [HEIGHTS.tif [IMAGE.jpg]]`.

use farplane_bake::{BakeOptions, ColorSource, Source, bake};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(out) = args.next() else {
        eprintln!("usage: bake_builtin OUT.far [HEIGHTS.tif [IMAGE.jpg]]");
        return ExitCode::from(2);
    };
    let mut options = BakeOptions::built_in(out, 1);
    if let Some(heights) = args.next() {
        options.source = Source::Elevation { files: vec![heights], size_m: None };
    }
    options.color = args.next().map(|path| ColorSource { path, extent_wsen: None });
    let start = Instant::now();
    let stage = Mutex::new("");
    let progress = |p: &farplane_bake::Progress| {
        let mut stage = stage.lock().unwrap_or_else(|e| e.into_inner());
        if *stage != p.stage {
            *stage = p.stage;
            println!("{:6.2} s  {}", start.elapsed().as_secs_f64(), p.stage);
        }
    };
    match bake(&options, &progress, &AtomicBool::new(false)) {
        Ok(summary) => {
            println!("{:6.2} s  done\n{summary}", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
