use crate::report::{FrameNeeds, FrameStart, Need, Residency, ResidencyMeter, UnknownUnit};

/// 10 ms a frame keeps the sums easy.
const PERIOD_NS: u64 = 10_000_000;

fn meter() -> ResidencyMeter {
    ResidencyMeter::new(100, PERIOD_NS)
}

fn at(index: u64) -> FrameStart {
    FrameStart { index, now_ns: index * PERIOD_NS, warm_up: false }
}

fn warm_up(index: u64) -> FrameStart {
    FrameStart { warm_up: true, ..at(index) }
}

fn hit(unit: u32) -> Need {
    Need { unit, pixels: 1.0, hit: true, fallback_depth: 0, hole: false, class: 0 }
}

fn miss(unit: u32, fallback_depth: u8) -> Need {
    Need { hit: false, fallback_depth, ..hit(unit) }
}

/// The load of a unit in a frame: it is there when the next one starts.
fn load(meter: &mut ResidencyMeter, unit: u32, bytes: u64, frame: u64) {
    meter.loaded(unit, bytes, frame, (frame + 1) * PERIOD_NS).unwrap();
}

fn figures(meter: &ResidencyMeter) -> Residency {
    meter.residency(&["critical", "high"])
}

#[test]
fn rates_are_over_the_frames_after_warm_up_and_the_cold_one_over_all() {
    let mut meter = meter();
    meter.frame(warm_up(0), &[miss(1, 2), miss(2, 2), miss(3, 2)]).unwrap();
    meter.frame(at(1), &[hit(1), hit(2), miss(3, 2)]).unwrap();
    meter.frame(at(2), &[hit(1)]).unwrap();
    let found = figures(&meter);
    assert_eq!((found.needs, found.hits), (Some(4), Some(3)));
    assert_eq!(found.hit_rate, Some(0.75));
    assert_eq!(found.hit_rate_cold, Some(3.0 / 7.0));
    assert_eq!((found.frames_warm_up, found.frames_measured), (Some(1), Some(2)));
}

#[test]
fn without_needs_there_is_no_rate() {
    let found = figures(&meter());
    assert_eq!((found.needs, found.holes), (Some(0), Some(0)));
    assert_eq!((found.hit_rate, found.hit_rate_cold, found.hit_rate_first), (None, None, None));
    assert_eq!((found.hit_rate_pixels, found.waste, found.fallback_depth_max), (None, None, None));
}

#[test]
fn a_first_need_is_one_after_sixty_frames_without() {
    let mut meter = meter();
    // Frame 60 comes after 59 frames without, frame 121 after 60.
    let firsts = [0, 60, 121].map(|index| {
        let counted = meter.frame(at(index), &[hit(1)]).unwrap();
        counted.first_needs
    });
    assert_eq!(firsts, [1, 0, 1]);
}

#[test]
fn the_first_need_rate_counts_the_first_frame_of_each_episode_only() {
    let mut meter = meter();
    meter.frame(at(0), &[miss(1, 1), hit(2)]).unwrap();
    for index in 1..10 {
        meter.frame(at(index), &[hit(1), hit(2)]).unwrap();
    }
    assert_eq!(figures(&meter).hit_rate_first, Some(0.5));
    assert_eq!(figures(&meter).hit_rate, Some(0.95));
}

#[test]
fn an_episode_that_began_in_warm_up_is_no_first_need_after_it() {
    let mut meter = meter();
    meter.frame(warm_up(0), &[miss(1, 1)]).unwrap();
    let counted = meter.frame(at(1), &[miss(1, 1)]).unwrap();
    assert_eq!(counted, FrameNeeds { needs: 1, ..FrameNeeds::default() });
    load(&mut meter, 1, 10, 1);
    let found = figures(&meter);
    assert_eq!(found.hit_rate_first, None);
    assert_eq!((found.time_to_quality_ms.max, found.time_to_quality_ms.unserved), (None, Some(0)));
}

#[test]
fn a_unit_needed_twice_in_a_frame_is_one_need_with_the_pixels_of_both() {
    let mut meter = meter();
    let large = Need { pixels: 3.0, ..hit(1) };
    let counted = meter.frame(at(0), &[hit(1), large, miss(2, 1)]).unwrap();
    assert_eq!((counted.needs, counted.hits, counted.first_needs), (2, 1, 2));
    assert_eq!(figures(&meter).hit_rate_pixels, Some(0.8));
}

