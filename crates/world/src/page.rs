//! The payload of a page entry: either its pixels, or a recipe to composite them from.
//!
//! ```text
//! stored   0  u32  0
//!          4  (page + 2·border)² pixels, RGBA8, row 0 at the south
//! recipe   0  u32  1
//!          4  u16  control points along a side, C
//!          6  u16  number of decals, D
//!          8  5 planes of C² bytes: height, slope, red, green, blue
//!          …  D decals, 8 bytes each: image u16, mip u8, opacity u8, x i16, y i16
//! ```
//! Control points lie 4 texels apart, the first one on the outer corner of the first border texel,
//! so that texel *i* (0 at the border's edge) lies at control coordinate (i + 0.5) / 4. Height is the
//! world's height range in 255 steps, slope is 255 × the sine of the ground's inclination. The colour
//! is a tint for the materials, 128 neutral. A decal's x, y are its south-west texel, counted from
//! the first border texel.

use crate::bytes::{Put, Reader, WorldError, invalid};

/// Texels between control points.
pub const CONTROL_STEP: u32 = 4;

/// Decals that a page may have.
pub const DECALS_MAX: usize = 256;

/// An image placed on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decal {
    /// Number of the decal's image in the materials.
    pub image: u16,
    /// Mip of that image.
    pub mip: u8,
    /// 255 is opaque.
    pub opacity: u8,
    /// West texel, from the first border texel.
    pub x: i16,
    /// South texel, from the first border texel.
    pub y: i16,
}

/// What a page is composited from: views into its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe<'a> {
    /// Control points along a side.
    pub control: u32,
    /// Height, slope, red, green, blue; `control²` bytes each.
    pub planes: [&'a [u8]; 5],
    /// Decals in the order of drawing.
    pub decals: Vec<Decal>,
}

/// A decoded payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page<'a> {
    /// Pixels as they are, RGBA8.
    Stored(&'a [u8]),
    /// Composite these.
    Recipe(Recipe<'a>),
}

/// Control points along the side of a page with its border.
#[must_use]
pub fn control_points(texels_with_border: u32) -> u32 {
    texels_with_border.div_ceil(CONTROL_STEP) + 1
}

/// Encodes stored pixels.
#[must_use]
pub fn encode_stored(pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() + 4);
    out.put_u32(0);
    out.put(pixels);
    out
}

/// Encodes a recipe.
///
/// # Panics
/// When a plane has not `control²` bytes or there are more than [`DECALS_MAX`] decals: the baker's
/// own mistake.
#[must_use]
pub fn encode_recipe(recipe: &Recipe<'_>) -> Vec<u8> {
    assert!(recipe.decals.len() <= DECALS_MAX);
    let mut out = Vec::new();
    out.put_u32(1);
    out.put_u16(recipe.control as u16);
    out.put_u16(recipe.decals.len() as u16);
    for plane in recipe.planes {
        assert_eq!(plane.len(), (recipe.control * recipe.control) as usize);
        out.put(plane);
    }
    for d in &recipe.decals {
        out.put_u16(d.image);
        out.put(&[d.mip, d.opacity]);
        out.put(&d.x.to_le_bytes());
        out.put(&d.y.to_le_bytes());
    }
    out
}

/// Decodes a payload for pages of `texels_with_border`².
///
/// # Errors
/// Names the field that is wrong.
pub fn decode(payload: &[u8], texels_with_border: u32) -> Result<Page<'_>, WorldError> {
    let mut r = Reader::new(payload);
    match r.u32("page kind")? {
        0 => {
            let bytes = u64::from(texels_with_border) * u64::from(texels_with_border) * 4;
            let pixels = r.take(bytes, "page pixels")?;
            r.end("page pixels")?;
            Ok(Page::Stored(pixels))
        }
        1 => {
            let control = u32::from(r.u16("page control points")?);
            let decal_count = r.u16("page decals")?;
            if control != control_points(texels_with_border) {
                return invalid("page control points", "one every 4 texels");
            }
            if usize::from(decal_count) > DECALS_MAX {
                return invalid("page decals", "at most 256");
            }
            let mut plane = || r.take(u64::from(control * control), "page control planes");
            let planes = [plane()?, plane()?, plane()?, plane()?, plane()?];
            let mut decals = Vec::with_capacity(usize::from(decal_count));
            for _ in 0..decal_count {
                let image = r.u16("decal")?;
                let b = r.take(2, "decal")?;
                let (x, y) = (r.u16("decal")? as i16, r.u16("decal")? as i16);
                decals.push(Decal { image, mip: b[0], opacity: b[1], x, y });
            }
            r.end("page recipe")?;
            Ok(Page::Recipe(Recipe { control, planes, decals }))
        }
        _ => invalid("page kind", "0 (stored) or 1 (recipe)"),
    }
}
