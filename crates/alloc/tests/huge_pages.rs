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

/// A huge page is 2 MiB on x86-64, and more where pages are larger.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_taken_as_it_is_written() {
    let mut reserved = vec![0u8; 128 << 20];
    let middle = reserved.len() / 2;
    reserved[middle] = 1;
    let Some(resident_kib) = smaps_kib(reserved.as_ptr().addr(), "Rss") else {
        return println!("skipped: this system tells nothing of mappings");
    };
    let size = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
    let page_bytes = size.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(2u64 << 20);
    assert!((1..=page_bytes / 1024).contains(&resident_kib), "{resident_kib} KiB");
}

/// Advice about a part makes two mappings of one, which the kernel does not move together.
#[cfg(all(target_os = "linux", not(miri)))]
#[test]
#[allow(unsafe_code)]
fn memory_that_its_owner_split_grows_too() {
    let mut bytes: Vec<u8> = (0..8u32 << 20).map(|at| (at >> 12) as u8).collect();
    bytes.shrink_to_fit();
    let half = bytes.as_mut_ptr().wrapping_add(4 << 20).cast();
    // SAFETY: half of the vector's memory; the advice is about core dumps and changes no byte.
    let advised = unsafe { rustix::mm::madvise(half, 4 << 20, rustix::mm::Advice::LinuxDontDump) };
    advised.unwrap();
    bytes.reserve_exact(24 << 20);
    assert_eq!((bytes.as_ptr().addr() % (2 << 20), bytes.len()), (0, 8 << 20));
    assert!((0..8u32 << 20).zip(&bytes).all(|(at, &byte)| byte == (at >> 12) as u8));
    bytes.resize(32 << 20, 7);
    assert_eq!(bytes.last(), Some(&7));
}
