//! The model of the scheduler: every request and every read in plain maps, and every rule checked
//! by looking at all of them.

use std::collections::BTreeMap;
use std::ops::Range;

use farplane_io::{
    Buffer, BufferPool, Completion, DeviceRead, HeapPool, QueueOptions, READS_MAX, ReadBuffer,
    ReadErrorKind, ReadRequest, Scheduler, Ticket,
};

use super::{byte, word};

/// Length of the file that is read.
pub const FILE_BYTES: u64 = 1 << 20;

/// A call to the scheduler.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Submit {
        offset: u64,
        len: u32,
        class: u8,
        deadline_ns: Option<u64>,
    },
    Cancel {
        back: usize,
    },
    Reprioritise {
        back: usize,
        class: u8,
        deadline_ns: Option<u64>,
    },
    /// All that may be read.
    Issue,
    /// One of the reads in flight.
    Complete {
        pick: u8,
        fails: bool,
    },
    Wait {
        ns: u64,
    },
    GiveUp,
    Poll,
}

impl Op {
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let deadline = |bits: u8| (bits >= 192).then_some(u64::from(bits));
        Some(match byte(input)? % 16 {
            0 => Self::Cancel { back: usize::from(byte(input)?) },
            1 => Self::Reprioritise {
                back: usize::from(byte(input)?),
                class: byte(input)? % 6,
                deadline_ns: deadline(byte(input)?),
            },
            2 | 3 => Self::Issue,
            4..=7 => {
                let pick = byte(input)?;
                Self::Complete { pick: pick >> 2, fails: pick.is_multiple_of(4) }
            }
            8 => Self::Wait { ns: u64::from(word(input)?) * 1000 },
            9 => Self::GiveUp,
            10 => Self::Poll,
            _ => {
                let (place, shape) = (word(input)?, byte(input)?);
                // Near each other, so that there is something to join, and now and then outside.
                let offset = u64::from(place % 512) * 512 + u64::from(place / 512);
                Self::Submit {
                    offset: if place == 0xffff { FILE_BYTES - 5 } else { offset },
                    len: u32::from(shape) * 120,
                    class: byte(input)? % 6,
                    deadline_ns: deadline(shape.wrapping_mul(97)),
                }
            }
        })
    }

    pub fn decode_all(mut input: &[u8]) -> Vec<Self> {
        let mut ops = Vec::new();
        while let Some(op) = Self::decode(&mut input) {
            ops.push(op);
        }
        ops
    }
}

/// Limits that these calls reach, some of them chosen by the input.
pub fn options(pick: u8) -> (QueueOptions, usize) {
    let options = QueueOptions {
        capacity: 40,
        reads_max: 1 + u32::from(pick % 8),
        bytes_max: if lends(pick) { 98_304 } else { 24_576 },
        joined_bytes_max: [0, 9_000, 20_000, 1 << 20][usize::from(pick / 8 % 4)],
        request_cost_bytes: [0, 700][usize::from(pick / 32 % 2)],
        skipped_percent_max: [25, 100][usize::from(pick / 64 % 2)],
        adapt: pick < 128,
        stall_ns: 20_000_000,
        ..QueueOptions::default()
    };
    (options, [1, 512, 4096][usize::from(pick % 3)])
}

/// Whether reads go to buffers of a pool.
fn lends(pick: u8) -> bool {
    pick.is_multiple_of(5)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Reading,
    /// Its completion is due at the next poll.
    Ended(Option<ReadErrorKind>),
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    request: ReadRequest,
    ticket: Ticket,
    state: State,
    cancelled: bool,
    /// It must not share a read any more.
    solo: bool,
}

/// A read in flight.
#[derive(Debug)]
struct Flight {
    read: DeviceRead,
    /// Where the bytes come from a pool.
    buffer: Option<Buffer>,
    issued_ns: u64,
    /// For whom.
    parts: Vec<u64>,
}

impl Flight {
    /// What it takes of the memory.
    fn held_bytes(&self) -> u64 {
        self.buffer.as_ref().map_or(self.read.len, |buffer| buffer.len()) as u64
    }
}

