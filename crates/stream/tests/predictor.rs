//! Prediction against calculation by hand.

use farplane_geom::{DQuat, DVec3, View};
use farplane_stream::Predictor;

const SECOND_NS: u64 = 1_000_000_000;

/// A level view; the heading is clockwise from north.
fn view(position: [f64; 3], heading_degrees: f64) -> View {
    let direction = DQuat::from_rotation_z(-heading_degrees.to_radians()) * DVec3::Y;
    View::looking(DVec3::from_array(position), direction, 60.0, [1280, 720])
}

fn close(a: DVec3, b: [f64; 3]) -> bool {
    (a - DVec3::from_array(b)).length() < 1e-9
}

#[test]
fn nothing_is_predicted_before_the_first_view() {
    let predictor = Predictor::default();
    assert_eq!((predictor.at(SECOND_NS), predictor.ahead_m(10.0)), (None, None));
    assert_eq!(predictor.velocity(), DVec3::ZERO);
}

#[test]
fn a_view_alone_stays_where_it_is() {
    let mut predictor = Predictor::default();
    let here = view([1.0, 2.0, 3.0], 30.0);
    predictor.observe(5, &here);
    let soon = predictor.at(SECOND_NS).unwrap();
    assert_eq!((soon.position, soon.rotation), (here.position, here.rotation));
    assert_eq!(predictor.ahead_m(10.0), None);
}

#[test]
fn straight_flight_goes_on_straight() {
    let mut predictor = Predictor::default();
    predictor.observe(0, &view([0.0, 0.0, 100.0], 0.0));
    predictor.observe(SECOND_NS / 10, &view([3.0, 4.0, 100.0], 0.0));
    // 5 m in 0.1 s: 50 m/s, at 3 : 4.
    assert!(close(predictor.velocity(), [30.0, 40.0, 0.0]));
    let soon = predictor.at(SECOND_NS / 2).unwrap();
    assert!(close(soon.position, [18.0, 24.0, 100.0]));
    let ahead = predictor.ahead_m(500.0).unwrap();
    assert!(close(ahead.position, [303.0, 404.0, 100.0]));
    assert_eq!(ahead.rotation, view([0.0; 3], 0.0).rotation);
}

#[test]
fn velocity_is_half_the_new_movement_and_half_the_old() {
    let mut predictor = Predictor::default();
    for (i, x) in [0.0, 10.0, 30.0, 30.0].into_iter().enumerate() {
        predictor.observe(i as u64 * SECOND_NS, &view([x, 0.0, 0.0], 0.0));
    }
    // 10, then (10 + 20) / 2 = 15, then (15 + 0) / 2 = 7.5.
    assert!(close(predictor.velocity(), [7.5, 0.0, 0.0]));
}

#[test]
fn a_turn_goes_on_turning_step_by_step() {
    let mut predictor = Predictor::default();
    predictor.observe(0, &view([0.0; 3], 0.0));
    predictor.observe(SECOND_NS / 10, &view([0.0; 3], 2.0));
    for (steps, heading) in [(0, 2.0), (1, 4.0), (5, 12.0), (44, 90.0)] {
        // A part of a step is not turned.
        let soon = predictor.at(steps * SECOND_NS / 10 + SECOND_NS / 20).unwrap();
        let expected = view([0.0; 3], heading);
        let off = (soon.forward() - expected.forward()).length();
        assert!(off < 1e-9, "after {steps} steps {off} off");
        assert!((soon.down() - DVec3::NEG_Z).length() < 1e-9, "the horizon stays level");
    }
    // At most 64 steps, however far ahead.
    let far = predictor.at(u64::MAX).unwrap();
    let expected = view([0.0; 3], 2.0 + 64.0 * 2.0);
    assert!((far.forward() - expected.forward()).length() < 1e-9);
}

#[test]
fn a_cut_predicts_nothing_and_what_follows_starts_afresh() {
    let mut predictor = Predictor::default();
    predictor.observe(0, &view([0.0; 3], 0.0));
    predictor.observe(SECOND_NS, &view([100.0, 0.0, 0.0], 5.0));
    // 10 km in a second: beyond 5 km/s.
    let after = view([10_100.0, 0.0, 0.0], 90.0);
    predictor.observe(2 * SECOND_NS, &after);
    assert_eq!(predictor.velocity(), DVec3::ZERO);
    let soon = predictor.at(SECOND_NS).unwrap();
    assert_eq!((soon.position, soon.rotation), (after.position, after.rotation));
    assert_eq!(predictor.ahead_m(100.0), None);
    // The first movement after it counts whole, not half with what was before.
    predictor.observe(3 * SECOND_NS, &view([10_100.0, 8.0, 0.0], 90.0));
    assert!(close(predictor.velocity(), [0.0, 8.0, 0.0]));
}

#[test]
fn fast_but_not_a_cut() {
    let mut predictor = Predictor::default();
    predictor.observe(0, &view([0.0; 3], 0.0));
    predictor.observe(SECOND_NS, &view([5000.0, 0.0, 0.0], 0.0));
    assert!(close(predictor.velocity(), [5000.0, 0.0, 0.0]));
}

#[test]
fn time_that_stands_still_moves_nothing() {
    let mut predictor = Predictor::default();
    predictor.observe(7, &view([0.0; 3], 0.0));
    predictor.observe(7, &view([50.0, 0.0, 0.0], 0.0));
    assert_eq!(predictor.velocity(), DVec3::ZERO);
    assert!(close(predictor.at(SECOND_NS).unwrap().position, [50.0, 0.0, 0.0]));
}
