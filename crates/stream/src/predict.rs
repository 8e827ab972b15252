use farplane_geom::{DQuat, DVec3, View};

/// Speed above which a step between two views is a cut and not a movement, m/s.
const CUT_SPEED_MPS: f64 = 5_000.0;

/// Extrapolates a view from its last movement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Predictor {
    last: Option<(u64, View)>,
    velocity: DVec3,
    /// Rotation per second, as a rotation over one step and the step's length.
    turn: Option<(DQuat, u64)>,
}

impl Predictor {
    /// Notes where the view is at `now_ns`. A jump faster than 5 km/s counts as a cut: nothing is
    /// predicted from it.
    pub fn observe(&mut self, now_ns: u64, view: &View) {
        if let Some((before_ns, before)) = self.last
            && now_ns > before_ns
        {
            let dt_ns = now_ns - before_ns;
            let velocity = (view.position - before.position) / (dt_ns as f64 * 1e-9);
            if velocity.length() <= CUT_SPEED_MPS {
                // Half of the new movement and half of the old: one noisy pose does not steer.
                let first = self.turn.is_none();
                self.velocity = if first { velocity } else { self.velocity * 0.5 + velocity * 0.5 };
                self.turn = Some((view.rotation * before.rotation.inverse(), dt_ns));
            } else {
                self.velocity = DVec3::ZERO;
                self.turn = None;
            }
        }
        self.last = Some((now_ns, *view));
    }

    /// Velocity of the view, m/s.
    #[must_use]
    pub fn velocity(&self) -> DVec3 {
        self.velocity
    }

    /// The last view, moved on by `ahead_ns` at its velocity and turned on at its rate (by at most
    /// 64 steps). `None` before the first view.
    #[must_use]
    pub fn at(&self, ahead_ns: u64) -> Option<View> {
        let (_, mut view) = self.last?;
        view.position += self.velocity * (ahead_ns as f64 * 1e-9);
        if let Some((turn, step_ns)) = self.turn {
            let steps = (ahead_ns / step_ns.max(1)).min(64);
            for _ in 0..steps {
                view.rotation = turn * view.rotation;
            }
            view.rotation = view.rotation.normalize();
        }
        Some(view)
    }

    /// The last view, moved on by `distance_m` along its velocity, its rotation kept. `None` when it
    /// does not move.
    #[must_use]
    pub fn ahead_m(&self, distance_m: f64) -> Option<View> {
        let (_, mut view) = self.last?;
        let speed = self.velocity.length();
        if speed < 1e-3 {
            return None;
        }
        view.position += self.velocity * (distance_m / speed);
        Some(view)
    }
}
