//! Cuts of trees of any shape beside plain recursion, and the no-hole rules beside counting what
//! covers each leaf. The property test and the fuzz target share it.

use farplane_geom::{DVec3, Frustum, Sphere, Vec3, View};
use farplane_lod::*;

const FOCAL_PX: f32 = 1000.0;

/// A tree in columns.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub center: Vec<Vec3>,
    pub radius_m: Vec<f32>,
    pub error_m: Vec<f32>,
    pub first_child: Vec<u32>,
    pub child_count: Vec<u32>,
    pub parent: Vec<u32>,
}

impl Tree {
    /// Breadth first: a root or more, then as many children for each node as the bytes say; nodes
    /// beyond the bytes are leaves. Spheres shrink and errors halve from level to level.
    pub fn new(roots: u32, bytes: &[u8]) -> Self {
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

    pub fn push(&mut self, center: Vec3, radius_m: f32, error_m: f32, parent: u32) {
        self.center.push(center);
        self.radius_m.push(radius_m);
        self.error_m.push(error_m);
        self.first_child.push(0);
        self.child_count.push(0);
        self.parent.push(parent);
    }

    pub fn nodes(&self) -> Nodes<'_> {
        self.try_nodes().unwrap()
    }

    pub fn try_nodes(&self) -> Result<Nodes<'_>, LodError> {
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
        let ([x, y, z, kind, seed, share], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let part = |byte: &u8, low: f32, high: f32| low + (high - low) * f32::from(*byte) / 255.0;
        Some(Self {
            position: Vec3::new(
                part(x, -2000.0, 5000.0),
                part(y, -4000.0, 4000.0),
                part(z, 0.0, 3000.0),
            ),
            direction: match kind % 3 {
                0 => None,
                1 => Some(DVec3::Y),
                _ => Some(DVec3::new(1.0, 0.2, -0.3)),
            },
            seed: *seed,
            share: share % 9,
        })
    }
}

/// The cut with hysteresis, and its state, are those of plain recursion.
fn check_cut(tree: &Tree, frame: &Frame, refined: &mut [u8], naive: &mut [bool]) {
    let view = LodView { position: frame.position, focal_px: FOCAL_PX };
    let frustum = frame.direction.map(|direction| {
        let position = frame.position.as_dvec3();
        View::looking(position, direction, 60.0, [640, 360]).frustum(DVec3::ZERO)
    });
    let (frustum, mut cut) = (frustum.as_ref(), Vec::new());
    tree.nodes().select_cut(&view, frustum, &LodRule::default(), refined, &mut cut).unwrap();
    assert_eq!(cut, tree.naive_cut(&view, frustum, naive));
    assert!(refined.iter().map(|&state| state != 0).eq(naive.iter().copied()));
}

/// Every leaf is covered exactly once, by nodes that are resident; what could be drawn as wanted is.
fn check_drawn(tree: &Tree, frame: &Frame) {
    let is_resident = |node: u32| {
        let seed = u64::from(frame.seed) << 32;
        let mixed = (u64::from(node) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        tree.parent[node as usize] == u32::MAX || mixed % 8 < u64::from(frame.share)
    };
    let view = LodView { position: frame.position, focal_px: FOCAL_PX };
    let (mut cut, mut out) = (Vec::new(), vec![99]);
    let mut drawn = vec![0; tree.center.len()];
    tree.nodes().select_cut(&view, None, &LodRule::default(), &mut [], &mut cut).unwrap();
    let holes = tree.nodes().resolve_drawable(&cut, is_resident, &mut drawn, &mut out);
    assert_eq!(holes, Ok(0));
    assert!(drawn.iter().all(|&d| d == 0));
    assert!(out.iter().all(|&n| is_resident(n)));
    for leaf in (0..tree.center.len() as u32).filter(|&n| tree.child_count[n as usize] == 0) {
        assert_eq!(out.iter().filter(|&&n| tree.is_above(n, leaf)).count(), 1);
    }
    // A resident wanted node is drawn, unless one above stands in for an absent neighbour.
    for &wanted in cut.iter().filter(|&&n| is_resident(n) && !out.contains(&n)) {
        let above = out.iter().find(|&&n| tree.is_above(n, wanted)).unwrap();
        let is_absent = |&&n: &&u32| tree.is_above(*above, n) && !is_resident(n);
        assert!(cut.iter().any(|n| is_absent(&n)));
    }
}

/// The first bytes make a tree, up to 59 for its nodes; the others are frames of a flight over it.
pub fn run(bytes: &[u8]) {
    let Some(([roots, count], rest)) = bytes.split_first_chunk() else { return };
    let (nodes, mut rest) = rest.split_at(usize::from(count % 60).min(rest.len()));
    let tree = Tree::new(u32::from(roots % 3) + 1, nodes);
    let (mut refined, mut naive) = (vec![0; tree.center.len()], vec![false; tree.center.len()]);
    while let Some(frame) = Frame::decode(&mut rest) {
        let view = LodView { position: frame.position, focal_px: FOCAL_PX };
        if !tree.is_near_a_threshold(&view) {
            check_cut(&tree, &frame, &mut refined, &mut naive);
            check_drawn(&tree, &frame);
        }
    }
}
