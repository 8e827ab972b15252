//! What instances gain by finer levels, as steps: first all those of a block are listed, then they
//! are counted. How many steps an instance takes follows no pattern, so that a loop over them would be
//! mispredicted nearly every time; a list has no such branch.

use crate::histogram::{BUCKETS, Histogram, Step, UNSCALED, bucket};
use crate::rows::{ROUNDING, Rows, Sizes, Steps};
use crate::visible::lanes;
use crate::{AssetLods, BLOCK, LODS_MAX};

/// Levels that an instance can be shown at, not at all, and not even by the rule without a scale.
pub(crate) const HELD_BY: usize = LODS_MAX + 2;

/// What is looked up for every instance that has finer levels to gain. Step *s* leads from level *s*
/// to the one before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ladder {
    /// By step: the error of the level that it leaves, at a distance of 1 m, over the threshold; fresh,
    /// and held. 0 where there is no step.
    pub errors: [[f32; LODS_MAX]; 2],
    /// By step: triangles that it adds.
    pub triangles: [u32; LODS_MAX],
    pub coarsest: usize,
    /// Distance of the nearest instance: by the level that they were shown at; then of those that
    /// appear, and of those that only would go on being shown.
    pub nearest_m: [f32; HELD_BY],
}

impl Ladder {
    /// `triangles` by level, not rising.
    pub fn new(steps: &Steps, lods: &AssetLods, triangles: &[u32; LODS_MAX]) -> Self {
        let coarsest = lods.coarsest();
        let mut ladder = Self {
            errors: [[0.0; LODS_MAX]; 2],
            triangles: [0; LODS_MAX],
            coarsest,
            nearest_m: [f32::INFINITY; HELD_BY],
        };
        for step in 1..=coarsest {
            for (errors, reach) in ladder.errors.iter_mut().zip(steps.errors) {
                errors[step] = lods.all_errors_m()[step] * reach;
            }
            ladder.triangles[step] = triangles[step - 1] - triangles[step];
        }
        ladder
    }
}

/// One instance, as its steps are listed.
pub(crate) struct Seen {
    /// One over the distance of the nearest point.
    pub inverse_m: f32,
    /// Square of the scale up to which it is shown.
    pub scale_squared: f32,
    /// The level before.
    pub from: u8,
}

/// Steps of a block: the bucket of each, and its triangles.
#[derive(Debug)]
pub(crate) struct Gains {
    pub at: [u32; Self::LEN_MAX],
    pub triangles: [u32; Self::LEN_MAX],
    pub len: usize,
}

impl Gains {
    /// All steps of all instances, and room to write eight at a time.
    pub const LEN_MAX: usize = BLOCK * (LODS_MAX - 1) + LODS_MAX;

    pub fn new() -> Self {
        Self { at: [0; Self::LEN_MAX], triangles: [0; Self::LEN_MAX], len: 0 }
    }

    /// Appends the steps of one instance: the definition of what every instruction set does.
    pub fn push(&mut self, ladder: &Ladder, seen: &Seen) {
        let [fresh, held] = &ladder.errors;
        for step in 1..LODS_MAX {
            let holding = held[step] * seen.inverse_m;
            // No error is not worth a step, however near: 0 × ∞ is not a number.
            let is_step = holding * holding * ROUNDING >= 1.0;
            if !is_step {
                continue;
            }
            let is_held = usize::from(seen.from) < step;
            let value = if is_held { holding } else { fresh[step] * seen.inverse_m };
            let squared = value * value;
            // What is hidden has no levels.
            let squared = if squared > seen.scale_squared { seen.scale_squared } else { squared };
            self.at[self.len] = (bucket(squared) + usize::from(is_held) * BUCKETS) as u32;
            self.triangles[self.len] = ladder.triangles[step];
            self.len += 1;
        }
    }

    /// Counts what was listed, and forgets it.
    #[inline]
    pub fn count(&mut self, histogram: &mut Histogram) {
        let len = self.len.min(Self::LEN_MAX);
        for (&at, &triangles) in self.at[..len].iter().zip(&self.triangles[..len]) {
            histogram.count(at as usize, &Step::refine(triangles));
        }
        self.len = 0;
    }
}

/// Lists the steps of all rows that may have any, by `push`, and notes who is nearest. Their assets
/// exist.
#[inline(always)]
pub(crate) fn list(
    gains: &mut Gains,
    rows: &Rows<'_>,
    sizes: &Sizes,
    ladders: &mut [Ladder],
    push: impl Fn(&mut Gains, &Ladder, &Seen),
) {
    for row in lanes(sizes.detailed) {
        let ladder = &mut ladders[rows.asset[row] as usize];
        let from = rows.levels[row];
        let is_shown = sizes.bucket[row] as usize >= UNSCALED;
        let held_by = if is_shown { usize::from(from).min(LODS_MAX) } else { LODS_MAX + 1 };
        let (nearest_m, nearest) = (sizes.nearest_m[row], &mut ladder.nearest_m[held_by]);
        *nearest = if nearest_m < *nearest { nearest_m } else { *nearest };
        let (inverse_m, scale_squared) = (sizes.inverse_m[row], sizes.scale_squared[row]);
        push(gains, ladder, &Seen { inverse_m, scale_squared, from });
    }
}
