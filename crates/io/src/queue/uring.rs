//! Reads with io_uring. One of the modules with `unsafe`: the kernel writes into buffers while nobody
//! else may touch them.
//!
//! One thread drives one ring. It alone owns the buffers of reads in flight ([`Flight`]): from before
//! a read is handed to the kernel until its completion has been seen, whatever the caller drops. A
//! buffer that comes around a second time is registered, which saves the kernel from pinning its
//! pages for every read. Registered pages stay pinned until their place is needed, also those of a
//! buffer that its pool has freed meanwhile, within a limit in bytes; a buffer is known by its serial
//! number and never by its address, so memory that was freed and given out again is a new buffer. Where
//! the system refuses to register one (locked memory is limited), none is registered any more.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use io_uring::{IoUring, opcode, types};
use rustix::event::{EventfdFlags, eventfd};

use super::buffer::{BUFFER_ALIGN_BYTES, Buffer, Lent};
use super::front::{Shared, Threaded};
use super::options::READS_MAX;
use super::pool::BufferPool;
use super::scheduler::{DeviceRead, ReadToken, Scheduler};
use super::transfer::Transfer;
use super::{QueueOptions, ReadBuffer, ReadErrorKind};
use crate::archive::Archive;
use crate::mmap::Map;

/// Entries of the ring: every read, and the one that waits to be roused.
const ENTRIES: u32 = 2 * READS_MAX;
/// What the rousing event is called among the reads, which are called by their place.
const ROUSED: u64 = u64::MAX;
/// What the end of waiting for it is called.
const UNHEARD: u64 = u64::MAX - 1;
/// Buffers that are registered at most, and as many that are remembered from their first use.
const REGISTERED_MAX: usize = READS_MAX as usize;
/// Bytes of registered buffers at most: so many may stay pinned although nothing uses them.
const REGISTERED_BYTES_MAX: usize = 16 << 20;
/// Milliseconds that a dropped queue waits for reads in flight before it leaves them their buffers.
const DRAIN_MS_MAX: u32 = 30_000;

/// Reads with io_uring, past the page cache where the file system allows it. One thread, two file
/// handles beside the archive's. Reads in flight are waited for when it is dropped; requests still
/// waiting then are never read.
///
/// `completed_ns` is the time of submission plus the real time that the request took.
#[derive(Debug)]
pub struct UringQueue {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
    direct: Result<(), String>,
}

#[derive(Debug)]
struct Inner {
    shared: Shared,
    event: OwnedFd,
    roused: AtomicBool,
    file: File,
    /// Keeps the file's bytes while it is read.
    _map: Arc<Map>,
}

impl UringQueue {
    /// A queue of reads from `archive`, into buffers of `pool`.
    ///
    /// # Errors
    /// When an option is out of range, the archive is no file, or the system refuses io_uring.
    pub fn new(
        archive: &Archive,
        options: QueueOptions,
        pool: Arc<dyn BufferPool>,
    ) -> io::Result<Self> {
        let map = archive.map();
        let Some(file) = map.file() else {
            let text = "the archive is in memory";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        };
        let (file, direct) = match open_direct(file) {
            Ok(file) => (file, Ok(())),
            Err(error) => (file.try_clone()?, Err(error.to_string())),
        };
        let align = if direct.is_ok() { BUFFER_ALIGN_BYTES } else { 1 };
        let scheduler = Scheduler::new(options, archive.file_bytes(), align)?.into_buffers();
        let inner = Arc::new(Inner {
            shared: Shared::new(scheduler, pool),
            event: eventfd(0, EventfdFlags::CLOEXEC)?,
            roused: AtomicBool::new(false),
            file,
            _map: map,
        });
        let (report, started) = mpsc::sync_channel(1);
        let serving = Arc::clone(&inner);
        let builder = thread::Builder::new().name("farplane-uring".to_owned());
        let thread = builder.spawn(move || {
            if let Some(on_start) = options.on_start {
                on_start(0);
            }
            // Made here: a ring that one thread alone uses is cheaper for the kernel.
            let ring = Ring::new(&serving.file, &serving.event);
            let (ring, result) = match ring {
                Ok(ring) => (Some(ring), Ok(())),
                Err(error) => (None, Err(error)),
            };
            let _ = report.send(result);
            if let Some(ring) = ring {
                serving.serve(ring);
            }
        })?;
        let queue = Self { inner, thread: Some(thread), direct };
        match started.recv() {
            Ok(Ok(())) => Ok(queue),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("its thread ended")),
        }
    }

    /// Whether it reads past the page cache, or why not.
    ///
    /// # Errors
    /// What the file system said.
    pub fn direct(&self) -> Result<(), &str> {
        match &self.direct {
            Ok(()) => Ok(()),
            Err(why) => Err(why),
        }
    }
}

