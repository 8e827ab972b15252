//! A hard budget over all instances.

use farplane_geom::Vec3;
use farplane_lod::*;
use proptest::prelude::*;

const RADIUS_M: f32 = 2.0;

/// Instances of one asset of three levels (900, 300, 100 triangles; 90, 30, 10 bytes) along x, seen
/// by a view on that axis.
struct Row {
    x: Vec<f32>,
    zero: Vec<f32>,
    radius_m: Vec<f32>,
    asset: Vec<u32>,
    lods: [AssetLods; 1],
    costs: [AssetCosts; 1],
    state: LodState,
    budget: LodBudget,
}

impl Row {
    fn new(x: Vec<f32>) -> Self {
        let count = x.len();
        Self {
            x,
            zero: vec![0.0; count],
            radius_m: vec![RADIUS_M; count],
            asset: vec![0; count],
            lods: [AssetLods::new(&[0.0, 0.1, 0.5]).unwrap()],
            costs: [AssetCosts::new(&[900, 300, 100], &[90, 30, 10]).unwrap()],
            state: LodState::new(count),
            budget: LodBudget::new(),
        }
    }

    /// One frame from a place, within a budget; triangles of the levels, and the scale.
    fn frame(
        &mut self,
        at: f32,
        rule: &LodRule,
        limit: Budget,
    ) -> Result<(u64, BudgetFit), LodError> {
        let instances =
            Instances::new([&self.x, &self.zero, &self.zero], &self.radius_m, &self.asset).unwrap();
        let view = LodView { position: Vec3::new(at, 0.0, 0.0), focal_px: 1000.0 };
        let all: Vec<u32> = (0..self.x.len() as u32).collect();
        let (lods, costs, levels) = (&self.lods, &self.costs, self.state.levels());
        let (instances, view, visible) = (&instances, &view, all[..].into());
        self.budget.add(&Wanted { instances, assets: lods, costs, visible, levels, view, rule })?;
        let fit = self.budget.fit(costs, &limit)?;
        let scaled = rule.scaled(fit.scale)?;
        self.state.select(instances, lods, Blocks::All, view, &scaled, &mut Vec::new())?;
        let triangles = |&level: &u8| [900, 300, 100].get(usize::from(level)).copied().unwrap_or(0);
        Ok((self.state.levels().iter().map(triangles).sum(), fit))
    }
}

/// Surfaces at 50, 100, 200 and 3000 m. Level 1 shows 1.5 px of error at 66.7 m, level 2 at 333 m:
/// levels 0, 1, 1, 2, and 1600 triangles.
#[test]
fn a_budget_that_suffices_takes_nothing_away() {
    let mut row = Row::new(vec![52.0, 102.0, 202.0, 3002.0]);
    let limit = Budget { triangles: 1600, ..Budget::default() };
    let (triangles, fit) = row.frame(0.0, &LodRule::default(), limit).unwrap();
    assert_eq!(row.state.levels(), [0, 1, 1, 2]);
    assert_eq!((triangles, fit.scale), (1600, 1.0));
    assert_eq!(fit.wanted, Cost { triangles: 1600, bytes: 130 });
    assert_eq!((fit.granted, fit.coarser_levels, fit.hidden), (fit.wanted, 0, 0));
}

/// One triangle less: what has the least error at stake goes first. Level 1 instead of 0 of the
/// nearest, 2 px, is 1.33 of the threshold; level 2 instead of 1 at 200 m, 2.5 px, 1.67; at 100 m 5
/// px, 3.33; hiding the farthest, 1.33 px, 1.33.
#[test]
fn what_costs_the_least_error_is_taken_first() {
    let mut row = Row::new(vec![52.0, 102.0, 202.0, 3002.0]);
    let limit = Budget { triangles: 1599, ..Budget::default() };
    let (triangles, fit) = row.frame(0.0, &LodRule::default(), limit).unwrap();
    assert_eq!(row.state.levels(), [1, 1, 1, CULLED]);
    assert_eq!(triangles, 900);
    assert!((4.0 / 3.0..4.0 / 3.0 * 1.04).contains(&fit.scale), "{}", fit.scale);
    assert_eq!((fit.coarser_levels, fit.hidden), (1, 1));
    assert_eq!(fit.granted, Cost { triangles: 900, bytes: 40 });
}

