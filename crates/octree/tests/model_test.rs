//! The octree against a list of boxes, for any sequence of operations.

mod model;

use proptest::prelude::*;

/// Cases and the bytes of each: under miri few.
const SIZE: (u32, usize) = if cfg!(miri) { (3, 150) } else { (300, 1500) };

fn config() -> ProptestConfig {
    ProptestConfig { cases: SIZE.0, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_sequence_of_operations_agrees_with_testing_every_box(
        bytes in prop::collection::vec(any::<u8>(), 0..SIZE.1),
    ) {
        model::run(&bytes);
    }
}