/// The same file once more, for reads past the page cache, if such a read succeeds.
fn open_direct(file: &File) -> io::Result<File> {
    // By its descriptor: its name may be another file's by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = rustix::fs::OFlags::DIRECT.bits() as i32;
    let direct = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut probe = Buffer::new(BUFFER_ALIGN_BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
    direct.read_at(&mut probe, 0)?;
    Ok(direct)
}

impl Threaded for UringQueue {
    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn rouse(&self) {
        if !self.inner.roused.swap(true, Ordering::AcqRel) {
            let _ = rustix::io::write(&self.inner.event, &1u64.to_ne_bytes());
        }
    }

    fn name(&self) -> &'static str {
        "uring"
    }
}

impl Drop for UringQueue {
    fn drop(&mut self) {
        self.inner.shared.lock().closing = true;
        self.rouse();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Inner {
    /// What the thread does: hand out what may be read, wait for something to happen, report it.
    fn serve(&self, mut ring: Ring) {
        let mut results: Vec<(ReadToken, Result<ReadBuffer, ReadErrorKind>)> = Vec::new();
        let mut reads: Vec<DeviceRead> = Vec::new();
        loop {
            let arrived = !results.is_empty();
            let now_ns = self.shared.now_ns();
            let mut state = self.shared.lock();
            if state.closing {
                return;
            }
            for (token, result) in results.drain(..) {
                state.scheduler.complete(token, result, now_ns);
            }
            while let Some(read) = state.scheduler.issue(now_ns) {
                reads.push(read);
            }
            let timer = state.sleeps_alone(now_ns);
            drop(state);
            if arrived {
                self.shared.arrived();
            }
            for read in reads.drain(..) {
                match Lent::take(&self.shared.pool, read.len) {
                    Some(buffer) => ring.start(read, buffer),
                    None => results.push((read.token, Err(ReadErrorKind::OutOfMemory))),
                }
            }
            if results.is_empty() {
                ring.wait(timer);
            }
            let listening = ring.listening;
            ring.reap(|token, result, buffer| {
                results.push((token, result.map(|()| ReadBuffer::lent(buffer))));
            });
            if listening && !ring.listening {
                // Before the next look at what there is to do: who comes later writes again.
                self.roused.store(false, Ordering::Release);
            }
        }
    }
}

/// A read that the kernel has.
struct Flight {
    read: DeviceRead,
    transfer: Transfer,
    buffer: Lent,
    /// Its place among the registered ones.
    registered: Option<u16>,
    /// Where the read that is under way began: a multiple of the alignment.
    from: usize,
}

/// A buffer whose pages the kernel keeps pinned.
#[derive(Clone, Copy)]
struct Registered {
    serial: u64,
    bytes: usize,
}

/// The ring and everything that the kernel may write to.
struct Ring {
    /// First, so that the kernel is done with it before the rest goes.
    ring: IoUring,
    flights: [Option<Flight>; READS_MAX as usize],
    event: types::Fd,
    event_count: Box<u64>,
    /// The kernel waits for the event.
    listening: bool,
    /// The registered buffers, by place; `None` once registering was refused.
    registered: Option<[Option<Registered>; REGISTERED_MAX]>,
    /// Serial numbers of buffers that were used once, and the next to be forgotten.
    seen: [Option<u64>; REGISTERED_MAX],
    seen_next: usize,
    registered_next: usize,
}

impl Ring {
    fn new(file: &File, event: &OwnedFd) -> io::Result<Self> {
        let frugal = IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(ENTRIES);
        // Older kernels do not know these flags.
        let ring = frugal.or_else(|_| IoUring::new(ENTRIES))?;
        ring.submitter().register_files(&[file.as_raw_fd()])?;
        let sparse = ring.submitter().register_buffers_sparse(REGISTERED_MAX as u32);
        Ok(Self {
            ring,
            flights: [const { None }; READS_MAX as usize],
            event: types::Fd(event.as_raw_fd()),
            event_count: Box::new(0),
            listening: false,
            registered: sparse.is_ok().then_some([None; REGISTERED_MAX]),
            seen: [None; REGISTERED_MAX],
            seen_next: 0,
            registered_next: 0,
        })
    }

    /// Reads the event that rouses this thread.
    fn listen(&mut self) {
        self.listening = true;
        let count: *mut u64 = &raw mut *self.event_count;
        let entry = opcode::Read::new(self.event, count.cast(), size_of::<u64>() as u32)
            .build()
            .user_data(ROUSED);
        self.push(&entry);
    }

    fn push(&mut self, entry: &io_uring::squeue::Entry) {
        // SAFETY: what an entry points to is `event_count` or the buffer of a flight. Both are on the
        // heap and owned by this value, which keeps a flight until its completion is seen, and drops
        // (or leaks) them only after the ring has ended every operation (`drop`). While a flight is
        // in the kernel nothing else reads or writes its buffer.
        let pushed = unsafe { self.ring.submission().push(entry) };
        // Twice as many entries as reads, and all are handed over before the next are made.
        assert!(pushed.is_ok(), "the ring has room for every read");
    }

    /// Hands a read to the kernel.
    fn start(&mut self, read: DeviceRead, buffer: Lent) {
        let registered = self.place_of(&buffer);
        let transfer = Transfer::new(read.needed);
        self.go_on(Flight { read, transfer, buffer, registered, from: 0 });
    }

    /// Reads the next piece of what is missing of a flight.
    fn go_on(&mut self, mut flight: Flight) {
        flight.from = flight.transfer.arrived & !(BUFFER_ALIGN_BYTES - 1);
        let index = flight.read.token.index();
        let end = flight.read.len.min(flight.from + flight.read.piece);
        let rest = &mut flight.buffer[flight.from..end];
        let (address, len) = (rest.as_mut_ptr(), rest.len() as u32);
        let offset = flight.read.offset + flight.from as u64;
        let file = types::Fixed(0);
        let entry = match flight.registered {
            Some(place) => opcode::ReadFixed::new(file, address, len, place).offset(offset).build(),
            None => opcode::Read::new(file, address, len).offset(offset).build(),
        };
        self.flights[index] = Some(flight);
        self.push(&entry.user_data(index as u64));
    }

    /// Where a buffer is registered. One that comes for the second time takes the place of the
    /// longest registered one that is not in use.
    fn place_of(&mut self, buffer: &Lent) -> Option<u16> {
        let registered = self.registered.as_ref()?;
        let serial = buffer.serial()?;
        let known = |place: &Option<Registered>| place.is_some_and(|known| known.serial == serial);
        if let Some(place) = registered.iter().position(known) {
            return Some(place as u16);
        }
        if !self.seen.contains(&Some(serial)) {
            self.seen[self.seen_next] = Some(serial);
            self.seen_next = (self.seen_next + 1) % self.seen.len();
            return None;
        }
        let place = self.make_room(buffer.len())?;
        let memory =
            libc::iovec { iov_base: buffer.as_ptr().cast_mut().cast(), iov_len: buffer.len() };
        self.register(place, memory, Some(Registered { serial, bytes: buffer.len() }))?;
        Some(place as u16)
    }

    /// A place for a buffer of `bytes` bytes, with those registered longest gone as far as it takes.
    fn make_room(&mut self, bytes: usize) -> Option<usize> {
        if bytes > REGISTERED_BYTES_MAX {
            return None;
        }
        let begin = self.registered_next;
        for place in (begin..REGISTERED_MAX).chain(0..begin) {
            let mut flights = self.flights.iter().flatten();
            if flights.any(|flight| flight.registered == Some(place as u16)) {
                continue;
            }
            let registered = self.registered.as_ref()?;
            let others = (0..REGISTERED_MAX).filter(|&other| other != place);
            let held_bytes: usize =
                others.filter_map(|other| registered[other]).map(|known| known.bytes).sum();
            self.registered_next = (place + 1) % REGISTERED_MAX;
            if held_bytes + bytes <= REGISTERED_BYTES_MAX {
                return Some(place);
            }
            if registered[place].is_some() {
                let nothing = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
                self.register(place, nothing, None)?;
            }
        }
        None
    }

    /// Puts memory, or nothing, in a place. `None` when it is refused.
    fn register(
        &mut self,
        place: usize,
        memory: libc::iovec,
        buffer: Option<Registered>,
    ) -> Option<()> {
        // SAFETY: the memory is that of a buffer which the caller holds, valid now, or none. The kernel
        // pins its pages, so they outlive the buffer; they are written to only by reads into a buffer
        // with this serial number, that is by reads into this one while a flight owns it.
        let result =
            unsafe { self.ring.submitter().register_buffers_update(place as u32, &[memory], None) };
        match result {
            Ok(()) => self.registered.as_mut()?[place] = buffer,
            // No more locked memory, most likely: reads work without.
            Err(_) => self.registered = None,
        }
        self.registered.as_ref().map(|_| ())
    }

    /// Hands over what was pushed and waits until something has ended, or for `time_max`.
    fn wait(&mut self, time_max: Option<Duration>) {
        if !self.listening {
            self.listen();
        }
        let handed_over = match time_max {
            None => self.ring.submit_and_wait(1),
            Some(time_max) => self.wait_for(time_max),
        };
        if let Err(error) = handed_over
            && !matches!(error.raw_os_error(), Some(libc::EINTR | libc::ETIME))
        {
            // Too much at once for the kernel, or no memory: its completions make room. A read that
            // never comes back is given up as stalled by the scheduler.
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn wait_for(&self, time: Duration) -> io::Result<usize> {
        let time = types::Timespec::from(time);
        self.ring.submitter().submit_with_args(1, &types::SubmitArgs::new().timespec(&time))
    }

    /// Takes what has ended: `done` gets the buffer of each read and what came of it.
    fn reap(&mut self, mut done: impl FnMut(ReadToken, Result<(), ReadErrorKind>, Lent)) {
        let mut again = [const { None }; READS_MAX as usize];
        for entry in self.ring.completion() {
            if entry.user_data() >= UNHEARD {
                self.listening &= entry.user_data() != ROUSED;
                continue;
            }
            let index = entry.user_data() as usize;
            let Some(mut flight) = self.flights[index].take() else { continue };
            let got = match entry.result() {
                error @ ..0 => Err(io::Error::from_raw_os_error(-error)),
                // Bytes before `arrived` were read twice, to begin at a multiple of the alignment.
                bytes => Ok((flight.from + bytes as usize).saturating_sub(flight.transfer.arrived)),
            };
            match flight.transfer.answer(got) {
                ControlFlow::Continue(()) => again[index] = Some(flight),
                ControlFlow::Break(result) => done(flight.read.token, result, flight.buffer),
            }
        }
        again.into_iter().flatten().for_each(|flight| self.go_on(flight));
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.listening {
            self.push(&opcode::AsyncCancel::new(ROUSED).build().user_data(UNHEARD));
        }
        for _ in 0..DRAIN_MS_MAX {
            if !self.listening && self.flights.iter().all(Option::is_none) {
                return;
            }
            let _ = self.wait_for(Duration::from_millis(1));
            self.reap(|_, _, buffer| drop(buffer));
        }
        // The kernel may still write to these: they must stay.
        for flight in self.flights.iter_mut().filter_map(Option::take) {
            std::mem::forget(flight.buffer);
        }
        std::mem::forget(std::mem::take(&mut self.event_count));
    }
}
