//! The core's rules one by one, with expectations worked out by hand.

use farplane_stream::{
    Actions, Class, Config, Core, Event, Home, Outcome, State, UnitId, UnitInfo, Want,
};

/// Units of 1 KiB in the heap, 64 stored bytes each, without gaps.
fn units(count: u64) -> Vec<UnitInfo> {
    let unit = |i: u64| UnitInfo {
        offset: i * 64,
        stored_bytes: 64,
        resident_bytes: 1024,
        home: Home::Heap,
        pinned: false,
    };
    (0..count).map(unit).collect()
}

/// A heap for so many of them, and one read at a time for each.
fn config(heap_units: u64) -> Config {
    Config {
        heap_free_share: 0.0,
        coalesced_bytes_max: 0,
        ..Config::new(heap_units * 1024, 0, 0, 1 << 20)
    }
}

fn want(unit: UnitId, class: Class, score: f32) -> Want {
    Want { unit, class, score }
}

/// A core and the epoch, which goes on by one a step.
struct Run {
    core: Core,
    actions: Actions,
    epoch: u64,
}

impl Run {
    fn new(config: Config, units: Vec<UnitInfo>) -> Self {
        let core = Core::new(config, units).unwrap();
        Self { core, actions: Actions::default(), epoch: 0 }
    }

    fn step(&mut self, wants: &[Want], events: &[Event], reader: Option<u64>) {
        self.epoch += 1;
        self.core.step(wants, events, self.epoch, reader, &mut self.actions);
    }

    fn read(&self) -> Vec<UnitId> {
        self.actions.parts.iter().map(|p| p.unit).collect()
    }

    fn evicted(&self) -> Vec<UnitId> {
        self.actions.evicted.iter().map(|p| p.unit).collect()
    }

    /// Wants units in one step and has them decoded in the next.
    fn load(&mut self, units: impl IntoIterator<Item = UnitId>) {
        let wants: Vec<Want> = units.into_iter().map(|u| want(u, Class::High, 0.0)).collect();
        self.step(&wants, &[], None);
        let events: Vec<Event> = wants.iter().map(|w| end(w.unit, Outcome::Decoded)).collect();
        self.step(&wants, &events, None);
        assert!(wants.iter().all(|w| self.core.is_resident(w.unit)));
    }
}

fn end(unit: UnitId, outcome: Outcome) -> Event {
    Event { unit, outcome }
}

#[test]
fn best_class_goes_first_then_best_score_then_first_come() {
    let mut run = Run::new(Config { reads_max: 1, ..config(8) }, units(8));
    let urgent = [
        want(0, Class::Normal, f32::MAX),
        want(1, Class::High, f32::NAN),
        want(2, Class::High, -1.0),
        want(3, Class::High, 2.0),
        want(4, Class::High, f32::INFINITY),
        want(5, Class::Critical, f32::NEG_INFINITY),
    ];
    let mut order = Vec::new();
    let mut events = Vec::new();
    for _ in 0..6 {
        run.step(&urgent, &events, None);
        order.extend(run.read());
        events = run.read().iter().map(|&u| end(u, Outcome::Decoded)).collect();
    }
    // NaN counts as 0.
    assert_eq!(order, [5, 4, 3, 1, 2, 0]);
}

#[test]
fn first_come_is_first_served_among_equals() {
    let mut run = Run::new(Config { reads_max: 1, ..config(8) }, units(8));
    run.step(&[want(7, Class::High, 1.0)], &[], None);
    assert_eq!(run.read(), [7]);
    run.step(&[want(5, Class::High, 1.0)], &[], None);
    let both = [want(2, Class::High, 1.0), want(5, Class::High, 1.0)];
    run.step(&both, &[], None);
    run.step(&both, &[end(7, Outcome::Decoded)], None);
    assert_eq!(run.read(), [5]);
}

#[test]
fn of_several_wants_of_a_unit_the_most_urgent_counts() {
    let mut run = Run::new(Config { reads_max: 1, ..config(8) }, units(8));
    let wants = [
        want(0, Class::High, 5.0),
        want(1, Class::Low, 100.0),
        want(1, Class::High, 1.0),
        want(1, Class::High, 9.0),
        want(1, Class::High, 2.0),
    ];
    run.step(&wants, &[], None);
    assert_eq!(run.read(), [1]);
}

