//! Formats, channels, colour maps, lines, text, and the frame queue.

use std::sync::Arc;
use std::thread;

use farplane_composite::{
    Channel, ColorMap, FifoPolicy, Format, FrameFifo, Half, Image, ImageMut, Paint, Pixel, Pushed,
    SizeError, Straight, ascii, convert, draw, extract_channel, fit, half_blocks, half_blocks_256,
    line, pack_channels, polyline, premultiply,
};

const CLEAR: Pixel = [0; 4];
const RED: Pixel = [255, 0, 0, 255];

#[test]
fn halves_are_the_nearest_by_the_definition_of_binary16() {
    // Every half is exactly what its bits say, and comes back.
    for bits in 0..=u16::MAX {
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
        let found = f64::from(Half(bits).to_f32());
        let magnitude = match exponent {
            0 => fraction * 2f64.powi(-24),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
        };
        let expected = if bits >> 15 == 1 { -magnitude } else { magnitude };
        if expected.is_nan() {
            assert!(found.is_nan() && Half::from_f32(found as f32).to_f32().is_nan());
            continue;
        }
        assert_eq!(found, expected, "{bits:#06x}");
        assert_eq!(Half::from_f32(found as f32), Half(bits));
    }
    // Between two neighbours the nearer one is taken, half-way the even one.
    for low in (0..0x7bff_u16).step_by(7) {
        let [a, b] = [low, low + 1].map(|bits| Half(bits).to_f32());
        let middle = a + (b - a) / 2.0;
        assert_eq!(Half::from_f32(middle), Half(low + low % 2), "{low:#06x}");
        assert_eq!(Half::from_f32(middle.next_down()), Half(low));
        assert_eq!(Half::from_f32(middle.next_up()), Half(low + 1));
    }
    assert_eq!(Half::from_f32(65_519.996), Half(0x7bff));
    assert_eq!([65_520.0, f32::INFINITY].map(Half::from_f32), [Half(0x7c00); 2]);
}

fn converted<P: Format, Q: Format>(pixel: P) -> Q {
    let (src, mut dst) = ([pixel], [Q::from_rgba([0.0; 4])]);
    let mut image = ImageMut::packed(&mut dst, 1, 1).unwrap();
    convert(&Image::packed(&src, 1, 1).unwrap(), &mut image).unwrap();
    dst[0]
}

#[test]
fn conversions_give_the_nearest() {
    for v in 0..=255_u8 {
        assert_eq!(converted::<u8, u16>(v), u16::from(v) * 257);
        assert_eq!(converted::<u8, Pixel>(v), [v, 0, 0, 255]);
        assert_eq!(converted::<[u8; 2], Pixel>([v, 9]), [v, 9, 0, 255]);
        assert_eq!(converted::<Pixel, [f32; 4]>([v; 4])[1], f32::from(v) / 255.0);
        for a in 0..=255_u8 {
            let mut expected = [[v, a, 0, a]];
            premultiply(&mut expected);
            assert_eq!(converted::<Straight, Pixel>(Straight([v, a, 0, a])), expected[0]);
        }
    }
    for v in 0..=u16::MAX {
        // v / 257 is never half-way.
        assert_eq!(u32::from(converted::<u16, u8>(v)), (u32::from(v) + 128) / 257);
        assert_eq!(converted::<[f32; 4], u16>(converted::<u16, [f32; 4]>(v)), v);
    }
    let wild = [f32::NAN, -3.0, 7.0, f32::INFINITY];
    assert_eq!(converted::<[f32; 4], Pixel>(wild), [0, 0, 255, 255]);
    assert_eq!(
        converted::<[f32; 4], [Half; 4]>([0.5, 1.0, -2.0, 0.0]).map(|h| h.0),
        [0x3800, 0x3c00, 0xc000, 0]
    );
    assert_eq!(converted::<Pixel, Straight>([64, 0, 0, 128]), Straight([128, 0, 0, 128]));
    let (src, mut dst) = ([1_u8; 2], [0_u8; 1]);
    let mut image = ImageMut::packed(&mut dst, 1, 1).unwrap();
    assert!(convert(&Image::packed(&src, 2, 1).unwrap(), &mut image).is_err());
}

