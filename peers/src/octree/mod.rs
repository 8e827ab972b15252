//! Spatial indices on scenes of boxes: radius and frustum queries, building, bytes, movement.

mod contenders;
mod movement;
mod scene;

use crate::goal::{Bound, Goal};
use crate::rounds::{median, since_ns};
use crate::section::Section;
use crate::table::{Side, Table};
use contenders::{Bvh, Farplane, Index, Kiddo, Move, Obvhs, Parry, Rstar, Scan};
use farplane_geom::Aabb;
use movement::{Jitter, Walkers};
use scene::{CLUSTERED, Scene};
use std::time::Instant;

/// Boxes of each table.
const COUNTS: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];
/// Each figure is the median of so many rounds.
const ROUNDS: usize = 5;
/// Rounds of a comparison of two indices that take a few milliseconds each.
const WEAR_ROUNDS: usize = 101;
const SEED: u64 = 1;
/// Boxes that move in a frame.
const MOVES: usize = 10_000;
/// Frames of movement; peers are only timed, for so many.
const FRAMES: usize = 10_000;
const PEER_FRAMES: usize = 9;

const RADIUS: &str = "radius 500 m, µs";
const FRUSTUM: &str = "frustum 2 km, µs";
const BUILD: &str = "build, µs a box";
const BYTES: &str = "bytes a box";
const WALK: &str = "10k walkers, ms";
const JITTER: &str = "10k others, ms";
const WALKED: &str = "queries then / fresh, walkers";
const JITTERED: &str = "then / fresh, others";

const OURS: &str = "farplane-octree";
const PARRY: &str = "parry3d";
const SCAN: &str = "scan";
const BEVY: &str = "bevy's visibility check, one thread, no far plane";

/// One contender's rounds.
struct Rounds<I> {
    index: I,
    build_us: Vec<f64>,
    radius_us: Vec<f64>,
    frustum_us: Vec<f64>,
}

impl<I: Index> Rounds<I> {
    fn new(boxes: &[Aabb]) -> Self {
        let index = I::build(boxes);
        Self { index, build_us: vec![], radius_us: vec![], frustum_us: vec![] }
    }

    fn run(&mut self, boxes: &[Aabb], scene: &Scene, out: &mut Vec<u32>) {
        let start = Instant::now();
        self.index = I::build(boxes);
        self.build_us.push(since_ns(start) * 1e-3 / boxes.len() as f64);
        let start = Instant::now();
        for sphere in &scene.spheres {
            out.clear();
            self.index.radius(sphere, out);
        }
        self.radius_us.push(since_ns(start) * 1e-3 / scene.spheres.len() as f64);
        let start = Instant::now();
        for frustum in &scene.frusta {
            out.clear();
            self.index.frustum(frustum, out);
        }
        self.frustum_us.push(since_ns(start) * 1e-3 / scene.frusta.len() as f64);
    }

    fn cells(&self, boxes: usize) -> [Option<f64>; 4] {
        let bytes = self.index.bytes().map(|bytes| bytes as f64 / boxes as f64);
        let [radius, frustum] = [&self.radius_us, &self.frustum_us].map(|v| median(v));
        [Some(radius), Some(frustum), Some(median(&self.build_us)), bytes]
    }
}

/// Every query's items, sorted; radius first.
fn answers<I: Index>(index: &I, scene: &Scene) -> Vec<Vec<u32>> {
    let mut answers = Vec::new();
    let mut answer = |query: &dyn Fn(&mut Vec<u32>)| {
        let mut items = Vec::new();
        query(&mut items);
        items.sort_unstable();
        answers.push(items);
    };
    scene.spheres.iter().for_each(|s| answer(&|out| index.radius(s, out)));
    scene.frusta.iter().for_each(|f| answer(&|out| index.frustum(f, out)));
    answers
}

/// How many of our answers differ from testing every box.
fn differing(ours: &Farplane, boxes: &[Aabb], scene: &Scene) -> usize {
    let expected = answers(&Scan::build(boxes), scene);
    answers(ours, scene).iter().zip(&expected).filter(|(x, y)| x != y).count()
}

