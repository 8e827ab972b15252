//! Fitting a path to a world that it was not recorded in.

use crate::error::CamError;
use crate::geo::{GeoOptions, drape};
use crate::heading::look_along;
use crate::import::{Gaps, repair::median};
use crate::path::{CamHeader, CamPath, POSITION_MAX_M, Pose, below_ground};
use crate::text::SECOND_NS;
use farplane_geom::{DVec2, DVec3};
use std::fmt;

/// The world under a path.
#[derive(Clone, Copy)]
pub struct FitWorld<'a> {
    /// South-west corner, m.
    pub min: DVec2,
    /// North-east corner, m.
    pub max: DVec2,
    /// The point that the middle of the path goes over, m, inside the corners.
    pub center: DVec2,
    /// Height of the ground at x, y, m; `None` outside.
    pub ground: &'a dyn Fn(f64, f64) -> Option<f64>,
}

impl<'a> FitWorld<'a> {
    /// The world between two corners, its centre in the middle.
    #[must_use]
    pub fn new(min: DVec2, max: DVec2, ground: &'a dyn Fn(f64, f64) -> Option<f64>) -> Self {
        Self { min, max, center: (min + max) * 0.5, ground }
    }

    /// Whether the corners are finite and in order, and the centre lies between them.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let in_reach = |p: DVec2| p.is_finite() && p.abs().max_element() <= POSITION_MAX_M;
        let inside = self.center.cmpgt(self.min).all() && self.center.cmplt(self.max).all();
        in_reach(self.min) && in_reach(self.max) && inside
    }
}

impl fmt::Debug for FitWorld<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, max, center, .. } = self;
        write!(f, "FitWorld {{ min: {min:?}, max: {max:?}, center: {center:?} }}")
    }
}

/// How a path is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitOptions {
    /// Mean speed after scaling, m/s; more than 0, at most 10⁶. Slow shows few tiles for long, fast
    /// streams more a second. A path is slower where it would leave the world otherwise.
    pub speed_mps: f64,
    /// Smallest height above the ground, m; 0 to 10⁵. The lowest point of the path is exactly this
    /// high.
    pub clearance_m: f64,
    /// For a path without heights of its own: every pose goes to the clearance over the ground,
    /// rather than one lift for all. Never changes where a path goes over the map.
    pub drape: bool,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { speed_mps: 100.0, clearance_m: 10.0, drape: false }
    }
}

/// What fitting did. `Display` gives one line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitReport {
    /// Factor that all distances were multiplied by.
    pub scale: f64,
    /// Whether it is smaller than the speed asked for, since the path would have left the world.
    pub scaled_down: bool,
    /// What was added to every height after scaling about the path's middle, m; may be negative.
    pub lift_m: f64,
    /// Mean speed of the fitted path, m/s, cuts and gaps left out.
    pub mean_speed_mps: f64,
    /// Poses that lay below the ground before the lift; none does after it.
    pub below_ground: usize,
    /// Whether every pose was laid over the ground.
    pub draped: bool,
}

impl fmt::Display for FitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scaled by {:.6}", self.scale)?;
        if self.scaled_down {
            f.write_str(" (down, so that it stays in the world)")?;
        }
        write!(f, " to a mean speed of {:.1} m/s", self.mean_speed_mps)?;
        if self.draped {
            f.write_str(", laid over the ground")?;
        }
        write!(f, ", lifted by {:.1} m", self.lift_m)?;
        if self.below_ground > 0 {
            write!(f, " ({} poses were below the ground)", self.below_ground)?;
        }
        Ok(())
    }
}

/// Why a path cannot be fitted.
#[derive(Clone, Debug, PartialEq)]
pub enum FitError {
    /// The world's corners or centre make no sense.
    World {
        /// South-west corner, m.
        min: DVec2,
        /// North-east corner, m.
        max: DVec2,
        /// Centre, m.
        center: DVec2,
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
    /// The path does not move between cuts and gaps, so there is no speed to scale.
    Still,
    /// The fitted path makes no path (too high, say).
    Path(CamError),
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World { min, max, center } => write!(
                f,
                "a world from {min} to {max} with its centre at {center} holds no path; give \
                 finite corners in order and a centre between them"
            ),
            Self::Option { name, value, expected } => {
                write!(f, "{name} is {value}; give {expected}")
            }
            Self::Still => write!(
                f,
                "the path does not move, so it cannot be scaled to a speed; use it without fitting"
            ),
            Self::Path(error) => write!(f, "the fitted path: {error}"),
        }
    }
}

impl std::error::Error for FitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Path(error) => Some(error),
            _ => None,
        }
    }
}

/// Part of the way from the centre to the edge that a fitted path may use: a margin of 1%.
const EXTENT_USED: f64 = 0.99;

/// Distance between two looks at the ground below a path, m.
const GROUND_STEP_M: f64 = 2.0;

/// Looks at the ground at most; on a longer path they are farther apart.
const GROUND_LOOKS_MAX: f64 = 4e6;

