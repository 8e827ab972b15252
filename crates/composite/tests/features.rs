//! What is there with optional features alone.

/// Each band says which rows it has, and no row is left out or given twice.
#[cfg(feature = "rayon")]
#[test]
fn bands_cover_every_row_once() {
    use farplane_composite::{ImageMut, par_bands};
    for (height, rows) in [(0, 4), (1, 4), (8, 4), (9, 4), (5, 0), (3, 100)] {
        // Three columns in a stride of five.
        let mut pixels = vec![0_usize; 5 * height];
        let image = ImageMut::new(&mut pixels, 3, height, 5).unwrap();
        par_bands(image, rows, |first, mut band| {
            for y in 0..band.height() {
                band.row_mut(y).unwrap().iter_mut().for_each(|p| *p += first + y + 1);
            }
        });
        for (i, p) in pixels.iter().enumerate() {
            assert_eq!(*p, if i % 5 < 3 { i / 5 + 1 } else { 0 }, "{height} rows by {rows}");
        }
    }
}

/// Another implementation of the box filter: half the size is the mean of four, to within rounding.
#[cfg(feature = "resize")]
#[test]
fn resizing_by_a_box_to_half_is_a_mip_to_within_one() {
    use farplane_composite::{FilterType, Image, ImageMut, Pixel, SizeError, box_mip, resize};
    let src: Vec<Pixel> =
        (0..48).map(|i: usize| [i * 5, i * i, 255 - i, 7 * i].map(|v| v as u8)).collect();
    let image = Image::packed(&src, 8, 6).unwrap();
    let mut resized = vec![[0; 4]; 12];
    let mut target = ImageMut::packed(&mut resized, 4, 3).unwrap();
    resize(&image, &mut target, FilterType::Box).unwrap();
    let mut halved = vec![[0; 4]; 12];
    box_mip(&src, 8, 6, &mut halved).unwrap();
    for (a, b) in resized.as_flattened().iter().zip(halved.as_flattened()) {
        assert!(a.abs_diff(*b) <= 1, "{a} and {b}");
    }
    let empty = Image::packed(&[], 0, 0).unwrap();
    let mut one = [[0; 4]];
    let mut one = ImageMut::packed(&mut one, 1, 1).unwrap();
    assert_eq!(resize(&empty, &mut one, FilterType::Box), Err(SizeError::Empty));
}
