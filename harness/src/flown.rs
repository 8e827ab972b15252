//! What a camera path is, in figures.

use farplane::geom::DVec3;
use farplane_path::CamPath;

/// Figures of a path. Cuts are left out of lengths and speeds: nothing is flown across them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flown {
    /// Time from the first pose to the last, s.
    pub seconds: f64,
    /// Way between poses, m.
    pub length_m: f64,
    /// That way over its time, m/s; 0 where every pose is a cut.
    pub mean_mps: f64,
    /// Fastest step, m/s.
    pub max_mps: f64,
    /// Median time between poses, s.
    pub step_s: f64,
    /// Longest time between poses that is no cut, s.
    pub step_s_max: f64,
    /// Corners of all positions, m.
    pub extent: [DVec3; 2],
}

impl Flown {
    /// Figures of a path.
    #[must_use]
    pub fn of(path: &CamPath) -> Self {
        let poses = path.poses();
        let mut steps_ns: Vec<u64> = poses.windows(2).map(|w| w[1].t_ns - w[0].t_ns).collect();
        steps_ns.sort_unstable();
        let (mut length_m, mut flown_s) = (0.0, 0.0);
        let (mut max_mps, mut step_s_max) = (0.0f64, 0.0f64);
        for w in poses.windows(2).filter(|w| !w[1].cut) {
            let (m, s) = (w[0].position.distance(w[1].position), seconds(w[1].t_ns - w[0].t_ns));
            length_m += m;
            flown_s += s;
            max_mps = max_mps.max(m / s);
            step_s_max = step_s_max.max(s);
        }
        let first = poses[0].position;
        let grow = |[lo, hi]: [DVec3; 2], p: DVec3| [lo.min(p), hi.max(p)];
        Self {
            seconds: seconds(path.duration_ns()),
            length_m,
            mean_mps: if flown_s > 0.0 { length_m / flown_s } else { 0.0 },
            max_mps,
            step_s: seconds(steps_ns[steps_ns.len() / 2]),
            step_s_max,
            extent: poses.iter().map(|p| p.position).fold([first; 2], grow),
        }
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}

/// A distance in metres below 10 km, in kilometres from there on.
#[must_use]
pub fn distance(metres: f64) -> String {
    if metres < 10_000.0 { format!("{metres:.1} m") } else { format!("{:.1} km", metres / 1000.0) }
}

/// One line: poses, seconds, cuts, mean speed.
#[must_use]
pub fn line(path: &CamPath) -> String {
    let flown = Flown::of(path);
    let cuts = path.cuts().len();
    format!(
        "{} poses, {:.3} s, {cuts} cut{}, {} at a mean of {:.1} m/s",
        path.poses().len(),
        flown.seconds,
        if cuts == 1 { "" } else { "s" },
        distance(flown.length_m),
        flown.mean_mps
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_leave_cuts_out() {
        // 10 m in 1 s, a jump of 990 m, then 30 m in 2 s: 40 m in 3 s.
        let text =
            b"0 0 0 0 0 0 0 1\n1 10 0 0 0 0 0 1\n# cut\n2 1000 0 0 0 0 0 1\n4 1030 0 5 0 0 0 1\n";
        let flown = Flown::of(&CamPath::parse(text).unwrap());
        let last = (30.0f64 * 30.0 + 5.0 * 5.0).sqrt();
        assert_eq!(flown.seconds, 4.0);
        assert!((flown.length_m - (10.0 + last)).abs() < 1e-9);
        assert!((flown.mean_mps - (10.0 + last) / 3.0).abs() < 1e-9);
        assert!((flown.max_mps - last / 2.0).abs() < 1e-9);
        assert_eq!((flown.step_s, flown.step_s_max), (1.0, 2.0));
        assert_eq!(flown.extent, [DVec3::ZERO, DVec3::new(1030.0, 0.0, 5.0)]);
    }
}