/// What the scheduler was told, and what must be so.
pub struct Model {
    scheduler: Scheduler,
    options: QueueOptions,
    align: usize,
    pool: Option<HeapPool>,
    now_ns: u64,
    tickets: Vec<(u64, Ticket)>,
    pending: BTreeMap<u64, Pending>,
    flights: Vec<Flight>,
    /// Of completed reads whose completions are not polled.
    unpolled_bytes: u64,
}

impl Model {
    pub fn new(pick: u8) -> Self {
        let (options, align) = options(pick);
        let scheduler = Scheduler::new(options, FILE_BYTES, align).unwrap();
        let lends = lends(pick);
        Self {
            scheduler: if lends { scheduler.into_buffers() } else { scheduler },
            options,
            align,
            pool: lends.then(HeapPool::default),
            now_ns: 0,
            tickets: Vec::new(),
            pending: BTreeMap::new(),
            flights: Vec::new(),
            unpolled_bytes: 0,
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Submit { offset, len, class, deadline_ns } => {
                self.submit(offset, len, class, deadline_ns);
            }
            Op::Cancel { back } => self.cancel(back),
            Op::Reprioritise { back, class, deadline_ns } => {
                self.reprioritise(back, class, deadline_ns);
            }
            Op::Issue => self.issue(),
            Op::Complete { pick, fails } => self.complete(pick, fails),
            Op::Wait { ns } => self.now_ns += ns,
            Op::GiveUp => self.give_up(),
            Op::Poll => self.poll(),
        }
        assert_eq!(self.scheduler.in_flight(), self.pending.len());
        assert_eq!(self.scheduler.reads(), self.flights.len());
        let read_bytes: u64 = self.flights.iter().map(Flight::held_bytes).sum();
        assert_eq!(self.scheduler.held_bytes(), read_bytes + self.unpolled_bytes);
        assert!(self.scheduler.held_bytes() <= self.options.bytes_max);
        assert!(self.flights.len() <= self.options.reads_max.min(READS_MAX) as usize);
    }

    /// Everything that is left completes.
    pub fn drain(mut self) {
        for _ in 0..4 * self.options.capacity {
            self.apply(Op::Issue);
            if self.flights.is_empty() {
                self.apply(Op::Poll);
            } else {
                self.apply(Op::Complete { pick: 0, fails: false });
            }
        }
        assert_eq!(self.scheduler.in_flight(), 0, "every request completes");
        assert_eq!((self.scheduler.held_bytes(), self.scheduler.waiting()), (0, 0));
    }

    fn submit(&mut self, offset: u64, len: u32, class: u8, deadline_ns: Option<u64>) {
        let id = self.tickets.len() as u64;
        let request = ReadRequest { id, offset, len, class, deadline_ns };
        let full = self.pending.len() == self.options.capacity;
        match self.scheduler.submit(request, self.now_ns, self.now_ns) {
            Err(error) => assert!(full && error.capacity == self.options.capacity),
            Ok(ticket) => {
                assert!(!full);
                assert!(!self.pending.values().any(|other| other.ticket == ticket));
                let state = match self.refused(&request) {
                    Some(kind) => State::Ended(Some(kind)),
                    None if len == 0 => State::Ended(None),
                    None => State::Waiting,
                };
                let request = ReadRequest { class: class.min(4), ..request };
                let (cancelled, solo) = (false, false);
                let pending = Pending { request, ticket, state, cancelled, solo };
                self.pending.insert(id, pending);
                self.tickets.push((id, ticket));
                self.give_up_waiting();
            }
        }
    }

    /// Why a request cannot be read at all.
    fn refused(&self, request: &ReadRequest) -> Option<ReadErrorKind> {
        let range = range(request);
        if range.end > FILE_BYTES {
            return Some(ReadErrorKind::OutOfRange { file_bytes: FILE_BYTES });
        }
        let align = self.align as u64;
        let bytes = range.end.next_multiple_of(align) - range.start / align * align;
        let bytes_max = self.options.bytes_max;
        (bytes > bytes_max).then_some(ReadErrorKind::TooLarge { bytes_max })
    }

