//! The queues that read for real: threads, buffers, announcements, limits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use farplane_io::{
    Arrival, Backend, Buffer, BufferPool, HeapPool, MmapQueue, POOL_BYTES_MAX, PreadQueue,
    QueueOptions, ReadErrorKind, ReadQueue, RemoteIndex, open_queue,
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
    fn take(&self, bytes: usize) -> Option<Buffer> {
        if self.refuse {
            return None;
        }
        self.out.fetch_add(1, Ordering::SeqCst);
        Buffer::new(bytes)
    }

    fn put(&self, buffer: Buffer) {
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

/// A pool that lends less than it is asked for.
#[derive(Debug)]
struct Short(AtomicUsize);

impl BufferPool for Short {
    fn take(&self, bytes: usize) -> Option<Buffer> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Buffer::new(bytes / 4)
    }

    fn put(&self, _: Buffer) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn bytes(&self) -> u64 {
        0
    }
}

#[test]
fn a_buffer_that_is_too_short_is_no_memory_and_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Pread, Backend::Uring] {
        let pool = Arc::new(Short(AtomicUsize::new(0)));
        let mut queue = open_queue(&archive, backend, PLAIN, pool.clone()).unwrap().queue;
        for id in 0..2 {
            queue.submit(request(id, 0, 40_000, 2), 0).unwrap();
            let done = drain(&mut *queue);
            let error = done[0].result.as_ref().unwrap_err();
            assert_eq!(error.kind, ReadErrorKind::OutOfMemory, "{backend:?}");
        }
        drop(queue);
        assert_eq!(pool.0.load(Ordering::SeqCst), 0, "{backend:?}");
    }
}

#[test]
fn buffers_and_not_only_what_is_asked_for_stay_within_the_cap() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Pread, Backend::Uring] {
        let pool = pool();
        let options = QueueOptions { capacity: 1024, bytes_max: 1 << 20, threads: 4, ..PLAIN };
        let mut queue = open_queue(&archive, backend, options, pool.clone()).unwrap().queue;
        for id in 0..1024 {
            // Some longer, whose idle buffers are too long for the others.
            let len = if id % 7 == 0 { 20_000 } else { 100 };
            queue.submit(request(id, id * 20, len, 2), 0).unwrap();
        }
        let (mut out, mut most_bytes) = (Vec::new(), 0);
        while queue.in_flight() > 0 {
            // All that may be read without a poll.
            std::thread::sleep(Duration::from_millis(3));
            most_bytes = most_bytes.max(pool.bytes() - pool.idle_bytes() as u64);
            queue.poll(0, &mut out);
            assert!(out.drain(..).all(|done| done.result.is_ok()));
        }
        assert!((1 << 19..=1 << 20).contains(&most_bytes), "{backend:?}: {most_bytes} bytes");
    }
}

#[test]
fn a_request_that_fits_is_read_although_its_buffer_alone_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Pread, Backend::Uring] {
        let options = QueueOptions { bytes_max: 8192, ..PLAIN };
        let mut queue = open_queue(&archive, backend, options, pool()).unwrap().queue;
        for id in 0..4 {
            queue.submit(request(id, 0, 8192, 2), 0).unwrap();
        }
        assert!(drain(&mut *queue).iter().all(|done| done.result.is_ok()), "{backend:?}");
    }
}

#[test]
fn buffers_waste_little_and_come_in_few_lengths() {
    for (bytes, expected) in [
        (0, 16_384),
        (1, 16_384),
        (16_385, 32_768),
        (131_073, 147_456),
        (1 << 20, 1 << 20),
        ((1 << 20) + 1, (1 << 20) + (1 << 17)),
        ((2 << 20) - 1, 2 << 20),
    ] {
        assert_eq!(Buffer::bytes_for(bytes), expected, "{bytes}");
        assert_eq!(Buffer::bytes_for(expected), expected);
        assert_eq!(Buffer::new(bytes).unwrap().len(), expected);
    }
}

/// A pool whose first buffer comes only once it is open: the read that wants it is out until then.
#[derive(Debug, Default)]
struct Gate {
    taken: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Waits until somebody stands before it.
    fn wait_for_the_first(&self) {
        assert!(soon(|| self.taken.load(Ordering::SeqCst) > 0), "the first read is out");
    }
}

impl BufferPool for Gate {
    fn take(&self, bytes: usize) -> Option<Buffer> {
        if self.taken.fetch_add(1, Ordering::SeqCst) == 0 {
            let open = self.open.lock().unwrap();
            drop(self.opened.wait_while(open, |open| !*open).unwrap());
        }
        Buffer::new(bytes)
    }

    fn put(&self, _: Buffer) {}

    fn bytes(&self) -> u64 {
        0
    }
}

/// Whether it is so within seconds.
fn soon(mut so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !so() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    so()
}

/// An announcement that counts.
fn counting() -> (Arrival, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let call = move || {
        counted.fetch_add(1, Ordering::SeqCst);
    };
    (Arrival::new(call), count)
}

