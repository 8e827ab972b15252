//! Which request is read next, and with whom: the rules of the scheduler, seen through a device
//! without chance.

use std::collections::VecDeque;

use farplane_io::{
    Archive, ArchiveBuilder, Device, DeviceRead, FaultPlan, Filter, QueueOptions, ReadBuffer,
    ReadErrorKind, ReadQueue, ReadRequest, Scheduler, SimQueue, pack,
};

use crate::model::noise;
use crate::{PLAIN, archive, one_by_one, plain_device, request, times};

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
fn a_completion_says_when_its_read_went_to_the_device() {
    let archive = archive();
    let mut queue = one_by_one(&archive);
    let tickets = [0, 1, 2].map(|id| queue.submit(request(id, id * 9000, 100, 0), 0).unwrap());
    assert!(queue.cancel(tickets[1]));
    let mut out = Vec::new();
    queue.poll(1000, &mut out);
    let times: Vec<_> = out.iter().map(|d| (d.id, d.issued_ns, d.completed_ns)).collect();
    // 100 to access and 100 to transfer; 2 waits for the end of 0.
    assert_eq!(times, [(1, 0, 0), (0, 0, 200), (2, 200, 400)]);
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

/// A device that has its data at hand for a while, and then no more.
#[test]
fn after_a_burst_no_more_is_in_flight_than_before() {
    const BYTES: u32 = 65_536;
    let options = QueueOptions { joined_bytes_max: 0, ..QueueOptions::default() };
    let mut scheduler = Scheduler::new(options, 1 << 30, 4096).unwrap();
    for id in 0..1000 {
        let request = request(id, id * 917 % 8192 * u64::from(BYTES), BYTES, 3);
        scheduler.submit(request, 0, 0).unwrap();
    }
    let (mut at_device, mut now_ns, mut out) = (VecDeque::new(), 0, Vec::new());
    // Serves `count` reads, one every `each_ns`; what is in flight then.
    let mut serve = |count: usize, each_ns: u64| {
        for _ in 0..count {
            at_device.extend(std::iter::from_fn(|| scheduler.issue(now_ns)));
            now_ns += each_ns;
            let read: DeviceRead = at_device.pop_front().unwrap();
            let bytes = ReadBuffer::from_vec(vec![0; read.len]);
            scheduler.complete(read.token, Ok(bytes), now_ns);
            scheduler.poll(&mut out);
            out.clear();
        }
        at_device.extend(std::iter::from_fn(|| scheduler.issue(now_ns)));
        scheduler.held_bytes()
    };
    // Alone, a read takes 200 us; then 595 MB/s.
    serve(1, 200_000);
    let before = serve(200, 110_000);
    // 3.3 GB/s, for as long as it lasts.
    let burst = serve(300, 20_000);
    let after = serve(128, 110_000);
    assert!(burst > 2 * before, "the window follows the device: {before}, then {burst}");
    assert!(after <= before, "{before} before, {after} after");
}

#[test]
fn an_urgent_read_finds_room_although_long_ones_hold_all_they_may() {
    let archive = archive();
    let options = QueueOptions { bytes_max: 16_384, adapt: true, ..PLAIN };
    let none = FaultPlan::default();
    let mut queue = SimQueue::with_model(&archive, plain_device(1), options, 0, none).unwrap();
    // The first read of all is the window's probe, which has the device for itself.
    queue.submit(request(9, 0, 10, 2), 0).unwrap();
    assert_eq!(times(&mut queue, 10_000), [(9, 110)]);
    for id in 0..6 {
        queue.submit(request(id, id * 4096, 4096, 2), 10_000).unwrap();
    }
    queue.submit(request(6, 0, 2048, 0), 10_000).unwrap();
    // Four would fill the 16 KiB; an eighth is kept, so three go, and the urgent one after them at
    // once, although nothing has been polled.
    let first = [(0, 14_196), (1, 18_392), (2, 22_588), (6, 24_736)];
    assert_eq!(times(&mut queue, 40_000), first);
    assert_eq!(times(&mut queue, 80_000), [(3, 44_196), (4, 48_392), (5, 52_588)]);
}

/// What the streaming core hands over as one, however long, must not be in an urgent one's way.
#[test]
fn an_urgent_read_goes_between_the_pieces_of_long_ones() {
    const LONG: u32 = 4 << 20;
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&noise(1, 4 * LONG as usize), Filter::None)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    for device in [Device::Nvme, Device::SataSsd] {
        let model = device.model();
        let options = QueueOptions {
            request_cost_bytes: model.request_cost_bytes(),
            ..QueueOptions::default()
        };
        let none = FaultPlan::default();
        let mut queue = SimQueue::with_model(&archive, model, options, 1, none).unwrap();
        for id in 0..400 {
            queue.submit(request(id, 8192 + id % 4 * u64::from(LONG), LONG, 3), 0).unwrap();
        }
        let (mut now_ns, mut took_ns) = (0, Vec::new());
        while queue.counters().reads < 300 {
            now_ns += 7_777_777;
            times(&mut queue, now_ns);
            let place = took_ns.len() as u64 % 64;
            let urgent = request(9999, 8192 + place * 65_536, 65_536, 0);
            let submitted_ns = now_ns;
            queue.submit(urgent, now_ns).unwrap();
            took_ns.push(loop {
                now_ns = queue.next_event_ns().unwrap();
                let done = times(&mut queue, now_ns);
                if let Some((_, at_ns)) = done.iter().find(|(id, _)| *id == 9999) {
                    break at_ns - submitted_ns;
                }
            });
        }
        let longest_ms = *took_ns.iter().max().unwrap() as f64 / 1e6;
        assert!(took_ns.len() > 20 && longest_ms <= 1.5, "{device}: {longest_ms} ms");
    }
}