    fn cancel(&mut self, back: usize) {
        let Some(&(id, ticket)) = self.tickets.iter().rev().nth(back) else { return };
        let accepted = self.scheduler.cancel(ticket, self.now_ns);
        let Some(pending) = self.pending.get_mut(&id) else {
            assert!(!accepted, "it has completed");
            return;
        };
        let ended = matches!(pending.state, State::Ended(_));
        assert_eq!(accepted, !ended && !pending.cancelled);
        pending.cancelled |= accepted;
        if accepted && pending.state == State::Waiting {
            pending.state = State::Ended(Some(ReadErrorKind::Cancelled));
        }
    }

    fn reprioritise(&mut self, back: usize, class: u8, deadline_ns: Option<u64>) {
        let Some(&(id, ticket)) = self.tickets.iter().rev().nth(back) else { return };
        let accepted = self.scheduler.reprioritise(ticket, class, deadline_ns);
        let pending = self.pending.get_mut(&id);
        let Some(pending) = pending.filter(|pending| pending.state == State::Waiting) else {
            assert!(!accepted, "only what waits can be moved");
            return;
        };
        assert!(accepted, "what waits can be moved");
        (pending.request.class, pending.request.deadline_ns) = (class.min(4), deadline_ns);
    }

    fn issue(&mut self) {
        let may_issue = self.scheduler.may_issue(self.now_ns);
        let mut issued = false;
        while let Some(read) = self.scheduler.issue(self.now_ns) {
            issued = true;
            let waits = |pending: &&Pending| pending.state == State::Waiting;
            let first = self.pending.values().filter(waits).min_by_key(|pending| rank(pending));
            let first = first.expect("nothing is read that nobody waits for").request.id;
            let tickets: Vec<Ticket> = self.scheduler.parts(read.token).collect();
            let of_ticket =
                |ticket: &Ticket| self.pending.values().find(|p| p.ticket == *ticket).unwrap();
            let parts: Vec<Pending> = tickets.iter().map(of_ticket).copied().collect();
            assert_eq!(parts[0].request.id, first, "the most urgent one is read first");
            self.check_read(&read, &parts);
            for part in &parts {
                assert_eq!(part.state, State::Waiting, "nothing is read twice");
                self.pending.get_mut(&part.request.id).unwrap().state = State::Reading;
            }
            let parts = parts.iter().map(|part| part.request.id).collect();
            let buffer = self.pool.as_ref().map(|pool| pool.take(read.len).unwrap());
            self.flights.push(Flight { read, buffer, issued_ns: self.now_ns, parts });
        }
        assert_eq!(may_issue, issued);
        let waiting = self.pending.values().any(|pending| pending.state == State::Waiting);
        let held = self.scheduler.held_bytes() > 0;
        assert!(issued || held || !waiting, "with nothing in flight the first may be read");
    }

    /// A read covers its requests, and what else is in it is worth it.
    fn check_read(&self, read: &DeviceRead, parts: &[Pending]) {
        let align = self.align as u64;
        assert!(read.offset.is_multiple_of(align) && read.len.is_multiple_of(self.align));
        assert!(read.needed <= read.len && read.len - read.needed < self.align);
        assert!(self.flights.iter().all(|flight| flight.read.token != read.token));
        assert!(read.piece >= 256 << 10 && read.piece.is_multiple_of(self.align));
        self.check_none_left(parts);
        let mut ranges: Vec<Range<u64>> = parts.iter().map(|part| range(&part.request)).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let start = ranges[0].start;
        assert_eq!(read.offset, start / align * align);
        let (mut end, mut skipped) = (start, 0);
        for range in ranges {
            let gap = range.start.saturating_sub(end);
            assert!(gap <= u64::from(self.options.request_cost_bytes), "a gap of {gap}");
            skipped += gap;
            end = end.max(range.end);
        }
        assert_eq!(read.offset + read.needed as u64, end);
        if parts.len() > 1 {
            assert!(end - start <= u64::from(self.options.joined_bytes_max));
            let wanted = end - start - skipped;
            assert!(skipped * 100 <= wanted * u64::from(self.options.skipped_percent_max));
            assert!(parts.iter().all(|part| !part.solo), "{parts:?}");
            let urgent = parts.iter().filter(|part| part.request.class == 0).count();
            assert!(parts[0].request.class > 0 || urgent == parts.len(), "{parts:?}");
        }
    }

