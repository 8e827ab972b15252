use crate::Percentile;

/// Buckets per power of two are 2^SUB_BITS, so half a bucket is at most 1/64 of its lowest value.
const SUB_BITS: u32 = 5;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = SUB * (u64::BITS - SUB_BITS + 1) as usize;

/// Counts of `u64` samples in logarithmic buckets: 15 KiB whatever is recorded.
///
/// Values below 64 are exact; above, a quantile is off by at most 1/64 of the true sample. Count,
/// sum, smallest and largest are exact. The bucketing is that of Tene's HdrHistogram with a
/// precision of 5 bits, reporting the middle of a bucket instead of its top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl Histogram {
    /// No samples.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: Box::new([0; BUCKETS]), count: 0, sum: 0, min: u64::MAX, max: 0 }
    }

    /// Adds a sample.
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// Adds the same sample `count` times. At most `u64::MAX` samples are counted in all.
    pub fn record_many(&mut self, value: u64, count: u64) {
        let count = count.min(u64::MAX - self.count);
        if count == 0 {
            return;
        }
        self.counts[bucket(value)] += count;
        self.count += count;
        self.sum = self.sum.saturating_add(u128::from(value) * u128::from(count));
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds all samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        // Buckets fill in ascending order, so that samples beyond the limit are the largest.
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            let count = (*theirs).min(u64::MAX - self.count);
            *mine += count;
            self.count += count;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Forgets all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        (self.count, self.sum, self.min, self.max) = (0, 0, u64::MAX, 0);
    }

    /// Samples recorded.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The smallest sample.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest sample.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The sample of rank ⌈q·N⌉ (the first for q = 0), to within 1/64 of it.
    ///
    /// `None` of nothing, and for a `q` that is not from 0 to 1.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.count == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(middle(index).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The bucket of a value: the value itself while it has at most SUB_BITS + 1 bits, then its
/// leading SUB_BITS + 1 bits behind its magnitude.
fn bucket(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(SUB_BITS + 1);
    shift as usize * SUB + (value >> shift) as usize
}

/// The middle of a bucket, rounded down; the inverse of [`bucket`].
fn middle(index: usize) -> u64 {
    let shift = (index / SUB).saturating_sub(1) as u32;
    let lowest = ((index - shift as usize * SUB) as u64) << shift;
    lowest + ((1_u64 << shift) - 1) / 2
}

/// What a report says about latencies in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LatencySummary {
    /// Samples.
    pub count: u64,
    /// Mean, ns.
    pub mean_ns: Option<f64>,
    /// Median, ns, to within 1/64; `None` with fewer than 10 samples in its tail.
    pub p50_ns: Option<u64>,
    /// 99th percentile, ns, likewise.
    pub p99_ns: Option<u64>,
    /// Largest, ns.
    pub max_ns: Option<u64>,
}

impl LatencySummary {
    /// The figures of a histogram of latencies in ns.
    #[must_use]
    pub fn of(latencies: &Histogram) -> Self {
        let given = |p: Percentile| {
            p.is_given(latencies.count()).then(|| latencies.quantile(p.share())).flatten()
        };
        Self {
            count: latencies.count(),
            mean_ns: latencies.mean(),
            p50_ns: given(Percentile::P50),
            p99_ns: given(Percentile::P99),
            max_ns: latencies.max(),
        }
    }
}
