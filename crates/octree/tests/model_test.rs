//! The octree against a list of boxes, for any sequence of operations.

mod model;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 300 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_agrees_with_testing_every_box(
        bytes in prop::collection::vec(any::<u8>(), 0..if cfg!(miri) { 150 } else { 1500 }),
    ) {
        model::run(&bytes);
    }
}