/// Bytes count once for all instances of an asset, with all coarser levels.
#[test]
fn a_budget_of_bytes_takes_the_finest_levels_from_everybody() {
    let mut row = Row::new(vec![52.0, 102.0, 202.0, 3002.0]);
    let limit = Budget { bytes: 39, ..Budget::default() };
    let (triangles, fit) = row.frame(0.0, &LodRule::default(), limit).unwrap();
    assert_eq!(fit.granted.bytes, 10);
    assert_eq!(triangles, 300);
    assert_eq!(row.state.levels(), [2, 2, 2, CULLED]);
}

#[test]
fn a_budget_that_cannot_be_kept_is_refused() {
    let never_hide = LodRule::new(1.5, 1.2, 0.0).unwrap();
    let mut row = Row::new(vec![52.0, 102.0, 202.0, 3002.0]);
    for (triangles, bytes, what, needed) in
        [(399, u64::MAX, "triangles", 400), (u64::MAX, 9, "bytes", 10)]
    {
        let refused = row.frame(0.0, &never_hide, Budget { triangles, bytes });
        let budget = triangles.min(bytes);
        assert_eq!(refused, Err(LodError::Budget { what, budget, needed }));
        assert_eq!(row.state.levels(), [CULLED; 4]);
    }
    let limit = Budget { triangles: 400, ..Budget::default() };
    assert_eq!(row.frame(0.0, &never_hide, limit).unwrap().0, 400);
}

/// Two assets of 3 and 4 bytes, then one of them alone.
#[test]
fn fewer_costs_than_were_added_are_refused() {
    let lods = [AssetLods::new(&[0.0]).unwrap(); 2];
    let costs = [3, 4].map(|bytes| AssetCosts::new(&[5], &[bytes]).unwrap());
    let (view, rule) = (LodView { position: Vec3::ZERO, focal_px: 500.0 }, LodRule::default());
    let instances = Instances::new([&[9.0; 2], &[0.0; 2], &[0.0; 2]], &[1.0; 2], &[0, 1]).unwrap();
    let (mut budget, limit) = (LodBudget::new(), Budget::default());
    let mut bytes = |assets: &[AssetLods], costs: &[AssetCosts], visible: &[u32], fit_by| {
        let (instances, levels, view, rule) = (&instances, &[CULLED; 2][..], &view, &rule);
        let visible = Visible::Listed(visible);
        budget.add(&Wanted { instances, assets, costs, visible, levels, view, rule }).unwrap();
        let short = budget.fit(&costs[..fit_by], &limit);
        if fit_by < costs.len() {
            let (expected, actual) = (costs.len(), fit_by);
            assert_eq!(short, Err(LodError::Length { what: "costs of assets", expected, actual }));
            return budget.fit(costs, &limit).unwrap().wanted.bytes;
        }
        short.unwrap().wanted.bytes
    };
    assert_eq!(bytes(&lods, &costs, &[0, 1], 1), 7);
    // Afterwards fewer assets will do.
    assert_eq!(bytes(&lods[..1], &costs[..1], &[0], 1), 3);
}

/// 64 instances are counted before the block with the one that does not exist is refused.
#[test]
fn after_a_refused_view_a_budget_can_start_over() {
    let mut row = Row::new(vec![52.0; 64]);
    let rule = LodRule::default();
    let wanted = row.frame(0.0, &rule, Budget::default()).unwrap().1.wanted;
    let instances =
        Instances::new([&row.x, &row.zero, &row.zero], &row.radius_m, &row.asset).unwrap();
    let visible: Vec<u32> = (0..65).collect();
    let (assets, costs, levels) = (&row.lods, &row.costs, row.state.levels());
    let view = LodView { position: Vec3::ZERO, focal_px: 1000.0 };
    let mut blocks = VisibleBlocks::default();
    blocks.push(0, u64::MAX);
    blocks.push(127, 1);
    let (instances, view) = (&instances, &view);
    for (visible, missing) in [(Visible::Listed(&visible), 64), (Visible::Blocks(&blocks), 127)] {
        let all = Wanted { instances, assets, costs, visible, levels, view, rule: &rule };
        let refused = row.budget.add(&all);
        assert!(matches!(refused, Err(LodError::Index { index, .. }) if index == missing));
        row.budget.forget();
    }
    assert_eq!(row.frame(0.0, &rule, Budget::default()).unwrap().1.wanted, wanted);
}

