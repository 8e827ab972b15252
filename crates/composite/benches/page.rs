//! What compositing one page of 136² texels costs, and each of its parts.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use farplane_composite::{
    Image, ImageMut, Layer, Pixel, Tile, blend_layers, box_mip, copy_with_border, fill_remainder,
    modulate, over, over_decal, premultiply, upsample4,
};

const SIDE: usize = 136;
const CONTROL: usize = 35;
const TEXELS: usize = SIDE * SIDE;
const MATERIAL: usize = 256;

/// Multiply-with-carry noise: the same inputs on every run.
fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = u64::from(seed) | 1 << 32;
    let next = || {
        state = (state & 0xffff_ffff) * 4_294_957_665 + (state >> 32);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn pixels(seed: u32, count: usize) -> Vec<Pixel> {
    noise(seed, 4 * count).as_chunks().0.to_vec()
}

fn page(c: &mut Criterion) {
    let materials: Vec<_> = (0..4).map(|i| pixels(i, MATERIAL * MATERIAL)).collect();
    // Four layers that overlap everywhere: the most expensive case.
    let controls: Vec<Vec<u8>> = (10..13)
        .map(|i| noise(i, CONTROL * CONTROL).into_iter().map(|w| 1 + w % 84).collect())
        .collect();
    let tints: Vec<_> = (20..23).map(|i| noise(i, CONTROL * CONTROL)).collect();
    let mut weights = vec![vec![0_u8; TEXELS]; 4];
    let mut tint = vec![vec![128_u8; TEXELS]; 3];
    let mut out = vec![[0_u8; 4]; TEXELS];

    let upsample = |weights: &mut [Vec<u8>]| {
        let [base, others @ ..] = weights else { return };
        for (plane, control) in others.iter_mut().zip(&controls) {
            upsample4(control, CONTROL, CONTROL, plane, SIDE, SIDE).unwrap();
        }
        let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
        fill_remainder(base, &others).unwrap();
    };
    let upsample_tint = |tint: &mut [Vec<u8>]| {
        for (plane, control) in tint.iter_mut().zip(&tints) {
            upsample4(control, CONTROL, CONTROL, plane, SIDE, SIDE).unwrap();
        }
    };
    let blend = |out: &mut [Pixel], weights: &[Vec<u8>], count: usize| {
        let layers: Vec<_> = (0..count)
            .map(|i| Layer {
                weights: &weights[i],
                material: Tile::new(&materials[i], MATERIAL).unwrap(),
                origin: [71 * i as u32 + 200, 13 * i as u32],
            })
            .collect();
        blend_layers(out, SIDE, &layers).unwrap();
    };
    let modulate_all = |out: &mut [Pixel], tint: &[Vec<u8>]| {
        modulate(out, &tint[0], &tint[1], &tint[2]).unwrap();
    };

    c.bench_function("page: 4 layers, macro tint, all planes upsampled", |b| {
        b.iter(|| {
            upsample(black_box(&mut weights));
            upsample_tint(black_box(&mut tint));
            blend(black_box(&mut out), &weights, 4);
            modulate_all(black_box(&mut out), &tint);
        });
    });
    c.bench_function("page: 4 layers, macro tint, planes given", |b| {
        b.iter(|| {
            blend(black_box(&mut out), &weights, 4);
            modulate_all(black_box(&mut out), &tint);
        });
    });
    c.bench_function("blend_layers: 4", |b| b.iter(|| blend(black_box(&mut out), &weights, 4)));
    c.bench_function("blend_layers: 1", |b| b.iter(|| blend(black_box(&mut out), &weights, 1)));
    c.bench_function("modulate", |b| b.iter(|| modulate_all(black_box(&mut out), &tint)));
    c.bench_function("upsample4", |b| {
        b.iter(|| {
            upsample4(&tints[0], CONTROL, CONTROL, black_box(&mut tint[0]), SIDE, SIDE).unwrap();
        });
    });
}

fn kernels(c: &mut Criterion) {
    let side = 256;
    let mut dst = pixels(1, side * side);
    let mut src = pixels(2, side * side);
    premultiply(&mut src);
    c.bench_function("256²: memcpy", |b| {
        b.iter(|| black_box(&mut dst).copy_from_slice(black_box(&src)));
    });
    c.bench_function("256²: over", |b| {
        b.iter(|| over(black_box(&mut dst), black_box(&src)).unwrap());
    });
    c.bench_function("256²: over_decal", |b| {
        let decal = Image::packed(&src, side, side).unwrap();
        let mut image = ImageMut::packed(&mut dst, side, side).unwrap();
        b.iter(|| over_decal(black_box(&mut image), black_box(&decal), 0, 0, 100));
    });
    c.bench_function("256²: premultiply", |b| b.iter(|| premultiply(black_box(&mut dst))));
    let mut half = vec![[0; 4]; side * side / 4];
    c.bench_function("256²: box_mip", |b| {
        b.iter(|| box_mip(black_box(&src), side, side, black_box(&mut half)).unwrap());
    });
    let mut page = vec![[0; 4]; TEXELS];
    c.bench_function("136²: copy_with_border", |b| {
        let image = Image::packed(&src, side, side).unwrap();
        b.iter(|| copy_with_border(&image, 0, 100, 128, 4, black_box(&mut page)).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(1000));
    targets = page, kernels
}
criterion_main!(benches);
