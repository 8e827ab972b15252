//! Tracks in degrees, and how they are laid out in metres.

use crate::follow::{follow, known_ground};
use crate::heading::look_along;
use crate::import::repair::{Stamped, mark_jumps};
use crate::import::{ImportError, ImportReport, Note};
use crate::path::{CamHeader, CamPath, POSES_MAX, Pose, below_ground, slerp};
use crate::text::SECOND_NS;
use farplane_geom::{DQuat, DVec2, DVec3, Geographic, Projection};

/// A place that a geographic track passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoPoint {
    /// Where.
    pub place: Geographic,
    /// Height above sea level, m, where the file has one.
    pub elevation_m: Option<f64>,
    /// When, ns since 1970; present in all points of a track or in none.
    pub t_ns: Option<i64>,
    /// Whether this point does not continue the one before.
    pub cut: bool,
    /// Line in the file, from 1.
    pub line: usize,
}

impl Stamped for GeoPoint {
    fn t_ns(&self) -> i64 {
        self.t_ns.unwrap_or(0)
    }

    fn line(&self) -> usize {
        self.line
    }

    fn cut_mut(&mut self) -> &mut bool {
        &mut self.cut
    }
}

/// A track in degrees, as GPX and IGC files hold it: at least two points, times increasing where
/// there are times.
#[derive(Clone, Debug, PartialEq)]
pub struct GeoTrack {
    points: Vec<GeoPoint>,
}

impl GeoTrack {
    pub(crate) fn new(points: Vec<GeoPoint>) -> Self {
        Self { points }
    }

    /// The points.
    #[must_use]
    pub fn points(&self) -> &[GeoPoint] {
        &self.points
    }

    /// Whether any point has an elevation. A track without is laid over the ground.
    #[must_use]
    pub fn has_elevation(&self) -> bool {
        self.points.iter().any(|p| p.elevation_m.is_some())
    }

    /// Whether the points have times. A track without runs at a constant speed.
    #[must_use]
    pub fn has_times(&self) -> bool {
        self.points.iter().all(|p| p.t_ns.is_some())
    }

    /// The projection about the middle of the track, for when there is no world.
    #[must_use]
    pub fn own_projection(&self) -> Projection {
        let Some(first) = self.points.first() else { return Projection::Metric };
        let start = first.place.lon;
        // Longitudes relative to the first point, the shorter way round, so that a track may cross
        // the date line.
        let mut min = DVec2::new(0.0, first.place.lat);
        let mut max = min;
        for p in &self.points {
            let mut dlon = (p.place.lon - start) % 360.0;
            if dlon > 180.0 {
                dlon -= 360.0;
            } else if dlon < -180.0 {
                dlon += 360.0;
            }
            let at = DVec2::new(dlon, p.place.lat);
            (min, max) = (min.min(at), max.max(at));
        }
        let middle = (min + max) * 0.5;
        let mut lon = (start + middle.x) % 360.0;
        if lon > 180.0 {
            lon -= 360.0;
        } else if lon < -180.0 {
            lon += 360.0;
        }
        Projection::Equirectangular(Geographic { lon, lat: middle.y })
    }
}

/// How a geographic track becomes a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoOptions {
    /// Speed of a track without times, m/s; more than 0, at most 10⁶. Never used where there are
    /// times.
    pub speed_mps: f64,
    /// Height above the ground of a track without elevations, m; 0 or more, at most 10⁵. A track
    /// with elevations is never moved.
    pub clearance_m: f64,
    /// Window over which the direction of the motion is smoothed, s; 0 to 3600. With 0 the camera
    /// turns at every point, with a long one it swims through bends.
    pub smooth_s: f64,
}

impl Default for GeoOptions {
    fn default() -> Self {
        Self { speed_mps: 100.0, clearance_m: 10.0, smooth_s: 4.0 }
    }
}

/// Steps of a path laid over the ground, m: half of what a shuttle-radar elevation model resolves.
pub(crate) const DRAPE_STEP_M: f64 = 15.0;

/// Poses that laying a path over the ground may add.
const DRAPE_POSES_MAX: usize = 1_000_000;

/// Window over which a path that is laid over the ground smooths it, steps either way.
const DRAPE_HALF_WINDOW: usize = 8;

