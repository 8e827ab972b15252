//! The read queues: one specification for all, and the simulated device's arithmetic by hand.

mod model;

use std::time::{Duration, Instant};

use farplane_io::{
    Archive, ArchiveBuilder, Completion, Device, DeviceModel, FaultPlan, Filter, MmapQueue,
    POOL_BYTES_MAX, PreadQueue, QUEUE_CAPACITY, ReadErrorKind, ReadQueue, ReadRequest, STALL_NS,
    SimQueue, pack,
};
use model::noise;
use model::queue::{Op, Run};
use proptest::prelude::*;

/// 40 KiB of noise behind the superblocks.
fn builder() -> ArchiveBuilder {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&noise(11, 40_960), Filter::None)).unwrap();
    builder
}

fn archive() -> Archive {
    Archive::from_bytes(builder().finish().0).unwrap()
}

/// The same in a file, so that reads are real ones.
fn archive_in(folder: &tempfile::TempDir) -> Archive {
    let path = folder.path().join("queue.far");
    std::fs::write(&path, builder().finish().0).unwrap();
    Archive::open(&path).unwrap()
}

fn request(id: u64, offset: u64, len: u32, class: u8) -> ReadRequest {
    ReadRequest { id, offset, len, class }
}

/// A device without chance: 100 ns to access, 1 byte a nanosecond.
fn plain_device(depth: u32) -> DeviceModel {
    DeviceModel { access_ns: 100, jitter_ns: 0, seek_ns: 0, bytes_per_s: 1_000_000_000, depth }
}

fn sim(archive: &Archive, model: DeviceModel) -> SimQueue {
    SimQueue::with_model(archive, model, 0, FaultPlan::default())
}

/// Id and completion time of everything that is done by `now_ns`.
fn times(queue: &mut impl ReadQueue, now_ns: u64) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    queue.poll(now_ns, &mut out);
    out.iter().map(|done| (done.id, done.completed_ns)).collect()
}

/// Polls until nothing is in flight; a queue that hangs fails here.
fn drain(queue: &mut impl ReadQueue) -> Vec<Completion> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut out = Vec::new();
    while queue.in_flight() > 0 {
        assert!(Instant::now() < deadline, "{} requests never complete", queue.in_flight());
        queue.poll(u64::MAX / 2, &mut out);
        std::thread::yield_now();
    }
    out
}

/// Every call of `ops`, then everything that is left.
fn run<'a, Q: ReadQueue>(archive: &'a Archive, queue: Q, faulty: bool, ops: &[Op]) -> Run<'a, Q> {
    let mut run = Run::new(archive, queue, faulty);
    for &op in ops {
        run.apply(op);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while run.queue.in_flight() > 0 {
        assert!(Instant::now() < deadline, "requests never complete");
        run.poll(run.queue.next_event_ns().unwrap_or(run.now_ns));
        std::thread::yield_now();
    }
    assert_eq!(run.queue.next_event_ns(), None);
    run
}

const FAULTS: FaultPlan = FaultPlan {
    seed: 5,
    error_per_million: 100_000,
    stall_per_million: 100_000,
    corrupt_per_million: 100_000,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_request_completes_exactly_once(
        input in prop::collection::vec(any::<u8>(), 0..1500),
        device in prop::sample::select(Device::ALL.to_vec()),
    ) {
        let archive = archive();
        let ops = Op::decode_all(&input);
        run(&archive, MmapQueue::new(&archive), false, &ops);
        run(&archive, PreadQueue::new(&archive, 2).unwrap(), false, &ops);
        run(&archive, SimQueue::new(&archive, device, 1, FaultPlan::default()), false, &ops);

        let first = run(&archive, SimQueue::new(&archive, device, 1, FAULTS), true, &ops).trace;
        let second = run(&archive, SimQueue::new(&archive, device, 1, FAULTS), true, &ops).trace;
        prop_assert_eq!(&first, &second, "equal calls, equal completions");
        let order: Vec<_> = first.iter().map(|&(_, _, _, completed_ns)| completed_ns).collect();
        prop_assert!(order.is_sorted(), "in order of virtual time");
    }

    #[test]
    fn next_event_is_a_lower_bound(
        requests in prop::collection::vec((0u64..40_000, 0u32..9000, 0u8..3), 1..60),
        device in prop::sample::select(Device::ALL.to_vec()),
    ) {
        let archive = archive();
        let mut queue = SimQueue::new(&archive, device, 3, FAULTS);
        for (id, &(offset, len, class)) in requests.iter().enumerate() {
            queue.submit(request(id as u64, offset, len, class), 0).unwrap();
        }
        let (mut now_ns, mut completed, mut polls) = (0, 0, 0);
        while let Some(next_ns) = queue.next_event_ns() {
            prop_assert!(next_ns > now_ns || polls == 0);
            if next_ns > 0 {
                prop_assert!(times(&mut queue, next_ns - 1).is_empty());
            }
            completed += times(&mut queue, next_ns).len();
            now_ns = next_ns;
            polls += 1;
        }
        prop_assert_eq!(completed, requests.len());
        // Each poll starts a transfer or ends one.
        prop_assert!(polls <= 4 * requests.len());
    }
}

