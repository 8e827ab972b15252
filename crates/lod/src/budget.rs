use crate::band::distance_squared;
use crate::{AssetLods, CULLED, Instances, LODS_MAX, LodError, LodRule, LodView};

/// Buckets an octave of scale: a bucket is 1.6 to 3.1% wide.
const BUCKETS_PER_OCTAVE: u32 = 32;
/// The mantissa bits of an `f32` that do not choose a bucket.
const BUCKET_SHIFT: u32 = 23 - BUCKETS_PER_OCTAVE.trailing_zeros();
/// The lowest scale that is told apart, 2⁻³: hysteresis reaches a little below 1.
const LOWEST: u32 = 0.125f32.to_bits() >> BUCKET_SHIFT;
/// 2⁻³ to 2¹⁶: thresholds 65,536 times as large as asked for.
const BUCKETS: usize = 19 * BUCKETS_PER_OCTAVE as usize;
/// The bucket that begins at a scale of 1: the rule as given.
const UNSCALED: usize = 3 * BUCKETS_PER_OCTAVE as usize;
/// Scales are taken this much larger than computed, so that whatever rounding decides in the
/// selection, it never decides for more than was counted.
const ROUNDING: f32 = 1.0 + 1.0 / (1u32 << 16) as f32;

/// Part of the distances by which the nearest point is taken nearer, for the same reason.
const NEARER: f32 = 1.0 / (1u32 << 20) as f32;

/// What levels cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Triangles, of every instance.
    pub triangles: u64,
    /// Bytes of levels of assets, each once however many instances share it, and with each level all
    /// coarser ones, which stay as stand-ins.
    pub bytes: u64,
}

/// What the levels of one asset cost, finest first; 0 beyond the coarsest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetCosts {
    /// Running maximum from the coarsest on: a finer level counts as no cheaper.
    triangles: [u32; LODS_MAX],
    bytes: [u32; LODS_MAX],
}

impl AssetCosts {
    /// From the triangles and bytes of each level. A finer level counts as having no fewer triangles
    /// than a coarser one.
    ///
    /// # Errors
    /// [`LodError::Length`] unless both have 1 to [`LODS_MAX`] elements, equally many.
    pub fn new(triangles: &[u32], bytes: &[u32]) -> Result<Self, LodError> {
        let (expected, actual) = (triangles.len(), bytes.len());
        if expected == 0 || expected > LODS_MAX {
            let allowed = if expected == 0 { 1 } else { LODS_MAX };
            let what = "triangles of an asset";
            return Err(LodError::Length { what, expected: allowed, actual: expected });
        }
        if actual != expected {
            return Err(LodError::Length { what: "bytes of an asset", expected, actual });
        }
        let mut costs = Self { triangles: [0; LODS_MAX], bytes: [0; LODS_MAX] };
        let mut most = 0;
        for level in (0..expected).rev() {
            most = most.max(triangles[level]);
            costs.triangles[level] = most;
            costs.bytes[level] = bytes[level];
        }
        Ok(costs)
    }
}

/// What may be spent.
///
/// **`triangles`** and **`bytes`** (default: no limit): neither is ever exceeded by what
/// [`LodBudget::fit`] lets through. A small one coarsens everything by the same factor of
/// screen-space error, and lets the smallest vanish first. It never hides what `cull_px` = 0 says
/// must be shown: a budget too small for that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Triangles, of all views together.
    pub triangles: u64,
    /// Bytes, of all views together.
    pub bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { triangles: u64::MAX, bytes: u64::MAX }
    }
}

/// What a budget lets through, and what it takes away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetFit {
    /// How many times as large the rule's thresholds must be ([`LodRule::scaled`]); 1 where the
    /// budget takes nothing away.
    pub scale: f32,
    /// Cost by the rule as given.
    pub wanted: Cost,
    /// Cost by the scaled rule, and at least that of the levels that selection by it gives.
    pub granted: Cost,
    /// Levels taken away: an instance shown two levels coarser counts twice.
    pub coarser_levels: u64,
    /// Instances that the rule as given would show and the scaled one does not.
    pub hidden: u64,
}

/// Steps of one bucket of scale: a step refines an instance by one level, or lets it appear.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    triangles: u64,
    levels: u32,
    appear: u32,
}