#[test]
fn what_can_never_fit_fails_and_is_in_nobodys_way() {
    let mut all = units(5);
    all[0].resident_bytes = 4 * 1024 + 1;
    all[1].stored_bytes = 2 << 20;
    all[2].home = Home::Slot;
    all[3].resident_bytes = 0;
    let mut run = Run::new(config(4), all);
    let mut wants: Vec<Want> = (0..4).map(|u| want(u, Class::Critical, 1.0)).collect();
    wants.push(want(4, Class::Low, 0.0));
    run.step(&wants, &[], None);
    assert_eq!(run.read(), [4]);
    assert_eq!([0, 1, 2, 3].map(|u| run.core.state(u)), [State::Failed; 4]);
    assert_eq!(run.actions.unfit, [0, 1, 2, 3]);
    assert_eq!(run.core.counters().failed, 4);
    // Told once.
    run.step(&wants, &[], None);
    assert!(run.actions.unfit.is_empty());
}

#[test]
fn load_is_cancelled_once_its_unit_is_unwanted_for_longer_than_the_limit() {
    for frames in [0, 1, 8] {
        let mut run = Run::new(Config { cancel_after_frames: frames, ..config(4) }, units(1));
        for _ in 0..20 {
            run.step(&[want(0, Class::High, 1.0)], &[], None);
            assert!(run.actions.cancels.is_empty());
        }
        for _ in 0..frames {
            run.step(&[], &[], None);
            assert!(run.actions.cancels.is_empty());
        }
        run.step(&[], &[], None);
        assert_eq!(run.actions.cancels, [0]);
        run.step(&[], &[], None);
        assert!(run.actions.cancels.is_empty());
    }
    let never = Config { cancel_after_frames: u32::MAX, ..config(4) };
    let mut run = Run::new(never, units(1));
    run.step(&[want(0, Class::High, 1.0)], &[], None);
    run.step(&[], &[], None);
    assert!(run.actions.cancels.is_empty());
}

#[test]
fn failed_reads_are_forgotten_once_a_unit_is_loaded() {
    let mut run = Run::new(config(1), units(2));
    let (zero, one) = ([want(0, Class::High, 1.0)], [want(1, Class::High, 1.0)]);
    for _ in 0..5 {
        run.step(&zero, &[], None);
        for _ in 0..3 {
            run.step(&zero, &[end(0, Outcome::ReadFailed)], None);
            assert_eq!(run.read(), [0], "tried again at once");
        }
        run.step(&zero, &[end(0, Outcome::Decoded)], None);
        assert!(run.core.is_resident(0));
        // Something else, until it is evicted.
        for _ in 0..4 {
            run.step(&one, &[], None);
        }
        run.step(&one, &[end(1, Outcome::Decoded)], None);
        assert!(!run.core.is_resident(0) && run.core.is_resident(1));
        for _ in 0..4 {
            run.step(&[], &[], None);
        }
    }
    // The fourth failure in a row is the last.
    for _ in 0..4 {
        run.step(&zero, &[end(0, Outcome::ReadFailed)], None);
    }
    run.step(&zero, &[end(0, Outcome::ReadFailed)], None);
    assert_eq!(run.core.state(0), State::Failed);
}

#[test]
fn what_is_wanted_is_evicted_only_for_something_more_urgent() {
    let mut run = Run::new(config(2), units(4));
    run.load([0, 1]);
    let held = [want(0, Class::Critical, 0.0), want(1, Class::Normal, 0.0)];
    let with = |w: Want| [held[0], held[1], w];
    run.step(&with(want(2, Class::Normal, f32::MAX)), &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![], vec![]));
    run.step(&with(want(2, Class::High, 0.0)), &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![1], vec![2]));
}

#[test]
fn prefetch_does_not_evict_what_was_in_use_a_second_ago() {
    let mut run = Run::new(config(1), units(2));
    run.load([0]);
    // Last wanted in step 2.
    for _ in 3..62 {
        run.step(&[want(1, Class::Prefetch, 1.0)], &[], None);
        assert!(run.evicted().is_empty());
    }
    run.step(&[want(1, Class::Prefetch, 1.0)], &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![0], vec![1]));
}

