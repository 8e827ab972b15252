use farplane_geom::{Aabb, Vec3};

/// Bits of a key along each axis.
const AXIS_BITS: u32 = 20;

/// Boxes up to this part of the root cell's edge are of the smallest class.
const SMALLEST: f32 = 1.0 / 512.0;

/// How far items that belong elsewhere may stretch a block, as part of its half size: the more, the
/// more queries a block meets in vain; with nothing, items at its edge would leave and come back all
/// the time.
const SLACK: f32 = 0.125;

/// The root cell, which positions are measured in. It only steers how space is divided: what lies
/// outside counts to the cells at its border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Smallest corner, m.
    pub min: [f32; 3],
    /// Edge, m.
    pub edge_m: f32,
}

impl Cell {
    /// The cube around a box.
    pub fn around(b: &Aabb) -> Self {
        // A point has no size to divide, and the reciprocal of the edge must be finite.
        let half = b.half_size().max_element().max(1.0e-20);
        Self { min: (b.center() - Vec3::splat(half)).to_array(), edge_m: half * 2.0 }
    }

    /// Where a box belongs: its class of sizes in the upper four bits, below them the place of its
    /// centre on the Z curve. So big boxes share no block with small ones, whose bounds they would
    /// stretch.
    #[inline]
    pub fn key(&self, b: &Aabb) -> u64 {
        self.class(b) << (3 * AXIS_BITS) | self.morton(b.center())
    }

    /// The class of sizes in a key.
    pub const fn class_of(key: u64) -> u64 {
        key >> (3 * AXIS_BITS)
    }

    /// Class 0 holds boxes up to 1/512 of the root cell's edge, each next one boxes about four times
    /// as long.
    #[inline]
    fn class(&self, b: &Aabb) -> u64 {
        let size = b.max - b.min;
        let mut longest = size.x;
        longest = if size.y > longest { size.y } else { longest };
        longest = if size.z > longest { size.z } else { longest };
        let ratio = longest / (self.edge_m * SMALLEST);
        if ratio <= 1.0 {
            return 0;
        }
        let octave = (ratio.to_bits() >> 23) - 127;
        u64::from(octave / 2 + 1).min(15)
    }

    /// Place along the Z curve, x the lowest bit (Morton, "A computer oriented geodetic data base",
    /// 1966).
    #[inline]
    fn morton(&self, p: Vec3) -> u64 {
        let scale = (1u32 << AXIS_BITS) as f32 / self.edge_m;
        let step = |axis: usize| {
            // The conversion saturates: what lies before the cell is 0.
            let step = ((p[axis] - self.min[axis]) * scale) as u32;
            spread(step.min((1 << AXIS_BITS) - 1))
        };
        step(0) | step(1) << 1 | step(2) << 2
    }

    /// How far items may stray from a block of this extent before they must leave it, m.
    pub fn slack_m(&self, b: &Aabb) -> f32 {
        let floor = self.edge_m * (1.0 / 65_536.0);
        (b.half_size().max_element() * SLACK).max(floor)
    }
}

/// Puts two zeros between any two of the lower 21 bits.
#[inline]
fn spread(v: u32) -> u64 {
    let mut v = u64::from(v);
    v = (v | v << 32) & 0x001f_0000_0000_ffff;
    v = (v | v << 16) & 0x001f_0000_ff00_00ff;
    v = (v | v << 8) & 0x100f_00f0_0f00_f00f;
    v = (v | v << 4) & 0x10c3_0c30_c30c_30c3;
    (v | v << 2) & 0x1249_2492_4924_9249
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Cell = Cell { min: [0.0; 3], edge_m: 1.0 };

    #[test]
    fn the_z_curve_visits_the_eight_corners_with_x_fastest() {
        let corners = (0..8u8)
            .map(|i| Vec3::new(f32::from(i & 1), f32::from(i >> 1 & 1), f32::from(i >> 2 & 1)));
        let codes: Vec<_> = corners.map(|c| UNIT.key(&Aabb::new(c, c))).collect();
        assert!(codes.is_sorted());
        assert_eq!(codes[0], 0);
        assert_eq!(codes[7], (1 << 60) - 1);
    }

    #[test]
    fn spreading_puts_each_bit_where_a_loop_puts_it() {
        for v in [0, 1, 0xf_ffff, 0x5_5555, 0xa_aaaa, 0x8_0001, 0x1_2345] {
            let slow = (0..20).fold(0u64, |sum, bit| sum | u64::from(v >> bit & 1) << (3 * bit));
            assert_eq!(spread(v), slow, "{v:x}");
        }
    }

    #[test]
    fn boxes_four_times_as_long_are_of_the_next_class() {
        let class = |edge: f32| UNIT.key(&Aabb::new(Vec3::ZERO, Vec3::splat(edge))) >> 60;
        let edges = [0.0, 1.0, 1.01, 3.99, 4.0, 15.0, 16.0, 1.0e30].map(|v| v / 512.0);
        assert_eq!(edges.map(class), [0, 0, 1, 1, 2, 2, 3, 15]);
    }

    #[test]
    fn points_beyond_the_cell_count_to_its_border() {
        let key = |p: Vec3| UNIT.key(&Aabb::new(p, p));
        assert_eq!(key(Vec3::splat(-1.0e18)), 0);
        assert_eq!(key(Vec3::splat(1.0e18)), key(Vec3::splat(0.999_999_9)));
    }

    extern crate std;
    use std::vec::Vec;
}
