//! The least that selection must do: read what it is given. With the widest vectors of the CPU, so
//! that memory is what limits it.
#![allow(unsafe_code)]

use super::scene::Scene;

/// Sums a column in lanes, so that the compiler vectorises it.
#[inline(always)]
fn lanes<T: Copy, const N: usize>(column: &[T], add: impl Fn(u32, T) -> u32) -> u32 {
    let mut sums = [0u32; N];
    let (chunks, rest) = column.as_chunks::<N>();
    for chunk in chunks {
        for (sum, &v) in sums.iter_mut().zip(chunk) {
            *sum = add(*sum, v);
        }
    }
    let rest = rest.iter().fold(0, |sum, &v| add(sum, v));
    sums.iter().fold(rest, |a, &b| a.wrapping_add(b))
}

/// How the columns are walked: memory may like one stream, or several, better.
#[derive(Clone, Copy)]
pub enum Order {
    ColumnByColumn,
    BlockByBlock,
}

#[inline(always)]
fn sum(scene: &Scene, levels: &[u8], with_asset: bool, order: Order) -> u32 {
    let step = match order {
        Order::ColumnByColumn => levels.len().max(1),
        Order::BlockByBlock => 256,
    };
    let float = |sum: u32, v: f32| sum.wrapping_add(v.to_bits());
    let word = |sum: u32, v: [u8; 4]| sum.wrapping_add(u32::from_le_bytes(v));
    let mut total = 0u32;
    for first in (0..levels.len()).step_by(step) {
        let range = first..(first + step).min(levels.len());
        for column in [&scene.x, &scene.y, &scene.z, &scene.radius_m] {
            total = total.wrapping_add(lanes::<f32, 64>(&column[range.clone()], float));
        }
        if with_asset {
            let asset = &scene.asset[range.clone()];
            total = total.wrapping_add(lanes::<u32, 64>(asset, u32::wrapping_add));
        }
        // Four at a time; what is left over one by one.
        let (words, rest) = levels[range].as_chunks::<4>();
        total = total.wrapping_add(lanes::<[u8; 4], 64>(words, word));
        total = rest.iter().fold(total, |sum, &v| sum.wrapping_add(u32::from(v)));
    }
    total
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(scene: &Scene, levels: &[u8], with_asset: bool, order: Order) -> u32 {
    sum(scene, levels, with_asset, order)
}

/// Reads every byte that selection is given: four floats, the asset (where asked for) and the level
/// of each instance, 21 or 17 bytes.
pub fn read_only_sum(scene: &Scene, levels: &[u8], with_asset: bool, order: Order) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: this CPU has AVX2.
        return unsafe { sum_avx2(scene, levels, with_asset, order) };
    }
    sum(scene, levels, with_asset, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_reads_every_column_to_its_end() {
        let mut scene = Scene::new(1, 603, 4000.0);
        let mut levels = vec![0; 603];
        let sum = |scene: &Scene, levels: &[u8], with_asset| {
            let [a, b] = [Order::ColumnByColumn, Order::BlockByBlock]
                .map(|order| read_only_sum(scene, levels, with_asset, order));
            // Words are cut alike: blocks hold a multiple of four.
            assert_eq!(a, b);
            a
        };
        let before = sum(&scene, &levels, true);
        for i in [0, 256, 602] {
            scene.asset[i] += 1;
            scene.radius_m[i] = f32::from_bits(scene.radius_m[i].to_bits() + 1);
        }
        // The first and the last byte of levels; one at the lowest place of its word.
        levels[0] += 1;
        levels[602] += 1;
        assert_eq!(sum(&scene, &levels, true), before.wrapping_add(8));
        let assets: u32 = scene.asset.iter().sum();
        let without = sum(&scene, &levels, false);
        assert_eq!(without, before.wrapping_add(8).wrapping_sub(assets));
    }
}