/// Diameter 4 m: 0.9 px at 4444 m, more than 0.8 px, at which what is shown vanishes, and less than
/// 1 px, at which it appears. Bytes are needed where it was shown before.
#[test]
fn what_is_too_small_to_appear_needs_no_bytes() {
    let mut row = Row::new(vec![4444.0]);
    let none = Budget { bytes: 0, ..Budget::default() };
    let (_, fit) = row.frame(0.0, &LodRule::default(), none).unwrap();
    assert_eq!((fit.wanted, fit.scale), (Cost::default(), 1.0));
    row.frame(1000.0, &LodRule::default(), Budget::default()).unwrap();
    let (_, fit) = row.frame(0.0, &LodRule::default(), Budget::default()).unwrap();
    assert_eq!(fit.wanted, Cost { triangles: 100, bytes: 10 });
    assert!(row.frame(0.0, &LodRule::default(), none).is_err());
}

/// A small one too far to appear is nearer than a large one: by it alone level 1 would be needed.
/// 1 px: radius 0.05 m at 100 m; 1.5 px of level 2's 0.5 m: 333 m from the surface.
#[test]
fn what_is_too_small_to_appear_needs_no_finer_levels_for_others() {
    let mut row = Row::new(vec![110.0, 2000.0]);
    row.radius_m[0] = 0.05;
    let limit = Budget { bytes: 10, ..Budget::default() };
    let (triangles, fit) = row.frame(0.0, &LodRule::default(), limit).unwrap();
    assert_eq!(row.state.levels(), [CULLED, 2]);
    assert_eq!((triangles, fit.wanted), (100, Cost { triangles: 100, bytes: 10 }));
    assert_eq!(fit.scale, 1.0);
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let instances = Instances::new([&[0.0], &[0.0], &[0.0]], &[1.0], &[3]).unwrap();
    let lods = [AssetLods::new(&[0.0]).unwrap()];
    let costs = [AssetCosts::new(&[5], &[5]).unwrap()];
    let (view, rule) = (LodView { position: Vec3::ZERO, focal_px: 500.0 }, LodRule::default());
    let mut budget = LodBudget::new();
    let mut add = |costs: &[AssetCosts], visible: &[u32], levels: &[u8]| {
        let (instances, assets, view, rule) = (&instances, &lods, &view, &rule);
        let visible = Visible::Listed(visible);
        budget.add(&Wanted { instances, assets, costs, visible, levels, view, rule })
    };
    let length = |what, expected, actual| Err(LodError::Length { what, expected, actual });
    assert_eq!(add(&costs, &[0], &[]), length("levels", 1, 0));
    assert_eq!(add(&[], &[0], &[0]), length("costs of assets", 1, 0));
    let index = |what, index| Err(LodError::Index { what, index, count: 1 });
    assert_eq!(add(&costs, &[1], &[0]), index("instance", 1));
    assert_eq!(add(&costs, &[0], &[0]), index("asset", 3));
    let two = AssetCosts::new(&[5, 1], &[5, 1]).unwrap();
    assert_eq!(add(&[two], &[0], &[0]), length("costs of an asset", 1, 2));
    assert!(AssetCosts::new(&[], &[]).is_err() && AssetCosts::new(&[1; 9], &[1; 9]).is_err());
    assert_eq!(
        AssetCosts::new(&[1, 2], &[1]),
        Err(LodError::Length { what: "bytes of an asset", expected: 2, actual: 1 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The view trembles by less than hysteresis allows for (a quarter of any distance): the budget
    /// holds in every frame, a scale once lowered is never raised, and each instance changes each
    /// of its levels at most twice: once down while the scale rises, once up after it was lowered.
    #[test]
    fn a_trembling_view_settles(
        x in prop::collection::vec(200.0f32..3000.0, 1..150), share in 0.125f64..0.875,
        jitter in prop::collection::vec(-10.0f32..10.0, 20..60),
    ) {
        let (mut row, rule) = (Row::new(x), LodRule::default());
        let wanted = row.frame(0.0, &rule, Budget::default()).unwrap().1.wanted.triangles;
        let limit = Budget { triangles: (wanted as f64 * share) as u64, ..Budget::default() };
        let (mut last, mut lowered) = (0.0, false);
        let mut switches = vec![0; row.x.len()];
        for at in jitter {
            let before = row.state.levels().to_vec();
            let (triangles, fit) = row.frame(at, &rule, limit).unwrap();
            prop_assert!(triangles <= limit.triangles);
            prop_assert!(triangles <= fit.granted.triangles);
            prop_assert!(!(lowered && fit.scale > last), "raised after it was lowered");
            lowered |= fit.scale < last;
            last = fit.scale;
            for (n, (was, is)) in switches.iter_mut().zip(before.iter().zip(row.state.levels())) {
                *n += u32::from(was != is);
            }
        }
        // Three levels and vanishing are three thresholds.
        prop_assert!(switches.iter().all(|&n| n <= 6), "{switches:?}");
    }
}