/// Lays a geographic track out in the metres of `projection`. Elevations are kept; a track without
/// any follows `ground` (height in m at x, y; `None` outside) at `options.clearance_m`, and single
/// missing ones are interpolated. A track without times runs at `options.speed_mps`. The camera
/// looks along the motion, smoothed over `options.smooth_s`, horizon level. The header keeps the CRS
/// and the origin. Gaps and jumps are counted in `report` (and become cuts in a repair), as are poses
/// below the ground.
///
/// # Errors
/// [`ImportError::NotGeoreferenced`] for a projection in plain metres, [`ImportError::Option`] for
/// an option out of range, [`ImportError::TooFewPoses`] where all points fall on one place and there
/// are no times, [`ImportError::Path`] for places too far from the centre.
pub fn geo_to_path(
    track: &GeoTrack,
    projection: &Projection,
    ground: &dyn Fn(f64, f64) -> Option<f64>,
    options: &GeoOptions,
    report: &mut ImportReport,
) -> Result<CamPath, ImportError> {
    check(options)?;
    let center = projection.center().ok_or(ImportError::NotGeoreferenced)?;
    let elevations = elevations(&track.points, report);
    let mut placed = Vec::with_capacity(track.points.len());
    for (p, z) in track.points.iter().zip(elevations) {
        let xy = projection.project(p.place).ok_or(ImportError::NotGeoreferenced)?;
        placed.push(Placed { position: xy.extend(z.unwrap_or(0.0)), point: *p });
    }
    if track.has_times() {
        mark_jumps(&mut placed, |a, b| a.position.distance(b.position), report);
    } else {
        run_at(&mut placed, options.speed_mps, report);
        report.notes.push(Note::ConstantSpeed { speed_mps: options.speed_mps });
    }
    if placed.len() < 2 {
        return Err(crate::import::too_few(placed.len(), report));
    }
    let start_ns = placed[0].t_ns();
    let pose = |p: &Placed| Pose {
        t_ns: p.t_ns().abs_diff(start_ns),
        position: p.position,
        rotation: DQuat::IDENTITY,
        vfov_degrees: None,
        cut: p.point.cut,
    };
    let mut poses: Vec<Pose> = placed.iter().map(pose).collect();
    if !track.has_elevation() {
        report.notes.push(Note::NoElevation);
        poses = drape(&poses, ground, options.clearance_m);
    }
    report.notes.push(Note::LooksAlongMotion);
    look_along(&mut poses, (options.smooth_s * SECOND_NS as f64) as u64);
    let header = CamHeader {
        crs: Some(CamHeader::WGS84.to_string()),
        origin: Some(DVec3::new(center.lon, center.lat, 0.0)),
        ..CamHeader::default()
    };
    let path = CamPath::new(header, start_ns, poses)?;
    report.below_ground = Some(below_ground(path.poses(), ground));
    report.poses = path.poses().len();
    report.cuts = path.cuts().len();
    Ok(path)
}

struct Placed {
    position: DVec3,
    point: GeoPoint,
}

impl Stamped for Placed {
    fn t_ns(&self) -> i64 {
        self.point.t_ns()
    }

    fn line(&self) -> usize {
        self.point.line
    }

    fn cut_mut(&mut self) -> &mut bool {
        &mut self.point.cut
    }
}

fn check(options: &GeoOptions) -> Result<(), ImportError> {
    let wrong = |name, value, expected| Err(ImportError::Option { name, value, expected });
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
    if !(0.0..=3600.0).contains(&options.smooth_s) {
        return wrong("smoothing", options.smooth_s, "seconds, 0 to 3600");
    }
    Ok(())
}

/// Elevations with missing ones interpolated between their neighbours, by index.
fn elevations(points: &[GeoPoint], report: &mut ImportReport) -> Vec<Option<f64>> {
    let mut z: Vec<Option<f64>> = points.iter().map(|p| p.elevation_m).collect();
    let known: Vec<usize> = (0..z.len()).filter(|&i| z[i].is_some()).collect();
    let (Some(&first), Some(&last)) = (known.first(), known.last()) else { return z };
    let missing = z.len() - known.len();
    if missing > 0 {
        report.notes.push(Note::ElevationsFilled { count: missing });
    }
    let (head, tail) = (z[first], z[last]);
    z[..first].fill(head);
    z[last..].fill(tail);
    for pair in known.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if let (Some(from), Some(to)) = (z[a], z[b]) {
            for (i, slot) in z.iter_mut().enumerate().take(b).skip(a + 1) {
                *slot = Some(from + (to - from) * ((i - a) as f64 / (b - a) as f64));
            }
        }
    }
    z
}

