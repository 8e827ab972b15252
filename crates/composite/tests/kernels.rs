//! What each kernel promises, by hand calculation.

use farplane_composite::{
    Edge, Image, ImageMut, MipFilter, Paint, Pixel, Plane, Rect, SPLATS_MAX, SizeError, Splat,
    Tile, border_from_neighbors, box_mip, copy_with_border, draw, mip, mip_chain, mip_levels,
    modulate, over, over_decal, over_image, premultiply, psnr, splat, unpremultiply, upsample4,
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
        copy_with_border(&src, [x, y], 2, 1, Edge::Clamp, &mut dst).unwrap();
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

fn full<'a>(weights: &'a [u8], pixels: &'a [Pixel], size: usize) -> Splat<'a> {
    let material = Tile::new(pixels, size).unwrap();
    Splat { weights: Some(Plane::Texels(weights)), material, origin: [0, 0] }
}

#[test]
fn one_full_splat_is_that_material_repeated() {
    let material: Vec<Pixel> = (0..16).map(|i| [i, 2 * i, 3 * i, 255]).collect();
    let one = Splat { origin: [3, u32::MAX], ..full(&[255; 6 * 3], &material, 4) };
    let mut out = [CLEAR; 6 * 3];
    splat(&mut out, 6, &[one], None).unwrap();
    // Columns 3 0 1 2 3 0 of rows 3, 0, 1.
    let rows = [12, 0, 4].map(|row| [3, 0, 1, 2, 3, 0].map(|column| row + column));
    assert_eq!(out.map(|p| p[0]).as_slice(), rows.as_flattened());
    assert!(out.iter().all(|p| p[3] == 255));
}

#[test]
fn a_splat_rounds_to_the_nearest_for_every_weight_and_value() {
    let values: Vec<Pixel> = (0..=255).map(|v| [v; 4]).collect();
    for weight in 0..=255_u8 {
        let mut out = [CLEAR; 256];
        splat(&mut out, 16, &[full(&[weight; 256], &values, 16)], None).unwrap();
        for (v, p) in (0_i64..).zip(&out) {
            let exact = v * i64::from(weight);
            assert!((255 * i64::from(p[0]) - exact).abs() <= 127, "{weight} · {v}: {p:?}");
        }
    }
}

#[test]
fn splats_whose_weights_exceed_255_saturate() {
    let mut out = [CLEAR; 3];
    splat(&mut out, 3, &[full(&[255; 3], &[[255; 4]], 1); 5], None).unwrap();
    assert_eq!(out, [[255; 4]; 3]);
}

#[test]
fn a_page_without_splats_is_clear() {
    let mut out = [RED; 10];
    splat(&mut out, 5, &[], None).unwrap();
    assert_eq!(out, [CLEAR; 10]);
}

#[test]
fn a_splat_without_weights_takes_what_the_others_leave() {
    let (black, red) = ([[0, 0, 0, 255]], [RED]);
    let rest = Splat { weights: None, ..full(&[], &red, 1) };
    let others = [[100, 200, 0], [100, 200, 0]];
    let splats = [full(&others[0], &black, 1), rest, full(&others[1], &black, 1)];
    let mut out = [CLEAR; 3];
    splat(&mut out, 3, &splats, None).unwrap();
    // 55, 0 and 255 of 255 are red; the second texel's weights are 400 of 255.
    assert_eq!(out, [[55, 0, 0, 255], [0, 0, 0, 255], RED]);
}

#[test]
fn unpremultiplying_rounds_to_the_nearest_halves_up_and_gives_no_colour_to_clear_pixels() {
    let mut pixels = [[64, 1, 128, 128], [1, 0, 0, 2], [9, 9, 9, 0], [200, 0, 0, 100]];
    unpremultiply(&mut pixels);
    // 64 · 255 / 128 = 127.5, 255 / 128 = 1.99, 255; 127.5; nothing; beyond 255.
    assert_eq!(pixels, [[128, 2, 255, 128], [128, 0, 0, 2], [0; 4], [255, 0, 0, 100]]);
}

#[test]
fn a_mip_in_linear_light_is_brighter_than_the_mean_of_bytes() {
    let checker = [[0, 0, 0, 255], [255; 4], [255; 4], [0, 0, 0, 255]];
    let src = Image::packed(&checker, 2, 2).unwrap();
    let mut dst = [CLEAR];
    mip(&src, &mut ImageMut::packed(&mut dst, 1, 1).unwrap(), MipFilter::Srgb).unwrap();
    // Half of the light of white is byte 188 (0.5 encodes to 0.7354).
    assert_eq!(dst, [[188, 188, 188, 255]]);
}

#[test]
fn a_mip_of_normals_has_length_one_and_points_up_where_they_cancel() {
    let halved = |pixels: [Pixel; 4]| {
        let src = Image::packed(&pixels, 2, 2).unwrap();
        let mut dst = [CLEAR];
        mip(&src, &mut ImageMut::packed(&mut dst, 1, 1).unwrap(), MipFilter::Normal).unwrap();
        dst[0]
    };
    // Along x and along z in equal parts: 1/√2 · 127.5 + 127.5 = 217.66.
    let (x, z) = ([255, 128, 128, 7], [128, 128, 255, 9]);
    assert_eq!(halved([x, z, z, x]), [218, 128, 218, 8]);
    // Opposite ones.
    assert_eq!(halved([[255; 4], [0; 4], [255; 4], [0; 4]]), [128, 128, 255, 128]);
}

#[test]
fn a_chain_of_mips_ends_in_one_pixel() {
    let levels: Vec<_> = mip_levels(5, 2).map(|l| (l.offset, l.width, l.height)).collect();
    assert_eq!(levels, [(0, 5, 2), (10, 3, 1), (13, 2, 1), (15, 1, 1)]);
    assert_eq!(mip_levels(0, 9).count() + mip_levels(9, 0).count(), 0);
    let mut chain = vec![[8; 4]; 16];
    mip_chain(&mut chain, 5, 2, MipFilter::Box).unwrap();
    assert_eq!(chain, [[8; 4]; 16]);
    assert!(mip_chain(&mut chain[..15], 5, 2, MipFilter::Box).is_err());
}

#[test]
fn a_clip_keeps_what_is_outside_of_it() {
    let src = [RED; 9];
    let src = Image::packed(&src, 3, 3).unwrap();
    let mut dst = [CLEAR; 9];
    let paint = Paint { clip: Some(Rect::new(1, -5, 1, 7)), ..Paint::default() };
    draw(&mut ImageMut::packed(&mut dst, 3, 3).unwrap(), &src, [0, 0], &paint).unwrap();
    let found: Vec<usize> = (0..9).filter(|i| dst[*i] == RED).collect();
    assert_eq!(found, [1, 4]);
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
    assert_eq!(
        copy_with_border(&empty, [0; 2], 1, 0, Edge::Wrap, &mut [CLEAR]).unwrap_err(),
        SizeError::Empty
    );
    let image = Image::packed(&pixels, 4, 3).unwrap();
    assert!(
        copy_with_border(&image, [0; 2], u32::MAX, u32::MAX, Edge::Clamp, &mut [CLEAR]).is_err()
    );
    assert_eq!(
        upsample4(&[0; 4], 2, 2, &mut [0; 20], 5, 4).unwrap_err(),
        SizeError::ControlTooSmall { points: 2, texels: 5 }
    );
    assert!(upsample4(&[], 0, 0, &mut [0], 1, 1).is_err());
    assert!(upsample4(&[0; 3], 2, 2, &mut [0; 16], 4, 4).is_err());
    assert_eq!(Tile::new(&pixels[..9], 3).unwrap_err(), SizeError::NotPowerOfTwo { size: 3 });
    assert_eq!(Tile::new(&[], 0).unwrap_err(), SizeError::NotPowerOfTwo { size: 0 });
    assert!(Tile::new(&pixels, 4).is_err());
    let one = full(&[255; 3], &[RED], 1);
    assert!(splat(&mut [CLEAR; 4], 2, &[one], None).is_err());
    assert!(splat(&mut [CLEAR; 3], 2, &[one], None).is_err());
    assert!(splat(&mut [CLEAR; 3], 0, &[one], None).is_err());
    let error = splat(&mut [CLEAR; 3], 3, &[one; SPLATS_MAX + 1], None).unwrap_err();
    assert_eq!(error.to_string(), "17 splats where at most 16 are possible");
    let bare = Splat { weights: None, ..one };
    assert!(splat(&mut [CLEAR; 3], 3, &[bare; 2], None).is_err());
    assert!(splat(&mut [CLEAR; 3], 3, &[one], Some([Plane::Control(&[0; 4]); 3])).is_ok());
    assert!(splat(&mut [CLEAR; 3], 3, &[one], Some([Plane::Control(&[0; 3]); 3])).is_err());
    let mask = Image::packed(&[1, 2], 2, 1).unwrap();
    let paint = Paint { mask: Some(mask), ..Paint::default() };
    let mut target = [CLEAR; 12];
    let mut target = ImageMut::packed(&mut target, 4, 3).unwrap();
    assert!(draw(&mut target, &image, [0, 0], &paint).is_err());
    let alone = [const { None::<Image<'_, Pixel>> }; 8];
    let error = border_from_neighbors(&mut [CLEAR; 49], 1, 3, &alone).unwrap_err();
    assert_eq!(error, SizeError::Border { border: 3, size: 1 });
    let words = [0_u16; 5];
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    assert!(Image::<u16>::from_bytes(bytes, 5, 1, 5).is_ok());
    assert!(matches!(
        Image::<u16>::from_bytes(&bytes[..9], 4, 1, 4),
        Err(SizeError::Unaligned { .. })
    ));
    assert!(modulate(&mut [CLEAR; 3], &[0; 3], &[0; 2], &[0; 3]).is_err());
    assert!(psnr(&[0], &[]).is_err());
}
