//! Frames over a small world: what is drawn is resident, covers what is wanted, and fits.

mod support;

use farplane::geom::{DQuat, DVec3, View};
use farplane::io::{Device, FaultPlan, HeapPool, PreadQueue, QueueOptions, SimQueue};
use farplane::stream::{Class, State};
use farplane::vt::NO_PAGE;
use farplane::{
    Farplane, Frame, FrameStats, OpenError, Options, PageScratch, Stage, VIEWS_MAX, compose_page,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{FRAME_NS, WORLD, open, options, orbit};

/// The smallest budget, as the error names it.
fn budget_min() -> u64 {
    let queue = SimQueue::new(&WORLD, Device::Nvme, 1, FaultPlan::default());
    match Farplane::open_virtual(&WORLD, queue, options(1)) {
        Err(OpenError::Budget(e)) => e.needed_bytes,
        _ => panic!("a byte is no budget"),
    }
}

/// Pages seen by a view: on a grid over the picture, where the ray meets a plane below the view.
fn sampled(world: &Farplane, view: &View) -> Vec<u32> {
    let index = world.index();
    let focal_px = view.focal_px() as f32;
    let [w, h] = view.viewport_px.map(f64::from);
    let mut samples = Vec::new();
    for i in 0..32 * 18 {
        let ray =
            view.ray((f64::from(i % 32) + 0.5) * w / 32.0, (f64::from(i / 32) + 0.5) * h / 18.0);
        if ray.z >= -1e-3 {
            samples.push(NO_PAGE);
            continue;
        }
        let t = 20.0 / -ray.z;
        let at = view.position + ray * t - index.world.origin;
        let mip = index.mip_at(t as f32, focal_px);
        samples.push(index.page_at(mip, at.x as f32, at.y as f32).map_or(NO_PAGE, |p| p.pack()));
    }
    samples
}

/// Each tile of the finest level that the view touches is covered exactly once, others at most once.
fn check_cover(world: &Farplane, view: &View, frame: &Frame) {
    let (index, grid) = (world.index(), world.index().grid());
    let frustum = view.frustum(index.world.origin);
    let drawn: BTreeSet<u32> = frame.tiles.iter().map(|n| n.index).collect();
    assert_eq!(drawn.len(), frame.tiles.len(), "a tile is drawn twice");
    let [w, h] = grid.dims(0);
    for (x, y) in (0..h).flat_map(|y| (0..w).map(move |x| (x, y))) {
        let node = grid.node(0, x, y).unwrap();
        let covers = (0..grid.levels())
            .filter(|&level| drawn.contains(&grid.ancestor(&node, level).unwrap().index))
            .count();
        let touched = frustum.intersects_aabb(&index.world.terrain.bounds(0, x, y).unwrap());
        assert!(covers <= 1 && (covers == 1 || !touched), "{x} {y} is covered {covers} times");
    }
}

fn check_instances(world: &Farplane, frame: &Frame) {
    let index = world.index();
    let mut seen = BTreeSet::new();
    for d in frame.batches.items() {
        assert_eq!(d.mesh, index.world.instances[d.instance as usize].mesh);
        let unit = index.mesh_unit(d.mesh, d.level);
        assert!(world.is_resident(unit), "{d:?} is drawn but not resident");
        assert!(seen.insert(d.instance), "{d:?} is drawn twice");
    }
}

/// The page table is what the core says, and the lists of the frame what has changed in it.
fn check_pages(world: &Farplane, frame: &Frame, before: &[Option<u32>]) -> Vec<Option<u32>> {
    let index = world.index();
    let slot = |i: u32| world.core().place(index.page_base() + i).and_then(|p| p.slot);
    let slots: Vec<Option<u32>> = (0..index.layout.pages()).map(slot).collect();
    for (i, slot) in (0..).zip(&slots) {
        let page = index.layout.page(i).unwrap();
        let mapped = world.page_table().slot(page).map(|s| u32::from(s.0));
        assert_eq!(mapped, *slot, "{page:?}");
    }
    let mut taken: Vec<u32> = slots.iter().flatten().copied().collect();
    taken.sort_unstable();
    assert!(taken.is_sorted_by(|a, b| a < b), "a slot has two pages");
    let mut mirror = before.to_vec();
    for &page in &frame.pages_unmapped {
        mirror[index.layout.index(page).unwrap() as usize] = None;
    }
    for &(page, slot) in &frame.pages_mapped {
        mirror[index.layout.index(page).unwrap() as usize] = Some(slot);
    }
    assert!(mirror == slots, "the lists of changes lead to what is mapped");
    slots
}

fn check_bytes(world: &Farplane) {
    let (index, mut scratch) = (world.index(), PageScratch::default());
    for unit in (0..index.units.len() as u32).filter(|&u| world.is_resident(u)) {
        let payload = WORLD.read(unit).unwrap();
        let expected = match index.page_of(unit) {
            None => payload,
            Some(page) => {
                let mut out = vec![0; index.layout.page_bytes()];
                let (layout, materials) = (&index.layout, &index.materials);
                compose_page(&payload, page, layout, materials, &mut out, &mut scratch).unwrap();
                out
            }
        };
        assert!(world.bytes(unit) == Some(&expected[..]), "unit {unit}");
    }
}

/// Flies and checks everything on every frame.
fn fly(mut world: Farplane, frames: u64, mut each: impl FnMut(&Farplane, &Frame)) {
    let mut frame = Frame::default();
    let pages = world.index().layout.pages();
    let slot = |i| world.core().place(world.index().page_base() + i).and_then(|p| p.slot);
    let mut slots: Vec<Option<u32>> = (0..pages).map(slot).collect();
    for i in 0..frames {
        // A cut to the other side of the world halfway.
        let view = orbit(&world, if i < frames / 2 { i } else { i + 314 });
        world.update(&[view], i * FRAME_NS, &mut frame);
        assert_eq!(frame.stats.holes, 0, "frame {i}");
        assert!(world.usage_bytes() <= world.options().budget_bytes, "frame {i}");
        assert_eq!(frame.stats.usage_bytes, world.usage_bytes());
        for tile in &frame.tiles {
            assert!(world.is_resident(tile.index), "frame {i}: {tile:?} is drawn but not resident");
        }
        check_cover(&world, &view, &frame);
        check_instances(&world, &frame);
        slots = check_pages(&world, &frame, &slots);
        world.feedback(&sampled(&world, &view));
        each(&world, &frame);
    }
    check_bytes(&world);
}

#[test]
fn every_frame_is_whole_and_within_the_budget() {
    let mut loaded = 0;
    fly(open(options(64 << 20)), 300, |_, frame| loaded += frame.changes.committed.len());
    assert!(loaded > 100, "{loaded} loaded");
}

#[test]
fn every_frame_is_whole_with_the_smallest_budget() {
    let smallest = options(budget_min());
    let mut evicted = 0;
    fly(open(smallest), 600, |_, frame| evicted += frame.changes.evicted.len());
    assert!(evicted > 100, "{evicted} evicted");
}

#[test]
fn every_frame_is_whole_on_a_slow_and_faulty_device() {
    let faults = FaultPlan {
        seed: 9,
        error_per_million: 100_000,
        stall_per_million: 50_000,
        corrupt_per_million: 20_000,
        ..FaultPlan::default()
    };
    let queue = SimQueue::new(&WORLD, Device::Http, 1, faults);
    let world = Farplane::open_virtual(&WORLD, queue, options(2 * budget_min())).unwrap();
    let mut failed = 0;
    fly(world, 300, |_, frame| failed += frame.changes.failed.len());
    assert!(failed > 0);
}

#[test]
fn real_threads_bring_all_that_is_wanted() {
    let queue = PreadQueue::new(&WORLD, QueueOptions::default(), Arc::new(HeapPool::default()));
    let queue = Box::new(queue.unwrap());
    let mut world = Farplane::open(&WORLD, queue, options(64 << 20)).unwrap();
    let (begin, mut frame) = (Instant::now(), Frame::default());
    let view = orbit(&world, 0);
    loop {
        world.update(&[view], begin.elapsed().as_nanos() as u64, &mut frame);
        assert_eq!(frame.stats.holes, 0);
        assert!(world.usage_bytes() <= world.options().budget_bytes);
        let core = world.core();
        if core.counters().loaded_units > 0 && core.loading() == 0 && core.queued() == 0 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    }
    check_bytes(&world);
}

#[test]
fn same_path_gives_the_same_frames_for_any_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut log = Vec::new();
        let world = || open(options(2 * budget_min()));
        pool.install(|| fly(world(), 120, |_, frame| log.push(format!("{frame:?}"))));
        log
    };
    let one = run(1);
    assert!(run(4) == one && run(1) == one);
}

