use crate::fit::FitWorld;
use core::f64::consts::PI;
use farplane_geom::DVec2;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 1 or −1.
    pub(super) fn sign(&mut self) -> f64 {
        if self.next() & 1 == 0 { 1.0 } else { -1.0 }
    }
}

/// A closed, smooth, ever-turning curve: a figure of eight along a random axis, with a swing added
/// so that its two loops differ.
///
/// x = a cos θ, y = b (sin 2θ + s sin 3θ) / (1 + s), turned by an angle, about the world's centre.
pub(super) struct Curve {
    center: DVec2,
    /// Half-sizes, m.
    size: DVec2,
    swing: f64,
    /// Sine and cosine of the turn.
    turn: (f64, f64),
    direction: f64,
}

impl Curve {
    /// A curve within `used` of the world's half-width. `reach_m` is how far it will be followed:
    /// the curve is no larger than lets it turn round on that way.
    pub(super) fn new(world: &FitWorld<'_>, used: f64, reach_m: f64, rng: &mut Rng) -> Self {
        // Bends of at least 400 m radius, where the world has the room.
        const HALF_MIN_M: f64 = 1600.0;
        let half = (world.max - world.min).min_element() * 0.5 * used;
        // The corners of the curve's own box stay inside, however it is turned.
        let ratio = 0.4 + 0.15 * rng.unit();
        let room = half / (1.0 + ratio * ratio).sqrt();
        let a = room.min((reach_m / 4.0).max(HALF_MIN_M));
        let angle = rng.unit() * 2.0 * PI;
        Self {
            center: (world.min + world.max) * 0.5,
            size: DVec2::new(a, a * ratio),
            swing: 0.25 * rng.unit(),
            turn: (libm::sin(angle), libm::cos(angle)),
            direction: rng.sign(),
        }
    }

    fn turned(&self, v: DVec2) -> DVec2 {
        let (sin, cos) = self.turn;
        DVec2::new(v.x * cos - v.y * sin, v.x * sin + v.y * cos)
    }

    fn place(&self, angle: f64) -> DVec2 {
        let s = self.swing;
        let y = (libm::sin(2.0 * angle) + s * libm::sin(3.0 * angle)) / (1.0 + s);
        self.center + self.turned(self.size * DVec2::new(libm::cos(angle), y))
    }

    /// Change of place per radian. Its length is never 0: where the sine is, 2 cos 2θ + 3s cos 3θ is
    /// 2 + 3s or 2 − 3s, and s is below a quarter.
    fn slope(&self, angle: f64) -> DVec2 {
        let s = self.swing;
        let y = (2.0 * libm::cos(2.0 * angle) + 3.0 * s * libm::cos(3.0 * angle)) / (1.0 + s);
        self.turned(self.size * DVec2::new(-libm::sin(angle), y))
    }

    /// `count` places `step_m` apart along the curve and the directions there. The one with index
    /// `lead` lies at `start`, a fraction of the way round. Steps are taken by the midpoint rule,
    /// which is far finer than the curve bends.
    pub(super) fn walk(
        &self,
        start: f64,
        step_m: f64,
        lead: usize,
        count: usize,
    ) -> (Vec<DVec2>, Vec<DVec2>) {
        let advance = |angle: f64, step_m: f64| {
            let half = angle + 0.5 * step_m / self.slope(angle).length();
            angle + step_m / self.slope(half).length()
        };
        let step = step_m * self.direction;
        let mut angle = start * 2.0 * PI;
        for _ in 0..lead {
            angle = advance(angle, -step);
        }
        let mut places = Vec::with_capacity(count);
        let mut directions = Vec::with_capacity(count);
        for _ in 0..count {
            places.push(self.place(angle));
            directions.push(self.slope(angle).normalize() * self.direction);
            angle = advance(angle, step);
        }
        (places, directions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_sequence() {
        // First outputs for seed 1234567, from the reference implementation's test.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_walk_takes_equal_steps_and_stays_in_the_world() {
        let ground = |_: f64, _: f64| Some(0.0);
        let world = FitWorld::new(DVec2::splat(-2048.0), DVec2::splat(2048.0), &ground);
        for seed in 0..20 {
            let mut rng = Rng::new(seed);
            let curve = Curve::new(&world, 0.8, 6000.0, &mut rng);
            let (places, directions) = curve.walk(rng.unit(), 1.0, 100, 12_000);
            for (p, d) in places.windows(2).zip(&directions) {
                assert!((p[0].distance(p[1]) - 1.0).abs() < 1e-3);
                assert!((p[1] - p[0]).dot(*d) > 0.999);
                assert!(p[0].abs().max_element() <= 2048.0 * 0.8 + 1e-6);
            }
        }
    }
}
