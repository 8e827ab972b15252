//! Yardsticks: what must be read, and what a user would write.

use super::scene::Scene;
use farplane_lod::{CULLED, LodRule, LodView};

/// Sums a column in lanes, so that the compiler vectorises it.
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

/// Reads every byte that selection is given: four floats, the asset (where asked for) and the level
/// of each instance, 21 or 17 bytes. A block at a time, as selection reads them.
pub fn read_only_sum(scene: &Scene, levels: &[u8], with_asset: bool) -> u32 {
    const BLOCK: usize = 64;
    let mut total = 0u32;
    let float = |sum: u32, v: f32| sum.wrapping_add(v.to_bits());
    for first in (0..levels.len()).step_by(BLOCK) {
        let range = first..(first + BLOCK).min(levels.len());
        for column in [&scene.x, &scene.y, &scene.z, &scene.radius_m] {
            total = total.wrapping_add(lanes::<f32, 32>(&column[range.clone()], float));
        }
        if with_asset {
            let asset = &scene.asset[range.clone()];
            total = total.wrapping_add(lanes::<u32, 32>(asset, u32::wrapping_add));
        }
        let byte = |sum: u32, v: u8| sum.wrapping_add(u32::from(v));
        total = total.wrapping_add(lanes::<u8, 32>(&levels[range], byte));
    }
    total
}

/// Ten lines: distance, size, and the levels tried one after the other, with hysteresis. The
/// definition that selection must equal, apart from rounding.
pub fn textbook(scene: &Scene, view: &LodView, rule: &LodRule, levels: &mut [u8]) -> usize {
    let mut changes = 0;
    for (i, level) in levels.iter_mut().enumerate() {
        let (x, y, z) = (
            scene.x[i] - view.position.x,
            scene.y[i] - view.position.y,
            scene.z[i] - view.position.z,
        );
        let distance_m = (x * x + y * y + z * z).sqrt();
        let nearest_m = (distance_m - scene.radius_m[i]).max(0.0);
        let diameter_px = 2.0 * scene.radius_m[i] * view.focal_px / distance_m;
        let errors_m = scene.assets[scene.asset[i] as usize].errors_m();
        let within = |px: f32| {
            errors_m.iter().rposition(|e| e * view.focal_px <= px * nearest_m).unwrap_or(0) as u8
        };
        let limit_px = if *level == CULLED { rule.cull_px() } else { rule.vanish_px() };
        let now = if diameter_px <= limit_px {
            CULLED
        } else if *level == CULLED {
            within(rule.refine_px())
        } else {
            (*level).clamp(within(rule.coarsen_px()), within(rule.refine_px()))
        };
        changes += usize::from(now != *level);
        *level = now;
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_reads_every_byte() {
        let mut scene = Scene::new(1, 200, 4000.0);
        let mut levels = vec![0; 200];
        let before = read_only_sum(&scene, &levels, true);
        for i in [0, 63, 64, 199] {
            levels[i] += 1;
            scene.asset[i] += 1;
            scene.radius_m[i] = f32::from_bits(scene.radius_m[i].to_bits() + 1);
        }
        assert_eq!(read_only_sum(&scene, &levels, true), before.wrapping_add(12));
        assert_eq!(
            read_only_sum(&scene, &levels, false),
            read_only_sum(&scene, &levels, true).wrapping_sub(scene.asset.iter().sum())
        );
    }
}