    /// What touches a read is in it, if it may be: here where no window limits its length. Behind its
    /// first request the nearest one that was left is looked at, and before it likewise; of several
    /// that begin together any one may be what ended the search.
    fn check_none_left(&self, parts: &[Pending]) {
        if self.options.adapt {
            return;
        }
        let head = range(&parts[0].request);
        let (begin, end) = parts.iter().map(|part| range(&part.request)).fold(
            (head.start, head.end),
            |(begin, end), part| {
                let behind = part.start >= head.start;
                (begin.min(part.start), if behind { end.max(part.end) } else { end })
            },
        );
        let whole = parts.iter().map(|part| range(&part.request).end).max().unwrap_or(end);
        let is_part = |id: u64| parts.iter().any(|part| part.request.id == id);
        let left: Vec<&Pending> = self
            .pending
            .values()
            .filter(|other| other.state == State::Waiting && !is_part(other.request.id))
            .collect();
        let read_bytes: u64 = self.flights.iter().map(Flight::held_bytes).sum();
        let room = self.options.bytes_max - read_bytes - self.unpolled_bytes;
        let joins = |other: &&&Pending| {
            let other_range = range(&other.request);
            let (from, to) = (begin.min(other_range.start), whole.max(other_range.end));
            let align = self.align as u64;
            let urgent = parts[0].request.class == 0 && other.request.class > 0;
            other_range.start <= end
                && other_range.end >= begin
                && to - from <= u64::from(self.options.joined_bytes_max)
                && self.held_by(to.next_multiple_of(align) - from / align * align) <= room
                && !(other.solo || parts[0].solo || urgent)
        };
        let start = |other: &&&Pending| other.request.offset;
        let all_join = |nearest: Option<u64>| {
            let together = left.iter().filter(|other| Some(other.request.offset) == nearest);
            nearest.is_some() && together.clone().all(|other| joins(&other))
        };
        let behind = left.iter().filter(|other| other.request.offset >= head.start);
        assert!(!all_join(behind.map(|other| start(&other)).min()), "one behind {parts:?} is left");
        let before = left.iter().filter(|other| other.request.offset < head.start);
        assert!(!all_join(before.map(|other| start(&other)).max()), "one before {parts:?} is left");
    }

    fn complete(&mut self, pick: u8, fails: bool) {
        if self.flights.is_empty() {
            return;
        }
        let flight = self.flights.remove(usize::from(pick) % self.flights.len());
        let injected = ReadErrorKind::Injected;
        let result =
            if fails { Err(injected) } else { Ok(ReadBuffer::from_vec(bytes(&flight.read))) };
        self.scheduler.complete(flight.read.token, result, self.now_ns);
        let mut taken = false;
        for id in &flight.parts {
            let pending = self.pending.get_mut(id).unwrap();
            pending.state = match fails {
                _ if pending.cancelled => State::Ended(Some(ReadErrorKind::Cancelled)),
                true if flight.parts.len() > 1 => State::Waiting,
                true => State::Ended(Some(injected)),
                false => State::Ended(None),
            };
            pending.solo |= pending.state == State::Waiting;
            taken |= pending.state == State::Ended(None);
        }
        // Held until they are polled, unless nobody took them.
        self.unpolled_bytes += if taken { flight.held_bytes() } else { 0 };
        if let (Some(pool), Some(buffer)) = (&self.pool, flight.buffer) {
            pool.put(buffer);
        }
    }

