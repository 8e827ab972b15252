//! Built-in camera paths over any world.

mod curve;

use crate::error::CamError;
use crate::fit::FitWorld;
use crate::follow::{follow, known_ground, running_max};
use crate::path::{CamHeader, CamPath, POSES_MAX, Pose};
use crate::text::SECOND_NS;
use curve::{Curve, Rng};
use farplane_geom::{DVec2, DVec3, View};
use std::fmt;

/// A built-in camera path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// 100 m/s over the map along a turning curve that keeps 10% away from the world's edges, about
    /// 100 m above the smoothed ground and never below 30 m, looking slightly down ahead.
    Flyover,
    /// Once around the centre, looking at it.
    Orbit,
    /// A run at 12 m/s, 10 m above the ground, with quick turns of the head.
    Sprint,
    /// Pieces of flyover all over the world with a cut every 5 s.
    Teleport,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 4] = [Self::Flyover, Self::Orbit, Self::Sprint, Self::Teleport];

    /// The name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flyover => "flyover",
            Self::Orbit => "orbit",
            Self::Sprint => "sprint",
            Self::Teleport => "teleport",
        }
    }

    /// The preset of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// How a preset is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordOptions {
    /// Length, s; 1 to 86,400.
    pub seconds: f64,
    /// Poses a second; 1 to 1,000. More makes bends rounder and the file longer, never faster.
    pub hz: f64,
    /// Another seed gives another curve.
    pub seed: u64,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self { seconds: 60.0, hz: 30.0, seed: 1 }
    }
}

/// Why a preset cannot be recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordError {
    /// The world's corners make no sense, or it is smaller than [`RecordError::WORLD_MIN_M`].
    World {
        /// South-west corner, m.
        min: DVec2,
        /// North-east corner, m.
        max: DVec2,
    },
    /// An option is out of its range.
    Option {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed, in words.
        expected: &'static str,
    },
    /// What came out makes no path (ground of impossible height, say).
    Path(CamError),
}

impl RecordError {
    /// Smallest side of a world that a preset fits into, m.
    pub const WORLD_MIN_M: f64 = 64.0;
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World { min, max } => write!(
                f,
                "a world from {min} to {max} is too small; presets need {} m each way",
                Self::WORLD_MIN_M
            ),
            Self::Option { name, value, expected } => {
                write!(f, "{name} is {value}; give {expected}")
            }
            Self::Path(error) => write!(f, "the recorded path: {error}"),
        }
    }
}

impl std::error::Error for RecordError {}

/// Part of the half-width of the world that a preset may use: 10% of the width stays free at each
/// edge.
const EXTENT_USED: f64 = 0.8;

const FLYOVER_MPS: f64 = 100.0;
const SPRINT_MPS: f64 = 12.0;
const TELEPORT_S: f64 = 5.0;

/// Records a preset over a world: the same bits on every machine for the same world, options and
/// seed.
///
/// # Errors
/// [`RecordError`] for a world that is too small and for options out of range.
pub fn record(
    preset: Preset,
    world: &FitWorld<'_>,
    options: &RecordOptions,
) -> Result<CamPath, RecordError> {
    check(world, options)?;
    let mut rng = Rng::new(options.seed);
    let poses = match preset {
        Preset::Flyover => {
            let reach = FLYOVER_MPS * options.seconds;
            let curve = Curve::new(world, EXTENT_USED, reach, &mut rng);
            flight(world, &curve, rng.unit(), options.seconds, options)
        }
        Preset::Orbit => orbit(world, options, &mut rng),
        Preset::Sprint => sprint(world, options, &mut rng),
        Preset::Teleport => teleport(world, options, &mut rng),
    };
    let header = CamHeader { vfov_degrees: Some(60.0), ..CamHeader::default() };
    CamPath::new(header, 0, poses).map_err(RecordError::Path)
}

fn check(world: &FitWorld<'_>, options: &RecordOptions) -> Result<(), RecordError> {
    let size = world.max - world.min;
    if !world.is_valid() || size.min_element() < RecordError::WORLD_MIN_M {
        return Err(RecordError::World { min: world.min, max: world.max });
    }
    let wrong = |name, value, expected| Err(RecordError::Option { name, value, expected });
    if !(1.0..=86_400.0).contains(&options.seconds) {
        return wrong("seconds", options.seconds, "1 to 86400");
    }
    if !(1.0..=1000.0).contains(&options.hz) {
        return wrong("poses a second", options.hz, "1 to 1000");
    }
    if options.seconds * options.hz > (POSES_MAX / 2) as f64 {
        return wrong("seconds", options.seconds, "fewer, or fewer poses a second");
    }
    Ok(())
}

