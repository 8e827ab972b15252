//! What the system really holds for pooled buffers. Alone in its process, so that nothing else takes
//! or gives back memory meanwhile.
#![cfg(all(feature = "std", target_os = "linux", not(miri)))]

use farplane_alloc::{Budget, BufferPool, Category, PoolOptions};

const BYTES: u64 = 64 << 20;
const BLOCK: usize = 64 << 10;

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn blocks_of_64_kib_cost_themselves_and_go_back_to_the_system() {
    let budget = Budget::new(Category::new("buffers", BYTES));
    let pool = BufferPool::new(budget, PoolOptions::default()).unwrap();
    let mut buffers = Vec::with_capacity((BYTES / BLOCK as u64) as usize);
    let before = resident_bytes();
    while let Ok(mut buffer) = pool.acquire(BLOCK) {
        buffer.fill(1);
        buffers.push(buffer);
    }
    let held = resident_bytes() - before;
    assert_eq!(buffers.len() as u64, BYTES / BLOCK as u64);
    drop(buffers);
    assert_eq!((pool.stats().idle_bytes, pool.trim(0)), (BYTES, BYTES));
    let left = resident_bytes().saturating_sub(before);
    println!("{BYTES} bytes in blocks of {BLOCK}: {held} resident, {left} after trim");
    assert!(held < BYTES + BYTES / 50, "{held}");
    assert!(left < BYTES / 50, "{left}");
}