#[test]
fn pread_reads_the_file_on_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let mut queue = PreadQueue::new(&archive, 8).unwrap();
    assert_eq!(queue.backend(), "pread");
    let mut total = 0;
    for round in 0..20 {
        for id in 0..QUEUE_CAPACITY as u64 {
            let offset = (id * 701 + round * 13) % 40_000;
            queue.submit(request(id, offset, 1000 + id as u32 * 9, (id % 3) as u8), 5).unwrap();
        }
        let full = queue.submit(request(99, 0, 1, 0), 5).unwrap_err();
        assert_eq!(full.capacity, QUEUE_CAPACITY);
        for done in drain(&mut queue) {
            let bytes = done.result.unwrap();
            let offset = ((done.id * 701 + round * 13) % 40_000) as usize;
            assert_eq!(&bytes[..], &archive.map()[offset..offset + 1000 + done.id as usize * 9]);
            assert!(bytes.heap_bytes() >= bytes.len());
            assert!(done.completed_ns >= 5);
            total += 1;
        }
    }
    assert_eq!(total, 20 * QUEUE_CAPACITY);
    assert!(queue.idle_bytes() > 0, "buffers are kept for the next reads");
    assert!(queue.idle_bytes() <= POOL_BYTES_MAX);
    assert_eq!(queue.buffer_bytes(), queue.idle_bytes() as u64, "none is lent any more");
}

#[test]
fn pread_serves_the_urgent_class_first() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for _ in 0..50 {
        let mut queue = PreadQueue::new(&archive, 1).unwrap();
        // The one thread may take some before the urgent ones are in; the rest must wait.
        for id in 0..40 {
            queue.submit(request(id, 0, 40_000, 4), 0).unwrap();
        }
        queue.submit(request(100, 0, 16, 0), 0).unwrap();
        queue.submit(request(101, 0, 16, 0), 0).unwrap();
        let mut early = Vec::new();
        queue.poll(0, &mut early);
        let order: Vec<u64> = drain(&mut queue).iter().map(|done| done.id).collect();
        if early.is_empty() {
            // At most one read had begun when the urgent ones came in.
            let place = |id| order.iter().position(|&other| other == id).unwrap();
            assert!(place(100) <= 1 && place(101) == place(100) + 1, "{order:?}");
            return;
        }
    }
    panic!("the thread was always done before the urgent request came in");
}

#[test]
fn pread_of_a_file_that_became_shorter_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let file = std::fs::OpenOptions::new().write(true).open(archive.path()).unwrap();
    file.set_len(20_000).unwrap();
    let mut queue = PreadQueue::new(&archive, 1).unwrap();
    queue.submit(request(1, 18_000, 4000, 0), 0).unwrap();
    queue.submit(request(2, 18_000, 2000, 0), 0).unwrap();
    let mut done = drain(&mut queue);
    done.sort_by_key(|done| done.id);
    let error = done[0].result.as_ref().unwrap_err();
    assert_eq!((error.id, error.offset, error.len), (1, 18_000, 4000));
    assert_eq!(error.kind, ReadErrorKind::Truncated);
    assert!(done[1].result.is_ok());
}

