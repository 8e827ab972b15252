//! Every kernel equals its scalar twin in every bit, for odd sizes, strides and any content.

mod model;

use model::{Fill, Op};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn kernels_equal_their_scalar_twins(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let mut rest = bytes.as_slice();
        while let Some(op) = Op::decode(&mut rest) {
            op.check();
        }
    }
}

#[test]
fn every_length_up_to_five_blocks_is_right() {
    for count in 0..=40 {
        for extremes in [false, true] {
            let fill = Fill { seed: u16::from(count), extremes };
            Op::Over { count, fill }.check();
            Op::Premultiply { count, fill }.check();
            Op::Modulate { count, fill }.check();
            Op::Psnr { count, fill }.check();
            Op::Layers { size: [count, 3], layers: 4, material: 3, origin: [5, 9], fill }.check();
            Op::Upsample { size: [count, 4], cut: [count, 0], fill }.check();
            Op::Mip { size: [count, 5, 1], fill }.check();
        }
    }
}

#[test]
fn wide_grids_are_upsampled_in_strips_without_a_seam() {
    for cut in 0..6 {
        let fill = Fill { seed: 9, extremes: false };
        Op::Upsample { size: [159, 3], cut: [cut, cut], fill }.check();
        Op::Upsample { size: [64, 3], cut: [cut, 0], fill }.check();
        Op::Upsample { size: [65, 3], cut: [cut, 0], fill }.check();
    }
}
