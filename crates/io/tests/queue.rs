//! The read queues: one specification for all, and the simulated device's arithmetic by hand.

mod model;

use std::time::{Duration, Instant};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farplane_io::{
    Archive, ArchiveBuilder, Arrival, Backend, BufferPool, Completion, Device, DeviceModel,
    FaultPlan, Filter, HeapPool, MmapQueue, POOL_BYTES_MAX, PreadQueue, QueueOptions,
    ReadErrorKind, ReadQueue, ReadRequest, STALL_NS, SimQueue, open_queue, pack,
};
use model::noise;
use model::queue::{Op, Run, options};
use model::scheduler;
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
    ReadRequest::new(id, offset, len).class(class)
}

/// A device without chance: 100 ns to access, 1 byte a nanosecond.
fn plain_device(depth: u32) -> DeviceModel {
    DeviceModel { access_ns: 100, jitter_ns: 0, seek_ns: 0, bytes_per_s: 1_000_000_000, depth }
}

/// Without joined reads or a window that adapts: the device alone decides.
const PLAIN: QueueOptions = QueueOptions {
    capacity: 64,
    reads_max: 64,
    bytes_max: 64 << 20,
    joined_bytes_max: 0,
    request_cost_bytes: 0,
    skipped_percent_max: 0,
    adapt: false,
    stall_ns: 60_000_000_000,
    threads: 1,
    on_start: None,
};

fn faulty(archive: &Archive, model: DeviceModel, faults: FaultPlan) -> SimQueue {
    SimQueue::with_model(archive, model, PLAIN, 0, faults).unwrap()
}

/// One read at a time is at the device, so that the queue's own order is what counts.
fn one_by_one(archive: &Archive) -> SimQueue {
    let options = QueueOptions { reads_max: 1, ..PLAIN };
    SimQueue::with_model(archive, plain_device(1), options, 0, FaultPlan::default()).unwrap()
}

fn sim(archive: &Archive, model: DeviceModel) -> SimQueue {
    faulty(archive, model, FaultPlan::default())
}

fn pool() -> Arc<HeapPool> {
    Arc::new(HeapPool::default())
}

fn pread(archive: &Archive, threads: usize) -> PreadQueue {
    PreadQueue::new(archive, QueueOptions { threads, ..PLAIN }, pool()).unwrap()
}

/// Id and completion time of everything that is done by `now_ns`.
fn times(queue: &mut impl ReadQueue, now_ns: u64) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    queue.poll(now_ns, &mut out);
    out.iter().map(|done| (done.id, done.completed_ns)).collect()
}

/// Polls until nothing is in flight; a queue that hangs fails here.
fn drain(queue: &mut (impl ReadQueue + ?Sized)) -> Vec<Completion> {
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
    short_per_million: 100_000,
    interrupt_per_million: 100_000,
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
        run(&archive, MmapQueue::new(&archive, options()).unwrap(), false, &ops);
        run(&archive, PreadQueue::new(&archive, options(), pool()).unwrap(), false, &ops);
        let sim = |faults| {
            SimQueue::with_model(&archive, device.model(), options(), 1, faults).unwrap()
        };
        run(&archive, sim(FaultPlan::default()), false, &ops);

        let first = run(&archive, sim(FAULTS), true, &ops).trace;
        let second = run(&archive, sim(FAULTS), true, &ops).trace;
        prop_assert_eq!(&first, &second, "equal calls, equal completions");
        let order: Vec<_> = first.iter().map(|&(_, _, _, completed_ns)| completed_ns).collect();
        prop_assert!(order.is_sorted(), "in order of virtual time");
    }

    #[test]
    fn scheduler_does_what_its_model_says(
        pick in any::<u8>(),
        input in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let mut model = scheduler::Model::new(pick);
        for op in scheduler::Op::decode_all(&input) {
            model.apply(op);
        }
        model.drain();
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
        // Each poll starts a transfer or ends one; a fault adds one of each.
        prop_assert!(polls <= 8 * requests.len());
    }
}

