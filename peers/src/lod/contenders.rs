//! What a user would write.

use super::scene::Scene;
use farplane_lod::{CULLED, LodRule, LodView};

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