/// Keeps a hard budget over all instances of all views: the smallest factor by which all thresholds
/// must grow so that the cost fits.
///
/// Each instance costs its coarsest level where it appears, and what is added for each finer one. A
/// step is taken as long as the scale is below a value of its own, screen-space error ÷ threshold.
/// So the costs of all steps are summed in a histogram over the logarithm of those values, and the
/// scale is where the sum from the top fills the budget.
///
/// The sum counts what is held by hysteresis with the threshold that holds it, so that it is what
/// selection will give and no estimate. It is stable: the scale is lowered only if the budget would
/// be kept even with everything refined that hysteresis could hold at that scale. While distances
/// tremble by less than the ratio of the thresholds, a lowered scale is never raised again.
///
/// One call of [`LodBudget::add`] a view and frame, then [`LodBudget::fit`]; then each view is
/// selected with the scaled rule. O(visible instances); no allocation once the tables of the assets
/// exist.
#[derive(Clone, Debug)]
pub struct LodBudget {
    /// By the threshold for steps not taken before, and for those that hysteresis holds.
    fresh: Box<[Bucket; BUCKETS]>,
    held: Box<[Bucket; BUCKETS]>,
    /// By asset and level: the largest value of an instance's step to it, by the thresholds that
    /// count now, and all by those that hold.
    needed: Vec<[f32; LODS_MAX]>,
    holdable: Vec<[f32; LODS_MAX]>,
    /// Largest ratio of thresholds among the rules.
    ratio: f32,
    at: usize,
}

impl Default for LodBudget {
    fn default() -> Self {
        Self::new()
    }
}

/// The bucket of a positive scale, rounded down; the first and the last take what is beyond.
#[inline(always)]
fn bucket(scale: f32) -> usize {
    let above = ((scale * ROUNDING).to_bits() >> BUCKET_SHIFT).saturating_sub(LOWEST);
    (above as usize).min(BUCKETS - 1)
}

/// The scale at which a bucket begins.
fn scale_of(bucket: usize) -> f32 {
    f32::from_bits((bucket as u32 + LOWEST) << BUCKET_SHIFT)
}

impl LodBudget {
    /// Nothing counted, a scale of 1.
    #[must_use]
    pub fn new() -> Self {
        let empty = Box::new([Bucket::default(); BUCKETS]);
        Self {
            fresh: empty.clone(),
            held: empty,
            needed: Vec::new(),
            holdable: Vec::new(),
            ratio: 1.0,
            at: UNSCALED,
        }
    }

    /// Counts what a view wants. `visible` are the instances that count, each once; `levels` is the
    /// state of the last selection of that view ([`LodState::levels`](crate::LodState::levels)), and
    /// `rule` is not scaled.
    ///
    /// # Errors
    /// [`LodError::View`] for a view without a place or focal length, [`LodError::Length`] when
    /// `levels` or `costs` have another length than the instances or `assets`: then nothing was
    /// counted. [`LodError::Index`] for an instance or asset that does not exist: those before it in
    /// `visible` are counted then.
    #[expect(clippy::too_many_arguments, reason = "the columns of a view, once a frame")]
    pub fn add(
        &mut self,
        instances: &Instances<'_>,
        assets: &[AssetLods],
        costs: &[AssetCosts],
        visible: &[u32],
        levels: &[u8],
        view: &LodView,
        rule: &LodRule,
    ) -> Result<(), LodError> {
        view.check()?;
        for (what, expected, actual) in [
            ("levels", instances.len(), levels.len()),
            ("costs of assets", assets.len(), costs.len()),
        ] {
            if actual != expected {
                return Err(LodError::Length { what, expected, actual });
            }
        }
        if self.needed.len() < assets.len() {
            self.needed.resize(assets.len(), [0.0; LODS_MAX]);
            self.holdable.resize(assets.len(), [0.0; LODS_MAX]);
        }
        let ratio = rule.refine_px() / rule.coarsen_px();
        self.ratio = if ratio > self.ratio { ratio } else { self.ratio };
        let steps = Steps::new(view, rule);
        for &instance in visible {
            let (index, count) = (instance as usize, instances.len());
            if index >= count {
                return Err(LodError::Index { what: "instance", index: instance, count });
            }
            let asset = instances.asset[index];
            let at = asset as usize;
            let (Some(lods), Some(cost)) = (assets.get(at), costs.get(at)) else {
                return Err(LodError::Index { what: "asset", index: asset, count: assets.len() });
            };
            let center = [instances.x[index], instances.y[index], instances.z[index]];
            let d2 = distance_squared(center, view.position);
            self.count(&steps, d2, instances.radius_m[index], levels[index], lods, cost, at);
        }
        Ok(())
    }

