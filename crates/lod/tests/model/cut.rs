//! Cuts of a quadtree beside plain recursion, and the no-hole rule beside counting what covers each
//! tile. The property test and the fuzz target share it.

#[path = "naive.rs"]
mod naive;
#[path = "terrain.rs"]
pub mod terrain;

use farplane_geom::{DVec3, Vec3, View};
use farplane_lod::*;
use naive::Naive;
use std::collections::HashMap;
use terrain::{Terrain, nodes};

const FOCAL_PX: f32 = 935.0;

/// One frame of a flight.
#[derive(Clone, Copy, Debug)]
struct Frame {
    position: Vec3,
    /// Where the view looks; none: everywhere.
    direction: Option<DVec3>,
    /// Which nodes are resident, and how many in eight; roots always are.
    seed: u8,
    share: u8,
}

impl Frame {
    /// Takes one off the front; nothing when the bytes run out.
    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let ([kind, x, y, z, direction, seed, share], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let part = |byte: &u8, low: f32, high: f32| low + (high - low) * f32::from(*byte) / 255.0;
        let angle = f64::from(*direction) / 40.0;
        Some(Self {
            position: Vec3::new(
                part(x, -1000.0, 1500.0),
                part(y, -200.0, 2000.0),
                part(z, -100.0, 400.0),
            ),
            direction: (kind % 3 > 0).then(|| DVec3::new(angle.cos(), angle.sin(), -0.3)),
            seed: *seed,
            share: share % 9,
        })
    }
}

/// Whether any node's choice depends on rounding.
fn is_near_a_threshold(terrain: &Terrain, view: &LodView) -> bool {
    let tree = terrain.tree();
    (0..terrain.grid.levels()).flat_map(|level| nodes(&terrain.grid, level)).any(|node| {
        let distance_m = tree.distance_m(&node, view.position);
        let px = screen_error_px(tree.error_m(&node), distance_m, view.focal_px);
        [1.2, 1.5].iter().any(|limit| (px - limit).abs() < 1e-4)
    })
}

/// The cut with hysteresis, and its state, are those of plain recursion.
fn check_cut(naive: &mut Naive<'_>, frame: &Frame, refined: &mut [u8]) {
    let (terrain, view) = (naive.terrain, LodView { position: frame.position, focal_px: FOCAL_PX });
    let frustum = frame.direction.map(|direction| {
        let position = frame.position.as_dvec3();
        View::looking(position, direction, 60.0, [1920, 1080]).frustum(DVec3::ZERO)
    });
    (naive.view, naive.frustum) = (view, frustum);
    let mut cut = Vec::new();
    let rule = LodRule::default();
    terrain.tree().select_cut(&view, frustum.as_ref(), &rule, refined, &mut cut).unwrap();
    assert!(cut.iter().map(|n| (n.level, n.x, n.y)).eq(naive.cut()));
    let mut expected = vec![0; refined.len()];
    for &(level, x, y) in naive.refined.keys() {
        expected[terrain.grid.node(level, x, y).unwrap().index as usize] = 1;
    }
    assert_eq!(refined, expected);
}

/// Every tile is covered exactly once, by nodes that are resident; what could be drawn as wanted is.
fn check_drawn(terrain: &Terrain, frame: &Frame) {
    let (grid, tree) = (&terrain.grid, terrain.tree());
    let top = grid.levels() - 1;
    let first_root = grid.node(top, 0, 0).unwrap().index;
    let is_resident = |index: u32| {
        // The low bits of a product say little; three in the middle do.
        let seed = u64::from(frame.seed) << 32;
        let mixed = (u64::from(index) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        index >= first_root || mixed % 8 < u64::from(frame.share)
    };
    let view = LodView { position: frame.position, focal_px: FOCAL_PX };
    let (mut cut, mut out) = (Vec::new(), Vec::new());
    tree.select_cut(&view, None, &LodRule::default(), &mut [], &mut cut).unwrap();
    assert_eq!(tree.resolve_drawable(&cut, |_| true, &mut out), 0);
    assert!(out.iter().copied().eq(cut.iter().map(CutNode::node)));
    assert_eq!(tree.resolve_drawable(&cut, is_resident, &mut out), 0);
    assert!(out.iter().all(|n| is_resident(n.index)));
    for tile in nodes(grid, 0) {
        let above = (0..=top).map(|level| grid.ancestor(&tile, level).unwrap());
        assert_eq!(above.filter(|n| out.contains(n)).count(), 1);
    }
    // A wanted node is drawn itself unless it is absent or something above it is missing a part.
    for n in cut.iter().filter(|n| is_resident(n.index) && !out.contains(&n.node())) {
        let above = (n.level + 1..=top).filter_map(|level| grid.ancestor(&n.node(), level));
        let drawn_above: Vec<QuadNode> = above.filter(|n| out.contains(n)).collect();
        let [drawn] = drawn_above[..] else { panic!("{drawn_above:?}") };
        let is_in_it = |c: &&CutNode| grid.ancestor(&c.node(), drawn.level) == Some(drawn);
        assert!(cut.iter().filter(is_in_it).any(|c| !is_resident(c.index)));
    }
}

/// The first bytes make a terrain, the others are frames of a flight over it.
pub fn run(bytes: &[u8]) {
    let Some(([width, height, levels, seed], mut rest)) = bytes.split_first_chunk() else { return };
    let dims = [width, height].map(|n| u32::from(n % 19) + 1);
    let terrain = Terrain::new(dims, u32::from(levels % 5) + 1, u64::from(*seed));
    let view = LodView { position: Vec3::ZERO, focal_px: FOCAL_PX };
    let refined = HashMap::new();
    let mut naive =
        Naive { terrain: &terrain, view, frustum: None, refine_px: 1.5, coarsen_px: 1.2, refined };
    let mut refined = vec![0; terrain.grid.node_count() as usize];
    while let Some(frame) = Frame::decode(&mut rest) {
        if is_near_a_threshold(&terrain, &LodView { position: frame.position, ..view }) {
            continue;
        }
        check_cut(&mut naive, &frame, &mut refined);
        check_drawn(&terrain, &frame);
    }
}
