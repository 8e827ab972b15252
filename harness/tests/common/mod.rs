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

/// A GeoTIFF of int16 samples in degrees, row 0 in the north, as OGC 19-008r4 draws it: one strip,
/// `corner` the north-west corner of the first pixel, `step` its size in degrees.
pub fn geotiff(size: [u16; 2], corner: [f64; 2], step: f64, heights: &[i16]) -> Vec<u8> {
    Tiff { bits: 16, compression: 1, ..Tiff::new(size, corner, step) }.bytes(heights)
}

/// The parts of a TIFF that tests change.
pub struct Tiff {
    pub size: [u16; 2],
    pub corner: [f64; 2],
    pub step: f64,
    pub bits: u16,
    pub compression: u16,
}

impl Tiff {
    pub fn new(size: [u16; 2], corner: [f64; 2], step: f64) -> Self {
        Self { size, corner, step, bits: 16, compression: 1 }
    }

    pub fn bytes(&self, heights: &[i16]) -> Vec<u8> {
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        const DOUBLE: u16 = 12;
        const TAGS: u32 = 13;
        let data = 8 + 2 + TAGS * 12 + 4;
        let strip: Vec<u8> = heights.iter().flat_map(|h| h.to_le_bytes()).collect();
        let (scale_at, tie_at) = (data, data + 24);
        let (keys_at, strip_at) = (tie_at + 48, tie_at + 48 + 32);
        let mut out = b"II\x2a\0\x08\0\0\0".to_vec();
        out.extend((TAGS as u16).to_le_bytes());
        let [w, h] = self.size.map(u32::from);
        for (tag, kind, count, value) in [
            (256, SHORT, 1, w),
            (257, SHORT, 1, h),
            (258, SHORT, 1, u32::from(self.bits)),
            (259, SHORT, 1, u32::from(self.compression)),
            (262, SHORT, 1, 1),
            (273, LONG, 1, strip_at),
            (277, SHORT, 1, 1),
            (278, SHORT, 1, h),
            (279, LONG, 1, strip.len() as u32),
            (339, SHORT, 1, 2),
            (33550, DOUBLE, 3, scale_at),
            (33922, DOUBLE, 6, tie_at),
            (34735, SHORT, 16, keys_at),
        ] {
            out.extend(u16::to_le_bytes(tag));
            out.extend(kind.to_le_bytes());
            out.extend(u32::to_le_bytes(count));
            out.extend(value.to_le_bytes());
        }
        out.extend([0; 4]);
        let [x, y] = self.corner;
        for v in [self.step, self.step, 0.0, 0.0, 0.0, 0.0, x, y, 0.0] {
            out.extend(f64::to_le_bytes(v));
        }
        // Geographic, pixel is area, EPSG:4326.
        for v in [1u16, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326] {
            out.extend(v.to_le_bytes());
        }
        assert_eq!(out.len(), strip_at as usize);
        out.extend(strip);
        out
    }
}
