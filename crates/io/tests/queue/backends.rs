//! The queues that read for real: threads, buffers, announcements, limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use farplane_io::{
    Arrival, Backend, BufferPool, MmapQueue, POOL_BYTES_MAX, PreadQueue, QueueOptions,
    ReadErrorKind, ReadQueue, RemoteIndex, open_queue,
};

use crate::model::queue::options;
use crate::{PLAIN, archive, archive_in, builder, drain, pool, pread, request, times};

#[test]
fn pread_reads_the_file_on_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let pool = pool();
    let options = QueueOptions { threads: 8, ..PLAIN };
    let mut queue = PreadQueue::new(&archive, options, pool.clone()).unwrap();
    assert_eq!(queue.backend(), "pread");
    let mut total = 0;
    for round in 0..20 {
        for id in 0..PLAIN.capacity as u64 {
            let offset = (id * 701 + round * 13) % 40_000;
            queue.submit(request(id, offset, 1000 + id as u32 * 9, (id % 3) as u8), 5).unwrap();
        }
        let full = queue.submit(request(99, 0, 1, 0), 5).unwrap_err();
        assert_eq!(full.capacity, PLAIN.capacity);
        for done in drain(&mut queue) {
            let bytes = done.result.unwrap();
            let offset = ((done.id * 701 + round * 13) % 40_000) as usize;
            assert_eq!(&bytes[..], &archive.map()[offset..offset + 1000 + done.id as usize * 9]);
            assert!(bytes.is_lent());
            assert!(done.completed_ns >= 5);
            total += 1;
        }
    }
    assert_eq!(total, 20 * PLAIN.capacity);
    assert!(pool.idle_bytes() > 0, "buffers are kept for the next reads");
    assert!(pool.idle_bytes() <= POOL_BYTES_MAX);
    assert_eq!(queue.buffer_bytes(), pool.idle_bytes() as u64, "none is lent any more");
}

#[test]
fn pread_serves_the_urgent_class_first() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for _ in 0..50 {
        let mut queue = pread(&archive, 1);
        // The one thread may take some before the urgent ones are in; the rest must wait.
        for id in 0..40 {
            queue.submit(request(id, 0, 40_000, 4), 0).unwrap();
        }
        queue.submit(request(100, 0, 16, 0), 0).unwrap();
        queue.submit(request(101, 0, 16, 0), 0).unwrap();
        let mut early = Vec::new();
        queue.poll(0, &mut early);
        let order: Vec<u64> = drain(&mut queue).iter().map(|done| done.id).collect();
        if early.is_empty() {
            // At most one read had begun when the urgent ones came in.
            let place = |id| order.iter().position(|&other| other == id).unwrap();
            assert!(place(100) <= 1 && place(101) == place(100) + 1, "{order:?}");
            return;
        }
    }
    panic!("the thread was always done before the urgent request came in");
}

#[test]
fn pread_dropped_with_work_left_joins_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let mut kept = Vec::new();
    for _ in 0..50 {
        let mut queue = pread(&archive, 4);
        for id in 0..PLAIN.capacity as u64 {
            queue.submit(request(id, 0, 40_000, 0), 0).unwrap();
        }
        queue.poll(0, &mut kept);
    }
    for done in kept {
        assert_eq!(done.result.unwrap().len(), 40_000, "buffers outlive their queue");
    }
}

#[test]
fn mmap_completes_on_the_next_poll_in_order_of_class() {
    let archive = archive();
    let mut queue = MmapQueue::new(&archive, PLAIN).unwrap();
    let tickets = [(1, 3), (2, 0), (3, 3), (4, 1)]
        .map(|(id, class)| queue.submit(request(id, 100, 50, class), 10).unwrap());
    assert!(queue.cancel(tickets[2]));
    assert!(!queue.cancel(tickets[2]));
    // What is cancelled is back first, and was not read.
    assert_eq!(times(&mut queue, 30), [(3, 10), (2, 30), (4, 30), (1, 30)]);
    assert!(!queue.cancel(tickets[0]));
}

#[test]
fn completions_are_announced() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Mmap, Backend::Pread, Backend::Uring] {
        let mut chosen = open_queue(&archive, backend, PLAIN, pool()).unwrap();
        let queue = &mut *chosen.queue;
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        queue.on_arrival(Arrival::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        queue.submit(request(1, 100, 50, 0), 0).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while count.load(Ordering::Relaxed) == 0 {
            assert!(Instant::now() < deadline, "{chosen:?} announces nothing");
            std::thread::yield_now();
        }
        let mut out = Vec::new();
        queue.poll(0, &mut out);
        assert_eq!(out.len(), 1, "{chosen:?}");
    }
}

