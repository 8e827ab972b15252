//! The read queues: one specification for all of them, and what each is beside it.

mod backends;
mod faults;
#[path = "../model/mod.rs"]
mod model;
mod rules;
mod sim;

use std::sync::Arc;
use std::time::{Duration, Instant};

use farplane_io::{
    Archive, ArchiveBuilder, Completion, Device, DeviceModel, FaultPlan, Filter, HeapPool,
    MmapQueue, PreadQueue, QueueOptions, ReadQueue, ReadRequest, SimQueue, pack,
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
