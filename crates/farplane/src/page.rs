use bytemuck::{cast_slice, cast_slice_mut};
use farplane_composite::{Image, ImageMut, Plane, SPLATS_MAX, Splat, Tile, over_decal, splat};
use farplane_vt::{PageId, VtLayout};
use farplane_world::materials::{LAYERS_MAX, Materials};
use farplane_world::page::{self, Page, Recipe};

/// Working memory for compositing pages: one for each worker.
#[derive(Debug, Default)]
pub struct PageScratch {
    control: Vec<u8>,
}

// A page may have as many splats as a world has layers.
const _: () = assert!(LAYERS_MAX <= SPLATS_MAX);

impl PageScratch {
    /// Largest size for pages of a layout, bytes.
    #[must_use]
    pub fn bytes_max(layout: &VtLayout) -> u64 {
        let control = u64::from(page::control_points(layout.slot_texels()));
        LAYERS_MAX as u64 * control * control
    }
}

/// Why a page cannot be composited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageError;

impl std::fmt::Display for PageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the page's payload does not fit the world's texture: bake the world again")
    }
}

impl std::error::Error for PageError {}

/// Turns a page's payload into pixels, RGBA8 with border, row 0 at the south. The result depends on
/// the arguments alone, bit for bit.
///
/// # Errors
/// When the payload or the length of `out` does not fit the layout.
pub fn compose_page(
    payload: &[u8],
    page: PageId,
    layout: &VtLayout,
    materials: &Materials,
    out: &mut [u8],
    scratch: &mut PageScratch,
) -> Result<(), PageError> {
    if out.len() != layout.page_bytes() {
        return Err(PageError);
    }
    match page::decode(payload, layout.slot_texels()).map_err(|_| PageError)? {
        Page::Stored(pixels) => out.copy_from_slice(pixels),
        Page::Recipe(recipe) => {
            let out: &mut [[u8; 4]] = cast_slice_mut(out);
            compose(&recipe, page, layout, materials, out, scratch).ok_or(PageError)?;
        }
    }
    Ok(())
}

fn compose(
    recipe: &Recipe<'_>,
    page: PageId,
    layout: &VtLayout,
    materials: &Materials,
    out: &mut [[u8; 4]],
    scratch: &mut PageScratch,
) -> Option<()> {
    let side = layout.slot_texels() as usize;
    let layers = materials.layers.len();
    weigh(recipe, materials, &mut scratch.control);
    let points = recipe.control as usize * recipe.control as usize;
    // The first layer takes what the others leave, so that rounding never darkens a texel.
    let first = Splat { weights: None, material: tile(materials, 0, page)?, origin: [0; 2] };
    let mut splats = [first; LAYERS_MAX];
    let planes = scratch.control.chunks_exact(points);
    for (i, (splat, plane)) in splats.iter_mut().zip(planes).enumerate().take(layers) {
        splat.material = tile(materials, i, page)?;
        splat.origin = origin(page, layout, splat.material.size());
        splat.weights = (i > 0).then_some(Plane::Control(plane));
    }
    let [.., r, g, b] = recipe.planes;
    let tint = [r, g, b].map(Plane::Control);
    splat(out, side, &splats[..layers], Some(tint)).ok()?;
    place_decals(recipe, materials, out, side)
}

/// Weights of all layers at the control points: what the rules say, scaled to a sum of 255.
fn weigh(recipe: &Recipe<'_>, materials: &Materials, control: &mut Vec<u8>) {
    let [heights, slopes, ..] = recipe.planes;
    let points = heights.len();
    control.resize(materials.layers.len() * points, 0);
    for i in 0..points {
        let mut raw = [0u8; LAYERS_MAX];
        let mut sum = 0u32;
        for (w, layer) in raw.iter_mut().zip(&materials.layers) {
            *w = layer.rule.weight(heights[i], slopes[i]);
            sum += u32::from(*w);
        }
        for (layer, w) in raw.iter().enumerate().take(materials.layers.len()) {
            let scaled = (u32::from(*w) * 255).checked_div(sum).unwrap_or(0);
            control[layer * points + i] = scaled as u8;
        }
    }
}

fn tile(materials: &Materials, layer: usize, page: PageId) -> Option<Tile<'_>> {
    let image = &materials.layers.get(layer)?.image;
    let mip = usize::from(page.mip).min(image.mips.len().checked_sub(1)?);
    Tile::new(&image.mips[mip], image.side as usize >> mip).ok()
}

/// Material texel under the page's first border texel: materials repeat over the whole texture.
fn origin(page: PageId, layout: &VtLayout, size: usize) -> [u32; 2] {
    let first = |at: u16| {
        let texel = i64::from(at) * i64::from(layout.page_texels()) - i64::from(layout.border());
        texel.rem_euclid(size as i64) as u32
    };
    [first(page.x), first(page.y)]
}

fn place_decals(
    recipe: &Recipe<'_>,
    materials: &Materials,
    out: &mut [[u8; 4]],
    side: usize,
) -> Option<()> {
    let mut target = ImageMut::packed(out, side, side).ok()?;
    for decal in &recipe.decals {
        let image = materials.decals.get(usize::from(decal.image))?;
        let mip = usize::from(decal.mip);
        let pixels = image.mips.get(mip)?;
        let size = image.side as usize >> mip;
        let source = Image::packed(pixels, size, size).ok()?;
        over_decal(&mut target, &source, decal.x.into(), decal.y.into(), decal.opacity);
    }
    Some(())
}

/// Pixel of a page at texel coordinates relative to the page's own first texel (borders are
/// negative). `None` outside.
#[must_use]
pub fn page_texel(pixels: &[u8], layout: &VtLayout, x: i32, y: i32) -> Option<[u8; 4]> {
    let (side, border) = (layout.slot_texels() as i32, layout.border() as i32);
    let (x, y) = (x + border, y + border);
    if !(0..side).contains(&x) || !(0..side).contains(&y) {
        return None;
    }
    cast_slice::<u8, [u8; 4]>(pixels.get(..layout.page_bytes())?)
        .get((y * side + x) as usize)
        .copied()
}
