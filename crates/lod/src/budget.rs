use crate::arch::Isa;
use crate::gains::{Gains, Ladder};
use crate::histogram::{BUCKETS, Histogram, Step, Totals, UNSCALED, bucket, square_of};
use crate::rows::{Gathered, Rows, Sizes, Steps};
use crate::visible::{Visible, lanes};
use crate::{AssetLods, BLOCK, Instances, LODS_MAX, LodError, LodRule, LodView};

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
    count: u8,
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
        let count = expected as u8;
        let mut costs = Self { triangles: [0; LODS_MAX], bytes: [0; LODS_MAX], count };
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
/// must be shown, and never takes an asset's coarsest level from memory: a budget too small for that
/// is refused. Levels that are selected count, and each alone: while one fades into another
/// ([`Transitions`](crate::Transitions)) both are drawn, and what goes comes on top.
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
    /// Levels taken away: an instance shown two levels coarser counts twice, one that is hidden once
    /// for each level that it was finer than its coarsest.
    pub coarser_levels: u64,
    /// Instances that the rule as given would show and the scaled one does not.
    pub hidden: u64,
}

/// What a view wants to spend a budget on.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// All instances.
    pub instances: &'a Instances<'a>,
    /// Their assets.
    pub assets: &'a [AssetLods],
    /// What those cost, one each.
    pub costs: &'a [AssetCosts],
    /// The instances that count.
    pub visible: Visible<'a>,
    /// Levels after the last selection of this view ([`LodState::levels`](crate::LodState::levels)).
    pub levels: &'a [u8],
    /// From where they are seen.
    pub view: &'a LodView,
    /// By which rule, not scaled.
    pub rule: &'a LodRule,
}

/// What is looked up for every instance that is shown.
#[derive(Clone, Copy, Debug)]
struct Coarsest {
    appear: Step,
    /// Whether there are instances that would only go on being shown, and such that are shown by the
    /// rule without a scale. Side by side, so that each instance only writes.
    seen: [bool; 2],
}

/// Working memory for one view.
struct Work<'a> {
    gathered: Gathered,
    sizes: Sizes,
    gains: Gains,
    view: &'a LodView,
    steps: &'a Steps,
}

impl<'a> Work<'a> {
    fn new(view: &'a LodView, steps: &'a Steps) -> Self {
        let (gathered, sizes, gains) = (Gathered::new(), Sizes::new(), Gains::new());
        Self { gathered, sizes, gains, view, steps }
    }
}

/// As many of the lowest bits, at least one of 64.
fn first_bits(count: usize) -> u64 {
    u64::MAX >> (BLOCK - count)
}

/// Squares of the scales up to which the levels of an asset are needed: now, and with all that
/// hysteresis could hold.
#[derive(Clone, Copy, Debug, Default)]
struct Values {
    now: [f32; LODS_MAX],
    holding: [f32; LODS_MAX],
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
    steps: Histogram,
    /// By asset: up to which scale each level is needed.
    values: Vec<Values>,
    /// Of one view, by asset.
    coarsest: Vec<Coarsest>,
    /// Of one view, by asset: distance of the nearest point beyond which the coarsest level will do.
    reach_m: Vec<f32>,
    /// Of one view, by asset.
    ladders: Vec<Ladder>,
    /// Largest ratio of thresholds among the rules.
    ratio: f32,
    at: usize,
    isa: Isa,
}

impl Default for LodBudget {
    fn default() -> Self {
        Self::new()
    }
}

impl LodBudget {
    /// Nothing counted, a scale of 1.
    #[must_use]
    pub fn new() -> Self {
        Self {
            steps: Histogram::new(),
            values: Vec::new(),
            coarsest: Vec::new(),
            reach_m: Vec::new(),
            ladders: Vec::new(),
            ratio: 1.0,
            at: UNSCALED,
            isa: Isa::detect(),
        }
    }

