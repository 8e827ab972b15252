//! The lattice covers the picture once, and its feedback does not depend on who works it out.

use farplane_geom::View;
use farplane_raycast::{Footprint, Grid, Lattice, Ray, Scene};
use glam::{DVec3, Vec2};

const ORIGIN: DVec3 = DVec3::new(5.0e6, 4.0e6, 0.0);

/// 64 × 64 m about the origin, level at 10 m.
fn plane() -> Scene<Vec<u16>> {
    let grid = Grid {
        min: Vec2::splat(-32.0),
        spacing: Vec2::ONE,
        quads: [64, 64],
        tile_quads: 64,
        levels: 1,
        base_m: 0.0,
        quantum_m: 0.01,
    };
    let mut scene = Scene::new(grid).unwrap();
    scene.insert(0, 0, 0, vec![1000; 65 * 65]).unwrap();
    scene
}

fn view() -> View {
    let position = ORIGIN + DVec3::new(-20.0, 3.0, 25.0);
    View::looking(position, DVec3::new(1.0, 0.2, -0.4), 60.0, [1920, 1080])
}

#[test]
fn the_four_phases_together_have_one_ray_in_every_cell() {
    for (width, height) in [(160, 90), (7, 5), (1, 1)] {
        let lattice = Lattice { width, height };
        let (view, mut rays) = (view(), Vec::new());
        let mut cells = vec![0; (width * height) as usize];
        for phase in 0..4 {
            lattice.rays(&view, ORIGIN, phase, 11, &mut rays);
            assert_eq!(rays.len() as u32, lattice.rows(phase) * lattice.columns(phase));
            for ray in &rays {
                // Back from the direction to the picture.
                let d = ray.dir.as_dvec3();
                let (x, y) = (d.dot(view.right()), d.dot(view.down()));
                assert!((d.dot(view.forward()) - 1.0).abs() < 1e-6);
                let px = |v: f64, size: u32| v * view.focal_px() + f64::from(size) * 0.5;
                let column = px(x, 1920) * f64::from(width) / 1920.0;
                let row = px(y, 1080) * f64::from(height) / 1080.0;
                cells[row as usize * width as usize + column as usize] += 1;
            }
        }
        assert!(cells.iter().all(|&count| count == 1));
    }
}

#[test]
fn the_offsets_of_every_fourth_frame_cover_a_cell_evenly() {
    let lattice = Lattice { width: 2, height: 2 };
    let view = View::looking(DVec3::ZERO, DVec3::Y, 60.0, [200, 200]);
    let mut rays: Vec<Ray> = Vec::new();
    let mut counts = [0; 64];
    for frame in (0..1024).step_by(4) {
        lattice.rays(&view, DVec3::ZERO, 0, frame, &mut rays);
        let d = rays[0].dir;
        let x = f64::from(d.x) * view.focal_px() + 100.0;
        let y = f64::from(-d.z) * view.focal_px() + 100.0;
        counts[(y * 0.08) as usize * 8 + (x * 0.08) as usize] += 1;
    }
    // 256 points in 64 squares: four each would be perfect.
    assert!(counts.iter().all(|count| (2..=6).contains(count)), "{counts:?}");
}

#[test]
fn a_footprint_is_where_the_plane_is() {
    let (scene, view, lattice) = (plane(), view(), Lattice::default());
    let (mut rays, mut footprints) = (Vec::new(), Vec::new());
    lattice.rays(&view, ORIGIN, 2, 5, &mut rays);
    lattice.feedback(&scene, &view, ORIGIN, 2, 5, &mut footprints);
    let expected: Vec<[f64; 4]> = rays
        .iter()
        .filter_map(|ray| {
            let (o, d) = (ray.origin.as_dvec3(), ray.dir.as_dvec3());
            let t = (10.0 - o.z) / d.z;
            let p = o + d * t;
            let inside = t > 0.0 && p.x.abs() < 32.0 && p.y.abs() < 32.0;
            inside.then_some([p.x, p.y, t * d.length(), t / view.focal_px()])
        })
        .collect();
    assert!(expected.len() > 1000);
    assert_eq!(footprints.len(), expected.len());
    for (f, [x, y, distance_m, cone_m]) in footprints.iter().zip(expected) {
        assert!((f64::from(f.x) - x).abs() < 1e-3 && (f64::from(f.y) - y).abs() < 1e-3);
        assert!((f64::from(f.distance_m) - distance_m).abs() < 1e-3);
        assert!((f64::from(f.cone_m) - cone_m).abs() < 1e-6);
        // 1920 × 1080 px over 160 × 90 points.
        assert_eq!(f.pixels, 144.0);
    }
}

#[test]
fn rows_may_be_split_in_any_way() {
    let (scene, view, lattice) = (plane(), view(), Lattice { width: 37, height: 29 });
    for phase in 0..4 {
        let (mut whole, rows): (Vec<Footprint>, u32) = (Vec::new(), lattice.rows(phase));
        lattice.feedback(&scene, &view, ORIGIN, phase, 3, &mut whole);
        assert!(!whole.is_empty());
        for size in [1, 4, 7, rows] {
            let mut pieces = Vec::new();
            for start in (0..rows).step_by(size as usize) {
                let piece = start..start + size;
                lattice.feedback_rows(&scene, &view, ORIGIN, phase, 3, piece, &mut pieces);
            }
            assert_eq!(pieces, whole);
        }
    }
}

#[test]
fn an_empty_lattice_has_no_rays() {
    let (mut rays, mut footprints) = (Vec::new(), Vec::new());
    for lattice in [Lattice { width: 0, height: 9 }, Lattice { width: 9, height: 0 }] {
        lattice.rays(&view(), ORIGIN, 0, 0, &mut rays);
        lattice.feedback(&plane(), &view(), ORIGIN, 0, 0, &mut footprints);
        assert!(rays.is_empty() && footprints.is_empty());
    }
}
