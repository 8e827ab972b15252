//! Oracle of `Arena`: for each byte who writes it and who reads it.

use super::{byte, pick};
use farplane_alloc::{Arena, ArenaError, CopyError, Epoch, Lease, LeaseError, Range, Snapshot};

/// Bytes of the arena.
const LEN: usize = 48;

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Lease { range: Range },
    Write { lease: u8, value: u8 },
    DropLease { lease: u8 },
    Publish { lease: u8 },
    Retire { range: Range },
    Copy { from: Range, lease: u8 },
    Snapshot,
    CloneSnapshot { snapshot: u8 },
    DropSnapshot { snapshot: u8 },
    AdvanceEpoch,
    Read { range: Range },
    Resize { len: usize },
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, a, b) = (byte(bytes)?, byte(bytes)?, byte(bytes)?);
        // Mostly within the arena.
        let range = match b {
            255 => Range::new(u64::MAX - 1, a.into()),
            _ => Range::new(u64::from(a) % (LEN as u64 + 1), (b % 11).into()),
        };
        Some(match kind % 16 {
            0..=3 => Self::Lease { range },
            4 | 5 => Self::Write { lease: a, value: b },
            6 => Self::DropLease { lease: a },
            7..=9 => Self::Publish { lease: a },
            10 => Self::Retire { range },
            11 => Self::Copy { from: range, lease: a },
            12 if b < 200 => Self::Snapshot,
            12 => Self::CloneSnapshot { snapshot: a },
            13 => Self::DropSnapshot { snapshot: a },
            14 if b < 100 => Self::AdvanceEpoch,
            14 if b < 180 => Self::Resize { len: usize::from(a) % (LEN + 4) },
            _ => Self::Read { range },
        })
    }
}

/// Runs a whole test case.
pub fn run(mut bytes: &[u8]) {
    let mut model = Model::new();
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
        model.check();
    }
}

struct Taken {
    real: Snapshot,
    published: [bool; LEN],
    bytes: [u8; LEN],
    /// Number of the operation at which it was taken.
    at: usize,
}

struct Retired {
    bytes: Vec<usize>,
    epoch: Epoch,
    at: usize,
}

pub struct Model {
    real: Arena,
    len: usize,
    leases: Vec<Lease>,
    published: [bool; LEN],
    bytes: [u8; LEN],
    snapshots: Vec<Taken>,
    retired: Vec<Retired>,
    oldest_reader: Epoch,
    now: usize,
}

impl Model {
    pub fn new() -> Self {
        Self {
            real: Arena::with_reserve(LEN / 2, LEN).unwrap(),
            len: LEN / 2,
            leases: Vec::new(),
            published: [false; LEN],
            bytes: [0; LEN],
            snapshots: Vec::new(),
            retired: Vec::new(),
            oldest_reader: Epoch::default(),
            now: 0,
        }
    }

    pub fn apply(&mut self, op: Op) {
        self.now += 1;
        match op {
            Op::Lease { range } => self.lease(range),
            Op::Write { lease, value } => {
                let Some(index) = pick(&self.leases, lease) else { return };
                let lease = &mut self.leases[index];
                assert_eq!(**lease, self.bytes[indices(lease.range())]);
                lease.fill(value);
                self.bytes[indices(lease.range())].fill(value);
            }
            Op::DropLease { lease } => {
                let Some(index) = pick(&self.leases, lease) else { return };
                self.leases.swap_remove(index);
            }
            Op::Publish { lease } => {
                let Some(index) = pick(&self.leases, lease) else { return };
                let lease = self.leases.swap_remove(index);
                let range = lease.range();
                assert_eq!(self.real.publish(lease), Ok(range));
                self.published[indices(range)].fill(true);
            }
            Op::Retire { range } => {
                let bytes: Vec<usize> =
                    (0..LEN).filter(|&i| self.published[i] && holds(range, i)).collect();
                bytes.iter().for_each(|&i| self.published[i] = false);
                let epoch = self.real.retire(range);
                self.retired.push(Retired { bytes, epoch, at: self.now });
            }
            Op::Copy { from, lease } => self.copy(from, lease),
            Op::Snapshot => self.snapshots.push(Taken {
                real: self.real.snapshot(),
                published: self.published,
                bytes: self.bytes,
                at: self.now,
            }),
            Op::CloneSnapshot { snapshot } => {
                let Some(index) = pick(&self.snapshots, snapshot) else { return };
                let taken = &self.snapshots[index];
                self.snapshots.push(Taken { real: taken.real.clone(), ..*taken });
            }
            Op::DropSnapshot { snapshot } => {
                let Some(index) = pick(&self.snapshots, snapshot) else { return };
                self.snapshots.swap_remove(index);
            }
            Op::AdvanceEpoch => {
                self.real.advance_epoch();
            }
            Op::Resize { len } => self.resize(len),
            Op::Read { range } => {
                let expected = |published: &[bool; LEN], bytes: &[u8; LEN]| {
                    (0 < range.size
                        && in_bounds(range)
                        && published[indices(range)].iter().all(|&published| published))
                    .then(|| bytes[indices(range)].to_vec())
                };
                let now = self.real.read(range).map(<[u8]>::to_vec);
                assert_eq!(now, expected(&self.published, &self.bytes));
                for taken in &self.snapshots {
                    let then = taken.real.read(range).map(<[u8]>::to_vec);
                    assert_eq!(then, expected(&taken.published, &taken.bytes));
                }
            }
        }
    }

