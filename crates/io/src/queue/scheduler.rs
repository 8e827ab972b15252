//! What to read next: the one place that decides, for every backend.
//!
//! A plain state machine. Requests go in; [`Scheduler::issue`] says what to read from the device,
//! [`Scheduler::complete`] takes what came of it and splits it among its requests,
//! [`Scheduler::poll`] hands them out. No threads, clocks or files: equal calls give equal answers.
//!
//! - The most urgent class first; within it the earliest deadline, then first come, first served. A
//!   request is never passed by a less urgent one that happens to fit.
//! - Neighbours in the file ride along, as far as their gap costs less than a request. With a
//!   request of class 0 only others of class 0 do, so that its bytes are its own.
//! - A long read goes to the device piece by piece, so that an urgent one goes between.
//! - What is in flight follows the knee of the device's latency (`window.rs`). Class 0 may go
//!   a little beyond it.
//! - What waits behind a dead device ends too: once nothing is out but reads that have stalled, and they
//!   leave no room.
//! - A shared read that fails costs nobody: its requests are read again, each alone.

use std::ops::{ControlFlow, Range};

use super::buffer::{BUFFER_ALIGN_BYTES, Buffer};
use super::error::{QueueFull, ReadError, ReadErrorKind};
use super::options::{OptionsError, QueueOptions};
use super::order::{Order, Rank};
use super::window::{Sample, URGENT_BYTES, Window};
use super::{CLASSES, Completion, QueueCounters, ReadBuffer, ReadRequest, Ticket};

/// Requests that share one read at most.
pub const PARTS_MAX: usize = 1024;
/// Joined reads may be as long as this, however small the window.
const JOINED_BYTES_MIN: u64 = 128 << 10;
/// Share of the window that one joined read may take, or one would be all that is in flight.
const JOINED_WINDOW_SHARE: u64 = 2;
/// A piece of a read is as long as so many requests cost: splitting then costs little, and whoever
/// is in a hurry waits for a piece at most.
const PIECE_COSTS: u64 = 16;
/// The share of reads and bytes that is kept for what is urgent is one of so many.
const URGENT_SHARE: u64 = 8;
/// Smallest piece, bytes.
const PIECE_BYTES_MIN: u64 = 256 << 10;

/// A read at the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadToken(u32);

impl ReadToken {
    /// Below [`READS_MAX`](crate::READS_MAX), and no other read in flight has the same.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What to read from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRead {
    /// To be given back with the result.
    pub token: ReadToken,
    /// First byte in the file: a multiple of the alignment.
    pub offset: u64,
    /// Bytes that the buffer must hold: a multiple of the alignment, which may reach behind the end
    /// of the file.
    pub len: usize,
    /// Bytes from the beginning that must arrive; the rest may be missing.
    pub needed: usize,
    /// The most bytes to ask the device for at a time, a multiple of the alignment. A longer read goes
    /// piece by piece, the next when the last has arrived, so that others get their turn between.
    pub piece: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Waiting,
    Reading,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    request: ReadRequest,
    sequence: u64,
    submitted_ns: u64,
    entered_ns: u64,
    generation: u32,
    state: State,
    cancelled: bool,
    /// It was part of a read that failed, and is read alone.
    solo: bool,
}

#[derive(Debug, Default)]
struct Read {
    offset: u64,
    len: u64,
    /// What it takes of the bytes that may be held.
    held: u64,
    /// Slots of the requests that wait for it; none once it counts as stalled.
    parts: Vec<u32>,
    in_flight: bool,
    sample: Sample,
    /// What it has at the device, and what it is worth when it has come: bytes, and what its requests
    /// cost beside.
    cost: u64,
    worth: u64,
    issued_ns: u64,
}

/// Requests waiting, being read and done. See the module's comment for its rules.
#[derive(Debug)]
pub struct Scheduler {
    options: QueueOptions,
    file_bytes: u64,
    align: u64,
    /// Whether reads go to buffers, which are longer than they.
    buffers: bool,
    slots: Vec<Slot>,
    free: Vec<u32>,
    order: Order,
    reads: Vec<Read>,
    free_reads: Vec<u32>,
    /// Reads in flight that have stalled.
    stalled: usize,
    done: Vec<Completion>,
    window: Window,
    /// Of reads in flight, and of completions that are not polled yet.
    held_bytes: u64,
    done_bytes: u64,
    sequence: u64,
    counters: QueueCounters,
}

