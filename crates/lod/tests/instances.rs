//! Levels of instances: which one is wanted, and when it changes.

use farplane_geom::{DVec3, Vec3, View};
use farplane_lod::*;
use proptest::prelude::*;

/// 1 m at 1 m covers 1000 px: errors and distances below are easy to divide by hand.
const FOCAL_PX: f32 = 1000.0;

fn view_at(x: f32) -> LodView {
    LodView { position: Vec3::new(x, 0.0, 0.0), focal_px: FOCAL_PX }
}

fn lods(errors_m: &[f32]) -> AssetLods {
    AssetLods::new(errors_m).unwrap()
}

/// One instance of 10 m radius in the origin, followed over several views.
struct One {
    asset: AssetLods,
    rule: LodRule,
    state: LodState,
}

impl One {
    fn new(errors_m: &[f32], rule: LodRule) -> Self {
        Self { asset: lods(errors_m), rule, state: LodState::new(1) }
    }

    /// Whether the level changed, and what it is now.
    fn seen_from(&mut self, view: &LodView) -> (bool, u8) {
        let instances = Instances::new([&[0.0]; 3], &[10.0], &[0]).unwrap();
        let mut changes = Vec::new();
        let before = self.state.levels()[0];
        let assets = [self.asset];
        self.state
            .select(&instances, &assets, Blocks::All, view, &self.rule, &mut changes)
            .unwrap();
        let now = self.state.levels()[0];
        if before == now {
            assert!(changes.is_empty());
        } else {
            assert_eq!(changes, [LodChange { instance: 0, from: before, to: now }]);
        }
        (before != now, now)
    }
}

#[test]
fn an_error_of_a_metre_at_a_thousand_metres_covers_a_pixel() {
    assert_eq!(screen_error_px(1.0, 1000.0, FOCAL_PX), 1.0);
    assert_eq!(screen_error_px(0.25, 500.0, FOCAL_PX), 0.5);
}

#[test]
fn no_error_is_invisible_and_an_unknown_one_never_good_enough() {
    assert_eq!(screen_error_px(0.0, 0.0, FOCAL_PX), 0.0);
    for (error_m, distance_m) in [(1.0, 0.0), (f32::NAN, 5.0), (1.0, f32::NAN), (1.0, -3.0)] {
        assert_eq!(screen_error_px(error_m, distance_m, FOCAL_PX), f32::INFINITY);
    }
}

#[test]
fn distances_are_to_the_nearest_point() {
    let bounds = farplane_geom::Aabb::new(Vec3::ZERO, Vec3::ONE);
    assert_eq!(distance_to_aabb(Vec3::splat(0.5), &bounds), 0.0);
    assert_eq!(distance_to_aabb(Vec3::new(4.0, 5.0, 0.5), &bounds), 5.0);
    assert_eq!(distance_to_sphere(Vec3::new(3.0, 4.0, 0.0), Vec3::ZERO, 2.0), 3.0);
    assert_eq!(distance_to_sphere(Vec3::X, Vec3::ZERO, 2.0), 0.0);
}

#[test]
fn a_view_keeps_its_precision_far_from_the_zero_of_the_world() {
    let origin = DVec3::new(5.0e6, 4.0e6, 0.0);
    let camera = View::looking(origin + DVec3::new(0.25, 0.5, 2.0), DVec3::Y, 90.0, [1920, 1080]);
    let view = LodView::from_view(&camera, origin);
    assert_eq!(view.position, Vec3::new(0.25, 0.5, 2.0));
    // At 90° half the height is as far away as it is high.
    assert!((view.focal_px - 540.0).abs() < 1e-3);
}

/// At 1010 m the surface is 1000 m away: an error of 1 m covers 1 px. Limit 1.5 px.
#[test]
fn the_coarsest_level_within_the_limit_is_ideal() {
    let asset = lods(&[0.0, 0.5, 1.5, 1.6]);
    let ideal = |view| ideal_level(Vec3::ZERO, 10.0, &asset, &view, &LodRule::default());
    assert_eq!(ideal(view_at(1010.0)), 2);
    assert_eq!(ideal(view_at(1009.0)), 1);
    assert_eq!(ideal(view_at(10_000.0)), 3);
    assert_eq!(ideal(view_at(5.0)), 0);
    let sharper = LodView { focal_px: 4.0 * FOCAL_PX, ..view_at(1010.0) };
    assert_eq!(ideal(sharper), 0);
}

