//! Pages of the virtual texture: stored pixels where imagery is at least as fine as the page's
//! texels, recipes elsewhere.

use crate::decals::{Placed, on_page};
use crate::grid::Grid;
use crate::ground::Ground;
use crate::imagery::Imagery;
use crate::{BakeError, PAGES_MAX, TEXELS_MAX};
use farplane_geom::DVec2;
use farplane_world::TextureLayout;
use farplane_world::page::{CONTROL_STEP, Recipe, control_points, encode_recipe, encode_stored};

/// Texels along the side of a page, and its border.
const PAGE_TEXELS: u32 = 128;
const BORDER: u32 = 4;
/// Resolution unless told otherwise: texels a metre, and texels along the longer side at most.
const TEXELS_PER_METRE: f64 = 4.0;
const TEXELS_DEFAULT_MAX: f64 = 16_384.0;

/// The texture over a world of that size: whole pages, texels nearly square.
pub(crate) fn layout(
    size_m: DVec2,
    texels_per_metre: Option<f64>,
) -> Result<TextureLayout, BakeError> {
    let longer_m = size_m.max_element();
    let page = f64::from(PAGE_TEXELS);
    let fail = |allowed: String| {
        Err(BakeError::Option {
            option: "texels per metre",
            given: format!("{} over {longer_m:.0} m", texels_per_metre.unwrap_or(TEXELS_PER_METRE)),
            allowed,
        })
    };
    if texels_per_metre.is_some_and(|t| !(t > 0.0 && t.is_finite())) {
        return fail("a positive number".into());
    }
    let longer = match texels_per_metre {
        Some(t) => t * longer_m,
        None => (TEXELS_PER_METRE * longer_m).min(TEXELS_DEFAULT_MAX),
    };
    if longer > f64::from(TEXELS_MAX) {
        let most = f64::from(TEXELS_MAX) / longer_m;
        return fail(format!("at most {most:.3}, for {TEXELS_MAX} texels along the longer side"));
    }
    let whole = |texels: f64| ((texels / page).round().max(1.0) * page) as u32;
    let longer = f64::from(whole(longer));
    let texels = [size_m.x, size_m.y].map(|side| whole(longer * side / longer_m));
    let layout = TextureLayout::new(texels, PAGE_TEXELS, BORDER);
    if layout.pages > PAGES_MAX {
        return fail(format!("fewer: {} pages are over {PAGES_MAX}", layout.pages));
    }
    Ok(layout)
}

/// Where a page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageAt {
    pub mip: u32,
    pub x: u32,
    pub y: u32,
}

/// Every page, in the order of their indices.
pub(crate) fn all(layout: &TextureLayout) -> impl Iterator<Item = PageAt> {
    let mut n = layout.texels.map(|t| t / layout.page_texels);
    let (mut mip, mut next) = (0, Some(()));
    let mips = core::iter::from_fn(move || {
        next?;
        let this = (mip, n);
        next = (n != [1, 1]).then_some(());
        n = n.map(|v| v.div_ceil(2));
        mip += 1;
        Some(this)
    });
    mips.flat_map(|(mip, [w, h])| {
        (0..h).flat_map(move |y| (0..w).map(move |x| PageAt { mip, x, y }))
    })
}

/// All that pages are made from.
pub(crate) struct Pages<'a> {
    pub layout: TextureLayout,
    pub grid: &'a Grid,
    pub ground: Ground<'a>,
    pub imagery: Imagery,
    pub decals: Vec<Placed>,
}

/// Buffers of a worker.
#[derive(Default)]
pub(crate) struct Scratch {
    ground: [Vec<u8>; 2],
    colors: Vec<[u8; 3]>,
    tint: [Vec<u8>; 3],
    pixels: Vec<u8>,
}

impl Pages<'_> {
    /// Metres a texel of a mip.
    fn texel_m(&self, mip: u32) -> DVec2 {
        let [w, h] = self.layout.texels.map(f64::from);
        self.grid.size_m() / DVec2::new(w, h) * f64::from(1u32 << mip)
    }

    /// Whether pages of a mip are stored: where a texel is at least as large as a source pixel.
    pub fn is_stored(&self, mip: u32) -> bool {
        let pixels = self.imagery.pixels_per(self.texel_m(mip));
        self.imagery.is_source && pixels.min_element() >= 1.0 - 1e-6
    }

    /// The payload of a page.
    pub fn payload(&self, page: PageAt, scratch: &mut Scratch) -> Vec<u8> {
        let texel_m = self.texel_m(page.mip);
        let first =
            [page.x, page.y].map(|p| i64::from(p) * i64::from(PAGE_TEXELS) - i64::from(BORDER));
        let corner = self.grid.min + DVec2::new(first[0] as f64, first[1] as f64) * texel_m;
        let side = self.layout.texels_with_border();
        if self.is_stored(page.mip) {
            let n = side as usize;
            self.imagery.sample(corner + 0.5 * texel_m, texel_m, [n, n], &mut scratch.colors);
            scratch.pixels.clear();
            scratch.pixels.extend(scratch.colors.iter().flat_map(|c| [c[0], c[1], c[2], 255]));
            return encode_stored(&scratch.pixels);
        }
        let control = control_points(side);
        let n = control as usize;
        let step_m = texel_m * f64::from(CONTROL_STEP);
        self.ground.sample(corner, step_m, n, &mut scratch.ground);
        self.imagery.sample(corner, step_m, [n, n], &mut scratch.colors);
        for (c, plane) in scratch.tint.iter_mut().enumerate() {
            plane.clear();
            plane.extend(scratch.colors.iter().map(|p| p[c]));
        }
        let ([height, slope], [red, green, blue]) = (&scratch.ground, &scratch.tint);
        let decals = on_page(&self.decals, page.mip, first, side);
        encode_recipe(&Recipe { control, planes: [height, slope, red, green, blue], decals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_has_whole_pages_and_nearly_square_texels() {
        let texels = |x, y, t| layout(DVec2::new(x, y), t).map(|l| l.texels).ok();
        assert_eq!(texels(4096.0, 4096.0, None), Some([16_384, 16_384]));
        assert_eq!(texels(64.0, 64.0, None), Some([256, 256]));
        // 93,977 × 110,896 m: 16,384 along the longer side, 13,884 rounded to 108 pages.
        assert_eq!(texels(93_977.0, 110_896.0, None), Some([13_824, 16_384]));
        assert_eq!(texels(4096.0, 1.0, Some(1.0)), Some([4096, 128]));
        assert_eq!(texels(4096.0, 4096.0, Some(513.0)), None);
        assert_eq!(texels(4096.0, 4096.0, Some(f64::NAN)), None);
    }

    #[test]
    fn pages_are_listed_in_the_order_of_their_indices() {
        let layout = TextureLayout::new([384, 256], 128, 4);
        let pages: Vec<[u32; 3]> = all(&layout).map(|p| [p.mip, p.x, p.y]).collect();
        let expected = [
            [0, 0, 0],
            [0, 1, 0],
            [0, 2, 0],
            [0, 0, 1],
            [0, 1, 1],
            [0, 2, 1],
            [1, 0, 0],
            [1, 1, 0],
            [2, 0, 0],
        ];
        assert_eq!(pages, expected);
        assert_eq!(pages.len() as u32, layout.pages);
    }
}
