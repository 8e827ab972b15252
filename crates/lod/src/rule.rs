use crate::LodError;

/// When a level is good enough, px on screen.
///
/// **`refine_px`** (default 1.5): a level with a larger screen-space error is replaced by a finer
/// one. Towards 0 everything is shown at its finest; large values show coarse shapes. It never
/// makes an object vanish.
///
/// **`coarsen_px`** (default 1.2): a coarser level is taken only when its error is at most this.
/// Equal to `refine_px` there is no hysteresis, and a camera that trembles at a threshold switches
/// levels every frame; towards 0 a level once refined stays, and what was once shown never vanishes
/// (see `cull_px`). It never delays refinement.
///
/// **`cull_px`** (default 1.0): an object whose diameter on screen is not larger is not shown. At 0
/// nothing is culled; large values empty the distance. A shown object vanishes only below
/// `cull_px × coarsen_px ÷ refine_px`, so that this threshold has hysteresis too. It never applies
/// to terrain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LodRule {
    refine_px: f32,
    coarsen_px: f32,
    cull_px: f32,
}

impl LodRule {
    /// A rule of three thresholds.
    ///
    /// # Errors
    /// [`LodError::Rule`] unless all are finite, `0 < coarsen_px ≤ refine_px` and `cull_px ≥ 0`.
    pub fn new(refine_px: f32, coarsen_px: f32, cull_px: f32) -> Result<Self, LodError> {
        let valid = refine_px.is_finite()
            && coarsen_px > 0.0
            && coarsen_px <= refine_px
            && cull_px.is_finite()
            && cull_px >= 0.0;
        if valid {
            Ok(Self { refine_px, coarsen_px, cull_px })
        } else {
            Err(LodError::Rule { refine_px, coarsen_px, cull_px })
        }
    }

    /// The rule with all thresholds this many times as large: coarser everywhere by the same
    /// factor, its hysteresis in the same proportion. How a budget is kept.
    ///
    /// # Errors
    /// [`LodError::Rule`] when the thresholds are no longer finite, or no longer positive.
    pub fn scaled(&self, scale: f32) -> Result<Self, LodError> {
        Self::new(self.refine_px * scale, self.coarsen_px * scale, self.cull_px * scale)
    }

    /// The rule with `coarsen_px` raised to `refine_px`: selection by it gives each instance its
    /// [`ideal_level`](crate::ideal_level), whatever it had before.
    #[must_use]
    pub const fn without_hysteresis(&self) -> Self {
        Self { coarsen_px: self.refine_px, ..*self }
    }

    /// Above this error a finer level is taken, px.
    #[must_use]
    pub const fn refine_px(&self) -> f32 {
        self.refine_px
    }

    /// Up to this error a coarser level is taken, px.
    #[must_use]
    pub const fn coarsen_px(&self) -> f32 {
        self.coarsen_px
    }

    /// Diameter from which an object appears, px.
    #[must_use]
    pub const fn cull_px(&self) -> f32 {
        self.cull_px
    }

    /// Diameter below which an object that is shown vanishes, px.
    #[must_use]
    pub fn vanish_px(&self) -> f32 {
        self.cull_px * (self.coarsen_px / self.refine_px)
    }
}

impl Default for LodRule {
    fn default() -> Self {
        Self { refine_px: 1.5, coarsen_px: 1.2, cull_px: 1.0 }
    }
}
