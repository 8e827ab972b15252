//! Tiling materials and decal images, from the seed.

use crate::noise::{hash2, noise2, periodic2, seed_for, unit};
use farplane_composite::{box_mip, premultiply};
use farplane_world::materials::{Layer, Materials, MipImage, Rule};

/// Side of a material, texels.
const SIDE: u32 = 256;

/// Sides of the decal images, texels.
pub(crate) const DECAL_SIDES: [u32; 8] = [64, 64, 64, 64, 128, 128, 32, 32];

struct Recipe {
    color: [f32; 3],
    /// Strength of five octaves, from 32 texels down to 2, in steps of 8 bits.
    octaves: [f32; 5],
    rule: Rule,
}

const fn rule(height: [u8; 2], height_fade: u8, slope: [u8; 2], slope_fade: u8) -> Rule {
    Rule { height, height_fade, slope, slope_fade }
}

/// Grass (which also shows where no rule holds), soil, rock, scree, sand, snow.
const LAYERS: [Recipe; 6] = [
    Recipe {
        color: [88.0, 106.0, 60.0],
        octaves: [10.0, 12.0, 16.0, 24.0, 30.0],
        rule: rule([8, 150], 36, [0, 80], 36),
    },
    Recipe {
        color: [122.0, 100.0, 74.0],
        octaves: [14.0, 14.0, 14.0, 18.0, 22.0],
        rule: rule([6, 165], 30, [84, 120], 34),
    },
    Recipe {
        color: [122.0, 119.0, 114.0],
        octaves: [34.0, 30.0, 24.0, 20.0, 16.0],
        rule: rule([0, 255], 0, [140, 255], 34),
    },
    Recipe {
        color: [140.0, 134.0, 126.0],
        octaves: [12.0, 16.0, 30.0, 44.0, 34.0],
        rule: rule([150, 215], 36, [40, 136], 30),
    },
    Recipe {
        color: [174.0, 158.0, 122.0],
        octaves: [10.0, 10.0, 8.0, 8.0, 18.0],
        rule: rule([0, 5], 9, [0, 50], 24),
    },
    Recipe {
        color: [226.0, 230.0, 236.0],
        octaves: [9.0, 7.0, 6.0, 5.0, 7.0],
        rule: rule([205, 255], 20, [0, 120], 40),
    },
];

/// All materials of a world. `neutral`: their means are 128 in every channel, so that imagery keeps
/// its colours; otherwise they have their own.
pub(crate) fn materials(seed: u64, neutral: bool) -> Materials {
    let layers = LAYERS.iter().enumerate().map(|(k, recipe)| Layer {
        rule: recipe.rule,
        image: tiling(recipe, neutral, seed_for(seed, 60 + k as u32)),
    });
    let decals = DECAL_SIDES.iter().enumerate().map(|(k, side)| {
        let mut image = decal(k as u32, *side, seed_for(seed, 80 + k as u32));
        premultiply(&mut image);
        with_mips(*side, image)
    });
    Materials { layers: layers.collect(), decals: decals.collect() }
}

fn tiling(recipe: &Recipe, neutral: bool, seed: u32) -> MipImage {
    let color = if neutral { [128.0; 3] } else { recipe.color };
    let mut planes: Vec<[f32; 3]> = Vec::with_capacity((SIDE * SIDE) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let mut light = 0.0;
            let mut hue = 0.0;
            for (k, strength) in recipe.octaves.iter().enumerate() {
                let cells = 8 << k;
                let at = |v: u32| (v as f32 + 0.5) * cells as f32 / SIDE as f32;
                let n = periodic2(at(x), at(y), cells, seed.wrapping_add(k as u32));
                light += strength * n * 1.6;
                hue += n * 0.03;
            }
            planes
                .push([0, 1, 2].map(|c| {
                    color[c] + light * color[c] / 128.0 + [6.0, 0.0, -6.0][c] * hue * 4.0
                }));
        }
    }
    // Centred, so that the mean is the colour whatever the noise adds up to.
    let count = planes.len() as f32;
    let mean =
        [0, 1, 2].map(|c| planes.iter().map(|p| f64::from(p[c])).sum::<f64>() as f32 / count);
    let byte = |p: &[f32; 3], c: usize| (p[c] - mean[c] + color[c] + 0.5).clamp(0.0, 255.0) as u8;
    let pixels = planes.iter().map(|p| [byte(p, 0), byte(p, 1), byte(p, 2), 255]).collect();
    with_mips(SIDE, pixels)
}