#[test]
fn pread_reads_the_file_on_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let pool = pool();
    let options = QueueOptions { threads: 8, ..PLAIN };
    let mut queue = PreadQueue::new(&archive, options, pool.clone()).unwrap();
    assert_eq!(queue.backend(), "pread");
    let mut total = 0;
    for round in 0..20 {
        for id in 0..PLAIN.capacity as u64 {
            let offset = (id * 701 + round * 13) % 40_000;
            queue.submit(request(id, offset, 1000 + id as u32 * 9, (id % 3) as u8), 5).unwrap();
        }
        let full = queue.submit(request(99, 0, 1, 0), 5).unwrap_err();
        assert_eq!(full.capacity, PLAIN.capacity);
        for done in drain(&mut queue) {
            let bytes = done.result.unwrap();
            let offset = ((done.id * 701 + round * 13) % 40_000) as usize;
            assert_eq!(&bytes[..], &archive.map()[offset..offset + 1000 + done.id as usize * 9]);
            assert!(bytes.is_lent());
            assert!(done.completed_ns >= 5);
            total += 1;
        }
    }
    assert_eq!(total, 20 * PLAIN.capacity);
    assert!(pool.idle_bytes() > 0, "buffers are kept for the next reads");
    assert!(pool.idle_bytes() <= POOL_BYTES_MAX);
    assert_eq!(queue.buffer_bytes(), pool.idle_bytes() as u64, "none is lent any more");
}

