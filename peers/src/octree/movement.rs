//! Boxes on the move: 60 frames a second.

use super::contenders::Move;
use super::scene::SIZE_M;
use crate::random::Random;
use farplane_geom::{Aabb, Vec3};

/// Seconds of a frame.
const FRAME_S: f32 = 1.0 / 60.0;

/// The same boxes in every frame, each straight ahead at 1 to 30 m/s (people to cars), turned back
/// at the edge of the world.
pub struct Walkers {
    items: Vec<u32>,
    steps_m: Vec<Vec3>,
}

impl Walkers {
    /// Every n-th box, so that there are `count`.
    pub fn new(seed: u64, boxes: &[Aabb], count: usize) -> Self {
        let mut random = Random::new(seed);
        let stride = boxes.len() / count;
        let items: Vec<_> = (0..count).map(|i| (i * stride) as u32).collect();
        let mut step = || {
            let mut along = || random.between(-1.0, 1.0) as f32;
            let direction = Vec3::new(along(), along(), along() * 0.1);
            let speed = random.between(1.0, 30.0) as f32;
            direction * (speed * FRAME_S / direction.length().max(1e-3))
        };
        let steps_m = items.iter().map(|_| step()).collect();
        Self { items, steps_m }
    }

    /// Moves the boxes by one frame and says which went where.
    pub fn step(&mut self, boxes: &mut [Aabb], moves: &mut Vec<Move>) {
        moves.clear();
        for (&item, step) in self.items.iter().zip(&mut self.steps_m) {
            let from = boxes[item as usize];
            let center = from.center() + *step;
            for axis in 0..3 {
                let out = center[axis] < 0.0 || center[axis] > SIZE_M[axis] as f32;
                let outwards = (center[axis] < 0.0) == (step[axis] < 0.0);
                if out && outwards {
                    step[axis] = -step[axis];
                }
            }
            let to = Aabb::new(from.min + *step, from.max + *step);
            boxes[item as usize] = to;
            moves.push(Move { item, from, to });
        }
    }
}

/// Other boxes in every frame, each by up to 1 m in any direction.
pub struct Jitter {
    random: Random,
    count: usize,
}

impl Jitter {
    /// `count` boxes a frame.
    pub fn new(seed: u64, count: usize) -> Self {
        Self { random: Random::new(seed), count }
    }

    /// Moves the boxes by one frame and says which went where.
    pub fn step(&mut self, boxes: &mut [Aabb], moves: &mut Vec<Move>) {
        moves.clear();
        for _ in 0..self.count {
            let item = self.random.below(boxes.len());
            // Three numbers of 21 bits.
            let bits = self.random.bits();
            let along =
                |axis: u32| (bits >> (21 * axis) & 0x1f_ffff) as f32 * (2.0 / 2_097_152.0) - 1.0;
            let step = Vec3::new(along(0), along(1), along(2));
            let from = boxes[item];
            let to = Aabb::new(from.min + step, from.max + step);
            boxes[item] = to;
            moves.push(Move { item: item as u32, from, to });
        }
    }
}
