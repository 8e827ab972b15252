//! Oracle of `Budget`: a list of reservations, added up anew for every question.

use super::{byte, pick};
use farplane_alloc::{Budget, Category, Holder, OverBudget, Reservation, Usage};

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Reserve { category: u8, bytes: u64 },
    TryReserve { category: u8, bytes: u64 },
    Drop { reservation: u8 },
    Resize { reservation: u8, bytes: u64 },
    Split { reservation: u8, bytes: u64 },
    Merge { into: u8, other: u8 },
    MoveTo { reservation: u8, category: u8 },
    SetLimit { category: u8, bytes: u64 },
    ResetPeak { category: u8 },
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, a, b) = (byte(bytes)?, byte(bytes)?, byte(bytes)?);
        let amount = match b {
            255 => u64::MAX,
            254 => u64::MAX / 2,
            _ => u64::from(b) * 2,
        };
        Some(match kind % 16 {
            0..=2 => Self::Reserve { category: a, bytes: amount },
            3 => Self::TryReserve { category: a, bytes: amount },
            4..=6 => Self::Drop { reservation: a },
            7 | 8 => Self::Resize { reservation: a, bytes: amount },
            9 => Self::Split { reservation: a, bytes: amount },
            10 => Self::Merge { into: a, other: b },
            11 | 12 => Self::MoveTo { reservation: a, category: b },
            13 | 14 => Self::SetLimit { category: a, bytes: amount.saturating_mul(2) },
            _ => Self::ResetPeak { category: a },
        })
    }
}

/// Runs a whole test case.
pub fn run(mut bytes: &[u8]) {
    let mut model = Model::new();
    model.check();
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
        model.check();
    }
    model.held.clear();
    model.check();
}

/// Path, name, what is around it, and its limit at first. Two trees; the second begins at 5.
const TREE: [(&str, &str, Option<usize>, u64); 7] = [
    ("", "total", None, 1000),
    ("a", "a", Some(0), 600),
    ("b", "b", Some(0), 700),
    ("a/c", "c", Some(1), 300),
    ("a/d", "d", Some(1), 500),
    ("", "other", None, 400),
    ("e", "e", Some(5), 1000),
];
const OTHER: usize = 5;

struct Held {
    real: Reservation,
    category: usize,
    bytes: u64,
}

pub struct Model {
    real: Vec<Budget>,
    held: Vec<Held>,
    limits: [u64; TREE.len()],
    peaks: [u64; TREE.len()],
    refused: [u64; TREE.len()],
}

impl Model {
    pub fn new() -> Self {
        let limit = |index: usize| TREE[index].3;
        let declared = |index: usize| Category::new(TREE[index].1, limit(index));
        let a = declared(1).with(declared(3)).with(declared(4));
        let total = Budget::new(declared(0).with(a).with(declared(2)));
        let other = Budget::new(declared(OTHER).with(declared(6)));
        let find = |(index, &(path, ..)): (usize, &(&str, _, _, _))| {
            let root = if index < OTHER { &total } else { &other };
            if path.is_empty() { root.clone() } else { root.find(path).unwrap() }
        };
        Self {
            real: TREE.iter().enumerate().map(find).collect(),
            held: Vec::new(),
            limits: std::array::from_fn(limit),
            peaks: [0; TREE.len()],
            refused: [0; TREE.len()],
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Reserve { category, bytes } => {
                let category = usize::from(category) % TREE.len();
                let expected = self.refusal(category, bytes, None);
                let result = self.real[category].reserve(bytes);
                assert_eq!(result.as_ref().err(), expected.as_ref());
                self.count(category, expected.is_some());
                self.held.extend(result.ok().map(|real| Held { real, category, bytes }));
            }
            Op::TryReserve { category, bytes } => {
                let category = usize::from(category) % TREE.len();
                let expected = self.refusal(category, bytes, None);
                let result = self.real[category].try_reserve(bytes);
                assert_eq!(result.is_none(), expected.is_some());
                self.count(category, expected.is_some());
                self.held.extend(result.map(|real| Held { real, category, bytes }));
            }
            Op::Drop { reservation } => {
                let Some(index) = pick(&self.held, reservation) else { return };
                self.held.swap_remove(index);
            }
            Op::Resize { reservation, bytes } => self.resize(reservation, bytes),
            Op::Split { reservation, bytes } => {
                let Some(index) = pick(&self.held, reservation) else { return };
                let held = &mut self.held[index];
                let split = held.real.split(bytes);
                assert_eq!(split.is_some(), bytes <= held.bytes);
                let Some(real) = split else { return };
                held.bytes -= bytes;
                let category = held.category;
                self.held.push(Held { real, category, bytes });
            }
            Op::Merge { into, other } => self.merge(into, other),
            Op::MoveTo { reservation, category } => self.move_to(reservation, category),
            Op::SetLimit { category, bytes } => {
                let category = usize::from(category) % TREE.len();
                let excess = self.real[category].set_limit(bytes);
                self.limits[category] = bytes;
                assert_eq!(excess, self.used(category).saturating_sub(bytes));
            }
            Op::ResetPeak { category } => {
                let category = usize::from(category) % TREE.len();
                self.real[category].reset_peak();
                self.peaks[category] = self.used(category);
            }
        }
    }

