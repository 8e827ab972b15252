//! Room on demand, growth and shrinks, in cases that can be followed by hand.

use farplane_alloc::{
    ClaimError, Handle, MoveError, Options, PassLimits, Range, RangeAllocator, ResizeError,
    RoomError, RoomRequest, StaleHandle, Steps,
};

const ALL: PassLimits = PassLimits { bytes_max: u64::MAX, moves_max: usize::MAX };

/// An arena filled with blocks of the given sizes, in address order, without a hole; then some of
/// them are freed.
fn with_holes(sizes: &[u64], holes: &[usize]) -> (RangeAllocator, Vec<Handle>) {
    let mut allocator = RangeAllocator::with_granule(sizes.iter().sum(), 1);
    let handles: Vec<_> = sizes.iter().map(|&size| allocator.allocate(size, 1).unwrap()).collect();
    for &hole in holes {
        allocator.free(handles[hole]).unwrap();
    }
    (allocator, handles)
}

fn request(size: u64) -> RoomRequest {
    RoomRequest { size, align: 1, limits: ALL }
}

/// Commits all moves and frees what they leave and what is to be evicted.
fn carry_out(allocator: &mut RangeAllocator, steps: &Steps) {
    for planned in &steps.moves {
        let left = allocator.commit_move(planned).unwrap();
        allocator.free(left).unwrap();
    }
    for &block in &steps.evictions {
        allocator.free(block).unwrap();
    }
}

#[test]
fn the_window_is_the_one_that_costs_least_and_what_is_cheaper_to_evict_is_evicted() {
    // Holes at 10 (10), 40 (10) and 90 (10): 20 need one block beside a hole, of 10, 20 or 40.
    let sizes = [10, 10, 20, 10, 40, 10];
    let (mut allocator, handles) = with_holes(&sizes, &[1, 3, 5]);
    let mut steps = Steps::default();
    // At any price above 1 a byte the block of 10 at the bottom moves, and only the hole at 40 or 90
    // can take it: the one at 10 is in its window.
    let plan = allocator.plan_room(request(20), |_, bytes| Some(3 * bytes), &mut steps).unwrap();
    assert_eq!((plan.window, plan.bytes, plan.price), (Range::new(0, 20), 10, 0));
    assert_eq!(steps.moves[0].handle, handles[0]);
    allocator.abandon(plan.room).unwrap();
    // The block of 40 is not missed: free of charge, and more than is needed.
    let price = |handle: Handle, bytes: u64| Some(if handle == handles[4] { 0 } else { 3 * bytes });
    let plan = allocator.plan_room(request(20), price, &mut steps).unwrap();
    assert_eq!((plan.bytes, plan.price, &steps.evictions[..]), (0, 0, &handles[4..5]));
    carry_out(&mut allocator, &steps);
    let block = allocator.claim(plan.room).unwrap();
    assert_eq!(allocator.range(block).unwrap().size, 20);
}

#[test]
fn what_is_pinned_or_not_offered_and_cannot_move_keeps_a_window_out() {
    let (mut allocator, handles) = with_holes(&[10, 20, 10, 5], &[0, 2]);
    let mut steps = Steps::default();
    // The block of 20 fits no hole and must not go.
    let refused = RoomError::NoWindow {
        requested: 25,
        align: 1,
        total_free: 20,
        bytes_max: u64::MAX,
        pinned: 0,
    };
    assert_eq!(allocator.plan_room(request(25), |_, _| None, &mut steps), Err(refused));
    // Offered it goes; pinned it does not.
    let plan = allocator.plan_room(request(25), |_, _| Some(1), &mut steps).unwrap();
    allocator.abandon(plan.room).unwrap();
    allocator.pin(handles[1]).unwrap();
    assert!(allocator.plan_room(request(25), |_, _| Some(1), &mut steps).is_err());
    // The unoffered block of 5 moves to the hole at the bottom.
    let plan = allocator.plan_room(request(15), |_, _| None, &mut steps).unwrap();
    assert_eq!((plan.window, steps.moves[0].to), (Range::new(30, 15), Range::new(0, 5)));
}

#[test]
fn a_plan_may_take_several_frames_in_which_nobody_else_gets_its_window() {
    let (mut allocator, handles) = with_holes(&[10, 10, 10, 10, 10, 30], &[0, 2, 4]);
    allocator.pin(handles[5]).unwrap();
    let mut steps = Steps::default();
    // All holes are in the only window, so the two blocks of 10 can go nowhere and are evicted,
    // dear as they are.
    let plan = allocator.plan_room(request(50), |_, _| Some(100), &mut steps).unwrap();
    assert_eq!((plan.window, steps.evictions.len()), (Range::new(0, 50), 2));
    assert!(!allocator.fits(1, 1), "all that is free is in the window");
    allocator.free(handles[1]).unwrap();
    assert!(!allocator.fits(1, 1), "what becomes free there stays there");
    let left = ClaimError::NotEmpty { bytes: 10, blocks: 1, vacated: 0 };
    assert_eq!(allocator.claim(plan.room), Err(left));
    allocator.free(handles[3]).unwrap();
    let block = allocator.claim(plan.room).unwrap();
    assert_eq!(allocator.range(block), Some(Range::new(0, 50)));
    assert_eq!(allocator.claim(plan.room), Err(ClaimError::UnknownRoom));
}

