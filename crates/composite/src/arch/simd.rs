use crate::Pixel;

/// Vectors of whole pixels. A pixel is two 16-bit lanes: red and green in the low and the high
/// byte of the first one, blue and alpha in those of the second.
///
/// Splitting a vector into its low bytes (red, blue) and its high ones (green, alpha) needs one
/// mask and one shift on every instruction set and keeps a pixel's channels in their own 32 bits.
pub(crate) trait Simd: Copy {
    /// As many pixels as a vector has.
    type Block: Copy + Default + AsRef<[Pixel]> + AsMut<[Pixel]>;
    /// A byte for each of them.
    type Bytes: Copy + Default + AsRef<[u8]> + AsMut<[u8]>;
    /// A vector, for whatever lanes.
    type V: Copy;

    /// Whole blocks, and the pixels left over.
    fn blocks(pixels: &[Pixel]) -> (&[Self::Block], &[Pixel]);
    /// Whole blocks, and the pixels left over.
    fn blocks_mut(pixels: &mut [Pixel]) -> (&mut [Self::Block], &mut [Pixel]);
    /// Bytes of whole blocks, and those left over.
    fn bytes(bytes: &[u8]) -> (&[Self::Bytes], &[u8]);

    /// Whether all of them are 0.
    fn are_zero(bytes: &Self::Bytes) -> bool;

    /// A block's pixels.
    fn load(self, block: &Self::Block) -> Self::V;
    /// Asks for what lies at an address that may be read soon, where there is a way to. The address
    /// may be any: nothing is read, and nothing fails.
    fn prefetch(self, at: *const Pixel);
    /// A vector's pixels.
    fn store(self, vector: Self::V) -> Self::Block;
    /// One value in every 16-bit lane.
    fn splat(self, value: u16) -> Self::V;
    /// The low byte of each lane.
    fn low(self, v: Self::V) -> Self::V;
    /// The high byte of each lane.
    fn high(self, v: Self::V) -> Self::V;
    /// Low and high bytes from lanes of at most 255.
    fn join(self, low: Self::V, high: Self::V) -> Self::V;
    /// Each pixel's alpha in both of its lanes.
    fn alphas(self, v: Self::V) -> Self::V;
    /// Each byte in both lanes of its pixel.
    fn doubled(self, bytes: &Self::Bytes) -> Self::V;
    /// Two bytes in the two lanes of their pixel.
    fn paired(self, first: &Self::Bytes, second: &Self::Bytes) -> Self::V;
    /// The low half of each product of lanes.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// The high half of each product of lanes.
    fn mul_high(self, a: Self::V, b: Self::V) -> Self::V;
    /// Sums of lanes, wrapping.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// Sums of lanes, at most 65,535.
    fn add_capped(self, a: Self::V, b: Self::V) -> Self::V;
    /// Differences of lanes, wrapping.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// Differences of lanes, at least 0.
    fn sub_capped(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each lane and 255.
    fn cap(self, v: Self::V) -> Self::V;
    /// Each lane over 128.
    fn shr7(self, v: Self::V) -> Self::V;
    /// Sums of bytes, at most 255.
    fn add_bytes(self, a: Self::V, b: Self::V) -> Self::V;
    /// Half a row of pixels from two whole ones of two vectors each: every pixel is the mean of a
    /// 2 × 2 block, halves rounded up.
    fn halve(self, upper: [Self::V; 2], lower: [Self::V; 2]) -> Self::V;
}

/// How far ahead of where it works a kernel that passes through memory asks for more, in pixels:
/// 2 KiB. The hardware's own look-ahead stays behind at the speed of these kernels.
const AHEAD: usize = 512;

/// What is made of the operations of any [`Simd`].
pub(crate) trait Vectors: Simd {
    /// `product / 255`, rounded to the nearest, for 0 ..= 255²: exact, no ties exist (255 is odd).
    /// Blinn, "Three wrongs make a right", IEEE CG&A 15(6), 1995; the sum and the two shifts there
    /// are the high half of one product by 257.
    #[inline(always)]
    fn div255(self, product: Self::V) -> Self::V {
        self.mul_high(self.add(product, self.splat(128)), self.splat(257))
    }

    /// Each channel times its pixel's lane of `by`, over 255, rounded to the nearest.
    #[inline(always)]
    fn scale(self, v: Self::V, by: Self::V) -> Self::V {
        self.scale_each(v, by, by)
    }

    /// [`Vectors::scale`] with factors of their own for the low bytes and the high ones.
    #[inline(always)]
    fn scale_each(self, v: Self::V, by_low: Self::V, by_high: Self::V) -> Self::V {
        let low = self.div255(self.mul(self.low(v), by_low));
        self.join(low, self.div255(self.mul(self.high(v), by_high)))
    }

    /// One pixel all over.
    #[inline(always)]
    fn all(self, pixel: Pixel) -> Self::V {
        let mut block = Self::Block::default();
        block.as_mut().fill(pixel);
        self.load(&block)
    }

    /// 255 − each lane.
    #[inline(always)]
    fn inverse(self, v: Self::V) -> Self::V {
        self.sub(self.splat(255), v)
    }

    /// A block from fewer pixels than it has; the others are 0.
    #[inline(always)]
    fn padded(self, pixels: &[Pixel]) -> Self::Block {
        let mut block = Self::Block::default();
        block.as_mut().iter_mut().zip(pixels).for_each(|(b, p)| *b = *p);
        block
    }

    /// Bytes from fewer than it has; the others are 0.
    #[inline(always)]
    fn padded_bytes(self, bytes: &[u8]) -> Self::Bytes {
        let mut block = Self::Bytes::default();
        block.as_mut().iter_mut().zip(bytes).for_each(|(b, v)| *b = *v);
        block
    }

    /// Replaces pixels by what `f` makes of their vectors.
    #[inline(always)]
    fn each(self, pixels: &mut [Pixel], f: impl Fn(Self::V) -> Self::V) {
        let (blocks, rest) = Self::blocks_mut(pixels);
        for block in blocks {
            *block = self.store(f(self.load(block)));
        }
        if !rest.is_empty() {
            let block = self.store(f(self.load(&self.padded(rest))));
            rest.copy_from_slice(&block.as_ref()[..rest.len()]);
        }
    }

    /// Replaces pixels by what `f` makes of them and as many others.
    #[inline(always)]
    fn each_pair(self, dst: &mut [Pixel], src: &[Pixel], f: impl Fn(Self::V, Self::V) -> Self::V) {
        let (blocks, rest) = Self::blocks_mut(dst);
        let (src_blocks, src_rest) = Self::blocks(src);
        for (d, s) in blocks.iter_mut().zip(src_blocks) {
            self.prefetch(d.as_ref().as_ptr().wrapping_add(AHEAD));
            self.prefetch(s.as_ref().as_ptr().wrapping_add(AHEAD));
            *d = self.store(f(self.load(d), self.load(s)));
        }
        if !rest.is_empty() {
            let (d, s) = (self.padded(rest), self.padded(src_rest));
            let block = self.store(f(self.load(&d), self.load(&s)));
            rest.copy_from_slice(&block.as_ref()[..rest.len()]);
        }
    }
}

impl<S: Simd> Vectors for S {}
