//! What the buffer pool promises beyond the oracle: threads, callbacks, views, overhead.
#![cfg(feature = "std")]

use farplane_alloc::{
    Budget, Buffer, BufferError, BufferPool, Category, PoolOptions, PoolOptionsError, PressureLevel,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

const ROUNDS: usize = if cfg!(miri) { 20 } else { 3000 };

fn pool(limit: u64) -> BufferPool {
    let budget = Budget::new(Category::new("buffers", limit));
    BufferPool::new(budget, PoolOptions::default()).unwrap()
}

#[test]
fn options_out_of_bounds_are_refused_with_their_numbers() {
    let made = |align, steps_per_doubling| {
        let options = PoolOptions { align, steps_per_doubling, ..PoolOptions::default() };
        BufferPool::new(Budget::new(Category::new("b", 1)), options).err()
    };
    assert_eq!(made(2048, 8), Some(PoolOptionsError::BadAlignment { align: 2048 }));
    assert_eq!(made(12288, 8), Some(PoolOptionsError::BadAlignment { align: 12288 }));
    assert_eq!(made(4096, 0), Some(PoolOptionsError::BadSteps { steps_per_doubling: 0 }));
    assert_eq!(made(4096, 512), Some(PoolOptionsError::BadSteps { steps_per_doubling: 512 }));
    assert_eq!(made(1 << 21, 256), None);
}

#[test]
fn a_large_alignment_is_kept() {
    let options = PoolOptions { align: 1 << 21, ..PoolOptions::default() };
    let pool = BufferPool::new(Budget::new(Category::new("b", 16 << 20)), options).unwrap();
    let buffers: Vec<Buffer> = (0..3).map(|_| pool.acquire(5000).unwrap()).collect();
    assert!(buffers.iter().all(|buffer| buffer.as_ptr().addr() % (1 << 21) == 0));
    assert!(buffers.iter().all(|buffer| buffer.capacity() == 1 << 21));
}

/// Buffers are filled by one thread, checked and dropped by another, and acquired again by a third.
#[test]
fn buffers_come_back_from_any_thread_and_never_have_two_users() {
    let pool = pool(600_000);
    let (send, receive) = channel::<(Buffer, u8)>();
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for worker in 0..2_usize {
            let (pool, send, refused) = (&pool, send.clone(), &refused);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let Ok(mut buffer) = pool.acquire(1 + (round * 37 + worker * 11) % 60_000)
                    else {
                        refused.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                        continue;
                    };
                    let tag = (round + worker) as u8;
                    buffer.iter_mut().step_by(509).for_each(|byte| *byte = tag);
                    send.send((buffer, tag)).unwrap();
                }
            });
        }
        drop(send);
        for (buffer, tag) in receive {
            assert!(buffer.iter().step_by(509).all(|&byte| byte == tag));
        }
    });
    let stats = pool.stats();
    let served = stats.hits + stats.misses;
    assert_eq!(served + refused.into_inner() as u64, 2 * ROUNDS as u64);
    assert_eq!((stats.outstanding, stats.outstanding_bytes, stats.requested_bytes), (0, 0, 0));
    assert_eq!(pool.budget().usage().used, stats.idle_bytes);
    assert!(pool.budget().usage().peak <= 600_000);
    pool.trim(0);
    assert_eq!(pool.budget().usage().used, 0);
}

#[test]
fn buffers_outlive_their_pool() {
    let pool = pool(100_000);
    let budget = pool.budget().clone();
    let mut buffer = pool.acquire(10).unwrap();
    drop(pool);
    buffer.fill(3);
    assert_eq!((&*buffer, budget.usage().used), (&[3; 10][..], 4096));
    drop(buffer);
    assert_eq!(budget.usage().used, 0);
}

