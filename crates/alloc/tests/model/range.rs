//! Oracle of `RangeAllocator`: an ordered map of what is held, and real bytes for what blocks
//! contain.

use super::relocate::Kept;
use super::{byte, pick};
use farplane_alloc::{
    AllocError, Handle, Move, PassLimits, PinError, Range, RangeAllocator, Span, SpanKind,
    StaleHandle, Stats,
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
    PlanRoom { size: u64, align: u64, limits: PassLimits, offers: u8 },
    Evict { evicted: u8 },
    Claim { room: u8 },
    Abandon { room: u8 },
    UseEndedRoom { room: u8 },
    Grow { by: u8 },
    BeginShrink { to: u8 },
    PlanShrink { limits: PassLimits, offers: u8 },
    FinishShrink,
    AbandonShrink,
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, a) = (byte(bytes)?, byte(bytes)?);
        let limits = PassLimits { bytes_max: u64::from(a) * 16, moves_max: (a % 7).into() };
        // Mostly small ones; sometimes more than fits; now and then nothing.
        let size = |b: u8| u64::from(a) << (b & 7) >> 2;
        Some(match kind % 32 {
            0..=6 => {
                let b = byte(bytes)?;
                Self::Allocate {
                    size: size(b),
                    align: if b == 255 { 3 } else { 1 << ((b >> 3) % 11) },
                }
            }
            7..=11 => Self::Free { block: a },
            12 => Self::FreeVacated { vacated: a },
            13 => Self::UseStale { stale: a },
            14 => Self::Pin { block: a },
            15 => Self::Unpin { block: a },
            16 | 17 => Self::Plan { limits },
            18 | 19 => Self::Commit { planned: a },
            20 => Self::Abort { planned: a },
            21 => Self::AnswerAgain { answered: a },
            22 | 23 => {
                let (b, c) = (byte(bytes)?, byte(bytes)?);
                let limits = PassLimits { bytes_max: u64::from(c) * 32, moves_max: (c % 9).into() };
                let align = if b == 255 { 3 } else { 1 << ((b >> 3) % 8) };
                Self::PlanRoom { size: size(b), align, limits, offers: c }
            }
            24 => Self::Evict { evicted: a },
            25 => Self::Claim { room: a },
            26 if a < 128 => Self::Abandon { room: a },
            26 => Self::UseEndedRoom { room: a },
            27 => Self::Grow { by: a },
            28 => Self::BeginShrink { to: a },
            29 | 30 => Self::PlanShrink { limits, offers: byte(bytes)? },
            _ if a < 192 => Self::FinishShrink,
            _ => Self::AbandonShrink,
        })
    }
}

/// Runs a whole test case; the first byte chooses the granule.
pub fn run(mut bytes: &[u8]) {
    let granule = [1, 16, 64][usize::from(byte(&mut bytes).unwrap_or(0)) % 3];
    Model::new(4000, granule).run(bytes);
}

/// Runs a whole test case in an arena that is full but for every fifth block, with little else than
/// moving, emptying and resizing.
pub fn run_relocating(mut bytes: &[u8]) {
    let granule = [1, 16, 64][usize::from(byte(&mut bytes).unwrap_or(0)) % 3];
    let mut model = Model::new(4000, granule);
    let mut size = 1;
    while model.a_hole_fits(size, 1) {
        model.apply(Op::Allocate { size, align: 1 });
        size = size * 7 % 251 + 1;
    }
    for block in 0..8 {
        model.apply(Op::Free { block: block * 5 });
    }
    let mut relocating = Vec::new();
    for &byte in bytes {
        // Three of four kinds are drawn again from those that move something.
        let kind = if byte & 96 == 0 { byte } else { (byte & 128) | (16 + byte % 16) };
        relocating.push(kind);
    }
    model.run(&relocating);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Block,
    Destination,
    Vacated,
}

#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub who: Who,
    pub handle: Handle,
    /// Rounded and as asked for.
    pub size: u64,
    pub requested: u64,
    pub align: u64,
    pub pins: u32,
    pub moving: bool,
    /// What its bytes are filled with.
    pub tag: u8,
}

