//! One case of each kernel, read from bytes, and the check against its definition at every level
//! that this machine has. The property test and the fuzz target share it.

mod drawing;
pub mod laying;
mod pages;

pub use drawing::{Fit, Line};
use farplane_composite::{
    AlphaClass, Image, Level, Pixel, alpha_class, modulate, over, premultiply, psnr, reference,
    unpremultiply, upsample4, with_level,
};
pub use laying::{Lay, Stack};
pub use pages::{Border, Mip, Splats};

/// A call of one kernel. Contents come from `fill`, so that few bytes make large inputs.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Over { count: u8, fill: Fill },
    Premultiply { count: u8, fill: Fill },
    Unpremultiply { count: u8, fill: Fill },
    Class { shape: [u8; 3], kind: u8, fill: Fill },
    Upsample { size: [u8; 2], cut: [u8; 2], fill: Fill },
    Modulate { count: u8, fill: Fill },
    Psnr { count: u8, fill: Fill },
    Lay(Lay),
    Stack(Stack),
    Splats(Splats),
    Mip(Mip),
    Border(Border),
    Line(Line),
    Fit(Fit),
}

/// What buffers are filled with: noise from a seed, or noise of extremes only.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    pub seed: u16,
    pub extremes: bool,
}

/// Takes so many bytes off the front; nothing when they run out.
pub fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

/// Runs `f` at every level that this machine has.
pub fn at_each_level(mut f: impl FnMut(Level)) {
    for level in Level::ALL {
        with_level(level, || f(level));
    }
}

impl Op {
    /// Takes one operation off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let [kind, a, b, style] = take(bytes)?;
        let fill = Fill { seed: u16::from_le_bytes([a, b]), extremes: style % 4 == 0 };
        let mut count = || take::<1>(bytes).map(|[count]| count);
        Some(match kind % 16 {
            0 => Self::Over { count: count()?, fill },
            1 => Self::Premultiply { count: count()?, fill },
            2 => Self::Unpremultiply { count: count()?, fill },
            3 => Self::Modulate { count: count()?, fill },
            4 => Self::Psnr { count: count()?, fill },
            5 => Self::Class { kind: count()?, shape: take(bytes)?, fill },
            6 => Self::Upsample { size: take(bytes)?, cut: take(bytes)?, fill },
            7 => Self::Mip(Mip::decode(bytes, fill)?),
            8 => Self::Border(Border::decode(bytes, fill)?),
            9 | 10 => Self::Splats(Splats::decode(bytes, fill)?),
            11 => Self::Line(Line::decode(bytes)?),
            12 => Self::Fit(Fit::decode(bytes, fill)?),
            13 => Self::Stack(Stack::decode(bytes, fill)?),
            _ => Self::Lay(Lay::decode(bytes, fill)?),
        })
    }

    /// Runs the kernel and its twin, and compares every byte, those outside the result too.
    pub fn check(self) {
        match self {
            Self::Over { count, fill } => check_over(usize::from(count), fill),
            Self::Premultiply { count, fill } => {
                check_in_place(fill, count, premultiply, reference::premultiply);
            }
            Self::Unpremultiply { count, fill } => {
                check_in_place(fill, count, unpremultiply, reference::unpremultiply);
            }
            Self::Class { shape, kind, fill } => check_class(shape, kind, fill),
            Self::Upsample { size, cut, fill } => check_upsample(size, cut, fill),
            Self::Modulate { count, fill } => check_modulate(usize::from(count), fill),
            Self::Psnr { count, fill } => check_psnr(usize::from(count), fill),
            Self::Lay(lay) => lay.check(),
            Self::Stack(stack) => stack.check(),
            Self::Splats(splats) => splats.check(),
            Self::Mip(mip) => mip.check(),
            Self::Border(border) => border.check(),
            Self::Line(line) => line.check(),
            Self::Fit(fit) => fit.check(),
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

/// Width, height and stride from three bytes, and pixels in all.
pub fn shape([width, height, gap]: [u8; 3]) -> (usize, usize, usize, usize) {
    let (width, height) = (usize::from(width % 40), usize::from(height % 12));
    let stride = width + usize::from(gap % 5);
    (width, height, stride, stride * height)
}

fn check_in_place(fill: Fill, count: u8, fast: fn(&mut [Pixel]), slow: fn(&mut [Pixel])) {
    let pixels = fill.pixels(0, count.into());
    let mut expected = pixels.clone();
    slow(&mut expected);
    at_each_level(|level| {
        let mut found = pixels.clone();
        fast(&mut found);
        assert_eq!(found, expected, "{level:?}");
    });
}

fn check_over(count: usize, fill: Fill) {
    let (dst, src) = (fill.pixels(0, count), fill.pixels(1, count));
    let mut expected = dst.clone();
    reference::over(&mut expected, &src);
    at_each_level(|level| {
        let mut found = dst.clone();
        over(&mut found, &src).unwrap();
        assert_eq!(found, expected, "{level:?}");
    });
}

fn check_class(of: [u8; 3], kind: u8, fill: Fill) {
    let (width, height, stride, count) = shape(of);
    let mut pixels = fill.pixels(0, count);
    match kind % 4 {
        0 => pixels.fill([0; 4]),
        1 => pixels.iter_mut().for_each(|pixel| pixel[3] = 255),
        // One that spoils it.
        2 => {
            pixels.fill([9, 9, 9, 255]);
            let at = usize::from(kind / 4) % count.max(1);
            pixels.iter_mut().skip(at).take(1).for_each(|pixel| pixel[3] = 254);
        }
        _ => {}
    }
    let image = Image::new(&pixels, width, height, stride).unwrap();
    let expected = match reference::alpha_class(&image) {
        [true, _] => AlphaClass::Transparent,
        [_, true] => AlphaClass::Opaque,
        _ => AlphaClass::Mixed,
    };
    at_each_level(|level| assert_eq!(alpha_class(&image), expected, "{level:?}"));
}

fn check_upsample(size: [u8; 2], cut: [u8; 2], fill: Fill) {
    let [cw, ch] = [usize::from(size[0] % 160) + 1, usize::from(size[1] % 8) + 1];
    let [ow, oh] =
        [4 * (cw - 1), 4 * (ch - 1)].map(|texels| texels.saturating_sub(usize::from(cut[0] % 6)));
    let oh = oh.saturating_sub(usize::from(cut[1] % 6));
    let control = fill.bytes(0, cw * ch);
    let mut expected = vec![0; ow * oh];
    reference::upsample4(&control, cw, &mut expected, ow);
    at_each_level(|level| {
        let mut found = vec![0; ow * oh];
        upsample4(&control, cw, ch, &mut found, ow, oh).unwrap();
        assert_eq!(found, expected, "{level:?}");
    });
}

fn check_modulate(count: usize, fill: Fill) {
    let pixels = fill.pixels(0, count);
    let [r, g, b] = [1, 2, 3].map(|stream| fill.bytes(stream, count));
    let mut expected = pixels.clone();
    reference::modulate(&mut expected, &r, &g, &b);
    at_each_level(|level| {
        let mut found = pixels.clone();
        modulate(&mut found, &r, &g, &b).unwrap();
        assert_eq!(found, expected, "{level:?}");
    });
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
