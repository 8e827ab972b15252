//! Batches beside a map of lists. The property test and the fuzz target share it.

use farplane_lod::*;
use std::collections::BTreeMap;

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
