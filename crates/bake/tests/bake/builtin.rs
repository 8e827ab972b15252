use crate::support::{Baked, run, small};
use farplane_bake::{BakeError, BakeOptions, Source, bake};
use farplane_geom::DVec2;
use farplane_world::materials::Materials;
use farplane_world::page::{self, Page};
use farplane_world::{UnitKind, mesh, tile};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn every_entry_of_a_world_is_what_its_index_says() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("w.far");
    let summary = run(&small(out.clone(), 256.0)).unwrap();
    assert!(farplane_io::verify(&out, &mut |_, _| ()).unwrap().is_clean());
    let Baked { archive, world } = Baked::open(&out);
    // 512 quads: 4 × 4, 2 × 2 and 1 tile; 1,024 texels: 64 + 16 + 4 + 1 pages.
    assert_eq!((world.terrain.tile_count(), world.texture.pages), (21, 85));
    assert_eq!(world.meshes.len(), 36);
    assert_eq!(world.instances.len(), 300);
    assert_eq!(archive.entries(), world.unit_count() + 1);
    for unit in 0..world.unit_count() {
        let payload = archive.read(unit).unwrap();
        match world.unit_kind(unit).unwrap() {
            UnitKind::Tile { .. } => assert_eq!(payload.len(), 129 * 129 * 2),
            UnitKind::MeshLevel { mesh, level } => {
                let m = mesh::decode(&payload).unwrap();
                let level = world.meshes[mesh as usize].levels[level as usize];
                assert_eq!(payload.len() as u64, level.bytes());
                assert_eq!(m.indices.len() as u32, level.indices);
            }
            UnitKind::Page { .. } => {
                let Page::Recipe(recipe) = page::decode(&payload, 136).unwrap() else {
                    panic!("a built-in page is a recipe")
                };
                assert_eq!(recipe.control, 35);
            }
        }
    }
    let materials = Materials::decode(&archive.read(world.materials_entry()).unwrap()).unwrap();
    assert!(materials.layers.len() >= 5 && materials.decals.len() == 8);
    let entries = [summary.tiles, summary.mesh_levels, summary.pages, summary.materials];
    assert_eq!(entries.map(|k| k.entries), [21, 36 * 5, 85, 1]);
    assert_eq!(summary.archive_bytes, fs::metadata(&out).unwrap().len());
}

#[test]
fn neighbouring_tiles_share_their_borders_and_parents_take_every_second_sample() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("w.far");
    // Not a whole number of tiles.
    run(&small(out.clone(), 210.0)).unwrap();
    let baked = Baked::open(&out);
    let t = &baked.world.terrain;
    let n = t.tile_quads;
    for level in 0..t.levels {
        let [w, h] = t.tiles(level);
        for (x, y) in (0..h).flat_map(|y| (0..w).map(move |x| (x, y))) {
            let here = baked.tile(level, x, y);
            let at = |p: &[u8], i, j| tile::sample(t, p, i, j).unwrap();
            if x + 1 < w {
                let east = baked.tile(level, x + 1, y);
                assert!((0..=n).all(|j| at(&here, n, j) == at(&east, 0, j)));
            }
            if y + 1 < h {
                let north = baked.tile(level, x, y + 1);
                assert!((0..=n).all(|i| at(&here, i, n) == at(&north, i, 0)));
            }
            if level > 0 {
                let child = baked.tile(level - 1, 2 * x, 2 * y);
                for (i, j) in (0..=n / 2).flat_map(|j| (0..=n / 2).map(move |i| (i, j))) {
                    assert_eq!(at(&here, i, j), at(&child, 2 * i, 2 * j));
                }
            }
        }
    }
}

#[test]
fn tile_errors_are_the_largest_distances_from_the_finest_samples() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("w.far");
    run(&small(out.clone(), 210.0)).unwrap();
    let baked = Baked::open(&out);
    let (t, finest) = (&baked.world.terrain, baked.heights());
    let mut naive = vec![0f64; t.nodes.len()];
    for index in 0..t.tile_count() {
        let (level, x, y) = t.coordinates(index).unwrap();
        let payload = baked.tile(level, x, y);
        let quads = t.tile_quads << level;
        let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
        for gy in y * quads..=((y + 1) * quads).min(t.quads[1]) {
            for gx in x * quads..=((x + 1) * quads).min(t.quads[0]) {
                let scale = f64::from(1 << level);
                let (u, v) = (f64::from(gx - x * quads) / scale, f64::from(gy - y * quads) / scale);
                let surface = t.base_m + tile::surface(t, &payload, u, v).unwrap() * t.quantum_m;
                let sample = finest[gy as usize][gx as usize];
                naive[index as usize] = naive[index as usize].max((surface - sample).abs());
                (lo, hi) = (lo.min(sample), hi.max(sample));
            }
        }
        for (a, b) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            if let Some(c) = level.checked_sub(1).and_then(|l| t.index(l, 2 * x + a, 2 * y + b)) {
                naive[index as usize] = naive[index as usize].max(naive[c as usize]);
            }
        }
        let node = t.nodes[index as usize];
        let want = naive[index as usize];
        assert!((f64::from(node.error_m) - want).abs() < 1e-5, "{level} {x} {y}");
        assert_eq!((t.height_m(node.min_q), t.height_m(node.max_q)), (lo, hi));
    }
    // A level less is a worse ground.
    let root = t.nodes.last().unwrap();
    assert!(root.error_m > t.nodes[t.level_offset(1) as usize].error_m && root.error_m > 0.0);
}

