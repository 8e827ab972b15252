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

/// 130 instances of one asset of one level, all within reach: blocks of 64, 64 and 2.
#[test]
fn blocks_that_cannot_be_drawn_are_refused_and_leave_what_was_added() {
    let columns = [vec![10.0; 130], vec![0.0; 130], vec![0.0; 130]];
    let (radius_m, asset) = (vec![1.0; 130], vec![0; 130]);
    let [x, y, z] = &columns;
    let instances = Instances::new([x, y, z], &radius_m, &asset).unwrap();
    let view = LodView { position: farplane_geom::Vec3::ZERO, focal_px: 500.0 };
    let mut state = LodState::new(130);
    let assets = [AssetLods::new(&[0.0]).unwrap()];
    let (rule, mut changes) = (LodRule::default(), Vec::new());
    state.select(&instances, &assets, Blocks::All, &view, &rule, &mut changes).unwrap();
    assert_eq!(state.shown(), [u64::MAX, u64::MAX, 0b11]);

    let mut visible = VisibleBlocks::default();
    visible.push(64, u64::MAX);
    // Bits behind the last instance mean nothing.
    visible.push(128, 0b110);
    let mut batcher = SlotBatcher::default();
    batcher.begin(2);
    batcher.add_blocks(&visible, &state, &[1; 130]).unwrap();
    assert_eq!((batcher.len(), batcher.wanted()), (65, &[0, 65][..]));
    let short = batcher.add_blocks(&visible, &state, &[1; 129]);
    let (what, expected, actual) = ("first slots", 130, 129);
    assert_eq!(short, Err(LodError::Length { what, expected, actual }));
    let no_slot = batcher.add_blocks(&visible, &state, &[2; 130]);
    assert_eq!(no_slot, Err(LodError::Index { what: "mesh level", index: 2, count: 2 }));
    let missing = batcher.add_blocks(&visible, &state, &[NO_SLOT; 130]);
    assert_eq!(missing, Err(LodError::Index { what: "mesh level", index: NO_SLOT, count: 2 }));
    visible.push(192, 1);
    let no_block = batcher.add_blocks(&visible, &state, &[0; 130]);
    assert_eq!(no_block, Err(LodError::Index { what: "block", index: 3, count: 3 }));
    assert_eq!((batcher.len(), batcher.wanted()), (65, &[0, 65][..]));
}

/// Level 1 behind the last number is no slot, and not slot 0.
#[test]
fn a_mesh_without_slots_is_refused() {
    let mut batcher = SlotBatcher::default();
    batcher.begin(3);
    let missing = batcher.add(&[0], &[1], &[NO_SLOT]);
    assert_eq!(missing, Err(LodError::Index { what: "mesh level", index: NO_SLOT, count: 3 }));
    assert!(batcher.is_empty());
}

/// Instance 0 is culled; its mesh is not in the table, or there is no table at all.
#[test]
fn slots_of_what_is_culled_need_not_exist() {
    for (slots, first, instances) in [(3, NO_SLOT, &[0, 1][..]), (3, 77, &[0, 1]), (0, 0, &[0])] {
        let mut batcher = SlotBatcher::default();
        batcher.begin(slots);
        batcher.add(instances, &[CULLED, 1], &[first, 1]).unwrap();
        assert_eq!(batcher.len(), instances.len() - 1);
        assert_eq!(batcher.wanted(), &[0, 0, 1][..slots]);
    }
}
