//! Cuts of a quadtree against plain recursion.

#[path = "model/cut.rs"]
mod model;

use farplane_geom::{Vec2, Vec3};
use farplane_lod::*;
use model::terrain::{Terrain, nodes};
use proptest::prelude::*;

const FOCAL_PX: f32 = 935.0;

fn terrains() -> impl Strategy<Value = Terrain> {
    let parts = (1u32..20, 1u32..20, 1u32..6, any::<u64>());
    parts.prop_map(|(width, height, levels, seed)| Terrain::new([width, height], levels, seed))
}

fn positions() -> impl Strategy<Value = Vec3> {
    (-1000.0f32..1500.0, -200.0f32..2000.0, -100.0f32..400.0).prop_map(Vec3::from)
}

/// 5 × 3 tiles: 5 × 3, 3 × 2, 2 × 1 and 1 × 1 nodes.
#[test]
fn nodes_are_numbered_by_level_row_and_column() {
    let grid = QuadGrid::new(Vec2::ZERO, Vec2::splat(10.0), [5, 3], 4).unwrap();
    assert_eq!(
        (0..5).map(|l| grid.dims(l)).collect::<Vec<_>>(),
        [[5, 3], [3, 2], [2, 1], [1, 1], [0, 0]]
    );
    assert_eq!(grid.node_count(), 15 + 6 + 2 + 1);
    assert_eq!(grid.node(0, 4, 2).map(|n| n.index), Some(14));
    assert_eq!(grid.node(1, 2, 1).map(|n| n.index), Some(15 + 5));
    assert_eq!(grid.node(3, 0, 0).map(|n| n.index), Some(23));
    assert_eq!(grid.node(1, 3, 0), None);
    assert_eq!(grid.node(4, 0, 0), None);
}

#[test]
fn the_last_column_and_row_have_fewer_children_and_end_with_the_world() {
    let grid = QuadGrid::new(Vec2::new(100.0, 0.0), Vec2::splat(10.0), [5, 3], 4).unwrap();
    let corner = grid.node(1, 2, 1).unwrap();
    let below: Vec<_> = grid.children(&corner).map(|n| (n.level, n.x, n.y)).collect();
    assert_eq!(below, [(0, 4, 2)]);
    assert_eq!(grid.extent(&corner), (Vec2::new(140.0, 20.0), Vec2::new(150.0, 30.0)));
    assert_eq!(grid.parent(&corner), grid.node(2, 1, 0));
    assert_eq!(grid.ancestor(&corner, 3), grid.node(3, 0, 0));
    assert_eq!(grid.ancestor(&corner, 0), None);
    assert_eq!(grid.children(&grid.node(0, 0, 0).unwrap()).count(), 0);
    // No node of this grid, nor of any other.
    let stranger = QuadNode { index: 0, level: 1, x: 1 << 31, y: u32::MAX };
    assert_eq!(grid.children(&stranger).count(), 0);
}

#[test]
fn levels_may_be_stored_coarsest_first() {
    let grid = QuadGrid::new(Vec2::ZERO, Vec2::ONE, [2, 2], 2).unwrap();
    let coarse_first = grid.with_level_offsets(&[1, 0]).unwrap();
    assert_eq!(coarse_first.node(1, 0, 0).map(|n| n.index), Some(0));
    assert_eq!(coarse_first.node(0, 1, 1).map(|n| n.index), Some(4));
    assert_eq!(coarse_first.node_count(), 5);
    assert!(matches!(grid.with_level_offsets(&[0]), Err(LodError::Length { .. })));
    let beyond = grid.with_level_offsets(&[u32::MAX, 0]);
    assert!(matches!(beyond, Err(LodError::TooMany { what: "nodes", .. })));
}

#[test]
fn grids_that_are_none_are_refused() {
    let (zero, one) = (Vec2::ZERO, Vec2::ONE);
    for (min, tile, dims, levels) in [
        (zero, one, [0, 1], 1),
        (zero, one, [1, 1], 0),
        (zero, one, [1, 1], 25),
        (zero, one, [1 << 23, 1 << 23], 1),
        (zero, one, [1 << 24, 1], 1),
        (zero, zero, [1, 1], 1),
        (zero, Vec2::splat(f32::NAN), [1, 1], 1),
        (Vec2::splat(f32::INFINITY), one, [1, 1], 1),
    ] {
        assert!(matches!(QuadGrid::new(min, tile, dims, levels), Err(LodError::Grid { .. })));
    }
    let grid = QuadGrid::new(zero, one, [2, 2], 2).unwrap();
    let short = QuadTree::new(grid, &[0.0; 5], &[0.0; 4], &[0.0; 5]);
    assert!(matches!(short, Err(LodError::Length { what: "min_z", expected: 5, actual: 4 })));
}