#[test]
fn a_callback_that_frees_something_saves_the_request() {
    let pool = pool(64 << 10);
    let cache = Arc::new(Mutex::new(vec![pool.acquire(64 << 10).unwrap()]));
    let to_drop = Arc::clone(&cache);
    pool.on_pressure(move |pool, pressure| {
        assert_eq!(pressure.level, PressureLevel::Full);
        assert_eq!((pressure.requested_bytes, pressure.available_bytes), (5000, 0));
        // A request from inside finds the same pool full and calls nobody.
        assert!(pool.acquire(1).is_err());
        to_drop.lock().unwrap().clear();
    });
    assert_eq!(pool.acquire(5000).map(|buffer| buffer.capacity()), Ok(8192));
    assert_eq!(pool.stats().refused, 1, "the one from inside");
}

#[test]
fn a_panicking_callback_is_called_again_the_next_time() {
    let pool = pool(4096);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    pool.on_pressure(move |_, _| {
        assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "the first call panics");
    });
    let _all = pool.acquire(1).unwrap();
    let panicking = pool.clone();
    assert!(thread::spawn(move || panicking.acquire(1).is_ok()).join().is_err());
    assert!(matches!(pool.acquire(1), Err(BufferError::OverBudget { requested: 1, .. })));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn a_request_that_nothing_idle_can_save_throws_nothing_away() {
    let pool = pool(100_000);
    drop((pool.acquire(20_000).unwrap(), pool.acquire(30_000).unwrap()));
    assert!(pool.acquire(150_000).is_err());
    assert_eq!((pool.stats().idle, pool.stats().trimmed), (2, 0));
    assert!(pool.acquire(80_000).is_ok());
    assert_eq!(pool.stats().trimmed, 2);
}

#[test]
fn a_lowered_limit_is_met_as_buffers_come_back() {
    let pool = pool(100_000);
    let buffers: Vec<_> = (0..4).map(|_| pool.acquire(20_000).unwrap()).collect();
    assert_eq!(pool.budget().set_limit(41_000), 4 * 20_480 - 41_000);
    let mut left = Vec::from_iter(buffers);
    left.truncate(3);
    assert_eq!((pool.stats().idle, pool.budget().usage().used), (0, 61_440));
    left.truncate(1);
    assert_eq!((pool.stats().idle, pool.budget().usage().used), (1, 40_960));
}

#[test]
#[cfg(feature = "bytemuck")]
fn bytes_are_seen_as_numbers_in_whole_elements_only() {
    let pool = pool(8192);
    let mut buffer = pool.acquire_zeroed(12).unwrap();
    buffer.view_mut::<u32>().unwrap()[1] = 0x0403_0201;
    assert_eq!(buffer[4..8], 0x0403_0201_u32.to_ne_bytes());
    assert_eq!(buffer.view::<u32>().unwrap(), [0, 0x0403_0201, 0]);
    let error = buffer.view::<u64>().unwrap_err();
    assert_eq!((error.len, error.element), (12, 8));
}

/// Under 5% of what is handed out, for sizes as streaming asks for them.
#[test]
#[cfg_attr(miri, ignore = "thousands of buffers")]
fn rounding_costs_less_than_five_percent() {
    let mut random = 1_u64;
    let mut uniform = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 11) as f64 / (1_u64 << 53) as f64
    };
    let overhead = |size: &mut dyn FnMut() -> f64| {
        let pool = pool(u64::MAX);
        let buffers: Vec<_> = (0..2000).map(|_| pool.acquire(size() as usize).unwrap()).collect();
        assert_eq!(pool.stats().outstanding, buffers.len() as u64);
        pool.stats().overhead()
    };
    let (low, high) = (4096.0, 1024.0 * 1024.0);
    let flat = overhead(&mut || low + uniform() * (high - low));
    // Log-normal between 4 KiB and 16 MiB, median 128 KiB, σ 1.5 (Irwin–Hall for the normal).
    let log_normal = overhead(&mut || {
        loop {
            let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            let bytes = 131_072.0 * (1.5 * normal).exp();
            if (4096.0..=16_777_216.0).contains(&bytes) {
                return bytes;
            }
        }
    });
    let blocks = overhead(&mut || 65536.0 * (1.0 + (uniform() * 64.0).floor()));
    println!("overhead: uniform {flat:.4}, log-normal {log_normal:.4}, blocks {blocks:.4}");
    assert!(flat < 0.02 && log_normal < 0.025 && blocks < 0.01);
}
