//! t
mod support;
use support::*;
#[test]
fn t() {
    let t = std::time::Instant::now();
    let w = support::WORLD.clone();
    println!("bake {:?} {}", t.elapsed(), w.file_bytes());
    let t = std::time::Instant::now();
    let mut f = open(options(64 << 20));
    println!("open {:?}", t.elapsed());
    let mut frame = farplane::Frame::default();
    for i in 0..200 {
        let v = orbit(&f, i);
        f.update(&[v], i * FRAME_NS, &mut frame);
        if i % 20 == 0 {
            println!(
                "{:?} tiles {} inst {} {:?}",
                frame.stats,
                frame.tiles.len(),
                frame.instances.len(),
                f.core().counters()
            );
        }
    }
    println!("{:?} {} levels", t.elapsed(), f.index().world.terrain.levels);
    let e = Farplane_err();
    println!("{e}");
}
#[allow(non_snake_case)]
fn Farplane_err() -> String {
    let q = farplane::io::SimQueue::new(
        &WORLD,
        farplane::io::Device::Nvme,
        1,
        farplane::io::FaultPlan::default(),
    );
    farplane::Farplane::open_virtual(&WORLD, q, options(1)).err().unwrap().to_string()
}

#[test]
fn extreme_options_change_how_well_and_never_whether() {
    let usual = options(2 * budget_min());
    for extreme in [
        Options { workers: 0, ..usual },
        Options { predict_frames: 0, prefetch_m: 0.0, feedback_frames: 0, ..usual },
        Options { predict_frames: u32::MAX, ..usual },
        Options { prefetch_m: f32::INFINITY, ..usual },
        Options { prefetch_m: f32::NAN, ..usual },
        Options { prefetch_m: -1.0, ..usual },
        Options { feedback_frames: u32::MAX, ..usual },
        Options { pool_share: f64::NAN, ..usual },
    ] {
        fly(open(extreme), 60, |_, _| ());
    }
}
