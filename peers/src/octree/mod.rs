//! Spatial indices on one scene: radius and frustum queries, building, bytes.

mod contenders;
mod scene;

use crate::goal::{Bound, Goal};
use crate::rounds::{median, since_ns};
use crate::section::Section;
use crate::table::{Side, Table};
use contenders::{Farplane, Index, Parry, Scan};
use scene::Scene;
use std::time::Instant;

/// Boxes of each table.
const COUNTS: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Rounds; each figure is the median.
const ROUNDS: usize = 5;
const SEED: u64 = 1;

const RADIUS: &str = "radius 500 m, µs";
const FRUSTUM: &str = "frustum 2 km, µs";
const BUILD: &str = "build, µs a box";
const BYTES: &str = "bytes a box";

const OURS: &str = "farplane-octree";
const PARRY: &str = "parry3d";
const SCAN: &str = "scan";

/// One contender's rounds.
struct Rounds<I> {
    index: I,
    build_us: Vec<f64>,
    radius_us: Vec<f64>,
    frustum_us: Vec<f64>,
    /// Every query's items, sorted; radius first.
    answers: Vec<Vec<u32>>,
}

impl<I: Index> Rounds<I> {
    fn new(scene: &Scene) -> Self {
        let index = I::build(&scene.boxes);
        let mut answers = Vec::new();
        let mut answer = |query: &dyn Fn(&mut Vec<u32>)| {
            let mut items = Vec::new();
            query(&mut items);
            items.sort_unstable();
            answers.push(items);
        };
        scene.spheres.iter().for_each(|s| answer(&|out| index.radius(s, out)));
        scene.frusta.iter().for_each(|f| answer(&|out| index.frustum(f, out)));
        Self { index, build_us: vec![], radius_us: vec![], frustum_us: vec![], answers }
    }

    fn run(&mut self, scene: &Scene, out: &mut Vec<u32>) {
        let start = Instant::now();
        self.index = I::build(&scene.boxes);
        self.build_us.push(since_ns(start) * 1e-3 / scene.boxes.len() as f64);
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
        let [radius, frustum, build] = [&self.radius_us, &self.frustum_us, &self.build_us];
        let bytes = self.index.bytes() as f64 / boxes as f64;
        [Some(median(radius)), Some(median(frustum)), Some(median(build)), Some(bytes)]
    }
}

/// A table, and how many of our answers differ from testing every box.
fn table(count: usize) -> (Table, usize) {
    let scene = Scene::new(SEED, count);
    let mut ours = Rounds::<Farplane>::new(&scene);
    let mut parry = Rounds::<Parry>::new(&scene);
    let mut scan = Rounds::<Scan>::new(&scene);
    let mut out = Vec::with_capacity(count);
    for _ in 0..ROUNDS {
        ours.run(&scene, &mut out);
        parry.run(&scene, &mut out);
        scan.run(&scene, &mut out);
    }
    let queries = scene.spheres.len();
    let hits = |answers: &[Vec<u32>]| answers.iter().map(Vec::len).sum::<usize>() / queries;
    let (near, seen) = (hits(&scan.answers[..queries]), hits(&scan.answers[queries..]));
    let title = format!("{count} boxes; hits a query: radius {near}, frustum {seen}");
    let mut table = Table::new(&title, &[RADIUS, FRUSTUM, BUILD, BYTES]);
    table.row(OURS, Side::Ours, &ours.cells(count));
    table.row(PARRY, Side::Peer, &parry.cells(count));
    table.row(SCAN, Side::Baseline, &scan.cells(count));
    let differing = ours.answers.iter().zip(&scan.answers).filter(|(x, y)| x != y).count();
    (table, differing)
}

/// Measures the section: under a minute.
pub fn run() -> Section {
    let method = format!(
        "16 × 16 × 1 km, 70% clustered, 32 places; median of {ROUNDS} rounds; all for the \
         instruction set of the build"
    );
    let mut section = Section::new("octree", &method);
    let mut differing = 0;
    for count in COUNTS {
        let (table, d) = table(count);
        section.tables.push(table);
        differing += d;
    }
    section.absent("rstar, obvhs, bvh, oktree, textbook loose octree", "not compared yet");
    let [small, _, million] = &section.tables[..] else { unreachable!("three tables") };
    let over = |peer: &str, column: &str| million.ratio(peer, OURS, column);
    use Bound::{AtLeast, AtMost};
    let goals = [
        ("answers that differ from testing every box", AtMost(0.0), Some(differing as f64)),
        ("radius at 1 M: times as fast as the scan", AtLeast(50.0), over(SCAN, RADIUS)),
        ("frustum at 1 M: times as fast as the scan", AtLeast(25.0), over(SCAN, FRUSTUM)),
        ("radius at 1 M: times as fast as parry3d", AtLeast(3.0), over(PARRY, RADIUS)),
        ("frustum at 1 M: times as fast as parry3d", AtLeast(3.0), over(PARRY, FRUSTUM)),
        ("radius at 10 k: time / scan", AtMost(1.0), small.ratio(OURS, SCAN, RADIUS)),
        ("frustum at 10 k: time / scan", AtMost(1.0), small.ratio(OURS, SCAN, FRUSTUM)),
        ("bytes a box at 1 M", AtMost(40.0), million.cell(OURS, BYTES)),
        ("build at 1 M, µs a box", AtMost(0.2), million.cell(OURS, BUILD)),
        ("10 k moves at 1 M, ms", AtMost(0.5), None),
        ("queries after 10,000 frames of movement / fresh", AtMost(1.5), None),
    ];
    section.goals = goals.map(|(what, bound, v)| Goal::new(what, bound, v)).into();
    section
}