pub struct Model {
    pub real: RangeAllocator,
    pub granule: u64,
    pub capacity: u64,
    /// By offset.
    pub held: BTreeMap<u64, Held>,
    pub bytes: Vec<u8>,
    pub stale: Vec<Handle>,
    pub planned: Vec<Move>,
    pub answered: Vec<Move>,
    /// Where nobody but a room or a shrink gets what becomes free.
    pub kept: Vec<Kept>,
    pub ended: Vec<farplane_alloc::Room>,
    tag: u8,
    peak_used: u64,
    refused: u64,
    pub moved: u64,
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
            kept: Vec::new(),
            ended: Vec::new(),
            tag: 0,
            peak_used: 0,
            refused: 0,
            moved: 0,
        }
    }

    pub fn run(&mut self, mut bytes: &[u8]) {
        while let Some(op) = Op::decode(&mut bytes) {
            self.apply(op);
            self.check();
        }
        self.compact();
    }

    pub fn apply(&mut self, op: Op) {
        self.carry_out(op);
        self.note_peak();
    }

    pub fn note_peak(&mut self) {
        let kept: u64 = self.kept_ranges().iter().map(|range| range.size).sum();
        self.peak_used = self.peak_used.max(self.sum(|_| true) + kept);
    }

    fn carry_out(&mut self, op: Op) {
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
            Op::Plan { limits } => drop(self.plan(limits)),
            Op::Commit { planned } => {
                let Some(index) = pick(&self.planned, planned) else { return };
                self.commit(index);
            }
            Op::Abort { planned } => self.abort(planned),
            Op::AnswerAgain { answered } => self.answer_again(answered),
            Op::PlanRoom { size, align, limits, offers } => {
                self.plan_room(size, align, limits, offers);
            }
            Op::Evict { evicted } => self.evict(evicted),
            Op::Claim { room } => self.claim(room),
            Op::Abandon { room } => self.abandon(room),
            Op::UseEndedRoom { room } => self.use_ended_room(room),
            Op::Grow { by } => self.grow(by),
            Op::BeginShrink { to } => self.begin_shrink(to),
            Op::PlanShrink { limits, offers } => self.plan_shrink(limits, offers),
            Op::FinishShrink => self.finish_shrink(),
            Op::AbandonShrink => self.abandon_shrink(),
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

    pub fn free(&mut self, who: Who, number: u8) {
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
        let (holes, kept) = (self.holes(), self.kept_ranges());
        expected.extend(holes.iter().map(|&range| Span { range, kind: SpanKind::Hole }));
        expected.extend(kept.iter().map(|&range| Span { range, kind: SpanKind::Reserved }));
        expected.sort_by_key(|span| span.range);
        assert_eq!(self.real.spans().collect::<Vec<_>>(), expected);

        let kept_bytes: u64 = kept.iter().map(|range| range.size).sum();
        let used = self.sum(|_| true) + kept_bytes;
        let blocks = || self.held.values().filter(|held| held.who == Who::Block);
        let stats = Stats {
            capacity: self.capacity,
            used,
            free: self.capacity - used,
            largest_free: holes.iter().map(|hole| hole.size).max().unwrap_or(0),
            requested: self.held.values().map(|held| held.requested).sum::<u64>() + kept_bytes,
            peak_used: self.peak_used,
            reserved: self.sum(|held| held.who == Who::Destination) + kept_bytes,
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
    pub fn hold(&mut self, range: Range, align: u64, who: Who, handle: Handle) {
        let size = self.round(range.size);
        let rounded = Range::new(range.offset, size);
        assert!(self.holes().iter().any(|hole| hole.contains(&rounded)), "{rounded} is no hole");
        self.tag = self.tag.wrapping_add(1);
        let (requested, tag) = (range.size, self.tag);
        let held = Held { who, handle, size, requested, align, pins: 0, moving: false, tag };
        self.held.insert(range.offset, held);
    }

    pub fn fill(&mut self, offset: u64) {
        let held = &self.held[&offset];
        self.bytes[offset as usize..(offset + held.requested) as usize].fill(held.tag);
    }

    pub fn choose(&self, who: Who, number: u8) -> Option<u64> {
        let offsets: Vec<u64> =
            self.held.iter().filter(|(_, held)| held.who == who).map(|(&at, _)| at).collect();
        pick(&offsets, number).map(|index| offsets[index])
    }

    /// What nobody holds.
    fn gaps(&self) -> Vec<Range> {
        let mut gaps = vec![];
        let mut start = 0;
        for (&offset, held) in &self.held {
            if start < offset {
                gaps.push(Range::new(start, offset - start));
            }
            start = offset + held.size;
        }
        if start < self.capacity {
            gaps.push(Range::new(start, self.capacity - start));
        }
        gaps
    }

    /// The gaps without what rooms keep.
    pub fn holes(&self) -> Vec<Range> {
        let mut holes = self.gaps();
        for kept in &self.kept {
            let outside = |gap: Range| {
                let below = (gap.offset, gap.end().min(kept.window.offset));
                let above = (gap.offset.max(kept.window.end()), gap.end());
                [below, above].into_iter().filter(|(start, end)| start < end)
            };
            holes =
                holes.into_iter().flat_map(outside).map(|(a, b)| Range::new(a, b - a)).collect();
        }
        holes
    }

    /// What of the gaps rooms keep.
    fn kept_ranges(&self) -> Vec<Range> {
        let inside = |kept: &Kept| {
            let window = kept.window;
            let cut = move |gap: Range| {
                let (start, end) = (gap.offset.max(window.offset), gap.end().min(window.end()));
                (start < end).then(|| Range::new(start, end - start))
            };
            self.gaps().into_iter().filter_map(cut)
        };
        self.kept.iter().flat_map(inside).collect()
    }

    pub fn a_hole_fits(&self, size: u64, align: u64) -> bool {
        self.holes().iter().any(|hole| fits(hole, self.round(size), align))
    }

    pub fn sum(&self, counts: impl Fn(&Held) -> bool) -> u64 {
        self.held.values().filter(|held| counts(held)).map(|held| held.size).sum()
    }

    pub fn round(&self, size: u64) -> u64 {
        size.div_ceil(self.granule) * self.granule
    }
}

pub fn fits(hole: &Range, size: u64, align: u64) -> bool {
    hole.offset.div_ceil(align) * align + size <= hole.end()
}
