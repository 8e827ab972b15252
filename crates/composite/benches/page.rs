//! What compositing one page of 136² texels costs, and each kernel on 256² pixels, at every level
//! that this machine has.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use farplane_composite::{
    Blend, Edge, Image, ImageMut, Level, Paint, Pixel, Plane, Splat, Straight, Tile, alpha_class,
    box_mip, copy_with_border, draw, modulate, over, premultiply, splat, unpremultiply, upsample4,
    with_level,
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
    let weights: Vec<Vec<u8>> = (10..13)
        .map(|i| noise(i, CONTROL * CONTROL).into_iter().map(|w| 1 + w % 84).collect())
        .collect();
    let tints: Vec<_> = (20..23).map(|i| noise(i, CONTROL * CONTROL)).collect();
    let tint = [0, 1, 2].map(|i| Plane::Control(&tints[i]));
    let splats: Vec<_> = (0..4)
        .map(|i| Splat {
            weights: (i > 0).then(|| Plane::Control(&weights[i - 1])),
            material: Tile::new(&materials[i], MATERIAL).unwrap(),
            origin: [71 * i as u32 + 200, 13 * i as u32],
        })
        .collect();
    let mut out = vec![[0_u8; 4]; TEXELS];
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        let mut at = |name: &str, f: &mut dyn FnMut()| {
            c.bench_function(&format!("{name}, {level:?}"), |b| {
                with_level(level, || b.iter(&mut *f));
            });
        };
        at("page of 136²: 4 layers, tint, upsampled", &mut || {
            splat(black_box(&mut out), SIDE, black_box(&splats), Some(tint)).unwrap();
        });
        at("page of 136²: 4 layers, upsampled", &mut || {
            splat(black_box(&mut out), SIDE, black_box(&splats), None).unwrap();
        });
        at("page of 136²: 1 layer", &mut || {
            splat(black_box(&mut out), SIDE, black_box(&splats[..1]), None).unwrap();
        });
        let plane = noise(30, TEXELS);
        at("page of 136²: modulate", &mut || {
            modulate(black_box(&mut out), &plane, &plane, &plane).unwrap();
        });
        let mut upsampled = vec![0; TEXELS];
        at("page of 136²: upsample4", &mut || {
            upsample4(&weights[0], CONTROL, CONTROL, black_box(&mut upsampled), SIDE, SIDE)
                .unwrap();
        });
    }
}

fn kernels(c: &mut Criterion) {
    let side = 256;
    let mut dst = pixels(1, side * side);
    let mut src = pixels(2, side * side);
    premultiply(&mut src);
    premultiply(&mut dst);
    c.bench_function("256²: memcpy", |b| {
        b.iter(|| black_box(&mut dst).copy_from_slice(black_box(&src)));
    });
    let mut half = vec![[0; 4]; side * side / 4];
    let mut page = vec![[0; 4]; TEXELS];
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        let mut at = |name: &str, f: &mut dyn FnMut(&mut [Pixel])| {
            c.bench_function(&format!("256²: {name}, {level:?}"), |b| {
                with_level(level, || b.iter(|| f(black_box(&mut dst))));
            });
        };
        at("over", &mut |dst| over(dst, black_box(&src)).unwrap());
        let image = Image::packed(&src, side, side).unwrap();
        let mut lay = |name: &str, paint: &Paint<'_>| {
            at(name, &mut |dst| {
                let mut dst = ImageMut::packed(dst, side, side).unwrap();
                draw(&mut dst, &image, [0, 0], black_box(paint)).unwrap();
            });
        };
        lay("draw over", &Paint::default());
        lay("draw over, opacity 100", &Paint { opacity: 100, ..Paint::default() });
        for blend in [Blend::Atop, Blend::Multiply, Blend::Overlay, Blend::SoftLight] {
            lay(&format!("draw {blend:?}"), &Paint { blend, ..Paint::default() });
        }
        at("draw over, straight", &mut |dst| {
            let mut dst =
                ImageMut::packed(bytemuck::cast_slice_mut::<_, Straight>(dst), side, side).unwrap();
            let src = Image::packed(bytemuck::cast_slice(&src), side, side).unwrap();
            draw(&mut dst, &src, [0, 0], &Paint::default()).unwrap();
        });
        at("premultiply", &mut |dst| premultiply(dst));
        at("unpremultiply", &mut |dst| unpremultiply(dst));
        at("alpha_class", &mut |_| {
            black_box(alpha_class(&image));
        });
        at("box_mip", &mut |_| box_mip(black_box(&src), side, side, black_box(&mut half)).unwrap());
        at("copy_with_border of 136²", &mut |_| {
            copy_with_border(&image, [0, 100], 128, 4, Edge::Clamp, black_box(&mut page)).unwrap();
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(1000));
    targets = page, kernels
}
criterion_main!(benches);
