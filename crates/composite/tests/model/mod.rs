//! One case of each kernel, read from bytes, and the check against its scalar twin. The property
//! test and the fuzz target share it.

use farplane_composite::{
    Image, ImageMut, Layer, Pixel, Tile, blend_layers, box_mip_image, copy_with_border,
    fill_remainder, modulate, over, over_decal, over_image, premultiply, psnr, reference,
    upsample4,
};

/// A call of one kernel. Contents come from `fill`, so that few bytes make large inputs.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Over { count: u8, fill: Fill },
    Premultiply { count: u8, fill: Fill },
    Decal { dst: [u8; 3], src: [u8; 3], at: [i8; 2], opacity: u8, fill: Fill },
    Mip { size: [u8; 3], fill: Fill },
    Border { size: [u8; 3], at: [i8; 2], page: u8, border: u8, fill: Fill },
    Upsample { size: [u8; 2], cut: [u8; 2], fill: Fill },
    Layers { size: [u8; 2], layers: u8, material: u8, origin: [u8; 2], fill: Fill },
    Modulate { count: u8, fill: Fill },
    Psnr { count: u8, fill: Fill },
}

/// What buffers are filled with: noise from a seed, or noise of extremes only.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    pub seed: u16,
    pub extremes: bool,
}

impl Op {
    /// Takes one operation off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
            let (head, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(*head)
        }
        let [kind, a, b, style] = take(bytes)?;
        let fill = Fill { seed: u16::from_le_bytes([a, b]), extremes: style % 4 == 0 };
        let at = |[x, y]: [u8; 2]| [x as i8, y as i8];
        Some(match kind % 9 {
            0 => Self::Over { count: take::<1>(bytes)?[0], fill },
            1 => Self::Premultiply { count: take::<1>(bytes)?[0], fill },
            2 => Self::Decal {
                dst: take(bytes)?,
                src: take(bytes)?,
                at: at(take(bytes)?),
                opacity: take::<1>(bytes)?[0],
                fill,
            },
            3 => Self::Mip { size: take(bytes)?, fill },
            4 => {
                let [page, border] = take(bytes)?;
                Self::Border { size: take(bytes)?, at: at(take(bytes)?), page, border, fill }
            }
            5 => Self::Upsample { size: take(bytes)?, cut: take(bytes)?, fill },
            6 => {
                let [layers, material] = take(bytes)?;
                Self::Layers { size: take(bytes)?, layers, material, origin: take(bytes)?, fill }
            }
            7 => Self::Modulate { count: take::<1>(bytes)?[0], fill },
            _ => Self::Psnr { count: take::<1>(bytes)?[0], fill },
        })
    }

    /// Runs the kernel and its twin, and compares every byte, those outside the result too.
    pub fn check(self) {
        match self {
            Self::Over { count, fill } => check_over(usize::from(count), fill),
            Self::Premultiply { count, fill } => {
                let mut fast = fill.pixels(0, usize::from(count));
                let mut slow = fast.clone();
                premultiply(&mut fast);
                reference::premultiply(&mut slow);
                assert_eq!(fast, slow);
            }
            Self::Decal { dst, src, at, opacity, fill } => {
                check_decal(dst, src, at, opacity, fill);
            }
            Self::Mip { size, fill } => check_mip(size, fill),
            Self::Border { size, at, page, border, fill } => {
                check_border(size, at, page, border, fill);
            }
            Self::Upsample { size, cut, fill } => check_upsample(size, cut, fill),
            Self::Layers { size, layers, material, origin, fill } => {
                check_layers(size, layers, material, origin, fill);
            }
            Self::Modulate { count, fill } => check_modulate(usize::from(count), fill),
            Self::Psnr { count, fill } => check_psnr(usize::from(count), fill),
        }
    }
}

impl Fill {
    /// Noise; `stream` tells buffers of one case apart.
    pub fn bytes(self, stream: u16, count: usize) -> Vec<u8> {
        // Multiply-with-carry (Marsaglia).
        let mut state = 1 << 32 | u64::from(stream) << 16 | u64::from(self.seed);
        let next = || {
            state = (state & 0xffff_ffff) * 4_294_957_665 + (state >> 32);
            let byte = (state >> 24) as u8;
            if self.extremes { [0, 255, 1, 254][usize::from(byte % 4)] } else { byte }
        };
        std::iter::repeat_with(next).skip(4).take(count).collect()
    }

    pub fn pixels(self, stream: u16, count: usize) -> Vec<Pixel> {
        self.bytes(stream, 4 * count).as_chunks().0.to_vec()
    }
}

/// Width, height and stride from three bytes.
fn shape([width, height, gap]: [u8; 3]) -> (usize, usize, usize, usize) {
    let (width, height) = (usize::from(width % 40), usize::from(height % 12));
    let stride = width + usize::from(gap % 5);
    (width, height, stride, stride * height)
}

fn check_over(count: usize, fill: Fill) {
    let (mut fast, src) = (fill.pixels(0, count), fill.pixels(1, count));
    let mut slow = fast.clone();
    over(&mut fast, &src).unwrap();
    reference::over(&mut slow, &src);
    assert_eq!(fast, slow);
}

