//! Spatial indices behind one trait, each used as its own documentation shows. Those that have no
//! query for a radius or a frustum are walked from outside, by the same tests as all others.

#[cfg(feature = "bevy")]
mod bevy;
mod bvh;
mod farplane;
mod kiddo;
mod obvhs;
mod parry;
mod rstar;
mod scan;

#[cfg(feature = "bevy")]
pub use self::bevy::Bevy;
pub use self::bvh::Bvh;
pub use self::farplane::Farplane;
pub use self::kiddo::Kiddo;
pub use self::obvhs::Obvhs;
pub use self::parry::Parry;
pub use self::rstar::Rstar;
pub use self::scan::Scan;

use farplane_geom::{Aabb, Frustum, Sphere};

/// A box on the move.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// Its place in the list.
    pub item: u32,
    /// Where it was.
    pub from: Aabb,
    /// Where it is from now on.
    pub to: Aabb,
}

/// An index over boxes; items are their places in the list.
pub trait Index {
    /// An index of all boxes.
    fn build(boxes: &[Aabb]) -> Self;
    /// Appends the boxes that a sphere touches.
    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>);
    /// Appends the boxes that are not outside a plane of a frustum.
    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>);
    /// Bytes it holds; `None` where nothing tells.
    fn bytes(&self) -> Option<usize>;
    /// Looks up what a caller keeps beside the boxes that are about to move, as it has their boxes:
    /// that is not timed.
    fn prepare(&mut self, _moves: &[Move]) {}
    /// A frame's moves, with whatever has to be done once a frame; `false` where it cannot.
    fn moves(&mut self, _moves: &[Move]) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{CLUSTERED, Scene};
    use super::*;

    #[test]
    fn every_index_finds_what_testing_every_box_finds() {
        let scene = Scene::new(3, 5003, CLUSTERED);
        let indices = all(&scene.boxes);
        let mut found = 0;
        for (sphere, frustum) in scene.spheres.iter().zip(&scene.frusta) {
            let near = |b: &Aabb| b.distance_squared(sphere.center) <= 250_000.0;
            let tests: [&dyn Fn(&Aabb) -> bool; 2] = [&near, &|b| frustum.intersects_aabb(b)];
            for (kind, test) in tests.into_iter().enumerate() {
                let all = scene.boxes.iter().zip(0u32..);
                let expected: Vec<u32> = all.filter(|(b, _)| test(b)).map(|(_, i)| i).collect();
                found += expected.len();
                for (k, index) in indices.iter().enumerate() {
                    assert_eq!(index.sorted(kind, sphere, frustum), expected, "index {k}");
                }
            }
        }
        assert!(found > 1000, "queries that find nothing would compare nothing");
    }

    fn all(boxes: &[Aabb]) -> [Box<dyn Dyn>; 6] {
        [
            Box::new(Farplane::build(boxes)),
            Box::new(Parry::build(boxes)),
            Box::new(Bvh::build(boxes)),
            Box::new(Obvhs::build(boxes)),
            Box::new(Rstar::build(boxes)),
            Box::new(Scan::build(boxes)),
        ]
    }

    #[test]
    fn every_index_that_can_move_boxes_finds_them_where_they_went() {
        let mut scene = Scene::new(4, 2000, CLUSTERED);
        let mut indices = all(&scene.boxes);
        let mut walk = super::super::movement::Walkers::new(5, &scene.boxes, 500);
        let mut moves = Vec::new();
        for _ in 0..50 {
            walk.step(&mut scene.boxes, &mut moves);
            for index in &mut indices {
                index.moved(&moves);
            }
        }
        let expected: Vec<u32> = (0..2000)
            .filter(|&i| scene.spheres.iter().any(|s| touches(&scene.boxes[i as usize], s)))
            .collect();
        assert!(expected.len() > 20);
        for (k, index) in indices.iter_mut().enumerate() {
            if !index.moved(&[]) {
                continue;
            }
            let mut found: Vec<u32> =
                scene.spheres.iter().flat_map(|s| index.sorted(0, s, &scene.frusta[0])).collect();
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, expected, "index {k}");
        }
    }

    fn touches(b: &Aabb, s: &Sphere) -> bool {
        b.distance_squared(s.center) <= s.radius * s.radius
    }

    #[test]
    fn kiddo_finds_the_points_that_testing_each_finds() {
        let boxes = Scene::new(3, 5003, CLUSTERED).points();
        let scene = Scene::new(3, 5003, CLUSTERED);
        let kiddo = Kiddo::build(&boxes);
        for sphere in &scene.spheres {
            let mut found = Vec::new();
            kiddo.radius(sphere, &mut found);
            found.sort_unstable();
            let near = |&i: &u32| touches(&boxes[i as usize], sphere);
            assert_eq!(found, (0..5003).filter(near).collect::<Vec<_>>());
        }
    }

    /// It leaves the far plane out, and works with a box's centre and half its size: what is within
    /// a millimetre of a plane may go either way.
    #[cfg(feature = "bevy")]
    #[test]
    fn bevy_finds_what_testing_every_box_finds_without_the_far_plane() {
        let scene = Scene::new(3, 5003, CLUSTERED);
        let bevy = Bevy::build(&scene.boxes);
        let mut found = 0;
        for frustum in &scene.frusta {
            let moved = |by: f32| {
                let mut frustum = *frustum;
                frustum.planes.iter_mut().for_each(|plane| plane.w += by);
                frustum.planes[5] = frustum.planes[4];
                frustum
            };
            let (narrow, wide) = (moved(-0.01), moved(0.01));
            let mut seen = Vec::new();
            bevy.frustum(frustum, &mut seen);
            seen.sort_unstable();
            found += seen.len();
            for (b, item) in scene.boxes.iter().zip(0..) {
                let is_seen = seen.binary_search(&item).is_ok();
                assert!(is_seen || !narrow.intersects_aabb(b), "{item}");
                assert!(!is_seen || wide.intersects_aabb(b), "{item}");
            }
        }
        assert!(found > 1000, "queries that find nothing would compare nothing");
    }

    trait Dyn {
        fn moved(&mut self, moves: &[Move]) -> bool;
        fn sorted(&self, kind: usize, sphere: &Sphere, frustum: &Frustum) -> Vec<u32>;
    }

    impl<I: Index> Dyn for I {
        fn moved(&mut self, moves: &[Move]) -> bool {
            self.moves(moves)
        }

        fn sorted(&self, kind: usize, sphere: &Sphere, frustum: &Frustum) -> Vec<u32> {
            let mut out = Vec::new();
            if kind == 0 {
                self.radius(sphere, &mut out)
            } else {
                self.frustum(frustum, &mut out)
            }
            out.sort_unstable();
            out
        }
    }
}
