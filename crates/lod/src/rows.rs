//! Visible instances a few at a time: what a budget needs to know of each, computed in columns.

use crate::band::distance_squared;
use crate::{Instances, LodError, LodRule, LodView};

/// How many are computed at a time.
pub(crate) const ROWS: usize = 64;

/// Scales are taken this much larger than computed, so that whatever rounding decides in the
/// selection, it never decides for more than was counted. For squares of scales.
pub(crate) const ROUNDING: f32 = 1.0 + 1.0 / (1u32 << 15) as f32;

/// Thresholds of a rule seen from a view: times a size in metres, over metres of distance, they give
/// the scale up to which a step is taken.
pub(crate) struct Steps {
    /// For errors and the nearest point; for levels that hysteresis does not hold, and that it does.
    pub errors: [f32; 2],
    /// Squared, for radii and the centre; likewise.
    pub sizes_squared: [f32; 2],
}

impl Steps {
    pub fn new(view: &LodView, rule: &LodRule) -> Self {
        let error = |px: f32| view.focal_px / px;
        let size = |px: f32| 2.0 * view.focal_px / px;
        Self {
            errors: [rule.refine_px(), rule.coarsen_px()].map(error),
            sizes_squared: [rule.cull_px(), rule.vanish_px()].map(|px| size(px) * size(px)),
        }
    }
}

pub(crate) struct Rows {
    pub distance_m2: [f32; ROWS],
    pub radius_m: [f32; ROWS],
    /// Square of radius over distance.
    pub size_squared: [f32; ROWS],
    shown: [u8; ROWS],
    shown_count: usize,
}

impl Rows {
    pub fn new() -> Self {
        Self {
            distance_m2: [0.0; ROWS],
            radius_m: [0.0; ROWS],
            size_squared: [0.0; ROWS],
            shown: [0; ROWS],
            shown_count: 0,
        }
    }

    /// Rows that the rule without a scale shows, or would go on showing.
    pub fn shown(&self) -> &[u8] {
        &self.shown[..self.shown_count]
    }

    /// Reads up to [`ROWS`] instances and finds which are shown.
    pub fn read(
        &mut self,
        instances: &Instances<'_>,
        listed: &[u32],
        view: &LodView,
        steps: &Steps,
    ) -> Result<(), LodError> {
        let columns = [instances.x, instances.y, instances.z, instances.radius_m];
        let mut read = [[0.0; ROWS]; 4];
        match run(listed, instances.len()) {
            Some(first) => {
                for (into, column) in read.iter_mut().zip(columns) {
                    into.copy_from_slice(&column[first..first + ROWS]);
                }
            }
            None => gather(columns, listed, &mut read)?,
        }
        let [x, y, z, radius_m] = &read;
        self.radius_m = *radius_m;
        for row in 0..ROWS {
            self.distance_m2[row] = distance_squared([x[row], y[row], z[row]], view.position);
        }
        for row in 0..ROWS {
            let radius_m = self.radius_m[row];
            self.size_squared[row] = radius_m * radius_m / self.distance_m2[row];
        }
        let always = steps.sizes_squared[0] == f32::INFINITY;
        let least = 1.0 / (steps.sizes_squared[1] * ROUNDING);
        let mut shown_count = 0;
        for row in 0..listed.len().min(ROWS) {
            let radius_m = self.radius_m[row];
            let is_shown = if always {
                // With a limit of 0 px everything that is at a place is shown at any scale.
                self.size_squared[row] = f32::INFINITY;
                (radius_m >= 0.0) & (self.distance_m2[row] < f32::INFINITY)
            } else {
                (radius_m > 0.0) & (self.size_squared[row] >= least)
            };
            self.shown[shown_count % ROWS] = row as u8;
            shown_count += usize::from(is_shown);
        }
        self.shown_count = shown_count;
        Ok(())
    }
}

/// The first of as many instances as there are rows, if they follow each other.
fn run(listed: &[u32], count: usize) -> Option<usize> {
    let listed: &[u32; ROWS] = listed.try_into().ok()?;
    let first = listed[0];
    let mut differing = 0;
    for (row, &instance) in listed.iter().enumerate() {
        differing |= instance ^ first.wrapping_add(row as u32);
    }
    let first = first as usize;
    (differing == 0 && first + ROWS <= count).then_some(first)
}

/// Reads instances from anywhere.
fn gather(
    columns: [&[f32]; 4],
    listed: &[u32],
    read: &mut [[f32; ROWS]; 4],
) -> Result<(), LodError> {
    let [x, y, z, radius_m] = columns;
    let count = x.len();
    for (row, &instance) in listed.iter().enumerate().take(ROWS) {
        let index = instance as usize;
        if index >= count {
            return Err(LodError::Index { what: "instance", index: instance, count });
        }
        read[0][row] = x[index];
        read[1][row] = y[index];
        read[2][row] = z[index];
        read[3][row] = radius_m[index];
    }
    Ok(())
}
