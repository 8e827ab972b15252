//! From the command line to what a replay needs: everything is checked before anything runs.

use crate::cli::{Clock, Io, Render, ReplayArgs};
use crate::file::check_target;
use crate::replay::machine;
use crate::report::Assertion;
use crate::status::Failure;
use crate::truth::Truth;
use crate::{cache, world};
use anyhow::{Context, anyhow};
use farplane::geom::{DVec2, View};
use farplane::io::{Archive, Backend, Device};
use farplane_path::{CamPath, FitWorld, Preset, RecordOptions, record};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The picture that every figure assumes, px.
pub const VIEWPORT_PX: [u32; 2] = [1920, 1080];
/// Vertical field of view where the path has none, degrees.
pub const VFOV_DEGREES: f64 = 60.0;
/// Length of the built-in path, s.
pub const BUILT_IN_SECONDS: f64 = 60.0;

/// What a replay needs, checked.
pub struct Settings {
    /// The command line.
    pub args: ReplayArgs,
    /// The modelled device.
    pub device: Device,
    /// Real threads.
    pub threads: usize,
    /// The archive.
    pub archive: Arc<Archive>,
    /// What the report calls it.
    pub world_name: String,
    /// The true ground.
    pub truth: Arc<Truth>,
    /// The path.
    pub path: CamPath,
    /// First frame and number of frames.
    pub frames: std::ops::Range<u64>,
    /// Length of a frame, ns.
    pub period_ns: u64,
    /// Assertions, their names known.
    pub asserts: Vec<Assertion>,
}

impl Settings {
    /// Checks the command line and opens world and path.
    ///
    /// # Errors
    /// Usage where options contradict each other or a path has no such seconds; a run that failed
    /// where world or path cannot be read.
    pub fn new(args: &ReplayArgs) -> Result<Self, Failure> {
        let device = check_usage(args)?;
        let asserts = assertions(args)?;
        let threads = if args.threads == 0 { machine::cores() } else { args.threads };
        let path_text = args.path.as_ref().map(|p| {
            std::fs::read(p).with_context(|| format!("cannot read the camera path {}", p.display()))
        });
        let path_text = path_text.transpose()?;
        let parsed = path_text.as_deref().map(CamPath::parse).transpose();
        let parsed = parsed.map_err(|e| {
            anyhow!(e)
                .context(args.path.as_ref().map_or_else(String::new, |p| p.display().to_string()))
        })?;
        let (file, world_name) = match &args.world {
            Some(file) => {
                let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
                (file.clone(), name.unwrap_or_default())
            }
            None => (cache::built_in_world()?, "built-in".to_owned()),
        };
        let archive = world::open(&file, &args.cache)?;
        if !archive.is_here() && args.io != Io::Auto {
            return Err(Failure::Usage(
                "--io is for files: a server has one way to be read".into(),
            ));
        }
        let world = world::index(&archive)?;
        let truth = Truth::load(&archive, &world).with_context(|| file.display().to_string())?;
        let path = match parsed {
            Some(path) => path.reproject(&world.projection).context("the path on this world")?,
            None => built_in_path(&truth)?,
        };
        let (frames, period_ns) = frames(args, &path)?;
        Ok(Self {
            args: args.clone(),
            device,
            threads,
            archive: Arc::new(archive),
            world_name,
            truth: Arc::new(truth),
            path,
            frames,
            period_ns,
            asserts,
        })
    }

    /// Path time of a frame, ns.
    #[must_use]
    pub fn path_ns(&self, frame: u64) -> u64 {
        nth_frame_ns(frame, self.args.target_hz)
    }

    /// The view of a frame, and cuts passed so far.
    #[must_use]
    pub fn view(&self, frame: u64) -> (View, usize) {
        let s = self.path.sample(self.path_ns(frame).min(self.path.duration_ns()));
        let vfov = s.vfov_degrees.unwrap_or(VFOV_DEGREES);
        (View::new(s.position, s.rotation, vfov, VIEWPORT_PX), s.cuts)
    }

    /// Everything that could change a result, defaults included.
    #[must_use]
    pub fn options(&self) -> BTreeMap<String, Value> {
        options(&self.args, self.device)
    }
}

/// Start of a frame on the path, ns: computed from its number, so that nothing adds up.
fn nth_frame_ns(frame: u64, hz: f64) -> u64 {
    (frame as f64 * (1e9 / hz)) as u64
}

fn check_usage(args: &ReplayArgs) -> Result<Device, Failure> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    let virtual_clock = args.clock == Clock::Virtual;
    if args.device.is_some() && !virtual_clock {
        return usage("--device models a disk: it needs --clock virtual");
    }
    if args.io == Io::Sim && !virtual_clock {
        return usage("--io sim is a modelled disk: it needs --clock virtual");
    }
    if args.render == Render::Cpu && !virtual_clock {
        return usage("--render cpu takes longer than a frame: it needs --clock virtual");
    }
    if (args.render == Render::Cpu) != args.frames.is_some() {
        return usage("--render cpu and --frames DIR go together");
    }
    check_heat_map(args)?;
    if args.every == 0 || args.model_workers == 0 || args.model_workers > 256 {
        return usage("--every is at least 1, --model-workers 1 to 256");
    }
    if args.threads > 1024 {
        return usage("--threads is at most 1024");
    }
    if !(1.0..=1000.0).contains(&args.target_hz) {
        return usage("--target-hz is from 1 to 1000");
    }
    let to = args.to.unwrap_or(f64::MAX);
    if !(args.from >= 0.0 && to > args.from && args.warmup >= 0.0 && args.warmup.is_finite()) {
        return usage("--from and --warmup are not negative, and --to comes after --from");
    }
    let name = args.device.as_deref().unwrap_or("nvme");
    name.parse().map_err(|e: farplane::io::UnknownDevice| Failure::Usage(format!("--device: {e}")))
}