/// Moves a path over a world: its times and its shape stay. The middle of its bounding box goes over
/// the world's centre, space is scaled uniformly to a mean speed of `options.speed_mps` (cuts and
/// gaps left out), further down if it would leave the world, and one lift puts its lowest point
/// `options.clearance_m` above the ground, as seen every 2 m along the path. The header loses its CRS
/// and origin, since the path no longer lies where it was recorded.
///
/// # Errors
/// [`FitError`] for a world or options that make no sense and for a path that does not move.
pub fn fit(
    path: &CamPath,
    world: &FitWorld<'_>,
    options: &FitOptions,
) -> Result<(CamPath, FitReport), FitError> {
    check(world, options)?;
    let speed = mean_speed_mps(path.poses()).filter(|&s| s > 0.0).ok_or(FitError::Still)?;
    let (min, max) = bounds(path.poses());
    let (middle, half) = ((min + max) * 0.5, (max - min) * 0.5);
    let room = (world.center - world.min).min(world.max - world.center) * EXTENT_USED;
    // A path without extent along an axis cannot leave the world there: x / 0 is infinite.
    let largest = (room.x / half.x).min(room.y / half.y);
    let wanted = options.speed_mps / speed;
    let scale = wanted.min(largest);
    if !scale.is_finite() {
        return Err(FitError::Still);
    }

    let ground = world.ground;
    let center = world.center.extend(middle.z);
    let move_over = |p: &Pose| Pose { position: center + (p.position - middle) * scale, ..*p };
    let mut poses: Vec<Pose> = path.poses().iter().map(move_over).collect();
    if options.drape {
        poses = drape(&poses, ground, options.clearance_m);
        look_along(&mut poses, (GeoOptions::default().smooth_s * SECOND_NS as f64) as u64);
    }
    let under = below_ground(&poses, ground);
    let lift_m = lift(&poses, ground, options.clearance_m);
    poses.iter_mut().for_each(|p| p.position.z += lift_m);
    let report = FitReport {
        scale,
        scaled_down: scale < wanted,
        lift_m,
        mean_speed_mps: mean_speed_mps(&poses).unwrap_or(0.0),
        below_ground: under,
        draped: options.drape,
    };
    let header = CamHeader { crs: None, origin: None, ..path.header().clone() };
    let fitted = CamPath::new(header, path.start_ns(), poses).map_err(FitError::Path)?;
    Ok((fitted, report))
}

fn check(world: &FitWorld<'_>, options: &FitOptions) -> Result<(), FitError> {
    if !world.is_valid() {
        let (min, max, center) = (world.min, world.max, world.center);
        return Err(FitError::World { min, max, center });
    }
    let wrong = |name, value, expected| Err(FitError::Option { name, value, expected });
    if !(options.speed_mps > 1e-6 && options.speed_mps <= 1e6) {
        return wrong(
            "speed",
            options.speed_mps,
            "metres per second, more than 0, at most 1000000",
        );
    }
    if !(0.0..=1e5).contains(&options.clearance_m) {
        return wrong("clearance", options.clearance_m, "metres, 0 to 100000");
    }
    Ok(())
}

fn bounds(poses: &[Pose]) -> (DVec3, DVec3) {
    let start = (poses[0].position, poses[0].position);
    poses.iter().fold(start, |(lo, hi), p| (lo.min(p.position), hi.max(p.position)))
}

/// Length over time of all steps that are neither cuts nor gaps; `None` where there is no such step.
fn mean_speed_mps(poses: &[Pose]) -> Option<f64> {
    let mut steps: Vec<u64> = poses.windows(2).map(|w| w[1].t_ns - w[0].t_ns).collect();
    let gaps = Gaps { median_ns: median(&mut steps)?, ..Gaps::default() };
    let mut length_m = 0.0;
    let mut time_ns = 0u64;
    for w in poses.windows(2) {
        let step_ns = w[1].t_ns - w[0].t_ns;
        if !w[1].cut && !gaps.is_gap(step_ns) {
            length_m += w[1].position.distance(w[0].position);
            time_ns += step_ns;
        }
    }
    (time_ns > 0).then(|| length_m / (time_ns as f64 / SECOND_NS as f64))
}

/// What puts the lowest point of the path at the clearance above the ground; 0 without any ground.
fn lift(poses: &[Pose], ground: &dyn Fn(f64, f64) -> Option<f64>, clearance_m: f64) -> f64 {
    let flat = |a: &Pose, b: &Pose| (b.position - a.position).truncate().length();
    let flown = poses.windows(2).filter(|w| !w[1].cut);
    let total_m: f64 = flown.map(|w| flat(&w[0], &w[1])).sum();
    let step_m = GROUND_STEP_M.max(total_m / GROUND_LOOKS_MAX);
    let need = |p: DVec3| ground(p.x, p.y).filter(|g| g.is_finite()).map(|g| g + clearance_m - p.z);
    let mut most: Option<f64> = None;
    let mut look = |p: DVec3| {
        if let Some(n) = need(p) {
            most = Some(most.map_or(n, |m| m.max(n)));
        }
    };
    for (i, b) in poses.iter().enumerate() {
        if i > 0 && !b.cut {
            let a = &poses[i - 1];
            let parts = (flat(a, b) / step_m).ceil() as u64;
            for k in 1..parts {
                look(a.position + (b.position - a.position) * (k as f64 / parts as f64));
            }
        }
        look(b.position);
    }
    most.unwrap_or(0.0)
}
