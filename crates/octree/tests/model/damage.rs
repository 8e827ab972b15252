//! Trees whose bytes were damaged: they are refused, or everything works. The property test and the
//! fuzz target share it.

#[path = "bytes.rs"]
mod bytes;

use bytes::AlignedBytes;
use farplane_geom::{Aabb, Sphere, Vec3};
use farplane_octree::{COORDINATE_MAX_M, Handle, Octree, OctreeView, Ray};

/// Bytes of the header, and of a node.
const HEADER: usize = 64;
const NODE: usize = 320;

/// One place that is written to.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Byte(usize, u8),
    Bit(usize, u8),
    /// A word that is a small number.
    Word(usize, u8),
    /// A word that stands elsewhere.
    Copy(usize, usize),
}

impl Damage {
    /// Takes one off the front; nothing when the bytes run out. Half of all places are in the nodes,
    /// a quarter in the header.
    fn decode(bytes: &mut &[u8], nodes: usize, len: usize) -> Option<Self> {
        let ([kind, place @ .., value], rest) = bytes.split_first_chunk::<6>()?;
        *bytes = rest;
        let at = |low: usize| {
            let place = usize::from(place[low]) | usize::from(place[low + 1]) << 8;
            match kind / 4 % 4 {
                0 => place % HEADER,
                1 => place * 61 % len,
                _ => HEADER + place % (nodes * NODE),
            }
        };
        Some(match kind % 4 {
            0 => Self::Byte(at(0), *value),
            1 => Self::Bit(at(0), value % 8),
            2 => Self::Word(at(0) / 4 * 4, *value),
            _ => Self::Copy(at(0) / 4 * 4, at(2) / 4 * 4),
        })
    }

    fn apply(self, tree: &mut [u8]) {
        match self {
            Self::Byte(at, value) => tree[at] = value,
            Self::Bit(at, bit) => tree[at] ^= 1 << bit,
            Self::Word(to, value) => tree[to..to + 4].copy_from_slice(&[value, 0, 0, 0]),
            Self::Copy(to, from) => tree.copy_within(from..from + 4, to),
        }
    }
}

/// A tree of up to some hundred boxes, of which some were removed.
fn tree(count: u8, thin: u8) -> (Octree, usize) {
    let boxes = |i: u16| {
        let p = Vec3::new(f32::from(i % 17), f32::from(i / 17 % 13), f32::from(i / 221)) * 10.0;
        Aabb::new(p, p + Vec3::splat(f32::from(i % 5) * f32::from(i % 3)))
    };
    let items: Vec<_> = (0..u16::from(count) * 16).map(boxes).zip(0..).collect();
    let mut tree = Octree::build(&items).unwrap();
    let handles: Vec<Handle> = tree.handles().collect();
    for handle in handles.iter().step_by(usize::from(thin % 8) + 1).skip(usize::from(thin / 8)) {
        tree.remove(*handle).unwrap();
    }
    let nodes = u32::from_le_bytes(tree.to_bytes()[16..20].try_into().unwrap());
    (tree, nodes as usize)
}

fn everything() -> Aabb {
    Aabb::new(Vec3::splat(-COORDINATE_MAX_M), Vec3::splat(COORDINATE_MAX_M))
}

/// Queries find what testing every box finds.
fn check(tree: &Octree) {
    let items: Vec<(Aabb, u32)> = tree.handles().map(|handle| tree.get(handle).unwrap()).collect();
    assert_eq!(items.len(), tree.len());
    let mut found = Vec::new();
    for part in [everything(), Aabb::new(Vec3::splat(15.0), Vec3::splat(77.0))] {
        let mut expected: Vec<u32> =
            items.iter().filter(|(b, _)| b.intersects(&part)).map(|&(_, item)| item).collect();
        found.clear();
        tree.query().aabb(&part, &mut found);
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
    found.clear();
    tree.query().sphere(&Sphere::new(Vec3::splat(40.0), 30.0), &mut found);
    let near = |(b, _): &&(Aabb, u32)| b.distance_squared(Vec3::splat(40.0)) <= 900.0;
    assert_eq!(found.len(), items.iter().filter(near).count());
    let ray = Ray::new(Vec3::new(-5.0, 12.0, 3.0), Vec3::new(1.0, 0.2, 0.1));
    let _ = tree.query().ray_first(&ray);
}

/// The first two bytes make a tree, the next ones damage it, the last say what happens to it.
pub fn run(bytes: &[u8]) {
    let Some(([count, thin, steps], mut rest)) = bytes.split_first_chunk() else { return };
    let (whole, nodes) = tree(*count, *thin);
    let mut damaged = whole.to_bytes();
    while let Some(damage) = Damage::decode(&mut rest, nodes, damaged.len()) {
        damage.apply(&mut damaged);
    }
    let aligned = AlignedBytes::new(&damaged);
    let Ok(view) = OctreeView::from_bytes(aligned.get()) else { return };
    let mut tree = view.to_octree();
    check(&tree);
    for step in 0..u32::from(*steps) {
        let p = Vec3::splat((step * step % 173) as f32);
        tree.insert(&Aabb::new(p, p + Vec3::ONE), step).unwrap();
        let nth = tree.handles().nth(step as usize * 7 % tree.len()).unwrap();
        match step % 5 {
            0 => assert!(tree.remove(nth).is_ok()),
            1 => assert!(tree.move_to(nth, &Aabb::new(p, p)).is_ok()),
            2 => assert!(tree.maintain(3).blocks <= 3),
            _ => {}
        }
    }
    check(&tree);
}
