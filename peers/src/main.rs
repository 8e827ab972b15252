//! farplane beside rival crates, in one process: tables, ratios to the best peer, goals.

mod alloc;
mod composite;
mod goal;
mod io;
mod lod;
mod octree;
mod random;
mod rounds;
mod section;
mod table;

use clap::{Parser, ValueEnum};
use section::Section;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures farplane beside its peers, one section at a time.
#[derive(Debug, Parser)]
#[command(
    name = "peers",
    version,
    after_help = "\
Examples:
  peers alloc
  peers octree --json octree.json --check

Exit status: 0 done, 1 failed or not measured yet, 2 usage, 10 a goal is missed (with --check)"
)]
struct Cli {
    /// What to measure
    section: Name,
    /// Write the section as JSON too
    #[arg(long, value_name = "F")]
    json: Option<PathBuf>,
    /// Exit with status 10 when a goal is missed
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    Alloc,
    Octree,
    Lod,
    Io,
    Composite,
    Vt,
    Profiler,
    Bake,
    Stream,
}

impl Name {
    /// Measures the section; `None` where nothing is measured yet.
    fn measure(self) -> Option<Result<Section, String>> {
        match self {
            Self::Alloc => Some(Ok(alloc::run())),
            Self::Octree => Some(Ok(octree::run())),
            Self::Lod => Some(Ok(lod::run())),
            Self::Composite => Some(Ok(composite::run())),
            Self::Io => Some(io::run()),
            Self::Vt | Self::Profiler | Self::Bake | Self::Stream => None,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cfg!(debug_assertions) {
        eprintln!("warning: a build with debug assertions: use --release for figures that count");
    }
    let Some(measured) = cli.section.measure() else {
        let name = format!("{:?}", cli.section).to_lowercase();
        eprintln!(
            "error: section {name}: not measured yet; measured are alloc, composite, io, lod and octree"
        );
        return ExitCode::from(1);
    };
    let section = match measured {
        Ok(section) => section,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(1);
        }
    };
    print!("{section}");
    if let Some(path) = &cli.json {
        let written = section.to_json().and_then(|json| {
            std::fs::write(path, json).map_err(|e| format!("{}: {e}", path.display()))
        });
        if let Err(why) = written {
            eprintln!("error: cannot write the section: {why}");
            return ExitCode::from(1);
        }
    }
    ExitCode::from(section.status(cli.check))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