impl Scheduler {
    /// A scheduler of reads from a file of `file_bytes` bytes, whose reads begin and end on
    /// multiples of `align`.
    ///
    /// # Errors
    /// The first of `options` that is out of range.
    ///
    /// # Panics
    /// When `align` is no power of two, or more than the 256 KiB that a read is cut into at least.
    pub fn new(options: QueueOptions, file_bytes: u64, align: usize) -> Result<Self, OptionsError> {
        options.check()?;
        let possible = align.is_power_of_two() && align as u64 <= PIECE_BYTES_MIN;
        assert!(possible, "reads aligned to {align} bytes");
        Ok(Self {
            file_bytes,
            align: align as u64,
            buffers: false,
            slots: Vec::new(),
            free: Vec::new(),
            order: Order::default(),
            reads: (0..options.reads_max).map(|_| Read::default()).collect(),
            free_reads: (0..options.reads_max).rev().collect(),
            stalled: 0,
            done: Vec::new(),
            window: Window::new(options.adapt),
            held_bytes: 0,
            done_bytes: 0,
            sequence: 0,
            counters: QueueCounters::default(),
            options,
        })
    }

    /// Counts each read with the bytes of the buffer that a pool lends for it
    /// ([`Buffer::bytes_for`]), and not only its own.
    #[must_use]
    pub fn into_buffers(self) -> Self {
        Self { buffers: true, ..self }
    }

    /// Takes a request. `now_ns` is on the clock of the other calls; `submitted_ns`, on the
    /// caller's, is handed back with the completion. O(log n).
    ///
    /// # Errors
    /// `QueueFull`.
    pub fn submit(
        &mut self,
        request: ReadRequest,
        now_ns: u64,
        submitted_ns: u64,
    ) -> Result<Ticket, QueueFull> {
        if self.in_flight() == self.options.capacity {
            return Err(QueueFull { capacity: self.options.capacity });
        }
        self.counters.requests += 1;
        let class = request.class.min(CLASSES as u8 - 1);
        let index = self.free.pop().unwrap_or(self.slots.len() as u32);
        let generation = self.slots.get(index as usize).map_or(0, |slot| slot.generation);
        let slot = Slot {
            request: ReadRequest { class, ..request },
            sequence: self.sequence,
            submitted_ns,
            entered_ns: now_ns,
            generation,
            state: State::Waiting,
            cancelled: false,
            solo: false,
        };
        self.sequence += 1;
        match self.slots.get_mut(index as usize) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        match self.refusal(&request) {
            Some(result) => self.end(index, result, now_ns, now_ns),
            None => self.order.insert(class, slot.rank(index), request.offset),
        }
        self.give_up_waiting(now_ns);
        Ok(Ticket { slot: index, generation })
    }

    /// What a request ends with that needs no read.
    fn refusal(&self, request: &ReadRequest) -> Option<Result<ReadBuffer, ReadErrorKind>> {
        let end = request.offset.checked_add(u64::from(request.len));
        if end.is_none_or(|end| end > self.file_bytes) {
            return Some(Err(ReadErrorKind::OutOfRange { file_bytes: self.file_bytes }));
        }
        if request.len == 0 {
            return Some(Ok(ReadBuffer::from_vec(Vec::new())));
        }
        let (offset, end) = self.aligned(request.range());
        let bytes_max = self.options.bytes_max;
        (end - offset > bytes_max).then_some(Err(ReadErrorKind::TooLarge { bytes_max }))
    }

    fn aligned(&self, range: Range<u64>) -> (u64, u64) {
        (range.start & !(self.align - 1), range.end.next_multiple_of(self.align))
    }

    /// As [`ReadQueue::cancel`](crate::ReadQueue::cancel).
    pub fn cancel(&mut self, ticket: Ticket, now_ns: u64) -> bool {
        let Some(slot) = self.live(ticket) else { return false };
        if std::mem::replace(&mut slot.cancelled, true) {
            return false;
        }
        if slot.state == State::Waiting {
            self.take_out(ticket.slot);
            self.end(ticket.slot, Err(ReadErrorKind::Cancelled), now_ns, now_ns);
        }
        true
    }

