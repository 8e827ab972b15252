//! Pages come out as the layers, rules and decals say, one texel at a time.

use farplane::composite::{Blend, Plane, Splat, Tile, reference};
use farplane::vt::{PageId, VtLayout};
use farplane::world::materials::{Layer, Materials, MipImage, Rule};
use farplane::world::page::{Decal, Recipe, control_points, encode_recipe, encode_stored};
use farplane::{PageScratch, compose_page, page_texel};

/// Bytes that look random: the high byte of a linear congruential generator (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    fn image(&mut self, side: u32, premultiplied: bool) -> MipImage {
        let mut mip = |side: u32| -> Vec<[u8; 4]> {
            let mut pixels: Vec<[u8; 4]> =
                (0..side * side).map(|_| std::array::from_fn(|_| self.byte())).collect();
            if premultiplied {
                reference::premultiply(&mut pixels);
            }
            pixels
        };
        let mips = (0..=side.trailing_zeros()).map(|m| mip(side >> m)).collect();
        MipImage { side, mips }
    }
}

fn materials(layers: usize, random: &mut Random) -> Materials {
    let mut layer = |i: usize| Layer {
        rule: Rule {
            height: [random.byte() / 2, 128 + random.byte() / 2],
            height_fade: random.byte() / 4,
            slope: [0, random.byte()],
            slope_fade: random.byte() / 8,
        },
        image: random.image([8, 32, 4, 16][i % 4], false),
    };
    let layers = (0..layers).map(&mut layer).collect();
    let decals = vec![random.image(8, true), random.image(16, true)];
    Materials { layers, decals }
}

/// A recipe's parts, owned.
struct Owned {
    planes: [Vec<u8>; 5],
    decals: Vec<Decal>,
}

impl Owned {
    fn random(layout: &VtLayout, random: &mut Random) -> Self {
        let points = control_points(layout.slot_texels()).pow(2) as usize;
        let mut decal = |i: i16| Decal {
            image: (i % 2) as u16,
            mip: (i % 3) as u8,
            opacity: random.byte(),
            // Some beyond the edges.
            x: i16::from(random.byte()) / 4 - 10,
            y: i16::from(random.byte()) / 4 - 10,
        };
        let decals = (0..6).map(&mut decal).collect();
        Self { planes: std::array::from_fn(|_| random.bytes(points)), decals }
    }

    fn payload(&self, layout: &VtLayout) -> Vec<u8> {
        let planes = std::array::from_fn(|i| &self.planes[i][..]);
        let control = control_points(layout.slot_texels());
        encode_recipe(&Recipe { control, planes, decals: self.decals.clone() })
    }
}

/// The definition, step by step, with scalar kernels only.
fn naive(recipe: &Owned, page: PageId, layout: &VtLayout, materials: &Materials) -> Vec<u8> {
    let side = layout.slot_texels() as usize;
    let control = control_points(layout.slot_texels()) as usize;
    let up = |plane: &[u8]| {
        let mut out = vec![0; side * side];
        reference::upsample4(plane, control, &mut out, side);
        out
    };
    let raw = |layer: &Layer, i: usize| {
        u32::from(layer.rule.weight(recipe.planes[0][i], recipe.planes[1][i]))
    };
    let sum = |i: usize| materials.layers.iter().map(|l| raw(l, i)).sum::<u32>();
    let weight = |layer: &Layer, i: usize| match sum(i) {
        0 => 0,
        sum => (raw(layer, i) * 255 / sum) as u8,
    };
    let plane = |layer| (0..control * control).map(|i| weight(layer, i)).collect::<Vec<u8>>();
    let mut weights: Vec<Vec<u8>> = materials.layers.iter().map(|l| up(&plane(l))).collect();
    // The first layer shows where the others leave something.
    for texel in 0..side * side {
        let others: u32 = weights[1..].iter().map(|w| u32::from(w[texel])).sum();
        weights[0][texel] = 255 - others.min(255) as u8;
    }
    let stack: Vec<Splat<'_>> = (0..materials.layers.len())
        .map(|i| {
            let image = &materials.layers[i].image;
            let mip = usize::from(page.mip).min(image.mips.len() - 1);
            let size = image.side as usize >> mip;
            let first = |at: u16| {
                let texel = i64::from(at) * i64::from(layout.page_texels());
                (texel - i64::from(layout.border())).rem_euclid(size as i64) as u32
            };
            let material = Tile::new(&image.mips[mip], size).unwrap();
            let weights = Some(Plane::Texels(&weights[i]));
            Splat { weights, material, origin: [first(page.x), first(page.y)] }
        })
        .collect();
    let mut out = vec![[0u8; 4]; side * side];
    reference::splat(&mut out, side, &stack, None);
    let [r, g, b] = [2, 3, 4].map(|i| up(&recipe.planes[i]));
    reference::modulate(&mut out, &r, &g, &b);
    for d in &recipe.decals {
        let image = &materials.decals[usize::from(d.image)];
        let size = (image.side >> d.mip) as i64;
        for (i, src) in (0..).zip(&image.mips[usize::from(d.mip)]) {
            let (x, y) = (i64::from(d.x) + i % size, i64::from(d.y) + i / size);
            let edge = side as i64;
            if (0..edge).contains(&x) && (0..edge).contains(&y) {
                let faded = reference::shared(*src, [255; 4], 255, d.opacity, false);
                let to = &mut out[(y * edge + x) as usize];
                *to = reference::porter_duff(Blend::Over, faded, *to).unwrap();
            }
        }
    }
    out.concat()
}