#[test]
fn budget_that_is_too_small_is_an_error_that_names_one_that_works() {
    let needed = budget_min();
    for budget_bytes in [0, 1, needed / 2, needed - 1] {
        let queue = SimQueue::new(&WORLD, Device::Nvme, 1, FaultPlan::default());
        let error = Farplane::open_virtual(&WORLD, queue, options(budget_bytes)).err().unwrap();
        let message = error.to_string();
        assert!(message.contains("at least") && message.lines().count() == 1, "{message}");
        match error {
            OpenError::Budget(e) => {
                assert_eq!((e.budget_bytes, e.needed_bytes), (budget_bytes, needed));
            }
            other => panic!("{other}"),
        }
    }
    assert!(open(options(needed)).usage_bytes() <= needed);
    for pool_share in [-1.0, 0.1, 0.5, 0.9, 7.0] {
        let world = open(Options { pool_share, ..options(needed) });
        assert!(world.usage_bytes() <= needed);
    }
}

/// Views that are none.
fn broken(view: &View) -> Vec<View> {
    let nan = f64::NAN;
    vec![
        View { position: DVec3::new(nan, 0.0, 0.0), ..*view },
        View { position: DVec3::new(0.0, f64::INFINITY, 0.0), ..*view },
        View { rotation: DQuat::from_xyzw(nan, 0.0, 0.0, 1.0), ..*view },
        View { vfov_rad: nan, ..*view },
        View { vfov_rad: 0.0, ..*view },
        View { vfov_rad: 4.0, ..*view },
        View { viewport_px: [0, 720], ..*view },
        View { viewport_px: [1280, 0], ..*view },
    ]
}

