//! Visible instances a block at a time: what a budget needs to know of each, computed in columns.

use crate::band::distance_squared;
use crate::histogram::{BUCKETS, bucket};
use crate::visible::lanes;
use crate::{AssetLods, BLOCK, CULLED, Instances, LodError, LodRule, LodView};
use farplane_geom::Vec3;

/// Scales are taken this much larger than computed, so that whatever rounding decides in the
/// selection, it never decides for more than was counted. For squares of scales.
pub(crate) const ROUNDING: f32 = 1.0 + 1.0 / (1u32 << 15) as f32;

/// Part of the distances by which the nearest point is taken nearer: the difference of nearly equal
/// numbers rounds badly, and rounding must never make anything cheaper.
pub(crate) const NEARER: f32 = 1.0 / (1u32 << 20) as f32;

/// Thresholds of a rule seen from a view: times a size in metres, over metres of distance, they give
/// the scale up to which a step is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    /// For errors and the nearest point; for levels that hysteresis does not hold, and that it does.
    pub errors: [f32; 2],
    /// Squared, for radii and the centre; likewise.
    pub sizes_squared: [f32; 2],
    /// Distance of the nearest point beyond which the coarsest level of any asset will do.
    pub farthest_m: f32,
}

impl Steps {
    pub fn new(view: &LodView, rule: &LodRule, assets: &[AssetLods]) -> Self {
        let error = |px: f32| view.focal_px / px;
        let size = |px: f32| 2.0 * view.focal_px / px;
        let errors = [rule.refine_px(), rule.coarsen_px()].map(error);
        let reach_m = |lods: &AssetLods| lods.all_errors_m()[lods.coarsest()] * errors[1];
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        Self {
            errors,
            farthest_m: assets.iter().map(reach_m).fold(0.0, larger),
            sizes_squared: [rule.cull_px(), rule.vanish_px()].map(|px| size(px) * size(px)),
        }
    }

    /// Whether everything that is at a place is shown at any scale: the limit is 0 px.
    pub fn always(&self) -> bool {
        self.sizes_squared[0] == f32::INFINITY
    }

    /// Square of radius over distance from which on something is, or would go on being, shown.
    pub fn least_size_squared(&self) -> f32 {
        1.0 / (self.sizes_squared[1] * ROUNDING)
    }
}

/// The columns of some instances.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub x: &'a [f32; BLOCK],
    pub y: &'a [f32; BLOCK],
    pub z: &'a [f32; BLOCK],
    pub radius_m: &'a [f32; BLOCK],
    pub asset: &'a [u32; BLOCK],
    /// Levels before.
    pub levels: &'a [u8; BLOCK],
}

/// How large instances are on screen.
pub(crate) struct Sizes {
    /// A bit for each that the rule without a scale shows, or would go on showing.
    pub shown: u64,
    /// Of those, each for which the coarsest level may not do.
    pub detailed: u64,
    /// Of those with detail: distance of the nearest point, not overrated, and one over it. Of others
    /// it means nothing.
    pub nearest_m: [f32; BLOCK],
    pub inverse_m: [f32; BLOCK],
    /// Square of the scale up to which each is shown. Of those not shown it means nothing, nor does
    /// the bucket.
    pub scale_squared: [f32; BLOCK],
    /// Its bucket, [`BUCKETS`] further on for what was shown before.
    pub bucket: [u32; BLOCK],
}

impl Sizes {
    pub fn new() -> Self {
        let zero = [0.0; BLOCK];
        Self {
            shown: 0,
            detailed: 0,
            nearest_m: zero,
            inverse_m: zero,
            scale_squared: zero,
            bucket: [0; BLOCK],
        }
    }

    /// The definition of what every instruction set computes; `reach_m` is by asset the distance of
    /// the nearest point beyond which the coarsest level will do. Nothing is said of the detail of
    /// assets that do not exist.
    pub fn measure(&mut self, rows: &Rows<'_>, from: Vec3, steps: &Steps, reach_m: &[f32]) {
        let (always, least) = (steps.always(), steps.least_size_squared());
        (self.shown, self.detailed) = (0, 0);
        for i in 0..BLOCK {
            let radius_m = rows.radius_m[i];
            let d2 = distance_squared([rows.x[i], rows.y[i], rows.z[i]], from);
            let size_squared = if always { f32::INFINITY } else { radius_m * radius_m / d2 };
            let is_shown = if always {
                (radius_m >= 0.0) & (d2 < f32::INFINITY)
            } else {
                (radius_m > 0.0) & (size_squared >= least)
            };
            let is_held = usize::from(rows.levels[i] != CULLED);
            let scale_squared = size_squared * steps.sizes_squared[is_held];
            let distance_m = d2.sqrt();
            let nearest_m = distance_m - radius_m - (distance_m + radius_m) * NEARER;
            self.nearest_m[i] = if nearest_m > 0.0 { nearest_m } else { 0.0 };
            self.inverse_m[i] = 1.0 / self.nearest_m[i];
            self.scale_squared[i] = scale_squared;
            self.bucket[i] = (bucket(scale_squared) + is_held * BUCKETS) as u32;
            self.shown |= u64::from(is_shown) << i;
            let reach_m = reach_m.get(rows.asset[i] as usize).map_or(0.0, |reach| reach + radius_m);
            let is_detailed = is_shown & (reach_m * reach_m * ROUNDING >= d2);
            self.detailed |= u64::from(is_detailed) << i;
        }
    }

