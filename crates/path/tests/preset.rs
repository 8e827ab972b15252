//! The built-in paths.

use farplane_path::{CamPath, DVec2, DVec3, FitWorld, Preset, RecordError, RecordOptions, record};

fn hills(x: f64, y: f64) -> Option<f64> {
    let inside = x.abs() <= 2048.0 && y.abs() <= 2048.0;
    inside.then(|| 120.0 * (x / 300.0).sin() * (y / 410.0).cos() + 25.0 * (x / 45.0).sin())
}

fn world() -> FitWorld<'static> {
    FitWorld::new(DVec2::splat(-2048.0), DVec2::splat(2048.0), &hills)
}

fn recorded(preset: Preset, seed: u64) -> CamPath {
    record(preset, &world(), &RecordOptions { seed, ..Default::default() }).unwrap()
}

/// The camera at 60 Hz.
fn frames(path: &CamPath) -> Vec<farplane_path::Sample> {
    let count = path.duration_ns() * 60 / 1_000_000_000;
    (0..=count).map(|i| path.sample(i * 1_000_000_000 / 60)).collect()
}

fn above(p: DVec3) -> f64 {
    p.z - hills(p.x, p.y).unwrap()
}

/// Largest turn of a direction between two steps of `every` frames, radians.
fn sharpest(directions: &[DVec3], every: usize) -> f64 {
    let turn = |w: (&DVec3, &DVec3)| w.0.normalize().dot(w.1.normalize()).clamp(-1.0, 1.0).acos();
    directions.iter().zip(&directions[every..]).map(turn).fold(0.0, f64::max)
}

#[test]
fn a_flyover_is_fast_turning_smooth_and_never_low() {
    for seed in 0..8 {
        let path = recorded(Preset::Flyover, seed);
        assert_eq!(path.duration_ns(), 60_000_000_000);
        let frames = frames(&path);
        let mut heights = 0.0;
        for f in &frames {
            let (p, look) = (f.position, f.rotation * DVec3::Z);
            assert!(p.abs().truncate().max_element() <= 2048.0 * 0.8 + 1e-6, "10% inside");
            assert!(above(p) >= 30.0 - 1e-3, "{}", above(p));
            assert!(look.z < -0.05 && look.z > -0.3, "{}", look.z);
            heights += above(p) / frames.len() as f64;
        }
        assert!((80.0..150.0).contains(&heights), "{heights}");
        let steps: Vec<DVec3> =
            frames.windows(2).map(|w| (w[1].position - w[0].position) * 60.0).collect();
        for s in &steps {
            // Linear interpolation cuts corners by less than 0.1%.
            assert!((s.truncate().length() - 100.0).abs() < 0.2, "{}", s.truncate().length());
        }
        // No kinks: what the direction turns in a frame follows from the bends (400 m radius are
        // 0.25 rad/s); and it does turn.
        assert!(sharpest(&steps, 2) < 0.03, "{}", sharpest(&steps, 2));
        let looks: Vec<DVec3> = frames.iter().map(|f| f.rotation * DVec3::Z).collect();
        assert!(sharpest(&looks, 1) < 0.03);
        let turned: f64 = steps.windows(2).map(|w| w[0].angle_between(w[1])).sum();
        assert!(turned > 3.0, "{turned}");
    }
}

#[test]
fn an_orbit_goes_round_the_centre_once_and_looks_at_it() {
    let path = recorded(Preset::Orbit, 3);
    let frames = frames(&path);
    for f in &frames {
        let target = DVec3::new(0.0, 0.0, hills(0.0, 0.0).unwrap());
        let look = f.rotation * DVec3::Z;
        assert!(look.dot((target - f.position).normalize()) > 0.9999);
        assert!(above(f.position) > 29.0);
    }
    let (a, b) = (frames[0].position, frames[frames.len() - 1].position);
    assert!(a.distance(b) < 1e-6, "closed");
    assert!(path.length_m() / 60.0 < 100.1);
}

#[test]
fn a_sprint_is_low_and_turns_its_head_quickly() {
    let path = recorded(Preset::Sprint, 5);
    let frames = frames(&path);
    for f in &frames {
        let h = above(f.position);
        assert!((7.9..20.0).contains(&h), "{h}");
        assert!((f.rotation * DVec3::X).z.abs() < 0.01, "level horizon");
    }
    let way: f64 = frames
        .windows(2)
        .map(|w| w[0].position.truncate().distance(w[1].position.truncate()))
        .sum();
    assert!((way / 60.0 - 12.0).abs() < 0.05, "{}", way / 60.0);
    let looks: Vec<DVec3> = frames.iter().map(|f| f.rotation * DVec3::Z).collect();
    // Somewhere more than 60° in a third of a second.
    assert!(sharpest(&looks, 20) > 1.0, "{}", sharpest(&looks, 20));
}

#[test]
fn a_teleport_cuts_every_five_seconds_and_lands_elsewhere() {
    let path = recorded(Preset::Teleport, 1);
    assert_eq!(path.cuts().len(), 11);
    for (n, &cut) in path.cuts().iter().enumerate() {
        let (before, after) = (path.poses()[cut as usize - 1], path.poses()[cut as usize]);
        assert_eq!(after.t_ns, (n as u64 + 1) * 5_000_000_000);
        assert!(after.t_ns - before.t_ns <= 1_000, "stands still for a microsecond at most");
        assert!(before.position.distance(after.position) > 10.0);
    }
    assert!(frames(&path).iter().all(|f| above(f.position) >= 30.0 - 1e-3));
    let far = path.cuts().iter().filter(|&&c| {
        let c = c as usize;
        path.poses()[c].position.distance(path.poses()[c - 1].position) > 500.0
    });
    assert!(far.count() >= 8);
}

#[test]
fn a_seed_gives_one_path_and_another_seed_another() {
    for preset in Preset::ALL {
        assert_eq!(Preset::from_name(preset.name()), Some(preset));
        assert_eq!(recorded(preset, 1).hash(), recorded(preset, 1).hash());
        assert_ne!(recorded(preset, 1).hash(), recorded(preset, 2).hash());
    }
}

#[test]
fn large_small_oblong_and_groundless_worlds_have_all_presets() {
    let none = |_: f64, _: f64| None;
    for (min, max) in [
        (DVec2::splat(-50_000.0), DVec2::splat(50_000.0)),
        (DVec2::splat(0.0), DVec2::splat(64.0)),
        (DVec2::new(5e6, 4e6), DVec2::new(5e6 + 500.0, 4e6 + 90_000.0)),
    ] {
        let world = FitWorld::new(min, max, &none);
        for preset in Preset::ALL {
            let path = record(preset, &world, &RecordOptions::default()).unwrap();
            let (low, high) = (min.extend(0.0), max.extend(f64::MAX));
            for p in path.poses() {
                assert!(p.position.cmpge(low).all() && p.position.cmple(high).all(), "{preset:?}");
            }
        }
    }
}

#[test]
fn impossible_recordings_say_why() {
    let tiny = FitWorld::new(DVec2::ZERO, DVec2::splat(10.0), &hills);
    let error = record(Preset::Orbit, &tiny, &RecordOptions::default()).unwrap_err();
    assert!(matches!(error, RecordError::World { .. }));
    for (seconds, hz) in
        [(0.0, 30.0), (f64::NAN, 30.0), (60.0, 0.0), (60.0, 1e9), (86_400.0, 1000.0)]
    {
        let options = RecordOptions { seconds, hz, seed: 1 };
        let error = record(Preset::Flyover, &world(), &options).unwrap_err();
        assert!(matches!(error, RecordError::Option { .. }), "{error}");
    }
}