    /// Refused exactly if somebody else may write or read one of the bytes.
    fn lease(&mut self, range: Range) {
        let result = self.real.lease(range);
        if range.size == 0 || !in_bounds(range) || range.end() > self.len as u64 {
            let capacity = self.len as u64;
            assert_eq!(result.err(), Some(LeaseError::OutOfBounds { range, capacity }));
            return;
        }
        let any = |set: &[bool; LEN]| set[indices(range)].contains(&true);
        if any(&self.published) {
            assert_eq!(result.err(), Some(LeaseError::Published { range }));
        } else if self.snapshots.iter().any(|taken| any(&taken.published)) {
            assert!(matches!(result, Err(LeaseError::StillRead { .. })), "{result:?}");
        } else if self.leases.iter().any(|lease| lease.range().overlaps(&range)) {
            assert!(matches!(result, Err(LeaseError::Leased { .. })), "{result:?}");
        } else {
            let lease = result.unwrap();
            assert_eq!(lease.range(), range);
            self.leases.push(lease);
        }
    }

    /// Refused exactly if somebody may still write or read a byte that would go.
    fn resize(&mut self, len: usize) {
        let result = self.real.resize(len);
        let cut = len..self.len.max(len);
        let gone = Range::new(len as u64, cut.len() as u64);
        if len > LEN {
            let error = ArenaError::BeyondReserve { requested: len, reserve: LEN };
            assert_eq!(result, Err(error));
        } else if self.leases.iter().any(|lease| lease.range().overlaps(&gone))
            || self.published[cut.clone()].contains(&true)
            || self.snapshots.iter().any(|taken| taken.published[cut.clone()].contains(&true))
        {
            assert_eq!(result, Err(ArenaError::InUse { range: gone }));
        } else {
            assert_eq!(result, Ok(()));
            self.len = len;
        }
        assert_eq!((self.real.capacity(), self.real.reserve()), (self.len as u64, LEN as u64));
    }

    fn copy(&mut self, from: Range, lease: u8) {
        let Some(index) = pick(&self.leases, lease) else { return };
        let lease = &mut self.leases[index];
        let to = lease.range();
        let result = self.real.copy(from, lease);
        if from.size != to.size {
            assert_eq!(result, Err(CopyError::SizeMismatch { from, to }));
        } else if !in_bounds(from) || self.published[indices(from)].contains(&false) {
            assert_eq!(result, Err(CopyError::NotPublished { from }));
        } else {
            assert_eq!(result, Ok(()));
            self.bytes.copy_within(indices(from), to.offset as usize);
        }
    }

    pub fn check(&mut self) {
        for i in 0..LEN {
            let range = Range::new(i as u64, 1);
            let now = self.real.read(range).map(|bytes| bytes[0]);
            assert_eq!(now, self.published[i].then_some(self.bytes[i]));
            for taken in &self.snapshots {
                let then = taken.real.read(range).map(|bytes| bytes[0]);
                assert_eq!(then, taken.published[i].then_some(taken.bytes[i]));
            }
        }
        for lease in &self.leases {
            assert_eq!(**lease, self.bytes[indices(lease.range())]);
        }
        assert_eq!(self.real.leases(), self.leases.len());

        let oldest_reader = self.real.oldest_reader();
        assert!(oldest_reader >= self.oldest_reader, "it never goes back");
        self.oldest_reader = oldest_reader;
        for retired in self.retired.iter().filter(|retired| !retired.bytes.is_empty()) {
            let read = self.snapshots.iter().any(|taken| {
                taken.at < retired.at && retired.bytes.iter().any(|&i| taken.published[i])
            });
            assert!(!read || oldest_reader <= retired.epoch, "still read, said to be free");
            let none = self.snapshots.is_empty();
            assert!(!none || oldest_reader > retired.epoch, "read by nobody, said to be read");
        }
    }
}

fn in_bounds(range: Range) -> bool {
    range.offset.checked_add(range.size).is_some_and(|end| end <= LEN as u64)
}

fn holds(range: Range, index: usize) -> bool {
    (range.offset..range.end()).contains(&(index as u64))
}

fn indices(range: Range) -> std::ops::Range<usize> {
    range.offset as usize..range.end() as usize
}
