//! Selection and budgets behave as trying every level of every instance, whatever happens.

#[path = "model/select.rs"]
mod model;

use farplane_geom::Vec3;
use model::{Model, Op};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        model::run(&bytes);
    }
}

/// A second of flight: most blocks are skipped, and the levels are those of the model that looks at
/// every one.
#[test]
fn a_steady_camera_skips_most_blocks() {
    let mut model = Model::new(if cfg!(miri) { 300 } else { 20_000 }, 7);
    model.apply(Op::Select);
    (model.looked_at, model.skipped) = (0, 0);
    for _ in 0..if cfg!(miri) { 5 } else { 60 } {
        model.apply(Op::Go(Vec3::new(0.02, 0.01, 0.0)));
        model.apply(Op::Select);
    }
    assert!(model.skipped > 10 * model.looked_at, "{} {}", model.skipped, model.looked_at);
}
