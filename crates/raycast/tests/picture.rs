//! Pictures of things whose depth can be worked out by hand.

use farplane_geom::View;
use farplane_raycast::{Grid, Mesh, Picture, PictureError, Placement, Scene, Surface};
use glam::{DVec3, Vec2, Vec3};

const ORIGIN: DVec3 = DVec3::new(-4.0e6, 5.0e6, 100.0);
const SIZE: [u32; 2] = [61, 35];
const PIXELS: usize = 61 * 35;
const SKY: [u8; 3] = [1, 2, 3];
const LIT: Surface = Surface { color: [200, 100, 50], light: Vec3::Z, ambient: 0.25 };

/// 128 × 128 m about the origin that rise eastwards by 10 cm a metre, from 0 m.
fn ramp() -> Scene<Vec<u16>> {
    let grid = Grid {
        min: Vec2::splat(-64.0),
        spacing: Vec2::ONE,
        quads: [128, 128],
        tile_quads: 32,
        levels: 1,
        base_m: 0.0,
        quantum_m: 0.1,
    };
    let mut scene = Scene::new(grid).unwrap();
    for (x, y) in (0..16u32).map(|i| (i % 4, i / 4)) {
        let samples = (0..33 * 33).map(|i| (x * 32 + i % 33) as u16).collect();
        scene.insert(0, x, y, samples).unwrap();
    }
    scene
}

fn view() -> View {
    let position = ORIGIN + DVec3::new(-50.0, -10.0, 30.0);
    View::looking(position, DVec3::new(1.0, 0.3, -0.2), 60.0, SIZE)
}

struct Image {
    color: Vec<[u8; 4]>,
    depth: Vec<f32>,
}

impl Image {
    fn new() -> Self {
        Self { color: vec![[0; 4]; PIXELS], depth: vec![f32::INFINITY; PIXELS] }
    }

    fn draw(&mut self, view: &View, draw: impl Fn(&mut Picture)) {
        self.draw_split(view, SIZE[1], draw);
    }

    fn draw_split(&mut self, view: &View, rows: u32, draw: impl Fn(&mut Picture)) {
        let pixels = (rows * SIZE[0]) as usize;
        let pieces = self.color.chunks_mut(pixels).zip(self.depth.chunks_mut(pixels));
        for (i, (color, depth)) in pieces.enumerate() {
            let start = i as u32 * rows;
            let rows = start..(start + rows).min(SIZE[1]);
            draw(&mut Picture::new(view, ORIGIN, rows, color, depth).unwrap());
        }
    }
}

fn render(picture: &mut Picture) {
    picture.render(&ramp(), |hit, pixel| [(hit.t * 2.0) as u8, pixel.x as u8, pixel.y as u8], SKY);
}

#[test]
fn the_depth_of_a_ramp_is_that_of_its_plane() {
    let (view, mut image) = (view(), Image::new());
    image.draw(&view, render);
    let p = view.position - ORIGIN;
    let (mut ground, mut sky) = (0, 0);
    for (i, (&depth, color)) in image.depth.iter().zip(&image.color).enumerate() {
        let (x, y) = (i as u32 % SIZE[0], i as u32 / SIZE[0]);
        let d = view.ray(f64::from(x) + 0.5, f64::from(y) + 0.5);
        // z = (x + 64) / 10.
        let t = (p.z - (p.x + 64.0) * 0.1) / (d.x * 0.1 - d.z);
        let at = p + d * t;
        if t > 0.0 && at.x.abs() < 63.9 && at.y.abs() < 63.9 {
            assert!((f64::from(depth) - t).abs() < 1e-3 * t, "{x} {y}: {depth} {t}");
            assert_eq!(*color, [(depth * 2.0) as u8, x as u8, y as u8, 255]);
            ground += 1;
        } else if t <= 0.0 || at.x.abs() > 64.1 || at.y.abs() > 64.1 {
            assert_eq!((depth, *color), (f32::INFINITY, [1, 2, 3, 255]), "{x} {y}");
            sky += 1;
        }
    }
    assert!(ground > PIXELS / 4 && sky > PIXELS / 4, "{ground} {sky}");
}