    fn give_up(&mut self) {
        self.scheduler.give_up_stalled(self.now_ns);
        for flight in &mut self.flights {
            let after_ns = self.now_ns - flight.issued_ns;
            if after_ns >= self.options.stall_ns {
                for id in flight.parts.drain(..) {
                    let pending = self.pending.get_mut(&id).unwrap();
                    pending.state = State::Ended(Some(match pending.cancelled {
                        true => ReadErrorKind::Cancelled,
                        false => ReadErrorKind::Stalled { after_ns },
                    }));
                }
            }
        }
        self.give_up_waiting();
        let next = self.flights.iter().filter(|flight| !flight.parts.is_empty());
        let next = next.map(|flight| flight.issued_ns + self.options.stall_ns).min();
        assert_eq!(self.scheduler.next_stall_ns(), next);
    }

    /// What a read of `len` bytes takes of the memory.
    fn held_by(&self, len: u64) -> u64 {
        match self.pool {
            Some(_) => Buffer::new(len as usize).unwrap().len() as u64,
            None => len,
        }
    }

    /// Nobody waits behind a device that is dead, and behind no other does anybody end.
    fn give_up_waiting(&mut self) {
        let waits = |pending: &Pending| pending.state == State::Waiting;
        let dead = self.flights.iter().all(|flight| flight.parts.is_empty());
        if !dead || self.flights.is_empty() || !self.pending.values().any(waits) {
            return;
        }
        if self.scheduler.waiting() > 0 {
            let later = self.scheduler.next_issue_ns(self.now_ns).is_some();
            let room = later || self.unpolled_bytes > 0 || self.scheduler.may_issue(self.now_ns);
            assert!(room, "it waits for a dead device");
            return;
        }
        let waiting = self.pending.values().filter(|pending| waits(pending));
        let first = range(&waiting.min_by_key(|pending| rank(pending)).unwrap().request);
        let align = self.align as u64;
        let bytes = first.end.next_multiple_of(align) - first.start / align * align;
        let held_bytes: u64 = self.flights.iter().map(Flight::held_bytes).sum();
        let full = self.flights.len() as u32 == self.options.reads_max
            || held_bytes + self.held_by(bytes) > self.options.bytes_max;
        assert!(full || self.options.adapt, "there was room for the first");
        let issued_ns = self.flights.iter().map(|flight| flight.issued_ns).max().unwrap();
        let ended =
            State::Ended(Some(ReadErrorKind::Stalled { after_ns: self.now_ns - issued_ns }));
        for pending in self.pending.values_mut().filter(|pending| waits(pending)) {
            pending.state = ended;
        }
    }

    fn poll(&mut self) {
        let mut out: Vec<Completion> = Vec::new();
        self.scheduler.poll(&mut out);
        self.unpolled_bytes = 0;
        for done in out {
            let pending = self.pending.remove(&done.id).expect("every request completes once");
            let State::Ended(error) = pending.state else { panic!("{pending:?} has not ended") };
            assert!(done.submitted_ns <= done.issued_ns && done.issued_ns <= done.completed_ns);
            assert!(done.completed_ns <= self.now_ns);
            match done.result {
                Ok(bytes) => {
                    assert_eq!(error, None);
                    let expected = content(range(&pending.request));
                    assert!(bytes[..] == expected[..], "the bytes of {pending:?}");
                }
                Err(found) => assert_eq!(Some(found.kind), error, "{pending:?}"),
            }
        }
        let ended = |pending: &Pending| matches!(pending.state, State::Ended(_));
        assert!(!self.pending.values().any(ended), "what has ended is polled");
    }
}

fn range(request: &ReadRequest) -> Range<u64> {
    request.offset..request.offset + u64::from(request.len)
}

/// The smallest comes first; ids count up with every request.
fn rank(pending: &Pending) -> (u8, u64, u64) {
    let request = &pending.request;
    (request.class, request.deadline_ns.unwrap_or(u64::MAX), request.id)
}

/// What the file holds: bytes that differ from place to place.
fn content(range: Range<u64>) -> Vec<u8> {
    range.map(|at| (at.wrapping_mul(0x9E37_79B9) >> 13) as u8).collect()
}

/// What the device reads, with what alignment adds behind the end of the file.
fn bytes(read: &DeviceRead) -> Vec<u8> {
    content(read.offset..read.offset + read.len as u64)
}