#[test]
fn views_that_are_none_are_ignored() {
    let (mut alone, mut among) = (open(options(64 << 20)), open(options(64 << 20)));
    let (mut a, mut b) = (Frame::default(), Frame::default());
    for i in 0..40 {
        let view = orbit(&alone, i);
        let mut views = broken(&view);
        views.insert(i as usize % views.len(), view);
        alone.update(&[view], i * FRAME_NS, &mut a);
        among.update(&views, i * FRAME_NS, &mut b);
        assert_eq!(format!("{a:?}"), format!("{b:?}"), "frame {i}");
    }
    assert!(!a.tiles.is_empty());
    among.update(&broken(&orbit(&alone, 0)), 41 * FRAME_NS, &mut b);
    assert!(b.tiles.is_empty() && b.batches.instances.is_empty() && b.stats.holes == 0);
}

#[test]
fn views_beyond_the_limit_are_ignored() {
    let (mut some, mut many) = (open(options(64 << 20)), open(options(64 << 20)));
    let (mut a, mut b) = (Frame::default(), Frame::default());
    for i in 0..20 {
        let views: Vec<View> =
            (0..VIEWS_MAX as u64 + 3).map(|v| orbit(&some, i + 40 * v)).collect();
        some.update(&views[..VIEWS_MAX], i * FRAME_NS, &mut a);
        many.update(&views, i * FRAME_NS, &mut b);
        assert_eq!(format!("{a:?}"), format!("{b:?}"), "frame {i}");
    }
}

#[test]
fn stages_are_reported_in_order() {
    let mut world = open(options(64 << 20));
    let view = orbit(&world, 0);
    let mut stages = Vec::new();
    world.update_staged(&[view], 0, &mut Frame::default(), &mut |stage| stages.push(stage));
    assert_eq!(stages, Stage::ALL);
}

#[test]
fn what_is_requested_by_hand_stays_until_it_is_released() {
    let mut world = open(options(budget_min()));
    let tile = world.index().world.terrain.index(0, 0, 15).unwrap();
    let page = world.index().page_base();
    let list = [tile, page];
    assert_eq!(world.ready(&list), 0);
    world.request(tile, Class::Critical);
    world.request(page, Class::Low);
    world.request(page, Class::Critical);
    world.request(u32::MAX, Class::Critical);
    let mut frame = Frame::default();
    for i in 0..400 {
        let view = orbit(&world, i);
        world.update(&[view], i * FRAME_NS, &mut frame);
        world.feedback(&sampled(&world, &view));
        if i > 30 {
            assert_eq!(world.ready(&list), 2, "frame {i}");
            assert!(world.bytes(tile).is_some() && world.bytes(page).is_some());
        }
    }
    world.release(tile);
    world.release(page);
    world.release(u32::MAX);
    for i in 400..1400 {
        let view = orbit(&world, i);
        world.update(&[view], i * FRAME_NS, &mut frame);
        world.feedback(&sampled(&world, &view));
    }
    assert!(!world.is_resident(page), "evicted for what is in use");
    assert_eq!(world.core().state(page), State::Absent);
    assert_eq!(world.ready(&[u32::MAX]), 0);
    assert_eq!(world.bytes(u32::MAX), None);
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

/// Half of what the rule asks for at most: kept in every frame, and no coarser than it takes.
#[test]
fn a_limit_of_triangles_is_kept_by_coarser_levels() {
    let most = |triangles_max| {
        let (mut most, mut scale_max) = (0, 0.0f32);
        let options = Options { triangles_max, ..options(64 << 20) };
        fly(open(options), 200, |_, frame| {
            let FrameStats { instance_triangles, lod_scale, lod_coarser, lod_hidden, .. } =
                frame.stats;
            assert!(instance_triangles <= triangles_max);
            assert!(lod_scale >= 1.0 && (lod_scale > 1.0) == (lod_coarser + lod_hidden > 0));
            most = most.max(instance_triangles);
            scale_max = scale_max.max(lod_scale);
        });
        (most, scale_max)
    };
    let (wanted, scale) = most(u64::MAX);
    assert!(wanted > 100 && scale == 1.0, "{wanted} triangles, scale {scale}");
    let (kept, scale) = most(wanted / 2);
    assert!(kept > wanted / 8 && scale > 1.0, "{kept} of {wanted}, scale {scale}");
    // What cannot be is as little as can be.
    let world = open(Options { triangles_max: 1, ..options(64 << 20) });
    let mut least = 0;
    fly(world, 50, |_, frame| least = least.max(frame.stats.instance_triangles));
    assert!(least < wanted / 2, "{least} of {wanted}");
}
