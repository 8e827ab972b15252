use bytemuck::{Pod, Zeroable};
use core::num::NonZeroU8;
use farplane_geom::{Aabb, Vec3};

/// Eight boxes side by side, a row for each coordinate, so that one instruction tests all of them.
/// Three cache lines.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Pack {
    /// `min[axis][lane]`, m.
    pub min: [[f32; Pack::LANES]; 3],
    /// `max[axis][lane]`, m.
    pub max: [[f32; Pack::LANES]; 3],
}

impl Pack {
    /// One AVX register of each coordinate.
    pub const LANES: usize = 8;

    pub fn get(&self, lane: usize) -> Aabb {
        let corner =
            |rows: &[[f32; Self::LANES]; 3]| Vec3::new(rows[0][lane], rows[1][lane], rows[2][lane]);
        Aabb::new(corner(&self.min), corner(&self.max))
    }

    #[inline(always)]
    pub fn set(&mut self, lane: usize, b: &Aabb) {
        for axis in 0..3 {
            self.min[axis][lane] = b.min[axis];
            self.max[axis][lane] = b.max[axis];
        }
    }

    #[inline(always)]
    pub fn copy_lane(&mut self, lane: usize, from: &Self, from_lane: usize) {
        for axis in 0..3 {
            self.min[axis][lane] = from.min[axis][from_lane];
            self.max[axis][lane] = from.max[axis][from_lane];
        }
    }

    /// How far a box reaches beyond one lane's, m; 0 if it lies within.
    #[inline(always)]
    pub fn overshoot(&self, lane: usize, b: &Aabb) -> f32 {
        let mut over = 0.0f32;
        for axis in 0..3 {
            let below = self.min[axis][lane] - b.min[axis];
            let above = b.max[axis] - self.max[axis][lane];
            over = if below > over { below } else { over };
            over = if above > over { above } else { over };
        }
        over
    }

    /// Extends one lane's box to hold another.
    #[inline(always)]
    pub fn grow(&mut self, lane: usize, b: &Aabb) {
        let grown = self.get(lane).union(b);
        self.set(lane, &grown);
    }

    /// The smallest box around the first `count` lanes; `None` around none.
    pub fn union(&self, count: usize) -> Option<Aabb> {
        (0..count).map(|lane| self.get(lane)).reduce(|a, b| a.union(&b))
    }

    /// The smallest box around the first `count` of the boxes in several packs; `None` around none.
    pub fn union_of(packs: &[Self], count: usize) -> Option<Aabb> {
        let (full, rest) = packs.split_at(count / Self::LANES);
        let last = rest.first().and_then(|pack| pack.union(count % Self::LANES));
        let Some((&first, full)) = full.split_first() else { return last };
        // Lane by lane, which the compiler makes vectors of.
        let lanes = full.iter().fold(first, |mut all, pack| {
            for axis in 0..3 {
                for lane in 0..Self::LANES {
                    let (low, high) = (pack.min[axis][lane], pack.max[axis][lane]);
                    let (min, max) = (&mut all.min[axis][lane], &mut all.max[axis][lane]);
                    *min = if low < *min { low } else { *min };
                    *max = if high > *max { high } else { *max };
                }
            }
            all
        });
        let all = lanes.union(Self::LANES)?;
        Some(last.map_or(all, |last| all.union(&last)))
    }
}

/// The bits that are set, from the lowest on.
#[inline(always)]
pub fn lanes(mut bits: u8) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        // Of a number that is not 0, one instruction wherever there is one.
        let lane = NonZeroU8::new(bits)?.trailing_zeros() as usize;
        bits &= bits - 1;
        Some(lane)
    })
}