#[test]
fn a_picture_does_not_depend_on_how_its_rows_are_split() {
    let (view, mut whole) = (view(), Image::new());
    let mesh = Mesh { positions: &TETRAHEDRON, indices: &[0u16, 1, 2, 0, 1, 3, 0, 2, 3, 1, 2, 3] };
    let placement = Placement { position: Vec3::new(-20.0, 0.0, 6.0), yaw_rad: 0.7, scale: 3.0 };
    let draw = |picture: &mut Picture| {
        render(picture);
        picture.draw_mesh(&mesh, &placement, &LIT);
    };
    whole.draw(&view, draw);
    for rows in [1, 4, 17] {
        let mut pieces = Image::new();
        pieces.draw_split(&view, rows, draw);
        assert!(pieces.color == whole.color);
        assert!(pieces.depth == whole.depth);
    }
}

const TETRAHEDRON: [[f32; 3]; 4] =
    [[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]];

/// A square of 2 × 2 m in the x-z plane.
const SQUARE: [[f32; 3]; 4] =
    [[-1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]];

/// Looks north, one metre at one metre is 10 px.
fn north() -> View {
    let vfov = 2.0 * libm::atan(f64::from(SIZE[1]) * 0.5 / 10.0);
    View { vfov_rad: vfov, ..View::looking(ORIGIN, DVec3::Y, 60.0, SIZE) }
}

#[test]
fn a_square_covers_its_pixels_once_at_its_distance() {
    let view = north();
    for (a, b) in [([0u32, 1, 2], [0u32, 2, 3]), ([2, 1, 0], [2, 0, 3])] {
        let mut images = [a, b].map(|indices| {
            let mut image = Image::new();
            let mesh = Mesh { positions: &SQUARE, indices: &indices };
            let placement =
                Placement { position: Vec3::new(0.0, 2.0, 0.0), yaw_rad: 0.0, scale: 2.0 };
            image.draw(&view, |p| p.draw_mesh(&mesh, &placement, &LIT));
            image.depth
        });
        let [first, second] = &mut images;
        for (i, (a, b)) in first.iter().zip(second.iter()).enumerate() {
            let (x, y) = (i as u32 % SIZE[0], i as u32 / SIZE[0]);
            // 4 m at 2 m are 20 px about the middle at (30.5, 17.5): columns whose centres lie in
            // 20.5..40.5, rows whose centres lie in 7.5..27.5; left and top edges belong to it.
            let inside = (20..40).contains(&x) && (7..27).contains(&y);
            let drawn = u32::from(a.is_finite()) + u32::from(b.is_finite());
            assert_eq!(drawn, u32::from(inside), "{x} {y}");
            assert!(!inside || (a.min(*b) - 2.0).abs() < 1e-6);
        }
    }
}

#[test]
fn light_falls_by_the_cosine_and_on_both_sides() {
    let view = View::looking(ORIGIN + DVec3::Z * 5.0, -DVec3::Z, 60.0, SIZE);
    let below = View::looking(ORIGIN - DVec3::Z * 5.0, DVec3::Z, 60.0, SIZE);
    let flat = TETRAHEDRON.map(|[x, y, _]| [x, y, 0.0]);
    let middle = PIXELS / 2;
    let color = |view: &View, indices: [u16; 3], light: Vec3| {
        let mut image = Image::new();
        let placement = Placement { position: Vec3::ZERO, yaw_rad: 0.0, scale: 1.0 };
        let surface = Surface { light, ..LIT };
        let mesh = Mesh { positions: &flat, indices: &indices };
        image.draw(view, |p| p.draw_mesh(&mesh, &placement, &surface));
        image.color[middle]
    };
    for indices in [[0, 1, 2], [2, 1, 0]] {
        assert_eq!(color(&view, indices, Vec3::Z), [200, 100, 50, 255]);
        // 0.25 + 0.75 · 0.6 = 0.7.
        assert_eq!(color(&view, indices, Vec3::new(0.8, 0.0, 0.6)), [140, 70, 35, 255]);
        assert_eq!(color(&below, indices, Vec3::Z), [50, 25, 13, 255]);
    }
}

