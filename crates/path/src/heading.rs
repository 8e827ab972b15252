//! Orientation of a path that has none: along the motion, smoothed, the horizon level.

use crate::path::Pose;
use farplane_geom::{DVec3, View};

/// Motion shorter than this within a window tells no direction, m.
const MOTION_MIN_M: f64 = 0.5;

/// Steepest look up or down, metres up per metre forward (30°).
const SLOPE_MAX: f64 = 0.577_350_269_189_625_8;

/// Turns every pose along its motion. The direction at a pose is that from half a window before it
/// to half a window behind it, averaged with those of the poses in the same window; cuts bound the
/// window. Where the path stands still the last direction holds.
pub(crate) fn look_along(poses: &mut [Pose], window_ns: u64) {
    let mut from = 0;
    while from < poses.len() {
        let to = poses[from + 1..].iter().position(|p| p.cut).map_or(poses.len(), |n| from + 1 + n);
        look_along_piece(&mut poses[from..to], window_ns / 2);
        from = to;
    }
}

fn look_along_piece(poses: &mut [Pose], half_ns: u64) {
    let mut directions = Vec::with_capacity(poses.len());
    let mut known = None;
    for (i, p) in poses.iter().enumerate() {
        // At least the neighbours, however far apart they are.
        let before = at(poses, p.t_ns.saturating_sub(half_ns.max(1)));
        let after = at(poses, p.t_ns.saturating_add(half_ns.max(1)));
        let d = after - before;
        let forward = d.x.abs().max(d.y.abs());
        let direction = (forward > 0.0 && d.truncate().length() >= MOTION_MIN_M).then(|| level(d));
        if direction.is_some() && known.is_none() {
            known = direction;
            // What came before the first motion looks where it will go.
            directions.resize(i, direction.unwrap_or(DVec3::Y));
        }
        known = direction.or(known);
        directions.push(known.unwrap_or(DVec3::Y));
    }
    let mut sums = Vec::with_capacity(directions.len() + 1);
    let mut sum = DVec3::ZERO;
    sums.push(sum);
    for d in &directions {
        sum += *d;
        sums.push(sum);
    }
    let times: Vec<u64> = poses.iter().map(|p| p.t_ns).collect();
    for (i, pose) in poses.iter_mut().enumerate() {
        let from = times.partition_point(|&t| t < times[i].saturating_sub(half_ns));
        let to = times.partition_point(|&t| t <= times[i].saturating_add(half_ns));
        let mean = (sums[to] - sums[from]) / (to - from) as f64;
        // Opposite directions cancel (a turn on the spot): the pose's own one decides.
        let direction = if mean.truncate().length() > 0.1 { level(mean) } else { directions[i] };
        pose.rotation = View::rotation_towards(direction);
    }
}

/// Position at a time, linear between poses.
fn at(poses: &[Pose], t_ns: u64) -> DVec3 {
    let i = poses.partition_point(|p| p.t_ns <= t_ns);
    if i == 0 {
        return poses[0].position;
    }
    let a = &poses[i - 1];
    match poses.get(i) {
        Some(b) => {
            let f = (t_ns - a.t_ns) as f64 / (b.t_ns - a.t_ns) as f64;
            a.position + (b.position - a.position) * f
        }
        None => a.position,
    }
}

/// The direction with length 1 over the ground and at most the steepest slope.
fn level(direction: DVec3) -> DVec3 {
    let d = direction / direction.truncate().length();
    DVec3::new(d.x, d.y, d.z.clamp(-SLOPE_MAX, SLOPE_MAX))
}
