//! Oracle of `BufferPool`: a list of idle sizes in the order in which they came back, and what each
//! buffer was filled with.

use super::{byte, pick};
use farplane_alloc::{
    Budget, Buffer, BufferError, BufferPool, BufferPoolStats, Category, PoolOptions, PressureLevel,
};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Acquire {
        len: usize,
        zeroed: bool,
    },
    Drop {
        buffer: u8,
    },
    /// Left to the pressure callback, which drops all of these.
    Spare {
        buffer: u8,
    },
    SetLen {
        buffer: u8,
        len: usize,
    },
    SetLimit {
        bytes: u64,
    },
    Trim {
        idle_bytes_max: u64,
    },
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, a, b) = (byte(bytes)?, byte(bytes)?, byte(bytes)?);
        let number = usize::from(a) << (b & 7);
        Some(match kind % 16 {
            0..=6 => {
                let len = match b {
                    255 => usize::MAX - usize::from(a),
                    254 => 1 << 40,
                    _ => number * 4,
                };
                Self::Acquire { len, zeroed: kind & 16 == 0 }
            }
            7..=10 => Self::Drop { buffer: a },
            11 => Self::Spare { buffer: a },
            12 => Self::SetLen { buffer: a, len: usize::from(b) * 300 },
            13 => Self::SetLimit { bytes: number as u64 * 32 },
            _ => Self::Trim { idle_bytes_max: number as u64 * 16 },
        })
    }
}

/// Runs a whole test case; the first bytes choose the options.
pub fn run(mut bytes: &[u8]) {
    let mut first = || usize::from(byte(&mut bytes).unwrap_or(0));
    let options = PoolOptions {
        align: [4096, 4096, 16384][first() % 3],
        steps_per_doubling: [1, 2, 4, 32][first() % 4],
        idle_bytes_max: [u64::MAX, 0, 100_000][first() % 3],
        pressure_bytes: [u64::MAX, 150_000][first() % 2],
    };
    let mut model = Model::new(options);
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
        model.check();
    }
    let Model { pool, budget, lent, spare, .. } = model;
    drop((lent, spare.lock().unwrap().drain(..).collect::<Vec<_>>()));
    pool.trim(0);
    assert_eq!((pool.stats().idle, pool.stats().outstanding, budget.usage().used), (0, 0, 0));
}

const LIMIT: u64 = 400_000;
/// Of a buffer's bytes every so many are written and checked.
const STRIDE: usize = 1021;

struct Lent {
    real: Buffer,
    size: u64,
    requested: usize,
    tag: u8,
}

pub struct Model {
    pool: BufferPool,
    budget: Budget,
    options: PoolOptions,
    lent: Vec<Lent>,
    /// What the callback may drop, and the sizes of those.
    spare: Arc<Mutex<Vec<Buffer>>>,
    spare_sizes: Vec<(u64, usize)>,
    /// In the order in which they came back.
    idle: Vec<u64>,
    limit: u64,
    stats: BufferPoolStats,
    tag: u8,
    /// Calls of the callback: high, full.
    called: Arc<Mutex<[u64; 2]>>,
    calls: [u64; 2],
}

impl Model {
    pub fn new(options: PoolOptions) -> Self {
        let budget = Budget::new(Category::new("buffers", LIMIT));
        let pool = BufferPool::new(budget.clone(), options).unwrap();
        let spare = Arc::new(Mutex::new(Vec::new()));
        let called = Arc::new(Mutex::new([0; 2]));
        let (to_drop, count) = (Arc::clone(&spare), Arc::clone(&called));
        pool.on_pressure(move |_, pressure| {
            count.lock().unwrap()[usize::from(pressure.level == PressureLevel::Full)] += 1;
            if pressure.level == PressureLevel::Full {
                to_drop.lock().unwrap().clear();
            }
        });
        Self {
            pool,
            budget,
            options,
            lent: Vec::new(),
            spare,
            spare_sizes: Vec::new(),
            idle: Vec::new(),
            limit: LIMIT,
            stats: BufferPoolStats::default(),
            tag: 0,
            called,
            calls: [0; 2],
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Acquire { len, zeroed } => self.acquire(len, zeroed),
            Op::Drop { buffer } => {
                let Some(index) = pick(&self.lent, buffer) else { return };
                let Lent { real, size, requested, .. } = self.lent.swap_remove(index);
                drop(real);
                self.returned(size, requested);
            }
            Op::Spare { buffer } => {
                let Some(index) = pick(&self.lent, buffer) else { return };
                let Lent { real, size, requested, .. } = self.lent.swap_remove(index);
                self.spare.lock().unwrap().push(real);
                self.spare_sizes.push((size, requested));
            }
            Op::SetLen { buffer, len } => {
                let Some(index) = pick(&self.lent, buffer) else { return };
                let lent = &mut self.lent[index];
                let before = lent.real.len();
                let fits = len as u64 <= lent.size;
                assert_eq!(lent.real.set_len(len).is_ok(), fits);
                assert_eq!(lent.real.len(), if fits { len } else { before });
                if fits {
                    self.tag = self.tag.wrapping_add(1);
                    lent.tag = self.tag;
                    fill(&mut lent.real, lent.tag);
                }
            }
            Op::SetLimit { bytes } => {
                let excess = self.budget.set_limit(bytes);
                self.limit = bytes;
                assert_eq!(excess, self.total().saturating_sub(bytes));
            }
            Op::Trim { idle_bytes_max } => {
                let before = self.total();
                let dropped = self.pool.trim(idle_bytes_max);
                self.trim(idle_bytes_max);
                assert_eq!(dropped, before - self.total());
            }
        }
    }

