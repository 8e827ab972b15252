//! Batches beside a map of lists. The property test and the fuzz target share it.

use farplane_lod::*;
use std::collections::{BTreeMap, BTreeSet};

const MESHES: usize = 300;

/// One item to draw; a level or mesh too large is refused.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Draw(DrawItem),
    /// Batches what was drawn, and begins anew.
    Batch,
}

impl Op {
    /// Takes one operation off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let ([kind, a, b, c], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let (mesh, level) = (u32::from(*a) + u32::from(kind & 1) * 45, b % 8);
        Some(match kind % 32 {
            31 => Self::Batch,
            // Now and then what does not exist, and materials far apart.
            30 => Self::Draw(DrawItem { instance: 0, mesh, level: *b, material: u32::MAX }),
            k => {
                let material = u32::from(c % 5) << k;
                let instance = u32::from_le_bytes([*kind, *a, *b, *c]);
                Self::Draw(DrawItem { instance, mesh, level, material })
            }
        })
    }
}

/// What each level of each mesh has, all different.
pub fn ranges() -> Vec<[MeshRange; LODS_MAX]> {
    let range = |mesh: usize, level: usize| MeshRange {
        index_count: 3 * (1000 - mesh as u32) + 3000 * level as u32,
        first_index: (mesh * LODS_MAX + level) as u32 * 10_000,
        base_vertex: mesh as i32 * 7 - 100,
    };
    (0..MESHES).map(|mesh| core::array::from_fn(|level| range(mesh, level))).collect()
}

/// Batches in a map, in the order of their keys.
fn check(batcher: &mut Batcher, items: &[DrawItem], out: &mut Batches) {
    let ranges = ranges();
    let before = out.clone();
    let batched = batcher.batch(items, &ranges, out);
    let is_bad = |i: &DrawItem| i.mesh as usize >= MESHES || usize::from(i.level) >= LODS_MAX;
    if items.iter().any(is_bad) {
        assert!(matches!(batched, Err(LodError::Index { .. })));
        assert_eq!(*out, before);
        return;
    }
    let mut groups: BTreeMap<(u32, u32, u8), Vec<u32>> = BTreeMap::new();
    for item in items {
        groups.entry((item.material, item.mesh, item.level)).or_default().push(item.instance);
    }
    let mut expected = Batches::default();
    let mut stats = BatchStats { instances: items.len() as u64, ..BatchStats::default() };
    for (&(material, mesh, level), instances) in &groups {
        let range = ranges[mesh as usize][usize::from(level)];
        expected.args.push(DrawArgs {
            index_count: range.index_count,
            instance_count: instances.len() as u32,
            first_index: range.first_index,
            base_vertex: range.base_vertex,
            first_instance: expected.instances.len() as u32,
        });
        expected.batches.push(Batch { material, mesh, level });
        expected.instances.extend(instances);
        stats.triangles += u64::from(range.index_count / 3) * instances.len() as u64;
        stats.draw_calls += 1;
    }
    let mut materials: Vec<u32> = groups.keys().map(|&(material, ..)| material).collect();
    materials.dedup();
    stats.multi_draw_calls = materials.len() as u32;
    for material in materials {
        let of = |b: &&Batch| b.material == material;
        let first = expected.batches.iter().position(|b| b.material == material).unwrap() as u32;
        let count = expected.batches.iter().filter(of).count() as u32;
        expected.multi_draws.push(MultiDraw { material, first, count });
    }
    assert_eq!(*out, expected);
    assert_eq!(batched, Ok(stats));
    assert!(out.items().map(|i| key(&i)).eq(sorted(items.to_vec()).iter().map(key)));
    check_slots(items);
}

fn key(i: &DrawItem) -> (u32, u32, u8, u32) {
    (i.material, i.mesh, i.level, i.instance)
}

fn sorted(mut items: Vec<DrawItem>) -> Vec<DrawItem> {
    items.sort_by_key(|i| (i.material, i.mesh, i.level));
    items
}

/// What the slot batcher draws is what the batcher makes of the stand-ins.
fn check_slots(items: &[DrawItem]) {
    let ranges = ranges();
    let meshes: BTreeSet<(u32, u32)> = items.iter().map(|i| (i.material, i.mesh)).collect();
    let slots: Vec<BatchSlot> = meshes
        .iter()
        .flat_map(|&(material, mesh)| {
            (0..LODS_MAX as u8).map(move |level| Batch { material, mesh, level })
        })
        .map(|batch| BatchSlot {
            batch,
            range: ranges[batch.mesh as usize][usize::from(batch.level)],
        })
        .collect();
    // Each level is drawn itself, or by another, or not at all.
    let drawn: Vec<u32> = (0..slots.len() as u32)
        .map(|slot| match slot % 5 {
            3 => slot - 1,
            4 => NO_SLOT,
            _ => slot,
        })
        .collect();
    let first =
        |i: &DrawItem| meshes.range(..(i.material, i.mesh)).count() as u32 * LODS_MAX as u32;
    let first_slots: Vec<u32> = items.iter().map(first).collect();
    let level = |i: &DrawItem| if i.instance.is_multiple_of(7) { CULLED } else { i.level };
    let levels: Vec<u8> = items.iter().map(level).collect();
    let visible: Vec<u32> = (0..items.len() as u32).rev().collect();
    let mut wanted = vec![0; slots.len()];
    let (mut replaced, mut shown) = (Vec::new(), 0);
    for &i in &visible {
        if levels[i as usize] == CULLED {
            continue;
        }
        let slot = (first_slots[i as usize] + u32::from(levels[i as usize])) as usize;
        (wanted[slot], shown) = (wanted[slot] + 1, shown + 1);
        if drawn[slot] != NO_SLOT {
            let Batch { material, mesh, level } = slots[drawn[slot] as usize].batch;
            replaced.push(DrawItem { instance: i, mesh, level, material });
        }
    }
    let mut expected = Batches::default();
    let stats = Batcher::default().batch(&replaced, &ranges, &mut expected).unwrap();
    let (mut batcher, mut out) = (SlotBatcher::default(), Batches::default());
    // Twice, so that what the first time left behind would show.
    for _ in 0..2 {
        batcher.begin(slots.len());
        let (a, b) = visible.split_at(visible.len() / 3);
        batcher.add(a, &levels, &first_slots).unwrap();
        let bad = [b, &[items.len() as u32]].concat();
        let refused = batcher.add(&bad, &levels, &first_slots);
        assert!(matches!(refused, Err(LodError::Index { what: "instance", .. })));
        batcher.add(b, &levels, &first_slots).unwrap();
        assert_eq!((batcher.wanted(), batcher.len()), (&wanted[..], shown));
        assert_eq!(batcher.finish(&drawn, &slots, &mut out), Ok(stats));
        assert_eq!(out, expected);
        let none = &[slots.len() as u32; 1][..slots.len().min(1)];
        assert!(batcher.finish(none, &slots, &mut out).is_err() != slots.is_empty());
        assert_eq!(out, expected);
    }
}

/// Batches what the bytes stand for.
pub fn run(mut bytes: &[u8]) {
    let (mut batcher, mut items, mut out) = (Batcher::default(), Vec::new(), Batches::default());
    while let Some(op) = Op::decode(&mut bytes) {
        match op {
            Op::Draw(item) => items.push(item),
            Op::Batch => {
                check(&mut batcher, &items, &mut out);
                items.clear();
            }
        }
    }
    check(&mut batcher, &items, &mut out);
}
