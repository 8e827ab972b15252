use crate::screen::distance;
use crate::{LodError, LodRule, LodView};
use farplane_geom::Vec3;

/// Levels of one asset at most.
pub const LODS_MAX: usize = 8;

/// The level of an instance that is not shown, and of one that was never selected.
pub const CULLED: u8 = u8::MAX;

/// The levels of one asset, level 0 the finest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssetLods {
    /// How many levels there are: 1 to [`LODS_MAX`]. Other values count as the nearest of these.
    pub count: u8,
    /// Geometric error of each level, m, not falling with the level. An error that is not a number
    /// is never good enough.
    pub errors_m: [f32; LODS_MAX],
}

impl AssetLods {
    /// From the errors of its levels, finest first.
    ///
    /// # Errors
    /// [`LodError::Length`] unless there are 1 to [`LODS_MAX`].
    pub fn new(errors_m: &[f32]) -> Result<Self, LodError> {
        let actual = errors_m.len();
        if actual == 0 || actual > LODS_MAX {
            let expected = actual.clamp(1, LODS_MAX);
            return Err(LodError::Length { what: "errors_m of an asset", expected, actual });
        }
        let mut lods = Self { count: actual as u8, errors_m: [0.0; LODS_MAX] };
        lods.errors_m[..actual].copy_from_slice(errors_m);
        Ok(lods)
    }

    /// The coarsest level whose error is at most this, m; the finest if none is. From the coarsest
    /// on: what is far away, and that is most of a world, is done at the first look.
    #[inline]
    fn coarsest_within(&self, tolerance_m: f32) -> u8 {
        let mut level = usize::from(self.count).clamp(1, LODS_MAX) - 1;
        while level > 0 {
            if self.errors_m[level] <= tolerance_m {
                break;
            }
            level -= 1;
        }
        level as u8
    }
}

/// Instances in columns, all of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Instances<'a> {
    /// Centres of the bounding spheres, m, relative to the world origin.
    pub center: &'a [Vec3],
    /// Radii of the bounding spheres, m.
    pub radius_m: &'a [f32],
    /// Which of the assets it shows.
    pub asset: &'a [u32],
}

/// An instance that shows another level than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LodChange {
    /// Index of the instance.
    pub instance: u32,
    /// Level before, or [`CULLED`].
    pub from: u8,
    /// Level now, or [`CULLED`].
    pub to: u8,
}

/// What one instance looks like from a view.
struct Apparent {
    /// Geometric error that covers one pixel at the nearest point, m.
    metres_per_px: f32,
    /// Diameter × focal length, and distance of the centre: their ratio is the diameter in px, and
    /// comparing products needs no division.
    extent: f32,
    distance_m: f32,
}

impl Apparent {
    #[inline]
    fn new(center: Vec3, radius_m: f32, view: &LodView) -> Self {
        let distance_m = distance(center, view.position);
        let nearest_m = distance_m - radius_m;
        let nearest_m = if nearest_m > 0.0 { nearest_m } else { 0.0 };
        Self {
            metres_per_px: nearest_m / view.focal_px,
            extent: 2.0 * radius_m * view.focal_px,
            distance_m,
        }
    }

    /// Whether the diameter is at least this; false where a number is not a number.
    #[inline]
    fn covers(&self, diameter_px: f32) -> bool {
        self.extent >= diameter_px * self.distance_m
    }
}

/// The level that an instance deserves by the rule without hysteresis: the coarsest whose
/// screen-space error at the nearest point of the bounding sphere is at most `refine_px`, the
/// finest if none is; [`CULLED`] if the sphere's diameter covers less than `cull_px`, or if it is
/// not at a place (a number is not a number).
#[must_use]
pub fn ideal_level(
    center: Vec3,
    radius_m: f32,
    asset: &AssetLods,
    view: &LodView,
    rule: &LodRule,
) -> u8 {
    let seen = Apparent::new(center, radius_m, view);
    if seen.covers(rule.cull_px()) {
        asset.coarsest_within(rule.refine_px() * seen.metres_per_px)
    } else {
        CULLED
    }
}

/// Brings the levels of the visible instances up to date and lists those that changed.
///
/// `levels` is the state, one byte per instance and one slice per view, all [`CULLED`] at first;
/// instances that are not in `visible` keep theirs. A level is replaced by a finer one when its
/// error exceeds `refine_px`, by a coarser one when that one's error is at most `coarsen_px`;
/// between the two it stays. An instance that was culled appears at its [`ideal_level`].
/// `changes` is cleared first, and needs room for one change per visible instance at most.
///
/// # Errors
/// [`LodError::View`] for a view without a place or focal length, [`LodError::Length`] when the
/// columns or `levels` differ in length: then nothing was done. [`LodError::Index`] for an instance
/// or asset that does not exist: then the instances before it in `visible` are up to date.
pub fn select(
    instances: &Instances<'_>,
    assets: &[AssetLods],
    visible: &[u32],
    view: &LodView,
    rule: &LodRule,
    levels: &mut [u8],
    changes: &mut Vec<LodChange>,
) -> Result<(), LodError> {
    changes.clear();
    view.check()?;
    let count = instances.center.len();
    for (what, actual) in [
        ("radius_m", instances.radius_m.len()),
        ("asset", instances.asset.len()),
        ("levels", levels.len()),
    ] {
        if actual != count {
            return Err(LodError::Length { what, expected: count, actual });
        }
    }
    for &instance in visible {
        let index = instance as usize;
        if index >= count {
            return Err(LodError::Index { what: "instance", index: instance, count });
        }
        let asset = instances.asset[index];
        let Some(lods) = assets.get(asset as usize) else {
            return Err(LodError::Index { what: "asset", index: asset, count: assets.len() });
        };
        let seen = Apparent::new(instances.center[index], instances.radius_m[index], view);
        let from = levels[index];
        let to = next_level(from, lods, &seen, rule);
        if to != from {
            levels[index] = to;
            changes.push(LodChange { instance, from, to });
        }
    }
    Ok(())
}

#[inline]
fn next_level(from: u8, lods: &AssetLods, seen: &Apparent, rule: &LodRule) -> u8 {
    let diameter_px = if from == CULLED { rule.cull_px() } else { rule.vanish_px() };
    if !seen.covers(diameter_px) {
        return CULLED;
    }
    let coarsest = lods.coarsest_within(rule.refine_px() * seen.metres_per_px);
    // Too coarse, just right (nearly always), or never seen.
    if from >= coarsest {
        return coarsest;
    }
    let finest = lods.coarsest_within(rule.coarsen_px() * seen.metres_per_px);
    from.max(finest)
}
