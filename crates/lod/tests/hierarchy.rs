//! Cuts of trees of any shape, and the no-hole rules.

#[path = "model/tree.rs"]
mod model;

use farplane_geom::Vec3;
use farplane_lod::*;
use model::Tree;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_and_what_is_drawn_of_them_agree_with_the_model(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        model::run(&bytes);
    }
}

/// Root 0; 1 and 2 below it; 3 and 4 below 1.
fn small() -> Tree {
    let mut tree = Tree::new(1, &[2, 2]);
    assert_eq!(tree.parent, [u32::MAX, 0, 0, 1, 1]);
    tree.error_m = vec![4.0, 2.0, 2.0, 1.0, 1.0];
    tree
}

fn drawn(cut: &[u32], resident: &[u32]) -> (usize, Vec<u32>) {
    let (tree, mut out) = (small(), Vec::new());
    let mut marks = [0; 5];
    let resolved =
        tree.nodes().resolve_drawable(cut, |n| resident.contains(&n), &mut marks, &mut out);
    (resolved.unwrap(), out)
}

#[test]
fn children_stay_until_the_parent_is_resident() {
    assert_eq!(drawn(&[1, 2], &[0, 2, 3, 4]), (0, vec![3, 4, 2]));
    assert_eq!(drawn(&[1, 2], &[0, 1, 2, 3, 4]), (0, vec![1, 2]));
    assert_eq!(drawn(&[0], &[2, 3, 4]), (0, vec![3, 4, 2]));
}

#[test]
fn a_parent_stays_until_its_children_are_resident() {
    assert_eq!(drawn(&[3, 4, 2], &[0, 1, 2, 3]), (0, vec![1, 2]));
    assert_eq!(drawn(&[3, 4, 2], &[0, 1, 2, 3, 4]), (0, vec![3, 4, 2]));
    assert_eq!(drawn(&[3, 4, 2], &[0, 3, 4]), (0, vec![0]));
}

#[test]
fn without_a_root_holes_are_counted() {
    assert_eq!(drawn(&[3, 4, 2], &[3]), (2, vec![3]));
    assert_eq!(drawn(&[5, 2, 2], &[2]), (1, vec![2]));
}

#[test]
fn columns_that_make_no_tree_are_refused() {
    let good = small();
    let index = |result: Result<Nodes<'_>, LodError>| match result {
        Err(LodError::Node { index, .. }) => index,
        other => panic!("{other:?}"),
    };
    // A loop, an orphan, children that overlap, children beyond the end.
    let mut tree = good.clone();
    tree.parent[3] = 4;
    assert_eq!(index(tree.try_nodes()), 3);
    let message = tree.try_nodes().unwrap_err().to_string();
    assert!(message.starts_with("lod tree: node 3 has another parent"), "{message}");
    let mut tree = good.clone();
    tree.child_count[1] = 1;
    assert_eq!(index(tree.try_nodes()), 4);
    let mut tree = good.clone();
    tree.first_child[1] = 2;
    assert_eq!(index(tree.try_nodes()), 1);
    let mut tree = good.clone();
    tree.child_count[1] = 200;
    assert_eq!(index(tree.try_nodes()), 1);
    let mut tree = good.clone();
    tree.error_m.pop();
    let short = LodError::Length { what: "error_m", expected: 5, actual: 4 };
    assert_eq!(tree.try_nodes().unwrap_err(), short);
    // Frusta would cull what is at no place, though its children may be in sight.
    for (center, radius_m) in
        [(Vec3::new(0.0, f32::NAN, 0.0), 1.0), (Vec3::ZERO, f32::NAN), (Vec3::ZERO, -1.0)]
    {
        let mut tree = good.clone();
        (tree.center[2], tree.radius_m[2]) = (center, radius_m);
        assert_eq!(index(tree.try_nodes()), 2);
    }
    let mut chain = Tree::default();
    for n in 0..65u32 {
        chain.push(Vec3::ZERO, 1.0, 1.0, n.wrapping_sub(1));
        (chain.first_child[n as usize], chain.child_count[n as usize]) = (n + 1, u32::from(n < 64));
    }
    assert_eq!(index(chain.try_nodes()), 64);
    let nothing = Tree::default();
    assert!(nothing.nodes().is_empty());
    let mut out = Vec::new();
    let wrong = good.nodes().resolve_drawable(&[0], |_| true, &mut [0; 4], &mut out);
    assert_eq!(wrong, Err(LodError::Length { what: "drawn", expected: 5, actual: 4 }));
}
