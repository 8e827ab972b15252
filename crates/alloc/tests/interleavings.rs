//! Every order of events between threads, tried by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p farplane-alloc --test interleavings`.
#![cfg(loom)]

use farplane_alloc::{
    Arena, Budget, BufferPool, Category, LeaseError, PoolOptions, Range, Reservation, Snapshot,
};
use loom::thread;

/// With at most so many involuntary switches between threads: each order is tried up to that depth,
/// which shows nearly every bug (Musuvathi and Qadeer: "Iterative context bounding for systematic
/// testing of multithreaded programs", 2007) in seconds.
fn model(switches_max: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches_max);
    builder.check(test);
}

fn tree() -> Budget {
    Budget::new(Category::new("total", 10).with(Category::new("a", 8)).with(Category::new("b", 8)))
}

#[test]
fn two_reservations_in_a_full_tree_never_exceed_it() {
    model(4, || {
        let total = tree();
        let other = total.find("b").unwrap();
        let worker = thread::spawn(move || other.try_reserve(6));
        let here = total.find("a").unwrap().try_reserve(6);
        assert!(total.usage().used <= 10);
        let there = worker.join().unwrap();
        // At most one; at least one unless each met the other while it was being refused.
        let held = [here.is_some(), there.is_some()];
        assert_ne!(held, [true, true]);
        assert_eq!(total.usage().used, if held == [false, false] { 0 } else { 6 });
        drop((here, there));
        let used = ["a", "b"].map(|name| total.find(name).unwrap().usage().used);
        assert_eq!((used, total.usage().used), ([0, 0], 0));
    });
}

#[test]
fn reservations_that_fit_together_are_both_made() {
    model(4, || {
        let total = tree();
        let other = total.find("b").unwrap();
        let worker =
            thread::spawn(move || other.try_reserve(5).is_some_and(|held| held.bytes() == 5));
        let here = total.find("a").unwrap().try_reserve(5);
        assert!(here.is_some() && worker.join().unwrap());
        assert_eq!(total.usage().used, 5);
    });
}

/// Whatever is reserved beside a lowered limit is either within it or in the excess that was told.
#[test]
fn no_reservation_slips_past_a_lowered_limit() {
    model(4, || {
        let total = Budget::new(Category::new("total", 10));
        let other = total.clone();
        let worker = thread::spawn(move || other.try_reserve(7));
        let excess = total.set_limit(5);
        let reserved = worker.join().unwrap();
        let held = reserved.as_ref().map_or(0, Reservation::bytes);
        assert_eq!(total.usage().used, held);
        // A reservation that is taken back may be counted in the excess, never the reverse.
        assert!(excess >= held.saturating_sub(5), "{excess} told, {held} held");
    });
}

#[test]
fn moving_between_categories_keeps_the_total() {
    model(4, || {
        let total = tree();
        let (a, b) = (total.find("a").unwrap(), total.find("b").unwrap());
        let mut held = a.reserve(6).unwrap();
        let watched = total.clone();
        let watcher = thread::spawn(move || watched.try_reserve(5).is_none());
        held.move_to(&b).unwrap();
        assert!(watcher.join().unwrap(), "6 of 10 were held throughout");
        assert_eq!((a.usage().used, b.usage().used, total.usage().used), (0, 6, 6));
    });
}

#[test]
fn a_buffer_has_one_user_at_a_time_and_every_byte_is_paid_for() {
    model(2, || {
        let budget = Budget::new(Category::new("buffers", 8192));
        let pool = BufferPool::new(budget, PoolOptions::default()).unwrap();
        let other = pool.clone();
        let use_one = |pool: &BufferPool, tag: u8| {
            let mut buffer = pool.acquire(2).unwrap();
            buffer.fill(tag);
            thread::yield_now();
            assert_eq!(*buffer, [tag; 2]);
        };
        let worker = thread::spawn(move || use_one(&other, 1));
        use_one(&pool, 2);
        worker.join().unwrap();
        let stats = pool.stats();
        assert_eq!((stats.hits + stats.misses, stats.outstanding, stats.refused), (2, 0, 0));
        assert_eq!((stats.idle, stats.idle_bytes), (stats.misses, 4096 * stats.misses));
        assert_eq!(pool.budget().usage().used, stats.idle_bytes);
        pool.trim(0);
        assert_eq!(pool.budget().usage().used, 0);
    });
}