    /// Counts the steps of one instance, the coarsest first.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "one row of the columns")]
    fn count(
        &mut self,
        steps: &Steps,
        d2: f32,
        radius_m: f32,
        from: u8,
        lods: &AssetLods,
        cost: &AssetCosts,
        asset: usize,
    ) {
        let distance_m = d2.sqrt();
        let vanish = steps.size(radius_m, steps.vanish, distance_m);
        if bucket(vanish) < UNSCALED {
            return;
        }
        let coarsest = usize::from(lods.count()) - 1;
        let is_held = from != CULLED;
        let value = if is_held { vanish } else { steps.size(radius_m, steps.appear, distance_m) };
        let triangles = u64::from(cost.triangles[coarsest]);
        self.put(is_held, value, Bucket { triangles, levels: 0, appear: 1 });
        self.need(asset, coarsest, value, vanish);

        // A little nearer than computed: the difference of nearly equal numbers rounds badly.
        let nearest_m = distance_m - radius_m - (distance_m + radius_m) * NEARER;
        let nearest_m = if nearest_m > 0.0 { nearest_m } else { 0.0 };
        for level in (0..coarsest).rev() {
            let error_m = lods.all_errors_m()[level + 1];
            let holding = ratio_of(error_m * steps.coarsen, nearest_m);
            if bucket(holding) < UNSCALED {
                break;
            }
            let is_held = usize::from(from) <= level;
            let value = if is_held { holding } else { ratio_of(error_m * steps.refine, nearest_m) };
            let triangles = u64::from(cost.triangles[level] - cost.triangles[level + 1]);
            self.put(is_held, value, Bucket { triangles, levels: 1, appear: 0 });
            self.need(asset, level, value, holding);
        }
    }

    #[inline(always)]
    fn put(&mut self, is_held: bool, value: f32, step: Bucket) {
        let at = bucket(value);
        let into = if is_held { &mut self.held[at] } else { &mut self.fresh[at] };
        into.triangles += step.triangles;
        into.levels += step.levels;
        into.appear += step.appear;
    }

    #[inline(always)]
    fn need(&mut self, asset: usize, level: usize, value: f32, holding: f32) {
        let needed = &mut self.needed[asset][level];
        *needed = if value > *needed { value } else { *needed };
        let holdable = &mut self.holdable[asset][level];
        *holdable = if holding > *holdable { holding } else { *holdable };
    }

    /// The scale for everything that was added, which is forgotten for the next frame; `costs` as
    /// they were then.
    ///
    /// # Errors
    /// [`LodError::Budget`] when not even thresholds 65,536 times as large fit, because `cull_px` is
    /// 0 or something is nearer than its own size.
    pub fn fit(&mut self, costs: &[AssetCosts], budget: &Budget) -> Result<BudgetFit, LodError> {
        let now = Totals::new(self, 1.0, costs, &self.needed);
        let calm = Totals::new(self, self.ratio, costs, &self.holdable);
        self.forget();
        let Some(least) = now.first_within(budget) else {
            return Err(now.refusal(budget));
        };
        if least > self.at {
            self.at = least;
        } else if let Some(lower) = calm.first_within(budget) {
            self.at = self.at.min(lower);
        }
        let (wanted, granted) = (now.at(UNSCALED), now.at(self.at));
        Ok(BudgetFit {
            scale: scale_of(self.at),
            wanted: wanted.cost,
            granted: granted.cost,
            coarser_levels: wanted.levels - granted.levels,
            hidden: wanted.appear - granted.appear,
        })
    }

