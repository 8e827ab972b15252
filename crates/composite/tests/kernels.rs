//! What each kernel promises, by hand calculation.

use farplane_composite::{
    Image, ImageMut, Layer, Pixel, SizeError, Tile, blend_layers, box_mip, copy_with_border,
    fill_remainder, modulate, over, over_decal, over_image, premultiply, psnr, upsample4,
};

const RED: Pixel = [255, 0, 0, 255];
const CLEAR: Pixel = [0; 4];

#[test]
fn over_rounds_to_the_nearest_for_every_value_and_alpha() {
    for alpha in 0..=255_u8 {
        let mut dst: Vec<Pixel> = (0..=255).map(|d| [d; 4]).collect();
        let src = vec![[0, 0, 0, alpha]; 256];
        over(&mut dst, &src).unwrap();
        for (d, out) in (0_i64..).zip(&dst) {
            let exact = d * (255 - i64::from(alpha));
            assert!((255 * i64::from(out[0]) - exact).abs() <= 127, "{d} over {alpha}: {out:?}");
        }
    }
}

#[test]
fn over_with_opaque_replaces_and_with_clear_keeps() {
    let mut dst = [[10, 20, 30, 40]; 9];
    over(&mut dst, &[CLEAR; 9]).unwrap();
    assert_eq!(dst, [[10, 20, 30, 40]; 9]);
    over(&mut dst, &[RED; 9]).unwrap();
    assert_eq!(dst, [RED; 9]);
}

#[test]
fn over_saturates_where_a_source_is_not_premultiplied() {
    let mut dst = [[200, 200, 200, 255]];
    over(&mut dst, &[[200, 0, 0, 0]]).unwrap();
    assert_eq!(dst, [[255, 200, 200, 255]]);
}

#[test]
fn images_are_clipped_however_far_away_they_lie() {
    let src = [RED; 4];
    let src = Image::packed(&src, 2, 2).unwrap();
    for (x, y) in [(i64::MIN, 0), (0, i64::MAX), (3, 0), (0, -2), (i64::MAX, i64::MIN)] {
        let mut dst = [CLEAR; 9];
        over_image(&mut ImageMut::packed(&mut dst, 3, 3).unwrap(), &src, x, y);
        assert_eq!(dst, [CLEAR; 9], "at ({x}, {y})");
    }
    let mut dst = [CLEAR; 9];
    over_image(&mut ImageMut::packed(&mut dst, 3, 3).unwrap(), &src, 2, -1);
    let mut expected = [CLEAR; 9];
    expected[2] = RED;
    assert_eq!(dst, expected);
}

#[test]
fn a_decal_fades_with_its_opacity() {
    let mut dst = [[0, 0, 0, 255]];
    let src = [RED];
    let src = Image::packed(&src, 1, 1).unwrap();
    over_decal(&mut ImageMut::packed(&mut dst, 1, 1).unwrap(), &src, 0, 0, 0);
    assert_eq!(dst, [[0, 0, 0, 255]]);
    over_decal(&mut ImageMut::packed(&mut dst, 1, 1).unwrap(), &src, 0, 0, 51);
    assert_eq!(dst, [[51, 0, 0, 255]]);
}

#[test]
fn premultiplying_rounds_to_the_nearest_and_keeps_alpha() {
    let mut pixels = [[255, 128, 1, 128], [255, 7, 0, 255], [9, 9, 9, 0]];
    premultiply(&mut pixels);
    // 128 · 128 / 255 = 64.25, 1 · 128 / 255 = 0.502
    assert_eq!(pixels, [[128, 64, 1, 128], [255, 7, 0, 255], [0, 0, 0, 0]]);
}

#[test]
fn a_mip_averages_with_half_rounded_up_and_repeats_an_odd_edge() {
    let row = |values: [u8; 3]| values.map(|v| [v, 0, 255, v]);
    let src = [row([1, 2, 9]), row([3, 4, 10]), row([5, 6, 20])].concat();
    let mut dst = [CLEAR; 4];
    box_mip(&src, 3, 3, &mut dst).unwrap();
    // (1+2+3+4+2)/4, (9+9+10+10+2)/4, (5+6+5+6+2)/4, 20
    assert_eq!(dst, [3, 10, 6, 20].map(|v| [v, 0, 255, v]));
    let mut one = [CLEAR];
    box_mip(&[RED], 1, 1, &mut one).unwrap();
    assert_eq!(one, [RED]);
    box_mip(&[], 0, 0, &mut []).unwrap();
}