fn pages() -> impl Iterator<Item = PageId> {
    [(0, 0, 0), (0, 3, 1), (0, 7, 7), (1, 2, 3), (2, 1, 0), (3, 0, 0)]
        .into_iter()
        .map(|(mip, x, y)| PageId::new(mip, x, y))
}

#[test]
fn composed_page_is_the_naive_composition_bit_by_bit() {
    let mut random = Random(1);
    // 16 is as many layers as there may be; the borders make sides of 16, 18, 24 and 40 texels.
    for (layers, page_texels, border) in [(1, 16, 0), (2, 16, 1), (3, 16, 4), (16, 32, 4)] {
        let layout =
            VtLayout::with_pages(8 * page_texels, 8 * page_texels, page_texels, border).unwrap();
        let materials = materials(layers, &mut random);
        let mut scratch = PageScratch::default();
        for page in pages() {
            let recipe = Owned::random(&layout, &mut random);
            let mut out = vec![0xaa; layout.page_bytes()];
            let payload = recipe.payload(&layout);
            compose_page(&payload, page, &layout, &materials, &mut out, &mut scratch).unwrap();
            assert!(
                out == naive(&recipe, page, &layout, &materials),
                "{page:?} of {layers} layers"
            );
        }
    }
}

#[test]
fn result_does_not_depend_on_what_the_scratch_was_used_for() {
    let mut random = Random(2);
    let small = VtLayout::with_pages(128, 128, 16, 2).unwrap();
    let large = VtLayout::with_pages(512, 512, 64, 4).unwrap();
    let jobs: Vec<(VtLayout, Materials, Vec<u8>, PageId)> =
        [(small, 4), (large, 2), (small, 1), (large, 9)]
            .into_iter()
            .zip(pages())
            .map(|((layout, layers), page)| {
                let recipe = Owned::random(&layout, &mut random);
                (layout, materials(layers, &mut random), recipe.payload(&layout), page)
            })
            .collect();
    let compose = |job: &(VtLayout, Materials, Vec<u8>, PageId), scratch: &mut PageScratch| {
        let (layout, materials, payload, page) = job;
        let mut out = vec![0; layout.page_bytes()];
        compose_page(payload, *page, layout, materials, &mut out, scratch).unwrap();
        out
    };
    let fresh: Vec<Vec<u8>> =
        jobs.iter().map(|job| compose(job, &mut PageScratch::default())).collect();
    let mut scratch = PageScratch::default();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        for i in order {
            assert!(compose(&jobs[i], &mut scratch) == fresh[i], "job {i} in {order:?}");
        }
    }
}

#[test]
fn stored_page_is_taken_as_it_is() {
    let layout = VtLayout::with_pages(128, 128, 16, 2).unwrap();
    let mut random = Random(3);
    let pixels = random.bytes(layout.page_bytes());
    let materials = materials(2, &mut random);
    let mut out = vec![0; layout.page_bytes()];
    let (page, mut scratch) = (PageId::new(0, 0, 0), PageScratch::default());
    compose_page(&encode_stored(&pixels), page, &layout, &materials, &mut out, &mut scratch)
        .unwrap();
    assert_eq!(out, pixels);
    // Texel (0, 0) lies behind a border of two on a side of 20.
    let at = |i: usize| pixels[4 * i..4 * i + 4].try_into().ok();
    assert_eq!(page_texel(&out, &layout, 0, 0), at(2 * 20 + 2));
    assert_eq!(page_texel(&out, &layout, -2, -2), at(0));
    assert_eq!(page_texel(&out, &layout, 17, 17), at(399));
    for (x, y) in [(-3, 0), (0, -3), (18, 0), (0, 18), (i32::MAX - 9, 0)] {
        assert_eq!(page_texel(&out, &layout, x, y), None);
    }
    assert_eq!(page_texel(&out[1..], &layout, 0, 0), None);
}

#[test]
fn what_does_not_fit_is_an_error_and_never_a_panic() {
    let layout = VtLayout::with_pages(128, 128, 16, 2).unwrap();
    let mut random = Random(4);
    let materials = materials(3, &mut random);
    let mut recipe = Owned::random(&layout, &mut random);
    let (page, mut scratch) = (PageId::new(0, 1, 1), PageScratch::default());
    let mut compose = |payload: &[u8], bytes: usize| {
        let mut out = vec![0; bytes];
        compose_page(payload, page, &layout, &materials, &mut out, &mut scratch).is_ok()
    };
    let payload = recipe.payload(&layout);
    assert!(compose(&payload, layout.page_bytes()));
    assert!(!compose(&payload, layout.page_bytes() - 4) && !compose(&payload, 0));
    for end in 0..payload.len() {
        assert!(!compose(&payload[..end], layout.page_bytes()), "{end} bytes of the payload");
    }
    recipe.decals[0].image = 2;
    assert!(!compose(&recipe.payload(&layout), layout.page_bytes()), "no such decal");
    recipe.decals[0].image = 0;
    recipe.decals[0].mip = 4;
    assert!(!compose(&recipe.payload(&layout), layout.page_bytes()), "no such mip");
    for i in 0..payload.len() {
        let mut wrong = payload.clone();
        wrong[i] ^= random.byte() | 1;
        compose(&wrong, layout.page_bytes());
    }
}