    /// Forgets what was added; the scale stays.
    fn forget(&mut self) {
        for table in [&mut self.needed, &mut self.holdable] {
            table.fill([0.0; LODS_MAX]);
        }
        self.fresh.fill(Bucket::default());
        self.held.fill(Bucket::default());
        self.ratio = 1.0;
    }
}

/// Thresholds of a rule seen from a view: times a size in metres, over metres of distance, they give
/// the scale up to which a step is taken.
struct Steps {
    refine: f32,
    coarsen: f32,
    appear: f32,
    vanish: f32,
}

impl Steps {
    fn new(view: &LodView, rule: &LodRule) -> Self {
        Self {
            refine: view.focal_px / rule.refine_px(),
            coarsen: view.focal_px / rule.coarsen_px(),
            appear: 2.0 * view.focal_px / rule.cull_px(),
            vanish: 2.0 * view.focal_px / rule.vanish_px(),
        }
    }

    /// The scale up to which a sphere is shown; with a limit of 0 px that is any.
    #[inline(always)]
    fn size(&self, radius_m: f32, reach: f32, distance_m: f32) -> f32 {
        if reach == f32::INFINITY && radius_m >= 0.0 && distance_m < f32::INFINITY {
            return f32::INFINITY;
        }
        ratio_of(radius_m * reach, distance_m)
    }
}

/// At no distance a step is taken at any scale; without a size at none, and where a number is not a
/// number.
#[inline(always)]
fn ratio_of(reach_m: f32, distance_m: f32) -> f32 {
    let ratio = reach_m / distance_m;
    if ratio > 0.0 { ratio } else { 0.0 }
}

/// Sums from the top: what is taken at the scale where each bucket begins.
struct Totals([Sum; BUCKETS]);

#[derive(Clone, Copy, Default)]
struct Sum {
    cost: Cost,
    levels: u64,
    appear: u64,
}

impl Sum {
    fn add(&mut self, bucket: &Bucket) {
        self.cost.triangles += bucket.triangles;
        self.levels += u64::from(bucket.levels);
        self.appear += u64::from(bucket.appear);
    }
}

impl Totals {
    /// Fresh steps count down to `ratio` times lower scales than held ones.
    fn new(
        counted: &LodBudget,
        ratio: f32,
        costs: &[AssetCosts],
        values: &[[f32; LODS_MAX]],
    ) -> Self {
        let mut bytes = [0u64; BUCKETS];
        for (cost, values) in costs.iter().zip(values) {
            for (&level_bytes, &value) in cost.bytes.iter().zip(values) {
                if value > 0.0 {
                    bytes[bucket(value)] += u64::from(level_bytes);
                }
            }
        }
        let mut sums = [Sum::default(); BUCKETS];
        let (mut sum, mut fresh) = (Sum::default(), BUCKETS);
        for at in (0..BUCKETS).rev() {
            let lowest = scale_of(at) / (ratio * ROUNDING);
            // Rounded down, so that no bucket is left out that holds a step of this scale.
            let lowest = if ratio > 1.0 { bucket(lowest / ROUNDING) } else { at };
            while fresh > lowest {
                fresh -= 1;
                sum.add(&counted.fresh[fresh]);
            }
            sum.add(&counted.held[at]);
            sum.cost.bytes += bytes[at];
            sums[at] = sum;
        }
        Self(sums)
    }

    fn at(&self, bucket: usize) -> &Sum {
        &self.0[bucket]
    }

    /// The lowest scale from 1 on whose cost is within a budget.
    fn first_within(&self, budget: &Budget) -> Option<usize> {
        let exceeds =
            |sum: &Sum| sum.cost.triangles > budget.triangles || sum.cost.bytes > budget.bytes;
        // Costs do not rise with the scale.
        let first = UNSCALED + self.0[UNSCALED..].partition_point(exceeds);
        (first < BUCKETS).then_some(first)
    }

    fn refusal(&self, budget: &Budget) -> LodError {
        let Cost { triangles, bytes } = self.0[BUCKETS - 1].cost;
        if triangles > budget.triangles {
            let (budget, needed) = (budget.triangles, triangles);
            LodError::Budget { what: "triangles", budget, needed }
        } else {
            LodError::Budget { what: "bytes", budget: budget.bytes, needed: bytes }
        }
    }
}