/// Room for one buffer, two sizes: each request drops what the other one left.
#[test]
fn two_sizes_in_the_room_of_one_end_with_one_idle() {
    model(2, || {
        let budget = Budget::new(Category::new("buffers", 8192));
        let pool = BufferPool::new(budget, PoolOptions::default()).unwrap();
        let other = pool.clone();
        let worker = thread::spawn(move || other.acquire(8192).is_ok());
        let here = pool.acquire(4096).is_ok();
        let there = worker.join().unwrap();
        assert!(here || there);
        let used = pool.budget().usage().used;
        assert!(used <= 8192 && used == pool.stats().idle_bytes);
        assert_eq!(pool.stats().refused, u64::from(!here) + u64::from(!there));
    });
}

/// Loom sees each use of an arena's bytes and fails where two are not ordered and one of them writes.
const RANGE: Range = Range { offset: 64, size: 128 };

#[test]
fn a_range_is_leased_again_only_after_the_last_write_through_its_lease() {
    model(4, || {
        let mut arena = Arena::new(256).unwrap();
        let mut lease = arena.lease(RANGE).unwrap();
        let worker = thread::spawn(move || lease.fill(1));
        match arena.lease(RANGE) {
            Ok(mut again) => again.fill(2),
            Err(error) => assert_eq!(error, LeaseError::Leased { range: RANGE, other: RANGE }),
        }
        worker.join().unwrap();
        arena.lease(RANGE).unwrap().fill(3);
    });
}

#[test]
fn what_a_worker_wrote_is_read_through_a_snapshot_on_a_third_thread() {
    model(3, || {
        let mut arena = Arena::new(256).unwrap();
        let mut lease = arena.lease(RANGE).unwrap();
        let worker = thread::spawn(move || {
            lease.fill(7);
            lease
        });
        arena.publish(worker.join().unwrap()).unwrap();
        let snapshot = arena.snapshot();
        let reader =
            thread::spawn(move || snapshot.read(RANGE).is_some_and(|bytes| bytes == [7; 128]));
        assert_eq!(arena.read(RANGE), Some(&[7; 128][..]));
        assert!(reader.join().unwrap());
    });
}

#[test]
fn a_retired_range_is_leased_again_only_after_the_last_read() {
    model(4, || {
        let mut arena = Arena::new(256).unwrap();
        let lease = arena.lease(RANGE).unwrap();
        arena.publish(lease).unwrap();
        let reads = |snapshot: Snapshot| snapshot.read(RANGE).is_some_and(|b| b == [0; 128]);
        let (one, other) = (arena.snapshot(), arena.snapshot());
        let readers = [thread::spawn(move || reads(one)), thread::spawn(move || reads(other))];
        let retired = arena.retire(RANGE);
        let unread = arena.oldest_reader() > retired;
        match arena.lease(RANGE) {
            Ok(mut lease) => lease.fill(1),
            Err(error) => {
                assert_eq!(error, LeaseError::StillRead { range: RANGE, epoch: retired });
                assert!(!unread, "nobody reads it, and yet it is refused");
            }
        }
        for reader in readers {
            assert!(reader.join().unwrap());
        }
        assert!(arena.lease(RANGE).is_ok());
    });
}

/// The memory of a view that was dropped elsewhere is used again for the next.
#[test]
fn a_snapshot_shows_its_own_moment_whenever_an_older_one_is_dropped() {
    model(4, || {
        let mut arena = Arena::new(256).unwrap();
        let first = arena.snapshot();
        let reader = thread::spawn(move || first.read(RANGE).is_none());
        let lease = arena.lease(RANGE).unwrap();
        arena.publish(lease).unwrap();
        let second = arena.snapshot();
        arena.retire(RANGE);
        let third = arena.snapshot();
        assert!(second.read(RANGE).is_some() && third.read(RANGE).is_none());
        assert!(second.epoch() < third.epoch());
        assert!(reader.join().unwrap());
    });
}
