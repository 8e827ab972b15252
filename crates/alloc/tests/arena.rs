//! What the arena promises, with real threads.

use farplane_alloc::{Arena, ArenaError, LEASES_MAX, LeaseError, Range, Snapshot};
use std::sync::mpsc::channel;
use std::thread;

const ROUNDS: u64 = if cfg!(miri) { 40 } else { 5000 };

/// Slots are written by workers, published, read by readers and retired, round after round. Each
/// version of a slot is one value throughout, so a reader that sees two has seen a write.
#[test]
fn readers_never_see_a_byte_change_while_workers_fill_other_ranges() {
    const SLOTS: u64 = 8;
    const SIZE: u64 = 100;
    let slot = |index: u64| Range::new(index % SLOTS * SIZE, SIZE);
    let mut arena = Arena::new((SLOTS * SIZE) as usize).unwrap();

    let (to_workers, work) = channel::<farplane_alloc::Lease>();
    let (done, from_workers) = channel();
    let worker = thread::spawn(move || {
        for (round, mut lease) in work.into_iter().enumerate() {
            lease.fill(round as u8);
            done.send(lease).unwrap();
        }
    });
    let (to_readers, snapshots) = channel::<Snapshot>();
    let reader = thread::spawn(move || {
        let mut seen = 0;
        for snapshot in snapshots {
            for range in (0..SLOTS).map(slot) {
                let Some(bytes) = snapshot.read(range) else { continue };
                assert!(bytes.iter().all(|&byte| byte == bytes[0]));
                seen += 1;
            }
        }
        seen
    });

    let mut still_read = 0;
    for round in 0..ROUNDS {
        arena.retire(slot(round));
        let lease = loop {
            match arena.lease(slot(round)) {
                Ok(lease) => break lease,
                Err(LeaseError::StillRead { .. }) => still_read += 1,
                Err(error) => panic!("{error}"),
            }
            thread::yield_now();
        };
        to_workers.send(lease).unwrap();
        to_readers.send(arena.snapshot()).unwrap();
        arena.publish(from_workers.recv().unwrap()).unwrap();
        arena.advance_epoch();
    }
    drop((to_workers, to_readers));
    worker.join().unwrap();
    assert!(reader.join().unwrap() > 0);
    println!("leases refused because a snapshot was held: {still_read}");
}

#[test]
fn a_snapshot_outlives_the_arena() {
    let mut arena = Arena::new(64).unwrap();
    let range = Range::new(8, 3);
    let mut lease = arena.lease(range).unwrap();
    lease.copy_from_slice(b"far");
    arena.publish(lease).unwrap();
    let snapshot = arena.snapshot();
    let rest = arena.lease(Range::new(20, 4)).unwrap();
    drop(arena);
    assert_eq!(snapshot.read(range), Some(&b"far"[..]));
    assert_eq!(*rest, [0; 4]);
}

#[test]
fn a_pool_is_leased_and_retired_slot_by_slot_and_read_as_a_whole() {
    let mut arena = Arena::new(256).unwrap();
    for (slot, value) in [(2, 2), (0, 0), (1, 1)] {
        let mut lease = arena.lease(Range::new(64 * slot, 64)).unwrap();
        lease.fill(value);
        arena.publish(lease).unwrap();
    }
    assert_eq!(arena.published_ranges(), 1);
    assert_eq!(arena.read(Range::new(63, 66)).map(|bytes| (bytes[0], bytes[65])), Some((0, 2)));
    arena.retire(Range::new(64, 64));
    assert_eq!(arena.read(Range::new(63, 66)), None);
    assert!(arena.lease(Range::new(64, 64)).is_ok());
    assert_eq!(
        arena.lease(Range::new(60, 8)).err(),
        Some(LeaseError::Published { range: Range::new(60, 8) })
    );
}

#[test]
fn the_arena_begins_on_a_cache_line_and_is_zero() {
    let mut arena = Arena::new(1 << 12).unwrap();
    let lease = arena.lease(Range::new(64, 64)).unwrap();
    assert_eq!(lease.as_ptr().addr() % 64, 0);
    assert_eq!(*lease, [0; 64]);
}

/// Only touched pages are brought in.
#[test]
#[cfg_attr(any(miri, not(target_os = "linux")), ignore = "reads /proc")]
fn an_arena_costs_no_memory_before_it_is_written() {
    let resident_pages = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse().unwrap()
    };
    let before = resident_pages();
    let arena = Arena::new(1 << 30).unwrap();
    let grown = resident_pages().saturating_sub(before);
    assert!(grown * 4096 < 1 << 28, "{grown} pages are resident");
    drop(arena);
}

#[test]
#[cfg_attr(miri, ignore = "a million steps")]
fn too_much_memory_and_too_many_leases_are_errors() {
    for len in [usize::MAX, usize::MAX - 63, isize::MAX as usize] {
        assert_eq!(Arena::new(len).err(), Some(ArenaError::OutOfMemory { requested: len }));
    }
    let mut arena = Arena::new(LEASES_MAX + 1).unwrap();
    let leases: Vec<_> =
        (0..LEASES_MAX as u64).map(|i| arena.lease(Range::new(i, 1)).unwrap()).collect();
    let last = Range::new(LEASES_MAX as u64, 1);
    assert_eq!(arena.lease(last).err(), Some(LeaseError::TooManyLeases { leases: LEASES_MAX }));
    drop(leases);
    assert!(arena.lease(last).is_ok());
}

#[test]
fn a_lease_can_only_be_published_in_its_own_arena() {
    let (mut one, mut other) = (Arena::new(64).unwrap(), Arena::new(64).unwrap());
    let range = Range::new(0, 8);
    let lease = one.lease(range).unwrap();
    assert!(other.publish(lease).is_err());
    assert_eq!((one.read(range), other.read(range)), (None, None));
    assert!(one.lease(range).is_ok());
}
