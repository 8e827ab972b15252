use crate::BLOCK;

/// Bits of a Morton code an axis.
const AXIS_BITS: u32 = 21;

/// The order along a Morton curve: near places are near each other in it, so that a block of
/// [`BLOCK`] neighbours is small. `order` is cleared and filled with indices; copy the columns into
/// that order once, when a world is built. Equal places keep their order; a coordinate that is not a
/// number counts as the least.
///
/// O(n log n); the lengths may differ, the shortest counts.
///
/// Source: G. M. Morton, "A computer oriented geodetic data base", IBM, 1966.
pub fn spatial_order([x, y, z]: [&[f32]; 3], order: &mut Vec<u32>) {
    let count = x.len().min(y.len()).min(z.len());
    let bounds = [x, y, z].map(|axis| extent(&axis[..count]));
    // One size of cell for all axes: a flat world keeps square blocks.
    let size =
        bounds.iter().fold(0.0, |a, [low, high]| if high - low > a { high - low } else { a });
    let cells = f64::from((1u32 << AXIS_BITS) - 1);
    let scale = if size > 0.0 { cells / size } else { 0.0 };
    let cell = |v: f32, low: f64| {
        let at = (f64::from(v) - low) * scale;
        // A cast saturates; what is not a number becomes 0.
        if at > cells { cells as u64 } else { at as u64 }
    };
    let code = |i: usize| {
        spread(cell(x[i], bounds[0][0]))
            | spread(cell(y[i], bounds[1][0])) << 1
            | spread(cell(z[i], bounds[2][0])) << 2
    };
    let mut keyed: Vec<(u64, u32)> = (0..count).map(|i| (code(i), i as u32)).collect();
    keyed.sort_unstable();
    order.clear();
    order.extend(keyed.iter().map(|&(_, index)| index));
}

/// Least and largest finite value.
fn extent(column: &[f32]) -> [f64; 2] {
    let finite = column.iter().filter(|v| v.is_finite());
    let grow = |[low, high]: [f32; 2], &v: &f32| {
        [if v < low { v } else { low }, if v > high { v } else { high }]
    };
    let [low, high] = finite.fold([f32::MAX, f32::MIN], grow);
    [f64::from(low), f64::from(high)]
}

/// Puts two zero bits between the lowest 21 bits.
const fn spread(v: u64) -> u64 {
    let v = v & 0x1f_ffff;
    let v = (v | v << 32) & 0x001f_0000_0000_ffff;
    let v = (v | v << 16) & 0x001f_0000_ff00_00ff;
    let v = (v | v << 8) & 0x100f_00f0_0f00_f00f;
    let v = (v | v << 4) & 0x10c3_0c30_c30c_30c3;
    (v | v << 2) & 0x1249_2492_4924_9249
}

/// The blocks that instances lie in, each once where the instances are sorted, for
/// [`Blocks::Listed`](crate::Blocks::Listed). `blocks` is cleared first, and needs room for one an
/// instance at most.
pub fn blocks_of(instances: &[u32], blocks: &mut Vec<u32>) {
    blocks.clear();
    // Every candidate is written and only kept ones are counted: no branch to mispredict.
    blocks.resize(instances.len(), 0);
    let (mut kept, mut last) = (0, u32::MAX);
    for &instance in instances {
        let block = instance / BLOCK as u32;
        blocks[kept] = block;
        kept += usize::from(block != last);
        last = block;
    }
    blocks.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_spread_one_in_three() {
        assert_eq!(spread(0b1011), 0b001_000_001_001);
        assert_eq!(spread(0x1f_ffff).count_ones(), 21);
        assert_eq!(spread(1 << 20), 1 << 60);
    }

    /// The four corners of a square in a plane, and its middle: 0 and 1 along x first, then y.
    #[test]
    fn a_square_is_walked_in_the_shape_of_a_z() {
        let (x, y) = ([1.0, 0.0, 1.0, 0.0, 0.4], [1.0, 1.0, 0.0, 0.0, 0.4]);
        let mut order = vec![7];
        spatial_order([&x, &y, &[5.0; 5]], &mut order);
        assert_eq!(order, [3, 4, 2, 1, 0]);
    }

    #[test]
    fn blocks_come_once() {
        let mut blocks = vec![9];
        blocks_of(&[0, 1, 63, 64, 200, 201, 5], &mut blocks);
        assert_eq!(blocks, [0, 1, 3, 0]);
        blocks_of(&[], &mut blocks);
        assert!(blocks.is_empty());
    }
}
