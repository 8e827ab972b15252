//! Figures over rounds: contenders take turns, and each figure is the median of its rounds.

use std::time::Instant;

/// The middle value, or the mean of the two in the middle.
///
/// # Panics
/// When there is none.
pub fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "a median of nothing");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

/// The value below which the share `p` lies, interpolated linearly.
///
/// # Panics
/// When there is no value.
pub fn percentile(values: &[f64], p: f64) -> f64 {
    assert!(!values.is_empty(), "a percentile of nothing");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let h = p * (sorted.len() - 1) as f64;
    let low = h.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * (h - low as f64)
}

/// Nanoseconds since an instant.
pub fn since_ns(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}

/// What two looks at the clock cost, ns: taken off single calls.
pub fn clock_ns() -> f64 {
    let looks: Vec<f64> = (0..10_001).map(|_| since_ns(Instant::now())).collect();
    median(&looks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_percentile_of_small_lists() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(percentile(&[0.0, 10.0, 20.0, 30.0, 40.0], 0.5), 20.0);
        assert_eq!(percentile(&[0.0, 10.0], 0.25), 2.5);
        assert_eq!(percentile(&[7.0], 0.999), 7.0);
    }
}