#[test]
fn a_room_is_claimed_only_when_the_readers_of_moved_blocks_are_gone() {
    let (mut allocator, handles) = with_holes(&[10, 10, 30, 10], &[0, 3]);
    let mut steps = Steps::default();
    let plan = allocator.plan_room(request(20), |_, _| None, &mut steps).unwrap();
    assert_eq!((plan.window, steps.moves[0].to.offset), (Range::new(0, 20), 50));
    let left = allocator.commit_move(&steps.moves[0]).unwrap();
    assert_eq!(allocator.range(handles[1]), Some(Range::new(50, 10)));
    let vacated = ClaimError::NotEmpty { bytes: 10, blocks: 0, vacated: 1 };
    assert_eq!(allocator.claim(plan.room), Err(vacated));
    allocator.free(left).unwrap();
    assert!(allocator.claim(plan.room).is_ok());
}

#[test]
fn an_abandoned_room_gives_back_all_that_is_empty_and_ends_its_moves() {
    let (mut allocator, handles) = with_holes(&[10, 10, 30, 10], &[0, 3]);
    let before = allocator.clone();
    let mut steps = Steps::default();
    let plan = allocator.plan_room(request(20), |_, _| None, &mut steps).unwrap();
    allocator.abandon(plan.room).unwrap();
    assert_eq!(allocator.commit_move(&steps.moves[0]), Err(MoveError::UnknownMove));
    assert_eq!(allocator.range(handles[1]), Some(Range::new(10, 10)));
    assert!(allocator.spans().eq(before.spans()));
}

#[test]
fn a_larger_arena_keeps_its_blocks_and_joins_its_last_hole() {
    let (mut allocator, handles) = with_holes(&[10, 10], &[1]);
    assert!(allocator.allocate(30, 1).is_err());
    allocator.grow(40).unwrap();
    assert_eq!(allocator.stats().largest_free, 30);
    let block = allocator.allocate(30, 1).unwrap();
    assert_eq!(allocator.range(block), Some(Range::new(10, 30)));
    assert_eq!(allocator.range(handles[0]), Some(Range::new(0, 10)));
    let wrong = ResizeError::WrongWay { requested: 40, capacity: 40 };
    assert_eq!(allocator.grow(40), Err(wrong));
}

#[test]
fn a_shrink_empties_the_end_while_nothing_new_is_placed_there() {
    // Holes at 0 (10) and 30 (20); blocks at 10 (10), 20 (10), 50 (10), 60 (20). 35 are to be left.
    let (mut allocator, handles) = with_holes(&[10, 10, 10, 20, 10, 20], &[0, 3]);
    allocator.begin_shrink(35).unwrap();
    assert_eq!(allocator.stats().largest_free, 10, "of the hole across the end 5 are left");
    let mut steps = Steps::default();
    let small = PassLimits { bytes_max: 15, moves_max: 9 };
    let pass = allocator.plan_shrink(small, |_, _| None, &mut steps).unwrap();
    // The block of 20 fits nowhere and must not go; the one of 10 moves to the bottom.
    assert_eq!((pass.bytes, pass.stuck, pass.complete), (10, 1, true));
    assert_eq!(steps.moves[0].to, Range::new(0, 10));
    carry_out(&mut allocator, &steps);
    let left = ResizeError::NotEmpty { bytes: 20, blocks: 1, vacated: 0 };
    assert_eq!(allocator.finish_shrink(), Err(left));
    let pass = allocator.plan_shrink(small, |_, bytes| Some(bytes), &mut steps).unwrap();
    assert_eq!((pass.bytes, pass.price, steps.evictions[0]), (0, 20, handles[5]));
    carry_out(&mut allocator, &steps);
    assert_eq!(allocator.finish_shrink(), Ok(35));
    let stats = allocator.stats();
    assert_eq!((stats.capacity, stats.used, stats.free, stats.reserved), (35, 30, 5, 0));
    assert!(!allocator.fits(6, 1));
}

#[test]
fn handles_of_allocators_with_different_salts_are_never_taken_for_each_other() {
    let salted = |salt| RangeAllocator::with_options(640, Options { granule: 64, salt });
    let (mut a, mut b) = (salted(1), salted(255));
    for _ in 0..1000 {
        let (of_a, of_b) = (a.allocate(64, 1).unwrap(), b.allocate(64, 1).unwrap());
        assert_eq!(of_a.index(), of_b.index());
        assert_eq!(b.free(of_a), Err(StaleHandle));
        assert_eq!(a.range(of_b), None);
        a.free(of_a).unwrap();
        b.free(of_b).unwrap();
    }
}

#[test]
fn a_map_shows_how_much_of_each_cell_is_held() {
    // Held: 0–10 and 15–40 of 40; cells of 10: all, half, all, all.
    let (allocator, _) = with_holes(&[10, 5, 25], &[1]);
    let mut cells = [7; 4];
    allocator.map(&mut cells);
    assert_eq!(cells, [255, 127, 255, 255]);
    assert_eq!(allocator.holes().collect::<Vec<_>>(), [Range::new(10, 5)]);
    // More cells than bytes: each byte is two cells.
    let mut cells = [7; 80];
    allocator.map(&mut cells);
    assert!(
        cells
            .iter()
            .enumerate()
            .all(|(at, &cell)| cell == if (20..30).contains(&at) { 0 } else { 255 })
    );
}