    /// As [`ReadQueue::reprioritise`](crate::ReadQueue::reprioritise).
    pub fn reprioritise(&mut self, ticket: Ticket, class: u8, deadline_ns: Option<u64>) -> bool {
        let Some(slot) = self.live(ticket) else { return false };
        if slot.state != State::Waiting {
            return false;
        }
        let from = slot.request.class;
        let class = class.min(CLASSES as u8 - 1);
        if (from, slot.request.deadline_ns) != (class, deadline_ns) {
            (slot.request.class, slot.request.deadline_ns) = (class, deadline_ns);
            let rank = slot.rank(ticket.slot);
            let slots = &self.slots;
            self.order.move_to(from, class, rank, |class, rank| counts(slots, class, rank));
        }
        true
    }

    fn live(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(ticket.slot as usize)?;
        (slot.generation == ticket.generation && slot.state != State::Free).then_some(slot)
    }

    /// The next read for the device; `None` while nothing waits, or all that may be is in flight.
    pub fn issue(&mut self, now_ns: u64) -> Option<DeviceRead> {
        let first = self.admitted(now_ns)?;
        let mut read = std::mem::take(&mut self.reads[*self.free_reads.last()? as usize]);
        let urgent = self.slots[first as usize].request.class == 0;
        let needed = self.join(first, &mut read.parts, now_ns);
        let (offset, end) = self.aligned(needed.clone());
        for index in 0..read.parts.len() {
            let slot = read.parts[index];
            self.take_out(slot);
            self.slots[slot as usize].state = State::Reading;
        }
        (read.offset, read.len) = (offset, end - offset);
        let (piece, request_cost) =
            (self.piece_bytes(now_ns), u64::from(self.options.request_cost_bytes));
        read.cost = read.len.min(piece) + request_cost;
        read.worth = read.len + request_cost * read.len.div_ceil(piece);
        read.sample = self.window.issued(read.cost, urgent, self.order.len() == 0, now_ns);
        (read.issued_ns, read.in_flight) = (now_ns, true);
        // One that alone is too long once it is rounded takes all there is.
        read.held = self.held_by(read.len).min(self.options.bytes_max);
        self.held_bytes += read.held;
        self.counters.reads += 1;
        self.counters.read_bytes += read.len;
        self.counters.joined += if read.parts.len() > 1 { read.parts.len() as u64 } else { 0 };
        let token = ReadToken(self.free_reads.pop()?);
        let (len, needed) = (read.len as usize, (needed.end - offset) as usize);
        self.reads[token.index()] = read;
        Some(DeviceRead { token, offset, len, needed, piece: piece as usize })
    }

    /// The most bytes that are asked for at a time. A read that is alone keeps the device busy if they
    /// are a good part of the window.
    fn piece_bytes(&self, now_ns: u64) -> u64 {
        let worth_it = PIECE_COSTS * u64::from(self.options.request_cost_bytes);
        let bytes = worth_it.max(PIECE_BYTES_MIN).max(self.window.bytes(now_ns) / 2);
        // As far as a buffer can be long.
        bytes.min(1 << 30) & !(self.align - 1).max(BUFFER_ALIGN_BYTES as u64 - 1)
    }

    /// Bytes that a read of `len` bytes holds.
    fn held_by(&self, len: u64) -> u64 {
        if self.buffers { Buffer::bytes_for(len as usize) as u64 } else { len }
    }

    /// Whether [`issue`](Self::issue) would give a read.
    pub fn may_issue(&mut self, now_ns: u64) -> bool {
        self.admitted(now_ns).is_some()
    }

    /// When more may be read although nothing has come until then: the end of a probe of the device's
    /// latency, for which others wait. `None` while no time alone makes a difference.
    pub fn next_issue_ns(&self, now_ns: u64) -> Option<u64> {
        self.window.probe_end_ns(now_ns).filter(|_| self.order.len() > 0)
    }

