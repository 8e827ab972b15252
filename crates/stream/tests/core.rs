//! The core behaves as its model, whatever happens outside it.

mod model;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6000) })]

    #[test]
    fn any_history_agrees_with_the_model(bytes in proptest::collection::vec(any::<u8>(), 15..1500)) {
        model::run(&bytes);
    }

    #[test]
    fn equal_histories_give_equal_actions(bytes in proptest::collection::vec(any::<u8>(), 15..1500)) {
        prop_assert_eq!(model::run(&bytes), model::run(&bytes));
    }
}