    /// Counts what a view wants.
    ///
    /// # Errors
    /// [`LodError::View`] for a view without a place or focal length, [`LodError::Length`] when
    /// `levels` or `costs` have another length than the instances or `assets`, or one of `costs` has
    /// another number of levels than its asset: then nothing was counted. [`LodError::Index`] for an
    /// instance or asset that does not exist: some of the visible are counted then, and
    /// [`LodBudget::forget`] starts over.
    pub fn add(&mut self, wanted: &Wanted<'_>) -> Result<(), LodError> {
        let Wanted { instances, assets, costs, visible, levels, view, rule } = *wanted;
        view.check()?;
        for (what, expected, actual) in [
            ("levels", instances.len(), levels.len()),
            ("costs of assets", assets.len(), costs.len()),
        ] {
            if actual != expected {
                return Err(LodError::Length { what, expected, actual });
            }
        }
        for (lods, cost) in assets.iter().zip(costs) {
            if lods.count() != cost.count {
                let (expected, actual) = (lods.count().into(), cost.count.into());
                return Err(LodError::Length { what: "costs of an asset", expected, actual });
            }
        }
        let ratio = rule.refine_px() / rule.coarsen_px();
        self.ratio = if ratio > self.ratio { ratio } else { self.ratio };
        let steps = Steps::new(view, rule, assets);
        self.begin_view(&steps, assets, costs);
        let mut work = Work::new(view, &steps);
        match visible {
            Visible::All => {
                for first in (0..instances.len()).step_by(BLOCK) {
                    let kept = first_bits((instances.len() - first).min(BLOCK));
                    self.add_block(instances, levels, first, kept, &mut work)?;
                }
            }
            Visible::Listed(listed) => {
                for listed in listed.chunks(BLOCK) {
                    let Work { gathered, sizes, gains, .. } = &mut work;
                    let rows = gathered.rows(instances, levels, listed)?;
                    self.isa.measure(sizes, &rows, view.position, &steps, &self.reach_m);
                    sizes.keep(first_bits(listed.len()));
                    self.count(&rows, sizes, gains)?;
                }
            }
            Visible::Blocks(visible) => {
                for (&block, &mask) in visible.blocks().iter().zip(visible.masks()) {
                    let first = block as usize * BLOCK;
                    self.add_block(instances, levels, first, mask, &mut work)?;
                }
            }
        }
        self.fold_nearest();
        Ok(())
    }

    /// Counts those of a block of instances whose bits are set.
    #[inline]
    fn add_block(
        &mut self,
        instances: &Instances<'_>,
        levels: &[u8],
        first: usize,
        mask: u64,
        work: &mut Work<'_>,
    ) -> Result<(), LodError> {
        let Work { gathered, sizes, gains, view, steps } = work;
        let rows = gathered.block(instances, levels, first, mask)?;
        self.isa.measure(sizes, &rows, view.position, steps, &self.reach_m);
        sizes.keep(mask);
        self.count(&rows, sizes, gains)
    }

    fn begin_view(&mut self, steps: &Steps, assets: &[AssetLods], costs: &[AssetCosts]) {
        if self.values.len() < assets.len() {
            self.values.resize(assets.len(), Values::default());
        }
        let both = || assets.iter().zip(costs);
        self.coarsest.clear();
        self.coarsest.extend(both().map(|(lods, cost)| {
            let appear = Step::appear(cost.triangles[lods.coarsest()]);
            Coarsest { appear, seen: [false; 2] }
        }));
        self.ladders.clear();
        self.ladders.extend(both().map(|(lods, cost)| Ladder::new(steps, lods, &cost.triangles)));
        self.reach_m.clear();
        self.reach_m.extend(self.ladders.iter().map(|ladder| ladder.errors[1][ladder.coarsest]));
    }

    /// Counts the steps of rows: first that each appears, then the levels of those that have any.
    #[inline]
    fn count(&mut self, rows: &Rows<'_>, sizes: &Sizes, gains: &mut Gains) -> Result<(), LodError> {
        let (all_coarsest, histogram) = (&mut self.coarsest[..], &mut self.steps);
        let mut count = |row: usize| {
            let (asset, at) = (rows.asset[row], sizes.bucket[row] as usize);
            let assets = all_coarsest.len();
            let unknown = LodError::Index { what: "asset", index: asset, count: assets };
            let coarsest = all_coarsest.get_mut(asset as usize).ok_or(unknown)?;
            // Those that were shown before have buckets of their own, above all others.
            coarsest.seen[usize::from(at >= UNSCALED)] = true;
            histogram.count(at, &coarsest.appear);
            Ok(())
        };
        match sizes.shown {
            u64::MAX => (0..BLOCK).try_for_each(&mut count)?,
            shown => lanes(shown).try_for_each(&mut count)?,
        }
        self.isa.list(gains, rows, sizes, &mut self.ladders);
        gains.count(histogram);
        Ok(())
    }

