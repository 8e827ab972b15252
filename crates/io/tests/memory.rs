//! How much memory a writer takes: a constant, and at most 100 bytes an entry.
#![allow(unsafe_code, reason = "counting what is allocated takes an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use farplane_io::{ArchiveWriter, Filter, pack};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    MOST.fetch_max(NOW.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: every call goes to the system's allocator with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        taken(new_size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that is held while an archive is written, beyond what was held before.
fn most_while_writing(entries: u32) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = ArchiveWriter::create(&folder.path().join("m.far")).unwrap();
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    for id in 0..entries {
        writer.add(id, &pack(&id.to_le_bytes(), Filter::None)).unwrap();
    }
    println!(
        "{entries} entries: {} held, {} at most",
        NOW.load(Relaxed) - before,
        MOST.load(Relaxed) - before
    );
    writer.finish().unwrap();
    MOST.load(Relaxed) - before
}

#[test]
fn an_entry_takes_at_most_100_bytes_of_a_writers_memory() {
    let (few, many) = (most_while_writing(10_000), most_while_writing(210_000));
    let per_entry = (many - few) as f64 / 200_000.0;
    println!("{per_entry:.1} bytes an entry, {few} with 10,000");
    assert!(per_entry <= 100.0, "{per_entry}");
    assert!(few <= (2 << 20) + 10_000 * 100, "{few}");
}
