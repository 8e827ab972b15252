//! Stages, frames and their log.

use std::time::Duration;

use farplane_profiler::{
    Clock, DEPTH_MAX, FrameLog, FrameRecord, Recorder, STAGES_MAX, StageId, StageSet, StageTimes,
    StagesFull, Stopwatch,
};

fn stages<const N: usize>(names: [&'static str; N]) -> (StageSet, [StageId; N]) {
    let mut set = StageSet::new();
    let ids = names.map(|name| set.register(name).unwrap());
    (set, ids)
}

fn frame(index: u64) -> FrameRecord {
    FrameRecord {
        index,
        start_ns: index,
        interval_ns: None,
        work_ns: 1,
        update_ns: 0,
        stages: [0; STAGES_MAX],
        waited_for: None,
    }
}

#[test]
fn a_name_is_registered_once() {
    let (mut set, [cull, _]) = stages(["cull", "lod"]);
    assert_eq!(set.register("cull"), Ok(cull));
    assert_eq!(set.names(), ["cull", "lod"]);
    assert_eq!(set.find("draw"), None);
}

#[test]
fn a_stage_too_many_is_refused_by_name() {
    let mut set = StageSet::new();
    for index in 0..STAGES_MAX {
        set.register(Box::leak(format!("stage {index}").into_boxed_str())).unwrap();
    }
    assert_eq!(set.register("one more"), Err(StagesFull { name: "one more" }));
    assert!(set.register("stage 0").is_ok());
}

#[test]
fn an_inner_stage_pauses_the_outer_one() {
    let (_, [outer, inner]) = stages(["outer", "inner"]);
    let mut times = StageTimes::default();
    times.begin(outer, 100);
    times.begin(inner, 110);
    times.end(150);
    times.end(155);
    times.begin(inner, 200);
    times.end(201);
    let totals = times.take(300);
    assert_eq!((totals[outer.index()], totals[inner.index()]), (15, 41));
    assert_eq!(totals.iter().sum::<u64>(), 56);
    assert_eq!(times.take(400), [0; STAGES_MAX], "taking starts from zero");
}

#[test]
fn a_stage_left_open_ends_with_its_frame() {
    let (_, [stage]) = stages(["stage"]);
    let mut times = StageTimes::default();
    times.begin(stage, 10);
    assert_eq!(times.take(17)[stage.index()], 7);
    times.end(20);
    assert_eq!(times.take(30), [0; STAGES_MAX]);
}

#[test]
fn stages_beyond_the_depth_count_towards_the_deepest_kept() {
    let (_, [outer, last_kept, beyond]) = stages(["outer", "last kept", "beyond"]);
    let mut times = StageTimes::default();
    for _ in 1..DEPTH_MAX {
        times.begin(outer, 0);
    }
    times.begin(last_kept, 0);
    times.begin(beyond, 5);
    times.end(7);
    times.end(8);
    times.end(10);
    let totals = times.take(10);
    assert_eq!([outer, last_kept, beyond].map(|stage| totals[stage.index()]), [2, 8, 0]);
}

#[test]
fn a_clock_that_steps_back_takes_no_time() {
    let (_, [stage]) = stages(["stage"]);
    let mut times = StageTimes::default();
    times.begin(stage, 100);
    times.end(90);
    times.begin(stage, 95);
    times.end(103);
    assert_eq!(times.take(103)[stage.index()], 3);
}

#[test]
fn only_update_stages_count_towards_the_update() {
    let mut set = StageSet::new();
    let admit = set.register_update("admit").unwrap();
    let draw = set.register("draw").unwrap();
    let mut totals = [0; STAGES_MAX];
    totals[admit.index()] = 3;
    totals[draw.index()] = 5;
    assert_eq!(set.update_ns(&totals), 3);
}

#[test]
fn a_recorded_frame_holds_its_stages_and_its_interval() {
    let mut set = StageSet::new();
    let update = set.register_update("update").unwrap();
    let draw = set.register("draw").unwrap();
    let mut recorder = Recorder::new(Clock::new(), set);
    assert_eq!(recorder.end_frame(), None, "no frame was begun");
    recorder.begin_frame(0);
    let first = recorder.end_frame().unwrap();
    assert_eq!(first.interval_ns, None);
    recorder.begin_frame(1);
    {
        let _update = recorder.scope(update);
        std::thread::sleep(Duration::from_millis(2));
        let _draw = recorder.scope(draw);
        std::thread::sleep(Duration::from_millis(1));
    }
    recorder.note_wait(9);
    let second = recorder.end_frame().unwrap();
    let (own, inner) = (second.stages[update.index()], second.stages[draw.index()]);
    assert!(own >= 2_000_000 && inner >= 1_000_000, "{own} {inner}");
    assert!(own + inner <= second.work_ns);
    assert_eq!((second.index, second.update_ns, second.waited_for), (1, own, Some(9)));
    assert_eq!(second.interval_ns, Some(second.start_ns - first.start_ns));
    recorder.begin_frame(2);
    let third = recorder.end_frame().unwrap();
    assert_eq!((third.stages, third.waited_for), ([0; STAGES_MAX], None));
}

#[test]
fn a_frame_begun_twice_is_recorded_once_and_its_interval_is_from_the_dropped_one() {
    let mut recorder = Recorder::new(Clock::new(), StageSet::new());
    recorder.begin_frame(0);
    recorder.begin_frame(1);
    let frame = recorder.end_frame().unwrap();
    assert_eq!(frame.index, 1);
    assert!(frame.interval_ns.is_some());
    assert_eq!(recorder.end_frame(), None);
}

#[test]
fn a_full_log_forgets_its_oldest_frames() {
    let mut log = FrameLog::with_capacity(3);
    assert!(log.is_empty());
    log.extend((0..5).map(frame));
    let indices: Vec<u64> = log.frames().iter().map(|frame| frame.index).collect();
    assert_eq!(indices, [2, 3, 4]);
    assert_eq!((log.len(), log.forgotten()), (3, 2));
    assert_eq!(log.last().map(|frame| frame.index), Some(4));
}

#[test]
fn a_lap_starts_the_next_one() {
    let clock = Clock::new();
    let whole = Stopwatch::start(clock);
    let mut watch = Stopwatch::start(clock);
    std::thread::sleep(Duration::from_millis(2));
    let lap_ns = watch.lap_ns();
    let rest_ns = watch.elapsed_ns();
    assert!(lap_ns >= 2_000_000);
    assert!(lap_ns + rest_ns <= whole.elapsed_ns(), "the lap is counted once");
}