#[test]
fn pread_dropped_with_work_left_joins_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let mut kept = Vec::new();
    for _ in 0..50 {
        let mut queue = PreadQueue::new(&archive, 4).unwrap();
        for id in 0..QUEUE_CAPACITY as u64 {
            queue.submit(request(id, 0, 40_000, 0), 0).unwrap();
        }
        queue.poll(0, &mut kept);
    }
    for done in kept {
        assert_eq!(done.result.unwrap().len(), 40_000, "buffers outlive their queue");
    }
}

#[test]
fn mmap_completes_on_the_next_poll_in_order_of_class() {
    let archive = archive();
    let mut queue = MmapQueue::new(&archive);
    for (id, class) in [(1, 3), (2, 0), (3, 3), (4, 1)] {
        queue.submit(request(id, 100, 50, class), 10).unwrap();
    }
    assert!(queue.cancel(3));
    assert!(!queue.cancel(3) && !queue.cancel(9));
    assert_eq!(times(&mut queue, 30), [(2, 30), (4, 30), (1, 30), (3, 30)]);
    assert!(!queue.cancel(1));
}

#[test]
fn sim_takes_access_and_transfer_one_after_the_other_at_depth_1() {
    let archive = archive();
    let mut queue = sim(&archive, plain_device(1));
    queue.submit(request(1, 0, 1000, 0), 50).unwrap();
    queue.submit(request(2, 0, 500, 0), 60).unwrap();
    // 50 + 100 + 1000, then 1150 + 100 + 500.
    assert_eq!(queue.next_event_ns(), Some(1150));
    assert_eq!(times(&mut queue, 1149), []);
    assert_eq!(times(&mut queue, 5000), [(1, 1150), (2, 1750)]);
    assert_eq!(queue.next_event_ns(), None);
}

#[test]
fn sim_shares_the_bus_at_depth_2() {
    let archive = archive();
    let mut queue = sim(&archive, plain_device(2));
    queue.submit(request(1, 0, 1000, 0), 0).unwrap();
    queue.submit(request(2, 0, 500, 0), 0).unwrap();
    queue.submit(request(3, 0, 10, 0), 0).unwrap();
    // Both accesses end at 100; 1 transfers until 1100, 2 until 1600. 3 gets the channel of 1 at
    // 1100, is ready at 1200, waits for the bus until 1600.
    assert_eq!(times(&mut queue, 9999), [(1, 1100), (2, 1600), (3, 1610)]);
}