fn time_ns(seconds: f64) -> u64 {
    (seconds * SECOND_NS as f64).round() as u64
}

fn pose(t_s: f64, position: DVec3, direction: DVec3) -> Pose {
    let rotation = View::rotation_towards(direction);
    Pose { t_ns: time_ns(t_s), position, rotation, vfov_degrees: None, cut: false }
}

/// Ground heights at places, the nearest known one where there is none, 0 where none is known.
fn heights(world: &FitWorld<'_>, places: impl Iterator<Item = DVec2>) -> Vec<f64> {
    let raw: Vec<Option<f64>> = places.map(|p| (world.ground)(p.x, p.y)).collect();
    known_ground(&raw).unwrap_or_else(|| vec![0.0; raw.len()])
}

/// A stretch of a curve at constant speed over the map, divided finer than its poses and begun
/// before the first one, so that whoever smooths along it has neighbours on both sides.
struct Stretch {
    /// Places, `fine` a pose, `lead` before the first.
    places: Vec<DVec2>,
    /// Directions there, length 1.
    directions: Vec<DVec2>,
    /// The largest ground height within a pose's step either way.
    ground: Vec<f64>,
    /// Distance between places, m.
    step_m: f64,
    lead: usize,
    fine: usize,
}

impl Stretch {
    /// `lead_m` is the way before the first and behind the last of `count` poses.
    fn new(
        world: &FitWorld<'_>,
        curve: &Curve,
        start: f64,
        (pose_m, count): (f64, usize),
        lead_m: f64,
    ) -> Self {
        // A look at the ground every metre at most, and at least two a pose.
        let fine = (pose_m.ceil() as usize).max(2);
        let step_m = pose_m / fine as f64;
        let lead = (lead_m / step_m).ceil() as usize;
        let total = lead * 2 + (count - 1) * fine + 1;
        let (places, directions) = curve.walk(start, step_m, lead, total);
        let ground = heights(world, places.iter().copied());
        let ground = running_max(&ground, fine);
        Self { places, directions, ground, step_m, lead, fine }
    }

    fn index(&self, pose: usize) -> usize {
        self.lead + pose * self.fine
    }

    fn samples(&self, metres: f64) -> usize {
        (metres / self.step_m) as usize
    }
}

/// `seconds` of flyover along a curve.
fn flight(
    world: &FitWorld<'_>,
    curve: &Curve,
    start: f64,
    seconds: f64,
    options: &RecordOptions,
) -> Vec<Pose> {
    const HEIGHT_M: f64 = 100.0;
    const SWELL_M: f64 = 15.0;
    const SWELL_LENGTH_M: f64 = 1800.0;
    const CLEARANCE_M: f64 = 30.0;
    /// The ground is smoothed over this way before and behind, m: what 100 m/s flies in 4 s.
    const SMOOTH_M: f64 = 400.0;
    /// The look goes this much down per metre ahead (10°).
    const DOWN: f64 = 0.176_326_980_708_464_98;
    /// A climb lifts the look, but never above the horizon: this much at most (7°).
    const LIFT_MAX: f64 = 0.12;
    let count = (seconds * options.hz).ceil() as usize + 1;
    let pose_m = FLYOVER_MPS / options.hz;
    let stretch = Stretch::new(world, curve, start, (pose_m, count), SMOOTH_M * 1.5);
    let swell = |i: usize| {
        let along = i as f64 * stretch.step_m / SWELL_LENGTH_M;
        HEIGHT_M + SWELL_M * libm::sin(along * 2.0 * core::f64::consts::PI)
    };
    let z = follow(&stretch.ground, stretch.samples(SMOOTH_M), CLEARANCE_M, swell);
    let reach = stretch.samples(SMOOTH_M * 0.25).max(1);
    let at = |k: usize| {
        let i = stretch.index(k);
        let slope = (z[i + reach] - z[i - reach]) / (2.0 * reach as f64 * stretch.step_m);
        let up = LIFT_MAX * slope / (LIFT_MAX * LIFT_MAX + slope * slope).sqrt();
        let position = stretch.places[i].extend(z[i]);
        pose(k as f64 / options.hz, position, stretch.directions[i].extend(up - DOWN))
    };
    (0..count).map(at).collect()
}

