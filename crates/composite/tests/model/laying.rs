//! One picture laid over another in every way, and stacks of them.

use farplane_composite::{
    AlphaClass, Blend, Image, ImageMut, Layer, Light, Paint, Pixel, Rect, Rgba8, Source, Straight,
    Tile, alpha_class, compose, draw, premultiply, reference,
};

use super::{Fill, at_each_level, shape, take};

/// A call of `draw`.
#[derive(Clone, Copy, Debug)]
pub struct Lay {
    pub dst: [u8; 3],
    pub src: [u8; 3],
    pub at: [i8; 2],
    pub how: How,
    pub straight: bool,
    pub fill: Fill,
}

/// What a `Paint` is made of.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub blend: Blend,
    pub linear: bool,
    pub opacity: u8,
    pub tint: Option<Pixel>,
    pub masked: bool,
    pub clip: Option<[i8; 4]>,
}

impl How {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let [blend, flags, opacity] = take(bytes)?;
        let tint = if flags & 1 > 0 { Some(take(bytes)?) } else { None };
        let clip = if flags & 2 > 0 { Some(take(bytes)?.map(|v: u8| v as i8)) } else { None };
        Some(Self {
            blend: Blend::ALL[usize::from(blend) % Blend::ALL.len()],
            linear: flags & 4 > 0,
            opacity: if flags & 8 > 0 { opacity } else { 255 },
            tint,
            masked: flags & 16 > 0,
            clip,
        })
    }

    pub fn paint<'a>(&self, mask: Option<Image<'a, u8>>) -> Paint<'a> {
        let clip = |[x, y, w, h]: [i8; 4]| {
            Rect::new(x.into(), y.into(), w.unsigned_abs().into(), h.unsigned_abs().into())
        };
        Paint {
            blend: self.blend,
            light: if self.linear { Light::Linear } else { Light::Encoded },
            opacity: self.opacity,
            tint: self.tint.unwrap_or([255; 4]),
            mask: mask.filter(|_| self.masked),
            clip: self.clip.map(clip),
        }
    }
}

impl Lay {
    pub fn decode(bytes: &mut &[u8], fill: Fill) -> Option<Self> {
        let [x, y, straight] = take(bytes)?;
        Some(Self {
            dst: take(bytes)?,
            src: take(bytes)?,
            at: [x as i8, y as i8],
            how: How::decode(bytes)?,
            straight: straight % 2 == 1,
            fill,
        })
    }

    pub fn check(self) {
        if self.straight { self.check_as(Straight) } else { self.check_as(|pixel: Pixel| pixel) }
    }

    fn check_as<P: Rgba8 + kind::Pixels>(self, from: fn(Pixel) -> P) {
        let (width, height, stride, count) = shape(self.src);
        let (dst_width, dst_height, dst_stride, dst_count) = shape(self.dst);
        let mut src = self.fill.pixels(1, count);
        let mut dst = self.fill.pixels(0, dst_count);
        // Operators of Porter and Duff are defined for any bytes, the rest for colours that do not
        // exceed their alpha.
        if !self.straight && reference::porter_duff(self.how.blend, [0; 4], [0; 4]).is_none()
            || self.how.linear
        {
            premultiply(&mut src);
            premultiply(&mut dst);
        }
        let mask = self.fill.bytes(2, count);
        let mask = Image::new(&mask, width, height, stride).unwrap();
        let paint = self.how.paint(Some(mask));
        let at = [i64::from(self.at[0]) / 2, i64::from(self.at[1]) / 8];
        let source: Vec<P> = src.iter().map(|pixel| from(*pixel)).collect();
        let image = Image::new(&source, width, height, stride).unwrap();
        let mut first: Option<Vec<Pixel>> = None;
        at_each_level(|level| {
            let mut found: Vec<P> = dst.iter().map(|pixel| from(*pixel)).collect();
            let mut target = ImageMut::new(&mut found, dst_width, dst_height, dst_stride).unwrap();
            draw(&mut target, &image, at, &paint).unwrap();
            let bytes: Vec<Pixel> = found.iter().map(kind::Pixels::bytes).collect();
            assert_eq!(first.get_or_insert_with(|| bytes.clone()), &bytes, "{level:?}");
            for (i, (found, before)) in found.iter().zip(&dst).enumerate() {
                let (x, y) = (i % dst_stride.max(1), i / dst_stride.max(1));
                let place = [x as i64 - at[0], y as i64 - at[1]];
                let clipped = paint.clip.is_some_and(|clip| {
                    let (columns, rows) = clip.within(dst_width, dst_height);
                    !columns.contains(&x) || !rows.contains(&y)
                });
                let [sx, sy] = place.map(|v| usize::try_from(v).unwrap_or(usize::MAX));
                let s = image.pixel(sx, sy).filter(|_| x < dst_width && !clipped);
                let Some(s) = s else {
                    assert_eq!(found.bytes(), *before, "outside, at ({x}, {y}), {level:?}");
                    continue;
                };
                let share = if self.how.masked { *mask.pixel(sx, sy).unwrap() } else { 255 };
                let s =
                    reference::shared(s.bytes(), paint.tint, share, paint.opacity, self.straight);
                self.check_pixel(s, *before, found.bytes());
            }
        });
    }