fn check_decal(dst: [u8; 3], src: [u8; 3], [x, y]: [i8; 2], opacity: u8, fill: Fill) {
    let (width, height, stride, count) = shape(src);
    let pixels = fill.pixels(1, count);
    let src = Image::new(&pixels, width, height, stride).unwrap();
    let (width, height, stride, count) = shape(dst);
    let mut fast = fill.pixels(0, count);
    let mut slow = fast.clone();
    let (x, y) = (i64::from(x) / 2, i64::from(y) / 8);
    let mut image = ImageMut::new(&mut slow, width, height, stride).unwrap();
    reference::over_decal(&mut image, &src, x, y, opacity);
    let mut image = ImageMut::new(&mut fast, width, height, stride).unwrap();
    over_decal(&mut image, &src, x, y, opacity);
    assert_eq!(fast, slow);
    let mut image = ImageMut::new(&mut slow, width, height, stride).unwrap();
    reference::over_decal(&mut image, &src, x, y, 255);
    let mut image = ImageMut::new(&mut fast, width, height, stride).unwrap();
    over_image(&mut image, &src, x, y);
    assert_eq!(fast, slow);
}

fn check_mip(size: [u8; 3], fill: Fill) {
    let (width, height, stride, count) = shape(size);
    let pixels = fill.pixels(0, count);
    let src = Image::new(&pixels, width, height, stride).unwrap();
    let (width, height) = (width.div_ceil(2), height.div_ceil(2));
    let stride = width + 3;
    let mut fast = fill.pixels(1, stride * height);
    let mut slow = fast.clone();
    let mut image = ImageMut::new(&mut slow, width, height, stride).unwrap();
    reference::box_mip(&src, &mut image);
    let mut image = ImageMut::new(&mut fast, width, height, stride).unwrap();
    box_mip_image(&src, &mut image).unwrap();
    assert_eq!(fast, slow);
}

fn check_border(size: [u8; 3], [x, y]: [i8; 2], page: u8, border: u8, fill: Fill) {
    let (width, height, stride, count) = shape(size);
    let pixels = fill.pixels(0, count);
    let src = Image::new(&pixels, width, height, stride).unwrap();
    let (page, border) = (u32::from(page % 24), u32::from(border % 6));
    let side = (page + 2 * border) as usize;
    let mut fast = vec![[0; 4]; side * side];
    let mut slow = fast.clone();
    let (x, y) = (i64::from(x), i64::from(y));
    let result = copy_with_border(&src, x, y, page, border, &mut fast);
    if width == 0 || height == 0 {
        assert_eq!(result.is_err(), side > 0);
        return;
    }
    result.unwrap();
    reference::copy_with_border(&src, x, y, page, border, &mut slow);
    assert_eq!(fast, slow);
}

fn check_upsample(size: [u8; 2], cut: [u8; 2], fill: Fill) {
    let [cw, ch] = [usize::from(size[0] % 160) + 1, usize::from(size[1] % 8) + 1];
    let [ow, oh] =
        [4 * (cw - 1), 4 * (ch - 1)].map(|texels| texels.saturating_sub(usize::from(cut[0] % 6)));
    let oh = oh.saturating_sub(usize::from(cut[1] % 6));
    let control = fill.bytes(0, cw * ch);
    let mut fast = vec![0; ow * oh];
    let mut slow = fast.clone();
    upsample4(&control, cw, ch, &mut fast, ow, oh).unwrap();
    reference::upsample4(&control, cw, &mut slow, ow);
    assert_eq!(fast, slow);
}

fn check_layers(size: [u8; 2], layers: u8, material: u8, origin: [u8; 2], fill: Fill) {
    let [width, height] = [usize::from(size[0] % 40) + 1, usize::from(size[1] % 6)];
    let count = usize::from(layers % 6);
    let size = 1 << (material % 6);
    let pixels: Vec<_> = (0..count).map(|i| fill.pixels(i as u16, size * size)).collect();
    let mut weights: Vec<_> =
        (0..count).map(|i| fill.bytes(100 + i as u16, width * height)).collect();
    // Half of the cases are proper stacks with stretches of zeros, the others any weights.
    if fill.seed.is_multiple_of(2)
        && let Some((base, others)) = weights.split_first_mut()
    {
        for (i, plane) in others.iter_mut().enumerate() {
            plane.iter_mut().skip(7 * i).take(20).for_each(|w| *w = 0);
            plane.iter_mut().for_each(|w| *w /= count as u8);
        }
        let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
        fill_remainder(base, &others).unwrap();
        for (i, b) in base.iter().enumerate() {
            let sum: u32 = others.iter().map(|plane| u32::from(plane[i])).sum();
            assert_eq!(u32::from(*b) + sum, 255);
        }
    }
    let layers: Vec<_> = (0..count)
        .map(|i| Layer {
            weights: &weights[i],
            material: Tile::new(&pixels[i], size).unwrap(),
            // Near the end of u32 too, where the column wraps.
            origin: origin.map(|o| u32::from(o).wrapping_sub(3)),
        })
        .collect();
    let mut fast = fill.pixels(200, width * height);
    let mut slow = fast.clone();
    blend_layers(&mut fast, width, &layers).unwrap();
    reference::blend_layers(&mut slow, width, &layers);
    assert_eq!(fast, slow);
}

fn check_modulate(count: usize, fill: Fill) {
    let mut fast = fill.pixels(0, count);
    let mut slow = fast.clone();
    let [r, g, b] = [1, 2, 3].map(|stream| fill.bytes(stream, count));
    modulate(&mut fast, &r, &g, &b).unwrap();
    reference::modulate(&mut slow, &r, &g, &b);
    assert_eq!(fast, slow);
}

fn check_psnr(count: usize, fill: Fill) {
    let (a, b) = (fill.bytes(0, count), fill.bytes(1, count));
    let sum = reference::sum_of_squares(&a, &b);
    let found = psnr(&a, &b).unwrap();
    if sum == 0 {
        assert_eq!(found, f64::INFINITY);
    } else {
        let expected = 10.0 * (255.0 * 255.0 * count as f64 / sum as f64).log10();
        assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
    }
}