/// A diameter of 20 m at 20 km covers 1 px.
#[test]
fn what_is_smaller_than_a_pixel_is_culled_and_comes_back_with_hysteresis() {
    let mut one = One::new(&[0.0, 1.0], LodRule::default());
    assert_eq!(one.seen_from(&view_at(20_001.0)), (false, CULLED));
    assert_eq!(one.seen_from(&view_at(20_000.0)), (false, CULLED));
    assert_eq!(one.seen_from(&view_at(19_999.0)), (true, 1));
    // It vanishes below 0.8 px, at 25 km.
    assert_eq!(one.seen_from(&view_at(24_990.0)), (false, 1));
    assert_eq!(one.seen_from(&view_at(25_010.0)), (true, CULLED));
    assert_eq!(one.seen_from(&view_at(24_990.0)), (false, CULLED));
}

#[test]
fn nothing_is_culled_by_a_limit_of_zero() {
    let rule = LodRule::new(1.5, 1.2, 0.0).unwrap();
    assert_eq!(ideal_level(Vec3::ZERO, 0.0, &lods(&[0.0]), &view_at(1.0e6), &rule), 0);
}

/// 3 m of error: above 1.5 px nearer than 2000 m, at most 1.2 px from 2500 m on; plus the radius.
#[test]
fn a_level_changes_at_one_distance_going_out_and_at_another_coming_back() {
    let mut one = One::new(&[0.0, 3.0], LodRule::default());
    assert_eq!(one.seen_from(&view_at(1500.0)), (true, 0));
    assert_eq!(one.seen_from(&view_at(2505.0)), (false, 0));
    assert_eq!(one.seen_from(&view_at(2515.0)), (true, 1));
    assert_eq!(one.seen_from(&view_at(2015.0)), (false, 1));
    assert_eq!(one.seen_from(&view_at(2005.0)), (true, 0));
}

#[test]
fn rules_in_the_wrong_order_are_refused() {
    for (refine, coarsen, cull) in [
        (1.0, 1.1, 1.0),
        (1.0, 0.0, 1.0),
        (f32::INFINITY, 1.0, 1.0),
        (f32::NAN, 1.0, 1.0),
        (1.0, f32::NAN, 1.0),
        (1.0, 1.0, -1.0),
        (1.0, 1.0, f32::NAN),
    ] {
        assert!(matches!(LodRule::new(refine, coarsen, cull), Err(LodError::Rule { .. })));
    }
    assert_eq!(LodRule::new(1.5, 1.2, 1.0), Ok(LodRule::default()));
}

#[test]
fn columns_that_do_not_fit_and_indices_that_do_not_exist_are_refused() {
    let zero = [0.0; 2];
    let columns = [&zero[..]; 3];
    assert_eq!(
        Instances::new(columns, &[1.0], &[0, 7]).unwrap_err(),
        LodError::Length { what: "radius_m", expected: 2, actual: 1 }
    );
    let instances = Instances::new(columns, &[1.0; 2], &[0, 7]).unwrap();
    let (assets, rule) = ([lods(&[0.0])], LodRule::default());
    let mut state = LodState::new(2);
    let mut changes = vec![LodChange { instance: 5, from: 0, to: 1 }];
    let mut select = |state: &mut LodState, blocks, view: &LodView| {
        let selected = state.select(&instances, &assets, blocks, view, &rule, &mut changes);
        (selected, changes.len())
    };
    let refused = |error| (Err(error), 0);
    let (all, near) = (Blocks::All, view_at(50.0));
    assert_eq!(
        select(&mut LodState::new(3), all, &near),
        refused(LodError::Length { what: "instances", expected: 3, actual: 2 })
    );
    assert_eq!(
        select(&mut state, Blocks::Listed(&[0, 1]), &near),
        refused(LodError::Index { what: "block", index: 1, count: 1 })
    );
    let nowhere = select(&mut state, all, &view_at(f32::NAN));
    assert!(matches!(nowhere, (Err(LodError::View { .. }), 0)));
    assert_eq!(state.levels(), [CULLED; 2]);
    // The first instance is selected before the second one's asset is found missing, every time.
    let missing = Err(LodError::Index { what: "asset", index: 7, count: 1 });
    assert_eq!(select(&mut state, all, &near), (missing, 1));
    assert_eq!(select(&mut state, all, &near), (missing, 0));
    assert_eq!(state.levels(), [0, CULLED]);
}

