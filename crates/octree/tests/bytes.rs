//! Trees as bytes: what was written is read, what is no tree is refused.

#[path = "model/bytes.rs"]
mod bytes;

use bytes::AlignedBytes;
use farplane_geom::{Aabb, Vec3};
use farplane_octree::{FormatError, Handle, Octree, OctreeView, Ray};

/// A lattice of boxes, of which some were removed and others came after.
fn tree() -> Octree {
    let boxes = |count: u16| {
        (0..count).map(|i| {
            let p = Vec3::new(f32::from(i % 7), f32::from(i / 7 % 11), f32::from(i / 77)) * 10.0;
            Aabb::new(p, p + Vec3::splat(f32::from(i % 5) * f32::from(i % 3)))
        })
    };
    let items: Vec<_> = boxes(700).zip(0..).collect();
    let mut tree = Octree::build(&items).unwrap();
    let handles: Vec<_> = tree.handles().collect();
    for handle in handles.iter().step_by(3) {
        tree.remove(*handle).unwrap();
    }
    for (bounds, item) in boxes(90).zip(1000..) {
        tree.insert(&bounds, item).unwrap();
    }
    tree
}

fn everything() -> Aabb {
    Aabb::new(Vec3::splat(-1.0e9), Vec3::splat(1.0e9))
}

#[test]
fn a_view_answers_as_the_tree_and_becomes_one() {
    let mut tree = tree();
    let bytes = AlignedBytes::new(&tree.to_bytes());
    let view = OctreeView::from_bytes(bytes.get()).unwrap();
    let (mut from_tree, mut from_view) = (Vec::new(), Vec::new());
    tree.query().aabb(&everything(), &mut from_tree);
    view.query().aabb(&everything(), &mut from_view);
    assert_eq!(from_tree.len(), tree.len());
    assert_eq!(from_view, from_tree);
    let mut copy = view.to_octree();
    for handle in tree.handles().collect::<Vec<_>>() {
        assert_eq!(view.get(handle), tree.get(handle));
        assert_eq!(copy.remove(handle), tree.remove(handle));
    }
    assert!(copy.is_empty());
}

/// Every tree that operations make is one that is read: built, emptied slab by slab, and filled
/// again a little meanwhile.
#[test]
fn trees_that_grew_and_shrank_are_read() {
    let mut seed = 5u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let count = if cfg!(miri) { 700 } else { 30_000 };
    let mut boxes = |count: usize| -> Vec<(Aabb, u32)> {
        let mut one = |_| {
            let p = Vec3::new(random(4000) as f32, random(4000) as f32, random(50) as f32);
            Aabb::new(p, p + Vec3::splat(0.1 * (1 << random(12)) as f32))
        };
        (0..count).map(&mut one).zip(0..).collect()
    };
    let mut items = boxes(count);
    items.sort_by(|(a, _), (b, _)| a.min.x.total_cmp(&b.min.x));
    let mut tree = Octree::build(&items).unwrap();
    let mut handles: Vec<_> = tree.handles().collect();
    let mut left = count;
    while left > 0 {
        let run = (left / 8).max(1);
        handles.rotate_left(left / 3);
        for handle in handles.drain(..run) {
            tree.remove(handle).unwrap();
        }
        for (bounds, item) in boxes(run / 3) {
            handles.push(tree.insert(&bounds, item).unwrap());
        }
        left = handles.len();
        if left.is_multiple_of(3) {
            tree.maintain(u32::MAX);
        }
        let bytes = AlignedBytes::new(&tree.to_bytes());
        let view = OctreeView::from_bytes(bytes.get()).unwrap();
        assert_eq!(view.len(), left);
    }
}

#[test]
fn pieces_that_are_written_make_up_the_bytes() {
    let tree = tree();
    let mut written = Vec::new();
    tree.write(|piece| {
        written.extend_from_slice(piece);
        Ok::<(), ()>(())
    })
    .unwrap();
    assert_eq!(written, tree.to_bytes());
    assert_eq!(tree.write(|_| Err("full")), Err("full"));
}

#[test]
fn bytes_cut_short_or_too_long_are_refused_with_their_length() {
    let bytes = tree().to_bytes();
    let longer = [&bytes[..], &[0; 64]].concat();
    let expected = bytes.len() as u64;
    for part in [&bytes[..bytes.len() - 1], &bytes[..64], &longer] {
        let part = AlignedBytes::new(part);
        let error = FormatError::Length { bytes: part.get().len() as u64, expected };
        assert_eq!(OctreeView::from_bytes(part.get()).err(), Some(error));
    }
    for length in [0, 63] {
        let part = AlignedBytes::new(&bytes[..length]);
        assert_eq!(OctreeView::from_bytes(part.get()).err(), Some(FormatError::NoOctree));
    }
}

