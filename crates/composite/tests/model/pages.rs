//! Pages: splats, mips, borders.

use farplane_composite::{
    Edge, Image, ImageMut, MipFilter, Pixel, Plane, Splat, Straight, Tile, border_from_neighbors,
    copy_with_border, mip, mip_chain, mip_levels, reference, splat,
};

use super::{Fill, at_each_level, shape, take};

/// A call of `splat`.
#[derive(Clone, Copy, Debug)]
pub struct Splats {
    pub size: [u8; 2],
    pub count: u8,
    pub material: u8,
    pub origin: [u8; 2],
    /// Bit i: weights of splat i are texels and not control points; bit 7: no splat without any.
    pub texels: u8,
    pub tinted: u8,
    pub fill: Fill,
}

impl Splats {
    pub fn decode(bytes: &mut &[u8], fill: Fill) -> Option<Self> {
        let [count, material, texels, tinted] = take(bytes)?;
        let (size, origin) = (take(bytes)?, take(bytes)?);
        Some(Self { size, count, material, origin, texels, tinted, fill })
    }

    pub fn check(self) {
        let Self { fill, .. } = self;
        // Mostly small, at times wider than a strip.
        let width = usize::from(self.size[0]) % 40 + 1 + 250 * usize::from(self.size[1] % 16 == 15);
        let height = usize::from(self.size[1] % 7);
        let count = usize::from(self.count % 6);
        let size = 1 << (self.material % 6);
        let materials: Vec<_> = (0..count).map(|i| fill.pixels(i as u16, size * size)).collect();
        let (texels, points) = (width * height, (width.div_ceil(4) + 1) * (height.div_ceil(4) + 1));
        let plane = |stream: u16, texels_given: bool| {
            let mut bytes = fill.bytes(stream, if texels_given { texels } else { points });
            // Half of the cases are proper stacks with stretches of zeros, the others any weights.
            if fill.seed.is_multiple_of(2) && stream < 200 {
                bytes.iter_mut().skip(7 * usize::from(stream % 8)).take(20).for_each(|w| *w = 0);
                bytes.iter_mut().for_each(|w| *w /= count.max(1) as u8);
            }
            bytes
        };
        let given = |i: usize| self.texels >> (i % 7) & 1 > 0;
        let weights: Vec<_> = (0..count).map(|i| plane(100 + i as u16, given(i))).collect();
        let tints: Vec<_> = (0..3).map(|i| plane(200 + i as u16, given(i + 3))).collect();
        let view = |bytes, i| if given(i) { Plane::Texels(bytes) } else { Plane::Control(bytes) };
        let splats: Vec<_> = (0..count)
            .map(|i| Splat {
                weights: (self.texels & 128 > 0 || i > 0).then(|| view(&weights[i], i)),
                material: Tile::new(&materials[i], size).unwrap(),
                // Near the end of u32 too, where the column wraps.
                origin: self.origin.map(|o| u32::from(o).wrapping_sub(3)),
            })
            .collect();
        let tint = [0, 1, 2].map(|i| view(&tints[i], i + 3));
        let tint = (self.tinted % 2 == 1).then_some(tint);
        let mut expected = fill.pixels(300, texels);
        reference::splat(&mut expected, width, &splats, tint);
        at_each_level(|level| {
            let mut found = fill.pixels(300, texels);
            splat(&mut found, width, &splats, tint).unwrap();
            assert_eq!(found, expected, "{level:?}");
        });
    }
}

/// Calls of `mip` and `mip_chain`.
#[derive(Clone, Copy, Debug)]
pub struct Mip {
    pub size: [u8; 3],
    pub fill: Fill,
}

impl Mip {
    pub fn decode(bytes: &mut &[u8], fill: Fill) -> Option<Self> {
        Some(Self { size: take(bytes)?, fill })
    }

    pub fn check(self) {
        let (width, height, stride, count) = shape(self.size);
        let pixels = self.fill.pixels(0, count);
        let src = Image::new(&pixels, width, height, stride).unwrap();
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let half_stride = half_width + 3;
        let before = self.fill.pixels(1, half_stride * half_height);
        let mut expected = before.clone();
        let mut image = ImageMut::new(&mut expected, half_width, half_height, half_stride).unwrap();
        reference::box_mip(&src, &mut image);
        at_each_level(|level| {
            let mut found = before.clone();
            let mut image =
                ImageMut::new(&mut found, half_width, half_height, half_stride).unwrap();
            mip(&src, &mut image, MipFilter::Box).unwrap();
            assert_eq!(found, expected, "{level:?}");
        });
        self.check_light(&src);
        self.check_chain(&src);
    }