    /// A tint may leave colours above their alpha: nothing is promised of them then but that all
    /// levels agree, except by operators of Porter and Duff on stored values.
    fn check_pixel(&self, src: Pixel, dst: Pixel, found: Pixel) {
        let defined = |p: Pixel| self.straight || p[..3].iter().all(|c| *c <= p[3]);
        let integer = reference::porter_duff(self.how.blend, src, dst).is_some();
        if !(defined(src) && defined(dst) || integer && !self.how.linear) {
            return;
        }
        let light = if self.how.linear { Light::Linear } else { Light::Encoded };
        check_blend(self.how.blend, light, self.straight, src, dst, found);
    }
}

/// That a result is the one that is defined: in every bit for operators of Porter and Duff on
/// premultiplied pixels, else to the nearest of the value before rounding.
pub fn check_blend(
    blend: Blend,
    light: Light,
    straight: bool,
    src: Pixel,
    dst: Pixel,
    found: Pixel,
) {
    let case =
        || format!("{blend:?}, {light:?}, straight: {straight}, {src:?} on {dst:?}: {found:?}");
    if let (Light::Encoded, false, Some(expected)) =
        (light, straight, reference::porter_duff(blend, src, dst))
    {
        assert_eq!(found, expected, "{}", case());
        return;
    }
    let exact = reference::blended(blend, light, straight, src, dst);
    let alpha = f64::from(found[3]);
    for (c, (exact, found)) in exact.into_iter().zip(found).enumerate() {
        // Linear light on premultiplied pixels: the straight result is rounded, then multiplied.
        let (mut low, mut high) = (exact - 0.5, exact + 0.5);
        if light == Light::Linear && !straight && c < 3 {
            (low, high) = (low * alpha / 255.0 - 0.5, high * alpha / 255.0 + 0.5);
        }
        let (low, high) = (low - 1e-6, high + 1e-6);
        assert!((low..=high).contains(&f64::from(found)), "{}, for {exact} at {c}", case());
    }
}

/// Opacity, size and seed, place, and how it is laid.
type StackLayer = (u8, [u8; 3], [i8; 2], How);

/// A call of `compose` with up to four layers.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    pub dst: [u8; 3],
    pub layers: [Option<StackLayer>; 4],
    pub fill: Fill,
}

impl Stack {
    pub fn decode(bytes: &mut &[u8], fill: Fill) -> Option<Self> {
        let dst = take(bytes)?;
        let [count] = take(bytes)?;
        let mut layers = [None; 4];
        for layer in layers.iter_mut().take(usize::from(count % 5)) {
            let [kind, x, y] = take(bytes)?;
            let (of, mut how) = (take(bytes)?, How::decode(bytes)?);
            // Premultiplied: colours above their alpha would be another pixel when they are made
            // straight for linear light, also where nothing is laid.
            if let Some([r, g, b, a]) = &mut how.tint {
                *a = (*r).max(*g).max(*b);
            }
            *layer = Some((kind, of, [x as i8, y as i8], how));
        }
        Some(Self { dst, layers, fill })
    }