    /// The first waiting request, if it may be read now. Class 0 finds a place where others find none.
    fn admitted(&mut self, now_ns: u64) -> Option<u32> {
        self.admitted_beside(self.held_bytes, now_ns)
    }

    /// The same with so many bytes held.
    fn admitted_beside(&mut self, held_bytes: u64, now_ns: u64) -> Option<u32> {
        let slots = &self.slots;
        let (class, first) = self.order.first(|class, rank| counts(slots, class, rank))?;
        let (offset, end) = self.aligned(self.slots[first as usize].request.range());
        let (reads_kept, bytes_kept) = self.kept_for_urgent(class, held_bytes);
        let bytes = self.held_by(end - offset).min(self.options.bytes_max);
        let full = self.free_reads.len() <= reads_kept
            || held_bytes + bytes > self.options.bytes_max - bytes_kept;
        if full {
            return None;
        }
        let at_once = (end - offset).min(self.piece_bytes(now_ns));
        let cost = at_once + u64::from(self.options.request_cost_bytes);
        self.window.admits(cost, class == 0, now_ns).then_some(first)
    }

    /// What requests of a class leave free, reads and bytes, as long as something is in flight: long
    /// reads would otherwise hold all there is until they have come.
    fn kept_for_urgent(&self, class: u8, held_bytes: u64) -> (usize, u64) {
        if class == 0 || !self.options.adapt || held_bytes == 0 {
            return (0, 0);
        }
        let bytes = URGENT_BYTES.min(self.options.bytes_max / URGENT_SHARE);
        (usize::from(u64::from(self.options.reads_max) >= URGENT_SHARE), bytes)
    }

    /// How long joined reads may be by the window: a power of two, so that while it changes a little
    /// they still share their buffers, and memory that was never written is rarely met.
    fn joined_bytes(&self, now_ns: u64) -> u64 {
        let share = self.window.bytes(now_ns) / JOINED_WINDOW_SHARE;
        1 << share.max(JOINED_BYTES_MIN).ilog2()
    }

    /// Fills `parts` with `first` and the neighbours that share its read; the range needed.
    fn join(&self, first: u32, parts: &mut Vec<u32>, now_ns: u64) -> Range<u64> {
        parts.clear();
        parts.push(first);
        let head = &self.slots[first as usize];
        let mut join = Join {
            range: head.request.range(),
            wanted: u64::from(head.request.len),
            bytes_max: u64::from(self.options.joined_bytes_max).min(self.joined_bytes(now_ns)),
            gap_max: u64::from(self.options.request_cost_bytes),
            skipped_percent_max: u64::from(self.options.skipped_percent_max),
        };
        if !self.options.adapt {
            join.bytes_max = u64::from(self.options.joined_bytes_max);
        }
        let (_, bytes_kept) = self.kept_for_urgent(head.request.class, self.held_bytes);
        let room = self.options.bytes_max - self.held_bytes - bytes_kept;
        let mut take = |index: u32, join: &mut Join| {
            if index == first {
                return ControlFlow::Continue(());
            }
            let slot = &self.slots[index as usize];
            let alone =
                slot.solo || head.solo || (head.request.class == 0 && slot.request.class > 0);
            let Some(joined) = join.with(slot.request.range()).filter(|_| !alone) else {
                return ControlFlow::Break(());
            };
            let (offset, end) = self.aligned(joined.range.clone());
            if self.held_by(end - offset) > room || parts.len() == PARTS_MAX {
                return ControlFlow::Break(());
            }
            *join = joined;
            parts.push(index);
            ControlFlow::Continue(())
        };
        // What begins farther away would make the read too long.
        let start = head.request.offset;
        let behind = start..start.saturating_add(join.bytes_max);
        self.order.ascending(behind, |index| take(index, &mut join));
        let before = join.range.end.saturating_sub(join.bytes_max)..start;
        self.order.descending(before, |index| take(index, &mut join));
        join.range
    }

