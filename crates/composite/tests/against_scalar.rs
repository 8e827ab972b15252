//! Every kernel equals its definition at every level, for odd sizes, strides and any content.

mod model;

use farplane_composite::{
    Blend, Image, ImageMut, Level, Light, Paint, Pixel, Straight, draw, premultiply, reference,
    srgb_encode, srgb_linear, with_level,
};
use model::{Border, Fill, Mip, Op, Splats, at_each_level};
use proptest::prelude::*;
use std::io::Write;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn kernels_equal_their_definitions(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let mut rest = bytes.as_slice();
        while let Some(op) = Op::decode(&mut rest) {
            op.check();
        }
    }
}

#[test]
fn every_level_is_run_or_named() {
    let skipped: Vec<_> = Level::ALL.into_iter().filter(|level| !level.is_available()).collect();
    // Past the test harness, which shows nothing of a test that passes.
    let (count, mut stderr) = (skipped.len(), std::io::stderr());
    writeln!(stderr, "levels skipped, since this machine lacks them: {count} {skipped:?}").unwrap();
    let mut run = 0;
    at_each_level(|level| {
        assert_eq!(Level::current(), level);
        run += 1;
    });
    assert_eq!(run + skipped.len(), Level::ALL.len());
    for level in skipped {
        assert_eq!(with_level(level, || unreachable!("{level:?} is not here")), None);
    }
}

#[test]
fn a_level_is_put_back_after_a_panic() {
    let before = Level::current();
    let caught = std::panic::catch_unwind(|| with_level(Level::Baseline, || panic!("on purpose")));
    assert!(caught.is_err());
    assert_eq!(Level::current(), before);
}

#[test]
fn every_length_up_to_five_blocks_is_right() {
    // Miri, which knows AVX-512 where a machine may not, takes a minute a length.
    let counts: Vec<u8> = if cfg!(miri) { vec![1, 35] } else { (0..=40).collect() };
    for count in counts {
        for extremes in [false, true] {
            let fill = Fill { seed: u16::from(count), extremes };
            Op::Over { count, fill }.check();
            Op::Premultiply { count, fill }.check();
            Op::Unpremultiply { count, fill }.check();
            Op::Modulate { count, fill }.check();
            Op::Psnr { count, fill }.check();
            Op::Upsample { size: [count, 4], cut: [count, 0], fill }.check();
            Op::Mip(Mip { size: [count, 5, 1], fill }).check();
            let splats = Splats {
                size: [count, 3],
                count: 4,
                material: 3,
                origin: [5, 9],
                texels: count,
                tinted: 1,
                fill,
            };
            Op::Splats(splats).check();
            let border = Border {
                size: [9, 7, 1],
                at: [3, -4],
                page: count,
                border: 3,
                neighbors: count,
                fill,
            };
            Op::Border(border).check();
        }
    }
}

#[test]
fn wide_grids_are_upsampled_in_strips_without_a_seam() {
    for cut in 0..6 {
        let fill = Fill { seed: 9, extremes: false };
        Op::Upsample { size: [159, 3], cut: [cut, cut], fill }.check();
        Op::Upsample { size: [64, 3], cut: [cut, 0], fill }.check();
        Op::Upsample { size: [65, 3], cut: [cut, 0], fill }.check();
    }
}

/// All pairs of alphas, with colours that follow them; a row for each source alpha.
fn all_alphas(straight: bool) -> [Vec<Pixel>; 2] {
    let pair = |i: usize| [(i / 256) as u8, (i % 256) as u8];
    let pixel = |i: usize, alpha: u8| {
        let shade = (i * 97 + i / 7) as u8;
        let mut pixel = [[shade, 255, shade ^ 0xa5, alpha]];
        if !straight {
            premultiply(&mut pixel);
        }
        pixel[0]
    };
    let all = 0..65_536;
    [
        all.clone().map(|i| pixel(i, pair(i)[0])).collect(),
        all.map(|i| pixel(3 * i, pair(i)[1])).collect(),
    ]
}