/// Gives points without times the times of a constant speed; a cut takes a second. Points on top of
/// the one before, which would take no time, are dropped and counted.
fn run_at(placed: &mut Vec<Placed>, speed_mps: f64, report: &mut ImportReport) {
    /// Points closer than this are one place, m.
    const PLACE_M: f64 = 0.01;
    let mut last: Option<DVec3> = None;
    let mut cut = false;
    let mut t_s = 0.0;
    placed.retain_mut(|p| {
        let step_m = last.map_or(0.0, |l| l.distance(p.position));
        if last.is_some() && step_m < PLACE_M {
            report.duplicates += 1;
            cut |= p.point.cut;
            return false;
        }
        p.point.cut |= std::mem::take(&mut cut);
        if last.is_some() {
            // At least a microsecond, whatever the speed.
            t_s += if p.point.cut { 1.0 } else { (step_m / speed_mps).max(1e-6) };
        }
        last = Some(p.position);
        p.point.t_ns = Some((t_s * SECOND_NS as f64).round() as i64);
        true
    });
}

/// Lays poses over the ground at a clearance: long steps are divided, so that the path follows what
/// lies between its poses, and the ground is smoothed a little. Rotations are interpolated. Without
/// any ground the poses stay level.
pub(crate) fn drape(
    poses: &[Pose],
    ground: &dyn Fn(f64, f64) -> Option<f64>,
    clearance_m: f64,
) -> Vec<Pose> {
    let height = |p: &Pose| ground(p.position.x, p.position.y);
    if poses.iter().all(|p| height(p).is_none()) {
        let level = |p: &Pose| Pose { position: p.position.with_z(clearance_m), ..*p };
        return poses.iter().map(level).collect();
    }
    let mut fine = divide(poses);
    let mut from = 0;
    while from < fine.len() {
        let to = fine[from + 1..].iter().position(|p| p.cut).map_or(fine.len(), |n| from + 1 + n);
        let piece = &mut fine[from..to];
        let heights: Vec<Option<f64>> = piece.iter().map(height).collect();
        if let Some(known) = known_ground(&heights) {
            let z = follow(&known, DRAPE_HALF_WINDOW, clearance_m, |_| clearance_m);
            piece.iter_mut().zip(z).for_each(|(p, z)| p.position.z = z);
        }
        from = to;
    }
    fine
}

/// The same path with steps of at most about [`DRAPE_STEP_M`] over the ground.
fn divide(poses: &[Pose]) -> Vec<Pose> {
    let over_ground = |a: &Pose, b: &Pose| (b.position - a.position).truncate().length();
    let flown = poses.windows(2).filter(|w| !w[1].cut);
    let total_m: f64 = flown.map(|w| over_ground(&w[0], &w[1])).sum();
    let room = DRAPE_POSES_MAX.min(POSES_MAX - poses.len());
    let step_m = DRAPE_STEP_M.max(total_m / room.max(1) as f64);
    let mut fine = Vec::with_capacity(poses.len());
    for (i, b) in poses.iter().enumerate() {
        if i > 0 && !b.cut {
            let a = &poses[i - 1];
            let parts = ((over_ground(a, b) / step_m) as u64).min(b.t_ns - a.t_ns);
            for k in 1..parts {
                let f = k as f64 / parts as f64;
                let vfov_degrees = match (a.vfov_degrees, b.vfov_degrees) {
                    (Some(x), Some(y)) => Some(x + (y - x) * f),
                    (x, _) => x,
                };
                fine.push(Pose {
                    // No overflow: the product is taken in 128 bits.
                    t_ns: a.t_ns
                        + (u128::from(b.t_ns - a.t_ns) * u128::from(k) / u128::from(parts)) as u64,
                    position: a.position + (b.position - a.position) * f,
                    rotation: slerp(a.rotation, b.rotation, f),
                    vfov_degrees,
                    cut: false,
                });
            }
        }
        fine.push(*b);
    }
    fine
}
