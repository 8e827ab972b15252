//! Oracle of `RangeAllocator`: an ordered map of what is held, and real bytes for what blocks
//! contain.

use super::{byte, pick};
use farplane_alloc::{
    AllocError, Handle, Move, MoveError, PassLimits, PinError, Range, RangeAllocator, Span,
    SpanKind, StaleHandle, Stats,
};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Allocate { size: u64, align: u64 },
    Free { block: u8 },
    FreeVacated { vacated: u8 },
    UseStale { stale: u8 },
    Pin { block: u8 },
    Unpin { block: u8 },
    Plan { limits: PassLimits },
    Commit { planned: u8 },
    Abort { planned: u8 },
    AnswerAgain { answered: u8 },
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, a) = (byte(bytes)?, byte(bytes)?);
        Some(match kind % 16 {
            0..=3 => {
                let b = byte(bytes)?;
                // Mostly small ones; sometimes more than fits; now and then nothing.
                let size = u64::from(a) << (b & 7) >> 2;
                Self::Allocate { size, align: if b == 255 { 3 } else { 1 << ((b >> 3) % 11) } }
            }
            4..=6 => Self::Free { block: a },
            7 => Self::FreeVacated { vacated: a },
            8 => Self::UseStale { stale: a },
            9 => Self::Pin { block: a },
            10 => Self::Unpin { block: a },
            11 | 12 => Self::Plan {
                limits: PassLimits { bytes_max: u64::from(a) * 16, moves_max: (a % 7).into() },
            },
            13 => Self::Commit { planned: a },
            14 => Self::Abort { planned: a },
            _ => Self::AnswerAgain { answered: a },
        })
    }
}

/// Runs a whole test case; the first byte chooses the granule.
pub fn run(mut bytes: &[u8]) {
    let granule = [1, 16, 64][usize::from(byte(&mut bytes).unwrap_or(0)) % 3];
    let mut model = Model::new(4000, granule);
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
        model.check();
    }
    model.compact();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Block,
    Destination,
    Vacated,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    who: Who,
    handle: Handle,
    /// Rounded and as asked for.
    size: u64,
    requested: u64,
    align: u64,
    pins: u32,
    moving: bool,
    /// What its bytes are filled with.
    tag: u8,
}

pub struct Model {
    real: RangeAllocator,
    granule: u64,
    capacity: u64,
    /// By offset.
    held: BTreeMap<u64, Held>,
    bytes: Vec<u8>,
    stale: Vec<Handle>,
    planned: Vec<Move>,
    answered: Vec<Move>,
    tag: u8,
    peak_used: u64,
    refused: u64,
    moved: u64,
}

impl Model {
    pub fn new(capacity: u64, granule: u64) -> Self {
        Self {
            real: RangeAllocator::with_granule(capacity, granule),
            granule,
            capacity: capacity / granule * granule,
            held: BTreeMap::new(),
            bytes: vec![0; capacity as usize],
            stale: Vec::new(),
            planned: Vec::new(),
            answered: Vec::new(),
            tag: 0,
            peak_used: 0,
            refused: 0,
            moved: 0,
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Allocate { size, align } => self.allocate(size, align),
            Op::Free { block } => self.free(Who::Block, block),
            Op::FreeVacated { vacated } => self.free(Who::Vacated, vacated),
            Op::UseStale { stale } => self.use_stale(stale),
            Op::Pin { block } => {
                let Some(offset) = self.choose(Who::Block, block) else { return };
                let held = self.held.get_mut(&offset).unwrap();
                held.pins += 1;
                assert_eq!(self.real.pin(held.handle), Ok(()));
            }
            Op::Unpin { block } => {
                let Some(offset) = self.choose(Who::Block, block) else { return };
                let held = self.held.get_mut(&offset).unwrap();
                let expected = held.pins.checked_sub(1).ok_or(PinError::NotPinned);
                held.pins = expected.unwrap_or(0);
                assert_eq!(self.real.unpin(held.handle), expected.map(|_| ()));
            }
            Op::Plan { limits } => {
                self.plan(limits);
            }
            Op::Commit { planned } => {
                let Some(index) = pick(&self.planned, planned) else { return };
                self.commit(index);
            }
            Op::Abort { planned } => {
                let Some(index) = pick(&self.planned, planned) else { return };
                let planned = self.planned.swap_remove(index);
                self.end_move(&planned);
                assert_eq!(self.real.abort_move(&planned), Ok(()));
            }
            Op::AnswerAgain { answered } => {
                let Some(index) = pick(&self.answered, answered) else { return };
                let answered = &self.answered[index];
                assert_eq!(self.real.commit_move(answered), Err(MoveError::UnknownMove));
                assert_eq!(self.real.abort_move(answered), Err(MoveError::UnknownMove));
            }
        }
    }

