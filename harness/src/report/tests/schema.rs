use std::collections::BTreeMap;

use farplane_profiler::{FrameRecord, FrameSummary, STAGES_MAX, Target};
use serde_json::{Value, json};

use crate::report::{CullLodMs, Report, SCHEMA, hash_hex};

/// The table of METRICS.md, "Names in JSON and in `--assert`", with nested keys written out.
const TABLE: &[(&str, &str)] = &[
    ("world", "hash path units logical_bytes archive_bytes"),
    ("path", "hash frames seconds cuts"),
    (
        "residency",
        "needs hits hit_rate hit_rate_cold hit_rate_first hit_rate_pixels holes \
         fallback_depth_mean fallback_depth_max time_to_quality_ms.p50 time_to_quality_ms.p99 \
         time_to_quality_ms.max time_to_quality_ms.unserved time_to_quality_ms.by_class \
         loaded_bytes waste thrashed_units bound.hit_rate bound.loaded_bytes_low \
         bound.loaded_bytes_high bound.ratio",
    ),
    (
        "memory",
        "budget_bytes usage_bytes_max index_bytes fragmentation.mean fragmentation.max \
         fragmentation.last internal_fragmentation occupancy_mean moved_bytes \
         moved_bytes_frame_max refused evicted_units evicted_bytes",
    ),
    (
        "io",
        "backend reads read_bytes decoded_bytes coalesced cancelled retried failed \
         checksum_failures latency_ms.p50 latency_ms.p99 latency_ms.by_class",
    ),
    (
        "draw",
        "instances too_small triangles instance_triangles_max lod_scale_max lod_coarser lod_hidden \
         draw_calls_before draw_calls",
    ),
    ("quality", "psnr_mean_db psnr_min_db"),
    (
        "timing",
        "clock cpu threads fps_mean fps_low_1pct_avg fps_low_01pct_avg frame_ms.mean frame_ms.p50 \
         frame_ms.p95 frame_ms.p99 frame_ms.p999 frame_ms.max frame_ms.cv interval_ms.p50 \
         interval_ms.p99 interval_ms.max interval_ms.cv update_ms.p50 update_ms.p99 update_ms.max \
         cull_ms lod_ms cull_lod_ms.p50 cull_lod_ms.p99 cull_lod_ms.cpu_p99 hitches.over_target hitches.over_2x hitches.over_50ms hitches.ms_per_s \
         hitches.worst_frame hitches.worst_cause pacing_ms.mean pacing_ms.p99 smoothness tier \
         stages_ms fifos.pictures.policy fifos.heat_map.capacity fifos.heat_map.frames \
         fifos.heat_map.depth_max fifos.live.dropped fifos.live.drop_rate startup_ms peak_anon_rss_bytes",
    ),
];

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

#[test]
fn every_name_of_the_table_is_in_the_json() {
    let skeleton = Report::skeleton(&BTreeMap::new(), &["critical"], &["cull"]);
    let value = skeleton.to_value().unwrap();
    assert_eq!(value["schema"], SCHEMA);
    assert_eq!(value["schema"], "farplane-report-1");
    assert!(value["version"].is_string());
    assert!(value["options"].is_object());
    for (group, keys) in TABLE {
        for key in keys.split_whitespace() {
            let path = format!("{group}.{key}");
            assert!(at(&value, &path).is_some(), "{path} is missing");
        }
    }
    assert!(at(&value, "residency.time_to_quality_ms.by_class.critical.p99").is_some());
    assert!(at(&value, "io.latency_ms.by_class.critical.p50").is_some());
    assert!(at(&value, "timing.stages_ms.cull.mean").is_some());
}

#[test]
fn a_key_beyond_the_table_makes_no_key_of_the_table_ambiguous() {
    let value = Report::skeleton(&BTreeMap::new(), &[], &[]).to_value().unwrap();
    for (group, keys) in TABLE {
        for key in keys.split_whitespace().filter(|key| *key != "hash") {
            let holders = value.as_object().unwrap().values();
            let count = holders.filter(|holder| at(holder, key).is_some()).count();
            assert_eq!(count, 1, "{group}.{key}");
        }
    }
}

#[test]
fn what_was_not_measured_is_null_and_never_zero() {
    let value = Report::default().to_value().unwrap();
    assert_eq!(value["residency"]["hit_rate"], Value::Null);
    assert_eq!(value["residency"]["holes"], Value::Null);
    assert_eq!(value["timing"]["frame_ms"]["p999"], Value::Null);
    assert_eq!(value["residency"].get("bound"), None, "left out without a figure");
    assert!(!Report::default().to_json().unwrap().contains(": 0"));
}

