//! The no-hole rule; `cut.rs` has it for any terrain.

use farplane_geom::Vec2;
use farplane_lod::*;

/// 4 × 4 tiles (0–15), 2 × 2 nodes (16–19), one root (20).
fn grid() -> QuadGrid {
    QuadGrid::new(Vec2::ZERO, Vec2::ONE, [4, 4], 3).unwrap()
}

fn wanted(grid: &QuadGrid, places: &[(u32, u32, u32)]) -> Vec<CutNode> {
    let cut_node = |&(level, x, y): &(u32, u32, u32)| {
        let QuadNode { index, .. } = grid.node(level, x, y).unwrap();
        CutNode { index, level, x, y, screen_error_px: 1.0, distance_m: 1.0 }
    };
    places.iter().map(cut_node).collect()
}

/// Holes, and the indices of what is drawn.
fn drawn(cut: &[CutNode], resident: &[u32]) -> (usize, Vec<u32>) {
    let zeros = [0.0; 21];
    let tree = QuadTree::new(grid(), &zeros, &zeros, &zeros).unwrap();
    let mut out = vec![QuadNode { index: 99, level: 0, x: 0, y: 0 }];
    let holes = tree.resolve_drawable(cut, |index| resident.contains(&index), &mut out);
    (holes, out.iter().map(|n| n.index).collect())
}

/// The four tiles of the first quarter, and the other quarters.
fn quarter_refined() -> Vec<CutNode> {
    let places = [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 1), (1, 1, 1)];
    wanted(&grid(), &places)
}

#[test]
fn what_is_wanted_and_resident_is_drawn() {
    let all: Vec<u32> = (0..21).collect();
    assert_eq!(drawn(&quarter_refined(), &all), (0, vec![0, 1, 4, 5, 17, 18, 19]));
}

#[test]
fn a_parent_stays_until_all_wanted_below_are_there() {
    let resident = [20, 16, 17, 18, 19, 0, 1, 4];
    assert_eq!(drawn(&quarter_refined(), &resident), (0, vec![16, 17, 18, 19]));
}

#[test]
fn the_root_covers_all_when_a_parent_is_missing_too() {
    let resident = [20, 17, 18, 19, 0, 1, 4];
    assert_eq!(drawn(&quarter_refined(), &resident), (0, vec![20]));
}

#[test]
fn children_outside_the_view_are_not_waited_for() {
    let cut = wanted(&grid(), &[(0, 1, 0), (1, 1, 0)]);
    assert_eq!(drawn(&cut, &[20, 1, 17]), (0, vec![1, 17]));
}

#[test]
fn children_stay_until_a_coarser_node_is_there() {
    let cut = wanted(&grid(), &[(1, 0, 0), (1, 1, 0)]);
    assert_eq!(drawn(&cut, &[20, 17, 0, 1, 4, 5]), (0, vec![0, 1, 4, 5, 17]));
    assert_eq!(drawn(&cut, &[20, 17, 0, 1, 4]), (0, vec![20]));
    assert_eq!(drawn(&cut, &[20, 16, 17, 0, 1, 4, 5]), (0, vec![16, 17]));
}

#[test]
fn grandchildren_may_stand_in_for_what_is_missing() {
    let root = wanted(&grid(), &[(2, 0, 0)]);
    assert_eq!(drawn(&root, &[16, 17, 18, 10, 11, 14, 15]), (0, vec![16, 17, 18, 10, 11, 14, 15]));
}

#[test]
fn without_a_root_the_holes_are_counted_and_the_rest_is_drawn() {
    let resident = [17, 18, 19, 0, 1, 4];
    assert_eq!(drawn(&quarter_refined(), &resident), (1, vec![0, 1, 4, 17, 18, 19]));
    assert_eq!(drawn(&quarter_refined(), &[]), (7, vec![]));
}

#[test]
fn a_hole_is_left_whole() {
    let cut = wanted(&grid(), &[(1, 0, 0), (1, 1, 0)]);
    assert_eq!(drawn(&cut, &[17, 0, 1, 4]), (1, vec![17]));
}

#[test]
fn nodes_of_another_tree_are_counted_and_skipped() {
    let mut cut = quarter_refined();
    cut.push(CutNode { x: 700, ..cut[0] });
    cut.push(CutNode { level: 40, ..cut[0] });
    cut.push(CutNode { index: 5000, ..cut[0] });
    let all: Vec<u32> = (0..21).collect();
    assert_eq!(drawn(&cut, &all), (3, vec![0, 1, 4, 5, 17, 18, 19]));
}
