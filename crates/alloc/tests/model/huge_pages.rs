//! Oracle of `HugePages`, as the allocator of the whole program: vectors of bytes that grow and
//! shrink, and what each must hold.

use super::{byte, pick};

/// A huge page.
const LARGE: usize = 2 << 20;
/// All vectors together, bytes.
const TOTAL_MAX: usize = 64 << 20;

#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Zeroed by the allocator.
    New {
        size: usize,
    },
    /// Written by us.
    Fill {
        size: usize,
        with: u8,
    },
    Grow {
        which: u8,
        by: usize,
    },
    Shrink {
        which: u8,
        to: usize,
    },
    Drop {
        which: u8,
    },
}

/// Sizes around what is large, and around whole pages.
fn size(class: u8, fine: u8) -> usize {
    let base = match class % 8 {
        0 => 1,
        1 => 4096,
        2 => LARGE / 2,
        3 => LARGE - 128,
        4 => LARGE,
        5 => LARGE + (64 << 10) - 128,
        6 => 2 * LARGE,
        _ => 3 * LARGE + 4096,
    };
    base + usize::from(fine)
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, a, b) = (byte(bytes)?, byte(bytes)?, byte(bytes)?);
        let size = size(kind >> 3, b);
        Some(match kind % 8 {
            0 | 1 => Self::New { size },
            2 | 3 => Self::Fill { size, with: a },
            4 | 5 => Self::Grow { which: a, by: size },
            6 => Self::Shrink { which: a, to: size },
            _ => Self::Drop { which: a },
        })
    }
}

/// A vector, and what it holds: `with` in its first bytes, zeros behind.
struct Held {
    bytes: Vec<u8>,
    with: u8,
    filled: usize,
}

impl Held {
    /// At the edges of pages, and of what was filled.
    fn check(&self) {
        let size = self.bytes.len();
        let edges = (0..size).step_by(4096).chain([size - 1, self.filled, self.filled.max(1) - 1]);
        for at in edges.filter(|&at| at < size) {
            let expected = if at < self.filled { self.with } else { 0 };
            assert_eq!(self.bytes[at], expected, "byte {at} of {size}");
        }
        let start = self.bytes.as_ptr().addr();
        if self.bytes.capacity() >= LARGE && cfg!(all(target_os = "linux", not(miri))) {
            assert_eq!(start % LARGE, 0, "{size} bytes at {start:#x}");
        }
    }

    fn range(&self) -> std::ops::Range<usize> {
        let start = self.bytes.as_ptr().addr();
        start..start + self.bytes.capacity()
    }
}

/// Runs a whole test case, in a program whose allocator is `HugePages`.
pub fn run(mut bytes: &[u8]) {
    let mut all: Vec<Held> = Vec::new();
    while let Some(op) = Op::decode(&mut bytes) {
        let total: usize = all.iter().map(|held| held.bytes.capacity()).sum();
        match op {
            Op::New { size } if total + size <= TOTAL_MAX => {
                all.push(Held { bytes: vec![0; size], with: 0, filled: 0 });
            }
            Op::Fill { size, with } if total + size <= TOTAL_MAX => {
                let mut bytes = Vec::with_capacity(size);
                bytes.resize(size, with);
                all.push(Held { bytes, with, filled: size });
            }
            Op::Grow { which, by } if total + by <= TOTAL_MAX => {
                if let Some(which) = pick(&all, which) {
                    let held = &mut all[which];
                    held.bytes.reserve_exact(by);
                    held.bytes.resize(held.bytes.len() + by, 0);
                }
            }
            Op::Shrink { which, to } => {
                if let Some(which) = pick(&all, which) {
                    let held = &mut all[which];
                    held.bytes.truncate(to);
                    held.bytes.shrink_to_fit();
                    held.filled = held.filled.min(held.bytes.len());
                }
            }
            Op::Drop { which } => {
                if let Some(which) = pick(&all, which) {
                    all.swap_remove(which);
                }
            }
            _ => {}
        }
        all.iter().for_each(Held::check);
        let mut ranges: Vec<_> = all.iter().map(Held::range).collect();
        ranges.sort_by_key(|range| range.start);
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{ranges:x?}");
    }
}
