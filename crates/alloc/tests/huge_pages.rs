//! `HugePages` as the allocator of a whole program.

use farplane_alloc::HugePages;
use proptest::prelude::*;
use std::alloc::System;

mod model;

#[global_allocator]
static ALLOCATOR: HugePages<System> = HugePages::new(System);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn vectors_hold_what_was_written(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        model::huge_pages::run(&bytes);
    }
}

/// `KEY: N kB` of the mapping that holds an address.
#[cfg(target_os = "linux")]
fn smaps_kib(address: usize, key: &str) -> Option<u64> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let mut inside = false;
    for line in smaps.lines() {
        if let Some((range, _)) = line.split_once(' ')
            && let Some((start, end)) = range.split_once('-')
        {
            let parse = |text| usize::from_str_radix(text, 16).ok();
            inside = parse(start)? <= address && address < parse(end)?;
        } else if inside && let Some(value) = line.strip_prefix(key) {
            return value.trim_start_matches(':').trim().strip_suffix(" kB")?.parse().ok();
        }
    }
    None
}

#[cfg(target_os = "linux")]
#[test]
fn large_tables_are_in_huge_pages_and_small_ones_are_not() {
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    if !setting.as_ref().is_ok_and(|s| s.contains("[madvise]") || s.contains("[always]")) {
        return println!("skipped: this system gives no huge pages ({setting:?})");
    }
    let table = vec![1u8; 32 << 20];
    let huge_kib = smaps_kib(table.as_ptr().addr(), "AnonHugePages").unwrap();
    if huge_kib == 0 {
        return println!("skipped: this system has no huge page left");
    }
    assert!(huge_kib >= 2048, "{huge_kib} KiB");
    let small = vec![1u8; 1 << 20];
    assert_ne!(small.as_ptr().addr() % (2 << 20), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_taken_as_it_is_written() {
    let mut reserved = vec![0u8; 1 << 30];
    let middle = reserved.len() / 2;
    reserved[middle] = 1;
    let resident_kib = smaps_kib(reserved.as_ptr().addr(), "Rss").unwrap();
    assert!((4..=2048).contains(&resident_kib), "{resident_kib} KiB");
}