    /// The requests that wait for a read in flight; none once they have been given up.
    pub fn parts(&self, token: ReadToken) -> impl Iterator<Item = Ticket> + '_ {
        let parts = self.reads.get(token.index()).map_or(&[][..], |read| &read.parts);
        parts.iter().map(|&slot| {
            let generation = self.slots[slot as usize].generation;
            Ticket { slot, generation }
        })
    }

    /// Takes what came of a read. A part that nobody shares ends with the error; shared ones are
    /// read again, each alone.
    ///
    /// # Panics
    /// When no such read is in flight, or the buffer is shorter than what was needed.
    pub fn complete(
        &mut self,
        token: ReadToken,
        result: Result<ReadBuffer, ReadErrorKind>,
        now_ns: u64,
    ) {
        let mut read = std::mem::take(&mut self.reads[token.index()]);
        assert!(read.in_flight, "no read {token:?} is in flight");
        self.window.completed(read.sample, read.cost, read.worth, now_ns);
        self.stalled -= usize::from(read.parts.is_empty());
        let (mut handed_out, issued_ns) = (false, read.issued_ns);
        for &part in &read.parts {
            let slot = self.slots[part as usize];
            let begin = (slot.request.offset - read.offset) as usize;
            match &result {
                _ if slot.cancelled => {
                    self.end(part, Err(ReadErrorKind::Cancelled), issued_ns, now_ns);
                }
                Ok(buffer) => {
                    let bytes = buffer.part(begin..begin + slot.request.len as usize);
                    self.end(part, Ok(bytes), issued_ns, now_ns);
                    handed_out = true;
                }
                Err(_) if read.parts.len() > 1 => self.again_alone(part),
                Err(kind) => self.end(part, Err(*kind), issued_ns, now_ns),
            }
        }
        if handed_out {
            self.done_bytes += read.held;
        } else {
            self.held_bytes -= read.held;
        }
        read.parts.clear();
        read.in_flight = false;
        self.reads[token.index()] = read;
        self.free_reads.push(token.0);
    }

    fn again_alone(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        (slot.state, slot.solo) = (State::Waiting, true);
        self.counters.retried += 1;
        let (request, rank) = (slot.request, slot.rank(index));
        self.order.insert(request.class, rank, request.offset);
    }

    /// Ends the requests of reads that are out for longer than
    /// [`QueueOptions::stall_ns`](crate::QueueOptions::stall_ns), as `Stalled`. The reads themselves
    /// stay in flight, and their bytes held, until they are completed. Once nothing else is in flight,
    /// and they leave no room, what waits ends likewise, and so does what is submitted until one of
    /// them is completed.
    pub fn give_up_stalled(&mut self, now_ns: u64) {
        for index in 0..self.reads.len() {
            let read = &mut self.reads[index];
            let after_ns = now_ns.saturating_sub(read.issued_ns);
            if !read.in_flight || after_ns < self.options.stall_ns {
                continue;
            }
            let issued_ns = read.issued_ns;
            let mut parts = std::mem::take(&mut read.parts);
            self.stalled += usize::from(!parts.is_empty());
            for part in parts.drain(..) {
                let kind = match self.slots[part as usize].cancelled {
                    true => ReadErrorKind::Cancelled,
                    false => ReadErrorKind::Stalled { after_ns },
                };
                self.end(part, Err(kind), issued_ns, now_ns);
            }
            self.reads[index].parts = parts;
        }
        self.give_up_waiting(now_ns);
    }

    /// Ends what waits for a device that is dead. What is done and not yet polled is no obstacle, it
    /// makes room when it is; nor is a probe, which ends.
    fn give_up_waiting(&mut self, now_ns: u64) {
        let dead = self.stalled > 0 && self.stalled == self.reads();
        let held_bytes = self.held_bytes - self.done_bytes;
        if !dead
            || self.next_issue_ns(now_ns).is_some()
            || self.admitted_beside(held_bytes, now_ns).is_some()
        {
            return;
        }
        let issued_ns = self.reads.iter().filter(|read| read.in_flight).map(|read| read.issued_ns);
        let after_ns = now_ns.saturating_sub(issued_ns.max().unwrap_or(now_ns));
        while let Some((_, first)) =
            self.order.first(|class, rank| counts(&self.slots, class, rank))
        {
            self.take_out(first);
            self.end(first, Err(ReadErrorKind::Stalled { after_ns }), now_ns, now_ns);
        }
    }

    /// When the next read would count as stalled; `None` with nothing in flight.
    pub fn next_stall_ns(&self) -> Option<u64> {
        let waited_for = self.reads.iter().filter(|read| !read.parts.is_empty());
        waited_for.map(|read| read.issued_ns.saturating_add(self.options.stall_ns)).min()
    }

    /// Appends to `out` what has ended, in the order in which it did. Its bytes no longer count as
    /// in flight.
    pub fn poll(&mut self, out: &mut Vec<Completion>) {
        out.append(&mut self.done);
        self.held_bytes -= std::mem::take(&mut self.done_bytes);
    }

    /// Whether a poll would give anything.
    pub fn has_done(&self) -> bool {
        !self.done.is_empty()
    }

    /// Requests taken and not yet polled.
    pub fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len() + self.done.len()
    }

    /// Requests that wait for their read.
    pub fn waiting(&self) -> usize {
        self.order.len()
    }

    /// Reads at the device.
    pub fn reads(&self) -> usize {
        self.reads.len() - self.free_reads.len()
    }

    /// Bytes of reads at the device, or done and not yet polled, or of their buffers.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// Its limits.
    pub fn options(&self) -> &QueueOptions {
        &self.options
    }

    /// What it did so far.
    pub fn counters(&self) -> QueueCounters {
        self.counters
    }

    fn take_out(&mut self, index: u32) {
        let request = self.slots[index as usize].request;
        self.slots[index as usize].state = State::Reading;
        let slots = &self.slots;
        self.order.remove(request.class, index, |class, rank| counts(slots, class, rank));
    }

    /// Ends a request, whose read went out at `issued_ns`, and frees its slot.
    fn end(
        &mut self,
        index: u32,
        result: Result<ReadBuffer, ReadErrorKind>,
        issued_ns: u64,
        now_ns: u64,
    ) {
        match &result {
            Ok(_) => {}
            Err(ReadErrorKind::Cancelled) => self.counters.cancelled += 1,
            Err(_) => self.counters.failed += 1,
        }
        let slot = &mut self.slots[index as usize];
        let since_ns =
            |at_ns: u64| slot.submitted_ns.saturating_add(at_ns.saturating_sub(slot.entered_ns));
        self.done.push(Completion {
            id: slot.request.id,
            offset: slot.request.offset,
            result: result.map_err(|kind| ReadError::new(&slot.request, kind)),
            submitted_ns: slot.submitted_ns,
            issued_ns: since_ns(issued_ns),
            completed_ns: since_ns(now_ns),
        });
        slot.state = State::Free;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
    }
}

