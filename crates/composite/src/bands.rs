use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::vec::Vec;

use crate::ImageMut;

/// Calls `f` for bands of `rows` rows (the last one may have fewer) on the threads of the current
/// rayon pool, with the number of the band's first row. The bands are disjoint, so that nobody
/// waits for anybody.
pub fn par_bands<P: Send>(
    image: ImageMut<'_, P>,
    rows: usize,
    f: impl Fn(usize, ImageMut<'_, P>) + Sync + Send,
) {
    let rows = rows.max(1);
    let mut bands = Vec::with_capacity(image.height().div_ceil(rows));
    let (mut rest, mut first) = (image, 0);
    while rest.height() > 0 {
        let (band, after) = rest.split_at_row(rows);
        bands.push((first, band));
        (rest, first) = (after, first + rows);
    }
    bands.into_par_iter().for_each(|(first, band)| f(first, band));
}
