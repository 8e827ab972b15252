//! The frame metrics, each against a hand calculation or a naive reading of its definition.

use farplane_profiler::{
    Cause, Distribution, FrameRecord, FrameSummary, Low, Pacing, Percentile, STAGES_MAX, Target,
    Tier, fps_low, fps_mean, mean, percentile, smoothness, variation,
};
use proptest::collection::vec;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

/// Frames that start `interval` ms apart and work for the given ms.
fn frames(interval_ms: u64, work_ms: &[u64]) -> Vec<FrameRecord> {
    let record = |(index, work): (usize, &u64)| FrameRecord {
        index: index as u64,
        start_ns: index as u64 * interval_ms * MS,
        interval_ns: (index > 0).then_some(interval_ms * MS),
        work_ns: work * MS,
        update_ns: work * MS / 2,
        stages: [0; STAGES_MAX],
        waited_for: None,
    };
    work_ms.iter().enumerate().map(record).collect()
}

/// h = p·(N−1) in floats, the tail counted one by one.
fn percentile_naive(samples: &[u64], basis_points: u16) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort();
    let tail = sorted.len() as u64 * u64::from(basis_points.min(10_000 - basis_points));
    if tail < 10 * 10_000 {
        return None;
    }
    let h = f64::from(basis_points) / 10_000.0 * (sorted.len() - 1) as f64;
    let below = sorted[h.floor() as usize] as f64;
    let above = sorted[h.ceil() as usize] as f64;
    Some(below + (above - below) * (h - h.floor()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_percentile_is_that_of_a_naive_sort(
        samples in vec(0..1_000_000_000_u64, 0..3_000),
        basis_points in 0_u16..=10_000,
    ) {
        let mut sorted = samples.clone();
        sorted.sort_unstable();
        let p = Percentile::from_basis_points(basis_points).unwrap();
        match (percentile(&sorted, p), percentile_naive(&samples, basis_points)) {
            (None, None) => {}
            (Some(found), Some(truth)) => prop_assert!((found - truth).abs() <= 1e-3),
            (found, truth) => prop_assert_eq!(found, truth),
        }
    }

    #[test]
    fn lateness_with_a_fixed_refresh_is_the_wait_for_the_next_one(work in 0..200_000_000_u64) {
        let target = Target::fixed_refresh(60.0).unwrap();
        let period = target.period_ns();
        let mut shown = period;
        while shown < work {
            shown += period;
        }
        prop_assert_eq!(target.late_ns(work), shown - period);
    }
}

#[test]
fn a_percentile_interpolates_linearly() {
    // N = 21: p50 is sorted[10]; N = 20: h = 9.5, half-way between the 10th and the 11th.
    let odd: Vec<u64> = (0..21).map(|i| i * 10).collect();
    assert_eq!(percentile(&odd, Percentile::P50), Some(100.0));
    assert_eq!(percentile(&odd[..20], Percentile::P50), Some(95.0));
    // N = 1000: p99 has h = 989.01.
    let thousand: Vec<u64> = (0..1_000).map(|i| i * 100).collect();
    let p99 = percentile(&thousand, Percentile::P99).unwrap();
    assert!((p99 - 98_901.0).abs() < 1e-9);
}

#[test]
fn a_percentile_with_fewer_than_ten_frames_in_its_tail_is_not_given() {
    let needed = [
        (Percentile::P50, 20),
        (Percentile::P95, 200),
        (Percentile::P99, 1_000),
        (Percentile::P999, 10_000),
    ];
    for (p, frames) in needed {
        assert_eq!(percentile(&vec![1; frames - 1], p), None);
        assert_eq!(percentile(&vec![1; frames], p), Some(1.0));
    }
}

#[test]
fn a_percentile_beyond_the_whole_does_not_exist() {
    assert_eq!(Percentile::from_basis_points(10_001), None);
}

#[test]
fn nothing_has_no_figures() {
    assert_eq!(
        (mean(&[]), variation(&[]), fps_mean(&[]), smoothness(&[])),
        (None, None, None, None)
    );
    assert_eq!(Distribution::of(&mut []), Distribution::default());
    let summary = FrameSummary::of(&[], &Target::fixed_refresh(60.0).unwrap());
    assert_eq!((summary.frames, summary.run_ns, summary.tier), (0, 0, None));
    assert_eq!(summary.hitches.ms_per_s, None);
    assert_eq!(summary.hitches.worst, None);
}

#[test]
fn frames_of_no_time_have_no_rate() {
    assert_eq!(fps_mean(&[0, 0]), None);
    assert_eq!(variation(&[0, 0]), None);
}

#[test]
fn fps_mean_is_frames_over_their_summed_time() {
    // 10 + 30 ms for two frames: 50 a second, not the mean of 100 and 33.3.
    assert_eq!(fps_mean(&[10 * MS, 30 * MS]), Some(50.0));
}

#[test]
fn a_low_averages_the_slowest_share_of_frames() {
    // 200 frames: the slowest 1% are two, of 20 and 40 ms, 30 ms in the mean.
    let mut work = vec![10 * MS; 198];
    work.extend([20 * MS, 40 * MS]);
    let low = fps_low(&work, Low::OnePercent).unwrap();
    assert!((low - 1_000.0 / 30.0).abs() < 1e-9);
    assert_eq!(fps_low(&work, Low::TenthPercent), None, "0.1% of 200 is no frame");
    assert_eq!(fps_low(&work[101..], Low::OnePercent), None, "1% of 99 is no frame");
    // 201 frames: 1% is more than two, three are taken.
    work.insert(0, 10 * MS);
    let low = fps_low(&work, Low::OnePercent).unwrap();
    assert!((low - 3_000.0 / 70.0).abs() < 1e-9);
}

#[test]
fn variation_is_that_of_the_population() {
    // Mean 5, deviations −3 −1 −1 −1 0 0 2 4, squares sum to 32, variance 4, deviation 2.
    assert_eq!(variation(&[2, 4, 4, 4, 5, 5, 7, 9]), Some(0.4));
}

#[test]
fn smoothness_is_one_minus_the_relative_variance_and_never_negative() {
    let smooth = smoothness(&[2, 4, 4, 4, 5, 5, 7, 9]).unwrap();
    assert!((smooth - 0.84).abs() < 1e-12, "1 − 4 / 25");
    assert_eq!(smoothness(&[1, 0, 0, 0, 0, 0]), Some(0.0), "variance / mean² is 5");
}

#[test]
fn lateness_depends_on_the_refresh() {
    let fixed = Target::fixed_refresh(100.0).unwrap();
    let late = [0, 1, 10 * MS, 10 * MS + 1, 20 * MS, 25 * MS].map(|work| fixed.late_ns(work));
    assert_eq!(late, [0, 0, 0, 10 * MS, 10 * MS, 20 * MS]);
    let variable = Target::variable_refresh(100.0).unwrap();
    let late = [0, 10 * MS, 10 * MS + 1, 25 * MS].map(|work| variable.late_ns(work));
    assert_eq!(late, [0, 0, 1, 15 * MS]);
}

#[test]
fn a_target_that_is_no_rate_is_refused_with_the_rate() {
    for hz in [0.0, -60.0, f64::NAN, f64::INFINITY, 1e9] {
        let error = Target::fixed_refresh(hz).unwrap_err();
        assert!(error.to_string().contains(&format!("{hz} Hz")), "{error}");
        assert!(Target::variable_refresh(hz).is_err());
    }
    assert_eq!(Target::fixed_refresh(60.0).unwrap().period_ns(), 16_666_667);
}

#[test]
fn the_largest_times_do_not_overflow() {
    let target = Target::fixed_refresh(60.0).unwrap();
    let mut longest = frames(10, &[5, 5]);
    longest[1].start_ns = u64::MAX;
    longest[1].work_ns = u64::MAX;
    longest[1].stages = [u64::MAX; STAGES_MAX];
    let summary = FrameSummary::of(&longest, &target);
    assert_eq!(summary.hitches.over_target, 1);
    assert_eq!(summary.run_ns, u64::MAX);
}

#[test]
fn hitches_count_frames_over_the_target_twice_it_and_50_ms() {
    let target = Target::fixed_refresh(50.0).unwrap();
    // T = 20 ms: a frame of exactly T, of exactly 2T and of exactly 50 ms is not over it.
    let summary = FrameSummary::of(&frames(20, &[20, 21, 40, 41, 50, 51, 5, 5, 5, 5]), &target);
    let hitches = summary.hitches;
    assert_eq!((hitches.over_target, hitches.over_2x, hitches.over_50ms), (5, 3, 1));
    // Late by 20, 20, 40, 40, 40 ms; ten frames 20 ms apart, the last 5 ms long: 0.185 s.
    assert_eq!(summary.run_ns, 185 * MS);
    assert_eq!(hitches.ms_per_s, Some(160.0 / 0.185));
    let worst = hitches.worst.unwrap();
    assert_eq!((worst.index, worst.work_ns), (5, 51 * MS));
}

#[test]
fn the_worst_frames_cause_is_the_stage_that_took_most() {
    let mut run = frames(20, &[5, 30, 30]);
    run[1].stages[3] = 14 * MS;
    run[1].stages[7] = 15 * MS;
    run[1].waited_for = Some(42);
    let target = Target::fixed_refresh(50.0).unwrap();
    let worst = FrameSummary::of(&run, &target).hitches.worst.unwrap();
    assert_eq!(worst.index, 1, "the first of equals");
    assert_eq!(worst.cause, Cause::Stage { index: 7 });
    assert_eq!((worst.cause_ns, worst.waited_for), (15 * MS, Some(42)));
    run[1].stages[7] = 2 * MS;
    run[1].stages[3] = MS;
    let worst = FrameSummary::of(&run, &target).hitches.worst.unwrap();
    assert_eq!((worst.cause, worst.cause_ns), (Cause::OutsideStages, 27 * MS));
    assert_eq!(worst.cause.name(&["a"]), "outside all stages");
}

#[test]
fn pacing_is_the_change_from_interval_to_interval() {
    // Changes of 4, 6 and 0.
    let pacing = Pacing::of(&[16, 20, 14, 14]);
    assert_eq!(pacing.mean_ns, Some(10.0 / 3.0));
    assert_eq!(pacing.p99_ns, None, "three changes have no p99");
    assert_eq!(Pacing::of(&[16]).mean_ns, None);
}

#[test]
fn frames_within_the_target_have_no_variation_and_full_smoothness() {
    let summary =
        FrameSummary::of(&frames(20, &[1, 19, 7, 20]), &Target::fixed_refresh(50.0).unwrap());
    assert_eq!((summary.frame_cv, summary.smoothness), (Some(0.0), Some(1.0)));
    assert_eq!(summary.interval.cv, Some(0.0));
    assert_eq!(summary.interval.count, 3, "the first frame has no interval");
    assert_eq!(summary.hitches.ms_per_s, Some(0.0));
    assert_eq!(summary.update.max_ns, Some(10 * MS));
}

#[test]
fn tiers_begin_at_55_and_45() {
    let tiers = [55.0, 54.9, 45.0, 44.9, f64::NAN].map(Tier::of);
    assert_eq!(tiers, [Tier::Excellent, Tier::Good, Tier::Good, Tier::Poor, Tier::Poor]);
}
