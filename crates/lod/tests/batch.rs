//! From visible instances to draw batches.

#[path = "model/batch.rs"]
mod model;

use farplane_lod::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_are_those_of_a_map_of_lists(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        model::run(&bytes);
    }
}

/// Five trees and two rocks in two materials, as one would batch them by hand.
#[test]
fn a_small_forest_becomes_three_draws_in_two_calls() {
    let tree = |instance, level| DrawItem { instance, mesh: 1, level, material: 0 };
    let rock = |instance| DrawItem { instance, mesh: 0, level: 2, material: 9 };
    let items =
        [tree(10, 1), rock(20), tree(11, 0), tree(12, 1), rock(21), tree(13, 0), tree(14, 1)];
    let mut ranges = [[MeshRange::default(); LODS_MAX]; 2];
    ranges[1][0] = MeshRange { index_count: 300, first_index: 0, base_vertex: 0 };
    ranges[1][1] = MeshRange { index_count: 30, first_index: 300, base_vertex: 0 };
    ranges[0][2] = MeshRange { index_count: 12, first_index: 330, base_vertex: 100 };
    let mut out = Batches::default();
    let stats = Batcher::default().batch(&items, &ranges, &mut out).unwrap();
    assert_eq!(out.instances, [11, 13, 10, 12, 14, 20, 21]);
    let args = |index_count, instance_count, first_index, base_vertex, first_instance| DrawArgs {
        index_count,
        instance_count,
        first_index,
        base_vertex,
        first_instance,
    };
    assert_eq!(out.args, [args(300, 2, 0, 0, 0), args(30, 3, 300, 0, 2), args(12, 2, 330, 100, 5)]);
    let expected = [(0, 0, 2), (9, 2, 1)];
    assert_eq!(
        out.multi_draws,
        expected.map(|(material, first, count)| MultiDraw { material, first, count })
    );
    assert_eq!((stats.instances, stats.draw_calls, stats.multi_draw_calls), (7, 3, 2));
    assert_eq!(stats.triangles, 2 * 100 + 3 * 10 + 2 * 4);
}
