use crate::Grid;

/// Height above a maximum at which a ray is still looked at more closely: what rounding in a quad
/// could ever lift its surface by.
const MARGIN: f32 = 0.5;

/// The height up to which a ray is to be looked at above a maximum of samples.
#[inline(always)]
pub(crate) fn ceiling(max: u16) -> f32 {
    f32::from(max) + MARGIN
}

/// The ceiling of nothing.
pub(crate) const EMPTY: f32 = f32::NEG_INFINITY;

/// Quads along a side of the smallest piece of a tile that has a maximum of its own.
pub(crate) const BLOCK: u32 = 4;

/// Levels of a tile below its root, down to blocks.
pub(crate) fn depth(grid: &Grid) -> u32 {
    (grid.tile_quads / BLOCK).ilog2()
}

/// Nodes of a complete quadtree above a depth. Node `i` has the children `4i + 1 + c`,
/// `c = 2·north + east`, so the maxima of its children are group `i`.
pub(crate) fn nodes_above(depth: u32) -> usize {
    ((1 << (2 * depth)) - 1) / 3
}

/// Interleaves the bits of a cell's place: its rank among the nodes of its depth.
pub(crate) fn morton(x: u32, y: u32) -> usize {
    let spread = |v: u32| {
        let mut v = u64::from(v);
        v = (v | (v << 8)) & 0x00ff_00ff;
        v = (v | (v << 4)) & 0x0f0f_0f0f;
        v = (v | (v << 2)) & 0x3333_3333;
        (v | (v << 1)) & 0x5555_5555
    };
    (spread(x) | (spread(y) << 1)) as usize
}

/// The largest of a node's children.
pub(crate) fn largest<T: Copy + PartialOrd>(group: &[T; 4]) -> T {
    group.iter().fold(group[0], |max, &v| if v > max { v } else { max })
}

/// Fills a tile's pyramid of maxima and returns the maximum of the whole tile. `valid` is the part
/// of the tile inside the world, in the tile's own quads; no ray looks at what lies outside.
pub(crate) fn build(grid: &Grid, samples: &[u16], valid: [u32; 2], groups: &mut [[u16; 4]]) -> u16 {
    let (depth, stride) = (depth(grid), grid.tile_quads as usize + 1);
    let block_max = |bx: u32, by: u32| {
        let (x0, y0) = (bx * BLOCK, by * BLOCK);
        let (x1, y1) = ((x0 + BLOCK).min(valid[0]), (y0 + BLOCK).min(valid[1]));
        let rows = (y0..=y1).map(|y| &samples[y as usize * stride..][..stride]);
        let samples = rows.flat_map(|row| row.get(x0 as usize..=x1 as usize).unwrap_or_default());
        samples.fold(0, |max, &q| q.max(max))
    };
    if depth == 0 {
        return block_max(0, 0);
    }
    let first = nodes_above(depth);
    let blocks = grid.tile_quads / BLOCK;
    for by in 0..blocks {
        for bx in 0..blocks {
            let child = first + morton(bx, by) - 1;
            groups[child / 4][child % 4] = block_max(bx, by);
        }
    }
    for node in (1..first).rev() {
        groups[(node - 1) / 4][(node - 1) % 4] = largest(&groups[node]);
    }
    largest(&groups[0])
}

/// The level whose blocks are `size` finest quads wide.
pub(crate) fn level_of(size: f32) -> u8 {
    (size as u32 / BLOCK).ilog2() as u8
}