#[test]
fn pixels_that_are_no_area_weigh_nothing() {
    let mut meter = meter();
    let bad = [f32::NAN, f32::INFINITY, -5.0].map(|pixels| Need { pixels, ..miss(1, 0) });
    meter.frame(at(0), &bad).unwrap();
    meter.frame(at(1), &[hit(1)]).unwrap();
    assert_eq!(figures(&meter).hit_rate_pixels, Some(1.0));
}

#[test]
fn fallback_depth_is_over_needs_with_an_ancestor_and_holes_are_counted_in_warm_up_too() {
    let mut meter = meter();
    let hole = Need { hole: true, ..miss(9, 200) };
    meter.frame(warm_up(0), &[hole, miss(8, 100)]).unwrap();
    meter.frame(at(1), &[hole, miss(1, 3), miss(2, 1), hit(3), hit(4)]).unwrap();
    let found = figures(&meter);
    assert_eq!(found.holes, Some(2));
    assert_eq!((found.fallback_depth_mean, found.fallback_depth_max), (Some(1.0), Some(3)));
}

#[test]
fn time_to_quality_runs_from_the_first_need_to_residency() {
    let mut meter = meter();
    meter.frame(at(0), &[hit(1), miss(2, 1), miss(3, 1)]).unwrap();
    load(&mut meter, 2, 10, 3);
    // Unit 3 is covered by finer ones: no load of its own, but a hit.
    meter.frame(at(7), &[hit(3), hit(2)]).unwrap();
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.max, found.unserved), (Some(70.0), Some(0)));
    assert_eq!(found.p50, None, "three episodes have no median");
}

#[test]
fn a_median_of_twenty_episodes_is_given() {
    let mut meter = meter();
    let needs: Vec<Need> = (0..20).map(|unit| miss(unit, 1)).collect();
    meter.frame(at(0), &needs).unwrap();
    // Waits of 10, 20, … 200 ms: the median lies between the 10th and the 11th.
    (0..20).for_each(|unit| load(&mut meter, unit, 1, u64::from(unit)));
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.p50, found.max), (Some(105.0), Some(200.0)));
}

#[test]
fn a_unit_resident_before_its_first_need_waited_for_nothing() {
    let mut meter = meter();
    load(&mut meter, 1, 10, 0);
    meter.frame(at(5), &[hit(1)]).unwrap();
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.max, found.unserved), (Some(0.0), Some(0)));
}

#[test]
fn an_episode_whose_unit_never_came_waits_to_its_end_and_is_counted_apart() {
    let mut meter = meter();
    // Needed in frames 0 to 4: 50 ms. A load after the episode does not serve it.
    (0..5).for_each(|index| {
        meter.frame(at(index), &[miss(1, 1)]).unwrap();
    });
    load(&mut meter, 1, 10, 65);
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.max, found.unserved), (Some(50.0), Some(1)));
    // The next episode of the unit is another one.
    meter.frame(at(100), &[hit(1)]).unwrap();
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.max, found.unserved), (Some(50.0), Some(1)));
}

#[test]
fn a_load_that_comes_while_the_episode_lasts_serves_it() {
    let mut meter = meter();
    meter.frame(at(0), &[miss(1, 1)]).unwrap();
    load(&mut meter, 1, 10, 60);
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.max, found.unserved), (Some(610.0), Some(0)));
}

#[test]
fn waits_by_class_are_those_of_the_episodes_first_need() {
    let mut meter = meter();
    let high = |need: Need| Need { class: 1, ..need };
    meter.frame(at(0), &[miss(1, 1), high(miss(2, 1)), Need { class: 9, ..miss(3, 1) }]).unwrap();
    meter.frame(at(1), &[high(hit(1))]).unwrap();
    meter.frame(at(2), &[hit(2)]).unwrap();
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!(found.by_class["critical"].max, Some(10.0));
    assert_eq!(found.by_class["high"].max, Some(20.0));
    assert_eq!((found.by_class.len(), found.unserved), (2, Some(1)), "class 9 counts in all");
}

#[test]
fn needs_that_arrive_late_count_for_their_own_frame() {
    // Feedback of frame 0 arrives in frame 3; the unit was loaded in frame 1 meanwhile.
    let mut late = meter();
    load(&mut late, 1, 10, 1);
    late.frame(at(3), &[hit(2)]).unwrap();
    late.frame(at(0), &[miss(1, 1)]).unwrap();
    // The same, known at once.
    let mut at_once = meter();
    at_once.frame(at(0), &[miss(1, 1)]).unwrap();
    load(&mut at_once, 1, 10, 1);
    at_once.frame(at(3), &[hit(2)]).unwrap();
    let (late, at_once) = (figures(&late), figures(&at_once));
    assert_eq!(late.time_to_quality_ms, at_once.time_to_quality_ms);
    assert_eq!(late.time_to_quality_ms.max, Some(20.0));
    assert_eq!((late.hit_rate, late.waste), (at_once.hit_rate, at_once.waste));
}

