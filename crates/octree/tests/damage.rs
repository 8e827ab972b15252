//! Bytes of trees that were damaged.

#[path = "model/damage.rs"]
mod model;

use proptest::prelude::*;

/// Up to three places that are written to: more are refused nearly always.
fn damages() -> impl Strategy<Value = Vec<u8>> {
    (any::<[u8; 3]>(), prop::collection::vec(any::<[u8; 6]>(), 0..4))
        .prop_map(|(tree, damages)| [&tree[..], damages.as_flattened()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bytes_are_refused_or_a_tree_like_any_other(bytes in damages()) {
        model::run(&bytes);
    }
}