#[test]
fn assets_that_make_no_sense_are_refused() {
    assert!(matches!(AssetLods::new(&[]), Err(LodError::Length { .. })));
    assert!(matches!(AssetLods::new(&[0.0; 9]), Err(LodError::Length { .. })));
    for error_m in [f32::NAN, -1.0, f32::INFINITY] {
        assert!(matches!(AssetLods::new(&[0.0, error_m]), Err(LodError::Value { .. })));
        assert!(matches!(lods(&[0.0]).with_bias(error_m), Err(LodError::Value { .. })));
    }
    let overflow = lods(&[f32::MAX]).with_bias(2.0).unwrap_err();
    let what = "error of a level times the asset's bias, m";
    assert_eq!(overflow, LodError::Value { what, value: f32::INFINITY });
}

#[test]
fn a_coarser_level_is_never_taken_for_better() {
    assert_eq!(lods(&[0.0, 0.5, 0.2, 0.7]).errors_m(), [0.0, 0.5, 0.5, 0.7]);
}

/// At 1010 m the surface is 1000 m away, and an error of 0.8 m covers 0.8 px. Counted twice it is too
/// much, and at half the distance it would be too much in itself.
#[test]
fn a_bias_acts_like_a_nearer_view() {
    let (plain, rule) = (lods(&[0.0, 0.8]), LodRule::default());
    let biased = plain.with_bias(2.0).unwrap();
    let ideal = |asset, x| ideal_level(Vec3::ZERO, 10.0, asset, &view_at(x), &rule);
    assert_eq!((ideal(&plain, 1010.0), ideal(&biased, 1010.0)), (1, 0));
    assert_eq!((ideal(&plain, 510.0), ideal(&biased, 2010.0)), (0, 1));
    assert_eq!(ideal(&plain.with_bias(0.0).unwrap(), 11.0), 1);
}

#[test]
fn what_is_at_no_place_or_has_no_size_is_culled() {
    let (rule, asset) = (LodRule::default(), lods(&[0.0, 0.1]));
    for (center, radius_m) in [
        (Vec3::splat(f32::NAN), 1.0),
        (Vec3::ZERO, f32::NAN),
        (Vec3::ZERO, -1.0),
        (Vec3::ZERO, 0.0),
    ] {
        assert_eq!(ideal_level(center, radius_m, &asset, &view_at(1.0), &rule), CULLED);
    }
}

/// Inside the sphere the nearest point is at no distance.
#[test]
fn inside_only_a_level_without_error_is_good_enough() {
    let ideal = |errors_m| {
        ideal_level(Vec3::ZERO, 10.0, &lods(errors_m), &view_at(5.0), &LodRule::default())
    };
    assert_eq!((ideal(&[0.0, 0.0, 1e-6]), ideal(&[0.0, 1e-6])), (1, 0));
}

#[test]
fn levels_of_blocks_that_are_not_listed_stay() {
    let zero = [0.0; 130];
    let instances = Instances::new([&zero; 3], &[10.0; 130], &[0; 130]).unwrap();
    let (mut state, mut changes) = (LodState::new(130), Vec::new());
    let (assets, rule) = ([lods(&[0.0])], LodRule::default());
    let blocks = Blocks::Listed(&[2, 2]);
    let view = view_at(50.0);
    let selected = state.select(&instances, &assets, blocks, &view, &rule, &mut changes);
    assert_eq!(selected, Ok(Selected { looked_at: 1, skipped: 1 }));
    assert_eq!(changes.iter().map(|c| c.instance).collect::<Vec<_>>(), [128, 129]);
    assert!(state.levels()[..128].iter().all(|&level| level == CULLED));
}

/// From 20 m to 32 m is more than half the way to the centre.
#[test]
fn a_coarser_level_without_error_is_not_looked_at_again_for_coming_nearer() {
    let instances = Instances::new([&[0.0]; 3], &[10.0], &[0]).unwrap();
    let (mut state, mut changes) = (LodState::new(1), Vec::new());
    let (assets, rule) = ([lods(&[0.0, 0.0])], LodRule::default());
    for (x, skipped) in [(20.0, 0), (32.0, 1), (5.0, 1)] {
        let view = view_at(x);
        let selected =
            state.select(&instances, &assets, Blocks::All, &view, &rule, &mut changes).unwrap();
        assert_eq!((selected.skipped, state.levels()[0]), (skipped, 1), "{x} m");
    }
}