#[test]
fn state_of_the_wrong_length_and_views_from_nowhere_are_refused() {
    let terrain = Terrain::new([4, 4], 3, 1);
    let (tree, rule) = (terrain.tree(), LodRule::default());
    let mut out = Vec::new();
    let view = LodView { position: Vec3::ZERO, focal_px: FOCAL_PX };
    let wrong = tree.select_cut(&view, None, &rule, &mut [0; 3], &mut out);
    assert_eq!(wrong, Err(LodError::Length { what: "refined", expected: 21, actual: 3 }));
    for view in [
        LodView { position: Vec3::splat(f32::NAN), ..view },
        LodView { focal_px: 0.0, ..view },
        LodView { focal_px: f32::INFINITY, ..view },
    ] {
        let refused = tree.select_cut(&view, None, &rule, &mut [], &mut out);
        assert!(matches!(refused, Err(LodError::View { .. })));
    }
}

/// Focal length 1000 px, view 100 m above flat ground: a root with 0.16 m of error covers 1.6 px.
#[test]
fn a_root_is_refined_when_its_error_exceeds_the_limit() {
    let grid = QuadGrid::new(Vec2::ZERO, Vec2::splat(10.0), [2, 2], 2).unwrap();
    let view = LodView { position: Vec3::new(10.0, 10.0, 100.0), focal_px: 1000.0 };
    let mut out = Vec::new();
    for (error_m, expected) in [(0.16, 4), (0.14, 1), (f32::NAN, 4)] {
        let errors = [0.0, 0.0, 0.0, 0.0, error_m];
        let tree = QuadTree::new(grid, &errors, &[0.0; 5], &[0.0; 5]).unwrap();
        tree.select_cut(&view, None, &LodRule::default(), &mut [], &mut out).unwrap();
        assert_eq!(out.len(), expected);
    }
    assert_eq!((out[0].distance_m, out[0].screen_error_px), (100.0, 0.0));
}

/// 0.15 m of error: refined nearer than 100 m, coarsened from 125 m on.
#[test]
fn a_node_refines_at_one_distance_and_coarsens_at_another() {
    let grid = QuadGrid::new(Vec2::ZERO, Vec2::splat(10.0), [2, 2], 2).unwrap();
    let errors = [0.0, 0.0, 0.0, 0.0, 0.15];
    let tree = QuadTree::new(grid, &errors, &[0.0; 5], &[0.0; 5]).unwrap();
    let (mut refined, mut out) = ([0; 5], Vec::new());
    for (height, expected) in [(101.0, 1), (99.0, 4), (124.0, 4), (126.0, 1), (101.0, 1)] {
        let view = LodView { position: Vec3::new(10.0, 10.0, height), focal_px: 1000.0 };
        tree.select_cut(&view, None, &LodRule::default(), &mut refined, &mut out).unwrap();
        assert_eq!(out.len(), expected, "{height} m");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_and_what_is_drawn_of_them_agree_with_the_model(
        bytes in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        model::run(&bytes);
    }

    #[test]
    fn a_cut_covers_every_tile_exactly_once(terrain in terrains(), position in positions()) {
        let view = LodView { position, focal_px: FOCAL_PX };
        let mut out = Vec::new();
        terrain.tree().select_cut(&view, None, &LodRule::default(), &mut [], &mut out).unwrap();
        for tile in nodes(&terrain.grid, 0) {
            let covers = |n: &&CutNode| terrain.grid.ancestor(&tile, n.level) == Some(n.node());
            prop_assert_eq!(out.iter().filter(covers).count(), 1);
        }
        for n in &out {
            prop_assert!(n.level == 0 || n.screen_error_px <= 1.5);
            prop_assert_eq!(terrain.grid.node(n.level, n.x, n.y), Some(n.node()));
        }
    }

    /// Jitter of ±6.25% of the distance cannot cross both thresholds (ratio 1.25) of one node.
    #[test]
    fn a_trembling_camera_refines_each_node_at_most_once(
        terrain in terrains(), height in 100.0f32..2000.0,
        jitter in prop::collection::vec(0.9375f32..1.0625, 20..40),
    ) {
        // Straight above flat ground: all distances shrink and grow by at most the height's share.
        let flat = Terrain {
            min_z: vec![0.0; terrain.min_z.len()],
            max_z: vec![0.0; terrain.max_z.len()],
            ..terrain
        };
        let tree = flat.tree();
        let mut refined = vec![0; flat.grid.node_count() as usize];
        let mut out = Vec::new();
        let mut switches = vec![0; refined.len()];
        for j in &jitter {
            let before = refined.clone();
            let view = LodView { position: Vec3::new(0.0, 600.0, height * j), focal_px: FOCAL_PX };
            tree.select_cut(&view, None, &LodRule::default(), &mut refined, &mut out).unwrap();
            for (index, (was, is)) in before.iter().zip(&refined).enumerate() {
                switches[index] += usize::from(was != is);
            }
        }
        prop_assert!(switches.iter().all(|&n| n <= 1), "{switches:?}");
    }
}
