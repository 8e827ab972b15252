//! The schema against hand-counted worlds and hostile bytes.

use farplane_geom::Vec3;
use farplane_world::materials::{Layer, Materials, MipImage, Rule};
use farplane_world::mesh::{self, Mesh, Vertex};
use farplane_world::page::{self, Decal, Page, Recipe};
use farplane_world::{Terrain, TextureLayout, TileNode, UnitKind, World, tile};
use proptest::prelude::*;

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

fn sample_payloads() -> Vec<Vec<u8>> {
    let vertex = Vertex { position: [1.0, 2.0, 3.0], normal: [0, 0, 127, 0], color: [1, 2, 3, 4] };
    let m = mesh::encode(&Mesh { vertices: vec![vertex; 3], indices: vec![0, 1, 2] });
    let plane = vec![7u8; 81];
    let recipe = page::encode_recipe(&Recipe {
        control: 9,
        planes: [&plane; 5],
        decals: vec![Decal { image: 1, mip: 2, opacity: 3, x: -4, y: 5 }],
    });
    let image = MipImage { side: 2, mips: vec![vec![[1; 4]; 4], vec![[2; 4]; 1]] };
    let layer = Layer { rule: Rule::default(), image: image.clone() };
    let materials = Materials { layers: vec![layer], decals: vec![image] }.encode();
    vec![World::example().encode(), m, recipe, materials]
}

#[test]
fn payloads_round_trip() {
    let p = sample_payloads();
    assert_eq!(World::decode(&p[0]).unwrap(), World::example());
    assert_eq!(mesh::encode(&mesh::decode(&p[1]).unwrap()), p[1]);
    let Page::Recipe(r) = page::decode(&p[2], 32).unwrap() else { panic!("a recipe") };
    assert_eq!(page::encode_recipe(&r), p[2]);
    assert_eq!(Materials::decode(&p[3]).unwrap().encode(), p[3]);
    let stored = page::encode_stored(&[9; 32 * 32 * 4]);
    assert_eq!(page::decode(&stored, 32).unwrap(), Page::Stored(&[9; 32 * 32 * 4]));
}

#[test]
fn every_truncation_is_an_error() {
    for (k, p) in sample_payloads().iter().enumerate() {
        for len in 0..p.len() {
            let cut = &p[..len];
            let failed = match k {
                0 => World::decode(cut).is_err(),
                1 => mesh::decode(cut).is_err(),
                2 => page::decode(cut, 32).is_err(),
                _ => Materials::decode(cut).is_err(),
            };
            assert!(failed, "payload {k} cut at {len}");
        }
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
    fn changed_bytes_never_panic(k in 0usize..4, at in 0usize..400, to in any::<[u8; 4]>()) {
        let mut p = sample_payloads()[k].clone();
        let at = at % p.len();
        for (i, b) in to.iter().enumerate().take(p.len() - at) {
            p[at + i] = *b;
        }
        match k {
            0 => { let _ = World::decode(&p); }
            1 => { let _ = mesh::decode(&p); }
            2 => { let _ = page::decode(&p, 32); }
            _ => { let _ = Materials::decode(&p); }
        }
    }
}
