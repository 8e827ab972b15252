//! How much memory a writer takes: a constant, and at most 100 bytes an entry. And that an archive on a
//! server takes only what the server gives, whatever it claims.
#![allow(unsafe_code, reason = "counting what is allocated takes an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
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

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
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

/// One test at a time is counted.
static COUNTED: Mutex<()> = Mutex::new(());

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
    let _one = COUNTED.lock().unwrap();
    let (few, many) = (most_while_writing(10_000), most_while_writing(210_000));
    let per_entry = (many - few) as f64 / 200_000.0;
    println!("{per_entry:.1} bytes an entry, {few} with 10,000");
    assert!(per_entry <= 100.0, "{per_entry}");
    assert!(few <= (2 << 20) + 10_000 * 100, "{few}");
}

/// The front of an archive of 60 million entries, whose leaves would be 2.9 GB.
#[cfg(feature = "remote")]
fn huge_claim() -> (Vec<u8>, u64) {
    const ENTRIES: u32 = 60_000_000;
    let leaves = ENTRIES.div_ceil(1024);
    let mut root = Vec::new();
    for count in [ENTRIES, 0, leaves, 0] {
        root.extend(count.to_le_bytes());
    }
    let leaves_offset = 4u64 << 20;
    root.extend(leaves_offset.to_le_bytes());
    root.resize(32 + 4 * leaves as usize, 0);
    let file_bytes = leaves_offset + u64::from(ENTRIES) * 48;
    let mut front = vec![0; 8192];
    front.extend(&root);
    front.resize(farplane_io::FRONT_BYTES as usize, 0);
    for (at, generation) in [(0, 2u64), (4096, 1)] {
        let mut superblock = b"\x89FAR\r\n\x1a\n".to_vec();
        superblock.extend(1u32.to_le_bytes());
        superblock.extend(65536u32.to_le_bytes());
        for field in [generation, file_bytes, 8192] {
            superblock.extend(field.to_le_bytes());
        }
        for field in [root.len() as u32, crc32c::crc32c(&root), 1 << 18, 4096] {
            superblock.extend(field.to_le_bytes());
        }
        superblock.extend([0; 16]);
        let crc = crc32c::crc32c(&superblock);
        superblock.extend(crc.to_le_bytes());
        front[at..at + 76].copy_from_slice(&superblock);
    }
    (front, file_bytes)
}

/// A server that gives the front of a file, and then promises what it does not give.
#[cfg(feature = "remote")]
fn serve_and_promise(listener: &std::net::TcpListener, front: &[u8], file_bytes: u64) {
    use std::io::{BufRead, BufReader, Write};

    for stream in listener.incoming().take(2) {
        let mut stream = stream.unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let range = lines.find_map(|line| {
            let line = line.to_ascii_lowercase();
            let (first, last) = line.strip_prefix("range: bytes=")?.split_once('-')?;
            Some((first.parse::<u64>().unwrap(), last.parse::<u64>().unwrap()))
        });
        let (first, last) = range.unwrap();
        assert!(lines.any(|line| line.is_empty()));
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nConnection: close\r\n\
             Content-Range: bytes {first}-{last}/{file_bytes}\r\n\r\n",
            last - first + 1
        )
        .unwrap();
        // Of a later range only its first bytes.
        stream.write_all(if first == 0 { front } else { &front[..1000] }).unwrap();
    }
}

#[cfg(feature = "remote")]
#[test]
fn what_a_server_claims_takes_no_memory_before_it_comes() {
    let _one = COUNTED.lock().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/w.far", listener.local_addr().unwrap());
    let (front, file_bytes) = huge_claim();
    let options = farplane_io::RemoteOptions { retries_max: 0, ..Default::default() };
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    std::thread::spawn(move || serve_and_promise(&listener, &front, file_bytes));
    let error = farplane_io::Archive::open_remote(&url, options).unwrap_err();
    let most = MOST.load(Relaxed) - before;
    println!("{most} bytes at most: {error}");
    assert!(matches!(error, farplane_io::RemoteError::Read { .. }), "{error}");
    assert!(most < 64 << 20, "{most} bytes for a server that gave 2 MiB");
}
