//! The model of a read queue: which requests are in it, and which must come back cancelled.

use std::collections::BTreeMap;

use farplane_io::{
    Archive, Completion, QueueOptions, ReadErrorKind, ReadQueue, ReadRequest, Ticket,
};

use super::{byte, word};

/// A call to a queue.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Submit {
        offset: u64,
        len: u32,
        class: u8,
        deadline_ns: Option<u64>,
    },
    /// Of the request submitted `back` before the last one.
    Reprioritise {
        back: u64,
        class: u8,
        deadline_ns: Option<u64>,
    },
    /// Of the request submitted `back` before the last one.
    Cancel {
        back: u64,
    },
    Poll {
        later_ns: u64,
    },
}

impl Op {
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let deadline = |bits: u8| (bits >= 192).then_some(u64::from(bits) * 1000);
        Some(match byte(input)? % 8 {
            0 => Self::Cancel { back: u64::from(byte(input)? % 80) },
            3 => Self::Reprioritise {
                back: u64::from(byte(input)? % 80),
                class: byte(input)? % 6,
                deadline_ns: deadline(byte(input)?),
            },
            1 | 2 => Self::Poll { later_ns: u64::from(word(input)?) * 100 },
            _ => Self::Submit {
                offset: u64::from(word(input)?),
                len: u32::from(word(input)?) / 4,
                class: byte(input)? % 6,
                deadline_ns: deadline(byte(input)?),
            },
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

/// Limits that these calls reach.
pub fn options() -> QueueOptions {
    QueueOptions {
        capacity: 64,
        reads_max: 12,
        bytes_max: 30_000,
        joined_bytes_max: 20_000,
        request_cost_bytes: 500,
        threads: 2,
        ..QueueOptions::default()
    }
}

/// A completion without its bytes, to be compared.
pub type Trace = (u64, Option<ReadErrorKind>, u64, u64);

/// What a queue is told and what came back.
pub struct Run<'a, Q: ReadQueue> {
    pub queue: Q,
    pub now_ns: u64,
    pub trace: Vec<Trace>,
    archive: &'a Archive,
    /// Whether faults may turn good requests bad.
    faulty: bool,
    next_id: u64,
    /// By id, also of what has completed.
    tickets: Vec<Ticket>,
    /// Of each request in the queue: itself, and whether it must come back cancelled.
    pending: BTreeMap<u64, (ReadRequest, u64, bool)>,
}

impl<'a, Q: ReadQueue> Run<'a, Q> {
    pub fn new(archive: &'a Archive, queue: Q, faulty: bool) -> Self {
        Self {
            queue,
            now_ns: 0,
            trace: Vec::new(),
            archive,
            faulty,
            next_id: 0,
            tickets: Vec::new(),
            pending: BTreeMap::new(),
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Submit { offset, len, class, deadline_ns } => {
                let request = ReadRequest { id: self.next_id, offset, len, class, deadline_ns };
                let full = self.pending.len() == self.queue.capacity();
                let result = self.queue.submit(request, self.now_ns);
                assert_eq!(result.is_err(), full);
                if let Ok(ticket) = result {
                    self.pending.insert(self.next_id, (request, self.now_ns, false));
                    self.tickets.push(ticket);
                    self.next_id += 1;
                }
            }
            Op::Reprioritise { back, class, deadline_ns } => {
                let id = self.next_id.wrapping_sub(1 + back);
                let Some(&ticket) = self.tickets.get(id as usize) else { return };
                let accepted = self.queue.reprioritise(ticket, class, deadline_ns);
                let waits = self.pending.get(&id).is_some_and(|(_, _, cancelled)| !cancelled);
                assert!(waits || !accepted, "only what waits can be moved");
            }
            Op::Cancel { back } => {
                let id = self.next_id.wrapping_sub(1 + back);
                let Some(&ticket) = self.tickets.get(id as usize) else { return };
                let accepted = self.queue.cancel(ticket);
                match self.pending.get_mut(&id) {
                    Some((_, _, cancelled)) if accepted => {
                        assert!(!*cancelled, "nothing is cancelled twice");
                        *cancelled = true;
                    }
                    _ => assert!(!accepted, "only what is in the queue can be cancelled"),
                }
            }
            Op::Poll { later_ns } => self.poll(self.now_ns + later_ns),
        }
        assert_eq!(self.queue.in_flight(), self.pending.len());
    }

    pub fn poll(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        let mut out = Vec::new();
        self.queue.poll(now_ns, &mut out);
        for completion in out {
            self.complete(completion);
        }
    }

    fn complete(&mut self, completion: Completion) {
        let Completion { id, offset, result, submitted_ns, issued_ns, completed_ns } = completion;
        let (request, at_ns, cancelled) =
            self.pending.remove(&id).expect("every request completes once");
        assert_eq!((submitted_ns, offset), (at_ns, request.offset));
        assert!(submitted_ns <= issued_ns && issued_ns <= completed_ns);
        let map = self.archive.map();
        let end = request.offset + u64::from(request.len);
        let expected = map.get(request.offset as usize..end as usize);
        let kind = match &result {
            Ok(bytes) => {
                assert!(!cancelled);
                let expected = expected.expect("a range in the file");
                let wrong = expected.iter().zip(&**bytes).filter(|(a, b)| a != b).count();
                assert_eq!(bytes.len(), expected.len());
                assert!(wrong == 0 || (self.faulty && wrong == 1));
                None
            }
            Err(error) => {
                assert_eq!((error.id, error.offset, error.len), (id, request.offset, request.len));
                match error.kind {
                    ReadErrorKind::Cancelled => assert!(cancelled),
                    ReadErrorKind::OutOfRange { file_bytes } => {
                        assert!(!cancelled && expected.is_none());
                        assert_eq!(file_bytes, map.len() as u64);
                    }
                    ReadErrorKind::TooLarge { bytes_max } => {
                        assert!(!cancelled && u64::from(request.len) > bytes_max);
                    }
                    ReadErrorKind::Injected => assert!(!cancelled && self.faulty),
                    other => panic!("{other:?} from a good file"),
                }
                Some(error.kind)
            }
        };
        self.trace.push((id, kind, submitted_ns, completed_ns));
    }
}