#[test]
fn pread_serves_the_urgent_class_first() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for _ in 0..50 {
        let mut queue = pread(&archive, 1);
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
fn a_file_that_became_shorter_is_an_error() {
    for backend in [Backend::Pread, Backend::Uring] {
        let folder = tempfile::tempdir().unwrap();
        let archive = archive_in(&folder);
        let file = std::fs::OpenOptions::new().write(true).open(archive.path()).unwrap();
        file.set_len(20_000).unwrap();
        let mut queue = open_queue(&archive, backend, PLAIN, pool()).unwrap().queue;
        queue.submit(request(1, 18_000, 4000, 0), 0).unwrap();
        queue.submit(request(2, 18_000, 2000, 0), 0).unwrap();
        queue.submit(request(3, 28_000, 2000, 0), 0).unwrap();
        let mut done = drain(&mut *queue);
        done.sort_by_key(|done| done.id);
        let error = done[0].result.as_ref().unwrap_err();
        assert_eq!((error.id, error.offset, error.len), (1, 18_000, 4000));
        assert_eq!(error.kind, ReadErrorKind::Truncated);
        assert!(done[1].result.is_ok(), "{backend:?}");
        assert_eq!(done[2].result.as_ref().unwrap_err().kind, ReadErrorKind::Truncated);
    }
}

#[test]
fn pread_dropped_with_work_left_joins_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let mut kept = Vec::new();
    for _ in 0..50 {
        let mut queue = pread(&archive, 4);
        for id in 0..PLAIN.capacity as u64 {
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
    let mut queue = MmapQueue::new(&archive, PLAIN).unwrap();
    let tickets = [(1, 3), (2, 0), (3, 3), (4, 1)]
        .map(|(id, class)| queue.submit(request(id, 100, 50, class), 10).unwrap());
    assert!(queue.cancel(tickets[2]));
    assert!(!queue.cancel(tickets[2]));
    // What is cancelled is back first, and was not read.
    assert_eq!(times(&mut queue, 30), [(3, 10), (2, 30), (4, 30), (1, 30)]);
    assert!(!queue.cancel(tickets[0]));
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
fn the_urgent_class_overtakes_what_waits() {
    let archive = archive();
    let mut queue = one_by_one(&archive);
    for id in 0..10 {
        queue.submit(request(id, 0, 100, 3), 0).unwrap();
    }
    queue.submit(request(50, 0, 100, 0), 0).unwrap();
    queue.submit(request(51, 0, 100, 0), 0).unwrap();
    // 0 was being read already.
    assert_eq!(order(&mut queue), [0, 50, 51, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/// Ids in the order in which they complete.
fn order(queue: &mut SimQueue) -> Vec<u64> {
    times(queue, u64::MAX / 2).iter().map(|&(id, _)| id).collect()
}

#[test]
fn within_a_class_the_earliest_deadline_comes_first() {
    let archive = archive();
    let mut queue = one_by_one(&archive);
    let due = |id, deadline_ns| ReadRequest { deadline_ns, ..request(id, 0, 100, 1) };
    for (id, deadline_ns) in [(0, None), (1, None), (2, Some(900)), (3, Some(50)), (4, Some(900))] {
        queue.submit(due(id, deadline_ns), 0).unwrap();
    }
    queue.submit(request(5, 0, 100, 0), 0).unwrap();
    assert_eq!(order(&mut queue), [0, 5, 3, 2, 4, 1]);
}

#[test]
fn a_request_can_be_moved_while_it_waits() {
    let archive = archive();
    let mut queue = one_by_one(&archive);
    let tickets: Vec<_> =
        (0..5).map(|id| queue.submit(request(id, 0, 100, 2), 0).unwrap()).collect();
    assert!(!queue.reprioritise(tickets[0], 0, None), "it is being read");
    assert!(queue.reprioritise(tickets[3], 0, None));
    assert!(queue.reprioritise(tickets[1], 4, None));
    assert!(queue.reprioritise(tickets[4], 2, Some(7)));
    // Away and back: it keeps its place among equals.
    assert!(queue.reprioritise(tickets[2], 3, None) && queue.reprioritise(tickets[2], 2, None));
    assert_eq!(order(&mut queue), [0, 3, 4, 2, 1]);
    assert!(!queue.reprioritise(tickets[1], 0, None), "it is done");
}

#[test]
fn neighbours_share_a_read_where_the_gap_costs_less_than_a_request() {
    let archive = archive();
    let options = QueueOptions {
        reads_max: 1,
        joined_bytes_max: 3000,
        request_cost_bytes: 100,
        skipped_percent_max: 100,
        ..PLAIN
    };
    let none = FaultPlan::default();
    let mut queue = SimQueue::with_model(&archive, plain_device(1), options, 0, none).unwrap();
    queue.submit(request(0, 30_000, 10, 0), 0).unwrap();
    for (id, offset) in [(1, 9000), (2, 8000), (3, 10_100), (4, 11_201), (5, 12_302)] {
        queue.submit(request(id, offset, 1000, 2), 0).unwrap();
    }
    // 0 until 110. Then 1 with 2 before it and, over 100 bytes, 3 behind it: 8000 to 11,100, a
    // hundred bytes too long for one read with both; what lies behind goes first.
    // 9000..11,100: 110 + 100 + 2100. 2 alone: + 100 + 1000. 4 and 5 are 101 apart: 1100 each.
    let expected = [(0, 110), (1, 2310), (3, 2310), (2, 3410), (4, 4510), (5, 5610)];
    assert_eq!(times(&mut queue, u64::MAX / 2), expected);
    let counters = queue.counters();
    assert_eq!((counters.reads, counters.joined, counters.requests), (5, 2, 6));
    assert_eq!(counters.read_bytes, 10 + 2100 + 1000 + 1000 + 1000);
}

#[test]
fn an_urgent_request_waits_for_no_neighbours() {
    let archive = archive();
    let options = QueueOptions { reads_max: 1, joined_bytes_max: 1 << 20, ..PLAIN };
    let none = FaultPlan::default();
    let mut queue = SimQueue::with_model(&archive, plain_device(1), options, 0, none).unwrap();
    queue.submit(request(0, 30_000, 10, 0), 0).unwrap();
    queue.submit(request(1, 9000, 1000, 1), 0).unwrap();
    queue.submit(request(2, 10_000, 1000, 0), 0).unwrap();
    queue.submit(request(3, 11_000, 1000, 0), 0).unwrap();
    assert_eq!(times(&mut queue, u64::MAX / 2), [(0, 110), (2, 2210), (3, 2210), (1, 3310)]);
}

#[test]
fn a_shared_read_that_fails_costs_only_who_cannot_be_read_alone() {
    let archive = archive();
    let options = QueueOptions { joined_bytes_max: 1 << 20, ..PLAIN };
    // Seeded so that the shared read fails and one of the single ones after it.
    let faults = (0..)
        .map(|seed| FaultPlan { seed, error_per_million: 400_000, ..FaultPlan::default() })
        .find(|faults| {
            let mut queue =
                SimQueue::with_model(&archive, plain_device(1), PLAIN, 0, *faults).unwrap();
            for id in 0..5 {
                queue.submit(request(id, 0, 10, 2), 0).unwrap();
            }
            let mut out = Vec::new();
            queue.poll(u64::MAX / 2, &mut out);
            let bad: Vec<bool> = out.iter().map(|done| done.result.is_err()).collect();
            bad == [false, true, false, true, false]
        })
        .unwrap();
    let options = QueueOptions { reads_max: 1, ..options };
    let mut queue = SimQueue::with_model(&archive, plain_device(1), options, 0, faults).unwrap();
    queue.submit(request(9, 0, 10, 0), 0).unwrap();
    for id in 0..3 {
        queue.submit(request(id, 9000 + id * 100, 100, 2), 0).unwrap();
    }
    let mut out = Vec::new();
    queue.poll(u64::MAX / 2, &mut out);
    let ends: Vec<_> = out.iter().map(|done| (done.id, done.result.is_ok())).collect();
    assert_eq!(ends, [(9, true), (0, true), (1, false), (2, true)]);
    let error = out[2].result.as_ref().unwrap_err();
    assert_eq!((error.offset, error.len, error.kind), (9100, 100, ReadErrorKind::Injected));
    assert_eq!(queue.counters().retried, 3);
}

#[test]
fn more_bytes_than_the_cap_are_never_in_flight_and_a_larger_request_is_refused() {
    let archive = archive();
    let options = QueueOptions { bytes_max: 5000, ..PLAIN };
    let none = FaultPlan::default();
    let mut queue = SimQueue::with_model(&archive, plain_device(8), options, 0, none).unwrap();
    for id in 0..6 {
        queue.submit(request(id, 0, 2000, 2), 0).unwrap();
    }
    queue.submit(request(6, 0, 5001, 2), 0).unwrap();
    let mut out = Vec::new();
    queue.poll(0, &mut out);
    let error = out[0].result.as_ref().unwrap_err();
    assert_eq!((out[0].id, error.kind), (6, ReadErrorKind::TooLarge { bytes_max: 5000 }));
    // Two at a time fit; the next ones wait until these have been handed over.
    assert_eq!(times(&mut queue, 1_000_000), [(0, 2100), (1, 4100)]);
    assert_eq!(times(&mut queue, 1_000_000), []);
    assert_eq!(times(&mut queue, 2_000_000), [(2, 1_002_100), (3, 1_004_100)]);
}

#[test]
fn a_device_that_does_not_answer_is_given_up_and_keeps_its_place() {
    let archive = archive();
    let faults = FaultPlan { stall_per_million: 1_000_000, ..FaultPlan::default() };
    let options = QueueOptions { reads_max: 1, stall_ns: 1_000_000, ..PLAIN };
    let mut queue = SimQueue::with_model(&archive, plain_device(1), options, 0, faults).unwrap();
    queue.submit(request(1, 0, 100, 0), 0).unwrap();
    queue.submit(request(2, 0, 100, 0), 0).unwrap();
    assert_eq!(queue.next_event_ns(), Some(1_000_000));
    let mut out = Vec::new();
    queue.poll(STALL_NS, &mut out);
    let error = out[0].result.as_ref().unwrap_err();
    assert_eq!((out[0].id, out[0].completed_ns), (1, 1_000_000));
    assert_eq!(error.kind, ReadErrorKind::Stalled { after_ns: 1_000_000 });
    assert!(error.to_string().contains("no answer from the device after 1 ms"), "{error}");
    assert_eq!((out.len(), queue.in_flight()), (1, 1), "2 waits for the device");
    // The device is free again when the first read has arrived at last: 200 + 250 ms.
    queue.poll(u64::MAX / 2, &mut out);
    assert_eq!((out[1].id, out[1].completed_ns), (2, 200 + STALL_NS + 1_000_000));
}

#[test]
fn what_is_cancelled_is_back_at_once_or_on_its_arrival() {
    let archive = archive();
    let mut queue = one_by_one(&archive);
    let tickets = [0, 1, 2].map(|id| queue.submit(request(id, 0, 100, 0), 0).unwrap());
    assert!(queue.cancel(tickets[0]) && queue.cancel(tickets[1]));
    let mut out = Vec::new();
    queue.poll(0, &mut out);
    assert_eq!(out.len(), 1, "1 was waiting and is back at once");
    queue.poll(1000, &mut out);
    let ends: Vec<_> = out.iter().map(|d| (d.id, d.completed_ns, d.result.is_ok())).collect();
    // 0 held its channel to the end; 2 took 1's turn.
    assert_eq!(ends, [(1, 0, false), (0, 200, false), (2, 400, true)]);
    assert!(!queue.cancel(tickets[2]));
    let later = queue.submit(request(3, 0, 100, 0), 1000).unwrap();
    assert!(tickets.iter().all(|&ticket| ticket != later && !queue.cancel(ticket)));
}

#[test]
fn short_and_interrupted_reads_only_take_longer() {
    let archive = archive();
    for (short, interrupt, end_ns) in [
        (0, 0, 1100),
        // Twice 100 + 500.
        (1_000_000, 0, 1200),
        // 100 for nothing, then 100 + 1000.
        (0, 1_000_000, 1200),
    ] {
        let faults = FaultPlan {
            short_per_million: short,
            interrupt_per_million: interrupt,
            ..FaultPlan::default()
        };
        let mut queue = faulty(&archive, plain_device(1), faults);
        queue.submit(request(1, 8192, 1000, 0), 0).unwrap();
        let mut out = Vec::new();
        queue.poll(u64::MAX / 2, &mut out);
        assert_eq!(out[0].completed_ns, end_ns);
        assert_eq!(out[0].result.as_ref().unwrap()[..], archive.map()[8192..9192]);
    }
}

#[test]
fn an_urgent_read_overtakes_a_backlog_on_every_device() {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&noise(1, 4 << 20), Filter::None)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    // What an urgent read may take at most, as a multiple of one on the idle device at its slowest.
    for (device, times_idle_max) in
        [(Device::Nvme, 8.0), (Device::SataSsd, 8.0), (Device::Hdd, 4.0), (Device::Http, 8.0)]
    {
        let model = device.model();
        let slowest_ns = model.access_ns
            + model.jitter_ns
            + model.seek_ns * 3 / 2
            + 65_536 * 1_000_000_000 / model.bytes_per_s;
        let options = QueueOptions {
            joined_bytes_max: 0,
            request_cost_bytes: model.request_cost_bytes(),
            ..QueueOptions::default()
        };
        let none = FaultPlan::default();
        let mut queue = SimQueue::with_model(&archive, model, options, 1, none).unwrap();
        for id in 0..5000 {
            let offset = 8192 + (id * 27 % 64) * 65_536;
            queue.submit(request(id, offset, 65_536, 3), 0).unwrap();
        }
        // When the backlog is well under way.
        let start_ns = slowest_ns * 40;
        times(&mut queue, start_ns);
        assert!(queue.in_flight() > 2000);
        queue.submit(request(9999, 8192, 65_536, 0), start_ns).unwrap();
        let took_ns = loop {
            let next_ns = queue.next_event_ns().unwrap();
            let done = times(&mut queue, next_ns);
            if let Some((_, at_ns)) = done.iter().find(|(id, _)| *id == 9999) {
                break at_ns - start_ns;
            }
        };
        let times_idle = took_ns as f64 / slowest_ns as f64;
        assert!(times_idle <= times_idle_max, "{device}: {times_idle} times an idle read");
    }
}

#[test]
fn the_window_costs_no_device_much_of_its_bandwidth() {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&noise(1, 4 << 20), Filter::None)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    for device in Device::ALL {
        let model = device.model();
        let request_cost_bytes = model.request_cost_bytes();
        let end_ns = [true, false].map(|adapt| {
            let options = QueueOptions { adapt, request_cost_bytes, capacity: 4096, ..PLAIN };
            let none = FaultPlan::default();
            let mut queue = SimQueue::with_model(&archive, model, options, 1, none).unwrap();
            for id in 0..4000 {
                let offset = 8192 + (id * 27 % 64) * 65_536;
                queue.submit(request(id, offset, 65_536, 3), 0).unwrap();
            }
            let mut end_ns = 0;
            while let Some(next_ns) = queue.next_event_ns() {
                end_ns = times(&mut queue, next_ns).last().map_or(end_ns, |&(_, at_ns)| at_ns);
            }
            end_ns as f64
        });
        assert!(end_ns[0] <= 1.1 * end_ns[1], "{device}: {}", end_ns[0] / end_ns[1]);
    }
}

#[test]
fn completions_are_announced() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Mmap, Backend::Pread, Backend::Uring] {
        let mut chosen = open_queue(&archive, backend, PLAIN, pool()).unwrap();
        let queue = &mut *chosen.queue;
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        queue.on_arrival(Arrival::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        queue.submit(request(1, 100, 50, 0), 0).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while count.load(Ordering::Relaxed) == 0 {
            assert!(Instant::now() < deadline, "{chosen:?} announces nothing");
            std::thread::yield_now();
        }
        let mut out = Vec::new();
        queue.poll(0, &mut out);
        assert_eq!(out.len(), 1, "{chosen:?}");
    }
}

#[test]
fn every_backend_reads_the_same_bytes_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let file_bytes = archive.file_bytes();
    for backend in Backend::ALL {
        let options = QueueOptions { threads: 3, ..options() };
        let mut chosen = open_queue(&archive, backend, options, pool()).unwrap();
        assert!(chosen.reason.contains(chosen.queue.backend()), "{}", chosen.reason);
        assert_eq!(backend.name().parse(), Ok(backend));
        let ranges = [(0, 1), (4095, 2), (1, 8190), (file_bytes - 1, 1), (file_bytes - 5000, 5000)];
        for (id, (offset, len)) in (0..).zip(ranges) {
            chosen.queue.submit(request(id, offset, len, 1), 0).unwrap();
        }
        let mut done = drain(&mut *chosen.queue);
        done.sort_by_key(|done| done.id);
        for (done, (offset, len)) in done.iter().zip(ranges) {
            let range = offset as usize..offset as usize + len as usize;
            assert_eq!(done.result.as_ref().unwrap()[..], archive.map()[range], "{chosen:?}");
        }
    }
    let error = "tape".parse::<Backend>().unwrap_err();
    assert_eq!(error.to_string(), "unknown backend 'tape'; use one of auto, mmap, pread, uring");
}

/// A pool that counts what is out, and has nothing at first when it is told so.
#[derive(Debug, Default)]
struct Counting {
    out: AtomicUsize,
    refuse: bool,
}

impl BufferPool for Counting {
    fn take(&self, bytes: usize) -> Option<farplane_io::Buffer> {
        if self.refuse {
            return None;
        }
        self.out.fetch_add(1, Ordering::SeqCst);
        farplane_io::Buffer::new(bytes)
    }

    fn put(&self, buffer: farplane_io::Buffer) {
        drop(buffer);
        self.out.fetch_sub(1, Ordering::SeqCst);
    }

    fn bytes(&self) -> u64 {
        0
    }
}

#[test]
fn buffers_come_from_the_callers_pool_and_go_back_whatever_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Pread, Backend::Uring] {
        for polls in [0, 1] {
            let pool = Arc::new(Counting::default());
            let chosen = open_queue(&archive, backend, PLAIN, pool.clone()).unwrap();
            let mut queue = chosen.queue;
            let mut out = Vec::new();
            for id in 0..64 {
                let ticket = queue.submit(request(id, id * 64, 20_000, 2), 0).unwrap();
                if id % 3 == 0 {
                    queue.cancel(ticket);
                }
            }
            (0..polls).for_each(|_| queue.poll(0, &mut out));
            drop(queue);
            let kept = out.iter().filter(|done| done.result.is_ok()).count();
            assert_eq!(pool.out.load(Ordering::SeqCst), kept, "{}", chosen.reason);
            out.clear();
            assert_eq!(pool.out.load(Ordering::SeqCst), 0);
        }
        let refuses = Arc::new(Counting { refuse: true, ..Counting::default() });
        let mut queue = open_queue(&archive, backend, PLAIN, refuses).unwrap().queue;
        queue.submit(request(1, 0, 100, 0), 0).unwrap();
        let done = drain(&mut *queue);
        assert_eq!(done[0].result.as_ref().unwrap_err().kind, ReadErrorKind::OutOfMemory);
    }
}

