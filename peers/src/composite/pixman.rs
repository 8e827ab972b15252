//! pixman, the library behind cairo and the X server, through the few functions needed here.
#![allow(unsafe_code)]

use farplane_composite::{Blend, Pixel};
use std::ffi::{c_int, c_uint};

/// 32 bits a pixel; alpha in the highest byte, red or blue in the lowest, which changes nothing.
const A8R8G8B8: c_uint = 0x2002_8888;

#[repr(C)]
struct Image {
    _opaque: [u8; 0],
}

// SAFETY: declarations as in pixman.h of version 0.42, whose interface is stable.
unsafe extern "C" {
    fn pixman_image_create_bits(
        format: c_uint,
        width: c_int,
        height: c_int,
        bits: *mut u32,
        stride_bytes: c_int,
    ) -> *mut Image;
    fn pixman_image_unref(image: *mut Image) -> c_int;
    fn pixman_image_composite32(
        op: c_uint,
        src: *mut Image,
        mask: *mut Image,
        dst: *mut Image,
        src_x: i32,
        src_y: i32,
        mask_x: i32,
        mask_y: i32,
        dst_x: i32,
        dst_y: i32,
        width: i32,
        height: i32,
    );
}

/// A picture of its own.
pub struct Picture {
    /// Boxed, so that its address stays; `image` points to it.
    pixels: Box<[u32]>,
    image: *mut Image,
    size: [i32; 2],
}

impl Picture {
    /// A copy of pixels.
    ///
    /// # Panics
    /// When pixels and size do not fit together or pixman refuses them.
    pub fn new(pixels: &[Pixel], width: usize, height: usize) -> Self {
        assert_eq!(pixels.len(), width * height);
        let mut pixels: Box<[u32]> = pixels.iter().map(|p| u32::from_le_bytes(*p)).collect();
        let size = [width, height].map(|v| i32::try_from(v).expect("a small picture"));
        let [w, h] = size;
        // SAFETY: the bits are h rows of 4 · w bytes, and live in a box as long as the image.
        let image = unsafe { pixman_image_create_bits(A8R8G8B8, w, h, pixels.as_mut_ptr(), 4 * w) };
        assert!(!image.is_null(), "pixman makes no image");
        Self { pixels, image, size }
    }

    /// Lays another picture of the same size over this one.
    ///
    /// # Panics
    /// When it has another size.
    pub fn composite(&mut self, op: u32, src: &Self) {
        assert_eq!(self.size, src.size);
        let [w, h] = self.size;
        // SAFETY: both images are alive and of this size; a null mask is none. `src` is only read.
        unsafe {
            pixman_image_composite32(
                op,
                src.image,
                std::ptr::null_mut(),
                self.image,
                0,
                0,
                0,
                0,
                0,
                0,
                w,
                h,
            );
        }
    }

    /// Its pixels now.
    pub fn pixels(&self) -> Vec<Pixel> {
        self.pixels.iter().map(|p| p.to_le_bytes()).collect()
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: made in `new`, given back once.
        unsafe { pixman_image_unref(self.image) };
    }
}

/// pixman's number of an operator that both have.
pub fn op(blend: Blend) -> Option<u32> {
    Some(match blend {
        Blend::Clear => 0,
        Blend::Source => 1,
        Blend::Destination => 2,
        Blend::Over => 3,
        Blend::DestinationOver => 4,
        Blend::In => 5,
        Blend::DestinationIn => 6,
        Blend::Out => 7,
        Blend::DestinationOut => 8,
        Blend::Atop => 9,
        Blend::DestinationAtop => 10,
        Blend::Xor => 11,
        Blend::Add => 12,
        _ => return None,
    })
}

/// Pixels of all operators and all pairs of alphas that differ from pixman's.
pub fn differing() -> usize {
    use farplane_composite::{Image as View, ImageMut, Paint, draw, premultiply};
    let mut random = crate::random::Random::new(7);
    let mut pixels = |alpha: &dyn Fn(usize) -> usize| {
        let of = |i: usize, bits: u64| {
            let [r, g, b, ..] = bits.to_le_bytes();
            [r, g, b, alpha(i) as u8]
        };
        let mut all: Vec<Pixel> = (0..65_536).map(|i| of(i, random.bits())).collect();
        premultiply(&mut all);
        all
    };
    let (src, dst) = (pixels(&|i| i / 256), pixels(&|i| i % 256));
    let source = Picture::new(&src, 256, 256);
    let mut count = 0;
    for blend in Blend::ALL {
        let Some(op) = op(blend) else { continue };
        let mut theirs = Picture::new(&dst, 256, 256);
        theirs.composite(op, &source);
        let mut ours = dst.clone();
        let paint = Paint { blend, ..Paint::default() };
        let drawn = View::packed(&src, 256, 256).and_then(|src| {
            draw(&mut ImageMut::packed(&mut ours, 256, 256)?, &src, [0, 0], &paint)
        });
        drawn.expect("sizes fit");
        count += ours.iter().zip(theirs.pixels()).filter(|(a, b)| **a != *b).count();
    }
    count
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_operator_of_porter_and_duff_is_pixmans_for_all_pairs_of_alphas() {
        assert_eq!(super::differing(), 0);
    }
}
