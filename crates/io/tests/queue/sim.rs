//! The simulated device: its arithmetic by hand, its presets, its faults' rates.

use farplane_io::{
    Archive, ArchiveBuilder, Backend, Completion, Device, DeviceModel, FaultPlan, Filter,
    QueueOptions, ReadErrorKind, ReadQueue, STALL_NS, SimQueue, open_queue, pack,
};

use crate::model::noise;
use crate::{FAULTS, PLAIN, archive, archive_in, faulty, plain_device, pool, request, sim, times};

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