#[test]
fn channels_are_packed_and_taken_out_again() {
    let planes = [[1, 2], [3, 4]];
    let plane = |i: usize| Channel::Plane(Image::packed(&planes[i], 2, 1).unwrap());
    let mut dst = [CLEAR; 2];
    let mut image = ImageMut::packed(&mut dst, 2, 1).unwrap();
    pack_channels(&mut image, [plane(1), Channel::Constant(9), plane(0), Channel::Constant(255)])
        .unwrap();
    assert_eq!(dst, [[3, 9, 1, 255], [4, 9, 2, 255]]);
    let image = Image::packed(&dst, 2, 1).unwrap();
    let mut out = [0; 2];
    extract_channel(&image, 2, &mut ImageMut::packed(&mut out, 2, 1).unwrap()).unwrap();
    assert_eq!(out, [1, 2]);
    let mut small = [0; 1];
    assert!(extract_channel(&image, 2, &mut ImageMut::packed(&mut small, 1, 1).unwrap()).is_err());
    let mut one = [CLEAR];
    let mut one = ImageMut::packed(&mut one, 1, 1).unwrap();
    assert!(pack_channels(&mut one, [plane(0); 4]).is_err());
}

#[test]
fn a_colour_map_passes_through_its_stops() {
    let map = ColorMap::new(&[[0, 0, 0, 255], [100, 200, 50, 255], [255; 4]]).unwrap();
    let colors = [-1.0, 0.0, 0.25, 0.5, 1.0, 9.0].map(|v| map.color(v));
    let (black, white) = ([0, 0, 0, 255], [255; 4]);
    let middle = [100, 200, 50, 255];
    assert_eq!(colors, [black, black, [50, 100, 25, 255], middle, white, white]);
    assert_eq!(map.color(f32::NAN), CLEAR);
    assert_eq!(ColorMap::new(&[]).unwrap_err(), SizeError::Empty);
    assert_eq!(ColorMap::VIRIDIS.color(0.0), [0x44, 0x01, 0x54, 255]);
    assert_eq!(ColorMap::INFERNO.color(1.0), [0xfc, 0xff, 0xa4, 255]);
    assert_eq!(ColorMap::TRAFFIC.color(0.5), [0xfe, 0xe0, 0x8b, 255]);
    assert_eq!(ColorMap::new(&[RED]).unwrap().color(0.3), RED);
}

#[test]
fn a_heat_map_lets_the_picture_through_where_there_is_no_value() {
    let values = [0.0, f32::NAN, 10.0];
    let grid = Image::packed(&values, 3, 1).unwrap();
    let mut heat = [CLEAR; 12];
    let mut image = ImageMut::packed(&mut heat, 6, 2).unwrap();
    ColorMap::GRAY.heat_map(&grid, [0.0, 20.0], &mut image).unwrap();
    let (black, gray) = ([0, 0, 0, 255], [128, 128, 128, 255]);
    assert_eq!(heat[..6], [black, black, CLEAR, CLEAR, gray, gray]);
    assert_eq!(heat[6..], heat[..6]);
    let mut picture = [RED; 12];
    let mut target = ImageMut::packed(&mut picture, 6, 2).unwrap();
    let heat = Image::packed(&heat, 6, 2).unwrap();
    draw(&mut target, &heat, [0, 0], &Paint { opacity: 51, ..Paint::default() }).unwrap();
    // A fifth of black or grey over four fifths of red.
    assert_eq!(picture[1..5], [[204, 0, 0, 255], RED, RED, [230, 26, 26, 255]]);
    // An empty range still has two sides.
    let mut two = [CLEAR; 3];
    let mut image = ImageMut::packed(&mut two, 3, 1).unwrap();
    ColorMap::GRAY.heat_map(&grid, [5.0, 5.0], &mut image).unwrap();
    let none = Image::packed(&[], 0, 0).unwrap();
    assert!(ColorMap::GRAY.heat_map(&none, [0.0, 1.0], &mut image).is_err());
    assert_eq!(two, [black, CLEAR, [255; 4]]);
}

