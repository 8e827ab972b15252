//! Oracle of `TexturePool`: a list of all textures in the order of their release.

use super::{byte, pick};
use farplane_alloc::{
    StaleHandle, TextureDescriptor, TextureError, TextureKey, TextureLimits, TexturePool,
    TexturePoolStats,
};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Acquire {
        kind: u8,
    },
    /// Where making a texture fails.
    AcquireFailing {
        kind: u8,
    },
    Release {
        texture: u8,
        frames_ahead: u8,
    },
    FrameDone {
        frames_back: u8,
    },
    NextFrame,
    UseStale {
        stale: u8,
    },
    Trim {
        limits: TextureLimits,
    },
    SetLimits {
        limits: TextureLimits,
    },
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, a) = (byte(bytes)?, byte(bytes)?);
        let limits = TextureLimits {
            count_max: usize::from(a % 9),
            bytes_max: if a == 255 { u64::MAX } else { u64::from(a) * 4 },
        };
        Some(match kind % 16 {
            0..=4 => Self::Acquire { kind: a },
            5 => Self::AcquireFailing { kind: a },
            6..=9 => Self::Release { texture: a, frames_ahead: kind >> 4 & 3 },
            10 => Self::FrameDone { frames_back: a % 4 },
            11 | 12 => Self::NextFrame,
            13 => Self::UseStale { stale: a },
            14 => Self::Trim { limits },
            _ => Self::SetLimits { limits },
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind(u8);

impl TextureDescriptor for Kind {
    fn bytes(&self) -> u64 {
        [0, 10, 60, 60, 100, 700, u64::MAX, 1][usize::from(self.0)]
    }
}

/// Tells when it is dropped.
struct Texture {
    number: u32,
    dropped: Rc<RefCell<Vec<u32>>>,
}

impl Drop for Texture {
    fn drop(&mut self) {
        self.dropped.borrow_mut().push(self.number);
    }
}

#[derive(Clone, Copy)]
struct Held {
    number: u32,
    kind: Kind,
    /// While it is in use.
    key: Option<TextureKey>,
    last_frame: u64,
}

pub struct Model {
    real: TexturePool<Kind, Texture>,
    /// Those in use anywhere, the idle ones in the order of their release.
    held: Vec<Held>,
    stale: Vec<TextureKey>,
    limits: TextureLimits,
    now: u64,
    done: Option<u64>,
    made: u32,
    dropped: Rc<RefCell<Vec<u32>>>,
    dropped_expected: Vec<u32>,
    stats: TexturePoolStats,
}

impl Model {
    pub fn new() -> Self {
        let limits = TextureLimits { count_max: 6, bytes_max: 900 };
        Self {
            real: TexturePool::new(limits),
            held: Vec::new(),
            stale: Vec::new(),
            limits,
            now: 0,
            done: None,
            made: 0,
            dropped: Rc::default(),
            dropped_expected: Vec::new(),
            stats: TexturePoolStats::default(),
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Acquire { kind } => self.acquire(Kind(kind % 8), true),
            Op::AcquireFailing { kind } => self.acquire(Kind(kind % 8), false),
            Op::Release { texture, frames_ahead } => {
                let used: Vec<_> = self.held.iter().filter_map(|held| held.key).collect();
                let Some(index) = pick(&used, texture) else { return };
                let key = used[index];
                let last_frame = self.now + u64::from(frames_ahead);
                assert_eq!(self.real.release(key, last_frame), Ok(()));
                let at = self.held.iter().position(|held| held.key == Some(key)).unwrap();
                let held = self.held.remove(at);
                self.held.push(Held { key: None, last_frame, ..held });
                self.stale.push(key);
            }
            Op::FrameDone { frames_back } => {
                let Some(frame) = self.now.checked_sub(frames_back.into()) else { return };
                self.real.frame_done(frame);
                self.done = self.done.max(Some(frame));
            }
            Op::NextFrame => self.now += 1,
            Op::UseStale { stale } => {
                let Some(index) = pick(&self.stale, stale) else { return };
                let key = self.stale[index];
                assert!(self.real.get(key).is_none() && self.real.get_mut(key).is_none());
                assert_eq!(self.real.release(key, 0), Err(StaleHandle));
            }
            Op::Trim { limits } => {
                let dropped = self.trim(limits);
                assert_eq!(self.real.trim(limits), dropped);
            }
            Op::SetLimits { limits } => {
                self.limits = limits;
                let dropped = self.trim(limits);
                assert_eq!(self.real.set_limits(limits), dropped);
                assert_eq!(self.real.limits(), limits);
            }
        }
    }

    fn acquire(&mut self, kind: Kind, works: bool) {
        let number = self.made;
        let dropped = Rc::clone(&self.dropped);
        let mut asked = false;
        let result = self.real.try_acquire(&kind, |_| {
            asked = true;
            works.then(|| Texture { number, dropped }).ok_or("no texture")
        });
        let again = self.held.iter().rposition(|held| held.kind == kind && self.is_free(held));
        if let Some(at) = again {
            let key = result.unwrap().unwrap();
            assert_eq!(self.real.get(key).unwrap().number, self.held[at].number);
            assert!(!asked);
            self.held[at].key = Some(key);
            self.stats.hits += 1;
            return;
        }
        if let Some(error) = self.refusal(kind.bytes()) {
            assert_eq!(result, Err(error));
            assert!(!asked, "room first");
            self.stats.refused += 1;
            return;
        }
        while self.over(self.limits, 1, kind.bytes()) {
            self.drop_oldest().unwrap();
        }
        assert!(asked);
        let Ok(key) = result.unwrap() else {
            assert!(!works);
            return;
        };
        assert!(works);
        self.made += 1;
        self.stats.misses += 1;
        self.held.push(Held { number, kind, key: Some(key), last_frame: 0 });
    }

    fn is_free(&self, held: &Held) -> bool {
        held.key.is_none() && self.done.is_some_and(|done| done >= held.last_frame)
    }

    fn refusal(&self, bytes: u64) -> Option<TextureError> {
        let fits = |kept: &dyn Fn(&&Held) -> bool| {
            let count = self.held.iter().filter(kept).count();
            let sum: u128 = self.held.iter().filter(kept).map(|held| held.bytes()).sum();
            count < self.limits.count_max
                && sum + u128::from(bytes) <= u128::from(self.limits.bytes_max)
        };
        if fits(&|held| !self.is_free(held)) {
            return None;
        }
        let in_use = || self.held.iter().filter(|held| held.key.is_some());
        let waiting = self.held.iter().filter(|held| held.key.is_none() && !self.is_free(held));
        let waits_for = waiting.map(|held| held.last_frame).max();
        Some(TextureError {
            requested: bytes,
            used: in_use().count(),
            used_bytes: in_use().map(|held| held.bytes()).sum::<u128>() as u64,
            limits: self.limits,
            waits_for: waits_for.filter(|_| fits(&|held| held.key.is_some())),
        })
    }

    fn over(&self, limits: TextureLimits, more: usize, bytes: u64) -> bool {
        let sum: u128 = self.held.iter().map(Held::bytes).sum();
        self.held.len() + more > limits.count_max
            || sum + u128::from(bytes) > u128::from(limits.bytes_max)
    }

    fn trim(&mut self, limits: TextureLimits) -> usize {
        let mut dropped = 0;
        while self.over(limits, 0, 0) && self.drop_oldest().is_some() {
            dropped += 1;
        }
        dropped
    }

    fn drop_oldest(&mut self) -> Option<()> {
        let at = self.held.iter().position(|held| self.is_free(held))?;
        self.dropped_expected.push(self.held.remove(at).number);
        self.stats.evicted += 1;
        Some(())
    }

    pub fn check(&mut self) {
        assert_eq!(*self.dropped.borrow(), self.dropped_expected);
        for held in &self.held {
            let Some(key) = held.key else { continue };
            assert_eq!(self.real.get(key).map(|texture| texture.number), Some(held.number));
        }
        let (used, idle): (Vec<_>, Vec<_>) = self.held.iter().partition(|held| held.key.is_some());
        let sum = |held: &[Held]| held.iter().map(Held::bytes).sum::<u128>() as u64;
        self.stats.used = used.len();
        self.stats.used_bytes = sum(&used);
        self.stats.idle = idle.len();
        self.stats.idle_bytes = sum(&idle);
        self.stats.peak_bytes = self.stats.peak_bytes.max(sum(&self.held));
        assert_eq!(self.real.stats(), self.stats);
    }
}

impl Held {
    fn bytes(&self) -> u128 {
        self.kind.bytes().into()
    }
}
