//! Cuts of trees of any shape, and the no-hole rules.

use farplane_geom::{DVec3, Frustum, Sphere, Vec3, View};
use farplane_lod::*;
use proptest::prelude::*;

const FOCAL_PX: f32 = 1000.0;

/// A tree in columns.
#[derive(Clone, Debug, Default)]
struct Tree {
    center: Vec<Vec3>,
    radius_m: Vec<f32>,
    error_m: Vec<f32>,
    first_child: Vec<u32>,
    child_count: Vec<u32>,
    parent: Vec<u32>,
}

impl Tree {
    /// Breadth first: a root or more, then as many children for each node as the bytes say; nodes
    /// beyond the bytes are leaves. Spheres shrink and errors halve from level to level.
    fn new(roots: u32, bytes: &[u8]) -> Self {
        let mut tree = Self::default();
        for root in 0..roots {
            tree.push(Vec3::new(root as f32 * 1000.0, 0.0, 0.0), 800.0, 16.0, u32::MAX);
        }
        let mut node = 0;
        while node < tree.center.len() {
            let byte = bytes.get(node).copied().unwrap_or(0);
            let children = if tree.radius_m[node] > 10.0 { u32::from(byte % 5) } else { 0 };
            tree.first_child[node] = if children > 0 { tree.center.len() as u32 } else { 0 };
            tree.child_count[node] = children;
            for child in 0..children {
                let (center, radius_m) = (tree.center[node], tree.radius_m[node] * 0.5);
                let aside = Vec3::new(child as f32 - 1.5, f32::from(byte % 3) - 1.0, 0.0) * 0.3;
                let error_m = tree.error_m[node] * (0.3 + 0.1 * f32::from(byte % 4));
                tree.push(center + aside * radius_m, radius_m, error_m, node as u32);
            }
            node += 1;
        }
        tree
    }

    fn push(&mut self, center: Vec3, radius_m: f32, error_m: f32, parent: u32) {
        self.center.push(center);
        self.radius_m.push(radius_m);
        self.error_m.push(error_m);
        self.first_child.push(0);
        self.child_count.push(0);
        self.parent.push(parent);
    }

    fn nodes(&self) -> Nodes<'_> {
        self.try_nodes().unwrap()
    }

    fn try_nodes(&self) -> Result<Nodes<'_>, LodError> {
        let links = [&self.first_child[..], &self.child_count, &self.parent];
        Nodes::new(&self.center, &self.radius_m, &self.error_m, links)
    }

    fn is_above(&self, above: u32, mut node: u32) -> bool {
        while node != u32::MAX && node != above {
            node = self.parent[node as usize];
        }
        node == above
    }

    /// By plain recursion over parents; `refined` as the README says it.
    fn naive_cut(
        &self,
        view: &LodView,
        frustum: Option<&Frustum>,
        refined: &mut [bool],
    ) -> Vec<u32> {
        let mut cut = Vec::new();
        for root in (0..self.center.len()).filter(|&n| self.parent[n] == u32::MAX) {
            self.visit(root, view, frustum, refined, &mut cut);
        }
        cut
    }

    fn visit(
        &self,
        node: usize,
        view: &LodView,
        frustum: Option<&Frustum>,
        refined: &mut [bool],
        cut: &mut Vec<u32>,
    ) {
        let sphere = Sphere::new(self.center[node], self.radius_m[node]);
        if frustum.is_some_and(|f| !f.intersects_sphere(&sphere)) {
            return;
        }
        let away = (self.center[node] - view.position).as_dvec3().length();
        let nearest = (away - f64::from(self.radius_m[node])).max(0.0);
        let error = f64::from(self.error_m[node]) * f64::from(view.focal_px);
        let children: Vec<usize> =
            (0..self.center.len()).filter(|&n| self.parent[n] == node as u32).collect();
        let limit_px = if refined[node] { 1.2f32 } else { 1.5 };
        if error > f64::from(limit_px) * nearest && !children.is_empty() {
            refined[node] = true;
            children.iter().for_each(|&child| self.visit(child, view, frustum, refined, cut));
        } else {
            for (n, state) in refined.iter_mut().enumerate() {
                *state &= !self.is_above(node as u32, n as u32);
            }
            cut.push(node as u32);
        }
    }

    fn is_near_a_threshold(&self, view: &LodView) -> bool {
        (0..self.center.len()).any(|n| {
            let d = distance_to_sphere(view.position, self.center[n], self.radius_m[n]);
            let px = screen_error_px(self.error_m[n], d, view.focal_px);
            [1.2, 1.5].iter().any(|limit| (px - limit).abs() < 1e-3)
        })
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    (1u32..4, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(r, b)| Tree::new(r, &b))
}