#[test]
fn a_legend_runs_from_one_end_to_the_other_with_notches_between() {
    let mut pixels = [CLEAR; 40];
    ColorMap::GRAY.legend(&mut ImageMut::packed(&mut pixels, 20, 2).unwrap(), 4);
    assert_eq!([pixels[0][0], pixels[19][0]], [0, 255]);
    assert!(pixels[..20].is_sorted_by_key(|p| p[0]));
    let dark: Vec<usize> = (1..20).filter(|x| pixels[20 + x][0] == 0).collect();
    assert_eq!(dark, [5, 10, 15], "a notch at each quarter");
    // Upright: the beginning is at the bottom.
    ColorMap::GRAY.legend(&mut ImageMut::packed(&mut pixels, 2, 20).unwrap(), 0);
    assert_eq!([pixels[38][0], pixels[0][0]], [0, 255]);
    ColorMap::GRAY.legend(&mut ImageMut::packed(&mut [], 0, 0).unwrap(), 3);
    ColorMap::GRAY.legend(&mut ImageMut::packed(&mut [CLEAR], 1, 1).unwrap(), 3);
}

fn drawn(width: usize, height: usize, f: impl Fn(&mut ImageMut<'_>)) -> Vec<String> {
    let mut pixels = vec![CLEAR; width * height];
    f(&mut ImageMut::packed(&mut pixels, width, height).unwrap());
    let mark = |p: &Pixel| if *p == RED { '#' } else { '.' };
    pixels.chunks(width).map(|row| row.iter().map(mark).collect()).collect()
}

#[test]
fn lines_connect_their_points_and_are_cut_at_the_image() {
    let path = [[0.5, 0.5], [4.5, 0.5], [4.5, 3.5]];
    let found = drawn(6, 4, |image| polyline(image, path, 1, RED));
    assert_eq!(found, ["#####.", "....#.", "....#.", "....#."]);
    let found = drawn(4, 4, |image| line(image, [-1e6, -1e6], [1e6, 1e6], 1, RED));
    assert_eq!(found, ["#...", ".#..", "..#.", "...#"]);
    let found = drawn(5, 5, |image| line(image, [2.5, 2.5], [2.5, 2.5], 3, RED));
    assert_eq!(found, [".....", ".###.", ".###.", ".###.", "....."]);
    for outside in [[f32::NAN, 0.0], [f32::INFINITY, 1.0], [1e30, 1e30]] {
        let found = drawn(3, 1, |image| line(image, [0.0, 0.0], outside, 1, RED));
        assert_eq!(found, ["..."]);
    }
    let found = drawn(3, 2, |image| line(image, [-9.0, 5.0], [9.0, 5.0], 1, RED));
    assert_eq!(found, ["...", "..."]);
    let found = drawn(3, 1, |image| line(image, [0.0, 0.0], [2.0, 0.0], 0, RED));
    assert_eq!(found, ["..."], "no thickness");
}

#[test]
fn fitting_takes_means_when_it_shrinks_and_cells_when_it_grows() {
    let src = [[0, 1, 0, 0], [4, 2, 0, 0], [8, 0, 0, 0], [12, 0, 0, 9]];
    let image = Image::packed(&src, 4, 1).unwrap();
    let fitted = |width: usize| {
        let mut dst = vec![CLEAR; width];
        fit(&image, &mut ImageMut::packed(&mut dst, width, 1).unwrap()).unwrap();
        dst
    };
    // Halves are rounded up: (1 + 2) / 2 and 9 / 2.
    assert_eq!(fitted(2), [[2, 2, 0, 0], [10, 0, 0, 5]]);
    assert_eq!(fitted(1), [[6, 1, 0, 2]]);
    assert_eq!(fitted(4), src);
    let doubled: Vec<u8> = fitted(8).iter().map(|p| p[0]).collect();
    assert_eq!(doubled, [0, 0, 4, 4, 8, 8, 12, 12]);
    let none = Image::packed(&[], 0, 0).unwrap();
    assert!(fit(&none, &mut ImageMut::packed(&mut [CLEAR], 1, 1).unwrap()).is_err());
}

#[test]
fn half_blocks_carry_two_rows_and_repeat_no_colour() {
    let pixels = [RED, RED, [0, 0, 9, 255], [0, 0, 9, 255], [1, 2, 3, 255], RED];
    let mut out = String::new();
    half_blocks(&Image::packed(&pixels, 2, 3).unwrap(), &mut out).unwrap();
    let expected = "\x1b[38;2;255;0;0m\x1b[48;2;0;0;9m▀▀\x1b[0m\n\
                    \x1b[38;2;1;2;3m\x1b[48;2;0;0;0m▀\x1b[38;2;255;0;0m▀\x1b[0m\n";
    assert_eq!(out, expected);
}

#[test]
fn half_blocks_in_256_colours_take_the_nearest_of_the_palette() {
    // The palette as xterm's 256colres.h has it, from 16 on.
    let cube =
        (0..216).map(|i| [i / 36, i / 6 % 6, i % 6].map(|c| if c == 0 { 0 } else { 55 + 40 * c }));
    let palette: Vec<[i32; 3]> = cube.chain((0..24).map(|i| [8 + 10 * i; 3])).collect();
    let distance =
        |a: [i32; 3], b: [i32; 3]| -> i32 { a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum() };
    for i in 0..4096_i32 {
        let color = [i * 37 % 256, i * 101 % 256, i % 7 * i % 256];
        let [r, g, b] = color.map(|c| c as u8);
        let mut out = String::new();
        let pixels = [[r, g, b, 255]; 2];
        half_blocks_256(&Image::packed(&pixels, 1, 2).unwrap(), &mut out).unwrap();
        let code = out.strip_prefix("\x1b[38;5;").and_then(|rest| rest.split('m').next());
        let index: usize = code.unwrap().parse().unwrap();
        assert_eq!(out, format!("\x1b[38;5;{index}m\x1b[48;5;{index}m▀\x1b[0m\n"));
        let nearest = palette.iter().map(|p| distance(*p, color)).min().unwrap();
        assert_eq!(distance(palette[index - 16], color), nearest, "{color:?}");
    }
}

#[test]
fn ascii_is_darker_where_the_picture_is() {
    let gray = |v: u8| [v, v, v, 255];
    let pixels = [
        gray(0),
        gray(128),
        gray(255),
        gray(0),
        gray(128),
        gray(255),
        gray(0),
        gray(30),
        gray(200),
    ];
    let mut out = String::new();
    ascii(&Image::packed(&pixels, 3, 3).unwrap(), &mut out).unwrap();
    assert_eq!(out, " +@\n .#\n");
}

#[test]
fn a_full_queue_drops_what_its_policy_says() {
    let newest = FrameFifo::new(2, FifoPolicy::DropNewest);
    let pushed: Vec<_> = (0..3).map(|i| newest.push(i)).collect();
    assert_eq!(pushed, [Pushed::Taken, Pushed::Taken, Pushed::Refused(2)]);
    assert!(newest.is_full() && newest.depth() == 2 && newest.capacity() == 2);
    assert_eq!((newest.dropped(), newest.drop_rate()), (1, 1.0 / 3.0));
    assert_eq!((newest.pushed(), newest.depth_max()), (3, 2));
    assert_eq!([newest.try_pop(), newest.try_pop(), newest.try_pop()], [Some(0), Some(1), None]);

    let oldest = FrameFifo::new(2, FifoPolicy::DropOldest);
    let pushed: Vec<_> = (0..3).map(|i| oldest.push(i)).collect();
    assert_eq!(pushed, [Pushed::Taken, Pushed::Taken, Pushed::Replaced(0)]);
    oldest.close();
    assert_eq!(oldest.push(7), Pushed::Refused(7));
    assert_eq!([oldest.pop(), oldest.pop(), oldest.pop()], [Some(1), Some(2), None]);
    assert_eq!((oldest.dropped(), oldest.drop_rate()), (2, 0.5));
    assert_eq!((oldest.pushed(), oldest.depth_max(), oldest.depth()), (4, 2, 0));
    assert_eq!(FrameFifo::<u8>::new(0, FifoPolicy::Block).capacity(), 1);
}

#[test]
fn a_blocking_queue_loses_nothing_and_lets_everybody_go_when_it_closes() {
    let fifo = Arc::new(FrameFifo::new(3, FifoPolicy::Block));
    let producer = thread::spawn({
        let fifo = Arc::clone(&fifo);
        move || {
            (0..1000).for_each(|i| assert_eq!(fifo.push(i), Pushed::Taken));
            fifo.close();
        }
    });
    let frames: Vec<i32> = std::iter::from_fn(|| {
        assert!(fifo.depth() <= 3);
        fifo.pop()
    })
    .collect();
    producer.join().unwrap();
    assert!(frames.into_iter().eq(0..1000));
    assert_eq!(fifo.dropped(), 0);

    // Whoever waits for room is let go with the frame.
    let fifo = Arc::new(FrameFifo::new(1, FifoPolicy::Block));
    fifo.push(1);
    let waiting = thread::spawn({
        let fifo = Arc::clone(&fifo);
        move || fifo.push(2)
    });
    fifo.close();
    assert_eq!(waiting.join().unwrap(), Pushed::Refused(2));
}
