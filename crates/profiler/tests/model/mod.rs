//! The histogram's operations and the plain vectors that it must agree with.

use farplane_profiler::Histogram;

/// What can be done with a pair of histograms.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Record { value: u64 },
    RecordMany { value: u64, count: u8 },
    RecordOther { value: u64 },
    Merge,
    Clear,
    Quantile { per_255: u8 },
}

impl Op {
    /// The next operation of a byte stream; `None` at its end.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let tag = take(bytes)?;
        Some(match tag % 8 {
            0..=2 => Self::Record { value: take_value(bytes)? },
            3 => Self::RecordMany { value: take_value(bytes)?, count: take(bytes)? },
            4 => Self::RecordOther { value: take_value(bytes)? },
            5 => Self::Merge,
            6 if tag > 200 => Self::Clear,
            _ => Self::Quantile { per_255: take(bytes)? },
        })
    }
}

fn take(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

/// A value of any magnitude: a byte says how far it is shifted down.
fn take_value(bytes: &mut &[u8]) -> Option<u64> {
    let shift = take(bytes)? % 64;
    let mut value = 0;
    for _ in 0..8 {
        value = value << 8 | u64::from(take(bytes)?);
    }
    Some(value >> shift)
}

/// Runs a byte stream against histograms and vectors, and compares them after each operation.
pub fn run(mut bytes: &[u8]) {
    let (mut histogram, mut other) = (Histogram::new(), Histogram::new());
    let (mut samples, mut other_samples) = (Vec::new(), Vec::new());
    while let Some(op) = Op::decode(&mut bytes) {
        match op {
            Op::Record { value } => {
                histogram.record(value);
                samples.push(value);
            }
            Op::RecordMany { value, count } => {
                histogram.record_many(value, u64::from(count));
                samples.extend(std::iter::repeat_n(value, usize::from(count)));
            }
            Op::RecordOther { value } => {
                other.record(value);
                other_samples.push(value);
            }
            Op::Merge if samples.len() + other_samples.len() <= 4_096 => {
                histogram.merge(&other);
                samples.extend_from_slice(&other_samples);
            }
            Op::Merge => {}
            Op::Clear => {
                histogram.clear();
                samples.clear();
            }
            Op::Quantile { per_255 } => compare_quantile(&histogram, &samples, per_255),
        }
        compare(&histogram, &samples);
    }
    for per_255 in [0, 127, 252, 255] {
        compare_quantile(&histogram, &samples, per_255);
    }
}

fn compare(histogram: &Histogram, samples: &[u64]) {
    assert_eq!(histogram.count(), samples.len() as u64);
    assert_eq!(histogram.min(), samples.iter().copied().min());
    assert_eq!(histogram.max(), samples.iter().copied().max());
    let sum: u128 = samples.iter().map(|sample| u128::from(*sample)).sum();
    let mean = (!samples.is_empty()).then(|| sum as f64 / samples.len() as f64);
    assert_eq!(histogram.mean(), mean);
}

/// The sample of rank ⌈q·N⌉, to within 1/64 of it.
fn compare_quantile(histogram: &Histogram, samples: &[u64], per_255: u8) {
    let q = f64::from(per_255) / 255.0;
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let Some(largest) = sorted.len().checked_sub(1) else {
        assert_eq!(histogram.quantile(q), None);
        return;
    };
    let rank = (q * sorted.len() as f64).ceil() as usize;
    let truth = sorted[rank.saturating_sub(1).min(largest)];
    let found = histogram.quantile(q).expect("a histogram with samples has every quantile");
    assert!(found.abs_diff(truth) <= truth / 64, "q {q}: {found} is not {truth} within 1/64");
}