#[test]
fn another_format_version_or_place_is_refused() {
    let mut bytes = tree().to_bytes();
    let shifted = AlignedBytes::new(&[&[0; 4], &bytes[..]].concat());
    let error = FormatError::Misaligned { by: 4 };
    assert_eq!(OctreeView::from_bytes(&shifted.get()[4..]).err(), Some(error));
    bytes[8] = 2;
    let error = FormatError::Version { version: 2, expected: 1 };
    assert_eq!(OctreeView::from_bytes(AlignedBytes::new(&bytes).get()).err(), Some(error));
    bytes[0] = b'f';
    let none = AlignedBytes::new(&bytes);
    assert_eq!(OctreeView::from_bytes(none.get()).err(), Some(FormatError::NoOctree));
}

/// Whatever passes can be asked and changed: a box or a number that is another one is no error.
fn use_it(bytes: &[u8]) -> bool {
    let Ok(view) = OctreeView::from_bytes(bytes) else { return false };
    let mut out = Vec::new();
    view.query().aabb(&everything(), &mut out);
    assert!(out.len() <= view.len());
    let _ = view.query().ray_first(&Ray::new(Vec3::splat(-5.0), Vec3::ONE));
    view.query().nearest(Vec3::ZERO, 5, f32::INFINITY, &mut Vec::new());
    let mut tree = view.to_octree();
    tree.maintain(u32::MAX);
    for handle in tree.handles().collect::<Vec<_>>() {
        tree.move_to(handle, &Aabb::new(Vec3::ONE, Vec3::ONE)).unwrap();
        let point = Vec3::splat(handle.index() as f32);
        tree.insert(&Aabb::new(point, point), 1).unwrap();
        tree.remove(handle).unwrap();
    }
    true
}

#[test]
fn no_change_of_a_byte_does_harm_and_most_are_found() {
    let items: Vec<_> = (0..80u16)
        .map(|i| Vec3::splat(f32::from(i)))
        .zip(0..)
        .map(|(p, item)| (Aabb::new(p, p), item))
        .collect();
    let mut tree = Octree::build(&items).unwrap();
    let first = tree.handles().next().unwrap();
    tree.remove(first).unwrap();
    let good = tree.to_bytes();
    assert!(use_it(AlignedBytes::new(&good).get()));
    let mut refused = 0;
    let step = if cfg!(miri) { 97 } else { 1 };
    for at in (0..good.len()).step_by(step) {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            refused += usize::from(!use_it(AlignedBytes::new(&bytes).get()));
        }
    }
    // Layers, items' numbers, unused lanes and low bits of coordinates may be anything.
    assert!(refused > good.len() / step / 4, "{refused} of {}", good.len() / step * 3);
}

/// Three boxes and a slot that is free again.
fn small_tree() -> (Octree, Handle) {
    let mut tree = Octree::new(everything()).unwrap();
    let at = |x: f32| Aabb::new(Vec3::splat(x), Vec3::splat(x + 1.0));
    let handles: Vec<_> = (0..4u8)
        .map(|i| tree.insert(&at(f32::from(i) * 10.0), 70 + u32::from(i)).unwrap())
        .collect();
    tree.remove(handles[2]).unwrap();
    tree.set_layers(handles[3], 0b101).unwrap();
    (tree, handles[3])
}

/// The file was written by this version of the format; a change of the format needs another version
/// and another file beside it.
#[test]
fn bytes_of_version_1_are_read_and_written_as_ever() {
    let golden = AlignedBytes::new(include_bytes!("golden/v1.octree"));
    let view = OctreeView::from_bytes(golden.get()).unwrap();
    let (tree, last) = small_tree();
    assert_eq!(view.len(), 3);
    assert_eq!(view.get(last), Some((Aabb::new(Vec3::splat(30.0), Vec3::splat(31.0)), 73)));
    let mut out = Vec::new();
    view.query().on_layers(0b100).aabb(&everything(), &mut out);
    assert_eq!(out, [73]);
    assert_eq!(tree.to_bytes(), golden.get());
}

#[test]
#[ignore = "writes the file that the test above reads"]
fn write_the_golden_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1.octree");
    std::fs::write(path, small_tree().0.to_bytes()).unwrap();
}
