//! Any calls to the scheduler, and to the queues without threads, the memory map and the simulated
//! device, as their models have them: every request completes exactly once, with the file's bytes or
//! a fault that was asked for, and the rules hold at every step.
#![no_main]

use farplane_io::{Archive, ArchiveBuilder, Device, FaultPlan, Filter, MmapQueue, SimQueue, pack};
use libfuzzer_sys::fuzz_target;
use model::queue::{Op, Run, options};
use model::scheduler;
use std::sync::LazyLock;

#[path = "../../crates/io/tests/model/mod.rs"]
mod model;

/// 40 KiB of noise behind the superblocks.
static ARCHIVE: LazyLock<Archive> = LazyLock::new(|| {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&model::noise(11, 40_960), Filter::None)).unwrap();
    Archive::from_bytes(builder.finish().0).unwrap()
});

fn run<Q: farplane_io::ReadQueue>(queue: Q, faulty: bool, ops: &[Op]) -> Vec<model::queue::Trace> {
    let mut run = Run::new(&ARCHIVE, queue, faulty);
    for &op in ops {
        run.apply(op);
    }
    while run.queue.in_flight() > 0 {
        let next_ns = run.queue.next_event_ns().unwrap_or(run.now_ns);
        run.poll(next_ns);
    }
    assert_eq!(run.queue.next_event_ns(), None);
    run.trace
}

/// Half of the inputs go to the scheduler alone, which no device slows down.
fn scheduler(pick: u8, input: &[u8]) {
    let mut model = scheduler::Model::new(pick);
    for op in scheduler::Op::decode_all(input) {
        model.apply(op);
    }
    model.drain();
}

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let (Some(which), Some(pick)) = (model::byte(&mut rest), model::byte(&mut rest)) else {
        return;
    };
    if which % 2 == 0 {
        return scheduler(pick, rest);
    }
    let Some(seed) = model::byte(&mut rest) else { return };
    let ops = Op::decode_all(rest);
    run(MmapQueue::new(&ARCHIVE, options()).unwrap(), false, &ops);
    let device = Device::ALL[usize::from(pick) % Device::ALL.len()];
    let rate = u32::from(pick) * 1000;
    let faults = FaultPlan {
        seed: seed.into(),
        error_per_million: rate,
        stall_per_million: rate,
        corrupt_per_million: rate,
        short_per_million: rate,
        interrupt_per_million: rate,
    };
    let queue = SimQueue::with_model(&ARCHIVE, device.model(), options(), seed.into(), faults);
    let trace = run(queue.unwrap(), true, &ops);
    assert!(trace.is_sorted_by_key(|&(_, _, _, completed_ns)| completed_ns), "in virtual time");
});