/// Whether an entry of the order still stands for a waiting request.
fn counts(slots: &[Slot], class: u8, rank: Rank) -> bool {
    let slot = &slots[rank.slot as usize];
    slot.state == State::Waiting && slot.request.class == class && slot.rank(rank.slot) == rank
}

impl Slot {
    fn rank(&self, slot: u32) -> Rank {
        let deadline_ns = self.request.deadline_ns.unwrap_or(u64::MAX);
        Rank { deadline_ns, sequence: self.sequence, slot }
    }
}

impl ReadRequest {
    /// Only for requests that lie in the file: nothing overflows.
    fn range(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.len)
    }
}

/// A read as it grows.
#[derive(Clone)]
struct Join {
    range: Range<u64>,
    /// Bytes of it that somebody asked for, overlaps counted once.
    wanted: u64,
    bytes_max: u64,
    gap_max: u64,
    skipped_percent_max: u64,
}

impl Join {
    /// With a neighbour, if it is worth it.
    fn with(&self, other: Range<u64>) -> Option<Self> {
        let start = self.range.start.min(other.start);
        let end = self.range.end.max(other.end);
        let gap = match other.start >= self.range.start {
            true => other.start.saturating_sub(self.range.end),
            false => self.range.start.saturating_sub(other.end),
        };
        let wanted = self.wanted + (end - start) - (self.range.end - self.range.start) - gap;
        let skipped = (end - start) - wanted;
        let worth = end - start <= self.bytes_max
            && gap <= self.gap_max
            && skipped * 100 <= wanted * self.skipped_percent_max;
        worth.then(|| Self { range: start..end, wanted, ..self.clone() })
    }
}
