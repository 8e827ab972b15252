//! Laying rows over rows: any operator, any source, with tint, mask and opacity.

use crate::arch::{Kernel, Row, Simd, Vectors, run};
use crate::{Image, ImageMut, Pixel, Rect, Tile};

/// Pixels of a source that are tinted and covered at once.
const CHUNK: usize = 256;

/// Pixels that a shorter row is repeated to, so that few blocks are split.
const REPEATED: usize = 64;

/// Where the rows of a source come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    /// An image.
    Image(Image<'a>),
    /// A material, its pixel at `origin` under the first one.
    Tile { tile: Tile<'a>, origin: [u32; 2] },
}

impl<'a> Rows<'a> {
    /// The rows inside `rect`, whose corner is not negative.
    pub(crate) fn part(&self, rect: Rect) -> Self {
        match *self {
            Self::Image(image) => Self::Image(image.crop(rect)),
            Self::Tile { tile, origin: [x, y] } => {
                let origin = [x.wrapping_add(rect.x as u32), y.wrapping_add(rect.y as u32)];
                Self::Tile { tile, origin }
            }
        }
    }
}

/// What is laid where. Source and mask are as large as the destination, or larger.
pub(crate) struct Lay<'a> {
    pub(crate) dst: ImageMut<'a>,
    pub(crate) src: Rows<'a>,
    pub(crate) mask: Option<Image<'a, u8>>,
    pub(crate) opacity: u8,
    pub(crate) tint: Pixel,
    /// Whether coverage scales alpha alone.
    pub(crate) straight: bool,
}

impl Lay<'_> {
    /// Lays every row by `blend`.
    pub(crate) fn run(self, blend: Row) {
        let Self { mut dst, src, mask, .. } = self;
        let share = Share { opacity: self.opacity, tint: self.tint, straight: self.straight };
        // One long row costs less than many short ones.
        if let (Rows::Image(image), None) = (src, mask)
            && image.height() == dst.height()
            && image.width() == dst.width()
            && let (Some(source), Some(row)) = (image.whole(), dst.whole_mut())
        {
            return share.lay(blend, row, source, None);
        }
        for y in 0..dst.height() {
            let mask = mask.and_then(|mask| mask.row(y));
            let Some(row) = dst.row_mut(y) else { break };
            match src {
                Rows::Image(image) => {
                    let Some(source) = image.row(y) else { break };
                    share.lay(blend, row, &source[..row.len()], mask);
                }
                Rows::Tile { tile, origin: [x, top] } => {
                    let source = tile.row(top.wrapping_add(y as u32));
                    if source.len() < REPEATED {
                        let repeated: [Pixel; REPEATED] =
                            core::array::from_fn(|i| source[i & (source.len() - 1)]);
                        share.lay_repeated(blend, row, &repeated, x, mask);
                    } else {
                        share.lay_repeated(blend, row, source, x, mask);
                    }
                }
            }
        }
    }
}

/// How much of the source there is.
struct Share {
    opacity: u8,
    tint: Pixel,
    straight: bool,
}

impl Share {
    /// A row that repeats, from column `x` on. Its length is a power of two.
    fn lay_repeated(
        &self,
        blend: Row,
        dst: &mut [Pixel],
        src: &[Pixel],
        x: u32,
        mask: Option<&[u8]>,
    ) {
        let mut done = 0;
        while done < dst.len() {
            let column = (x as usize).wrapping_add(done) & (src.len() - 1);
            let count = (src.len() - column).min(dst.len() - done);
            let mask = mask.map(|mask| &mask[done..][..count]);
            self.lay(blend, &mut dst[done..][..count], &src[column..][..count], mask);
            done += count;
        }
    }

    fn lay(&self, blend: Row, dst: &mut [Pixel], src: &[Pixel], mask: Option<&[u8]>) {
        if self.opacity == 255 && self.tint == [255; 4] && mask.is_none() {
            return blend.run(dst, src);
        }
        let mut chunk = [[0; 4]; CHUNK];
        for (i, (dst, src)) in dst.chunks_mut(CHUNK).zip(src.chunks(CHUNK)).enumerate() {
            let covered = &mut chunk[..src.len()];
            let mask = mask.map(|mask| &mask[i * CHUNK..][..src.len()]);
            run(Cover { covered, src, mask, share: self });
            blend.run(dst, covered);
        }
    }
}

/// Tints pixels, then covers them.
struct Cover<'a> {
    covered: &'a mut [Pixel],
    src: &'a [Pixel],
    mask: Option<&'a [u8]>,
    share: &'a Share,
}

impl Kernel for Cover<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { covered, src, mask, share } = self;
        let tint = simd.all(share.tint);
        let opacity = simd.splat(share.opacity.into());
        // Straight colours stay, alpha alone is scaled: the factors of colours are lifted to 255.
        let lift = if share.straight { simd.all([255, 255, 255, 0]) } else { simd.splat(0) };
        let factors = Factors::<S> {
            tint: [simd.low(tint), simd.high(tint)],
            lift: [simd.low(lift), simd.high(lift)],
        };
        let Some(mask) = mask else {
            return simd.each_pair(
                covered,
                src,
                #[inline(always)]
                |_, s| factors.apply(simd, s, opacity),
            );
        };
        let (blocks, rest) = S::blocks_mut(covered);
        let ((src_blocks, src_rest), (masks, mask_rest)) = (S::blocks(src), S::bytes(mask));
        for ((block, s), mask) in blocks.iter_mut().zip(src_blocks).zip(masks) {
            let by = simd.div255(simd.mul(simd.doubled(mask), opacity));
            *block = simd.store(factors.apply(simd, simd.load(s), by));
        }
        if !rest.is_empty() {
            let by = simd.doubled(&simd.padded_bytes(mask_rest));
            let by = simd.div255(simd.mul(by, opacity));
            let block = factors.apply(simd, simd.load(&simd.padded(src_rest)), by);
            rest.copy_from_slice(&simd.store(block).as_ref()[..rest.len()]);
        }
    }
}

/// For the low and the high bytes.
struct Factors<S: Simd> {
    tint: [S::V; 2],
    lift: [S::V; 2],
}

impl<S: Simd> Factors<S> {
    #[inline(always)]
    fn apply(&self, simd: S, src: S::V, by: S::V) -> S::V {
        let tinted = simd.scale_each(src, self.tint[0], self.tint[1]);
        let low = simd.cap(simd.add(by, self.lift[0]));
        let high = simd.cap(simd.add(by, self.lift[1]));
        simd.scale_each(tinted, low, high)
    }
}
