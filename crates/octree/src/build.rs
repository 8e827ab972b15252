use crate::block::Entry;
use crate::tree::check;
use crate::{Octree, OctreeError};
use alloc::vec::Vec;
use farplane_geom::{Aabb, Vec3};

impl Octree {
    /// A tree over the given items, whose bounds are theirs. They are inserted in Morton order, so
    /// that neighbours in space are neighbours in memory; [`Octree::handles`] gives their handles
    /// in the order of `items`.
    ///
    /// # Errors
    /// [`OctreeError::InvalidBox`] for the first box that [`Octree::insert`] would refuse,
    /// [`OctreeError::Full`] beyond 2³⁰ items.
    pub fn build(items: &[(Aabb, u32)]) -> Result<Self, OctreeError> {
        for (bounds, _) in items {
            check(bounds)?;
        }
        let nothing = Aabb::new(Vec3::ZERO, Vec3::ZERO);
        let all = items.iter().map(|(bounds, _)| *bounds).reduce(|a, b| a.union(&b));
        let all = all.unwrap_or(nothing);
        let mut tree = Self::new(all)?;
        let mut order = Vec::with_capacity(items.len());
        for (bounds, _) in items {
            let slot = tree.acquire_slot()?.index;
            order.push((morton(bounds.center(), &all), slot));
        }
        order.sort_unstable();
        for (_, slot) in order {
            let (bounds, item) = items[slot as usize];
            tree.place(&Entry { bounds, item, slot });
        }
        Ok(tree)
    }
}

/// Bits per axis of a Morton code.
const AXIS_BITS: u32 = 16;

/// Place of a point along the Z curve through a box, x the lowest bit.
fn morton(point: Vec3, all: &Aabb) -> u64 {
    // Half sizes, as a whole size may overflow; one divisor, as the cells of the tree are cubes.
    let edge = all.half_size().max_element() * 2.0;
    let mut code = 0;
    for axis in 0..3 {
        let part = if edge > 0.0 { (point[axis] - all.min[axis]) / edge } else { 0.0 };
        let step = (part * 65_535.0) as u64;
        for bit in 0..AXIS_BITS {
            code |= (step >> bit & 1) << (3 * bit + axis as u32);
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_z_curve_visits_the_eight_corners_with_x_fastest() {
        let all = Aabb::new(Vec3::ZERO, Vec3::ONE);
        let corners = (0..8u8)
            .map(|i| Vec3::new(f32::from(i & 1), f32::from(i >> 1 & 1), f32::from(i >> 2 & 1)));
        let codes: Vec<_> = corners.map(|c| morton(c, &all)).collect();
        assert!(codes.is_sorted());
        assert_eq!(codes[0], 0);
        assert_eq!(codes[7], (1 << (3 * AXIS_BITS)) - 1);
    }
}
