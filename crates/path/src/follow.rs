//! Heights that follow the ground smoothly and never come closer to it than allowed.

/// Height of a path over a row of ground heights: the ground smoothed over `half_window` samples
/// either way, plus `height_m` (one for each sample), and nowhere less than `clearance_m` above the
/// ground itself. Where smoothing cuts into a crest, the whole neighbourhood is raised smoothly
/// rather than the crest alone, so that the path has no kinks.
///
/// The raise is a running maximum of what is missing, over the window, smoothed by two boxes that
/// together are no wider: an average of values of which each is at least what its centre needs.
pub(crate) fn follow(
    ground: &[f64],
    half_window: usize,
    clearance_m: f64,
    height_m: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let (first, second) = (half_window - half_window / 2, half_window / 2);
    let smooth = |v: &[f64]| box_mean(&box_mean(v, first), second);
    let mut height: Vec<f64> =
        smooth(ground).into_iter().enumerate().map(|(i, g)| g + height_m(i)).collect();
    let missing: Vec<f64> =
        ground.iter().zip(&height).map(|(g, h)| (g + clearance_m - h).max(0.0)).collect();
    let raise = smooth(&running_max(&missing, half_window));
    height.iter_mut().zip(raise).for_each(|(h, r)| *h += r);
    height
}

/// Mean over `half` samples either way, fewer at the ends.
fn box_mean(values: &[f64], half: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for v in values {
        sum += v;
        sums.push(sum);
    }
    let mean = |i: usize| {
        let (from, to) = (i.saturating_sub(half), (i + half + 1).min(values.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    (0..values.len()).map(mean).collect()
}

/// Largest value within `half` samples either way (a queue of falling values, O(n)).
pub(crate) fn running_max(values: &[f64], half: usize) -> Vec<f64> {
    let mut queue = std::collections::VecDeque::new();
    let mut next = 0;
    let mut largest = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        while next < values.len() && next <= i + half {
            while queue.back().is_some_and(|&j: &usize| values[j] <= values[next]) {
                queue.pop_back();
            }
            queue.push_back(next);
            next += 1;
        }
        while queue.front().is_some_and(|&j| j + half < i) {
            queue.pop_front();
        }
        largest.push(queue.front().map_or(values[i], |&j| values[j]));
    }
    largest
}

/// Ground heights with the unknown ones taken from the nearest known one before, or else after;
/// `None` where none is known.
pub(crate) fn known_ground(heights: &[Option<f64>]) -> Option<Vec<f64>> {
    let mut last = heights.iter().flatten().copied().find(|h| h.is_finite())?;
    let known = heights.iter().map(|h| {
        last = h.filter(|h| h.is_finite()).unwrap_or(last);
        last
    });
    Some(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn following_never_comes_closer_than_the_clearance(
            ground in proptest::collection::vec(-100.0..9000.0f64, 1..200),
            half in 0usize..40,
        ) {
            let path = follow(&ground, half, 30.0, |_| 100.0);
            for (g, h) in ground.iter().zip(path) {
                prop_assert!(h >= g + 30.0 - 1e-6);
            }
        }

        #[test]
        fn the_running_maximum_is_the_maximum_of_each_window(
            values in proptest::collection::vec(-10.0..10.0f64, 1..60),
            half in 0usize..70,
        ) {
            for (i, m) in running_max(&values, half).into_iter().enumerate() {
                let window = &values[i.saturating_sub(half)..(i + half + 1).min(values.len())];
                prop_assert_eq!(m, window.iter().copied().fold(f64::MIN, f64::max));
            }
        }
    }

    #[test]
    fn level_ground_gives_a_level_path_at_the_height_asked_for() {
        assert!(follow(&[50.0; 30], 7, 30.0, |_| 100.0).iter().all(|&h| (h - 150.0).abs() < 1e-9));
    }
}
