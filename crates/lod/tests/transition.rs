//! Transitions between levels.

#[path = "model/fade.rs"]
mod model;

use farplane_lod::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        model::run(&bytes);
    }
}

const MS: u64 = 1_000_000;

/// A fade of 100 ms of one instance, every level but those listed resident.
struct One {
    transitions: Transitions,
    absent: Vec<u8>,
}

impl One {
    fn new() -> Self {
        Self { transitions: Transitions::new(1, 100 * MS), absent: vec![] }
    }

    fn step(&mut self, to: Option<u8>, ms: u64) -> Shown {
        let change = to.map(|to| LodChange { instance: 0, from: CULLED, to });
        let (absent, mut fades) = (&self.absent, Vec::new());
        let resident = |_, level| !absent.contains(&level);
        self.transitions.step(change.as_slice(), ms * MS, resident, &mut fades).unwrap();
        let shown = self.transitions.shown(0).unwrap();
        assert_eq!(fades.len(), usize::from(matches!(shown, Shown::Two(_))));
        shown
    }
}

fn two(from: u8, to: u8, to_factor: u16) -> Shown {
    Shown::Two(Fade { instance: 0, from, to, to_factor })
}

#[test]
fn a_fade_takes_its_time_and_ends() {
    let mut one = One::new();
    assert_eq!(one.step(Some(2), 1000), two(CULLED, 2, 0));
    assert_eq!(one.step(None, 1025), two(CULLED, 2, 16_384));
    assert_eq!(one.step(None, 1099), two(CULLED, 2, 64_880));
    assert_eq!(one.step(None, 1100), Shown::One(2));
    assert_eq!(one.transitions.active(), 0);
}

#[test]
fn a_fade_waits_until_the_level_that_comes_is_resident() {
    let mut one = One::new();
    one.step(Some(2), 0);
    one.step(None, 100);
    one.absent = vec![1];
    assert_eq!(one.step(Some(1), 200), Shown::One(2));
    assert_eq!(one.step(None, 5000), Shown::One(2));
    one.absent.clear();
    assert_eq!(one.step(None, 6000), two(2, 1, 0));
    assert_eq!(one.step(None, 6050), two(2, 1, 32_768));
}

#[test]
fn turning_back_goes_on_from_where_it_is() {
    let mut one = One::new();
    one.step(Some(2), 0);
    one.step(None, 100);
    one.step(Some(1), 200);
    assert_eq!(one.step(None, 225), two(2, 1, 16_384));
    // A quarter of level 1 was there: three quarters of level 2 still are.
    assert_eq!(one.step(Some(2), 225), two(1, 2, 49_152));
    assert_eq!(one.step(None, 249), two(1, 2, 64_880));
    assert_eq!(one.step(None, 250), Shown::One(2));
}

/// The clock begins at 0, as one that counts from the start of the program does.
#[test]
fn turning_back_early_in_the_clock_goes_on_from_where_it_is() {
    let mut one = One::new();
    assert_eq!(one.step(Some(2), 0), two(CULLED, 2, 0));
    assert_eq!(one.step(None, 25), two(CULLED, 2, 16_384));
    assert_eq!(one.step(Some(CULLED), 25), two(2, CULLED, 49_152));
    assert_eq!(one.step(None, 49), two(2, CULLED, 64_880));
    assert_eq!(one.step(None, 50), Shown::One(CULLED));
}

#[test]
fn a_third_level_waits_for_the_fade_in_hand() {
    let mut one = One::new();
    one.step(Some(2), 0);
    one.step(None, 100);
    one.step(Some(1), 200);
    assert_eq!(one.step(Some(0), 250), two(2, 1, 32_768));
    assert_eq!(one.step(None, 300), two(1, 0, 0));
    assert_eq!(one.step(None, 400), Shown::One(0));
}

#[test]
fn what_is_evicted_while_it_fades_gives_way_to_the_other() {
    for (evicted, left) in [(1, 2), (2, 1)] {
        let mut one = One::new();
        one.step(Some(2), 0);
        one.step(None, 100);
        one.step(Some(1), 200);
        one.absent = vec![evicted];
        assert_eq!(one.step(None, 250), Shown::One(left));
    }
}

#[test]
fn nothing_fades_from_what_was_evicted() {
    let mut one = One::new();
    one.step(Some(1), 0);
    assert_eq!(one.step(None, 100), Shown::One(1));
    one.absent = vec![1];
    assert_eq!(one.step(Some(0), 200), Shown::One(0));
    assert_eq!(one.transitions.active(), 0);
}

#[test]
fn when_both_levels_of_a_fade_are_evicted_the_one_wanted_is_shown() {
    let mut one = One::new();
    one.step(Some(2), 0);
    one.step(None, 100);
    one.step(Some(1), 200);
    one.absent = vec![1, 2];
    assert_eq!(one.step(Some(0), 250), Shown::One(0));
}

#[test]
fn a_cut_shows_at_once_what_is_there() {
    let mut one = One::new();
    one.step(Some(2), 0);
    one.transitions.cut(|_, _| true);
    assert_eq!(one.transitions.shown(0), Some(Shown::One(2)));
    one.step(Some(1), 200);
    one.absent = vec![0];
    one.step(Some(0), 210);
    one.transitions.cut(|_, level| level != 0);
    assert_eq!(one.transitions.shown(0), Some(Shown::One(1)));
    assert_eq!(one.transitions.active(), 1);
}

#[test]
fn time_that_goes_backwards_stands_still_and_strangers_are_refused() {
    let mut one = One::new();
    one.step(Some(2), 1000);
    assert_eq!(one.step(None, 1050), two(CULLED, 2, 32_768));
    assert_eq!(one.step(None, 10), two(CULLED, 2, 32_768));
    let stranger = [LodChange { instance: 1, from: 0, to: 1 }];
    let refused = one.transitions.step(&stranger, 2000 * MS, |_, _| true, &mut Vec::new());
    assert_eq!(refused, Err(LodError::Index { what: "instance", index: 1, count: 1 }));
    assert_eq!(one.transitions.shown(0), Some(two(CULLED, 2, 32_768)));
}