    /// Each layer drawn by itself, in full, over everything below it, gives the same; and the
    /// class is true.
    pub fn check(self) {
        let (width, height, stride, count) = shape(self.dst);
        let mut below = self.fill.pixels(0, count);
        premultiply(&mut below);
        let layers: Vec<_> = self.layers.iter().flatten().zip(1..).collect();
        let owned: Vec<_> = layers.iter().map(|(l, i)| self.pixels(**l, *i)).collect();
        let masks: Vec<_> = layers.iter().map(|(_, i)| self.fill.bytes(100 + i, 40 * 40)).collect();
        let mut expected = below.clone();
        let mut stack = Vec::new();
        for (i, ((_, of, at, how), _)) in layers.iter().enumerate() {
            let at = at.map(|v| i64::from(v) / 8);
            let (pixels, source) = &owned[i];
            let (w, h, s, _) = shape(*of);
            let (source, size) = match source {
                0 => (Source::Color(pixels[0]), [width, height]),
                1 => {
                    let tile = Tile::new(pixels, 4).unwrap();
                    (Source::Material { tile, origin: at.map(|v| v as u32) }, [width, height])
                }
                _ => (Source::Picture { image: Image::new(pixels, w, h, s).unwrap(), at }, [w, h]),
            };
            let mask = Image::new(&masks[i], size[0], size[1], 40).unwrap();
            let paint = how.paint(Some(mask));
            let class = match source {
                Source::Picture { image, .. } => alpha_class(&image),
                _ => alpha_class(&Image::packed(pixels, pixels.len(), 1).unwrap()),
            };
            stack.push(Layer { source, class, paint });
            let all: Vec<Pixel> = (0..width * height)
                .map(|i| match source {
                    Source::Color(color) => color,
                    Source::Material { tile, origin: [x, y] } => tile.pixel(
                        x.wrapping_add((i % width) as u32),
                        y.wrapping_add((i / width) as u32),
                    ),
                    Source::Picture { .. } => [0; 4],
                })
                .collect();
            let mut target = ImageMut::new(&mut expected, width, height, stride).unwrap();
            match source {
                Source::Picture { image, at } => draw(&mut target, &image, at, &paint).unwrap(),
                _ => {
                    let image = Image::packed(&all, width, height).unwrap();
                    draw(&mut target, &image, [0, 0], &paint).unwrap();
                }
            }
        }
        let class = alpha_class(&Image::new(&below, width, height, stride).unwrap());
        at_each_level(|level| {
            let mut found = below.clone();
            let mut target = ImageMut::new(&mut found, width, height, stride).unwrap();
            let after = compose(&mut target, &stack, class).unwrap();
            let after_true = alpha_class(&target.as_image());
            assert_eq!(found, expected, "{level:?}");
            assert!(
                after == AlphaClass::Mixed || after == after_true || width * height == 0,
                "{after:?} for {after_true:?}"
            );
        });
    }

    /// Pixels of a layer, some opaque and some clear, and which kind of source they make.
    fn pixels(&self, (kind, of, ..): (u8, [u8; 3], [i8; 2], How), stream: u16) -> (Vec<Pixel>, u8) {
        let source = kind % 3;
        let count = [1, 16, shape(of).3][usize::from(source)];
        let mut pixels = self.fill.pixels(stream, count);
        match kind / 3 % 3 {
            0 => pixels.iter_mut().for_each(|pixel| pixel[3] = 255),
            1 => pixels.fill([0; 4]),
            _ => premultiply(&mut pixels),
        }
        (pixels, source)
    }
}

/// The bytes of a pixel of either kind.
pub mod kind {
    use super::{Pixel, Straight};

    pub trait Pixels: Copy {
        fn bytes(&self) -> Pixel;
    }

    impl Pixels for Pixel {
        fn bytes(&self) -> Pixel {
            *self
        }
    }

    impl Pixels for Straight {
        fn bytes(&self) -> Pixel {
            self.0
        }
    }
}