#[test]
fn what_is_nearer_hides_what_is_farther_in_any_order() {
    let view = north();
    let mesh = Mesh { positions: &SQUARE, indices: &[0u16, 1, 2, 0, 2, 3] };
    let at = |y: f32| Placement { position: Vec3::new(0.0, y, 0.0), yaw_rad: 0.0, scale: 1.0 };
    let green = Surface { color: [0, 200, 0], ambient: 1.0, ..LIT };
    let red = Surface { color: [200, 0, 0], ambient: 1.0, ..LIT };
    for flip in [false, true] {
        let mut image = Image::new();
        image.draw(&view, |p| {
            let mut both = [(at(2.0), red), (at(4.0), green)];
            if flip {
                both.reverse();
            }
            both.iter().for_each(|(placement, surface)| p.draw_mesh(&mesh, placement, surface));
        });
        assert_eq!(image.color[PIXELS / 2], [200, 0, 0, 255]);
    }
}

#[test]
fn a_floor_that_reaches_behind_the_camera_is_cut_and_not_dropped() {
    let view = north();
    let floor = [[-1e4, -1e4, -1.0], [1e4, -1e4, -1.0], [1e4, 1e4, -1.0], [-1e4, 1e4, -1.0]];
    let mesh = Mesh { positions: &floor, indices: &[0u16, 1, 2, 0, 2, 3] };
    let mut image = Image::new();
    let placement = Placement { position: Vec3::ZERO, yaw_rad: 0.0, scale: 1.0 };
    image.draw(&view, |p| p.draw_mesh(&mesh, &placement, &LIT));
    for (i, depth) in image.depth.iter().enumerate() {
        let below = f64::from(i as u32 / SIZE[0]) + 0.5 - f64::from(SIZE[1]) * 0.5;
        if below > 0.5 {
            // 1 m below the camera, 10 px a metre at one metre, corners rounded to 1/256 px.
            let (expected, tolerance) = (10.0 / below, 1.0 / 256.0 / below + 1e-6);
            let error = (f64::from(*depth) - expected).abs() / expected;
            assert!(error < tolerance, "{depth} {expected}");
        } else if below < -0.5 {
            assert!(depth.is_infinite());
        }
    }
}

#[test]
fn corners_that_are_missing_or_not_finite_draw_nothing() {
    let view = north();
    let positions = [[0.0, 2.0, 0.0], [1.0, 2.0, 0.0], [0.0, 2.0, f32::NAN], [1e38, 1e38, 1e38]];
    let mesh =
        Mesh { positions: &positions, indices: &[0u32, 1, 2, 0, 1, u32::MAX, 0, 0, 1, 0, 1] };
    let mut image = Image::new();
    for scale in [1.0, f32::NAN, f32::INFINITY, 0.0] {
        let placement = Placement { position: Vec3::ZERO, yaw_rad: 0.0, scale };
        image.draw(&view, |p| p.draw_mesh(&mesh, &placement, &LIT));
    }
    assert!(image.depth.iter().all(|d| d.is_infinite()));
}

#[test]
fn rows_and_buffers_must_fit() {
    let view = north();
    let (mut color, mut depth) = (vec![[0; 4]; 122], vec![0.0; 122]);
    let error = Picture::new(&view, ORIGIN, 34..36, &mut color, &mut depth).unwrap_err();
    assert_eq!(error, PictureError::Rows { start: 34, end: 36, height: 35 });
    let error = Picture::new(&view, ORIGIN, 0..3, &mut color, &mut depth).unwrap_err();
    assert_eq!(error, PictureError::Buffers { expected: 183, color: 122, depth: 122 });
    assert!(Picture::new(&view, ORIGIN, 33..35, &mut color, &mut depth).is_ok());
}
