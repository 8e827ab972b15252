//! The built-in terrain. Large forms (plains, warped ridges, hills) are made on a lattice of 4 m and
//! carried to the samples by a uniform cubic B-spline, which is smooth to the second derivative;
//! fine octaves, rough on mountains and calm on plains, are added at every sample.

use crate::BakeError;
use crate::grid::{Grid, check_size};
use crate::noise::{add_octave, lerp, noise2, seed_for};
use crate::run::Run;
use farplane_geom::{DVec2, DVec3, Projection};
use rayon::prelude::*;

/// Distance of samples, m.
const SPACING_M: f64 = 0.5;
/// Samples between points of the coarse lattice, and its spacing in metres.
const COARSE: usize = 8;
const COARSE_M: f32 = 4.0;
/// Heights are kept in steps of 1/64 m from here on: up to 1,023 m.
const BASE_M: f32 = 0.0;
const QUANTA_PER_M: f32 = 64.0;
/// Cells of the fine octaves in samples, and their amplitudes in metres at full roughness.
const FINE: [(u32, f32); 5] = [(64, 1.6), (32, 0.8), (16, 0.4), (8, 0.2), (4, 0.1)];
/// Smallest world: one tile.
const SIZE_MIN_M: f64 = 64.0;

/// Bakes the heights of a square world.
pub(crate) fn procedural(size_m: f64, seed: u64, run: &Run<'_>) -> Result<Grid, BakeError> {
    if !size_m.is_finite() || size_m < SIZE_MIN_M {
        return Err(BakeError::Option {
            option: "size",
            given: format!("{size_m} m"),
            allowed: format!("at least {SIZE_MIN_M} m"),
        });
    }
    let side = (size_m / SPACING_M).round().min(1e15) as u64 + 1;
    let size = check_size([side, side])?;
    let coarse = Coarse::new(size[0] as usize, seed, run)?;
    let fine_seed = seed_for(seed, 20);
    let width = size[0] as usize;
    let mut heights = vec![0u16; width * width];
    let rows = 64;
    let mut done = 0;
    for (band, out) in heights.chunks_mut(width * rows).enumerate() {
        out.par_chunks_mut(width).enumerate().for_each_init(
            Scratch::default,
            |scratch, (r, row)| {
                coarse.row(band * rows + r, fine_seed, scratch, row);
            },
        );
        done += (out.len() / width) as u64;
        run.progress("heights", done, u64::from(size[1]))?;
    }
    Ok(Grid {
        size,
        heights,
        base_m: f64::from(BASE_M),
        quantum_m: 1.0 / f64::from(QUANTA_PER_M),
        spacing: DVec2::splat(SPACING_M),
        min: DVec2::splat(-0.5 * SPACING_M * (side - 1) as f64),
        origin: DVec3::ZERO,
        projection: Projection::Metric,
        crs: String::new(),
        source: format!("built-in terrain, seed {seed}, {:.0} m", size_m),
        filled_voids: 0,
    })
}

/// The coarse lattice, with one point before the first sample and three after the last.
struct Coarse {
    width: usize,
    /// Height, m, and roughness, 0 to 1.
    points: Vec<[f32; 2]>,
}

#[derive(Default)]
struct Scratch {
    columns: Vec<[f32; 2]>,
    fine: Vec<f32>,
}