/// A table of indices over boxes that stand still, and how many of our answers are wrong.
fn still(count: usize, clustered: f64) -> (Table, usize) {
    let scene = Scene::new(SEED, count, clustered);
    let boxes = &scene.boxes;
    let mut ours = Rounds::<Farplane>::new(boxes);
    let mut parry = Rounds::<Parry>::new(boxes);
    let mut bvh = Rounds::<Bvh>::new(boxes);
    let mut obvhs = Rounds::<Obvhs>::new(boxes);
    let mut rstar = Rounds::<Rstar>::new(boxes);
    let mut scan = Rounds::<Scan>::new(boxes);
    let mut out = Vec::with_capacity(count);
    for _ in 0..ROUNDS {
        ours.run(boxes, &scene, &mut out);
        parry.run(boxes, &scene, &mut out);
        bvh.run(boxes, &scene, &mut out);
        obvhs.run(boxes, &scene, &mut out);
        rstar.run(boxes, &scene, &mut out);
        scan.run(boxes, &scene, &mut out);
    }
    #[cfg(feature = "bevy")]
    let bevy = bevy_frustum_us(&scene, &mut out);
    let found = answers(&scan.index, &scene);
    let queries = scene.spheres.len();
    let hits = |answers: &[Vec<u32>]| answers.iter().map(Vec::len).sum::<usize>() / queries;
    let (near, seen) = (hits(&found[..queries]), hits(&found[queries..]));
    let kind = if clustered > 0.0 { "clustered" } else { "uniform" };
    let title = format!("{count} boxes, {kind}; hits a query: radius {near}, frustum {seen}");
    let mut table = Table::new(&title, &[RADIUS, FRUSTUM, BUILD, BYTES]);
    table.row(OURS, Side::Ours, &ours.cells(count));
    table.row(PARRY, Side::Peer, &parry.cells(count));
    table.row("bvh", Side::Peer, &bvh.cells(count));
    table.row("obvhs", Side::Peer, &obvhs.cells(count));
    table.row("rstar", Side::Peer, &rstar.cells(count));
    table.row(SCAN, Side::Baseline, &scan.cells(count));
    #[cfg(feature = "bevy")]
    table.row(BEVY, Side::Peer, &[None, Some(bevy), None, None]);
    (table, differing(&ours.index, boxes, &scene))
}

/// Time of a frustum query by bevy's check, µs. Its entities are made once: they are no index.
#[cfg(feature = "bevy")]
fn bevy_frustum_us(scene: &Scene, out: &mut Vec<u32>) -> f64 {
    let bevy = contenders::Bevy::build(&scene.boxes);
    let rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for frustum in &scene.frusta {
                out.clear();
                bevy.frustum(frustum, out);
            }
            since_ns(start) * 1e-3 / scene.frusta.len() as f64
        })
        .collect();
    median(&rounds)
}

/// Points instead of boxes.
fn points(count: usize) -> Table {
    let scene = Scene::new(SEED, count, CLUSTERED);
    let boxes = scene.points();
    let mut ours = Rounds::<Farplane>::new(&boxes);
    let mut kiddo = Rounds::<Kiddo>::new(&boxes);
    let mut out = Vec::with_capacity(count);
    for _ in 0..ROUNDS {
        ours.run(&boxes, &scene, &mut out);
        kiddo.run(&boxes, &scene, &mut out);
    }
    let title = format!("{count} points, clustered");
    let mut table = Table::new(&title, &[RADIUS, BUILD]);
    let cells = |all: [Option<f64>; 4]| [all[0], all[2]];
    table.row(OURS, Side::Ours, &cells(ours.cells(count)));
    table.row("kiddo", Side::Peer, &cells(kiddo.cells(count)));
    table
}

/// Median time of a frame's moves, ms, over frames that `step` makes up.
fn frames<I: Index>(
    index: &mut I,
    boxes: &mut [Aabb],
    count: usize,
    step: &mut dyn FnMut(&mut [Aabb], &mut Vec<Move>),
) -> Option<f64> {
    let (mut moves, mut ms) = (Vec::new(), Vec::new());
    for _ in 0..count {
        step(boxes, &mut moves);
        index.prepare(&moves);
        let start = Instant::now();
        if !index.moves(&moves) {
            return None;
        }
        ms.push(since_ns(start) * 1e-6);
    }
    Some(median(&ms))
}

/// Time of all queries, ns.
fn query_ns<I: Index>(index: &I, scene: &Scene, out: &mut Vec<u32>) -> f64 {
    let start = Instant::now();
    for (sphere, frustum) in scene.spheres.iter().zip(&scene.frusta) {
        out.clear();
        index.radius(sphere, out);
        index.frustum(frustum, out);
    }
    since_ns(start)
}

/// How much slower queries are after movement than in a tree built anew of the same boxes: the
/// median of rounds in which both are asked, since a round takes a few milliseconds and the machine's
/// memory is now faster and now slower.
fn wear(ours: &Farplane, scene: &Scene, boxes: &[Aabb]) -> f64 {
    let mut out = Vec::with_capacity(boxes.len());
    let fresh = Farplane::build(boxes);
    let rounds: Vec<_> = (0..WEAR_ROUNDS)
        .map(|_| query_ns(ours, scene, &mut out) / query_ns(&fresh, scene, &mut out))
        .collect();
    median(&rounds)
}

fn peer_moves<I: Index>(scene: &Scene) -> [Option<f64>; 4] {
    let mut index = I::build(&scene.boxes);
    let mut boxes = scene.boxes.clone();
    let mut walkers = Walkers::new(SEED, &boxes, MOVES);
    let walk = frames(&mut index, &mut boxes, PEER_FRAMES, &mut |b, m| walkers.step(b, m));
    let mut jitter = Jitter::new(SEED, MOVES);
    let other = frames(&mut index, &mut boxes, PEER_FRAMES, &mut |b, m| jitter.step(b, m));
    [walk, other, None, None]
}

