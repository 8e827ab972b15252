//! Levels of detail for a million instances: beside the least that must be read, and beside what a
//! user would write.

mod contenders;
mod scene;
mod sum;

use crate::goal::{Bound, Goal};
use crate::rounds::{median, since_ns};
use crate::section::Section;
use crate::table::{Side, Table};
use contenders::textbook;
use farplane_lod::*;
use scene::Scene;
use std::hint::black_box;
use std::time::Instant;
use sum::{Order, read_only_sum};

/// Instances and width of each table.
const SCENES: [(usize, f32); 3] = [(100_000, 4_000.0), (1_000_000, 4_000.0), (1_000_000, 16_000.0)];
/// Rounds, and frames of the camera's way in each; figures are medians over the rounds.
const ROUNDS: usize = 9;
const FRAMES: usize = 20;
const SEED: u64 = 1;
/// Triangles allowed, as a share of those wanted.
const BUDGET: f64 = 0.5;

const TIME: &str = "ns an instance";
const CHANGES: &str = "changes a frame";
const SKIPPED: &str = "% of blocks skipped";

const SUM: &str = "read-only sum, 21 bytes";
const SUM_17: &str = "read-only sum without assets, 17 bytes";
const TEXTBOOK: &str = "one by one, levels tried in turn";
const PLAIN: &str = "farplane-lod, linear, no hysteresis";
const LINEAR: &str = "farplane-lod, linear";
const BLOCKS: &str = "farplane-lod, blocks";
const COUNTED: &str = "farplane-lod, budget";
const LISTED: &str = "farplane-lod, budget, instances listed";

/// One selection's state and rounds.
struct Ours {
    state: LodState,
    rule: LodRule,
    ns: Vec<f64>,
    changes: usize,
    skipped: u64,
    looked_at: u64,
}

impl Ours {
    fn new(state: LodState, rule: LodRule) -> Self {
        Self { state, rule, ns: Vec::new(), changes: 0, skipped: 0, looked_at: 0 }
    }

    fn select(&mut self, scene: &Scene, frame: usize, changes: &mut Vec<LodChange>) {
        let view = scene.view(frame);
        let (instances, assets) = (scene.instances(), &scene.assets);
        let selected = self
            .state
            .select(&instances, assets, Blocks::All, &view, &self.rule, changes)
            .expect("a valid scene");
        self.changes += changes.len();
        self.skipped += u64::from(selected.skipped);
        self.looked_at += u64::from(selected.looked_at);
    }

    fn round(&mut self, scene: &Scene, first: usize, changes: &mut Vec<LodChange>) {
        let start = Instant::now();
        for frame in first..first + FRAMES {
            self.select(scene, frame, changes);
        }
        self.ns.push(since_ns(start) / (FRAMES * scene.x.len()) as f64);
    }

    fn cells(&self) -> [Option<f64>; 3] {
        let blocks = (self.skipped + self.looked_at) as f64;
        let skipped = 100.0 * self.skipped as f64 / blocks;
        let changes = self.changes as f64 / (ROUNDS * FRAMES) as f64;
        [median(&self.ns), changes, skipped].map(Some)
    }
}

/// A table, and how many instances have other levels with blocks skipped than without.
fn table(count: usize, width_m: f32) -> (Table, usize) {
    let scene = Scene::new(SEED, count, width_m);
    let rule = LodRule::default();
    let plain_rule = LodRule::new(rule.refine_px(), rule.refine_px(), rule.cull_px());
    let plain_rule = plain_rule.expect("equal thresholds are allowed");
    let mut plain = Ours::new(LodState::for_moving(count), plain_rule);
    let mut linear = Ours::new(LodState::for_moving(count), rule);
    let mut blocks = Ours::new(LodState::new(count), rule);
    let mut changes = Vec::with_capacity(count);
    for ours in [&mut plain, &mut linear, &mut blocks] {
        ours.select(&scene, 0, &mut changes);
        *ours = Ours::new(ours.state.clone(), ours.rule);
    }
    let mut naive = vec![CULLED; count];
    textbook(&scene, &scene.view(0), &rule, &mut naive);
    let (mut sum, mut sum_17, mut one_by_one) = (vec![], vec![], vec![]);
    let (mut budget_ns, mut budget, mut naive_changes) = ([vec![], vec![]], LodBudget::new(), 0);
    let listed: Vec<u32> = (0..count as u32).collect();
    let all = all_blocks(count as u32);
    let visible = [Visible::Blocks(&all), Visible::Listed(&listed)];
    let limit = allowed(&scene, visible[0], &mut budget, &linear);
    let mut differing = 0;
    for round in 0..ROUNDS {
        let first = 1 + round * FRAMES;
        for (with_asset, ns) in [(true, &mut sum), (false, &mut sum_17)] {
            let orders = [Order::ColumnByColumn, Order::BlockByBlock];
            let [a, b] = orders.map(|order| sum_ns(&scene, &naive, with_asset, order));
            ns.push(a.min(b));
        }
        let start = Instant::now();
        for frame in first..first + FRAMES {
            naive_changes += textbook(&scene, &scene.view(frame), &rule, &mut naive);
        }
        one_by_one.push(since_ns(start) / (FRAMES * count) as f64);
        for ours in [&mut plain, &mut linear, &mut blocks] {
            ours.round(&scene, first, &mut changes);
        }
        for (visible, ns) in visible.into_iter().zip(&mut budget_ns) {
            let start = Instant::now();
            for frame in first..first + FRAMES {
                count_budget(&scene, visible, &mut budget, &linear, frame, &limit);
            }
            ns.push(since_ns(start) / (FRAMES * count) as f64);
        }
        let pairs = linear.state.levels().iter().zip(blocks.state.levels());
        differing += pairs.filter(|(a, b)| a != b).count();
    }
    let title = format!("{count} instances on {} km", width_m / 1000.0);
    let mut table = Table::new(&title, &[TIME, CHANGES, SKIPPED]);
    table.row(SUM, Side::Baseline, &[Some(median(&sum)), None, None]);
    table.row(SUM_17, Side::Baseline, &[Some(median(&sum_17)), None, None]);
    let per_frame = naive_changes as f64 / (ROUNDS * FRAMES) as f64;
    table.row(TEXTBOOK, Side::Baseline, &[Some(median(&one_by_one)), Some(per_frame), None]);
    table.row(PLAIN, Side::Ours, &plain.cells());
    table.row(LINEAR, Side::Ours, &linear.cells());
    table.row(BLOCKS, Side::Ours, &blocks.cells());
    for (name, ns) in [COUNTED, LISTED].into_iter().zip(&budget_ns) {
        table.row(name, Side::Ours, &[Some(median(ns)), None, None]);
    }
    (table, differing)
}

