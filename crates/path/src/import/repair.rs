//! What repair does to any list of stamped things, and the search for gaps and jumps.

use crate::error::Fault;
use crate::import::{Gaps, ImportError, ImportMode, ImportReport};

/// A thing with a time, a line that it came from and a mark that it does not continue the last one.
pub(crate) trait Stamped {
    fn t_ns(&self) -> i64;
    fn line(&self) -> usize;
    fn cut_mut(&mut self) -> &mut bool;
}

/// Makes times increase, or with `Keep` says where they do not.
pub(crate) fn order<T: Stamped>(
    items: &mut Vec<T>,
    report: &mut ImportReport,
) -> Result<(), ImportError> {
    let mut latest: Option<i64> = None;
    for item in items.iter() {
        let t_ns = item.t_ns();
        if let Some(last_ns) = latest
            && t_ns <= last_ns
        {
            if report.mode == ImportMode::Keep {
                let fault = Fault::TimeNotIncreasing { t_ns, last_ns };
                return Err(ImportError::Line { line: item.line(), fault });
            }
            report.out_of_order += usize::from(t_ns < last_ns);
        }
        latest = Some(latest.map_or(t_ns, |l| l.max(t_ns)));
    }
    // Stable: of several with one time the first in the file stays.
    items.sort_by_key(T::t_ns);
    let mut last: Option<i64> = None;
    let mut cut = false;
    items.retain_mut(|item| {
        let duplicate = last == Some(item.t_ns());
        if duplicate {
            report.duplicates += 1;
            cut |= *item.cut_mut();
        } else {
            last = Some(item.t_ns());
            *item.cut_mut() |= std::mem::take(&mut cut);
        }
        !duplicate
    });
    Ok(())
}

/// Finds gaps in time; a repair cuts there. Steps that are cuts already count as none.
pub(crate) fn mark_gaps<T: Stamped>(items: &mut [T], report: &mut ImportReport) {
    let steps = steps(items);
    let median_ns = median(&mut steps.clone()).unwrap_or(0);
    let mut gaps = Gaps { median_ns, ..Gaps::default() };
    for (item, step) in items.iter_mut().skip(1).zip(steps) {
        if gaps.is_gap(step) && !*item.cut_mut() {
            gaps.count += 1;
            if step > gaps.longest_ns {
                (gaps.longest_ns, gaps.longest_line) = (step, item.line());
            }
            *item.cut_mut() |= report.mode == ImportMode::Repair;
        }
    }
    report.gaps = gaps;
}

/// Finds jumps in space; a repair cuts there. Steps that are cuts or gaps count as none.
pub(crate) fn mark_jumps<T: Stamped>(
    items: &mut [T],
    distance_m: impl Fn(&T, &T) -> f64,
    report: &mut ImportReport,
) {
    let steps = steps(items);
    let distances: Vec<f64> = items.windows(2).map(|w| distance_m(&w[0], &w[1])).collect();
    let speed = |i: usize| distances[i] / steps[i].max(1) as f64;
    // Floats that are not negative sort like their bits.
    let mut moving: Vec<u64> =
        (0..steps.len()).filter(|&i| distances[i] > 0.0).map(|i| speed(i).to_bits()).collect();
    let Some(typical) = median(&mut moving).map(f64::from_bits) else { return };
    for i in 0..steps.len() {
        let known = report.gaps.is_gap(steps[i]) || *items[i + 1].cut_mut();
        let far = distances[i] > ImportReport::JUMP_MIN_M;
        if !known && far && speed(i) > typical * ImportReport::JUMP_SPEEDS {
            let jumps = &mut report.jumps;
            jumps.count += 1;
            if distances[i] > jumps.longest_m {
                (jumps.longest_m, jumps.longest_line) = (distances[i], items[i + 1].line());
            }
            *items[i + 1].cut_mut() |= report.mode == ImportMode::Repair;
        }
    }
}

fn steps<T: Stamped>(items: &[T]) -> Vec<u64> {
    items.windows(2).map(|w| w[1].t_ns().abs_diff(w[0].t_ns())).collect()
}

/// The upper median.
pub(crate) fn median(values: &mut [u64]) -> Option<u64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}
