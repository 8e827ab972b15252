//! A small world, and the harness as a user runs it.
#![allow(dead_code, missing_docs)]

use farplane_bake::{BakeOptions, Source, bake};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// 64 m from seed 3: one tile, one page, the props that are asked for.
pub fn bake_small(out: &Path, size_m: f64, props: u32) {
    let options = BakeOptions {
        source: Source::Procedural { size_m },
        props: Some(props),
        texels_per_metre: Some(4.0),
        ..BakeOptions::built_in(out.to_path_buf(), 3)
    };
    bake(&options, &|_| (), &AtomicBool::new(false)).unwrap();
}

/// A world of 128 m with props, baked once for each test program.
pub fn small_world() -> &'static Path {
    static WORLD: OnceLock<PathBuf> = OnceLock::new();
    WORLD.get_or_init(|| {
        // Every test program has its own, since they may run side by side.
        let program = std::env::current_exe().unwrap();
        let name = program.file_stem().unwrap().to_string_lossy().into_owned();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.far"));
        bake_small(&path, 128.0, 100);
        path
    })
}

pub fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.args(args);
    command
}

pub fn harness<S: AsRef<OsStr>>(args: &[S]) -> Output {
    command(args).output().unwrap()
}

/// Standard output of a command that succeeds without a word on stderr.
pub fn succeeds<S: AsRef<OsStr>>(args: &[S]) -> String {
    let output = harness(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line with which a command fails.
pub fn fails<S: AsRef<OsStr>>(args: &[S], status: i32) -> String {
    one_line(&harness(args), status)
}

pub fn one_line(output: &Output, status: i32) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.ends_with('\n'), "{stderr}");
    stderr
}

/// splitmix64 (Steele, Lea and Flood 2014).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
