//! The definition of levels: distances at which an instance changes.
//!
//! An error *e* covers *p* pixels at the distance *e* × focal length ÷ *p* from the surface of the
//! bounding sphere, so at that plus the radius from its centre. Squares of distances from the centre
//! are compared, each computed in one way, so that every path through the crate decides alike to the
//! last bit: + − × ÷ only, in the order written here.

use crate::{AssetLods, CULLED, LODS_MAX, LodRule, LodView};
use farplane_geom::Vec3;

/// A rule seen from a view, as metres of distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reach {
    /// Distance from the surface within which 1 m of error is too coarse.
    refine: f32,
    /// Distance from the surface beyond which 1 m of error is taken again.
    coarsen: f32,
    /// Distance of the centre within which a radius of 1 m appears.
    appear: f32,
    /// Distance of the centre beyond which a radius of 1 m vanishes.
    vanish: f32,
}

/// Squared distances of the centre from the view between which nothing changes: `near ≤ d² < far`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Band {
    pub near_m2: f32,
    pub far_m2: f32,
}

impl Reach {
    pub fn new(view: &LodView, rule: &LodRule) -> Self {
        Self {
            refine: view.focal_px / rule.refine_px(),
            coarsen: view.focal_px / rule.coarsen_px(),
            appear: 2.0 * view.focal_px / rule.cull_px(),
            vanish: 2.0 * view.focal_px / rule.vanish_px(),
        }
    }

    /// The level after `from` at a squared distance, and the band in which it will stay.
    #[inline]
    pub fn decide(&self, from: u8, d2: f32, radius_m: f32, asset: &AssetLods) -> (u8, Band) {
        let appear_m2 = size_m2(radius_m, self.appear);
        let vanish_m2 = size_m2(radius_m, self.vanish);
        let shown_m2 = if from == CULLED { appear_m2 } else { vanish_m2 };
        // A radius that is not a number, or negative, is nowhere.
        if !(d2 < shown_m2 && radius_m >= 0.0) {
            let near_m2 = if radius_m >= 0.0 { appear_m2 } else { f32::NEG_INFINITY };
            return (CULLED, Band { near_m2, far_m2: f32::INFINITY });
        }
        let errors_m = asset.all_errors_m();
        let refine_m2 = thresholds_m2(errors_m, radius_m, self.refine);
        let coarsen_m2 = thresholds_m2(errors_m, radius_m, self.coarsen);
        let coarsest = last_within(&refine_m2, d2);
        let finest = last_within(&coarsen_m2, d2);
        let level = if from >= coarsest { coarsest } else { from.max(finest) };
        let at = usize::from(level) % LODS_MAX;
        // The finest level, and one without error, are good enough however near.
        let is_exact = level == 0 || refine_m2[at] == 0.0;
        let near_m2 = if is_exact { f32::NEG_INFINITY } else { refine_m2[at] };
        let coarser_m2 = if at + 1 < LODS_MAX { coarsen_m2[at + 1] } else { f32::INFINITY };
        let far_m2 = if coarser_m2 < vanish_m2 { coarser_m2 } else { vanish_m2 };
        (level, Band { near_m2, far_m2 })
    }
}

/// Square of the distance of the centre at which a sphere has a size on screen; a limit of 0 px is
/// never reached.
#[inline]
fn size_m2(radius_m: f32, reach: f32) -> f32 {
    if reach == f32::INFINITY {
        return f32::INFINITY;
    }
    let distance_m = radius_m * reach;
    distance_m * distance_m
}

/// Square of the centre's distance from which on each level is good enough; the finest always is.
#[inline]
fn thresholds_m2(errors_m: &[f32; LODS_MAX], radius_m: f32, reach: f32) -> [f32; LODS_MAX] {
    let mut thresholds_m2 = [0.0; LODS_MAX];
    for (threshold_m2, error_m) in thresholds_m2.iter_mut().zip(errors_m) {
        let distance_m = radius_m + error_m * reach;
        // No error is invisible at any distance, inside the sphere too.
        *threshold_m2 = if *error_m > 0.0 { distance_m * distance_m } else { 0.0 };
    }
    thresholds_m2
}

/// The coarsest level that is good enough. Errors do not fall with the level, and so neither do the
/// thresholds: counting them is finding the last, without a branch.
#[inline]
fn last_within(thresholds_m2: &[f32; LODS_MAX], d2: f32) -> u8 {
    let mut within = 0;
    for &threshold_m2 in &thresholds_m2[1..] {
        within += u32::from(d2 >= threshold_m2);
    }
    within as u8
}

/// The level that an instance deserves by the rule without hysteresis: the coarsest whose
/// screen-space error at the nearest point of the bounding sphere is at most `refine_px`, the
/// finest if none is; [`CULLED`] unless the sphere's diameter covers more than `cull_px`, or if it
/// is not at a place (a number is not a number).
#[must_use]
pub fn ideal_level(
    center: Vec3,
    radius_m: f32,
    asset: &AssetLods,
    view: &LodView,
    rule: &LodRule,
) -> u8 {
    let d2 = distance_squared(center.to_array(), view.position);
    Reach::new(view, rule).decide(CULLED, d2, radius_m, asset).0
}

/// Summed in a fixed order.
#[inline(always)]
pub(crate) fn distance_squared([x, y, z]: [f32; 3], from: Vec3) -> f32 {
    let (x, y, z) = (x - from.x, y - from.y, z - from.z);
    x * x + y * y + z * z
}