/// A table of boxes on the move, and how many of our answers were wrong afterwards.
fn moving(count: usize, clustered: f64) -> (Table, usize) {
    let scene = Scene::new(SEED, count, clustered);
    let mut wrong = 0;
    let mut run = |step: &mut dyn FnMut(&mut [Aabb], &mut Vec<Move>)| {
        let mut index = Farplane::build(&scene.boxes);
        let mut boxes = scene.boxes.clone();
        let ms = frames(&mut index, &mut boxes, FRAMES, step);
        wrong += differing(&index, &boxes, &scene);
        let bytes = index.bytes().map(|bytes| bytes as f64 / count as f64);
        (ms, Some(wear(&index, &scene, &boxes)), bytes)
    };
    let mut walkers = Walkers::new(SEED, &scene.boxes, MOVES);
    let (walk, walked, _) = run(&mut |b, m| walkers.step(b, m));
    let mut jitter = Jitter::new(SEED, MOVES);
    let (other, jittered, _) = run(&mut |b, m| jitter.step(b, m));
    let kind = if clustered > 0.0 { "clustered" } else { "uniform" };
    let title = format!("{count} boxes, {kind}, {MOVES} of them move a frame; {FRAMES} frames");
    let mut table = Table::new(&title, &[WALK, JITTER, WALKED, JITTERED]);
    table.row(OURS, Side::Ours, &[walk, other, walked, jittered]);
    table.row(PARRY, Side::Peer, &peer_moves::<Parry>(&scene));
    table.row("obvhs", Side::Peer, &peer_moves::<Obvhs>(&scene));
    table.row("rstar", Side::Peer, &peer_moves::<Rstar>(&scene));
    table.row(SCAN, Side::Baseline, &peer_moves::<Scan>(&scene));
    (table, wrong)
}

/// Measures the section: two or three minutes.
pub fn run() -> Section {
    let method = format!(
        "16 × 16 × 1 km, 70% clustered or uniform, 32 places; median of {ROUNDS} rounds; ours and \
         the scan with the best instructions of the machine, peers as they come"
    );
    let mut section = Section::new("octree", &method);
    let mut wrong = 0;
    for clustered in [CLUSTERED, 0.0] {
        for count in COUNTS {
            let (table, differing) = still(count, clustered);
            section.tables.push(table);
            wrong += differing;
        }
    }
    section.tables.push(points(1_000_000));
    for clustered in [CLUSTERED, 0.0] {
        let (table, differing) = moving(1_000_000, clustered);
        section.tables.push(table);
        wrong += differing;
    }
    section.absent("oktree", "octants of cubes with integer corners; it has no boxes");
    if !cfg!(feature = "bevy") {
        section.absent(BEVY, "built without the feature `bevy`");
    }
    section.goals = goals(&section.tables, wrong);
    section
}

fn goals(tables: &[Table], wrong: usize) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let [kilo, small, _, million] = &tables[..4] else { unreachable!("four sizes") };
    let [moving, moving_uniform] = &tables[tables.len() - 2..] else { unreachable!("two scenes") };
    let over = |peer: &str, column: &str| million.ratio(peer, OURS, column);
    let ours = |table: &Table, column: &str| table.cell(OURS, column);
    let scan = |table: &Table, column: &str| table.ratio(OURS, SCAN, column);
    let goals = [
        ("answers that differ from testing every box", AtMost(0.0), Some(wrong as f64)),
        ("radius at 1 M: times as fast as the scan", AtLeast(50.0), over(SCAN, RADIUS)),
        ("frustum at 1 M: times as fast as the scan", AtLeast(25.0), over(SCAN, FRUSTUM)),
        ("radius at 1 M: times as fast as parry3d", AtLeast(3.0), over(PARRY, RADIUS)),
        ("frustum at 1 M: times as fast as parry3d", AtLeast(3.0), over(PARRY, FRUSTUM)),
        ("radius at 1 k: time / scan", AtMost(1.0), scan(kilo, RADIUS)),
        ("frustum at 1 k: time / scan", AtMost(1.0), scan(kilo, FRUSTUM)),
        ("radius at 10 k: time / scan", AtMost(1.0), scan(small, RADIUS)),
        ("frustum at 10 k: time / scan", AtMost(1.0), scan(small, FRUSTUM)),
        ("bytes a box at 1 M", AtMost(40.0), ours(million, BYTES)),
        ("build at 1 M, µs a box", AtMost(0.2), ours(million, BUILD)),
        ("10 k walkers' moves at 1 M, ms", AtMost(0.5), ours(moving, WALK)),
        ("10 k other moves at 1 M, ms", AtMost(0.5), ours(moving, JITTER)),
        ("queries after 10,000 frames of walkers / fresh", AtMost(1.5), ours(moving, WALKED)),
        ("queries after 10,000 frames of others / fresh", AtMost(1.5), ours(moving, JITTERED)),
        ("the same, uniform, walkers", AtMost(1.5), ours(moving_uniform, WALKED)),
        ("the same, uniform, others", AtMost(1.5), ours(moving_uniform, JITTERED)),
    ];
    goals.map(|(what, bound, figure)| Goal::new(what, bound, figure)).into()
}
