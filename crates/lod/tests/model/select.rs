//! Selection and budget beside trying every level of every instance in turn. The property test and
//! the fuzz target share it.

use farplane_geom::Vec3;
use farplane_lod::*;

/// One change, or one frame.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// The view goes a little.
    Go(Vec3),
    /// The view is somewhere else.
    Jump(Vec3),
    Focal(f32),
    /// Thresholds: `refine_px`, a share of it, `cull_px`.
    Rule([f32; 3]),
    /// An instance is at another place.
    Move {
        instance: u16,
        to: Vec3,
    },
    Select,
    /// Blocks from a first one on, in steps.
    SelectSome {
        first: u8,
        step: u8,
    },
    /// A frame within a share of what is wanted, in 240ths; of two views where `triangles` is odd.
    Budget {
        triangles: u8,
        bytes: u8,
    },
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

fn share(bytes: &mut &[u8]) -> Option<f32> {
    Some(f32::from(byte(bytes)? as i8) / 128.0)
}

fn point(bytes: &mut &[u8]) -> Option<Vec3> {
    Some(Vec3::new(share(bytes)?, share(bytes)?, share(bytes)?))
}

impl Op {
    /// Takes one operation off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Some(match byte(bytes)? % 16 {
            0..=3 => Self::Go(point(bytes)? * 20.0),
            4 => Self::Go(point(bytes)? * 0.01),
            5 => Self::Jump(point(bytes)? * 3000.0),
            6 => Self::Focal(100.0 + 1000.0 * (1.0 + share(bytes)?)),
            7 => {
                let refine_px = 0.1 + 4.0 * (1.0 + share(bytes)?);
                let ratio = 1.0 - 0.25 * (1.0 + share(bytes)?);
                Self::Rule([refine_px, refine_px * ratio, (2.0 * share(bytes)?).max(0.0)])
            }
            8 => {
                let instance = u16::from_le_bytes([byte(bytes)?, byte(bytes)?]);
                let to = point(bytes)? * 2000.0;
                // Now and then to no place at all.
                Self::Move { instance, to: if to.x == 0.0 { Vec3::NAN } else { to } }
            }
            9..=12 => Self::Select,
            13 => Self::SelectSome { first: byte(bytes)?, step: byte(bytes)? },
            _ => Self::Budget { triangles: byte(bytes)?, bytes: byte(bytes)? },
        })
    }
}

