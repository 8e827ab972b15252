//! Fitting a path to a world.

use farplane_path::{CamPath, DVec2, FitError, FitOptions, FitWorld, fit};

/// A square of 100 m a side at 10 m/s, at 50 m height, far from any world.
const SQUARE: &str = "0 5000000 100 50 0 0 0 1\n10 5000100 100 50 0 0 0 1\n20 5000100 200 50 0 0 0 1\n\
                      30 5000000 200 50 0 0 0 1\n40 5000000 100 50 0 0 0 1\n";

fn path(text: &str) -> CamPath {
    CamPath::parse(text.as_bytes()).unwrap()
}

#[test]
fn the_middle_goes_over_the_centre_and_the_mean_speed_is_the_one_asked_for() {
    let ground = |_: f64, _: f64| Some(700.0);
    let mut world = FitWorld::new(DVec2::splat(-2000.0), DVec2::splat(2000.0), &ground);
    world.center = DVec2::new(100.0, -50.0);
    let (fitted, report) = fit(&path(SQUARE), &world, &FitOptions::default()).unwrap();
    assert!((report.scale - 10.0).abs() < 1e-12 && !report.scaled_down);
    assert!((report.mean_speed_mps - 100.0).abs() < 1e-9);
    // 1,000 m a side about the centre, 10 m above the ground.
    let p: Vec<_> = fitted.poses().iter().map(|p| p.position).collect();
    assert!((p[0].truncate() - DVec2::new(-400.0, -550.0)).length() < 1e-6);
    assert!((p[2].truncate() - DVec2::new(600.0, 450.0)).length() < 1e-6);
    assert!(p.iter().all(|p| (p.z - 710.0).abs() < 1e-9));
    assert_eq!(report.below_ground, 5);
    assert_eq!(fitted.poses()[3].t_ns, 30_000_000_000, "times stay");
}

#[test]
fn a_path_that_would_leave_the_world_is_scaled_down_and_it_says_so() {
    let ground = |_: f64, _: f64| Some(0.0);
    let world = FitWorld::new(DVec2::new(-300.0, -200.0), DVec2::new(300.0, 200.0), &ground);
    let (fitted, report) = fit(&path(SQUARE), &world, &FitOptions::default()).unwrap();
    // Half a side is 50 m; the nearer edge, less 1%, 198 m away.
    assert!((report.scale - 198.0 / 50.0).abs() < 1e-9 && report.scaled_down);
    assert!((report.mean_speed_mps - 39.6).abs() < 1e-9);
    assert!(report.to_string().contains("down, so that it stays in the world"));
    assert!(fitted.poses().iter().all(|p| p.position.y.abs() <= 198.0 + 1e-9));
}

#[test]
fn one_lift_clears_a_ridge_between_two_poses() {
    // A wall 10 m thick, 400 m high, between the poses of a straight flight.
    let ground = |x: f64, _: f64| Some(if (x - 30.0).abs() < 5.0 { 400.0 } else { 0.0 });
    let world = FitWorld::new(DVec2::splat(-2000.0), DVec2::splat(2000.0), &ground);
    let straight = path("0 0 0 0 0 0 0 1\n10 1000 0 100 0 0 0 1\n");
    let options = FitOptions { speed_mps: 100.0, clearance_m: 25.0, drape: false };
    let (fitted, _) = fit(&straight, &world, &options).unwrap();
    let lowest = (0..=10_000u64)
        .map(|k| fitted.sample(k * 1_000_000).position)
        .map(|p| p.z - ground(p.x, p.y).unwrap())
        .fold(f64::MAX, f64::min);
    // Looked at every 2 m on a slope of 1 in 10: at most 0.2 m less.
    assert!((24.8..=25.01).contains(&lowest), "{lowest}");
    let (a, b) = (fitted.poses()[0].position, fitted.poses()[1].position);
    assert!(((b.z - a.z) / (b.x - a.x) - 0.1).abs() < 1e-9, "the shape stays");
}

#[test]
fn cuts_and_gaps_count_neither_as_way_nor_as_time() {
    // 10 m/s, then a cut of 1,000 m, then a gap of 1,000 s without way.
    let text = "0 0 0 0 0 0 0 1\n1 10 0 0 0 0 0 1\n# cut\n2 1010 0 0 0 0 0 1\n3 1020 0 0 0 0 0 1\n\
                1003 1020 0 0 0 0 0 1\n1004 1030 0 0 0 0 0 1\n";
    let ground = |_: f64, _: f64| Some(0.0);
    let world = FitWorld::new(DVec2::splat(-90_000.0), DVec2::splat(90_000.0), &ground);
    let (_, report) = fit(&path(text), &world, &FitOptions::default()).unwrap();
    assert!((report.scale - 10.0).abs() < 1e-9, "{report}");
}

#[test]
fn draping_follows_the_ground_and_keeps_the_map() {
    let ground = |x: f64, y: f64| Some(100.0 * (x / 150.0).sin() + 0.2 * y);
    let world = FitWorld::new(DVec2::splat(-2000.0), DVec2::splat(2000.0), &ground);
    let options = FitOptions { drape: true, ..Default::default() };
    let (fitted, report) = fit(&path(SQUARE), &world, &options).unwrap();
    assert!(report.draped && report.lift_m < 15.0, "{report}");
    for k in 0..=4000u64 {
        let p = fitted.sample(k * 10_000_000).position;
        let above = p.z - ground(p.x, p.y).unwrap();
        assert!((9.8..90.0).contains(&above), "{above}");
    }
    assert_eq!(fitted.duration_ns(), 40_000_000_000);
}

#[test]
fn what_cannot_be_fitted_says_why() {
    let ground = |_: f64, _: f64| None;
    let world = FitWorld::new(DVec2::splat(-10.0), DVec2::splat(10.0), &ground);
    let still = path("0 1 1 1 0 0 0 1\n1 1 1 1 0 0 0 1\n");
    assert_eq!(fit(&still, &world, &FitOptions::default()), Err(FitError::Still));
    let nan = FitWorld { max: DVec2::NAN, ..world };
    assert!(matches!(
        fit(&path(SQUARE), &nan, &FitOptions::default()),
        Err(FitError::World { .. })
    ));
    let slow = FitOptions { speed_mps: 0.0, ..Default::default() };
    let error = fit(&path(SQUARE), &world, &slow).unwrap_err().to_string();
    assert!(error.starts_with("speed is 0; give"), "{error}");
    // Nothing known about the ground: the path stays at its height.
    let (_, report) = fit(&path(SQUARE), &world, &FitOptions::default()).unwrap();
    assert_eq!(report.lift_m, 0.0);
}