fn with_mips(side: u32, pixels: Vec<[u8; 4]>) -> MipImage {
    let mut mips = vec![pixels];
    let mut s = side as usize;
    while s > 1 {
        let mut next = vec![[0; 4]; s / 2 * (s / 2)];
        let halved = box_mip(&mips[mips.len() - 1], s, s, &mut next);
        debug_assert!(halved.is_ok(), "sides are powers of two");
        mips.push(next);
        s /= 2;
    }
    MipImage { side, mips }
}

/// One decal, straight alpha: blotches, craters, stones and a worn track.
fn decal(kind: u32, side: u32, seed: u32) -> Vec<[u8; 4]> {
    let half = side as f32 / 2.0;
    let mut out = Vec::with_capacity((side * side) as usize);
    for y in 0..side {
        for x in 0..side {
            let (dx, dy) = ((x as f32 + 0.5 - half) / half, (y as f32 + 0.5 - half) / half);
            let wobble = 0.28 * noise2(dx * 2.5 + 9.0, dy * 2.5 + 9.0, seed)
                + 0.12 * noise2(dx * 9.0, dy * 9.0, seed ^ 1);
            let r = (dx * dx + dy * dy).sqrt() + wobble;
            let speck = unit(hash2(x as i32, y as i32, seed)) - 0.5;
            let (light, alpha) = match kind % 4 {
                0 => (70.0 + 26.0 * speck, 1.15 - 1.5 * r),
                1 => {
                    let rim = 1.0 - ((r - 0.62) / 0.16).abs();
                    (84.0 + 70.0 * rim.max(0.0) + 16.0 * speck, 3.2 - 4.0 * r)
                }
                2 => {
                    let stone = noise2(dx * 7.0, dy * 7.0, seed ^ 2) * 3.0;
                    (150.0 + 30.0 * speck + 20.0 * stone, (stone - 0.2) * (1.6 - 1.8 * r))
                }
                _ => {
                    let across = (dy + 0.35 * noise2(dx * 1.7, 3.5, seed)).abs();
                    (126.0 + 24.0 * speck, (1.1 - 4.0 * across) * (1.3 - 1.5 * dx.abs()))
                }
            };
            let edge = dx.abs().max(dy.abs());
            let alpha = alpha.clamp(0.0, 0.9) * ((1.0 - edge) * 6.0).clamp(0.0, 1.0);
            let c = |scale: f32| (light * scale).clamp(0.0, 255.0) as u8;
            out.push([c(1.08), c(0.98), c(0.82), (alpha * 255.0 + 0.5) as u8]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutral_materials_average_to_128_and_repeat_without_a_seam() {
        for layer in materials(5, true).layers {
            let top = layer.image.mips.last().unwrap()[0];
            assert!(top[..3].iter().all(|c| c.abs_diff(128) <= 6), "{top:?}");
            // Across the edge neighbouring texels differ no more than they do inside.
            let at = |x: u32, y: u32| i32::from(layer.image.mips[0][(y * SIDE + x) as usize][1]);
            let step = |a: u32, b: u32| (0..SIDE).map(|y| (at(a, y) - at(b, y)).abs()).sum::<i32>();
            let inside = (0..SIDE - 1).map(|x| step(x, x + 1)).max().unwrap();
            assert!(step(SIDE - 1, 0) <= inside);
        }
    }

    #[test]
    fn materials_survive_the_schema_and_decals_are_premultiplied() {
        let m = materials(5, false);
        assert_eq!(Materials::decode(&m.encode()).unwrap(), m);
        for pixel in m.decals.iter().flat_map(|d| &d.mips[0]) {
            assert!(pixel[..3].iter().all(|c| *c <= pixel[3]));
        }
        assert!(m.decals.iter().all(|d| d.mips[0].iter().any(|p| p[3] > 128)));
    }
}
