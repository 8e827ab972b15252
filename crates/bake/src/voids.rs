//! Filling samples without data from those around them: push-pull (Gortler et al., "The Lumigraph",
//! SIGGRAPH 1996). Averages of what is known are carried up a pyramid until every cell has one;
//! going down again, what is unknown is interpolated from the level above. Known samples never
//! change.

/// Fills every NaN. Returns how many there were; `None` if nothing is known at all.
pub(crate) fn fill(size: [u32; 2], heights: &mut [f32]) -> Option<u64> {
    let voids = heights.iter().filter(|h| h.is_nan()).count() as u64;
    if voids == 0 || voids == heights.len() as u64 {
        return (voids == 0).then_some(0);
    }
    let size = size.map(|s| s as usize);
    let mut levels = vec![halve(size, heights)];
    while let Some(top) = levels.last().filter(|l| l.heights.iter().any(|h| h.is_nan())) {
        let next = halve(top.size, &top.heights);
        levels.push(next);
    }
    for i in (1..levels.len()).rev() {
        let (fine, coarse) = levels.split_at_mut(i);
        pull(fine[i - 1].size, &mut fine[i - 1].heights, &coarse[0]);
    }
    pull(size, heights, &levels[0]);
    Some(voids)
}

struct Level {
    size: [usize; 2],
    heights: Vec<f32>,
}

fn halve([w, h]: [usize; 2], fine: &[f32]) -> Level {
    let size = [w.div_ceil(2), h.div_ceil(2)];
    let mut heights = Vec::with_capacity(size[0] * size[1]);
    for y in 0..size[1] {
        for x in 0..size[0] {
            let (mut sum, mut count) = (0.0, 0.0);
            for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| (2 * x + i, 2 * y + j)) {
                if i < w && j < h && !fine[j * w + i].is_nan() {
                    sum += fine[j * w + i];
                    count += 1.0;
                }
            }
            heights.push(if count > 0.0 { sum / count } else { f32::NAN });
        }
    }
    Level { size, heights }
}

/// Bilinear from the level above, whose cells lie between pairs of these.
fn pull([w, h]: [usize; 2], fine: &mut [f32], coarse: &Level) {
    let [cw, ch] = coarse.size;
    let near = |i: usize, n: usize| {
        let other =
            if i.is_multiple_of(2) { (i / 2).saturating_sub(1) } else { (i / 2 + 1).min(n - 1) };
        (i / 2, other)
    };
    for y in 0..h {
        let (y0, y1) = near(y, ch);
        for x in 0..w {
            if fine[y * w + x].is_nan() {
                let (x0, x1) = near(x, cw);
                let at = |x: usize, y: usize| coarse.heights[y * cw + x];
                let south = 0.75 * at(x0, y0) + 0.25 * at(x1, y0);
                let north = 0.75 * at(x0, y1) + 0.25 * at(x1, y1);
                fine[y * w + x] = 0.75 * south + 0.25 * north;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_takes_heights_between_those_around_it_and_known_samples_stay() {
        let (w, h) = (37usize, 29usize);
        let plane = |x: usize, y: usize| 100.0 + 3.0 * x as f32 - 2.0 * y as f32;
        let mut heights: Vec<f32> = (0..w * h).map(|i| plane(i % w, i / w)).collect();
        let hole = |x: usize, y: usize| (10..20).contains(&x) && (8..15).contains(&y);
        let mut expected = 0;
        for y in 0..h {
            for x in 0..w {
                if hole(x, y) {
                    heights[y * w + x] = f32::NAN;
                    expected += 1;
                }
            }
        }
        assert_eq!(fill([w as u32, h as u32], &mut heights), Some(expected));
        for y in 0..h {
            for x in 0..w {
                let got = heights[y * w + x];
                if hole(x, y) {
                    // Within half the hole's relief of the plane that was there.
                    assert!((got - plane(x, y)).abs() < 22.0, "{x} {y}: {got} {}", plane(x, y));
                } else {
                    assert_eq!(got, plane(x, y));
                }
            }
        }
    }

    #[test]
    fn one_known_sample_fills_everything_and_none_is_refused() {
        let mut heights = vec![f32::NAN; 33 * 5];
        assert_eq!(fill([33, 5], &mut heights), None);
        heights[70] = 12.5;
        assert_eq!(fill([33, 5], &mut heights), Some(33 * 5 - 1));
        assert!(heights.iter().all(|h| *h == 12.5));
    }
}
