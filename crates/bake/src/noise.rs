//! Gradient noise (Perlin, "Improving Noise", SIGGRAPH 2002) over a hashed integer lattice: only
//! sums and products of floats and integer arithmetic, so that every machine gets the same bits. Departure from
//! the paper: gradients are uniform in a square instead of one of twelve edges.

/// Mixes a word (C. Wellons' `lowbias32`).
pub(crate) fn mix(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x21f0_aaad);
    h ^= h >> 15;
    h = h.wrapping_mul(0xd35a_2d97);
    h ^ (h >> 15)
}

/// Hash of a lattice point.
pub(crate) fn hash2(x: i32, y: i32, seed: u32) -> u32 {
    mix(mix(seed ^ (x as u32).wrapping_mul(0x9e37_79b1)) ^ (y as u32).wrapping_mul(0x85eb_ca77))
}

/// Folds a seed and the number of a purpose into the seed of one noise.
pub(crate) fn seed_for(seed: u64, purpose: u32) -> u32 {
    mix(mix(seed as u32 ^ mix(purpose.wrapping_mul(0x9e37_79b1))) ^ (seed >> 32) as u32)
}

/// A hash as a number in `0..1`, exact in `f32`.
pub(crate) fn unit(h: u32) -> f32 {
    (h >> 8) as f32 * (1.0 / 16_777_216.0)
}

fn gradient(h: u32) -> [f32; 2] {
    let axis = |half: u32| half as u16 as i16 as f32 * (1.0 / 32_768.0);
    [axis(h), axis(h >> 16)]
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

pub(crate) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + t * (b - a)
}

/// Noise at a point, about −0.8 to 0.8 with a standard deviation of 0.25.
pub(crate) fn noise2(x: f32, y: f32, seed: u32) -> f32 {
    periodic2(x, y, i32::MAX, seed)
}

/// Noise that repeats every `period` lattice cells.
pub(crate) fn periodic2(x: f32, y: f32, period: i32, seed: u32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (ix, iy) = (x0 as i32, y0 as i32);
    let (fx, fy) = (x - x0, y - y0);
    let wrap = |i: i32| if period == i32::MAX { i } else { i.rem_euclid(period) };
    let corner = |dx: i32, dy: i32| {
        let [gx, gy] = gradient(hash2(wrap(ix + dx), wrap(iy + dy), seed));
        gx * (fx - dx as f32) + gy * (fy - dy as f32)
    };
    let (u, v) = (fade(fx), fade(fy));
    let south = lerp(corner(0, 0), corner(1, 0), u);
    let north = lerp(corner(0, 1), corner(1, 1), u);
    lerp(south, north, v)
}

/// Noise on a surface in space: the mean of three plane noises, cheap and without poles.
pub(crate) fn noise3(p: [f32; 3], seed: u32) -> f32 {
    let n = noise2(p[0] + 0.37 * p[2], p[1], seed)
        + noise2(p[1] + 0.37 * p[0], p[2], seed ^ 0x5bd1)
        + noise2(p[2] + 0.37 * p[1], p[0], seed ^ 0xa7e5);
    n * 0.6
}

/// Adds one octave to a row of samples that lie `1 / cell` lattice cells apart, row `y` from the
/// lattice's origin: the same values as [`noise2`] at `(i / cell, y / cell)` times `amplitude`, but
/// with the hashes taken once a cell, so that what is left vectorises.
pub(crate) fn add_octave(out: &mut [f32], y: u32, cell: u32, amplitude: f32, seed: u32) {
    let step = 1.0 / cell as f32;
    let iy = (y / cell) as i32;
    let fy = (y % cell) as f32 * step;
    let v = fade(fy);
    // Along a row the noise of a cell's side is linear in x: c + g·fx.
    let side = |ix: i32| {
        let ([sx, sy], [nx, ny]) =
            (gradient(hash2(ix, iy, seed)), gradient(hash2(ix, iy + 1, seed)));
        (lerp(sy * fy, ny * (fy - 1.0), v), lerp(sx, nx, v))
    };
    let mut west = side(0);
    for (ix, chunk) in out.chunks_mut(cell as usize).enumerate() {
        let east = side(ix as i32 + 1);
        for (k, o) in chunk.iter_mut().enumerate() {
            let fx = k as f32 * step;
            let a = west.0 + west.1 * fx;
            let b = east.0 + east.1 * (fx - 1.0);
            *o += amplitude * lerp(a, b, fade(fx));
        }
        west = east;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_octave_is_the_point_noise() {
        for (cell, y) in [(4u32, 0u32), (8, 13), (32, 95)] {
            let mut row = vec![0.0; 257];
            add_octave(&mut row, y, cell, 2.0, 7);
            for (i, got) in row.iter().enumerate() {
                let want = 2.0 * noise2(i as f32 / cell as f32, y as f32 / cell as f32, 7);
                assert!((got - want).abs() < 1e-5, "{i}: {got} {want}");
            }
        }
    }

    #[test]
    fn noise_is_zero_on_the_lattice_and_repeats_with_its_period() {
        assert_eq!(noise2(3.0, -5.0, 1), 0.0);
        for i in 0..50 {
            let (x, y) = (i as f32 * 0.17, i as f32 * 0.29);
            let d = periodic2(x, y, 8, 3) - periodic2(x + 8.0, y + 16.0, 8, 3);
            assert!(d.abs() < 1e-4);
        }
    }
}
