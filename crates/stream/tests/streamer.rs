//! A streamer over a small archive, with real threads and on the virtual clock.

use farplane_alloc::LEASES_MAX;
use farplane_io::{
    Archive, ArchiveBuilder, Device, FaultPlan, Filter, HeapPool, MmapQueue, PreadQueue,
    QueueOptions, ReadErrorKind, ReadQueue, SimQueue, pack,
};
use farplane_stream::{
    Changes, Class, Config, Decode, DecodeError, Failure, Home, StartError, State, Streamer,
    UnitId, UnitInfo, Want, Workers,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FRAME_NS: u64 = 16_666_667;
const WORKERS: Workers = Workers { count: 2, on_start: None };

/// What unit `unit` holds: bytes that no other unit has at the same place.
fn content(unit: UnitId, bytes: usize) -> Vec<u8> {
    (0..bytes as u32)
        .map(|i| (i.wrapping_mul(37) ^ unit.wrapping_mul(2_654_435_761) >> 7) as u8)
        .collect()
}

/// Checks and decodes; panics for some units.
struct Plain {
    archive: Arc<Archive>,
    panics_at: Option<UnitId>,
    takes: Duration,
}

impl Decode for Plain {
    type Scratch = Vec<u8>;

    fn decode(
        &self,
        unit: UnitId,
        stored: &[u8],
        out: &mut [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        assert_ne!(Some(unit), self.panics_at, "a decoder with a mistake in it");
        std::thread::sleep(self.takes);
        self.archive.decode(unit, stored, out, scratch).map_err(|_| DecodeError::Corrupt)
    }

    fn cost_ns(&self, _: UnitId) -> u64 {
        50_000
    }

    fn scratch_bytes(&self) -> u64 {
        farplane_io::BLOCK_BYTES as u64
    }
}

/// A small archive and how it is to be streamed.
struct Setup {
    archive: Arc<Archive>,
    units: Vec<UnitInfo>,
    config: Config,
    panics_at: Option<UnitId>,
    takes: Duration,
}

/// Units of these sizes; `corrupt`: of these units a stored byte is wrong.
fn setup(sizes: &[usize], corrupt: &[UnitId]) -> Setup {
    let mut builder = ArchiveBuilder::new();
    for (unit, &bytes) in (0..).zip(sizes) {
        builder.add(unit, &pack(&content(unit, bytes), Filter::None)).unwrap();
    }
    let (mut bytes, _) = builder.finish();
    let whole = Archive::from_bytes(bytes.clone()).unwrap();
    for &unit in corrupt {
        bytes[whole.extent(unit).unwrap().offset as usize] ^= 1;
    }
    let archive = Arc::new(Archive::from_bytes(bytes).unwrap());
    let info = |unit| {
        let extent = archive.extent(unit).unwrap();
        UnitInfo {
            offset: extent.offset,
            stored_bytes: extent.stored_bytes,
            resident_bytes: extent.logical_bytes,
            home: Home::Heap,
            pinned: false,
        }
    };
    let units = (0..sizes.len() as u32).map(info).collect();
    let config = Config::new(4 << 20, 0, 0, 1 << 20);
    Setup { archive, units, config, panics_at: None, takes: Duration::ZERO }
}

impl Setup {
    fn decoder(&self) -> Arc<Plain> {
        let (archive, panics_at) = (Arc::clone(&self.archive), self.panics_at);
        Arc::new(Plain { archive, panics_at, takes: self.takes })
    }

    fn threaded(&self, queue: Box<dyn ReadQueue + Send>) -> Streamer<Plain> {
        let (units, decoder) = (self.units.clone(), self.decoder());
        Streamer::threaded(self.config, units, &self.archive, decoder, queue, WORKERS).unwrap()
    }

    fn start(&self, device: Device, faults: FaultPlan) -> Result<Streamer<Plain>, StartError> {
        let (units, decoder) = (self.units.clone(), self.decoder());
        let queue = SimQueue::new(&self.archive, device, 1, faults);
        Streamer::modelled(self.config, units, &self.archive, decoder, queue, 2)
    }

    fn modelled(&self, device: Device) -> Streamer<Plain> {
        self.start(device, FaultPlan::default()).unwrap()
    }

    /// With real threads over both queues, and on the virtual clock.
    fn all_kinds(&self) -> Vec<Streamer<Plain>> {
        vec![
            self.threaded(mmap(&self.archive)),
            self.threaded(pread(&self.archive)),
            self.modelled(Device::Nvme),
        ]
    }

    fn all(&self) -> Vec<Want> {
        wants(0..self.units.len() as u32)
    }

    fn check_bytes(&self, streamer: &Streamer<Plain>, unit: UnitId) {
        let bytes = self.units[unit as usize].resident_bytes as usize;
        assert_eq!(streamer.bytes(unit), Some(&content(unit, bytes)[..]), "unit {unit}");
    }
}

fn mmap(archive: &Archive) -> Box<dyn ReadQueue + Send> {
    Box::new(MmapQueue::new(archive, QueueOptions::default()).unwrap())
}

fn pread(archive: &Archive) -> Box<dyn ReadQueue + Send> {
    let pool = Arc::new(HeapPool::default());
    Box::new(PreadQueue::new(archive, QueueOptions::default(), pool).unwrap())
}

fn wants(units: impl IntoIterator<Item = UnitId>) -> Vec<Want> {
    units.into_iter().map(|unit| Want { unit, class: Class::High, score: 1.0 }).collect()
}

/// Steps until all wanted units are resident or failed; what failed on the way. Real threads get
/// ten seconds, the virtual clock as many frames as take long on the slowest device.
fn settle(streamer: &mut Streamer<Plain>, wants: &[Want]) -> Vec<(UnitId, Failure)> {
    let begin = Instant::now();
    let (mut changes, mut failed) = (Changes::default(), Vec::new());
    let is_virtual = streamer.backend().starts_with("sim");
    for frame in 0.. {
        streamer.frame(frame * FRAME_NS, wants, &mut changes);
        failed.extend_from_slice(&changes.failed);
        let settled =
            |w: &Want| matches!(streamer.core().state(w.unit), State::Resident | State::Failed);
        if wants.iter().all(settled) {
            return failed;
        }
        if is_virtual {
            assert!(frame < 2000, "not loaded in {frame} frames");
        } else {
            assert!(begin.elapsed() < Duration::from_secs(10), "not loaded in 10 s");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    unreachable!()
}

const SIZES: [usize; 8] = [100, 64, 5000, 1, 200_000, 70_000, 333, 65_536];

#[test]
fn all_that_is_wanted_becomes_resident_with_its_bytes() {
    let setup = setup(&SIZES, &[]);
    for mut streamer in setup.all_kinds() {
        assert_eq!(settle(&mut streamer, &setup.all()), []);
        for unit in 0..SIZES.len() as u32 {
            setup.check_bytes(&streamer, unit);
        }
        assert_eq!(streamer.bytes(SIZES.len() as u32), None);
    }
}

#[test]
fn slots_hold_units_of_any_size_up_to_theirs() {
    let mut setup = setup(&[67_600, 1, 67_648, 67_649], &[]);
    setup.units.iter_mut().for_each(|u| u.home = Home::Slot);
    setup.config = Config::new(3 * 67_648, 3, 67_648, 1 << 20);
    for mut streamer in setup.all_kinds() {
        settle(&mut streamer, &setup.all());
        (0..3).for_each(|unit| setup.check_bytes(&streamer, unit));
        assert_eq!(streamer.core().state(3), State::Failed);
    }
}

#[test]
fn corrupt_block_costs_its_unit_alone() {
    let setup = setup(&SIZES, &[2]);
    for mut streamer in setup.all_kinds() {
        assert_eq!(settle(&mut streamer, &setup.all()), [(2, Failure::Corrupt)]);
        for unit in [0, 1, 3, 4, 5, 6, 7] {
            setup.check_bytes(&streamer, unit);
        }
        let counters = streamer.core().counters();
        assert_eq!((counters.failed, counters.checksum_failures), (1, 1));
        assert_eq!(streamer.bytes(2), None);
    }
}

#[test]
fn panicking_decoder_costs_its_unit_alone() {
    let mut setup = setup(&SIZES, &[]);
    setup.panics_at = Some(4);
    for mut streamer in setup.all_kinds() {
        assert_eq!(settle(&mut streamer, &setup.all()), [(4, Failure::Undecodable)]);
        for unit in [0, 1, 2, 3, 5, 6, 7] {
            setup.check_bytes(&streamer, unit);
        }
        let counters = streamer.core().counters();
        assert_eq!((counters.failed, counters.checksum_failures), (1, 0));
    }
}

#[test]
fn pinned_unit_that_cannot_be_loaded_is_an_error_that_names_it() {
    let mut corrupt = setup(&SIZES, &[2]);
    corrupt.units[2].pinned = true;
    let error = corrupt.start(Device::Nvme, FaultPlan::default()).err().unwrap();
    assert!(matches!(error, StartError::Pinned { unit: 2, failure: Failure::Corrupt }), "{error}");
    let mut panics = setup(&SIZES, &[]);
    panics.units[3].pinned = true;
    panics.panics_at = Some(3);
    let error = panics.start(Device::Nvme, FaultPlan::default()).err().unwrap();
    let undecodable = Failure::Undecodable;
    assert!(matches!(error, StartError::Pinned { unit: 3, failure } if failure == undecodable));
    let message = error.to_string();
    assert!(message.contains("unit 3") && message.lines().count() == 1, "{message}");
}

#[test]
fn more_units_may_be_pinned_than_there_may_be_leases() {
    let mut setup = setup(&[64; LEASES_MAX + 100], &[]);
    setup.units.iter_mut().for_each(|u| u.pinned = true);
    let streamer = setup.modelled(Device::Nvme);
    (0..setup.units.len() as u32).for_each(|unit| setup.check_bytes(&streamer, unit));
}

#[test]
fn a_unit_that_can_never_fit_is_named_once() {
    let mut setup = setup(&SIZES, &[]);
    // The fifth has 200,000 bytes.
    setup.config = Config::new(100_000, 0, 0, 1 << 20);
    for mut streamer in setup.all_kinds() {
        assert_eq!(settle(&mut streamer, &wants([4, 7])), [(4, Failure::NeverFits)]);
        assert_eq!(settle(&mut streamer, &wants([4, 7])), []);
        setup.check_bytes(&streamer, 7);
    }
}

#[test]
fn more_units_may_be_wanted_at_once_than_there_may_be_leases() {
    let mut setup = setup(&[64; 3000], &[]);
    // Neighbours share reads, and none of them ends before 40 ms: loads pile up.
    setup.config.reads_max = 64;
    let mut streamer = setup.modelled(Device::Http);
    let (mut changes, mut most) = (Changes::default(), 0);
    let mut frame = 0;
    while streamer.core().counters().loaded_units < 3000 && frame < 60_000 {
        streamer.frame(frame * 1_000_000, &setup.all(), &mut changes);
        most = most.max(streamer.core().loading());
        frame += 1;
    }
    assert!(most > 900 && most < LEASES_MAX, "{most} at once");
    assert_eq!(streamer.core().counters().retried, 0);
    (0..3000).for_each(|unit| setup.check_bytes(&streamer, unit));
}

#[test]
fn read_that_fails_is_tried_again_three_times_and_then_given_up() {
    let setup = setup(&SIZES, &[]);
    let faults = FaultPlan { error_per_million: 1_000_000, ..FaultPlan::default() };
    let mut streamer = setup.start(Device::Nvme, faults).unwrap();
    let mut failed = settle(&mut streamer, &setup.all());
    failed.sort_unstable_by_key(|f| f.0);
    // Each with the cause that the device gave.
    let injected = Failure::Read(ReadErrorKind::Injected);
    let expected: Vec<_> = (0..8).map(|unit| (unit, injected)).collect();
    assert_eq!(failed, expected);
    let counters = streamer.core().counters();
    assert_eq!((counters.retried, counters.failed, counters.loaded_units), (3 * 8, 8, 0));
    assert_eq!(streamer.usage_bytes(), 0);
}

#[test]
fn reads_that_fail_now_and_then_cost_only_time() {
    let mut setup = setup(&[5000; 200], &[]);
    setup.config.coalesced_bytes_max = 0;
    let faults = FaultPlan { seed: 5, error_per_million: 100_000, ..FaultPlan::default() };
    let mut streamer = setup.start(Device::Nvme, faults).unwrap();
    let failed = settle(&mut streamer, &setup.all());
    let counters = streamer.core().counters();
    assert!(counters.retried > 5);
    assert_eq!(failed.len() as u64 + counters.loaded_units, 200);
    // Four failures in a row: one in ten thousand.
    assert!(failed.len() <= 1, "{failed:?}");
    let lost: Vec<UnitId> = failed.iter().map(|f| f.0).collect();
    (0..200).filter(|u| !lost.contains(u)).for_each(|unit| setup.check_bytes(&streamer, unit));
}

#[test]
fn snapshot_reads_the_old_bytes_until_it_is_dropped() {
    let mut setup = setup(&[40_000; 4], &[]);
    setup.config = Config { heap_free_share: 0.0, ..Config::new(100_000, 0, 0, 1 << 20) };
    for mut streamer in setup.all_kinds() {
        settle(&mut streamer, &wants([0, 1]));
        let places = [0, 1].map(|unit| streamer.core().place(unit).unwrap().range);
        let snapshot = streamer.snapshot();
        let reader = snapshot.clone();
        // One is evicted at once and its place needed, but nothing may be written there.
        let mut changes = Changes::default();
        for frame in 1000..1050 {
            streamer.frame(frame * FRAME_NS, &wants([2, 3]), &mut changes);
            std::thread::sleep(Duration::from_micros(200));
        }
        assert!([0, 1].iter().any(|&unit| !streamer.core().is_resident(unit)));
        assert!([2, 3].iter().all(|&unit| !streamer.core().is_resident(unit)));
        let seen =
            std::thread::spawn(move || places.map(|range| reader.read(range).map(<[u8]>::to_vec)));
        assert_eq!(seen.join().unwrap(), [0, 1].map(|unit| Some(content(unit, 40_000))));
        drop(snapshot);
        let begin = Instant::now();
        for frame in 1050.. {
            streamer.frame(frame * FRAME_NS, &wants([2, 3]), &mut changes);
            if [2, 3].iter().all(|&u| streamer.core().is_resident(u)) {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(10));
        }
        [2, 3].iter().for_each(|&unit| setup.check_bytes(&streamer, unit));
    }
}

/// Frames of a walk over the units with a window of wants, in an arena far too small for all.
fn churn(setup: &Setup, mut each: impl FnMut(&Streamer<Plain>, &Changes)) {
    let mut streamer = setup.start(
        Device::SataSsd,
        FaultPlan {
            seed: 3,
            error_per_million: 20_000,
            stall_per_million: 20_000,
            corrupt_per_million: 5_000,
            ..FaultPlan::default()
        },
    );
    let streamer = streamer.as_mut().unwrap();
    let mut changes = Changes::default();
    let count = setup.units.len() as u32;
    for frame in 0..600u32 {
        let first = frame / 3 * 7 % count;
        let class = |i: u32| Class::ALL[(i / 4).min(4) as usize];
        let want = |i: u32| Want {
            unit: (first + i * 3) % count,
            class: class(i),
            score: (i * 13 % 5) as f32,
        };
        let wants: Vec<Want> = (0..20).map(want).collect();
        streamer.frame(u64::from(frame) * FRAME_NS, &wants, &mut changes);
        each(streamer, &changes);
    }
}

fn churned() -> Setup {
    let sizes: Vec<usize> = (0..120).map(|i| 500 + i * i % 97 * 300).collect();
    let mut setup = setup(&sizes, &[17]);
    for unit in 0..120 {
        let info = &mut setup.units[unit];
        info.pinned = unit % 40 == 5;
        if info.resident_bytes <= 8000 {
            info.home = Home::Slot;
        }
    }
    setup.config = Config {
        move_bytes_max: 64 << 10,
        move_above_fragmentation: 0.05,
        commit_bytes_max: 100_000,
        ..Config::new(400_000, 12, 8000, 60_000)
    };
    setup
}

#[test]
fn within_the_budget_and_with_the_right_bytes_on_every_frame() {
    let setup = churned();
    let (mut loaded, mut moved, mut evicted) = (0, 0, 0);
    churn(&setup, |streamer, changes| {
        let core = streamer.core();
        assert!(core.heap_stats().used <= setup.config.arena_bytes);
        assert!(core.in_flight_bytes() <= setup.config.in_flight_bytes_max);
        let budget_bytes = setup.config.arena_bytes + 2 * setup.config.in_flight_bytes_max;
        let held_bytes = core.heap_stats().used + core.in_flight_bytes();
        assert!((held_bytes..=budget_bytes).contains(&streamer.usage_bytes()));
        for unit in (0..120).filter(|&u| core.is_resident(u)) {
            setup.check_bytes(streamer, unit);
        }
        for unit in [5, 45, 85] {
            assert!(core.is_resident(unit), "{unit} is pinned");
        }
        loaded += changes.committed.len();
        moved += changes.moved.len();
        evicted += changes.evicted.len();
    });
    assert!(loaded > 200 && moved > 10 && evicted > 200, "{loaded} {moved} {evicted}");
}

#[test]
fn virtual_clock_gives_the_same_changes_for_any_number_of_threads() {
    let setup = churned();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut log = Vec::new();
        pool.install(|| churn(&setup, |_, changes| log.push(format!("{changes:?}"))));
        log
    };
    let one = run(1);
    assert_eq!(run(4), one);
    assert_eq!(run(4), one);
}

#[test]
fn dropped_with_loads_in_flight_it_ends_and_so_do_its_threads() {
    let mut setup = setup(&[30_000; 40], &[]);
    setup.takes = Duration::from_millis(3);
    for queue in [true, false] {
        let queue = if queue { mmap(&setup.archive) } else { pread(&setup.archive) };
        let decoder = setup.decoder();
        let units = setup.units.clone();
        let (archive, config) = (&setup.archive, setup.config);
        let mut streamer =
            Streamer::threaded(config, units, archive, Arc::clone(&decoder), queue, WORKERS)
                .unwrap();
        let mut changes = Changes::default();
        for frame in 0..3 {
            streamer.frame(frame * FRAME_NS, &setup.all(), &mut changes);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(streamer.core().loading() > 0, "something is in flight");
        let begin = Instant::now();
        drop(streamer);
        // Nothing that waits is decoded any more: 40 units would take 60 ms and more on two workers.
        assert!(begin.elapsed() < Duration::from_secs(5));
        // Each worker holds the decoder while it lives.
        assert_eq!(Arc::strong_count(&decoder), 1);
    }
}
