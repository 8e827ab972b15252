//! Lines, and pictures of another size.

use farplane_composite::{Image, ImageMut, Pixel, fit, line};

use super::{Fill, shape, take};

const BACK: Pixel = [1, 2, 3, 4];
const INK: Pixel = [200, 100, 50, 255];

/// A call of `line`.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub size: [u8; 3],
    /// Ends, any bits at all.
    pub ends: [[f32; 2]; 2],
    pub thickness: u8,
}

impl Line {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let [thickness, wild] = take(bytes)?;
        let size = take(bytes)?;
        let mut number = || -> Option<f32> {
            let bits = take(bytes)?;
            // Near the image, or anything at all.
            let near = f32::from(i16::from_le_bytes([bits[0], bits[1]])) / 512.0;
            Some(if wild % 2 == 1 { f32::from_le_bytes(bits) } else { near })
        };
        let ends = [[number()?, number()?], [number()?, number()?]];
        Some(Self { size, ends, thickness: thickness % 5 })
    }

    /// Nothing outside of the ends' box is drawn, an end inside the image is, and the line has no
    /// gap between two such ends.
    pub fn check(self) {
        let (width, height, stride, count) = shape(self.size);
        let mut pixels = vec![BACK; count];
        let mut image = ImageMut::new(&mut pixels, width, height, stride).unwrap();
        let [from, to] = self.ends;
        line(&mut image, from, to, self.thickness.into(), INK);
        let drawn = |x: usize, y: usize| x < width && y < height && pixels[y * stride + x] == INK;
        for (i, pixel) in pixels.iter().enumerate() {
            let (x, y) = (i % stride, i / stride);
            assert!(*pixel == BACK || drawn(x, y), "between the rows at ({x}, {y})");
            let within = |v: usize, a: f32, b: f32| {
                let reach = f32::from(self.thickness) + 1.0;
                (a.min(b) - reach..=a.max(b) + reach).contains(&(v as f32))
            };
            let boxed = within(x, from[0], to[0]) && within(y, from[1], to[1]);
            assert!(*pixel == BACK || boxed, "{self:?} drawn at ({x}, {y})");
        }
        let inside = |[x, y]: [f32; 2]| {
            let cell = |v: f32, count: usize| (v >= 0.0 && v < count as f32).then_some(v as usize);
            Some((cell(x, width)?, cell(y, height)?))
        };
        let (Some(a), Some(b)) = (inside(from), inside(to)) else { return };
        if self.thickness == 0 {
            return assert!(!pixels.contains(&INK));
        }
        assert!(drawn(a.0, a.1) && drawn(b.0, b.1), "{self:?} lacks an end");
        for x in a.0.min(b.0)..=a.0.max(b.0) {
            assert!((0..height).any(|y| drawn(x, y)), "{self:?} has a gap in column {x}");
        }
        for y in a.1.min(b.1)..=a.1.max(b.1) {
            assert!((0..width).any(|x| drawn(x, y)), "{self:?} has a gap in row {y}");
        }
    }
}

/// A call of `fit`.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    pub src: [u8; 3],
    pub dst: [u8; 3],
    pub fill: Fill,
}

impl Fit {
    pub fn decode(bytes: &mut &[u8], fill: Fill) -> Option<Self> {
        Some(Self { src: take(bytes)?, dst: take(bytes)?, fill })
    }

    /// Every pixel is the mean of those whose share of the source falls on it.
    pub fn check(self) {
        let (width, height, stride, count) = shape(self.src);
        let pixels = self.fill.pixels(0, count);
        let src = Image::new(&pixels, width, height, stride).unwrap();
        let (dst_width, dst_height, dst_stride, dst_count) = shape(self.dst);
        let before = self.fill.pixels(1, dst_count);
        let mut found = before.clone();
        let mut image = ImageMut::new(&mut found, dst_width, dst_height, dst_stride).unwrap();
        let result = fit(&src, &mut image);
        if width * height == 0 {
            assert_eq!(result.is_err(), dst_width * dst_height > 0);
            return;
        }
        result.unwrap();
        // Source pixel i of n stands for every place p of m with ⌊p n / m⌋ ≤ i, up to the next.
        let stands = |i: usize, n: usize, p: usize, m: usize| {
            let (first, end) = (p * n / m, (p + 1) * n / m);
            i == first || (first..end).contains(&i)
        };
        for (i, (found, before)) in found.iter().zip(&before).enumerate() {
            let (x, y) = (i % dst_stride.max(1), i / dst_stride.max(1));
            if x >= dst_width {
                assert_eq!(found, before, "between the rows");
                continue;
            }
            for (c, found) in found.iter().enumerate() {
                let mut values = Vec::new();
                for sy in (0..height).filter(|sy| stands(*sy, height, y, dst_height)) {
                    for sx in (0..width).filter(|sx| stands(*sx, width, x, dst_width)) {
                        values.push(f64::from(src.pixel(sx, sy).unwrap()[c]));
                    }
                }
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                assert_eq!(f64::from(*found), (mean + 0.5).floor(), "{c} at ({x}, {y})");
            }
        }
    }
}
