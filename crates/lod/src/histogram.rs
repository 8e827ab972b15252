//! Costs of steps by the logarithm of the scale up to which they are taken.

use crate::rows::ROUNDING;
use crate::{Budget, Cost, LodError};

/// Buckets an octave of the square of a scale: a bucket is 1.6 to 3.1% wide.
const BUCKETS_PER_OCTAVE: u32 = 16;
/// The mantissa bits of an `f32` that do not choose a bucket.
pub(crate) const BUCKET_SHIFT: u32 = 23 - BUCKETS_PER_OCTAVE.trailing_zeros();
/// The lowest scale that is told apart, 2⁻³: hysteresis reaches a little below 1.
pub(crate) const LOWEST: u32 = 0.015625f32.to_bits() >> BUCKET_SHIFT;
/// Scales of 2⁻³ to 2¹⁶: thresholds 65,536 times as large as asked for.
pub(crate) const BUCKETS: usize = 38 * BUCKETS_PER_OCTAVE as usize;
/// The bucket that begins at a scale of 1: the rule as given.
pub(crate) const UNSCALED: usize = 6 * BUCKETS_PER_OCTAVE as usize;

/// The bucket of the square of a scale, rounded down; the first and the last take what is beyond.
#[inline(always)]
pub(crate) fn bucket(scale_squared: f32) -> usize {
    let above = ((scale_squared * ROUNDING).to_bits() >> BUCKET_SHIFT).saturating_sub(LOWEST);
    (above as usize).min(BUCKETS - 1)
}

/// The square of the scale at which a bucket begins.
pub(crate) fn square_of(bucket: usize) -> f32 {
    f32::from_bits((bucket as u32 + LOWEST) << BUCKET_SHIFT)
}

const LEVEL: u64 = 1;
const APPEAR: u64 = 1 << 32;

/// A step that an instance takes, or all those of a bucket: triangles; levels, and 2³² times as many
/// appearances. In two words, so that one addition of a vector counts a step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step([u64; 2]);

impl Step {
    /// An instance appears at its coarsest level.
    pub fn appear(triangles: u32) -> Self {
        Self([u64::from(triangles), APPEAR])
    }

    /// An instance is refined by one level.
    #[inline(always)]
    pub fn refine(triangles: u32) -> Self {
        Self([u64::from(triangles), LEVEL])
    }
}

/// Steps not taken before, then those that hysteresis holds, each by the threshold that counts.
#[derive(Clone, Debug)]
pub(crate) struct Histogram(Box<[Step; 2 * BUCKETS]>);

impl Histogram {
    pub fn new() -> Self {
        Self(Box::new([Step::default(); 2 * BUCKETS]))
    }

    /// Counts a step in a bucket, [`BUCKETS`] further on where hysteresis holds it.
    #[inline(always)]
    pub fn count(&mut self, at: usize, step: &Step) {
        let Step(all) = &mut self.0[at];
        *all = [all[0] + step.0[0], all[1] + step.0[1]];
    }

    pub fn clear(&mut self) {
        self.0.fill(Step::default());
    }
}

/// Sums from the top: what is taken at the scale where each bucket begins.
pub(crate) struct Totals([Sum; BUCKETS]);

#[derive(Clone, Copy, Default)]
pub(crate) struct Sum {
    pub cost: Cost,
    pub levels: u64,
    pub appear: u64,
}

impl Sum {
    fn add(&mut self, Step([triangles, steps]): &Step) {
        self.cost.triangles += triangles;
        self.levels += steps % APPEAR;
        self.appear += steps / APPEAR;
    }
}

impl Totals {
    /// Fresh steps count down to `ratio` times lower scales than held ones; `bytes` are by bucket.
    pub fn new(counted: &Histogram, ratio: f32, bytes: &[u64; BUCKETS]) -> Self {
        let (not_held, held) = counted.0.split_at(BUCKETS);
        let mut sums = [Sum::default(); BUCKETS];
        let (mut sum, mut fresh) = (Sum::default(), BUCKETS);
        for at in (0..BUCKETS).rev() {
            // Rounded down, so that no bucket is left out that holds a step of this scale.
            let lowest = square_of(at) / (ratio * ratio * ROUNDING * ROUNDING);
            let lowest = if ratio > 1.0 { bucket(lowest) } else { at };
            while fresh > lowest {
                fresh -= 1;
                sum.add(&not_held[fresh]);
            }
            sum.add(&held[at]);
            sum.cost.bytes += bytes[at];
            sums[at] = sum;
        }
        Self(sums)
    }

    pub fn at(&self, bucket: usize) -> &Sum {
        &self.0[bucket]
    }

    /// The lowest scale from 1 on whose cost is within a budget.
    pub fn first_within(&self, budget: &Budget) -> Option<usize> {
        let exceeds =
            |sum: &Sum| sum.cost.triangles > budget.triangles || sum.cost.bytes > budget.bytes;
        // Costs do not rise with the scale.
        let first = UNSCALED + self.0[UNSCALED..].partition_point(exceeds);
        (first < BUCKETS).then_some(first)
    }

    /// Why nothing is within a budget.
    pub fn refusal(&self, budget: &Budget) -> LodError {
        let Cost { triangles, bytes } = self.0[BUCKETS - 1].cost;
        if triangles > budget.triangles {
            let (budget, needed) = (budget.triangles, triangles);
            LodError::Budget { what: "triangles", budget, needed }
        } else {
            LodError::Budget { what: "bytes", budget: budget.bytes, needed: bytes }
        }
    }
}
