//! The core behaves as its model, whatever happens outside it.

mod model;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_history_agrees_with_the_model(bytes in proptest::collection::vec(any::<u8>(), 15..900)) {
        model::run(&bytes);
    }

    #[test]
    fn equal_histories_give_equal_actions(bytes in proptest::collection::vec(any::<u8>(), 15..900)) {
        prop_assert_eq!(model::run(&bytes), model::run(&bytes));
    }
}