#[test]
fn sim_lets_the_urgent_class_overtake_what_waits() {
    let archive = archive();
    let mut queue = sim(&archive, plain_device(1));
    for id in 0..10 {
        queue.submit(request(id, 0, 100, 3), 0).unwrap();
    }
    queue.submit(request(50, 0, 100, 0), 0).unwrap();
    queue.submit(request(51, 0, 100, 0), 0).unwrap();
    let order: Vec<u64> = times(&mut queue, u64::MAX / 2).iter().map(|&(id, _)| id).collect();
    // 0 was being read already.
    assert_eq!(order, [0, 50, 51, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn sim_frees_what_is_cancelled_while_waiting_and_lets_arrive_what_is_not() {
    let archive = archive();
    let mut queue = sim(&archive, plain_device(1));
    for id in 0..3 {
        queue.submit(request(id, 0, 100, 0), 0).unwrap();
    }
    assert!(queue.cancel(0) && queue.cancel(1));
    let mut out = Vec::new();
    queue.poll(0, &mut out);
    assert_eq!(out.len(), 1, "1 was waiting and is back at once");
    queue.poll(1000, &mut out);
    let ends: Vec<_> = out.iter().map(|d| (d.id, d.completed_ns, d.result.is_ok())).collect();
    // 0 held its channel to the end; 2 took 1's turn.
    assert_eq!(ends, [(1, 0, false), (0, 200, false), (2, 400, true)]);
    assert!(!queue.cancel(2));
}

#[test]
fn sim_seeks_only_when_a_range_does_not_continue_the_last() {
    let archive = archive();
    let seek = DeviceModel { seek_ns: 10_000, ..plain_device(1) };
    let mut queue = sim(&archive, seek);
    queue.submit(request(1, 5000, 100, 0), 0).unwrap();
    queue.submit(request(2, 5100, 100, 0), 0).unwrap();
    queue.submit(request(3, 5000, 100, 0), 0).unwrap();
    let done = times(&mut queue, u64::MAX / 2);
    let took = [done[0].1, done[1].1 - done[0].1, done[2].1 - done[1].1];
    assert_eq!(took[1], 200);
    for seek in [took[0] - 200, took[2] - 200] {
        assert!((5_000..=15_000).contains(&seek), "half to one and a half: {seek}");
    }
}

#[test]
fn sim_presets_reach_the_share_of_their_bandwidth_that_random_reads_can() {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&noise(1, 4 << 20), Filter::None)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    // A disk head moves for about 12 ms before every 64 KiB, which take 0.4 ms: a thirtieth. Six
    // connections wait 50 ms for 6 · 64 KiB, which take 31 ms: less than a half.
    for (device, shares) in [
        (Device::Nvme, 0.8..1.0),
        (Device::SataSsd, 0.8..1.0),
        (Device::Hdd, 0.02..0.05),
        (Device::Http, 0.35..0.65),
    ] {
        let mut queue = SimQueue::new(&archive, device, 1, FaultPlan::default());
        for id in 0..64 {
            // In an order that no disk head likes.
            queue.submit(request(id, 8192 + (id * 27 % 64) * 65_536, 65_536, 0), 0).unwrap();
        }
        let end_ns = times(&mut queue, u64::MAX / 2).last().unwrap().1;
        let reached = (4u64 << 20) as f64 / (end_ns as f64 / 1e9);
        let share = reached / device.model().bytes_per_s as f64;
        assert!(shares.contains(&share), "{device}: {share} of its bandwidth");
    }
}

#[test]
fn faults_come_at_the_rates_of_their_plan() {
    let archive = archive();
    let faults = FaultPlan {
        seed: 9,
        error_per_million: 50_000,
        stall_per_million: 100_000,
        corrupt_per_million: 200_000,
    };
    let mut queue = SimQueue::with_model(&archive, plain_device(64), 0, faults);
    let (mut errors, mut stalls, mut corrupt) = (0, 0, 0);
    let map = archive.map();
    for round in 0..100u64 {
        let start_ns = round * 10 * STALL_NS;
        for id in 0..64 {
            queue.submit(request(id, 8192, 512, 0), start_ns).unwrap();
        }
        let mut out = Vec::new();
        queue.poll(start_ns + 9 * STALL_NS, &mut out);
        assert_eq!(out.len(), 64);
        for done in out {
            stalls += u32::from(done.completed_ns - done.submitted_ns >= STALL_NS);
            match done.result {
                Ok(bytes) => {
                    let flipped: u32 =
                        bytes.iter().zip(&map[8192..]).map(|(a, b)| (a ^ b).count_ones()).sum();
                    assert!(flipped <= 1);
                    corrupt += flipped;
                }
                Err(error) => {
                    assert_eq!(error.kind, ReadErrorKind::Injected);
                    errors += 1;
                }
            }
        }
    }
    // Of 6400: 320 ± 4 · 17.4, 640 ± 4 · 24, and 1280 · 0.95 = 1216 ± 4 · 31.
    assert!((250..390).contains(&errors), "{errors}");
    assert!((544..736).contains(&stalls), "{stalls}");
    assert!((1092..1340).contains(&corrupt), "{corrupt}");
}

#[test]
fn a_stalled_read_does_not_hold_up_the_others() {
    let archive = archive();
    let faults = FaultPlan { stall_per_million: 500_000, ..FaultPlan::default() };
    let mut queue = SimQueue::with_model(&archive, plain_device(64), 0, faults);
    for id in 0..64 {
        queue.submit(request(id, 0, 10, 0), 0).unwrap();
    }
    let quick = times(&mut queue, STALL_NS - 1).len();
    assert!((10..54).contains(&quick));
    assert_eq!(times(&mut queue, 2 * STALL_NS).len(), 64 - quick);
}

#[test]
fn devices_are_known_by_name() {
    for device in Device::ALL {
        assert_eq!(device.to_string().parse(), Ok(device));
        let archive = archive();
        let queue = SimQueue::new(&archive, device, 0, FaultPlan::default());
        assert_eq!(queue.backend(), format!("sim-{device}"));
    }
    let error = "floppy".parse::<Device>().unwrap_err();
    assert_eq!(error.to_string(), "unknown device 'floppy'; use one of nvme, sata-ssd, hdd, http");
}