#[test]
fn props_stand_on_the_finest_ground() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("w.far");
    run(&small(out.clone(), 128.0)).unwrap();
    let baked = Baked::open(&out);
    let t = &baked.world.terrain;
    let mut kinds = std::collections::BTreeSet::new();
    for i in &baked.world.instances {
        let place = DVec2::new(f64::from(i.position.x), f64::from(i.position.y));
        let at = (place - t.min) / t.spacing / f64::from(t.tile_quads);
        let (x, y) = (at.x as u32, at.y as u32);
        let quads = (at - DVec2::new(f64::from(x), f64::from(y))) * f64::from(t.tile_quads);
        let ground = tile::surface(t, &baked.tile(0, x, y), quads.x, quads.y).unwrap();
        let ground = t.base_m + ground * t.quantum_m;
        assert!((f64::from(i.position.z) - ground).abs() < 1e-3);
        assert!((0.5..=2.0).contains(&i.scale));
        kinds.insert(i.mesh);
    }
    assert!(kinds.len() > 20);
}

#[test]
fn a_world_without_props_has_no_meshes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("w.far");
    run(&BakeOptions { props: Some(0), ..small(out.clone(), 64.0) }).unwrap();
    let world = Baked::open(&out).world;
    assert_eq!((world.meshes.len(), world.instances.len()), (0, 0));
    // One tile, 2 × 2 pages and one.
    assert_eq!(world.unit_count(), 6);
}

#[test]
fn equal_options_give_equal_bytes_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, threads: usize, seed: u64| {
        let out = folder.path().join(name);
        run(&BakeOptions { threads, seed, ..small(out.clone(), 192.0) }).unwrap();
        fs::read(out).unwrap()
    };
    let one = bytes("one.far", 1, 7);
    assert!(one == bytes("two.far", 2, 7));
    assert!(one == bytes("five.far", 5, 7));
    assert!(one != bytes("other.far", 2, 8));
}

#[test]
fn cancelling_leaves_nothing_new_behind() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("w.far");
    fs::write(&out, b"what was there before").unwrap();
    for stage in ["heights", "errors", "props", "writing"] {
        let cancel = AtomicBool::new(false);
        let reached = AtomicBool::new(false);
        let progress = |p: &farplane_bake::Progress| {
            if p.stage == stage {
                reached.store(true, Ordering::Relaxed);
                cancel.store(true, Ordering::Relaxed);
            }
        };
        let result = bake(&small(out.clone(), 128.0), &progress, &cancel);
        assert!(matches!(result, Err(BakeError::Cancelled)), "{stage}");
        assert!(reached.load(Ordering::Relaxed), "{stage}");
        assert_eq!(fs::read(&out).unwrap(), b"what was there before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{stage}");
    }
}

#[test]
fn impossible_options_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let base = small(folder.path().join("w.far"), 64.0);
    let size = |size_m| BakeOptions { source: Source::Procedural { size_m }, ..base.clone() };
    for (options, expected) in [
        (size(63.0), "size: 63 m was given, it must be at least 64 m"),
        (size(f64::NAN), "size: NaN m was given"),
        (size(f64::INFINITY), "size: inf m was given"),
        (
            size(65_536.0),
            "heights: 131073 × 131073 samples are too many, at most 2147483648 in all",
        ),
        (
            BakeOptions { texels_per_metre: Some(1e9), ..base.clone() },
            "texels per metre: 1000000000",
        ),
        (BakeOptions { texels_per_metre: Some(-1.0), ..base.clone() }, "must be a positive number"),
        (BakeOptions { props: Some(u32::MAX), ..base.clone() }, "props: 4294967295 was given"),
        (
            BakeOptions { out: folder.path().join("no/such/folder/w.far"), ..base.clone() },
            "no/such/folder/w.far",
        ),
    ] {
        let message = run(&options).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains('\n'));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
