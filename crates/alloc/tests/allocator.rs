//! What the allocator promises, in cases that can be followed by hand.

use farplane_alloc::{
    AllocError, Handle, Move, MoveError, NODES_PER_PASS_MAX, PassLimits, Plan, Range,
    RangeAllocator, SpanKind,
};

const ALL: PassLimits = PassLimits { bytes_max: u64::MAX, moves_max: usize::MAX };

/// An arena filled with blocks of the given sizes, in address order, without a hole.
fn filled(sizes: &[u64]) -> (RangeAllocator, Vec<Handle>) {
    let mut allocator = RangeAllocator::with_granule(sizes.iter().sum(), 1);
    let handles = sizes.iter().map(|&size| allocator.allocate(size, 1).unwrap()).collect();
    (allocator, handles)
}

/// Commits all moves and frees what they leave.
fn carry_out(allocator: &mut RangeAllocator, moves: &[Move]) {
    for planned in moves {
        let old = allocator.commit_move(planned).unwrap();
        allocator.free(old).unwrap();
    }
}

#[test]
fn an_empty_arena_holds_any_request_up_to_its_capacity() {
    // The case in which offset-allocator 0.2 refuses, among sizes around every bin border.
    let sizes = (1..64).chain((6..20).flat_map(|bit| (1 << bit) - 2..(1 << bit) + 3));
    for size in sizes.chain([664_908, 699_050]) {
        let mut allocator = RangeAllocator::with_granule(699_050, 1);
        let all = allocator.allocate(size, 1).and_then(|_| match 699_050 - size {
            0 => Ok(()),
            rest => allocator.allocate(rest, 1).map(|_| ()),
        });
        assert_eq!(all, Ok(()), "{size}");
        assert_eq!(allocator.stats().free, 0);
    }
}

#[test]
fn one_hole_that_fits_is_found_among_hundreds_in_its_bin_that_do_not() {
    // 512 to 543 share a bin. Every second block becomes a hole; only one is of 540.
    let mut sizes = vec![512; 600];
    sizes[10] = 540;
    let (mut allocator, handles) = filled(&sizes);
    for &handle in handles.iter().step_by(2) {
        allocator.free(handle).unwrap();
    }
    assert_eq!(allocator.stats().holes, 300);
    let handle = allocator.allocate(540, 1).unwrap();
    assert_eq!(allocator.range(handle), Some(Range::new(10 * 512, 540)));
    let refused = AllocError::OutOfSpace {
        requested: 540,
        align: 1,
        largest_free: 512,
        total_free: 299 * 512,
    };
    assert_eq!(allocator.allocate(540, 1), Err(refused));
    assert_eq!(allocator.stats().refused, 1);
}

#[test]
fn one_hole_that_is_aligned_is_found_among_hundreds_that_are_not() {
    // Blocks of 96 bytes from 32 on: every second one becomes a hole, at 32 + 192 n. A block of
    // 64 aligned to 4096 fits one that begins at most 32 before a multiple of 4096:
    // 192 n = 4096 k − 64 gives n = 21 first.
    let mut sizes = vec![96; 500];
    sizes[0] = 32;
    let (mut allocator, handles) = filled(&sizes);
    for &handle in handles.iter().skip(1).step_by(2) {
        allocator.free(handle).unwrap();
    }
    let handle = allocator.allocate(64, 4096).unwrap();
    assert_eq!(allocator.range(handle), Some(Range::new(4096, 64)));
}

#[test]
fn sizes_are_rounded_to_the_granule_and_the_loss_is_internal_fragmentation() {
    let mut allocator = RangeAllocator::new(1000);
    let handle = allocator.allocate(100, 1).unwrap();
    let stats = allocator.stats();
    assert_eq!(allocator.range(handle), Some(Range::new(0, 100)));
    assert_eq!((stats.capacity, stats.used, stats.requested), (960, 128, 100));
    assert_eq!(stats.internal_fragmentation(), 28.0 / 128.0);
    assert_eq!(stats.occupancy(), 128.0 / 960.0);
}

#[test]
fn external_fragmentation_is_what_of_the_free_room_is_not_in_the_largest_hole() {
    let (mut allocator, handles) = filled(&[30, 10, 50, 10]);
    assert_eq!(allocator.stats().external_fragmentation(), 0.0);
    allocator.free(handles[0]).unwrap();
    allocator.free(handles[2]).unwrap();
    assert_eq!(allocator.stats().external_fragmentation(), 1.0 - 50.0 / 80.0);
}