#[test]
fn nan_and_infinity_are_null() {
    let mut report = Report::default();
    report.residency.hit_rate = Some(f64::NAN);
    report.residency.waste = Some(f64::INFINITY);
    let parsed: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(parsed["residency"]["hit_rate"], Value::Null);
    assert_eq!(parsed["residency"]["waste"], Value::Null);
    assert_eq!(report.to_value().unwrap()["residency"]["hit_rate"], Value::Null);
}

#[test]
fn options_come_sorted_whatever_order_they_were_set_in() {
    let mut report = Report::default();
    for name in ["seed", "budget_bytes", "device"] {
        report.options.insert(name.to_owned(), json!(1));
    }
    let json = report.to_json().unwrap();
    let place = |name: &str| json.find(name).unwrap();
    assert!(place("\"budget_bytes\": 1") < place("\"device\""));
    assert!(place("\"device\"") < place("\"seed\""));
}

#[test]
fn groups_stand_in_the_order_of_the_table() {
    let json = Report::default().to_json().unwrap();
    let mut last = json.find("\"schema\"").unwrap();
    for (group, _) in TABLE {
        let place = json.find(&format!("\n  \"{group}\": {{")).unwrap();
        assert!(place > last, "{group}");
        last = place;
    }
}

#[test]
fn a_hash_is_two_digits_a_byte() {
    assert_eq!(hash_hex(&[0x00, 0x0f, 0xa5, 0xff]), "000fa5ff");
}

#[test]
fn timing_takes_milliseconds_from_a_summary() {
    let frame = |index: u64, work_ns: u64| {
        let mut stages = [0; STAGES_MAX];
        stages[0] = work_ns / 2 + 1;
        FrameRecord {
            index,
            start_ns: index * 20_000_000,
            interval_ns: (index > 0).then_some(20_000_000),
            work_ns,
            update_ns: work_ns / 4,
            stages,
            waited_for: (index == 1).then_some(7),
        }
    };
    let frames = [frame(0, 4_000_000), frame(1, 24_000_000)];
    let target = Target::fixed_refresh(50.0).unwrap();
    let mut report = Report::default();
    report.timing.set_frames(&FrameSummary::of(&frames, &target), &["cull", "draw"]);
    let timing = report.to_value().unwrap()["timing"].clone();
    assert_eq!(timing["frame_ms"]["mean"], 14.0);
    assert_eq!(timing["frame_ms"]["max"], 24.0);
    assert_eq!(timing["frame_ms"]["p50"], Value::Null, "two frames have no median");
    assert_eq!(timing["update_ms"]["max"], 6.0);
    assert_eq!(timing["interval_ms"]["max"], 20.0);
    assert_eq!(timing["cull_ms"], 7.000001);
    assert_eq!(timing["lod_ms"], Value::Null);
    assert_eq!(timing["stages_ms"]["draw"]["max"], 0.0);
    assert_eq!(timing["hitches"]["over_target"], 1);
    assert_eq!(timing["hitches"]["worst_frame"], 1);
    assert_eq!(timing["hitches"]["worst_cause"], "cull, waited for unit 7");
    assert_eq!(timing["tier"], "Excellent");
}

#[test]
fn culling_and_lod_have_a_time_and_a_processor_time() {
    let times_ns = |scale: u64| (1..=1000).map(|i| i * scale).rev().collect::<Vec<_>>();
    let both = CullLodMs::of(times_ns(2000), times_ns(1000));
    // Of 1 to 1000 the place 0.99 · 999 holds 990.01, half way is 500.5.
    assert_eq!((both.p99, both.max), (Some(1.98002), Some(2.0)));
    assert_eq!((both.cpu_p50, both.cpu_p99), (Some(0.5005), Some(0.99001)));
    assert_eq!(CullLodMs::of(times_ns(1), Vec::new()).cpu_p99, None);
}

#[test]
fn timing_of_no_frames_counts_no_hitches() {
    let target = Target::fixed_refresh(50.0).unwrap();
    let mut report = Report::default();
    report.timing.set_frames(&FrameSummary::of(&[], &target), &[]);
    assert_eq!(report.timing.hitches.over_target, None, "nothing measured is nothing held");
}