fn positions() -> impl Strategy<Value = Vec3> {
    (-2000.0f32..5000.0, -4000.0f32..4000.0, 0.0f32..3000.0).prop_map(Vec3::from)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_cut_is_that_of_plain_recursion(
        tree in trees(), track in prop::collection::vec(positions(), 1..5),
        looks_north in prop::option::of(any::<bool>()),
    ) {
        let mut refined = vec![0; tree.center.len()];
        let mut naive = vec![false; tree.center.len()];
        let mut cut = Vec::new();
        for position in track {
            let view = LodView { position, focal_px: FOCAL_PX };
            prop_assume!(!tree.is_near_a_threshold(&view));
            let frustum = looks_north.map(|north| {
                let direction = if north { DVec3::Y } else { DVec3::new(1.0, 0.2, -0.3) };
                View::looking(position.as_dvec3(), direction, 60.0, [640, 360]).frustum(DVec3::ZERO)
            });
            let (f, rule) = (frustum.as_ref(), LodRule::default());
            tree.nodes().select_cut(&view, f, &rule, &mut refined, &mut cut).unwrap();
            prop_assert_eq!(&cut, &tree.naive_cut(&view, f, &mut naive));
            let states: Vec<bool> = refined.iter().map(|&s| s != 0).collect();
            prop_assert_eq!(&states, &naive);
        }
    }

    /// Roots resident, the rest at random: every leaf below a wanted node is covered exactly once, by
    /// resident nodes; and what could be drawn as wanted is.
    #[test]
    fn every_wanted_node_is_covered_exactly_once(
        tree in trees(), position in positions(), seed in any::<u64>(), share in 0u64..=8,
    ) {
        let is_resident = |node: u32| {
            let mixed = (u64::from(node) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            tree.parent[node as usize] == u32::MAX || mixed % 8 < share
        };
        let view = LodView { position, focal_px: FOCAL_PX };
        let (mut cut, mut out) = (Vec::new(), vec![99]);
        let mut drawn = vec![0; tree.center.len()];
        tree.nodes().select_cut(&view, None, &LodRule::default(), &mut [], &mut cut).unwrap();
        let holes = tree.nodes().resolve_drawable(&cut, is_resident, &mut drawn, &mut out);
        prop_assert_eq!(holes, Ok(0));
        prop_assert!(drawn.iter().all(|&d| d == 0));
        prop_assert!(out.iter().all(|&n| is_resident(n)));
        for leaf in (0..tree.center.len() as u32).filter(|&n| tree.child_count[n as usize] == 0) {
            prop_assert_eq!(out.iter().filter(|&&n| tree.is_above(n, leaf)).count(), 1);
        }
        // A resident wanted node is drawn, unless one above stands in for an absent neighbour.
        for &wanted in cut.iter().filter(|&&n| is_resident(n) && !out.contains(&n)) {
            let above = out.iter().find(|&&n| tree.is_above(n, wanted)).unwrap();
            let absent = |&&n: &&u32| tree.is_above(*above, n) && !is_resident(n);
            prop_assert!(cut.iter().any(|n| absent(&n)));
        }
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