    fn acquire(&mut self, len: usize, zeroed: bool) {
        let result = if zeroed { self.pool.acquire_zeroed(len) } else { self.pool.acquire(len) };
        if len == 0 {
            assert_eq!(result.err(), Some(BufferError::ZeroSize));
            return;
        }
        if isize::try_from(len).is_err() {
            assert_eq!(result.err(), Some(BufferError::TooLarge { requested: len }));
            return;
        }
        let size = size_of_class(len, self.options);
        if !self.make_room(size) {
            self.stats.refused += 1;
            let Err(BufferError::OverBudget { requested, outstanding_bytes, idle_bytes, budget }) =
                result
            else {
                panic!("{result:?} where there is no room for {size}")
            };
            assert_eq!((requested, budget.requested), (len, size));
            assert_eq!(budget.available, self.limit.saturating_sub(self.total()));
            assert_eq!(outstanding_bytes, self.stats.outstanding_bytes);
            assert_eq!(idle_bytes, self.idle.iter().sum());
            return;
        }
        let mut real = result.unwrap();
        assert_eq!((real.len(), real.capacity() as u64), (len, size));
        assert_eq!(real.as_ptr().addr() % self.options.align, 0);
        assert!(!zeroed || real.iter().step_by(STRIDE).all(|&byte| byte == 0));
        self.tag = self.tag.wrapping_add(1);
        fill(&mut real, self.tag);
        let before = self.stats.outstanding_bytes;
        self.stats.outstanding += 1;
        self.stats.outstanding_bytes += size;
        self.stats.requested_bytes += len as u64;
        self.stats.high_water_bytes = self.stats.high_water_bytes.max(self.stats.outstanding_bytes);
        let mark = self.options.pressure_bytes;
        self.calls[0] += u64::from(before <= mark && self.stats.outstanding_bytes > mark);
        self.lent.push(Lent { real, size, requested: len, tag: self.tag });
    }

    /// A buffer of this size, or room for it.
    fn make_room(&mut self, size: u64) -> bool {
        let mut pressed = false;
        loop {
            if let Some(index) = self.idle.iter().rposition(|&idle| idle == size) {
                self.idle.remove(index);
                self.stats.hits += 1;
                return true;
            }
            let available = self.limit.saturating_sub(self.total());
            if available >= size {
                self.stats.misses += 1;
                return true;
            }
            if available + self.idle.iter().sum::<u64>() >= size {
                self.idle.remove(0);
                self.stats.trimmed += 1;
            } else if pressed {
                return false;
            } else {
                pressed = true;
                self.calls[1] += 1;
                for (size, requested) in std::mem::take(&mut self.spare_sizes) {
                    self.returned(size, requested);
                }
            }
        }
    }

    fn returned(&mut self, size: u64, requested: usize) {
        self.stats.outstanding -= 1;
        self.stats.outstanding_bytes -= size;
        self.stats.requested_bytes -= requested as u64;
        self.idle.push(size);
        self.trim(self.options.idle_bytes_max);
    }

    fn trim(&mut self, idle_bytes_max: u64) {
        while !self.idle.is_empty()
            && (self.idle.iter().sum::<u64>() > idle_bytes_max || self.total() > self.limit)
        {
            self.idle.remove(0);
            self.stats.trimmed += 1;
        }
    }

    fn total(&self) -> u64 {
        self.stats.outstanding_bytes + self.idle.iter().sum::<u64>()
    }

    pub fn check(&self) {
        let (idle, idle_bytes) = (self.idle.len() as u64, self.idle.iter().sum());
        assert_eq!(self.pool.stats(), BufferPoolStats { idle, idle_bytes, ..self.stats });
        assert_eq!(self.budget.usage().used, self.total());
        assert_eq!(*self.called.lock().unwrap(), self.calls);
        for Lent { real, tag, .. } in &self.lent {
            assert!(real.iter().step_by(STRIDE).all(|byte| byte == tag));
        }
        let mut places: Vec<_> =
            self.lent.iter().map(|lent| (lent.real.as_ptr().addr(), lent.size as usize)).collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    }
}

fn fill(buffer: &mut Buffer, tag: u8) {
    buffer.iter_mut().step_by(STRIDE).for_each(|byte| *byte = tag);
    if let Some(last) = buffer.last_mut() {
        *last = tag;
    }
}

/// By the definition: so many multiples of the alignment, then doublings in as many steps.
fn size_of_class(len: usize, options: PoolOptions) -> u64 {
    let steps = options.steps_per_doubling as u64;
    let (len, mut size) = (len as u64, 0);
    let mut step = options.align as u64;
    loop {
        for _ in 0..steps {
            size += step;
            if size >= len {
                return size;
            }
        }
        step = size / steps;
    }
}