/// The first read of a file may wait for what the others do not, such as metadata that is not cached.
#[test]
fn one_slow_read_at_the_beginning_does_not_open_the_window() {
    const BYTES: u32 = 65_536;
    let options = QueueOptions { joined_bytes_max: 0, ..QueueOptions::default() };
    let mut scheduler = Scheduler::new(options, 1 << 30, 4096).unwrap();
    for id in 0..2000 {
        let request = request(id, id * 917 % 8192 * u64::from(BYTES), BYTES, 3);
        scheduler.submit(request, 0, 0).unwrap();
    }
    // 60 ms, then a device of 0.2 ms and 1 GB/s.
    let (mut at_device, mut now_ns, mut bus_free_ns) = (VecDeque::new(), 0, 0);
    let (mut access_ns, mut out) = (60_000_000, Vec::new());
    for _ in 0..600 {
        while let Some(read) = scheduler.issue(now_ns) {
            let read: DeviceRead = read;
            bus_free_ns = bus_free_ns.max(now_ns + access_ns) + u64::from(BYTES);
            access_ns = 200_000;
            at_device.push_back((bus_free_ns, read));
        }
        let (end_ns, read) = at_device.pop_front().unwrap();
        now_ns = end_ns;
        let bytes = ReadBuffer::from_vec(vec![0; read.len]);
        scheduler.complete(read.token, Ok(bytes), now_ns);
        scheduler.poll(&mut out);
        out.clear();
    }
    while scheduler.issue(now_ns).is_some() {}
    // What the device does in four times its access time is 800 KB.
    let held_bytes = scheduler.held_bytes();
    assert!((500_000..900_000).contains(&held_bytes), "{held_bytes}");
}

#[test]
#[should_panic(expected = "aligned to 524288 bytes")]
fn an_alignment_beyond_a_piece_is_refused() {
    let _ = Scheduler::new(QueueOptions::default(), 1 << 30, 512 << 10);
}

/// 5,000 reads of 16 KiB that lie side by side, submitted in no order: as fast as one read of the same
/// bytes, and an urgent one that comes meanwhile does not wait for them.
#[test]
fn small_reads_take_as_long_as_one_of_all_their_bytes() {
    const BYTES: u64 = 16_384;
    const COUNT: u64 = 5000;
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&noise(1, (BYTES * COUNT) as usize), Filter::None)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    for device in [Device::Nvme, Device::SataSsd] {
        let model = device.model();
        let options = QueueOptions {
            request_cost_bytes: model.request_cost_bytes(),
            bytes_max: BYTES * COUNT,
            ..QueueOptions::default()
        };
        // When all is there, and what each urgent read took.
        let run = |count: u64, urgent_each_ns: u64| {
            let none = FaultPlan::default();
            let mut queue = SimQueue::with_model(&archive, model, options, 1, none).unwrap();
            let len = (BYTES * COUNT / count) as u32;
            for id in 0..count {
                let offset = 8192 + id * 3571 % count * BYTES;
                queue.submit(request(id, offset, len, 3), 0).unwrap();
            }
            let (mut left, mut end_ns, mut urgent_ns, mut took_ns) =
                (count, 0, urgent_each_ns, Vec::new());
            while left > 0 {
                let mut next_ns = queue.next_event_ns().unwrap();
                if urgent_ns < next_ns {
                    next_ns = urgent_ns;
                    let offset = 8192 + urgent_ns % COUNT * BYTES;
                    queue.submit(request(COUNT, offset, BYTES as u32, 0), next_ns).unwrap();
                    urgent_ns += urgent_each_ns;
                }
                let mut out = Vec::new();
                queue.poll(next_ns, &mut out);
                for done in out {
                    if done.id == COUNT {
                        took_ns.push(done.completed_ns - done.submitted_ns);
                    } else {
                        (left, end_ns) = (left - 1, done.completed_ns);
                    }
                }
            }
            (end_ns as f64, took_ns)
        };
        let (packed_ns, _) = run(1, u64::MAX);
        let (small_ns, _) = run(COUNT, u64::MAX);
        assert!(small_ns <= packed_ns, "{device}: {} of it", small_ns / packed_ns);
        let (_, took_ns) = run(COUNT, 1_700_000);
        let longest_ms = *took_ns.iter().max().unwrap() as f64 / 1e6;
        assert!(took_ns.len() >= 20 && longest_ms <= 1.5, "{device}: {longest_ms} ms");
    }
}