#[test]
fn a_page_takes_its_border_from_its_neighbours_and_the_edge_repeats() {
    let src: Vec<Pixel> = (0..16).map(|i| [i; 4]).collect();
    let src = Image::packed(&src, 4, 4).unwrap();
    let page = |x, y| {
        let mut dst = [CLEAR; 16];
        copy_with_border(&src, x, y, 2, 1, &mut dst).unwrap();
        dst.map(|p| p[0])
    };
    assert_eq!(page(1, 1), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(page(0, 0), [0, 0, 1, 2, 0, 0, 1, 2, 4, 4, 5, 6, 8, 8, 9, 10]);
    assert_eq!(page(i64::MAX, i64::MIN), [3; 16]);
}

#[test]
fn upsampling_places_texel_centres_between_the_control_points() {
    // Control values of 8 an interval: texel i lies at (i + 0.5) / 4, so its value is 2 i + 1.
    let control: Vec<u8> = (0..3).flat_map(|_| [0, 8, 16, 24]).collect();
    let mut out = [0; 12 * 8];
    upsample4(&control, 4, 3, &mut out, 12, 8).unwrap();
    for (i, v) in out.iter().enumerate() {
        assert_eq!(usize::from(*v), 2 * (i % 12) + 1);
    }
    let mut out = [0; 4];
    upsample4(&[0, 255, 0, 255], 2, 2, &mut out, 4, 1).unwrap();
    // Eighths of 255: 31.875, 95.625, 159.375, 223.125.
    assert_eq!(out, [32, 96, 159, 223]);
}

#[test]
fn a_stack_with_one_full_layer_is_that_material_repeated() {
    let material: Vec<Pixel> = (0..16).map(|i| [i, 2 * i, 3 * i, 255]).collect();
    let layer = Layer {
        weights: &[255; 6 * 3],
        material: Tile::new(&material, 4).unwrap(),
        origin: [3, u32::MAX],
    };
    let mut out = [CLEAR; 6 * 3];
    blend_layers(&mut out, 6, &[layer]).unwrap();
    // Columns 3 0 1 2 3 0 of rows 3, 0, 1.
    let rows = [12, 0, 4].map(|row| [3, 0, 1, 2, 3, 0].map(|column| row + column));
    assert_eq!(out.map(|p| p[0]).as_slice(), rows.as_flattened());
    assert!(out.iter().all(|p| p[3] == 255));
}

#[test]
fn a_stack_rounds_to_the_nearest_for_every_weight_and_value() {
    let values: Vec<Pixel> = (0..=255).map(|v| [v; 4]).collect();
    let material = Tile::new(&values, 16).unwrap();
    for weight in 0..=255_u8 {
        let mut out = [CLEAR; 256];
        let layer = Layer { weights: &[weight; 256], material, origin: [0, 0] };
        blend_layers(&mut out, 16, &[layer]).unwrap();
        for (v, p) in (0_i64..).zip(&out) {
            let exact = v * i64::from(weight);
            assert!((255 * i64::from(p[0]) - exact).abs() <= 127, "{weight} · {v}: {p:?}");
        }
    }
}

#[test]
fn a_stack_whose_weights_exceed_255_saturates() {
    let white = [[255; 4]];
    let layer =
        Layer { weights: &[255; 3], material: Tile::new(&white, 1).unwrap(), origin: [0, 0] };
    let mut out = [CLEAR; 3];
    blend_layers(&mut out, 3, &[layer; 5]).unwrap();
    assert_eq!(out, [[255; 4]; 3]);
}

#[test]
fn a_stack_without_layers_is_clear() {
    let mut out = [RED; 10];
    blend_layers(&mut out, 5, &[]).unwrap();
    assert_eq!(out, [CLEAR; 10]);
}

#[test]
fn the_remainder_is_what_the_others_leave() {
    let mut base = [7; 3];
    fill_remainder(&mut base, &[&[100, 200, 0], &[100, 200, 0]]).unwrap();
    assert_eq!(base, [55, 0, 255]);
}

#[test]
fn a_tint_of_128_is_neutral_0_is_black_and_255_almost_doubles() {
    let mut pixels: Vec<Pixel> = (0..=255).map(|v| [v, 100, v, 77]).collect();
    modulate(&mut pixels, &[128; 256], &[255; 256], &[0; 256]).unwrap();
    for (v, p) in (0..=255).zip(&pixels) {
        // 100 · 255 / 128 = 199.2
        assert_eq!(*p, [v, 199, 0, 77]);
    }
}

#[test]
fn psnr_of_a_difference_of_one_is_48_13_db() {
    assert_eq!(psnr(&[], &[]).unwrap(), f64::INFINITY);
    assert_eq!(psnr(&[3; 10], &[3; 10]).unwrap(), f64::INFINITY);
    assert_eq!(psnr(&[0], &[255]).unwrap(), 0.0);
    // 20 · log10(255), over more bytes than one partial sum takes.
    let found = psnr(&vec![7; 200_000], &vec![8; 200_000]).unwrap();
    assert!((found - 48.130_803_608_679_1).abs() < 1e-12, "{found}");
    assert_eq!(psnr(&vec![0; 200_000], &vec![255; 200_000]).unwrap(), 0.0);
}

#[test]
fn sizes_that_do_not_fit_are_errors_that_name_the_numbers() {
    let pixels = [RED; 12];
    let error = Image::new(&pixels, 5, 3, 4).unwrap_err();
    assert_eq!(error, SizeError::Stride { width: 5, stride: 4 });
    let error = Image::packed(&pixels, 5, 3).unwrap_err();
    assert_eq!(error.to_string(), "an image has 12 elements where its size needs 15");
    assert!(Image::packed(&pixels, usize::MAX, usize::MAX).is_err());
    assert!(Image::new(&pixels, 2, 3, 5).is_ok(), "the last row needs no padding");
    assert!(Image::new(&pixels, 3, 3, 5).is_err());

    assert!(over(&mut [CLEAR; 2], &[RED]).is_err());
    assert!(box_mip(&pixels, 4, 3, &mut [CLEAR; 2]).is_err());
    assert!(box_mip(&pixels, 4, 4, &mut [CLEAR; 4]).is_err());
    let empty = Image::packed(&[], 0, 0).unwrap();
    assert_eq!(copy_with_border(&empty, 0, 0, 1, 0, &mut [CLEAR]).unwrap_err(), SizeError::Empty);
    let image = Image::packed(&pixels, 4, 3).unwrap();
    assert!(copy_with_border(&image, 0, 0, u32::MAX, u32::MAX, &mut [CLEAR]).is_err());
    assert_eq!(
        upsample4(&[0; 4], 2, 2, &mut [0; 20], 5, 4).unwrap_err(),
        SizeError::ControlTooSmall { points: 2, texels: 5 }
    );
    assert!(upsample4(&[], 0, 0, &mut [0], 1, 1).is_err());
    assert!(upsample4(&[0; 3], 2, 2, &mut [0; 16], 4, 4).is_err());
    assert_eq!(Tile::new(&pixels[..9], 3).unwrap_err(), SizeError::NotPowerOfTwo { size: 3 });
    assert_eq!(Tile::new(&[], 0).unwrap_err(), SizeError::NotPowerOfTwo { size: 0 });
    assert!(Tile::new(&pixels, 4).is_err());
    let layer =
        Layer { weights: &[255; 3], material: Tile::new(&[RED], 1).unwrap(), origin: [0, 0] };
    assert!(blend_layers(&mut [CLEAR; 4], 2, &[layer]).is_err());
    assert!(blend_layers(&mut [CLEAR; 3], 2, &[layer]).is_err());
    assert!(blend_layers(&mut [CLEAR; 3], 0, &[layer]).is_err());
    assert!(modulate(&mut [CLEAR; 3], &[0; 3], &[0; 2], &[0; 3]).is_err());
    assert!(fill_remainder(&mut [0; 2], &[&[0; 3]]).is_err());
    assert!(psnr(&[0], &[]).is_err());
}
