//! What goes wrong at a device, and what a request sees of it.

use farplane_io::{
    Backend, FaultPlan, QueueOptions, ReadErrorKind, ReadQueue, STALL_NS, SimQueue, open_queue,
};

use crate::{PLAIN, archive, archive_in, drain, faulty, plain_device, pool, request, times};

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
    assert_eq!((out.len(), queue.in_flight()), (2, 0));
    // 2 waited for a place, and the one that there is has stalled. So has it for 3.
    assert_eq!((out[1].id, out[1].completed_ns), (2, 1_000_000));
    queue.submit(request(3, 0, 100, 0), STALL_NS).unwrap();
    assert_eq!(queue.next_event_ns(), Some(STALL_NS));
    queue.poll(STALL_NS, &mut out);
    let kinds = [1, 2].map(|index: usize| out[index].result.as_ref().unwrap_err().kind);
    let after = |after_ns| ReadErrorKind::Stalled { after_ns };
    assert_eq!(kinds, [after(1_000_000), after(STALL_NS)]);
    // The device is free again when the first read has arrived at last: 200 + 250 ms.
    queue.submit(request(4, 0, 100, 0), 200 + STALL_NS).unwrap();
    assert_eq!(queue.counters().reads, 2, "4 went to the device");
}

#[test]
fn a_dead_device_ends_every_request() {
    let archive = archive();
    let faults = FaultPlan { stall_per_million: 1_000_000, ..FaultPlan::default() };
    // Once with a window that is full, once with bytes that are all held, once with no place.
    for (adapt, bytes_max, reads_max) in
        [(true, 64 << 20, 64), (false, 9000, 64), (false, 64 << 20, 4)]
    {
        let options = QueueOptions { adapt, bytes_max, reads_max, stall_ns: 1_000_000, ..PLAIN };
        let mut queue =
            SimQueue::with_model(&archive, plain_device(64), options, 0, faults).unwrap();
        for id in 0..60 {
            queue.submit(request(id, id * 500, 2000, (id % 3) as u8), 0).unwrap();
        }
        let mut out = Vec::new();
        queue.poll(STALL_NS / 2, &mut out);
        assert_eq!((out.len(), queue.in_flight()), (60, 0));
        assert!(out.iter().all(|done| matches!(
            done.result.as_ref().unwrap_err().kind,
            ReadErrorKind::Stalled { after_ns: 1_000_000.. }
        )));
    }
}

#[test]
fn who_waits_behind_a_first_read_that_stalls_is_read_after_100_ms() {
    let archive = archive();
    // Seeded so that the first read stalls and the second does not.
    let mut ends = (0..).map(|seed| {
        let faults = FaultPlan { seed, stall_per_million: 500_000, ..FaultPlan::default() };
        let options = QueueOptions { adapt: true, ..PLAIN };
        let mut queue =
            SimQueue::with_model(&archive, plain_device(8), options, 0, faults).unwrap();
        for id in 0..2 {
            queue.submit(request(id, id * 9000, 10, 2), 0).unwrap();
        }
        let mut ends = Vec::new();
        while let Some(next_ns) = queue.next_event_ns() {
            ends.extend(times(&mut queue, next_ns));
        }
        ends
    });
    let ends = ends.find(|ends| ends[0].0 == 1);
    assert_eq!(ends.unwrap(), [(1, 100_000_110), (0, 110 + STALL_NS)]);
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