    fn allocate(&mut self, size: u64, align: u64) {
        let fits = size > 0 && align.is_power_of_two() && self.a_hole_fits(size, align);
        assert_eq!(self.real.fits(size, align), fits, "{size} aligned to {align}");
        let result = self.real.allocate(size, align);
        if let Ok(handle) = result {
            assert!(fits);
            assert!(!self.stale.contains(&handle));
            let range = self.real.range(handle).unwrap();
            assert_eq!((range.size, range.offset % align), (size, 0));
            self.hold(range, align, Who::Block, handle);
            self.fill(range.offset);
            return;
        }
        let holes = self.holes();
        let total_free = holes.iter().map(|hole| hole.size).sum();
        let expected = if size == 0 {
            AllocError::ZeroSize
        } else if !align.is_power_of_two() {
            AllocError::BadAlignment { align }
        } else if size > self.capacity {
            AllocError::TooLarge { requested: size, capacity: self.capacity }
        } else {
            assert!(!fits, "{size} aligned to {align} fits and was refused");
            self.refused += u64::from(self.round(size) <= total_free);
            let largest_free = holes.iter().map(|hole| hole.size).max().unwrap_or(0);
            AllocError::OutOfSpace { requested: size, align, largest_free, total_free }
        };
        assert_eq!(result, Err(expected));
    }

    fn free(&mut self, who: Who, number: u8) {
        let Some(offset) = self.choose(who, number) else { return };
        let held = self.held.remove(&offset).unwrap();
        assert_eq!(self.real.free(held.handle), Ok(Range::new(offset, held.requested)));
        self.stale.push(held.handle);
    }

    fn use_stale(&mut self, number: u8) {
        let Some(index) = pick(&self.stale, number) else { return };
        let stale = self.stale[index];
        assert_eq!(self.real.free(stale), Err(StaleHandle));
        assert_eq!(self.real.range(stale), None);
        assert_eq!(self.real.pin(stale), Err(PinError::StaleHandle));
        assert_eq!(self.real.unpin(stale), Err(PinError::StaleHandle));
    }

    /// Number of moves planned, and whether the pass was complete.
    fn plan(&mut self, limits: PassLimits) -> (usize, bool) {
        let mut moves = vec![];
        let plan = self.real.plan_moves(limits, &mut moves);
        assert!(moves.len() <= limits.moves_max);
        assert!(plan.bytes <= limits.bytes_max);
        assert_eq!(plan.bytes, moves.iter().map(|planned| planned.from.size).sum::<u64>());
        for planned in &moves {
            let block = self.held.get_mut(&planned.from.offset).expect("a move of what is held");
            assert_eq!((block.who, block.handle), (Who::Block, planned.handle));
            assert_eq!((block.pins, block.moving), (0, false));
            assert_eq!((planned.from.size, planned.to.size), (block.requested, block.requested));
            assert!(planned.to.end() <= planned.from.offset, "down, and disjoint");
            assert_eq!(planned.to.offset % block.align, 0);
            block.moving = true;
            let align = block.align;
            self.hold(planned.to, align, Who::Destination, planned.handle);
        }
        self.planned.extend(&moves);
        (moves.len(), plan.complete)
    }

    fn commit(&mut self, index: usize) {
        let planned = self.planned.swap_remove(index);
        let block = self.held.get(&planned.from.offset).copied();
        let block = block.filter(|held| held.who == Who::Block && held.handle == planned.handle);
        self.end_move(&planned);
        let result = self.real.commit_move(&planned);
        let Some(block) = block else {
            assert_eq!(result, Err(MoveError::StaleHandle));
            return;
        };
        if block.pins > 0 {
            assert_eq!(result, Err(MoveError::Pinned));
            return;
        }
        let old = result.unwrap();
        assert!(old != block.handle && !self.stale.contains(&old));
        assert_eq!(self.real.range(block.handle), Some(planned.to));
        assert_eq!(self.real.range(old), Some(planned.from));
        let (from, size) = (planned.from.offset as usize, planned.from.size as usize);
        self.bytes.copy_within(from..from + size, planned.to.offset as usize);
        self.held.insert(planned.to.offset, Held { moving: false, ..block });
        let vacated = Held { who: Who::Vacated, handle: old, moving: false, ..block };
        self.held.insert(planned.from.offset, vacated);
        self.moved += planned.from.size;
    }

    /// The destination is released, and the block, if it lives, is free to be planned again.
    fn end_move(&mut self, planned: &Move) {
        let destination = self.held.remove(&planned.to.offset).unwrap();
        assert_eq!(destination.who, Who::Destination);
        if let Some(block) = self.held.get_mut(&planned.from.offset)
            && block.handle == planned.handle
        {
            block.moving = false;
        }
        self.answered.push(*planned);
    }

    /// Commits and frees all that is under way, then makes passes until nothing is left to do.
    pub fn compact(&mut self) {
        let limits = PassLimits { bytes_max: u64::MAX, moves_max: 5 };
        // By far enough for what fits the arena, and so few that a failure does not take for ever.
        for _ in 0..2000 {
            while !self.planned.is_empty() {
                self.commit(0);
            }
            while self.choose(Who::Vacated, 0).is_some() {
                self.free(Who::Vacated, 0);
            }
            if self.plan(limits) == (0, true) {
                self.check();
                self.check_nothing_is_left_to_move();
                return;
            }
        }
        panic!("the passes do not come to an end");
    }

