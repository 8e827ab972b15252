use crate::support::{Baked, Tif, hills, measured, run, small};
use farplane_bake::{BakeError, BakeOptions, ColorSource};
use farplane_world::page::{self, Page};
use image::{ImageBuffer, Rgb};
use std::path::{Path, PathBuf};

fn write(path: &Path, w: u32, h: u32, color: impl Fn(u32, u32) -> [u8; 3]) {
    ImageBuffer::from_fn(w, h, |x, y| Rgb(color(x, y))).save(path).unwrap();
}

fn colored(out: PathBuf, path: &Path, extent_wsen: Option<[f64; 4]>) -> BakeOptions {
    BakeOptions { color: Some(ColorSource { path: path.into(), extent_wsen }), ..small(out, 64.0) }
}

#[test]
fn imagery_as_fine_as_the_texture_is_stored_texel_for_texel_with_real_borders() {
    let folder = tempfile::tempdir().unwrap();
    let (png, out) = (folder.path().join("c.png"), folder.path().join("w.far"));
    let color = |x: u32, y: u32| [x as u8, y as u8, (x * 7 + y * 3) as u8];
    write(&png, 256, 256, color);
    // 64 m at 4 texels a metre: 256 texels, one for each pixel.
    let summary = run(&colored(out.clone(), &png, None)).unwrap();
    assert_eq!((summary.stored_pages, summary.pages.entries), (5, 5));
    let baked = Baked::open(&out);
    for (x, y) in [(0u32, 0u32), (1, 0), (0, 1), (1, 1)] {
        let payload = baked.archive.read(baked.world.page_base() + y * 2 + x).unwrap();
        let Page::Stored(pixels) = page::decode(&payload, 136).unwrap() else { panic!("stored") };
        for j in 0..136u32 {
            for i in 0..136u32 {
                // Texel from the south-west; the image's rows run from the north, its edge repeats.
                let tx = (i64::from(x * 128 + i) - 4).clamp(0, 255) as u32;
                let ty = (i64::from(y * 128 + j) - 4).clamp(0, 255) as u32;
                let [r, g, b] = color(tx, 255 - ty);
                let at = (j * 136 + i) as usize * 4;
                assert_eq!(pixels[at..at + 4], [r, g, b, 255], "{x} {y} {i} {j}");
            }
        }
    }
}

#[test]
fn finer_mips_than_the_imagery_are_recipes_tinted_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let (png, out) = (folder.path().join("c.png"), folder.path().join("w.far"));
    // Pixels of 1 m under texels of 0.25 and 0.5 m: nothing is coarse enough to be stored.
    write(&png, 64, 64, |x, _| if x < 32 { [200, 10, 20] } else { [20, 100, 240] });
    let summary = run(&colored(out.clone(), &png, None)).unwrap();
    assert_eq!(summary.stored_pages, 0);
    let baked = Baked::open(&out);
    let payload = baked.archive.read(baked.world.page_base()).unwrap();
    let Page::Recipe(recipe) = page::decode(&payload, 136).unwrap() else { panic!("a recipe") };
    // Control points 4 texels = 1 m apart, the first one 1 m beyond the edge: point 17 lies at 16 m.
    let tint = |plane: usize, i: usize| recipe.planes[plane][17 * 35 + i];
    assert_eq!([tint(2, 17), tint(3, 17), tint(4, 17)], [200, 10, 20]);
    // Half-way between the two colours at 32 m.
    assert_eq!(tint(2, 33), 110);
    // Pixels of 0.5 m: the one page of the last mip is.
    write(&png, 128, 128, |_, _| [9, 9, 9]);
    let summary = run(&colored(out.clone(), &png, None)).unwrap();
    assert_eq!(summary.stored_pages, 1);
    assert!(summary.source.contains("c.png"));
}

#[test]
fn a_two_to_one_image_covers_the_globe() {
    let folder = tempfile::tempdir().unwrap();
    let (png, tif, out) =
        (folder.path().join("c.png"), folder.path().join("t.tif"), folder.path().join("w.far"));
    // A pixel a degree: red counts degrees from 180° W (halved), green from the north pole.
    write(&png, 360, 180, |x, y| [(x / 2) as u8, y as u8, 0]);
    let size = [121, 121];
    // 71 to 70° W, 32 to 33° S: column 109 of the image, row 122.
    Tif::degrees(size, -71.0, -32.0, 1.0 / 120.0).write_i16(&tif, &hills(size));
    let options = BakeOptions {
        texels_per_metre: Some(256.0 / 110_000.0),
        color: Some(ColorSource { path: png.clone(), extent_wsen: None }),
        ..measured(out.clone(), &[&tif])
    };
    run(&options).unwrap();
    let baked = Baked::open(&out);
    let last = baked.world.page_base() + baked.world.texture.pages - 1;
    let payload = baked.archive.read(last).unwrap();
    let Page::Recipe(recipe) = page::decode(&payload, 136).unwrap() else { panic!("a recipe") };
    let middle = 17 * 35 + 17;
    assert!(recipe.planes[2][middle].abs_diff(54) <= 1, "{}", recipe.planes[2][middle]);
    assert!(recipe.planes[3][middle].abs_diff(122) <= 1, "{}", recipe.planes[3][middle]);
    // The same image given another extent lies elsewhere.
    let elsewhere = Some([10.0, 40.0, 20.0, 50.0]);
    let options =
        BakeOptions { color: Some(ColorSource { path: png, extent_wsen: elsewhere }), ..options };
    let error = run(&options).unwrap_err();
    assert!(matches!(error, BakeError::ColorElsewhere { .. }), "{error}");
}

#[test]
fn a_missing_or_broken_image_and_a_senseless_extent_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (png, out) = (folder.path().join("c.png"), folder.path().join("w.far"));
    let message = |extent| run(&colored(out.clone(), &png, extent)).unwrap_err().to_string();
    assert!(message(None).contains("c.png: cannot be read"));
    std::fs::write(&png, b"not an image").unwrap();
    assert!(message(None).contains("c.png: damaged"));
    write(&png, 8, 8, |_, _| [1, 2, 3]);
    assert!(message(Some([5.0, 0.0, -5.0, 1.0])).contains("colour extent: 5,0,-5,1 was given"));
    assert!(message(Some([0.0, f64::NAN, 1.0, 1.0])).contains("colour extent"));
}