fn orbit(world: &FitWorld<'_>, options: &RecordOptions, rng: &mut Rng) -> Vec<Pose> {
    const MPS_MAX: f64 = 100.0;
    const CLEARANCE_M: f64 = 30.0;
    let room = (world.center - world.min).min(world.max - world.center).min_element();
    let turn = 2.0 * core::f64::consts::PI;
    let radius_m = (room * EXTENT_USED).min(MPS_MAX * options.seconds / turn);
    let (phase, sign) = (rng.unit() * turn, rng.sign());
    let place =
        |angle: f64| world.center + DVec2::new(libm::cos(angle), libm::sin(angle)) * radius_m;
    // The ground below, seen every metre.
    let looks = ((turn * radius_m).ceil() as usize).clamp(360, 1_000_000);
    let below = heights(world, (0..looks).map(|i| place(turn * i as f64 / looks as f64)));
    let highest = below.iter().copied().fold(f64::MIN, f64::max);
    let target_z = heights(world, std::iter::once(world.center))[0];
    let z = (highest + CLEARANCE_M).max(target_z + radius_m * 0.35);
    let target = world.center.extend(target_z);
    let count = (options.seconds * options.hz).ceil() as usize + 1;
    let at = |k: usize| {
        let t_s = k as f64 / options.hz;
        let position = place(phase + sign * turn * t_s / options.seconds).extend(z);
        pose(t_s, position, target - position)
    };
    (0..count).map(at).collect()
}

fn sprint(world: &FitWorld<'_>, options: &RecordOptions, rng: &mut Rng) -> Vec<Pose> {
    const HEIGHT_M: f64 = 10.0;
    const CLEARANCE_M: f64 = 8.0;
    const SMOOTH_M: f64 = 12.0;
    /// A new direction to look at every so often, s, reached within `TURN_S`.
    const LOOK_S: f64 = 1.5;
    const TURN_S: f64 = 0.3;
    let count = (options.seconds * options.hz).ceil() as usize + 1;
    let curve = Curve::new(world, EXTENT_USED, SPRINT_MPS * options.seconds, rng);
    let pose_m = SPRINT_MPS / options.hz;
    let stretch = Stretch::new(world, &curve, rng.unit(), (pose_m, count), SMOOTH_M * 2.0);
    let z = follow(&stretch.ground, stretch.samples(SMOOTH_M), CLEARANCE_M, |_| HEIGHT_M);
    // Yaw up to 100° either way, pitch up to 20°.
    let looks: Vec<DVec2> = (0..(options.seconds / LOOK_S) as usize + 2)
        .map(|_| {
            DVec2::new(rng.unit() * 2.0 - 1.0, rng.unit() * 2.0 - 1.0) * DVec2::new(1.75, 0.35)
        })
        .collect();
    let at = |k: usize| {
        let i = stretch.index(k);
        let t_s = k as f64 / options.hz;
        let n = ((t_s / LOOK_S) as usize).min(looks.len() - 2);
        let f = ((t_s - n as f64 * LOOK_S) / TURN_S).clamp(0.0, 1.0);
        let look = looks[n] + (looks[n + 1] - looks[n]) * (f * f * (3.0 - 2.0 * f));
        let (sin, cos) = (libm::sin(look.x), libm::cos(look.x));
        let d = stretch.directions[i];
        let turned = DVec2::new(d.x * cos - d.y * sin, d.x * sin + d.y * cos);
        let direction = (turned * libm::cos(look.y)).extend(libm::sin(look.y));
        pose(t_s, stretch.places[i].extend(z[i]), direction)
    };
    (0..count).map(at).collect()
}

fn teleport(world: &FitWorld<'_>, options: &RecordOptions, rng: &mut Rng) -> Vec<Pose> {
    /// A piece ends this long before the cut, so that it hardly stands still, s.
    const BEFORE_CUT_S: f64 = 1e-6;
    let pieces = (options.seconds / TELEPORT_S).ceil() as usize;
    let mut poses = Vec::new();
    for piece in 0..pieces {
        let from_s = piece as f64 * TELEPORT_S;
        let seconds = TELEPORT_S.min(options.seconds - from_s);
        let curve = Curve::new(world, EXTENT_USED, f64::INFINITY, rng);
        let flown = flight(world, &curve, rng.unit(), seconds, options);
        let (first, cut_ns) = (poses.len(), time_ns(from_s));
        let end_ns = time_ns(seconds - BEFORE_CUT_S);
        for p in flown {
            let t_ns = cut_ns + p.t_ns.min(end_ns);
            if poses.len() == first || poses.last().is_some_and(|l: &Pose| l.t_ns < t_ns) {
                poses.push(Pose { t_ns, cut: poses.len() == first, ..p });
            }
        }
    }
    poses
}
