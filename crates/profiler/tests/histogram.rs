//! The histogram agrees with a sorted vector to within its bound.

mod model;

use farplane_profiler::{Histogram, LatencySummary};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_sequence_of_operations_agrees_with_a_vector(bytes in vec(any::<u8>(), 0..3_000)) {
        model::run(&bytes);
    }

    #[test]
    fn a_lone_sample_is_found_exactly(value in any::<u64>(), shift in 0_u32..64) {
        let mut histogram = Histogram::new();
        histogram.record(value >> shift);
        prop_assert_eq!(histogram.quantile(0.5), Some(value >> shift));
    }
}

#[test]
fn every_power_of_two_and_its_neighbours_keep_the_bound() {
    for bit in 0..64 {
        for value in [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1] {
            let mut histogram = Histogram::new();
            // Samples on both sides, so that the estimate is not clamped to the truth.
            histogram.record(0);
            histogram.record(value);
            histogram.record(u64::MAX);
            let found = histogram.quantile(0.5).unwrap();
            assert!(found.abs_diff(value) <= value / 64, "{found} for {value}");
        }
    }
}

#[test]
fn values_below_64_are_exact() {
    let mut histogram = Histogram::new();
    (0..64).for_each(|value| histogram.record(value));
    for rank in 1..=64 {
        assert_eq!(histogram.quantile(rank as f64 / 64.0), Some(rank - 1));
    }
}

#[test]
fn a_quantile_outside_zero_to_one_is_none() {
    let mut histogram = Histogram::new();
    histogram.record(1);
    for q in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(histogram.quantile(q), None);
    }
}

#[test]
fn the_count_stops_at_its_largest_instead_of_wrapping() {
    let mut histogram = Histogram::new();
    histogram.record_many(7, u64::MAX);
    histogram.record_many(9, 2);
    let other = histogram.clone();
    histogram.merge(&other);
    assert_eq!(histogram.count(), u64::MAX);
    assert_eq!(histogram.quantile(1.0), Some(7));
}

#[test]
fn a_latency_percentile_needs_ten_samples_in_its_tail() {
    let mut histogram = Histogram::new();
    (0..999).for_each(|_| histogram.record(40));
    let summary = LatencySummary::of(&histogram);
    assert_eq!((summary.p50_ns, summary.p99_ns, summary.max_ns), (Some(40), None, Some(40)));
    histogram.record(60);
    assert_eq!(LatencySummary::of(&histogram).p99_ns, Some(40));
}
