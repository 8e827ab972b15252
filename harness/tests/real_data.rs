//! Real elevation, imagery and trajectories, where `FARPLANE_TEST_DATA` says that they are.
#![allow(missing_docs)]

mod common;

use common::succeeds;
use farplane::io::Archive;
use farplane_path::CamPath;
use harness::truth::Truth;
use std::fs;
use std::path::PathBuf;

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("FARPLANE_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: FARPLANE_TEST_DATA is not set");
    }
    folder
}

#[test]
fn three_recorded_paths_fly_over_the_andes() {
    let Some(data) = data() else { return };
    let file = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (world, out) = (at("andes.far"), at("out.cam"));
    let (height, color) = (file("dem/andes_S33W071.tif"), file("imagery/earth-blue-marble.jpg"));
    let args = ["bake", "-o", &world, "--height", &height, "--color", &color, "--props", "1000"];
    let told = succeeds(&args);
    // A degree about 32.5° S: 93,977 × 110,896 m of 1,201 samples each way.
    assert!(told.contains("93977 × 110896 m") && told.contains("1201 × 1201 samples"), "{told}");
    assert!(succeeds(&["verify", &world]).contains("whole"));
    let (_, truth) = Truth::open(&Archive::open(world.as_ref()).unwrap()).unwrap();
    for (from, name, poses, says) in [
        ("tum", "traj/tum_freiburg1_xyz.txt", 3000, "mean speed of 100.0 m/s"),
        ("gpx", "traj/grouse-grind.gpx", 100, "no elevation"),
        ("igc", "traj/glider_discontinuity.igc", 4708, "longest 2207 s"),
    ] {
        let input = file(name);
        let told = succeeds(&["import", "--from", from, &input, "-o", &out, "--fit", &world]);
        assert!(told.contains(says) && told.contains(&format!("{poses} poses read")), "{told}");
        let path = CamPath::parse(&fs::read(&out).unwrap()).unwrap();
        let above = path.poses().iter().map(|p| {
            let p = p.position;
            p.z - truth.height(p.x, p.y).expect("inside the world")
        });
        let lowest = above.fold(f64::MAX, f64::min);
        assert!(lowest > 9.99, "{name}: {lowest} m above the ground");
        assert!(succeeds(&["inspect", &out]).contains("camera path"));
    }
}