fn check_heat_map(args: &ReplayArgs) -> Result<(), Failure> {
    if let Some(path) = &args.heat_map {
        if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("png")) {
            let name = path.display();
            return Err(Failure::Usage(format!(
                "--heat-map {name} is a PNG: end its name in .png"
            )));
        }
        check_target(path)?;
    }
    if args.heat_map_every.is_some_and(|s| !(s.is_finite() && s * args.target_hz >= 1.0)) {
        let text = "--heat-map-every is one frame at least, in seconds of the path";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(())
}

fn assertions(args: &ReplayArgs) -> Result<Vec<Assertion>, Failure> {
    let device = args.device.as_deref().unwrap_or("nvme").parse().unwrap_or(Device::Nvme);
    let skeleton = super::skeleton(&options(args, device));
    let value = skeleton.to_value()?;
    let mut known = Vec::new();
    for text in &args.asserts {
        let usage = |e: crate::report::AssertError| Failure::Usage(format!("--assert: {e}"));
        let mut assertion = Assertion::parse(text).map_err(usage)?;
        assertion.check_known(&value).map_err(usage)?;
        known.push(assertion);
    }
    Ok(known)
}

fn options(args: &ReplayArgs, device: Device) -> BTreeMap<String, Value> {
    let virtual_clock = args.clock == Clock::Virtual;
    let mut o = BTreeMap::new();
    let mut set = |key: &str, value: Value| drop(o.insert(key.to_owned(), value));
    set("budget", json!(args.budget));
    set("clock", json!(if virtual_clock { "virtual" } else { "real" }));
    set("target_hz", json!(args.target_hz));
    set("warmup_s", json!(args.warmup));
    set("from_s", json!(args.from));
    set("to_s", json!(args.to));
    set("viewport_px", json!(VIEWPORT_PX));
    set("vfov_degrees", json!(VFOV_DEGREES));
    let defaults = farplane::Options::default();
    set("refine_px", json!(defaults.rule.refine_px()));
    set("coarsen_px", json!(defaults.rule.coarsen_px()));
    set("cull_px", json!(defaults.rule.cull_px()));
    set("triangles_max", json!(args.triangles));
    set("predict_frames", json!(defaults.predict_frames));
    set("prefetch_m", json!(defaults.prefetch_m));
    set("feedback_delay_frames", json!(super::FEEDBACK_DELAY_FRAMES));
    if virtual_clock {
        set("device", json!(device.name()));
        set("model_workers", json!(args.model_workers));
        set("seed", json!(args.seed));
    } else {
        let io = backend(args.io).map_or("sim", Backend::name);
        set("io", json!(io));
        let pace = if args.pace == crate::cli::Pace::Max { "max" } else { "realtime" };
        set("pace", json!(pace));
    }
    o
}

/// What reads for real; `None` for the model's own bytes.
#[must_use]
pub fn backend(io: Io) -> Option<Backend> {
    match io {
        Io::Auto => Some(Backend::Auto),
        Io::Mmap => Some(Backend::Mmap),
        Io::Pread => Some(Backend::Pread),
        Io::Uring => Some(Backend::Uring),
        Io::Sim => None,
    }
}

/// The flyover that is replayed when no path is given.
///
/// # Errors
/// When the world is too small for it.
pub fn built_in_path(truth: &Truth) -> Result<CamPath, Failure> {
    let ground = |x: f64, y: f64| truth.height(x, y);
    let [min, max]: [DVec2; 2] = truth.extent();
    let world = FitWorld::new(min, max, &ground);
    let options = RecordOptions { seconds: BUILT_IN_SECONDS, ..RecordOptions::default() };
    Ok(record(Preset::Flyover, &world, &options).context("the built-in path")?)
}

fn frames(args: &ReplayArgs, path: &CamPath) -> Result<(std::ops::Range<u64>, u64), Failure> {
    let seconds = path.duration_ns() as f64 * 1e-9;
    if args.from >= seconds {
        return Err(Failure::Usage(format!(
            "--from {} lies behind the end of the path, which is {seconds:.3} s long",
            args.from
        )));
    }
    let to = args.to.unwrap_or(seconds).min(seconds);
    let at = |s: f64| (s * args.target_hz).ceil() as u64;
    let range = at(args.from)..at(to).max(at(args.from) + 1);
    Ok((range, (1e9 / args.target_hz) as u64))
}

/// Makes a folder for pictures.
///
/// # Errors
/// When it cannot be made or written.
pub fn picture_folder(args: &ReplayArgs) -> Result<Option<PathBuf>, Failure> {
    let Some(folder) = &args.frames else { return Ok(None) };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {} for pictures", folder.display()))?;
    Ok(Some(folder.clone()))
}