impl Coarse {
    fn new(samples: usize, seed: u64, run: &Run<'_>) -> Result<Self, BakeError> {
        let width = samples.div_ceil(COARSE) + 4;
        let mut points = vec![[0.0; 2]; width * width];
        let forms = Forms::new(seed);
        points.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            for (x, p) in row.iter_mut().enumerate() {
                *p = forms.at((x as f32 - 1.0) * COARSE_M, (y as f32 - 1.0) * COARSE_M);
            }
        });
        run.check()?;
        Ok(Self { width, points })
    }

    fn row(&self, y: usize, fine_seed: u32, scratch: &mut Scratch, out: &mut [u16]) {
        let w = self.width;
        let weights = spline(y % COARSE);
        let row = |j: usize| &self.points[(y / COARSE + j) * w..][..w];
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        scratch.columns.clear();
        scratch.columns.extend((0..w).map(|i| {
            [0, 1].map(|k| {
                weights[0] * a[i][k]
                    + weights[1] * b[i][k]
                    + weights[2] * c[i][k]
                    + weights[3] * d[i][k]
            })
        }));
        scratch.fine.clear();
        scratch.fine.resize(out.len(), 0.0);
        for (k, &(cell, amplitude)) in FINE.iter().enumerate() {
            let seed = fine_seed.wrapping_add(k as u32);
            add_octave(&mut scratch.fine, y as u32, cell, amplitude, seed);
        }
        let phases: [[f32; 4]; COARSE] = core::array::from_fn(spline);
        let chunks = out.chunks_mut(COARSE).zip(scratch.fine.chunks(COARSE));
        for (i, (out, fine)) in chunks.enumerate() {
            let p = &scratch.columns[i..i + 4];
            for (k, (o, f)) in out.iter_mut().zip(fine).enumerate() {
                let t = &phases[k];
                let mix =
                    |c: usize| t[0] * p[0][c] + t[1] * p[1][c] + t[2] * p[2][c] + t[3] * p[3][c];
                let height = mix(0) + mix(1) * f;
                *o = ((height - BASE_M) * QUANTA_PER_M + 0.5).clamp(0.0, 65_535.0) as u16;
            }
        }
    }
}

/// Weights of a uniform cubic B-spline's four points at phase `k / COARSE`.
fn spline(k: usize) -> [f32; 4] {
    let t = k as f32 / COARSE as f32;
    let s = 1.0 - t;
    [
        s * s * s / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0,
        t * t * t / 6.0,
    ]
}

/// The large forms.
struct Forms {
    seeds: [u32; 6],
}

impl Forms {
    fn new(seed: u64) -> Self {
        Self { seeds: core::array::from_fn(|k| seed_for(seed, 1 + k as u32)) }
    }

    /// Height, m, and roughness at a place, m.
    fn at(&self, x: f32, y: f32) -> [f32; 2] {
        let [warp_x, warp_y, mask, ridge, hill, plain] = self.seeds;
        let wx = x + 130.0 * fbm(x / 900.0, y / 900.0, 3, warp_x);
        let wy = y + 130.0 * fbm(x / 900.0, y / 900.0, 3, warp_y);
        // Where the mountains stand: a belt with ragged edges.
        let m = smoothstep(-0.16, 0.30, fbm(wx / 2300.0 + 0.31, wy / 2300.0 + 0.57, 4, mask));
        let ridges = ridged(wx / 950.0, wy / 950.0, ridge);
        let hills = fbm(wx / 420.0, wy / 420.0, 5, hill);
        let plains = fbm(x / 1500.0, y / 1500.0, 3, plain);
        let foot = 1.0 - (1.0 - m) * (1.0 - m);
        let height =
            70.0 + 55.0 * plains + hills * lerp(10.0, 55.0, foot) + m * (60.0 + 430.0 * ridges);
        let rough = lerp(0.12, 1.0, m * smoothstep(0.1, 0.7, ridges + 0.25));
        [height.max(0.0), rough]
    }
}

fn fbm(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut amplitude, mut scale) = (0.0, 1.0, 1.0);
    for k in 0..octaves {
        // Offsets keep the lattices of the octaves apart.
        let o = 17.3 * k as f32;
        sum += amplitude * noise2(x * scale + o, y * scale - o, seed.wrapping_add(k));
        amplitude *= 0.5;
        scale *= 2.0;
    }
    sum
}

/// Ridged multifractal (Musgrave, in "Texturing and Modeling: A Procedural Approach"): sharp crests
/// whose detail grows with their height. 0 to about 1.
fn ridged(x: f32, y: f32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut amplitude, mut scale) = (0.0, 1.0f32, 0.55, 1.0);
    for k in 0..6u32 {
        let o = 31.7 * k as f32;
        let n = noise2(x * scale + o, y * scale + o, seed.wrapping_add(k));
        let crest = 1.0 - (1.7 * n).abs();
        let signal = crest.max(0.0) * crest.max(0.0) * weight;
        weight = (signal * 1.6).clamp(0.0, 1.0);
        sum += amplitude * signal;
        amplitude *= 0.46;
        scale *= 2.03;
    }
    sum
}

fn smoothstep(lo: f32, hi: f32, v: f32) -> f32 {
    let t = ((v - lo) / (hi - lo)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