#[test]
fn every_backend_reads_the_same_bytes_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let file_bytes = archive.file_bytes();
    for backend in Backend::ALL {
        let options = QueueOptions { threads: 3, ..options() };
        let mut chosen = open_queue(&archive, backend, options, pool()).unwrap();
        assert!(chosen.reason.contains(chosen.queue.backend()), "{}", chosen.reason);
        assert_eq!(backend.name().parse(), Ok(backend));
        let ranges = [(0, 1), (4095, 2), (1, 8190), (file_bytes - 1, 1), (file_bytes - 5000, 5000)];
        for (id, (offset, len)) in (0..).zip(ranges) {
            chosen.queue.submit(request(id, offset, len, 1), 0).unwrap();
        }
        let mut done = drain(&mut *chosen.queue);
        done.sort_by_key(|done| done.id);
        for (done, (offset, len)) in done.iter().zip(ranges) {
            let range = offset as usize..offset as usize + len as usize;
            assert_eq!(done.result.as_ref().unwrap()[..], archive.map()[range], "{chosen:?}");
        }
    }
    let error = "tape".parse::<Backend>().unwrap_err();
    assert_eq!(error.to_string(), "unknown backend 'tape'; use one of auto, mmap, pread, uring");
}

#[test]
fn a_map_is_read_ahead_for_whoever_polls_and_whatever_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for round in 0..20 {
        let options = QueueOptions { capacity: 8192, ..PLAIN };
        let mut queue = MmapQueue::new(&archive, options).unwrap();
        // More at once than the advice that waits at most.
        for id in 0..8192 {
            queue.submit(request(id, id % 40_000, 100, 2), 0).unwrap();
        }
        let mut out = Vec::new();
        queue.poll(0, &mut out);
        assert_eq!((out.len(), queue.in_flight()), (8192, 0));
        let done = &out[round * 400];
        let begin = done.offset as usize;
        assert_eq!(done.result.as_ref().unwrap()[..], archive.map()[begin..begin + 100]);
        // With advice still to be given, in most rounds.
        drop(queue);
    }
}

/// A pool that counts what is out, and has nothing at first when it is told so.
#[derive(Debug, Default)]
struct Counting {
    out: AtomicUsize,
    refuse: bool,
}

impl BufferPool for Counting {
    fn take(&self, bytes: usize) -> Option<farplane_io::Buffer> {
        if self.refuse {
            return None;
        }
        self.out.fetch_add(1, Ordering::SeqCst);
        farplane_io::Buffer::new(bytes)
    }

    fn put(&self, buffer: farplane_io::Buffer) {
        drop(buffer);
        self.out.fetch_sub(1, Ordering::SeqCst);
    }

    fn bytes(&self) -> u64 {
        0
    }
}

#[test]
fn buffers_come_from_the_callers_pool_and_go_back_whatever_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Pread, Backend::Uring] {
        for polls in [0, 1] {
            let pool = Arc::new(Counting::default());
            let chosen = open_queue(&archive, backend, PLAIN, pool.clone()).unwrap();
            let mut queue = chosen.queue;
            let mut out = Vec::new();
            for id in 0..64 {
                let ticket = queue.submit(request(id, id * 64, 20_000, 2), 0).unwrap();
                if id % 3 == 0 {
                    queue.cancel(ticket);
                }
            }
            (0..polls).for_each(|_| queue.poll(0, &mut out));
            drop(queue);
            let kept = out.iter().filter(|done| done.result.is_ok()).count();
            assert_eq!(pool.out.load(Ordering::SeqCst), kept, "{}", chosen.reason);
            out.clear();
            assert_eq!(pool.out.load(Ordering::SeqCst), 0);
        }
        let refuses = Arc::new(Counting { refuse: true, ..Counting::default() });
        let mut queue = open_queue(&archive, backend, PLAIN, refuses).unwrap().queue;
        queue.submit(request(1, 0, 100, 0), 0).unwrap();
        let done = drain(&mut *queue);
        assert_eq!(done[0].result.as_ref().unwrap_err().kind, ReadErrorKind::OutOfMemory);
    }
}

#[test]
fn what_reads_local_files_says_that_an_archive_lies_elsewhere() {
    let bytes = builder().finish().0;
    let mut index = RemoteIndex::new();
    index.supply(0, &bytes).unwrap();
    let archive = index.into_archive("https://example.org/world.far".into()).unwrap();
    let mut mmap = MmapQueue::new(&archive, PLAIN).unwrap();
    let mut pread = PreadQueue::new(&archive, PLAIN, pool()).unwrap();
    for queue in [&mut mmap as &mut dyn ReadQueue, &mut pread] {
        queue.submit(request(1, 24_576, 100, 0), 0).unwrap();
        let mut done = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(10);
        while done.is_empty() && Instant::now() < deadline {
            queue.poll(0, &mut done);
        }
        let error = done.pop().unwrap().result.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Elsewhere, "{}", queue.backend());
        assert_eq!((error.id, queue.in_flight()), (1, 0));
    }
}

#[test]
fn limits_that_cannot_be_are_refused_by_name() {
    let archive = archive();
    for (field, options) in [
        ("capacity", QueueOptions { capacity: 0, ..PLAIN }),
        ("capacity", QueueOptions { capacity: usize::MAX, ..PLAIN }),
        ("reads_max", QueueOptions { reads_max: 65, ..PLAIN }),
        ("bytes_max", QueueOptions { bytes_max: 0, ..PLAIN }),
        ("stall_ns", QueueOptions { stall_ns: 0, ..PLAIN }),
        ("threads", QueueOptions { threads: 17, ..PLAIN }),
    ] {
        assert_eq!(MmapQueue::new(&archive, options).unwrap_err().field, field);
        let error = open_queue(&archive, Backend::Auto, options, pool()).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
}
