//! The schema against hand-counted worlds and hostile bytes.

use farplane_geom::Vec3;
use farplane_world::materials::Rule;
use farplane_world::page::{self, Page};
use farplane_world::{Terrain, TextureLayout, TileNode, UnitKind, World, tile};
use model::{PAGE_TEXELS, Payload};
use proptest::prelude::*;

mod model;

/// 10 × 12 tiles of 128 quads: 10·12 + 5·6 + 3·3 + 2·2 + 1 = 164 tiles in five levels.
fn andes_like() -> World {
    let mut world = World::example();
    world.terrain.quads = [1200, 1500];
    world.terrain.levels = Terrain::levels_for([1200, 1500], 128);
    world.terrain.nodes = vec![TileNode::default(); world.terrain.tile_count() as usize];
    world
}

#[test]
fn tiles_are_numbered_level_by_level() {
    let t = andes_like().terrain;
    assert_eq!(t.levels, 5);
    assert_eq!(t.tile_count(), 164);
    assert_eq!(t.index(0, 9, 11), Some(119));
    assert_eq!(t.index(0, 10, 0), None);
    assert_eq!(t.index(1, 0, 0), Some(120));
    assert_eq!(t.index(4, 0, 0), Some(163));
    assert_eq!(t.coordinates(163), Some((4, 0, 0)));
    assert_eq!(t.coordinates(164), None);
    for i in 0..t.tile_count() {
        let (l, x, y) = t.coordinates(i).unwrap();
        assert_eq!(t.index(l, x, y), Some(i));
    }
}

#[test]
fn the_last_column_of_tiles_is_cut_at_the_valid_extent() {
    let t = andes_like().terrain;
    let b = t.bounds(0, 9, 0).unwrap();
    assert_eq!((b.min.x, b.max.x), (-64.0 + 9.0 * 128.0, -64.0 + 1200.0));
    let root = t.bounds(4, 0, 0).unwrap();
    assert_eq!((root.min.x, root.max.x, root.max.y), (-64.0, 1136.0, 1436.0));
}

#[test]
fn a_texture_of_16384_texels_has_21845_pages() {
    // 128² + 64² + … + 1 = (4^8 − 1) / 3.
    assert_eq!(TextureLayout::new([16_384, 16_384], 128, 4).pages, 21_845);
    // 3 × 2, 2 × 1, 1 × 1.
    assert_eq!(TextureLayout::new([384, 256], 128, 4).pages, 9);
}

#[test]
fn units_are_tiles_then_mesh_levels_then_pages() {
    let w = World::example();
    assert_eq!(w.unit_count(), 1 + 2 + 5);
    assert_eq!(w.unit_kind(1), Some(UnitKind::MeshLevel { mesh: 0, level: 0 }));
    assert_eq!(w.unit_kind(3), Some(UnitKind::Page { index: 0 }));
    assert_eq!(w.unit_kind(7), Some(UnitKind::Page { index: 4 }));
    assert_eq!(w.unit_kind(8), None);
    assert_eq!(w.mesh_unit(0, 1), 2);
}

#[test]
fn the_surface_is_two_triangles_per_quad() {
    let mut w = World::example();
    w.terrain.tile_quads = 8;
    let n = 9;
    let mut q = vec![0u16; n * n];
    q[1] = 10; // south-east corner of the first quad
    let payload: Vec<u8> = q.iter().flat_map(|v| v.to_le_bytes()).collect();
    // Below the diagonal the plane through (0,0,0), (1,0,10), (1,1,0): z = 10·(x − y).
    assert_eq!(tile::surface(&w.terrain, &payload, 0.75, 0.25), Some(5.0));
    assert_eq!(tile::surface(&w.terrain, &payload, 0.25, 0.75), Some(0.0));
    assert_eq!(tile::surface(&w.terrain, &payload, 8.1, 0.0), None);
}

#[test]
fn a_rule_is_full_inside_and_fades_outside() {
    let rule = Rule { height: [100, 200], height_fade: 9, slope: [0, 255], slope_fade: 0 };
    assert_eq!(rule.weight(150, 7), 255);
    assert_eq!(rule.weight(95, 7), (255 - 5 * 255 / 10) as u8);
    assert_eq!(rule.weight(89, 7), 0);
}

#[test]
fn payloads_round_trip() {
    assert_eq!(World::decode(&Payload::World.sample()).unwrap(), World::example());
    for payload in Payload::ALL {
        let bytes = payload.sample();
        assert_eq!(payload.encoded_again(&bytes, PAGE_TEXELS), Some(bytes), "{payload:?}");
    }
    let stored = page::encode_stored(&[9; 32 * 32 * 4]);
    assert_eq!(page::decode(&stored, 32).unwrap(), Page::Stored(&[9; 32 * 32 * 4]));
}

#[test]
fn every_truncation_is_an_error() {
    for payload in Payload::ALL {
        let bytes = payload.sample();
        for len in 0..bytes.len() {
            let again = payload.encoded_again(&bytes[..len], PAGE_TEXELS);
            assert_eq!(again, None, "{payload:?} cut at {len}");
        }
    }
}

#[test]
fn reserved_bytes_are_zero() {
    // World: after version and two texts of 7 and 0 bytes comes the projection's kind, then the
    // centre that a metric projection has not. Mesh: the fourth of a normal. Materials: the last of
    // a rule.
    for (payload, at) in [
        (Payload::World, 4 + (4 + 7) + 4 + 4),
        (Payload::World, 4 + (4 + 7) + 4 + 4 + 15),
        (Payload::Mesh, 8 + 15),
        (Payload::Materials, 8 + 6),
        (Payload::Materials, 8 + 7),
    ] {
        let mut bytes = payload.sample();
        assert_eq!(bytes[at], 0);
        bytes[at] = 1;
        assert_eq!(payload.encoded_again(&bytes, PAGE_TEXELS), None, "{payload:?} at {at}");
    }
}

#[test]
fn nan_and_infinity_are_refused() {
    let mut w = World::example();
    w.instances[0].position = Vec3::new(f32::NAN, 0.0, 0.0);
    assert!(World::decode(&w.encode()).is_err());
    let mut w = World::example();
    w.terrain.spacing.x = f64::INFINITY;
    assert!(World::decode(&w.encode()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_encode_to_the_same(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        model::run(&bytes);
    }
}
