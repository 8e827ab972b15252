//! File handles: a world of thousands of entries is one file, whatever reads it.
#![cfg(unix)]

use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use farplane_io::{
    Archive, ArchiveWriter, Backend, Completion, Filter, HeapPool, QueueOptions, ReadRequest,
    open_queue, pack,
};

const ENTRIES: u32 = 5000;
/// Set in the process that has few handles.
const CHILD: &str = "FARPLANE_TEST_FEW_HANDLES";

#[test]
fn sixty_four_handles_are_enough_for_thousands_of_entries() {
    if std::env::var_os(CHILD).is_some() {
        return read_everything_through_every_backend();
    }
    let name = "sixty_four_handles_are_enough_for_thousands_of_entries";
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(&format!("read {} entries", 4 * ENTRIES)), "{text}");
}

fn read_everything_through_every_backend() {
    let many: Vec<_> = (0..70).map(|_| File::open("/dev/null")).collect();
    assert!(many.iter().any(Result::is_err), "the limit holds");
    drop(many);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.far");
    let content =
        |id: u32| -> Vec<u8> { (0..200 + id % 100).flat_map(|i| (i ^ id).to_le_bytes()).collect() };
    let mut writer = ArchiveWriter::for_entries(&path, ENTRIES).unwrap();
    for id in 0..ENTRIES {
        writer.add(id, &pack(&content(id), Filter::None)).unwrap();
    }
    writer.finish().unwrap();
    let archive = Archive::open(&path).unwrap();
    // All at once: four archives' worth of threads and rings.
    let mut queues: Vec<_> = Backend::ALL
        .into_iter()
        .map(|backend| {
            let pool = Arc::new(HeapPool::default());
            open_queue(&archive, backend, QueueOptions::default(), pool).unwrap().queue
        })
        .collect();
    let (mut entries, mut out) = (0, vec![]);
    for queue in &mut queues {
        for id in 0..ENTRIES {
            let extent = archive.extent(id).unwrap();
            let request = ReadRequest::new(id.into(), extent.offset, extent.stored_bytes);
            queue.submit(request, 0).unwrap();
        }
        let mut done: Vec<Completion> = Vec::new();
        while queue.in_flight() > 0 {
            queue.poll(0, &mut done);
            std::thread::yield_now();
        }
        for done in done {
            let id = done.id as u32;
            let expected = content(id);
            let mut bytes = vec![0; expected.len()];
            archive.decode(id, &done.result.unwrap(), &mut bytes, &mut out).unwrap();
            assert!(bytes == expected, "entry {id} through {}", queue.backend());
            entries += 1;
        }
    }
    println!("read {entries} entries");
}
