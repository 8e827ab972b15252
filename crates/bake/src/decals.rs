use crate::materials::DECAL_SIDES;
use crate::noise::{hash2, mix, seed_for, unit};
use farplane_geom::DVec2;
use farplane_world::TextureLayout;
use farplane_world::page::{DECALS_MAX, Decal};

/// Ground for one decal, m².
const AREA_M2: f64 = 40_000.0;
/// Fewest and most decals in a world.
const COUNT: [f64; 2] = [8.0, 600.0];
/// Coarsest texture that has decals, m a texel: theirs are 8 to 32 m at 4 texels a metre.
const TEXEL_MAX_M: f64 = 1.0;
/// Decals lie on multiples of this, so that their mips fall onto whole texels too.
const SNAP: u32 = 16;

/// A decal on the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    image: u16,
    opacity: u8,
    /// South-west texel at mip 0.
    x: u32,
    y: u32,
}

/// Strews decals over a texture.
pub(crate) fn strew(texture: &TextureLayout, texel_m: DVec2, seed: u64) -> Vec<Placed> {
    if texel_m.max_element() > TEXEL_MAX_M {
        return Vec::new();
    }
    let seed = seed_for(seed, 90);
    let [w, h] = texture.texels;
    let area = f64::from(w) * f64::from(h) * texel_m.x * texel_m.y;
    let count = (area / AREA_M2).clamp(COUNT[0], COUNT[1]) as i32;
    let place = |side: u32, texels: u32, h: u32| {
        let steps = (texels - side.min(texels)) / SNAP + 1;
        ((u64::from(h) * u64::from(steps)) >> 32) as u32 * SNAP
    };
    (0..count)
        .map(|i| {
            let random = hash2(i, 0, seed);
            let image = random % DECAL_SIDES.len() as u32;
            let side = DECAL_SIDES[image as usize];
            Placed {
                image: image as u16,
                opacity: (150.0 + 105.0 * unit(mix(random))) as u8,
                x: place(side, w, hash2(i, 1, seed)),
                y: place(side, h, hash2(i, 2, seed)),
            }
        })
        .collect()
}

/// The decals that touch a page or its border, in the order of drawing. `first` is the first border
/// texel in texels of that mip.
pub(crate) fn on_page(
    decals: &[Placed],
    mip: u32,
    first: [i64; 2],
    texels_with_border: u32,
) -> Vec<Decal> {
    let end = first.map(|f| f + i64::from(texels_with_border));
    let mut out = Vec::new();
    for d in decals {
        // Down to images of 2 × 2 texels.
        let side = DECAL_SIDES[usize::from(d.image)] >> mip.min(31);
        if side < 2 {
            continue;
        }
        let round = |v: u32| (i64::from(v) + (1i64 << mip >> 1)) >> mip;
        let (x, y) = (round(d.x), round(d.y));
        let (east, north) = (x + i64::from(side), y + i64::from(side));
        if x < end[0] && y < end[1] && east > first[0] && north > first[1] && out.len() < DECALS_MAX
        {
            out.push(Decal {
                image: d.image,
                mip: mip as u8,
                opacity: d.opacity,
                x: (x - first[0]) as i16,
                y: (y - first[1]) as i16,
            });
        }
    }
    out
}