/// Four assets of 1, 3, 5 and 8 levels; costs fall to a third from level to level.
fn assets() -> (Vec<AssetLods>, Vec<AssetCosts>, Vec<Vec<[u64; 2]>>) {
    let (mut lods, mut costs, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for (asset, count) in [1u32, 3, 5, 8].into_iter().enumerate() {
        let errors: Vec<f32> = (0..count)
            .map(|l| if l == 0 { 0.0 } else { 0.01 * f32::from(3u16.pow(l) % 1000) })
            .collect();
        let triangles: Vec<u32> = (0..count).map(|l| 9000 / 3u32.pow(l) + asset as u32).collect();
        let bytes: Vec<u32> = triangles.iter().map(|t| t * 20 + 7).collect();
        lods.push(AssetLods::new(&errors).unwrap());
        costs.push(AssetCosts::new(&triangles, &bytes).unwrap());
        let both = triangles.iter().zip(&bytes).map(|(&t, &b)| [u64::from(t), u64::from(b)]);
        plain.push(both.collect());
    }
    (lods, costs, plain)
}

/// The level after another, by trying each level in turn: the README's words in the order of
/// operations that `band.rs` documents.
fn next_level(
    from: u8,
    d2: f32,
    radius_m: f32,
    errors_m: &[f32],
    focal_px: f32,
    rule: &LodRule,
) -> u8 {
    let square = |v: f32| v * v;
    let limit_px = if from == CULLED { rule.cull_px() } else { rule.vanish_px() };
    let is_large = limit_px == 0.0 && d2 < f32::INFINITY
        || d2 < square(radius_m * (2.0 * focal_px / limit_px));
    if !is_large {
        return CULLED;
    }
    let is_good = |level: &usize, px: f32| {
        errors_m[*level] == 0.0 || d2 >= square(radius_m + errors_m[*level] * (focal_px / px))
    };
    let coarsest_good =
        |px: f32| (0..errors_m.len()).rev().find(|level| is_good(level, px)).unwrap_or(0) as u8;
    let coarsest = coarsest_good(rule.refine_px());
    if from >= coarsest { coarsest } else { from.max(coarsest_good(rule.coarsen_px())) }
}

/// Everything twice: a state that skips, one that does not, and the levels by hand.
pub struct Model {
    columns: [Vec<f32>; 3],
    radius_m: Vec<f32>,
    asset: Vec<u32>,
    lods: Vec<AssetLods>,
    costs: Vec<AssetCosts>,
    plain_costs: Vec<Vec<[u64; 2]>>,
    view: LodView,
    rule: LodRule,
    skipping: LodState,
    moving: LodState,
    naive: Vec<u8>,
    /// Levels of the second view, which stands opposite the first and only ever takes part in budgets.
    opposite: Vec<u8>,
    budget: LodBudget,
    pub looked_at: u32,
    pub skipped: u32,
}

impl Model {
    pub fn new(count: usize, seed: u64) -> Self {
        let mut state = seed;
        let mut unit = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 16_777_216.0
        };
        let (lods, costs, plain_costs) = assets();
        let mut column = |size: f32| (0..count).map(|_| (unit() - 0.5) * size).collect();
        let columns: [Vec<f32>; 3] = [column(3000.0), column(3000.0), column(300.0)];
        let radius_m = (0..count).map(|_| 10.0 * unit() * unit()).collect();
        let asset = (0..count).map(|_| (unit() * 4.0) as u32).collect();
        Self {
            columns,
            radius_m,
            asset,
            lods,
            costs,
            plain_costs,
            view: LodView { position: Vec3::ZERO, focal_px: 935.0 },
            rule: LodRule::default(),
            skipping: LodState::new(count),
            moving: LodState::for_moving(count),
            naive: vec![CULLED; count],
            opposite: vec![CULLED; count],
            budget: LodBudget::new(),
            looked_at: 0,
            skipped: 0,
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Go(step) => self.view.position += step,
            Op::Jump(to) => self.view.position = to,
            Op::Focal(focal_px) => self.view.focal_px = focal_px,
            Op::Rule([refine, coarsen, cull]) => {
                self.rule = LodRule::new(refine, coarsen, cull).unwrap();
            }
            Op::Move { instance, to } => self.move_to(instance, to),
            Op::Select => {
                let rule = self.rule;
                self.select(Blocks::All, &rule);
            }
            Op::SelectSome { first, step } => {
                let blocks = self.naive.len().div_ceil(BLOCK) as u32;
                let listed: Vec<u32> = (0..blocks)
                    .map(|b| (u32::from(first) + b * u32::from(step)) % blocks)
                    .collect();
                let rule = self.rule;
                self.select(Blocks::Listed(&listed), &rule);
            }
            Op::Budget { triangles, bytes } => self.fit([triangles, bytes]),
        }
    }

    fn move_to(&mut self, instance: u16, to: Vec3) {
        if self.naive.is_empty() {
            return;
        }
        let index = usize::from(instance) % self.naive.len();
        for (axis, column) in self.columns.iter_mut().enumerate() {
            column[index] = to[axis];
        }
        self.skipping.instance_changed(index as u32);
    }

    fn instances(&self) -> Instances<'_> {
        let [x, y, z] = &self.columns;
        Instances::new([x, y, z], &self.radius_m, &self.asset).unwrap()
    }

    fn naive_level(&self, i: usize, rule: &LodRule) -> u8 {
        self.level_from(&self.view, self.naive[i], i, rule)
    }

    fn level_from(&self, view: &LodView, from: u8, i: usize, rule: &LodRule) -> u8 {
        let p = view.position;
        let (x, y, z) =
            (self.columns[0][i] - p.x, self.columns[1][i] - p.y, self.columns[2][i] - p.z);
        let d2 = x * x + y * y + z * z;
        let errors_m = self.lods[self.asset[i] as usize].errors_m();
        next_level(from, d2, self.radius_m[i], errors_m, view.focal_px, rule)
    }

    fn select(&mut self, blocks: Blocks<'_>, rule: &LodRule) {
        let mut expected = Vec::new();
        let count = self.naive.len();
        let numbers: Vec<u32> = match blocks {
            Blocks::All => (0..count.div_ceil(BLOCK) as u32).collect(),
            Blocks::Listed(listed) => listed.to_vec(),
        };
        for block in numbers {
            let first = block as usize * BLOCK;
            for i in first..(first + BLOCK).min(count) {
                let (from, to) = (self.naive[i], self.naive_level(i, rule));
                if from != to {
                    self.naive[i] = to;
                    expected.push(LodChange { instance: i as u32, from, to });
                }
            }
        }
        let mut changes = vec![LodChange { instance: 9, from: 9, to: 9 }];
        for skips in [true, false] {
            let mut state = if skips { self.skipping.clone() } else { self.moving.clone() };
            let (instances, view) = (self.instances(), &self.view);
            let selected =
                state.select(&instances, &self.lods, blocks, view, rule, &mut changes).unwrap();
            assert_eq!(changes, expected, "skipping: {skips}");
            assert_eq!(state.levels(), self.naive);
            self.check_draws(&state);
            if skips {
                self.skipping = state;
                self.looked_at += selected.looked_at;
                self.skipped += selected.skipped;
            } else {
                self.moving = state;
            }
        }
    }

    /// What is drawn of blocks is what is drawn of the same instances in a list. Two in three are
    /// visible, others in every frame, in runs that begin where no block does; the middle is visible
    /// as a whole.
    fn check_draws(&self, state: &LodState) {
        const RUN: u32 = 61;
        const LEVELS: u32 = LODS_MAX as u32;
        let count = self.naive.len() as u32;
        let middle = count / 4..count / 4 * 3;
        let is_visible =
            |i: u32| i < count && (!(i + self.looked_at).is_multiple_of(3) || middle.contains(&i));
        let mut visible = VisibleBlocks::default();
        for first in (0..count).step_by(RUN as usize) {
            let bits = (0..RUN).filter(|bit| is_visible(first + bit));
            visible.push(first, bits.fold(0, |mask, bit| mask | 1 << bit));
        }
        let listed: Vec<u32> = (0..count).filter(|&i| is_visible(i)).collect();
        assert_eq!(visible.instances().collect::<Vec<_>>(), listed);
        assert_eq!(visible.count(), listed.len());
        for (block, &shown) in state.shown().iter().enumerate() {
            let is_shown = |lane: usize| {
                self.naive.get(block * BLOCK + lane).is_some_and(|&level| level != CULLED)
            };
            assert!((0..BLOCK).all(|lane| is_shown(lane) == (shown >> lane & 1 == 1)));
        }
        let first_slots: Vec<u32> = self.asset.iter().map(|asset| asset * LEVELS).collect();
        let slot = |slot: u32| BatchSlot {
            batch: Batch { material: 0, mesh: slot / LEVELS, level: (slot % LEVELS) as u8 },
            range: MeshRange { index_count: 3 * slot, ..MeshRange::default() },
        };
        let slots: Vec<BatchSlot> = (0..4 * LEVELS).map(slot).collect();
        let drawn: Vec<u32> =
            (0..4 * LEVELS).map(|s| if s % 9 == 8 { NO_SLOT } else { s / 2 * 2 }).collect();
        let mut batchers = [SlotBatcher::default(), SlotBatcher::default()];
        let mut out = [Batches::default(), Batches::default()];
        let [one_by_one, by_blocks] = &mut batchers;
        one_by_one.begin(slots.len());
        by_blocks.begin(slots.len());
        one_by_one.add(&listed, state.levels(), &first_slots).unwrap();
        by_blocks.add_blocks(&visible, state, &first_slots).unwrap();
        assert_eq!(by_blocks.wanted(), one_by_one.wanted());
        let stats = [0, 1].map(|i| batchers[i].finish(&drawn, &slots, &mut out[i]).unwrap());
        assert_eq!(stats[1], stats[0]);
        assert_eq!(out[1], out[0]);
    }

    /// Cost of levels, those of a view after those of another, by adding up.
    fn cost(&self, levels: &[u8]) -> Cost {
        let mut cost = Cost::default();
        let mut finest = vec![CULLED; self.lods.len()];
        for (&level, &asset) in levels.iter().zip(self.asset.iter().cycle()) {
            if level != CULLED {
                let asset = asset as usize;
                cost.triangles += self.plain_costs[asset][usize::from(level)][0];
                finest[asset] = finest[asset].min(level);
            }
        }
        for (costs, &finest) in self.plain_costs.iter().zip(&finest) {
            let kept = costs.iter().skip(usize::from(finest));
            cost.bytes += kept.map(|c| c[1]).sum::<u64>();
        }
        cost
    }

    fn opposite_view(&self) -> LodView {
        LodView { position: -self.view.position, ..self.view }
    }

    /// The levels that selection by a rule would give, of one view or of both.
    fn levels_by(&self, views: usize, rule: &LodRule) -> Vec<u8> {
        let seen = [(self.view, &self.naive), (self.opposite_view(), &self.opposite)];
        let of = |(view, levels): (LodView, &Vec<u8>)| -> Vec<u8> {
            (0..levels.len()).map(|i| self.level_from(&view, levels[i], i, rule)).collect()
        };
        seen.into_iter().take(views).flat_map(of).collect()
    }

    /// What those cost.
    fn cost_by(&self, views: usize, rule: &LodRule) -> Cost {
        self.cost(&self.levels_by(views, rule))
    }

    fn fit(&mut self, shares: [u8; 2]) {
        let all: Vec<u32> = (0..self.naive.len() as u32).collect();
        let mut blocks = VisibleBlocks::default();
        all.iter().for_each(|&instance| blocks.push(instance, 1));
        let views = 1 + usize::from(shares[0] % 2);
        let wanted = self.cost_by(views, &self.rule);
        let of = |cost: u64, share: u8| {
            if share >= 250 { u64::MAX } else { cost * u64::from(share) / 240 }
        };
        let limit = Budget {
            triangles: of(wanted.triangles, shares[0]),
            bytes: of(wanted.bytes, shares[1]),
        };
        let opposite = self.opposite_view();
        let mut fresh = LodBudget::new();
        let mut fits = [None, None];
        // In whatever way they are named, they cost the same.
        let named = [
            [Visible::Listed(&all), Visible::All][usize::from(shares[1] % 2)],
            Visible::Blocks(&blocks),
        ];
        let budgets = [&mut fresh, &mut self.budget];
        for ((fit, budget), visible) in fits.iter_mut().zip(budgets).zip(named) {
            let [x, y, z] = &self.columns;
            let instances = Instances::new([x, y, z], &self.radius_m, &self.asset).unwrap();
            let (assets, costs, rule) = (&self.lods, &self.costs, &self.rule);
            let instances = &instances;
            let seen = [(&self.view, &self.naive), (&opposite, &self.opposite)];
            for (view, levels) in seen.into_iter().take(views) {
                let wanted = Wanted { instances, assets, costs, visible, levels, view, rule };
                budget.add(&wanted).unwrap();
            }
            *fit = match budget.fit(costs, &limit) {
                Ok(fit) => Some(fit),
                Err(LodError::Budget { budget, needed, .. }) => {
                    assert!(needed > budget);
                    None
                }
                Err(other) => panic!("{other}"),
            };
        }
        let [Some(least), Some(stable)] = fits else {
            assert_eq!(fits, [None, None]);
            return;
        };
        assert!(least.scale <= stable.scale && least.scale >= 1.0);
        assert_eq!(least.wanted, stable.wanted);
        // What is wanted is what selection gives, but for what rounding decides.
        assert!(is_at_most(&wanted, &least.wanted));
        assert!(is_at_most(&least.wanted, &self.cost_by(views, &self.rule.scaled(0.999).unwrap())));
        let within = |c: &Cost| c.triangles <= limit.triangles && c.bytes <= limit.bytes;
        assert_eq!(within(&least.wanted), least.scale == 1.0);
        // At a scale three buckets lower it would not fit. Bytes of what the scale hides go on
        // counting: they are those of a rule whose `cull_px` is not scaled.
        if least.scale > 1.11 {
            let lower = self.rule.scaled(least.scale / 1.1).unwrap();
            let cull_px = self.rule.cull_px();
            let shows_all = LodRule::new(lower.refine_px(), lower.coarsen_px(), cull_px).unwrap();
            let triangles = self.cost_by(views, &lower).triangles;
            let bytes = self.cost_by(views, &shows_all).bytes;
            assert!(!within(&Cost { triangles, bytes }), "{limit:?} {least:?}");
        }
        let rule = self.rule.scaled(stable.scale).unwrap();
        let levels = self.levels_by(views, &rule);
        let spent = self.cost(&levels);
        self.select(Blocks::All, &rule);
        let (first, second) = levels.split_at(self.naive.len());
        assert_eq!(self.naive, first);
        if views > 1 {
            self.opposite = second.to_vec();
        }
        assert!(within(&spent), "{limit:?} {stable:?} {spent:?}");
        assert!(spent.triangles <= stable.granted.triangles && spent.bytes <= stable.granted.bytes);
    }
}

fn is_at_most(a: &Cost, b: &Cost) -> bool {
    a.triangles <= b.triangles && a.bytes <= b.bytes
}

/// Applies the operations that the bytes stand for; the first says how many instances there are.
pub fn run(mut bytes: &[u8]) {
    let Some(count) = byte(&mut bytes) else { return };
    let mut model = Model::new(usize::from(count) * 2, u64::from(count));
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
    }
    model.apply(Op::Select);
}
