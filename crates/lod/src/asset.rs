use crate::LodError;

/// Levels of one asset at most.
pub const LODS_MAX: usize = 8;

/// The level of an instance that is not shown, and of one that was never selected.
pub const CULLED: u8 = u8::MAX;

/// The levels of one asset, level 0 the finest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssetLods {
    /// Errors times the bias; infinite beyond the coarsest level, so that a loop may look at all.
    errors_m: [f32; LODS_MAX],
    count: u8,
}

impl AssetLods {
    /// From the geometric errors of its levels in metres, finest first.
    ///
    /// A level counts as no better than any finer one: where a measured error falls from one level
    /// to the next, the larger is taken.
    ///
    /// # Errors
    /// [`LodError::Length`] unless there are 1 to [`LODS_MAX`]; [`LodError::Value`] for an error
    /// that is negative or not finite.
    pub fn new(errors_m: &[f32]) -> Result<Self, LodError> {
        let actual = errors_m.len();
        if actual == 0 || actual > LODS_MAX {
            let expected = if actual == 0 { 1 } else { LODS_MAX };
            return Err(LodError::Length { what: "errors_m of an asset", expected, actual });
        }
        let mut lods = Self { count: actual as u8, errors_m: [f32::INFINITY; LODS_MAX] };
        let mut largest_m = 0.0;
        for (level, &error_m) in errors_m.iter().enumerate() {
            if !(error_m >= 0.0 && error_m.is_finite()) {
                return Err(LodError::Value { what: "error of a level, m", value: error_m });
            }
            if error_m > largest_m {
                largest_m = error_m;
            }
            lods.errors_m[level] = largest_m;
        }
        Ok(lods)
    }

    /// The same asset with its errors counted this many times: at 2 it is shown as fine as others
    /// at half the distance, at 0.5 as fine as others at twice the distance; at 0 always at its
    /// coarsest. So a landmark or a hero keeps its shape longer than litter of the same size. It is
    /// the same as thresholds of its own, `refine_px ÷ bias` and `coarsen_px ÷ bias`, and never
    /// changes when the asset vanishes.
    ///
    /// # Errors
    /// [`LodError::Value`] for a bias that is negative or not finite, and for an error that it makes
    /// infinite.
    pub fn with_bias(mut self, bias: f32) -> Result<Self, LodError> {
        if !(bias >= 0.0 && bias.is_finite()) {
            return Err(LodError::Value { what: "bias of an asset", value: bias });
        }
        for error_m in &mut self.errors_m[..usize::from(self.count)] {
            *error_m *= bias;
            if !error_m.is_finite() {
                let what = "error of a level times the asset's bias, m";
                return Err(LodError::Value { what, value: *error_m });
            }
        }
        Ok(self)
    }

    /// How many levels there are: 1 to [`LODS_MAX`].
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// The coarsest level.
    #[inline]
    pub(crate) fn coarsest(&self) -> usize {
        (usize::from(self.count) - 1) % LODS_MAX
    }

    /// Geometric errors of the levels with the bias in them, m, finest first, not falling.
    #[must_use]
    pub fn errors_m(&self) -> &[f32] {
        &self.errors_m[..usize::from(self.count)]
    }

    /// The errors of all levels that could be; infinite where there is none.
    #[inline]
    pub(crate) const fn all_errors_m(&self) -> &[f32; LODS_MAX] {
        &self.errors_m
    }
}