/// Time of one order of reading, an instance.
fn sum_ns(scene: &Scene, levels: &[u8], with_asset: bool, order: Order) -> f64 {
    let start = Instant::now();
    for _ in 0..FRAMES {
        black_box(read_only_sum(black_box(scene), levels, with_asset, order));
    }
    since_ns(start) / (FRAMES * levels.len()) as f64
}

/// All instances, as culling names them.
fn all_blocks(count: u32) -> VisibleBlocks {
    let mut blocks = VisibleBlocks::default();
    for first in (0..count).step_by(BLOCK) {
        let bits = (count - first).min(BLOCK as u32);
        blocks.push(first, u64::MAX >> (BLOCK as u32 - bits));
    }
    blocks
}

/// A share of the triangles that the first frame wants.
fn allowed(scene: &Scene, visible: Visible<'_>, budget: &mut LodBudget, ours: &Ours) -> Budget {
    let fit = count_budget(scene, visible, budget, ours, 0, &Budget::default());
    let triangles = (fit.wanted.triangles as f64 * BUDGET) as u64;
    Budget { triangles, bytes: u64::MAX }
}

fn count_budget(
    scene: &Scene,
    visible: Visible<'_>,
    budget: &mut LodBudget,
    ours: &Ours,
    frame: usize,
    limit: &Budget,
) -> BudgetFit {
    let (instances, levels, view) = (scene.instances(), ours.state.levels(), scene.view(frame));
    let (assets, costs) = (&scene.assets, &scene.costs);
    let (instances, view, rule) = (&instances, &view, &ours.rule);
    let wanted = Wanted { instances, assets, costs, visible, levels, view, rule };
    budget.add(&wanted).expect("a valid scene");
    budget.fit(costs, limit).expect("a budget that fits")
}

/// Measures the section: under a minute.
pub fn run() -> Section {
    let method = format!(
        "70% clustered, 32 assets of 5 levels, camera at 100 m/s and 60 Hz; one core, median of \
         {ROUNDS} rounds of {FRAMES} frames"
    );
    let mut section = Section::new("lod", &method);
    let mut differing = 0;
    for (count, width_m) in SCENES {
        let (table, d) = table(count, width_m);
        section.tables.push(table);
        differing += d;
    }
    section
        .absent("bevy VisibilityRange, Godot, three.js", "part of an engine, not callable alone");
    let [_, near, wide] = &section.tables[..] else { unreachable!("three tables") };
    let over = |table: &Table, a: &str, b: &str| table.ratio(a, b, TIME);
    use Bound::AtMost;
    section.goals = vec![
        Goal::new(
            "levels that differ where blocks are skipped",
            AtMost(0.0),
            Some(differing as f64),
        ),
        Goal::new("linear at 1 M on 16 km / read-only sum", AtMost(1.2), over(wide, LINEAR, SUM)),
        Goal::new("linear at 1 M on 4 km / read-only sum", AtMost(1.2), over(near, LINEAR, SUM)),
        Goal::new("blocks at 1 M on 16 km / read-only sum", AtMost(0.35), over(wide, BLOCKS, SUM)),
        Goal::new("blocks at 1 M on 4 km / read-only sum", AtMost(0.35), over(near, BLOCKS, SUM)),
        Goal::new("hysteresis / plain at 1 M on 16 km", AtMost(1.15), over(wide, LINEAR, PLAIN)),
        Goal::new("hysteresis / plain at 1 M on 4 km", AtMost(1.15), over(near, LINEAR, PLAIN)),
        Goal::new("budget at 1 M on 16 km, ns an instance", AtMost(4.0), wide.cell(COUNTED, TIME)),
        Goal::new("budget at 1 M on 4 km, ns an instance", AtMost(4.0), near.cell(COUNTED, TIME)),
    ];
    section
}
