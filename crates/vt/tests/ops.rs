//! Page pool, page table and indirection texels behave as their naive model, whatever happens.

mod model;

use farplane_vt::PageId;
use model::{Model, Op};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_history_agrees_with_the_model(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        model::run(&bytes);
    }
}

#[test]
fn many_scattered_changes_stay_within_the_bound_of_dirty_rectangles() {
    let mut model = Model::new(13, 13);
    model.apply(Op::Upload);
    for i in 0..13 * 13_u16 {
        // Coprime steps: no two changes in a row touch each other.
        let page = PageId::new(0, i * 5 % 13, i * 8 / 13 % 13);
        model.apply(Op::Map { page, slot: (i % 200) as u8 });
        model.apply(Op::Refresh { backwards: false });
        model.check();
    }
    model.apply(Op::Upload);
}