    fn resize(&mut self, reservation: u8, bytes: u64) {
        let Some(index) = pick(&self.held, reservation) else { return };
        let (category, before) = (self.held[index].category, self.held[index].bytes);
        let more = bytes.saturating_sub(before);
        let expected = self.refusal(category, more, None);
        let result = self.held[index].real.resize(bytes);
        assert_eq!(result.err(), expected);
        self.count(category, expected.is_some());
        if expected.is_none() {
            self.held[index].bytes = bytes;
        }
    }

    fn merge(&mut self, into: u8, other: u8) {
        let Some(other) = pick(&self.held, other) else { return };
        let taken = self.held.swap_remove(other);
        let Some(into) = pick(&self.held, into) else { return };
        let into = &mut self.held[into];
        match into.real.merge(taken.real) {
            Ok(()) => {
                assert_eq!(into.category, taken.category);
                into.bytes += taken.bytes;
            }
            Err(real) => {
                assert_ne!(into.category, taken.category);
                self.held.push(Held { real, ..taken });
            }
        }
    }

    fn move_to(&mut self, reservation: u8, category: u8) {
        let Some(index) = pick(&self.held, reservation) else { return };
        let to = usize::from(category) % TREE.len();
        let (from, bytes) = (self.held[index].category, self.held[index].bytes);
        let around_from: Vec<_> = around(from).collect();
        let common = around(to).find(|category| around_from.contains(category));
        let expected = self.refusal(to, bytes, common);
        let target = self.real[to].clone();
        let result = self.held[index].real.move_to(&target);
        assert_eq!(result.err(), expected);
        self.count(to, expected.is_some());
        if expected.is_none() {
            self.held[index].category = to;
            assert!(self.held[index].real.budget().is_same(&target));
        }
    }

    fn count(&mut self, category: usize, is_refused: bool) {
        self.refused[category] += u64::from(is_refused);
    }

    fn used(&self, category: usize) -> u64 {
        let inside = |held: &&Held| around(held.category).any(|other| other == category);
        self.held.iter().filter(inside).map(|held| held.bytes).sum()
    }

    fn left(&self, category: usize) -> u64 {
        self.limits[category].saturating_sub(self.used(category))
    }

    /// The error of a reservation in a category and those around it, as far as `end`.
    fn refusal(&self, category: usize, bytes: u64, end: Option<usize>) -> Option<OverBudget> {
        let path = || around(category).take_while(|&category| Some(category) != end);
        if bytes == 0 || path().all(|category| self.left(category) >= bytes) {
            return None;
        }
        let tightest = path().min_by_key(|&category| self.left(category)).unwrap();
        let mut holders: Vec<Holder> = (0..TREE.len())
            .filter(|&part| TREE[part].2 == Some(tightest))
            .map(|part| Holder { name: TREE[part].1.into(), bytes: self.used(part) })
            .collect();
        let own = self.held.iter().filter(|held| held.category == tightest);
        let bytes_own = own.map(|held| held.bytes).sum();
        holders.push(Holder { name: TREE[tightest].1.into(), bytes: bytes_own });
        holders.retain(|holder| holder.bytes > 0);
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.bytes));
        Some(OverBudget {
            requested: bytes,
            available: self.left(tightest),
            category: TREE[tightest].1.into(),
            limit: self.limits[tightest],
            holders,
        })
    }

    pub fn check(&mut self) {
        for (index, real) in self.real.iter().enumerate() {
            let used = self.used(index);
            self.peaks[index] = self.peaks[index].max(used);
            let usage = Usage {
                limit: self.limits[index],
                used,
                available: around(index).map(|category| self.left(category)).min().unwrap(),
                peak: self.peaks[index],
                refused: self.refused[index],
            };
            assert_eq!(real.usage(), usage, "{}", TREE[index].1);
            let excess =
                |category: usize| self.used(category).saturating_sub(self.limits[category]);
            assert_eq!(real.excess(), around(index).map(excess).max().unwrap());
            assert_eq!(real.name(), TREE[index].1);
            let parent = TREE[index].2.map(|parent| self.real[parent].name());
            assert_eq!(real.parent().as_ref().map(Budget::name), parent);
        }
        for held in &self.held {
            assert_eq!(held.real.bytes(), held.bytes);
        }
    }
}

/// A category and those around it.
fn around(category: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(category), |&category| TREE[category].2)
}
