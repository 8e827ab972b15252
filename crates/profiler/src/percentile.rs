/// Fewest samples beyond a percentile for it to be given.
pub const TAIL_SAMPLES_MIN: u64 = 10;

const WHOLE: u64 = 10_000;

/// A percentile in hundredths of a percent, so that positions and tails are exact integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentile(u16);

impl Percentile {
    /// The median.
    pub const P50: Self = Self(5_000);
    /// 95%.
    pub const P95: Self = Self(9_500);
    /// 99%.
    pub const P99: Self = Self(9_900);
    /// 99.9%.
    pub const P999: Self = Self(9_990);

    /// From hundredths of a percent; `None` beyond 10,000.
    #[must_use]
    pub const fn from_basis_points(basis_points: u16) -> Option<Self> {
        if basis_points as u64 <= WHOLE { Some(Self(basis_points)) } else { None }
    }

    /// As a share of one.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / WHOLE as f64
    }

    /// Whether the tail beyond it (the smaller side) holds at least [`TAIL_SAMPLES_MIN`] of
    /// `samples`: p50 needs 20, p95 200, p99 1,000, p99.9 10,000.
    #[must_use]
    pub fn is_given(self, samples: u64) -> bool {
        let tail = (WHOLE - u64::from(self.0)).min(u64::from(self.0));
        u128::from(samples) * u128::from(tail) >= u128::from(TAIL_SAMPLES_MIN * WHOLE)
    }
}

/// The percentile of samples in ascending order, by linear interpolation at h = p·(N−1).
///
/// `None` with fewer than [`TAIL_SAMPLES_MIN`] samples in its tail. Definition 7 of Hyndman and
/// Fan, "Sample Quantiles in Statistical Packages", 1996.
#[must_use]
pub fn percentile(sorted: &[u64], p: Percentile) -> Option<f64> {
    if !p.is_given(sorted.len() as u64) {
        return None;
    }
    let scaled = u128::from(p.0) * (sorted.len() as u128 - 1);
    let below = (scaled / u128::from(WHOLE)) as usize;
    let part = (scaled % u128::from(WHOLE)) as f64 / WHOLE as f64;
    let low = sorted[below];
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(low as f64 + high.saturating_sub(low) as f64 * part)
}

/// The mean; `None` of nothing.
#[must_use]
pub fn mean(samples: &[u64]) -> Option<f64> {
    let sum: u128 = samples.iter().map(|sample| u128::from(*sample)).sum();
    (!samples.is_empty()).then(|| sum as f64 / samples.len() as f64)
}

/// The coefficient of variation: standard deviation (of the population) / mean; `None` of nothing
/// or where the mean is 0.
#[must_use]
pub fn variation(samples: &[u64]) -> Option<f64> {
    let mean = mean(samples).filter(|mean| *mean > 0.0)?;
    let square = |sample: &u64| (*sample as f64 - mean) * (*sample as f64 - mean);
    let variance = samples.iter().map(square).sum::<f64>() / samples.len() as f64;
    Some(variance.sqrt() / mean)
}

/// How samples of nanoseconds are spread. A figure that the samples are too few for is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Number of samples.
    pub count: u64,
    /// Mean, ns.
    pub mean_ns: Option<f64>,
    /// Median, ns.
    pub p50_ns: Option<f64>,
    /// 95th percentile, ns.
    pub p95_ns: Option<f64>,
    /// 99th percentile, ns.
    pub p99_ns: Option<f64>,
    /// 99.9th percentile, ns.
    pub p999_ns: Option<f64>,
    /// Largest, ns.
    pub max_ns: Option<u64>,
    /// Coefficient of variation of the samples.
    pub cv: Option<f64>,
}

impl Distribution {
    /// The distribution of `samples`, which are left sorted.
    #[must_use]
    pub fn of(samples: &mut [u64]) -> Self {
        samples.sort_unstable();
        Self {
            count: samples.len() as u64,
            mean_ns: mean(samples),
            p50_ns: percentile(samples, Percentile::P50),
            p95_ns: percentile(samples, Percentile::P95),
            p99_ns: percentile(samples, Percentile::P99),
            p999_ns: percentile(samples, Percentile::P999),
            max_ns: samples.last().copied(),
            cv: variation(samples),
        }
    }
}