#[test]
fn each_view_has_levels_of_its_own() {
    let (mut near, mut far) =
        (One::new(&[0.0, 3.0], LodRule::default()), One::new(&[0.0, 3.0], LodRule::default()));
    assert_eq!(near.seen_from(&view_at(500.0)), (true, 0));
    assert_eq!(far.seen_from(&view_at(5000.0)), (true, 1));
    assert_eq!(near.seen_from(&view_at(500.0)), (false, 0));
}

/// Lower ends of ranges are sums of few powers of two here: below any other, proptest 1.12 may draw a
/// number that its own debug assertion then takes for too low.
fn errors() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(0.015625f32..20.0, 1..=8).prop_map(|mut errors| {
        errors.sort_by(f32::total_cmp);
        errors
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ideal_level_is_the_last_that_passes_when_each_is_tried(
        errors in errors(), x in 0.0f32..30_000.0, radius in 0.0f32..50.0,
    ) {
        let (view, rule) = (view_at(x), LodRule::default());
        let distance = f64::from(x);
        let nearest = (distance - f64::from(radius)).max(0.0);
        let passes = |e: &f32| f64::from(*e) * 1000.0 <= 1.5 * nearest;
        let size_px = 2.0 * f64::from(radius) * 1000.0 / distance;
        // In f64, so leave alone what rounding decides.
        let near_limit = |a: f64, b: f64| (a - b).abs() <= 1e-4 * b;
        prop_assume!(!errors.iter().any(|&e| near_limit(f64::from(e) * 1000.0, 1.5 * nearest)));
        prop_assume!(!near_limit(size_px, 1.0));
        let expected = match errors.iter().rposition(passes) {
            _ if size_px < 1.0 => CULLED,
            Some(level) => level as u8,
            None => 0,
        };
        let level = ideal_level(Vec3::ZERO, radius, &lods(&errors), &view, &rule);
        prop_assert_eq!(level, expected);
    }

    #[test]
    fn without_hysteresis_selection_is_the_ideal_level(
        errors in errors(), xs in prop::collection::vec(0.0f32..30_000.0, 1..20),
    ) {
        let rule = LodRule::new(1.5, 1.5, 1.0).unwrap();
        let mut one = One::new(&errors, rule);
        for x in xs {
            let (_, level) = one.seen_from(&view_at(x));
            prop_assert_eq!(level, ideal_level(Vec3::ZERO, 10.0, &one.asset, &view_at(x), &rule));
        }
    }

    /// What hysteresis promises at every step: never coarser than ideal, never finer than what
    /// `coarsen_px` asks, unless it was so before; and no step where the old level was within both.
    #[test]
    fn a_level_changes_only_when_it_must(
        errors in errors(), xs in prop::collection::vec(11.0f32..12_000.0, 1..40),
    ) {
        let rule = LodRule::default();
        let strict = LodRule::new(1.2, 1.2, 1.0).unwrap();
        let mut one = One::new(&errors, rule);
        for x in xs {
            let view = view_at(x);
            let before = one.state.levels()[0];
            let (changed, level) = one.seen_from(&view);
            let coarsest = ideal_level(Vec3::ZERO, 10.0, &one.asset, &view, &rule);
            let finest = ideal_level(Vec3::ZERO, 10.0, &one.asset, &view, &strict);
            prop_assert!(finest <= level && level <= coarsest);
            prop_assert!(!changed || before == CULLED || !(finest..=coarsest).contains(&before));
        }
    }

    /// Jitter of ±6.25% around any distance is less than the ratio of the thresholds (1.25): the
    /// error of a level, and the size, can only cross one of their two thresholds.
    #[test]
    fn a_trembling_camera_switches_at_most_once_per_threshold(
        errors in errors(), x in 100.0f32..22_000.0,
        jitter in prop::collection::vec(0.9375f32..1.0625, 50..100),
    ) {
        let mut one = One::new(&errors, LodRule::default());
        one.seen_from(&view_at(10.0 + x));
        let switches: usize = jitter
            .iter()
            .map(|j| usize::from(one.seen_from(&view_at(10.0 + x * j)).0))
            .sum();
        prop_assert!(switches <= errors.len(), "{switches} switches");
        // After one more round at the same places nothing changes any more.
        let again: usize = jitter
            .iter()
            .map(|j| usize::from(one.seen_from(&view_at(10.0 + x * j)).0))
            .sum();
        prop_assert_eq!(again, 0);
    }
}
