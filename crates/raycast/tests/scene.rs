//! Tiles go in, come out and replace each other; what cannot be is refused with the numbers.

use farplane_raycast::{Grid, GridError, InsertError, Scene};
use glam::{Vec2, Vec3};

const GRID: Grid = Grid {
    min: Vec2::ZERO,
    spacing: Vec2::ONE,
    quads: [20, 12],
    tile_quads: 4,
    levels: 3,
    base_m: 0.0,
    quantum_m: 1.0,
};

fn tile(height: u16) -> Vec<u16> {
    vec![height; 25]
}

fn height(scene: &Scene<Vec<u16>>, x: f32, y: f32) -> Option<f32> {
    let above = Vec3::new(x, y, 1e5);
    scene.cast(above, -Vec3::Z, f32::INFINITY).map(|h| h.position.z)
}

#[test]
fn a_tile_can_be_seen_until_it_is_removed() {
    let mut scene = Scene::new(GRID).unwrap();
    assert_eq!(height(&scene, 5.0, 5.0), None);
    assert_eq!(scene.insert(0, 1, 1, tile(7)), Ok(None));
    assert_eq!(height(&scene, 5.0, 5.0), Some(7.0));
    assert_eq!(scene.insert(0, 1, 1, tile(9)), Ok(Some(tile(7))));
    assert_eq!(height(&scene, 5.0, 5.0), Some(9.0));
    assert_eq!(scene.len(), 1);
    assert_eq!(scene.remove(0, 1, 1), Some(tile(9)));
    assert_eq!(height(&scene, 5.0, 5.0), None);
    assert!(scene.is_empty());
    assert_eq!(scene.remove(0, 1, 1), None);
}

#[test]
fn a_coarse_tile_gives_way_to_its_children_and_back() {
    let mut scene = Scene::new(GRID).unwrap();
    scene.insert(2, 0, 0, tile(30)).unwrap();
    scene.remove(2, 0, 0).unwrap();
    for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        scene.insert(1, x, y, tile(10 + (2 * y + x) as u16)).unwrap();
    }
    assert_eq!(height(&scene, 3.0, 3.0), Some(10.0));
    assert_eq!(height(&scene, 9.0, 9.0), Some(13.0));
    for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        scene.remove(1, x, y).unwrap();
    }
    scene.insert(2, 0, 0, tile(40)).unwrap();
    assert_eq!(height(&scene, 9.0, 9.0), Some(40.0));
}

#[test]
fn tiles_that_overlap_are_refused_in_both_directions() {
    let mut scene = Scene::new(GRID).unwrap();
    scene.insert(0, 3, 1, tile(1)).unwrap();
    let above =
        InsertError::Overlaps { level: 2, place: [0, 0], other_level: 0, other_place: [3, 1] };
    assert_eq!(scene.insert(2, 0, 0, tile(2)), Err(above));
    scene.remove(0, 3, 1).unwrap();
    scene.insert(2, 0, 0, tile(2)).unwrap();
    let below =
        InsertError::Overlaps { level: 0, place: [3, 1], other_level: 2, other_place: [0, 0] };
    assert_eq!(scene.insert(0, 3, 1, tile(1)), Err(below));
    assert_eq!(height(&scene, 13.0, 5.0), Some(2.0));
}

#[test]
fn what_the_grid_does_not_have_is_refused() {
    let mut scene = Scene::new(GRID).unwrap();
    let error = scene.insert(3, 0, 0, tile(0)).unwrap_err();
    assert_eq!(error, InsertError::Level { level: 3, levels: 3 });
    let error = scene.insert(0, 5, 0, tile(0)).unwrap_err();
    assert_eq!(error, InsertError::Outside { level: 0, place: [5, 0], tiles: [5, 3] });
    assert_eq!(error.to_string(), "tile (5, 0) of level 0 lies outside its 5 × 3 tiles");
    let error = scene.insert(0, 0, 0, vec![0; 24]).unwrap_err();
    assert_eq!(error, InsertError::Samples { expected: 25, found: 24 });
    assert_eq!(scene.remove(9, 0, 0), None);
    assert!(scene.is_empty());
}

#[test]
fn a_grid_that_makes_no_sense_is_refused() {
    let error = |grid: Grid| Scene::<Vec<u16>>::new(grid).unwrap_err();
    let spacing = Vec2::new(1.0, 0.0);
    assert_eq!(error(Grid { spacing, ..GRID }), GridError::Spacing { spacing });
    let quantum_m = f32::INFINITY;
    assert_eq!(error(Grid { quantum_m, ..GRID }), GridError::Quantum { quantum_m });
    for tile_quads in [0, 2, 12, 2048] {
        assert_eq!(error(Grid { tile_quads, ..GRID }), GridError::TileQuads { tile_quads });
    }
    for quads in [[0, 4], [4, 8193], [u32::MAX, 4]] {
        assert_eq!(error(Grid { quads, ..GRID }), GridError::Extent { quads, quads_max: 8192 });
    }
    for levels in [0, 13, u32::MAX] {
        assert_eq!(error(Grid { levels, ..GRID }), GridError::Levels { levels });
    }
    assert!(matches!(error(Grid { base_m: f32::NAN, ..GRID }), GridError::NotFinite { .. }));
}

#[test]
fn the_same_inserts_and_removes_in_any_order_give_the_same_hits() {
    let mut direct = Scene::new(GRID).unwrap();
    let mut detour = Scene::new(GRID).unwrap();
    for i in (0..15).rev() {
        detour.insert(0, i % 5, i / 5, tile(60_000)).unwrap();
    }
    for i in 0..15 {
        direct.insert(0, i % 5, i / 5, tile(i as u16)).unwrap();
        detour.remove(0, i % 5, i / 5).unwrap();
        detour.insert(0, i % 5, i / 5, tile(i as u16)).unwrap();
    }
    for i in 0..200 {
        let origin = Vec3::new((i % 20) as f32, -3.0, 20.0);
        let dir = Vec3::new((i as f32 - 100.0) * 0.01, 1.0, -(i as f32) * 0.02);
        assert_eq!(direct.cast(origin, dir, 1e3), detour.cast(origin, dir, 1e3));
    }
}