#[test]
fn limits_that_cannot_be_are_refused_by_name() {
    let archive = archive();
    for (field, options) in [
        ("capacity", QueueOptions { capacity: 0, ..PLAIN }),
        ("capacity", QueueOptions { capacity: usize::MAX, ..PLAIN }),
        ("reads_max", QueueOptions { reads_max: 65, ..PLAIN }),
        ("bytes_max", QueueOptions { bytes_max: 0, ..PLAIN }),
        ("stall_ns", QueueOptions { stall_ns: 0, ..PLAIN }),
        ("threads", QueueOptions { threads: 17, ..PLAIN }),
    ] {
        assert_eq!(MmapQueue::new(&archive, options).unwrap_err().field, field);
        let error = open_queue(&archive, Backend::Auto, options, pool()).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
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
        let mut queue = sim(&archive, device.model());
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
        ..FaultPlan::default()
    };
    let mut queue = faulty(&archive, plain_device(64), faults);
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
    let mut queue = faulty(&archive, plain_device(64), faults);
    for id in 0..64 {
        queue.submit(request(id, 0, 10, 0), 0).unwrap();
    }
    let quick = times(&mut queue, STALL_NS - 1).len();
    assert!((10..54).contains(&quick));
    assert_eq!(times(&mut queue, 2 * STALL_NS).len(), 64 - quick);
}

#[test]
fn a_modelled_device_may_read_through_any_real_queue() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let faults = FaultPlan { stall_per_million: 0, ..FAULTS };
    let trace = |through: Option<Backend>| {
        let model = Device::SataSsd.model();
        let mut queue = SimQueue::with_model(&archive, model, PLAIN, 3, faults).unwrap();
        if let Some(backend) = through {
            let few = QueueOptions { capacity: 5, ..PLAIN };
            queue =
                queue.reading_through(open_queue(&archive, backend, few, pool()).unwrap().queue);
        }
        for id in 0..60 {
            queue.submit(request(id, id * 500, 3000, (id % 5) as u8), 0).unwrap();
        }
        let mut out = Vec::new();
        queue.poll(u64::MAX / 2, &mut out);
        let bytes = |done: &Completion| done.result.as_ref().map(|bytes| bytes.to_vec()).ok();
        out.iter().map(|done| (done.id, done.completed_ns, bytes(done))).collect::<Vec<_>>()
    };
    let modelled = trace(None);
    assert!(modelled.iter().any(|done| done.2.is_none()), "some fail");
    for backend in [Backend::Mmap, Backend::Pread, Backend::Uring] {
        assert_eq!(trace(Some(backend)), modelled, "{backend:?}");
    }
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