#[test]
fn requests_that_make_no_sense_are_errors_whatever_their_numbers() {
    for capacity in [0, 1, 64, 1 << 20, 1 << 63, u64::MAX] {
        let mut allocator = RangeAllocator::new(capacity);
        // 64 bytes, or as much as makes fewer than 2³² granules of it.
        let granule = if capacity < 1 << 63 { 64 } else { 1 << 32 };
        assert_eq!(allocator.granule(), granule);
        let capacity = capacity / granule * granule;
        assert_eq!(allocator.allocate(0, 1), Err(AllocError::ZeroSize));
        assert_eq!(allocator.allocate(1, 0), Err(AllocError::BadAlignment { align: 0 }));
        assert_eq!(allocator.allocate(1, 96), Err(AllocError::BadAlignment { align: 96 }));
        assert_eq!(
            allocator.allocate(u64::MAX, 1 << 63),
            Err(AllocError::TooLarge { requested: u64::MAX, capacity })
        );
        assert_eq!(allocator.stats().holes, u32::from(capacity > 0));
        // Offset 0 is a multiple of everything; the next multiple of 2⁶³ is 2⁶³.
        if capacity > 0 {
            assert!(allocator.allocate(64, 1 << 63).is_ok());
            assert_eq!(allocator.allocate(64, 1 << 63).is_ok(), capacity > 1 << 63);
        }
    }
}

#[test]
fn a_stale_handle_is_refused_although_its_place_is_used_again() {
    let mut allocator = RangeAllocator::new(64);
    let first = allocator.allocate(64, 1).unwrap();
    allocator.free(first).unwrap();
    let second = allocator.allocate(64, 1).unwrap();
    assert_eq!(first.index(), second.index());
    assert!(allocator.free(first).is_err());
    assert_eq!(allocator.range(second), Some(Range::new(0, 64)));
}

#[test]
fn blocks_of_one_size_are_brought_together_without_a_rest() {
    let (mut allocator, handles) = filled(&[10; 40]);
    for &handle in handles.iter().step_by(2) {
        allocator.free(handle).unwrap();
    }
    assert_eq!(allocator.stats().external_fragmentation(), 1.0 - 10.0 / 200.0);
    let mut moves = Vec::new();
    let mut moved = 0;
    while !(allocator.plan_moves(ALL, &mut moves).complete && moves.is_empty()) {
        moved += moves.len();
        carry_out(&mut allocator, &moves);
    }
    // The 20 lowest places are full; 10 of the 20 blocks were there before.
    assert_eq!(allocator.stats().external_fragmentation(), 0.0);
    assert_eq!(moved, 10);
    assert_eq!(allocator.stats().moved, 100);
}

#[test]
fn a_block_is_not_moved_only_to_change_places_with_a_hole() {
    // hole 10, block 10, block 30, hole 5, pinned block.
    let (mut allocator, handles) = filled(&[10, 10, 30, 5, 5]);
    allocator.free(handles[0]).unwrap();
    allocator.free(handles[3]).unwrap();
    allocator.pin(handles[4]).unwrap();
    let mut moves = Vec::new();
    let plan = allocator.plan_moves(ALL, &mut moves);
    assert_eq!((plan, moves.len()), (Plan { bytes: 0, complete: true }, 0));
}

#[test]
fn a_pass_keeps_to_its_limits_and_leaves_out_what_is_too_large_for_any() {
    let (mut allocator, handles) = filled(&[40, 10, 10, 10, 40]);
    allocator.free(handles[0]).unwrap();
    let mut moves = Vec::new();
    // 40 is more than 25; of the others two are 20 and three would be 30.
    let plan = allocator.plan_moves(PassLimits { bytes_max: 25, moves_max: 9 }, &mut moves);
    // The block of 40 stays, so nothing joins above; the lowest one only would slide.
    assert_eq!((plan.bytes, moves.len()), (0, 0));
    allocator.free(handles[4]).unwrap();
    let plan = allocator.plan_moves(PassLimits { bytes_max: 25, moves_max: 9 }, &mut moves);
    assert_eq!((plan, moves.len()), (Plan { bytes: 20, complete: false }, 2));
    assert_eq!((moves[0].handle, moves[0].to), (handles[3], Range::new(0, 10)));
    assert_eq!((moves[1].handle, moves[1].to), (handles[2], Range::new(10, 10)));
    let none = PassLimits { bytes_max: u64::MAX, moves_max: 0 };
    assert_eq!(allocator.plan_moves(none, &mut moves), Plan::default());
}