#[test]
fn every_mode_is_right_for_all_pairs_of_alphas() {
    for (straight, light) in [
        (false, Light::Encoded),
        (false, Light::Linear),
        (true, Light::Encoded),
        (true, Light::Linear),
    ] {
        let [src, dst] = all_alphas(straight);
        for blend in Blend::ALL {
            let paint = Paint { blend, light, ..Paint::default() };
            at_each_level(|_| {
                let mut out = dst.clone();
                if straight {
                    let wrap = |pixels: &[Pixel]| -> Vec<Straight> {
                        pixels.iter().map(|p| Straight(*p)).collect()
                    };
                    let (source, mut target) = (wrap(&src), wrap(&dst));
                    let image = Image::packed(&source, 256, 256).unwrap();
                    let mut view = ImageMut::packed(&mut target, 256, 256).unwrap();
                    draw(&mut view, &image, [0, 0], &paint).unwrap();
                    out = target.iter().map(|p| p.0).collect();
                } else {
                    let image = Image::packed(&src, 256, 256).unwrap();
                    let mut view = ImageMut::packed(&mut out, 256, 256).unwrap();
                    draw(&mut view, &image, [0, 0], &paint).unwrap();
                }
                for ((s, d), o) in src.iter().zip(&dst).zip(&out) {
                    model::laying::check_blend(blend, light, straight, *s, *d, *o);
                }
            });
        }
    }
}

/// All pairs of colours under a pair of alphas, three to a pixel.
fn all_colors(sa: u8, da: u8) -> [Vec<Pixel>; 2] {
    let pairs: Vec<[u8; 2]> = (0..=sa).flat_map(|s| (0..=da).map(move |d| [s, d])).collect();
    let pixels = |side: usize, alpha: u8| {
        let of = |chunk: &[[u8; 2]]| {
            let color = |c: usize| chunk.get(c).map_or(0, |pair| pair[side]);
            [color(0), color(1), color(2), alpha]
        };
        pairs.chunks(3).map(of).collect()
    };
    [pixels(0, sa), pixels(1, da)]
}

#[test]
fn every_mode_is_right_for_all_pairs_of_colours_under_some_alphas() {
    for (sa, da) in [(255, 255), (255, 77), (128, 255), (128, 129), (3, 200), (1, 1)] {
        let [src, dst] = all_colors(sa, da);
        let image = Image::packed(&src, src.len(), 1).unwrap();
        for blend in Blend::ALL {
            let paint = Paint { blend, ..Paint::default() };
            at_each_level(|_| {
                let mut out = dst.clone();
                let mut view = ImageMut::packed(&mut out, src.len(), 1).unwrap();
                draw(&mut view, &image, [0, 0], &paint).unwrap();
                for ((s, d), o) in src.iter().zip(&dst).zip(&out) {
                    model::laying::check_blend(blend, Light::Encoded, false, *s, *d, *o);
                }
            });
        }
    }
}

#[test]
fn srgb_tables_are_the_curve() {
    for byte in 0..=255_u8 {
        let exact = reference::srgb_decode(f64::from(byte) / 255.0);
        assert!((srgb_linear(byte) - exact).abs() <= 1e-15, "{byte}");
        assert_eq!(srgb_encode(srgb_linear(byte)), byte);
        // The nearest byte changes half-way, as encoded.
        if byte < 255 {
            let middle = reference::srgb_decode((f64::from(byte) + 0.5) / 255.0);
            assert_eq!(srgb_encode(middle * (1.0 - 1e-12)), byte);
            assert_eq!(srgb_encode(middle * (1.0 + 1e-12)), byte + 1);
        }
    }
    assert_eq!([-1.0, f64::NAN, 2.0, f64::INFINITY].map(srgb_encode), [0, 0, 255, 255]);
}
