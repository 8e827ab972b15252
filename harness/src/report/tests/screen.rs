use serde_json::json;

use crate::report::{Bound, Report, SCREEN_COLUMNS_MAX, SCREEN_LINES_MAX, screen};

/// A run that held 60 Hz.
fn held() -> Report {
    let mut report = Report::default();
    report.options.insert("target_hz".to_owned(), json!(60));
    report.options.insert("clock".to_owned(), json!("real"));
    report.world.path = "built-in".to_owned();
    report.path.frames = Some(1_800);
    report.residency.frames_measured = Some(1_740);
    report.residency.hit_rate = Some(0.981_23);
    report.residency.holes = Some(0);
    report.memory.refused = Some(0);
    report.memory.budget_bytes = Some(128 << 20);
    report.memory.usage_bytes_max = Some(121 << 20);
    report.timing.frames_timed = Some(1_740);
    report.timing.hitches.over_target = Some(0);
    report
}

fn verdict(report: &Report) -> String {
    screen(report, false).lines().next().unwrap().to_owned()
}

#[test]
fn the_verdict_comes_first() {
    assert_eq!(
        verdict(&held()),
        "HELD 60 Hz: no hitch in 1740 frames, holes 0, hit rate 0.981, usage 121.0 MiB of 128.0 MiB"
    );
}

#[test]
fn each_broken_promise_is_a_miss_with_its_figure() {
    let mut late = held();
    late.timing.hitches.over_target = Some(3);
    late.timing.frame_ms.max = Some(23.456);
    late.timing.hitches.worst_cause = Some("commit".to_owned());
    assert_eq!(verdict(&late), "MISSED 60 Hz: 3 of 1740 frames late, worst 23.46 ms (commit)");
    let mut holed = held();
    holed.residency.holes = Some(2);
    holed.memory.refused = Some(1);
    assert_eq!(verdict(&holed), "MISSED 60 Hz: holes 2, refused 1");
    let mut over = held();
    over.memory.usage_bytes_max = Some((128 << 20) + 5);
    assert_eq!(verdict(&over), "MISSED 60 Hz: usage 128.0 MiB over the budget by 5 B");
}

#[test]
fn a_figure_that_was_not_taken_is_no_pass() {
    let mut unknown = held();
    unknown.residency.holes = None;
    unknown.timing.hitches.over_target = None;
    assert_eq!(verdict(&unknown), "UNKNOWN 60 Hz: no figure for hitches, holes");
    assert!(verdict(&Report::default()).starts_with("UNKNOWN the target:"));
    unknown.memory.refused = Some(1);
    assert!(verdict(&unknown).starts_with("MISSED"), "a miss is a miss, whatever else is unknown");
}

#[test]
fn with_the_virtual_clock_frames_of_the_machine_do_not_decide() {
    let mut report = held();
    report.options.insert("clock".to_owned(), json!("virtual"));
    report.timing.hitches.over_target = Some(9);
    assert_eq!(
        verdict(&report),
        "HELD the budget (virtual clock): 1740 frames, holes 0, hit rate 0.981, usage 121.0 MiB of \
         128.0 MiB"
            .chars()
            .take(SCREEN_COLUMNS_MAX)
            .collect::<String>()
    );
}

#[test]
fn whatever_is_in_the_report_it_is_one_screen_without_control_characters() {
    let mut report = held();
    report.residency.bound = Some(Bound::default());
    report.quality.psnr_min_db = Some(f64::INFINITY);
    report.draw.triangles = Some(1e18);
    report.world.path = format!("\x1b[2J\n{}", "é".repeat(500));
    report.world.units = Some(u64::MAX);
    report.residency.needs = Some(u64::MAX);
    report.residency.hits = Some(u64::MAX);
    report.timing.cpu = "cpu\r\n".repeat(100);
    report.timing.hitches.worst_cause = Some("stage ".repeat(50));
    let text = screen(&report, false);
    assert!(text.lines().count() <= SCREEN_LINES_MAX, "{}", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= SCREEN_COLUMNS_MAX, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    assert!(text.contains("worst frame"), "the last group is on the screen");
}

#[test]
fn colour_only_where_asked_and_only_codes_more() {
    let plain = screen(&held(), false);
    assert!(!plain.contains('\x1b'));
    let colored = screen(&held(), true);
    assert!(colored.starts_with("\x1b[1;32mHELD\x1b[0m 60 Hz"));
    assert_eq!(colored.replace("\x1b[1;32m", "").replace("\x1b[0m", ""), plain);
}

#[test]
fn every_group_says_over_which_frames() {
    let text = screen(&held(), false);
    for line in [
        "residency  over 1740 frames",
        "memory     over all 1800 frames",
        "over all 1800 frames",
        "timing     over 1740 frames",
    ] {
        assert!(text.contains(line), "{line} not in\n{text}");
    }
}
