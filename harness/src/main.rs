//! `harness`: bakes worlds and replays recorded camera paths through farplane.

use farplane::alloc::HugePages;
use harness::cli::{Cli, Verb};
use harness::{archive, bake, bench_io, import, inspect, record, replay, verify};
use std::alloc::System;
use std::process::ExitCode;

/// What is known of a world is tens of megabytes, read here and there in every frame.
#[global_allocator]
static ALLOCATOR: HugePages<System> = HugePages::new(System);

fn main() -> ExitCode {
    let done = Cli::read().and_then(|cli| match cli.verb {
        Verb::Bake(args) => bake::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Record(args) => record::run(&args),
        Verb::Replay(args) => replay::run(&args),
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::BenchIo(args) => bench_io::run(&args),
        Verb::Archive(args) => archive::run(&args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.status())
        }
    }
}