#[test]
fn while_a_reader_looks_no_more_is_evicted_than_is_needed() {
    let mut run = Run::new(config(8), units(10));
    run.load(0..8);
    (0..4).for_each(|_| run.step(&[], &[], None));
    let reader = Some(run.epoch);
    let wants = [want(8, Class::High, 1.0)];
    run.step(&wants, &[], reader);
    assert_eq!((run.evicted().len(), run.read()), (1, vec![]));
    for _ in 0..5 {
        run.step(&wants, &[], reader);
        assert_eq!((run.evicted(), run.read()), (vec![], vec![]));
    }
    run.step(&wants, &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![], vec![8]));
}

#[test]
fn keeping_a_share_free_counts_what_readers_still_hold() {
    let share = Config { heap_free_share: 0.25, ..config(8) };
    let mut run = Run::new(share, units(8));
    let all: Vec<Want> = (0..8).map(|u| want(u, Class::High, 0.0)).collect();
    run.step(&all, &[], None);
    let events: Vec<Event> = (0..8).map(|u| end(u, Outcome::Decoded)).collect();
    run.step(&all, &events, None);
    run.step(&[], &[], None);
    assert!(run.evicted().is_empty(), "in use a moment ago");
    let reader = Some(run.epoch);
    for evicted in [2, 0, 0, 0] {
        run.step(&[], &[], reader);
        assert_eq!(run.evicted().len(), evicted);
    }
}

#[test]
fn a_pinned_unit_that_was_not_placed_is_loaded_once_and_stays() {
    let mut all = units(3);
    all[0].pinned = true;
    let mut run = Run::new(config(1), all);
    run.load([0]);
    for _ in 0..100 {
        run.step(&[want(1, Class::Critical, 1.0)], &[], None);
        assert!(run.core.is_resident(0));
    }
}

#[test]
fn a_block_that_is_in_use_moves_out_of_the_way_of_a_larger_one() {
    let mut all = units(5);
    all[4].resident_bytes = 2048;
    let mut run = Run::new(config(4), all);
    run.load(0..4);
    let [low, high] = [0, 2].map(|unit| want(unit, Class::High, 0.0));
    (0..3).for_each(|_| run.step(&[low, high], &[], None));
    // 0 and 2 are in use, 1 and 3 are not. No two neighbours can be emptied until 1 has gone.
    let wants = [low, high, want(4, Class::High, 1.0)];
    run.step(&wants, &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![1], vec![]));
    // Now 3 goes and 2 moves to where 1 was.
    run.step(&wants, &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![3], vec![]));
    let [relocation] = run.actions.relocations[..] else { panic!("one move") };
    assert_eq!((relocation.unit, relocation.block.to.offset), (2, 1024));
    assert!(run.core.has_room_underway(4));
    // Until that is done nobody gets the room.
    run.step(&[low, high, wants[2], want(1, Class::High, 9.0)], &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![], vec![]));
    assert!(run.core.relocated(&relocation, true, run.epoch, None));
    run.step(&wants, &[], None);
    assert_eq!((run.evicted(), run.read()), (vec![], vec![4]));
    assert_eq!(run.actions.parts[0].to.offset, 2048);
    assert!(run.core.is_resident(2) && run.core.is_resident(0));
}

#[test]
fn room_that_is_no_longer_wanted_or_cannot_be_emptied_is_given_up() {
    for refused in [false, true] {
        let mut all = units(5);
        all[4].resident_bytes = 2048;
        let mut run = Run::new(config(4), all);
        run.load(0..4);
        let [low, high] = [0, 2].map(|unit| want(unit, Class::High, 0.0));
        (0..3).for_each(|_| run.step(&[low, high], &[], None));
        let wants = [low, high, want(4, Class::High, 1.0)];
        (0..2).for_each(|_| run.step(&wants, &[], None));
        let [relocation] = run.actions.relocations[..] else { panic!("one move") };
        assert_eq!(run.core.relocated(&relocation, !refused, run.epoch, None), !refused);
        run.step(if refused { &wants } else { &wants[..2] }, &[], None);
        // Refused: another one is planned at once.
        assert_eq!(run.core.has_room_underway(4), refused);
        let free = run.core.heap_stats().free;
        assert_eq!(free, if refused { 0 } else { 2048 });
    }
}