#[test]
fn what_is_cancelled_while_it_waits_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Mmap, Backend::Pread, Backend::Uring] {
        let gate = Arc::new(Gate::default());
        let options = QueueOptions { reads_max: 1, ..PLAIN };
        let mut chosen = open_queue(&archive, backend, options, gate.clone()).unwrap();
        let (arrival, count) = counting();
        chosen.queue.on_arrival(arrival);
        chosen.queue.submit(request(1, 100, 50, 0), 0).unwrap();
        if backend != Backend::Mmap {
            gate.wait_for_the_first();
        }
        let ticket = chosen.queue.submit(request(2, 9000, 50, 0), 0).unwrap();
        let before = count.load(Ordering::SeqCst);
        assert!(chosen.queue.cancel(ticket));
        let announced = count.load(Ordering::SeqCst) - before;
        gate.open();
        assert_eq!(announced, 1, "{chosen:?}");
    }
}

#[test]
fn who_waits_for_an_arrival_knows_when_a_read_stalls() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let gate = Arc::new(Gate::default());
    let options = QueueOptions { stall_ns: 30_000_000, ..PLAIN };
    let mut queue = PreadQueue::new(&archive, options, gate.clone()).unwrap();
    assert_eq!(queue.stalls_in(), None);
    queue.submit(request(1, 100, 50, 0), 0).unwrap();
    gate.wait_for_the_first();
    let wait = queue.stalls_in().unwrap();
    assert!(wait <= Duration::from_millis(30), "{wait:?}");
    std::thread::sleep(wait);
    let mut out = Vec::new();
    queue.poll(0, &mut out);
    gate.open();
    let error = out[0].result.as_ref().unwrap_err();
    assert!(matches!(error.kind, ReadErrorKind::Stalled { .. }), "{error}");
}

#[test]
fn who_waits_behind_the_first_read_is_read_although_nobody_polls() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let gate = Arc::new(Gate::default());
    let options = QueueOptions { threads: 2, adapt: true, ..PLAIN };
    let mut queue = PreadQueue::new(&archive, options, gate.clone()).unwrap();
    let (arrival, count) = counting();
    queue.on_arrival(arrival);
    queue.submit(request(1, 100, 50, 2), 0).unwrap();
    gate.wait_for_the_first();
    // It waits for the first answer, for a while.
    queue.submit(request(2, 9000, 50, 2), 0).unwrap();
    let read = soon(|| count.load(Ordering::SeqCst) > 0);
    gate.open();
    assert!(read, "the second is read");
}

#[test]
fn what_becomes_urgent_goes_out_although_nobody_polls() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    let gate = Arc::new(Gate::default());
    let options = QueueOptions { threads: 2, adapt: true, ..PLAIN };
    let mut queue = PreadQueue::new(&archive, options, gate.clone()).unwrap();
    let start = Instant::now();
    queue.submit(request(1, 100, 50, 2), 0).unwrap();
    gate.wait_for_the_first();
    let ticket = queue.submit(request(2, 9000, 50, 2), 0).unwrap();
    assert!(queue.reprioritise(ticket, 0, None));
    let read = soon(|| gate.taken.load(Ordering::SeqCst) > 1);
    gate.open();
    assert!(read, "the second is read");
    // Others wait 100 ms for the first answer.
    assert!(start.elapsed() < Duration::from_millis(90), "{:?}", start.elapsed());
}

/// A pool that panics every other time.
#[derive(Debug)]
struct Panicking {
    pool: Arc<HeapPool>,
    takes: AtomicUsize,
}

impl BufferPool for Panicking {
    fn take(&self, bytes: usize) -> Option<Buffer> {
        assert!(self.takes.fetch_add(1, Ordering::Relaxed) % 2 == 1, "on purpose");
        self.pool.take(bytes)
    }

    fn put(&self, _: Buffer) {
        panic!("on purpose");
    }

    fn bytes(&self) -> u64 {
        self.pool.bytes()
    }
}

#[test]
fn a_pool_that_panics_costs_its_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_in(&folder);
    for backend in [Backend::Pread, Backend::Uring] {
        let pool = Arc::new(Panicking { pool: pool(), takes: AtomicUsize::new(0) });
        let options = QueueOptions { threads: 1, joined_bytes_max: 0, ..PLAIN };
        let mut queue = open_queue(&archive, backend, options, pool).unwrap().queue;
        let mut failed = 0;
        for id in 0..8 {
            queue.submit(request(id, id * 5000, 100, 0), 0).unwrap();
            for done in drain(&mut *queue) {
                match done.result {
                    Ok(bytes) => {
                        let offset = id as usize * 5000;
                        assert_eq!(&bytes[..], &archive.map()[offset..offset + 100]);
                    }
                    Err(error) => {
                        assert_eq!(error.kind, ReadErrorKind::OutOfMemory);
                        failed += 1;
                    }
                }
            }
        }
        assert_eq!(failed, 4, "{backend:?}");
    }
}