#[test]
fn what_a_moved_block_left_is_held_until_the_owner_frees_it() {
    let (mut allocator, handles) = filled(&[10, 10]);
    allocator.free(handles[0]).unwrap();
    let mut moves = Vec::new();
    allocator.plan_moves(ALL, &mut moves);
    let old = allocator.commit_move(&moves[0]).unwrap();
    assert_eq!(allocator.range(handles[1]), Some(Range::new(0, 10)));
    assert_eq!(allocator.range(old), Some(Range::new(10, 10)));
    assert!(!allocator.fits(1, 1));
    assert_eq!(allocator.free(old), Ok(Range::new(10, 10)));
    assert!(allocator.fits(10, 1));
}

#[test]
fn a_move_fails_cleanly_if_its_block_is_freed_or_pinned_after_the_plan() {
    for pinned in [false, true] {
        let (mut allocator, handles) = filled(&[10, 10]);
        allocator.free(handles[0]).unwrap();
        let mut moves = Vec::new();
        allocator.plan_moves(ALL, &mut moves);
        let error = if pinned {
            allocator.pin(handles[1]).unwrap();
            MoveError::Pinned
        } else {
            allocator.free(handles[1]).unwrap();
            // The freed slot is taken by another block, which the move must not touch.
            allocator.allocate(10, 1).unwrap();
            MoveError::StaleHandle
        };
        assert!(!allocator.fits(1, 1));
        assert_eq!(allocator.commit_move(&moves[0]), Err(error));
        assert_eq!(allocator.commit_move(&moves[0]), Err(MoveError::UnknownMove));
        let kinds: Vec<_> = allocator.spans().map(|span| (span.range, span.kind)).collect();
        assert_eq!(kinds[0], (Range::new(0, 10), SpanKind::Hole));
        assert!(matches!(kinds[1].1, SpanKind::Block { .. }));
    }
}

#[test]
fn pinned_blocks_at_the_top_do_not_keep_the_passes_from_those_below() {
    // hole, 1 block, hole, block to move, then more pinned ones than a pass looks at.
    let mut sizes = vec![10; 4];
    sizes.resize(4 + 2 * NODES_PER_PASS_MAX, 1);
    let (mut allocator, handles) = filled(&sizes);
    handles[4..].iter().for_each(|&handle| allocator.pin(handle).unwrap());
    allocator.free(handles[0]).unwrap();
    allocator.free(handles[2]).unwrap();
    let mut moves = Vec::new();
    let passes = (1..10).find(|_| {
        let plan = allocator.plan_moves(ALL, &mut moves);
        assert!(!moves.is_empty() || !plan.complete, "left out");
        !moves.is_empty()
    });
    // 2 × 256 pinned ones fill two passes.
    assert_eq!(passes, Some(3));
    assert_eq!((moves[0].handle, moves[0].to), (handles[3], Range::new(0, 10)));
}

#[test]
fn passes_go_on_at_the_right_place_when_the_hole_that_they_came_to_is_merged_and_its_entry_reused()
{
    // From the bottom: hole 4, pin, hole 10, pin, block 10, hole 5, pin, block 10, hole 5, pins.
    let mut sizes = vec![4, 1, 10, 1, 10, 5, 1, 10, 5];
    sizes.resize(9 + NODES_PER_PASS_MAX, 1);
    let (mut allocator, handles) = filled(&sizes);
    for hole in [0, 2, 5, 8] {
        allocator.free(handles[hole]).unwrap();
    }
    for (&handle, _) in handles.iter().zip(&sizes).filter(|(_, size)| **size == 1) {
        allocator.pin(handle).unwrap();
    }
    let mut moves = Vec::new();
    assert_eq!(allocator.plan_moves(ALL, &mut moves), Plan { bytes: 0, complete: false });
    // The pass stopped at the upper hole of 5, which is merged into the block below it. What is
    // left of the hole of 4 takes its entry in the table.
    allocator.free(handles[7]).unwrap();
    allocator.allocate(3, 1).unwrap();
    assert_eq!(allocator.plan_moves(ALL, &mut moves), Plan { bytes: 10, complete: true });
    assert_eq!((moves[0].handle, moves[0].to), (handles[4], Range::new(5, 10)));
}

#[test]
fn errors_say_what_to_do_in_one_line() {
    let mut allocator = RangeAllocator::new(128);
    allocator.allocate(64, 1).unwrap();
    let error = allocator.allocate(128, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no hole holds 128 bytes aligned to 1 (largest 64, free in all 64): free or move blocks \
         first"
    );
}
