//! Streams a world into plain vectors: no engine, no entity system, no renderer.
//!
//! `cargo run -p farplane --example plain_vectors`

use farplane::geom::{DVec3, View};
use farplane::io::{Archive, Backend, HeapPool, QueueOptions, open_queue};
use farplane::{Farplane, Frame, Options};
use farplane_bake::{BakeOptions, Source, bake};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const FRAMES: u32 = 180;
const FRAME: Duration = Duration::from_nanos(16_666_667);
const SPEED_MPS: f64 = 40.0;

fn main() -> Result<(), Box<dyn Error>> {
    // A world of 512 m, made from a seed.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("world.far");
    let source = Source::Procedural { size_m: 512.0 };
    let options =
        BakeOptions { source, props: Some(2000), ..BakeOptions::built_in(path.clone(), 1) };
    println!("{}", bake(&options, &|_| (), &AtomicBool::new(false))?);

    // What reads best here reads it, and one thread decodes.
    let archive = Arc::new(Archive::open(&path)?);
    let buffers = Arc::new(HeapPool::default());
    let reader = open_queue(&archive, Backend::Auto, QueueOptions::default(), buffers)?;
    println!("{}", reader.reason);
    let options = Options { budget_bytes: 64 << 20, ..Options::default() };
    let mut world = Farplane::open(&archive, reader.queue, options)?;

    // All that an engine would keep: its cameras, and what the world says about this frame.
    let mut cameras: Vec<View> = vec![start(&world)];
    let mut frame = Frame::default();
    let mut pages_resident: Vec<u32> = Vec::new();
    let begin = Instant::now();
    for i in 0..FRAMES {
        for camera in &mut cameras {
            camera.position.y += SPEED_MPS * FRAME.as_secs_f64();
            let ground = world.height_at(camera.position.x, camera.position.y).unwrap_or(0.0);
            camera.position.z = camera.position.z.max(ground + 2.0);
        }
        world.update(&cameras, begin.elapsed().as_nanos() as u64, &mut frame);

        // Here a renderer draws `frame.tiles` and `frame.batches` from `world.bytes(unit)`, and
        // uploads the pages. This one only looks at the page straight below each camera.
        pages_resident.extend(frame.pages_mapped.iter().map(|&(page, _)| page.pack()));
        pages_resident.retain(|&page| !frame.pages_unmapped.iter().any(|p| p.pack() == page));
        let below = |camera: &View| {
            let at = camera.position - world.index().world.origin;
            world.index().page_at(0, at.x as f32, at.y as f32).map(|page| page.pack())
        };
        let feedback: Vec<u32> = cameras.iter().filter_map(below).collect();
        world.feedback(&feedback);

        if i % 30 == 29 {
            let (stats, counters) = (frame.stats, world.core().counters());
            println!(
                "frame {:3}: {} tiles and {} instances drawn, {} triangles, {} holes; \
                 {} units loaded, {} evicted, {:.1} of {} MiB held",
                i + 1,
                frame.tiles.len(),
                frame.batches.instances.len(),
                stats.triangles,
                stats.holes,
                counters.loaded_units,
                counters.evicted_units,
                stats.usage_bytes as f64 / f64::from(1 << 20),
                options.budget_bytes >> 20,
            );
        }
        std::thread::sleep((FRAME * (i + 1)).saturating_sub(begin.elapsed()));
    }
    println!("{} pages loaded beside the pinned ones", pages_resident.len());
    Ok(())
}

/// In the south of the world, 30 m above the ground, looking north and a little down.
fn start(world: &Farplane) -> View {
    let [min, max] = world.index().world.extent();
    let (x, y) = ((min.x + max.x) * 0.5, min.y + 50.0);
    let z = world.height_at(x, y).unwrap_or(0.0) + 30.0;
    View::looking(DVec3::new(x, y, z), DVec3::new(0.0, 1.0, -0.2), 60.0, [1280, 720])
}