    fn check_light(&self, src: &Image<'_>) {
        let straight: Vec<Straight> = (0..src.height())
            .flat_map(|y| src.row(y).unwrap().iter().map(|pixel| Straight(*pixel)))
            .collect();
        let straight = Image::packed(&straight, src.width(), src.height()).unwrap();
        let (width, height) = (src.width().div_ceil(2), src.height().div_ceil(2));
        let mut found = vec![Straight([7; 4]); width * height];
        let mut image = ImageMut::packed(&mut found, width, height).unwrap();
        mip(&straight, &mut image, MipFilter::Srgb).unwrap();
        for (i, Straight(found)) in found.iter().enumerate() {
            let (x, y) = (i % width, i / width);
            let block = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| {
                let at = |v: usize, count: usize| v.min(count - 1);
                *src.pixel(at(2 * x + dx, src.width()), at(2 * y + dy, src.height())).unwrap()
            });
            for (exact, found) in reference::average_light(block).into_iter().zip(found) {
                let off = (exact - f64::from(*found)).abs();
                assert!(off <= 0.5 + 1e-6, "{found} for {exact} of {block:?}");
            }
        }
    }

    fn check_chain(&self, src: &Image<'_>) {
        let levels: Vec<_> = mip_levels(src.width(), src.height()).collect();
        let end = levels.last().map_or(0, |level| level.offset + 1);
        let mut chain = vec![[0; 4]; end];
        let rows = (0..src.height()).flat_map(|y| src.row(y).unwrap());
        chain.iter_mut().zip(rows).for_each(|(c, pixel)| *c = *pixel);
        mip_chain(&mut chain, src.width(), src.height(), MipFilter::Box).unwrap();
        for pair in levels.windows(2) {
            let [upper, lower] = [pair[0], pair[1]];
            let pixels = &chain[upper.offset..lower.offset];
            let image = Image::packed(pixels, upper.width, upper.height).unwrap();
            let mut expected = vec![[0; 4]; lower.width * lower.height];
            let mut half = ImageMut::packed(&mut expected, lower.width, lower.height).unwrap();
            reference::box_mip(&image, &mut half);
            assert_eq!(chain[lower.offset..][..expected.len()], expected);
        }
    }
}

/// Calls of `copy_with_border` and `border_from_neighbors`.
#[derive(Clone, Copy, Debug)]
pub struct Border {
    pub size: [u8; 3],
    pub at: [i8; 2],
    pub page: u8,
    pub border: u8,
    pub neighbors: u8,
    pub fill: Fill,
}

impl Border {
    pub fn decode(bytes: &mut &[u8], fill: Fill) -> Option<Self> {
        let [x, y, page, border, neighbors] = take(bytes)?;
        let (size, at) = (take(bytes)?, [x as i8, y as i8]);
        Some(Self { size, at, page, border, neighbors, fill })
    }

    pub fn check(self) {
        let (width, height, stride, count) = shape(self.size);
        let pixels = self.fill.pixels(0, count);
        let src = Image::new(&pixels, width, height, stride).unwrap();
        let (page, border) = (u32::from(self.page % 24), u32::from(self.border % 6));
        let side = (page + 2 * border) as usize;
        let at = self.at.map(i64::from);
        for edge in [Edge::Clamp, Edge::Wrap] {
            let mut found = vec![[0; 4]; side * side];
            let mut expected = found.clone();
            let result = copy_with_border(&src, at, page, border, edge, &mut found);
            if width == 0 || height == 0 {
                assert_eq!(result.is_err(), side > 0);
                continue;
            }
            result.unwrap();
            reference::copy_with_border(&src, at, page, border, edge, &mut expected);
            assert_eq!(found, expected, "{edge:?}");
        }
        self.check_neighbors(page as usize, border as usize);
    }

    /// Nine pages side by side are one image: the border of the one in the middle is cut from it.
    fn check_neighbors(&self, size: usize, border: usize) {
        let world = self.fill.pixels(1, 9 * size * size);
        let world = Image::packed(&world, 3 * size, 3 * size).unwrap();
        let side = size + 2 * border;
        let at = |x: usize, y: usize| *world.pixel(x, y).unwrap();
        let cells: Vec<Vec<Pixel>> = (0..9)
            .map(|cell| {
                let (left, top) = (cell % 3 * size, cell / 3 * size);
                (0..size * size).map(|i| at(left + i % size, top + i / size)).collect()
            })
            .collect();
        let around = [0, 1, 2, 3, 5, 6, 7, 8];
        let present = |cell: usize| cell == 4 || self.neighbors >> (cell % 8) & 1 == 0;
        let neighbors = around.map(|cell: usize| {
            present(cell).then(|| Image::packed(&cells[cell], size, size).unwrap())
        });
        let mut page = self.fill.pixels(2, side * side);
        for y in 0..size {
            page[(y + border) * side + border..][..size]
                .copy_from_slice(&cells[4][y * size..][..size]);
        }
        let result = border_from_neighbors(&mut page, size, border, &neighbors);
        if border > size {
            assert!(result.is_err());
            return;
        }
        result.unwrap();
        for (i, found) in page.iter().enumerate() {
            let (x, y) = (size + i % side - border, size + i / side - border);
            let here = present(3 * (y / size) + x / size);
            let inner = |v: usize| if here { v } else { v.clamp(size, 2 * size - 1) };
            assert_eq!(*found, at(inner(x), inner(y)), "({x}, {y})");
        }
    }
}