    /// No unpinned block beside room (or at the top) fits a hole further down, but for sliding
    /// down the hole below it where that would only exchange the two.
    fn check_nothing_is_left_to_move(&self) {
        let holes = self.holes();
        if holes.len() > 32 || self.held.len() + holes.len() > 256 {
            return;
        }
        for (&offset, block) in self.held.iter().filter(|(_, held)| held.pins == 0) {
            let end = offset + block.size;
            let joins_above = end == self.capacity || holes.iter().any(|hole| hole.offset == end);
            for hole in holes.iter().filter(|hole| hole.end() <= offset) {
                let below = holes.iter().find(|hole| hole.end() == offset);
                let useful = joins_above || below.is_some_and(|below| below != hole);
                let fits = fits(hole, block.size, block.align);
                assert!(!useful || !fits, "block at {offset} still fits the hole {hole}");
            }
        }
    }

    /// The real thing equals the model in all that can be seen.
    pub fn check(&self) {
        let mut expected: Vec<Span> = self
            .held
            .iter()
            .map(|(&offset, held)| Span {
                range: Range::new(offset, held.size),
                kind: match held.who {
                    Who::Block => SpanKind::Block { handle: held.handle, pinned: held.pins > 0 },
                    Who::Destination => SpanKind::Reserved,
                    Who::Vacated => SpanKind::Vacated { handle: held.handle },
                },
            })
            .collect();
        let holes = self.holes();
        expected.extend(holes.iter().map(|&range| Span { range, kind: SpanKind::Hole }));
        expected.sort_by_key(|span| span.range);
        assert_eq!(self.real.spans().collect::<Vec<_>>(), expected);

        let used = self.sum(|_| true);
        let blocks = || self.held.values().filter(|held| held.who == Who::Block);
        let stats = Stats {
            capacity: self.capacity,
            used,
            free: self.capacity - used,
            largest_free: holes.iter().map(|hole| hole.size).max().unwrap_or(0),
            requested: self.held.values().map(|held| held.requested).sum(),
            peak_used: self.peak_used,
            reserved: self.sum(|held| held.who == Who::Destination),
            vacated: self.sum(|held| held.who == Who::Vacated),
            blocks: blocks().count() as u32,
            holes: holes.len() as u32,
            pinned: blocks().filter(|held| held.pins > 0).count() as u32,
            refused: self.refused,
            moved: self.moved,
        };
        assert_eq!(self.real.stats(), stats);

        for (&offset, held) in self.held.iter().filter(|(_, held)| held.who != Who::Destination) {
            let range = Range::new(offset, held.requested);
            assert_eq!(self.real.range(held.handle), Some(range));
            let bytes = &self.bytes[offset as usize..range.end() as usize];
            assert!(bytes.iter().all(|&byte| byte == held.tag), "contents of {range}");
        }
    }

    /// Enters a range that must lie in a hole.
    fn hold(&mut self, range: Range, align: u64, who: Who, handle: Handle) {
        let size = self.round(range.size);
        let rounded = Range::new(range.offset, size);
        assert!(self.holes().iter().any(|hole| hole.contains(&rounded)), "{rounded} is no hole");
        self.tag = self.tag.wrapping_add(1);
        let (requested, tag) = (range.size, self.tag);
        let held = Held { who, handle, size, requested, align, pins: 0, moving: false, tag };
        self.held.insert(range.offset, held);
        self.peak_used = self.peak_used.max(self.sum(|_| true));
    }

    fn fill(&mut self, offset: u64) {
        let held = &self.held[&offset];
        self.bytes[offset as usize..(offset + held.requested) as usize].fill(held.tag);
    }

    fn choose(&self, who: Who, number: u8) -> Option<u64> {
        let offsets: Vec<u64> =
            self.held.iter().filter(|(_, held)| held.who == who).map(|(&at, _)| at).collect();
        pick(&offsets, number).map(|index| offsets[index])
    }

    fn holes(&self) -> Vec<Range> {
        let mut holes = vec![];
        let mut start = 0;
        for (&offset, held) in &self.held {
            if start < offset {
                holes.push(Range::new(start, offset - start));
            }
            start = offset + held.size;
        }
        if start < self.capacity {
            holes.push(Range::new(start, self.capacity - start));
        }
        holes
    }

    fn a_hole_fits(&self, size: u64, align: u64) -> bool {
        self.holes().iter().any(|hole| fits(hole, self.round(size), align))
    }

    fn sum(&self, counts: impl Fn(&Held) -> bool) -> u64 {
        self.held.values().filter(|held| counts(held)).map(|held| held.size).sum()
    }

    fn round(&self, size: u64) -> u64 {
        size.div_ceil(self.granule) * self.granule
    }
}

fn fits(hole: &Range, size: u64, align: u64) -> bool {
    hole.offset.div_ceil(align) * align + size <= hole.end()
}