#[test]
fn frames_are_counted_once_however_often_their_needs_come() {
    let mut meter = meter();
    for index in 0..5 {
        meter.frame(at(index), &[hit(1)]).unwrap();
        meter.frame(at(u64::saturating_sub(index, 3)), &[hit(2)]).unwrap();
        meter.frame(at(index), &[]).unwrap();
    }
    assert_eq!(figures(&meter).frames_measured, Some(5));
}

#[test]
fn waste_is_what_was_loaded_and_evicted_without_a_need() {
    let mut meter = meter();
    for unit in 1..=4 {
        load(&mut meter, unit, 100, 0);
    }
    meter.frame(at(1), &[hit(1)]).unwrap();
    // 1 was needed, 2 and 3 were not, 4 stays.
    for unit in 1..=3 {
        meter.evicted(unit, 2).unwrap();
    }
    meter.evicted(3, 3).unwrap();
    let found = figures(&meter);
    assert_eq!((found.loaded_bytes, found.waste), (Some(400), Some(0.5)));
    // A need after the eviction does not make the bytes useful.
    meter.frame(at(4), &[miss(2, 1)]).unwrap();
    assert_eq!(figures(&meter).waste, Some(0.5));
}

#[test]
fn a_load_within_an_episode_of_its_unit_is_no_waste() {
    let mut meter = meter();
    meter.frame(at(0), &[miss(1, 1)]).unwrap();
    load(&mut meter, 1, 100, 60);
    meter.evicted(1, 300).unwrap();
    assert_eq!(figures(&meter).waste, Some(0.0));
    // 61 frames after its last need the load is for nobody.
    meter.frame(at(400), &[miss(2, 1)]).unwrap();
    load(&mut meter, 2, 100, 461);
    meter.evicted(2, 500).unwrap();
    assert_eq!(figures(&meter).waste, Some(0.5));
}

#[test]
fn waste_is_taken_back_when_the_need_becomes_known_late() {
    let mut meter = meter();
    load(&mut meter, 1, 100, 0);
    meter.evicted(1, 2).unwrap();
    assert_eq!(figures(&meter).waste, Some(1.0));
    meter.frame(at(1), &[hit(1)]).unwrap();
    assert_eq!(figures(&meter).waste, Some(0.0));
}

#[test]
fn a_load_within_sixty_frames_of_the_eviction_is_thrashing_each_time() {
    let mut meter = meter();
    load(&mut meter, 1, 1, 0);
    for (evicted, loaded) in [(10, 70), (100, 161), (200, 201)] {
        meter.evicted(1, evicted).unwrap();
        load(&mut meter, 1, 1, loaded);
    }
    assert_eq!(figures(&meter).thrashed_units, Some(2), "61 frames later is no thrashing");
}

#[test]
fn a_unit_that_does_not_exist_is_an_error_and_counts_nothing() {
    let mut meter = meter();
    let unknown = UnknownUnit { unit: 100, units: 100 };
    assert_eq!(meter.frame(at(0), &[hit(1), hit(100)]), Err(unknown));
    assert_eq!(meter.loaded(100, 5, 0, 0), Err(unknown));
    assert_eq!(meter.evicted(100, 0), Err(unknown));
    assert_eq!(figures(&meter), figures(&self::meter()));
    assert!(unknown.to_string().contains("unit 100"));
}

#[test]
fn one_wait_is_reported_once_when_a_unit_is_served_by_a_load_and_then_hit() {
    let mut meter = meter();
    meter.frame(at(0), &[miss(1, 1)]).unwrap();
    load(&mut meter, 1, 1, 0);
    meter.frame(at(1), &[hit(1)]).unwrap();
    meter.evicted(1, 1).unwrap();
    meter.frame(at(2), &[miss(1, 1)]).unwrap();
    load(&mut meter, 1, 1, 5);
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.max, found.unserved), (Some(10.0), Some(0)), "quality was reached once");
}

#[test]
fn a_load_that_was_evicted_before_the_need_serves_nobody() {
    let mut meter = meter();
    load(&mut meter, 1, 1, 0);
    meter.evicted(1, 5).unwrap();
    meter.frame(at(10), &[miss(1, 1)]).unwrap();
    let found = figures(&meter).time_to_quality_ms;
    assert_eq!((found.max, found.unserved), (Some(10.0), Some(1)));
}
