//! A world of 1 km, baked once for each test program.

use farplane::geom::{DVec3, View};
use farplane::io::{Archive, Device, FaultPlan, SimQueue};
use farplane::{Farplane, Options};
use farplane_bake::{BakeOptions, Source, bake};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

/// Large enough that most tiles and pages are not pinned: 16 × 16 tiles, 16 × 16 pages.
pub static WORLD: LazyLock<Arc<Archive>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let options = BakeOptions {
        source: Source::Procedural { size_m: 1024.0 },
        texels_per_metre: Some(2.0),
        props: Some(2000),
        ..BakeOptions::built_in(folder.path().join("world.far"), 7)
    };
    bake(&options, &|_| (), &AtomicBool::new(false)).unwrap();
    // In memory, so that the folder can go.
    Arc::new(Archive::from_bytes(std::fs::read(&options.out).unwrap()).unwrap())
});

/// Options that just hold the world's pinned part and some more.
pub fn options(budget_bytes: u64) -> Options {
    Options { budget_bytes, prefetch_m: 100.0, ..Options::default() }
}

pub fn open(options: Options) -> Farplane {
    let queue = SimQueue::new(&WORLD, Device::Nvme, 1, FaultPlan::default());
    Farplane::open_virtual(&WORLD, queue, options).unwrap()
}

/// Frame time of the paths, ns.
pub const FRAME_NS: u64 = 16_666_667;

/// A view on a circle over the world, looking ahead and down.
pub fn orbit(world: &Farplane, frame: u64) -> View {
    let [min, max] = world.index().world.extent();
    let center = (min + max) * 0.5;
    let turn = farplane::geom::DQuat::from_rotation_z(frame as f64 * 0.01);
    let at = turn * DVec3::X * 300.0;
    let ground = world.height_at(center.x + at.x, center.y + at.y).unwrap();
    let position = DVec3::new(center.x + at.x, center.y + at.y, ground + 20.0);
    View::looking(position, turn * DVec3::new(0.0, 1.0, -0.2), 60.0, [1280, 720])
}