    /// Forgets all whose bits are not set.
    pub fn keep(&mut self, kept: u64) {
        self.shown &= kept;
        self.detailed &= kept;
    }
}

/// Room for the columns of instances that do not lie side by side.
pub(crate) struct Gathered {
    columns: [[f32; BLOCK]; 4],
    asset: [u32; BLOCK],
    levels: [u8; BLOCK],
}

impl Gathered {
    pub fn new() -> Self {
        Self { columns: [[0.0; BLOCK]; 4], asset: [0; BLOCK], levels: [CULLED; BLOCK] }
    }

    /// The columns of up to [`BLOCK`] instances: where they lie, if they follow each other. Rows
    /// behind the last mean nothing.
    #[inline]
    pub fn rows<'a>(
        &'a mut self,
        instances: &Instances<'a>,
        levels: &'a [u8],
        listed: &[u32],
    ) -> Result<Rows<'a>, LodError> {
        let found = first_of_run(listed).and_then(|first| lying(instances, levels, first));
        match found {
            Some(rows) => Ok(rows),
            None => self.gather(instances, levels, (0..).zip(listed.iter().copied())),
        }
    }

    /// The columns of the block of instances from `first` on; those whose bits are set exist.
    #[inline]
    pub fn block<'a>(
        &'a mut self,
        instances: &Instances<'a>,
        levels: &'a [u8],
        first: usize,
        mask: u64,
    ) -> Result<Rows<'a>, LodError> {
        if let Some(rows) = lying(instances, levels, first) {
            return Ok(rows);
        }
        // The last block, which is not whole.
        self.gather(instances, levels, lanes(mask).map(|row| (row, (first + row) as u32)))
    }

    /// Reads instances from anywhere, each into a row.
    #[inline(never)]
    fn gather<'a>(
        &'a mut self,
        instances: &Instances<'_>,
        levels: &[u8],
        listed: impl Iterator<Item = (usize, u32)>,
    ) -> Result<Rows<'a>, LodError> {
        let count = instances.len().min(levels.len());
        let sources = [instances.x, instances.y, instances.z, instances.radius_m];
        for (row, instance) in listed.take(BLOCK) {
            let index = instance as usize;
            if index >= count {
                return Err(LodError::Index { what: "instance", index: instance, count });
            }
            for (column, source) in self.columns.iter_mut().zip(sources) {
                column[row] = source[index];
            }
            self.asset[row] = instances.asset[index];
            self.levels[row] = levels[index];
        }
        let Self { columns: [x, y, z, radius_m], asset, levels } = self;
        Ok(Rows { x, y, z, radius_m, asset, levels })
    }
}

/// The columns of a block of instances where they lie, if all of it exists.
#[inline]
fn lying<'a>(i: &Instances<'a>, levels: &'a [u8], first: usize) -> Option<Rows<'a>> {
    Some(Rows {
        x: run(i.x, first)?,
        y: run(i.y, first)?,
        z: run(i.z, first)?,
        radius_m: run(i.radius_m, first)?,
        asset: run(i.asset, first)?,
        levels: run(levels, first)?,
    })
}

/// The first of a whole block of instances, if they follow each other.
#[inline]
fn first_of_run(listed: &[u32]) -> Option<usize> {
    let listed: &[u32; BLOCK] = listed.try_into().ok()?;
    let first = listed[0];
    let mut differing = 0;
    for (row, &instance) in listed.iter().enumerate() {
        differing |= instance ^ first.wrapping_add(row as u32);
    }
    (differing == 0).then_some(first as usize)
}

/// A block of a column from a row on.
#[inline]
fn run<T>(column: &[T], first: usize) -> Option<&[T; BLOCK]> {
    column.get(first..)?.first_chunk()
}
