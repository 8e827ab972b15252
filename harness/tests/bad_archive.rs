//! Archives that are cut short or have a bit turned: nothing panics, nothing passes for whole.
#![allow(missing_docs)]

mod common;

use common::{Rng, bake_small, small_world};
use farplane::WorldIndex;
use farplane::io::Archive;
use farplane::world::{UnitKind, World};
use harness::truth::Truth;
use rayon::prelude::*;

fn world(archive: &Archive) -> World {
    World::decode(&archive.section(World::SECTION).unwrap()).unwrap()
}

/// One line for people.
fn assert_one_line(error: &dyn std::error::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.lines().count() == 1, "{text:?}");
}

#[test]
fn no_archive_that_was_cut_short_opens() {
    let bytes = std::fs::read(small_world()).unwrap();
    let mut rng = Rng(1);
    // Random lengths, and every length at which a part of the file may end.
    let lengths: Vec<u64> = (0..1000)
        .map(|_| rng.below(bytes.len() as u64))
        .chain([0, 1, 75, 76, 4095, 4096, 4172, 8191, 8192, bytes.len() as u64 - 1])
        .collect();
    lengths.par_iter().for_each(|&length| {
        let cut = bytes[..length as usize].to_vec();
        match Archive::from_bytes(cut) {
            Ok(_) => panic!("{length} of {} bytes opened", bytes.len()),
            Err(error) => assert_one_line(&error),
        }
    });
}

/// What a replay reads: the index, the heights, every unit. `None` when anything is refused.
fn read_all(archive: &Archive) -> Option<Vec<Vec<u8>>> {
    let index = WorldIndex::load(archive).map_err(|e| assert_one_line(&e)).ok()?;
    Truth::load(archive, &index.world).ok()?;
    let entries = 0..=index.world.materials_entry();
    entries.map(|e| archive.read(e).map_err(|e| assert_one_line(&e)).ok()).collect()
}

/// Turns one bit and looks: verify must see it, reading must refuse it or not be touched by it.
/// Whether the archive opened at all.
fn flip(bytes: &[u8], bit: u64, whole: &[Vec<u8>], read_everything: bool) -> bool {
    let mut turned = bytes.to_vec();
    turned[(bit / 8) as usize] ^= 1 << (bit % 8);
    let archive = match Archive::from_bytes(turned) {
        Ok(archive) => archive,
        Err(error) => {
            assert_one_line(&error);
            return false;
        }
    };
    let report = archive.verify(&mut |_, _| ()).unwrap();
    assert!(!report.is_clean(), "bit {bit} was not seen");
    let findings = harness::verify::findings(&archive, &report);
    assert!(!findings.is_empty(), "bit {bit} was seen, but not told: {report:?}");
    if read_everything {
        let same = read_all(&archive).is_none_or(|read| read == whole);
        assert!(same, "bit {bit} changed what is read, and nothing was refused");
    }
    true
}

/// Turns `flips` random bits, one at a time.
fn flip_bits(bytes: &[u8], flips: u64, seed: u64) {
    let whole = read_all(&Archive::from_bytes(bytes.to_vec()).unwrap()).unwrap();
    let mut rng = Rng(seed);
    let bits: Vec<u64> = (0..flips).map(|_| rng.below(bytes.len() as u64 * 8)).collect();
    let opened: usize = bits
        .par_iter()
        .enumerate()
        .map(|(i, &bit)| usize::from(flip(bytes, bit, &whole, i % 10 == 0)))
        .sum();
    // Most bits belong to payloads, which are only looked at when they are read.
    assert!(opened as u64 > flips / 2, "{opened} of {flips} opened");
}

#[test]
fn every_bit_that_turns_is_found() {
    flip_bits(&std::fs::read(small_world()).unwrap(), 2000, 2);
}

#[test]
fn every_bit_that_turns_in_a_bare_world_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.far");
    bake_small(&path, 64.0, 0);
    flip_bits(&std::fs::read(&path).unwrap(), 8000, 3);
}

#[test]
fn every_bit_of_the_superblocks_and_the_directory_is_guarded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.far");
    bake_small(&path, 64.0, 0);
    let bytes = std::fs::read(&path).unwrap();
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    let whole = read_all(&archive).unwrap();
    // The directory lies before the first entry and section.
    let start = (0..archive.entries()).filter_map(|e| archive.extent(e)).map(|e| e.offset).min();
    let start = start.unwrap();
    assert!(start < 200_000, "{start} of {}", bytes.len());
    let superblocks = (0..76).chain(4096..4172);
    let front = (8192..start).step_by(19);
    let bits: Vec<u64> = superblocks.chain(front).map(|byte| byte * 8 + byte % 8).collect();
    bits.par_iter().for_each(|&bit| {
        flip(&bytes, bit, &whole, false);
    });
}

/// The archive with a bit turned in the middle of an entry.
fn damaged(bytes: &[u8], archive: &Archive, entry: u32) -> Archive {
    let extent = archive.extent(entry).unwrap();
    let mut turned = bytes.to_vec();
    turned[extent.offset as usize + extent.stored_bytes as usize / 2] ^= 0x10;
    Archive::from_bytes(turned).unwrap()
}

#[test]
fn a_damaged_unit_is_named_for_what_it_is() {
    let bytes = std::fs::read(small_world()).unwrap();
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    let world = world(&archive);
    let tile = world.terrain.index(0, 1, 0).unwrap();
    for (entry, name) in [
        (tile, "tile 0/1/0"),
        (world.mesh_base() + 6, "mesh 1, level 1"),
        (world.page_base(), "page 0/0/0"),
        (world.materials_entry(), "the materials"),
    ] {
        let archive = damaged(&bytes, &archive, entry);
        let report = archive.verify(&mut |_, _| ()).unwrap();
        let findings = harness::verify::findings(&archive, &report);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with(name), "{findings:?}");
    }
    assert_eq!(world.unit_kind(tile), Some(UnitKind::Tile { level: 0, x: 1, y: 0 }));
}

#[test]
fn the_ground_of_a_damaged_tile_is_that_of_the_coarser_level() {
    let bytes = std::fs::read(small_world()).unwrap();
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    let world = world(&archive);
    let terrain = &world.terrain;
    assert_eq!((terrain.levels, terrain.tiles(0)), (2, [2, 2]));
    let whole = Truth::load(&archive, &world).unwrap();
    assert!(whole.corrupt.is_empty());
    let damaged = damaged(&bytes, &archive, terrain.index(0, 1, 0).unwrap());
    let truth = Truth::load(&damaged, &world).unwrap();
    assert_eq!(truth.corrupt, [[1, 0]]);
    // The coarser level is as far from the truth as its measured error says, and half a quantum.
    let limit = f64::from(terrain.nodes[terrain.index(1, 0, 0).unwrap() as usize].error_m)
        + terrain.quantum_m * 0.5
        + 1e-9;
    let [min, max] = world.extent();
    let size = max - min;
    let mut rng = Rng(4);
    let mut unit = || rng.below(1 << 20) as f64 / (1u64 << 20) as f64;
    let mut differ = 0;
    for _ in 0..10_000 {
        let (u, v) = (unit(), unit());
        let (x, y) = (min.x + size.x * u, min.y + size.y * v);
        let (a, b) = (truth.height(x, y).unwrap(), whole.height(x, y).unwrap());
        let south_east = u >= 0.5 && v < 0.5;
        assert!((a - b).abs() <= if south_east { limit } else { 0.0 }, "{x} {y}: {a} {b}");
        differ += usize::from(a != b);
    }
    assert!(differ > 0, "the tile was read after all");
}