    /// For the bytes, the nearest instance of each asset speaks for all: takes what one view found
    /// into the scales that levels are needed up to.
    fn fold_nearest(&mut self) {
        let smaller = |a: f32, b: f32| if b < a { b } else { a };
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        let found = self.ladders.iter().zip(&self.coarsest);
        for (values, (ladder, coarsest)) in self.values.iter_mut().zip(found) {
            let [fresh_errors, held_errors] = &ladder.errors;
            let [.., unseen_m] = ladder.nearest_m;
            let any_m = ladder.nearest_m[..=LODS_MAX].iter().copied().fold(f32::INFINITY, smaller);
            let mut held_m = f32::INFINITY;
            for (level, &at_m) in ladder.nearest_m[..ladder.coarsest].iter().enumerate() {
                held_m = smaller(held_m, at_m);
                // No error at no distance is not a number, and never larger.
                let holding = held_errors[level + 1] / smaller(any_m, unseen_m);
                values.holding[level] = larger(values.holding[level], holding * holding);
                let held = held_errors[level + 1] / held_m;
                let fresh = fresh_errors[level + 1] / any_m;
                let now = larger(values.now[level], held * held);
                values.now[level] = larger(now, fresh * fresh);
            }
            // The coarsest level of what is shown stays, whatever vanishes.
            let [holds, shows] = coarsest.seen;
            if shows {
                values.now[ladder.coarsest] = f32::INFINITY;
            }
            if shows || holds {
                values.holding[ladder.coarsest] = f32::INFINITY;
            }
        }
    }

    /// The scale for everything that was added, which is forgotten for the next frame; `costs` as
    /// they were then.
    ///
    /// # Errors
    /// [`LodError::Length`] for fewer costs than one of the views was added with: then nothing was
    /// done. [`LodError::Budget`] when not even thresholds 65,536 times as large fit: for triangles
    /// because `cull_px` is 0 or something is nearer than its own size; for bytes because those of
    /// the coarsest level of every asset that the rule as given shows are needed at any scale. What
    /// was added is forgotten then.
    pub fn fit(&mut self, costs: &[AssetCosts], budget: &Budget) -> Result<BudgetFit, LodError> {
        let (expected, actual) = (self.values.len(), costs.len());
        if actual < expected {
            return Err(LodError::Length { what: "costs of assets", expected, actual });
        }
        let now = Totals::new(&self.steps, 1.0, &self.bytes(costs, |v| &v.now));
        let calm = Totals::new(&self.steps, self.ratio, &self.bytes(costs, |v| &v.holding));
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
            scale: square_of(self.at).sqrt(),
            wanted: wanted.cost,
            granted: granted.cost,
            coarser_levels: wanted.levels - granted.levels,
            hidden: wanted.appear - granted.appear,
        })
    }

    /// Bytes of the levels of assets, by the bucket of the scale up to which each is needed.
    fn bytes(
        &self,
        costs: &[AssetCosts],
        values: impl Fn(&Values) -> &[f32; LODS_MAX],
    ) -> [u64; BUCKETS] {
        let mut bytes = [0u64; BUCKETS];
        for (cost, asset) in costs.iter().zip(&self.values) {
            for (&level_bytes, &value) in cost.bytes.iter().zip(values(asset)) {
                if value > 0.0 {
                    bytes[bucket(value)] += u64::from(level_bytes);
                }
            }
        }
        bytes
    }

    /// Forgets what was added since the last [`LodBudget::fit`], for who does not fit it, after a
    /// refused view, say. The scale stays.
    pub fn forget(&mut self) {
        self.values.clear();
        self.steps.clear();
        self.ratio = 1.0;
    }
}
