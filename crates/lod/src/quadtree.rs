use crate::{LodError, QuadGrid, QuadNode, distance_to_aabb};
use farplane_geom::{Aabb, Vec3};

/// A terrain quadtree over slices that the caller owns, one element per node.
#[derive(Clone, Copy, Debug)]
pub struct QuadTree<'a> {
    grid: QuadGrid,
    error_m: &'a [f32],
    min_z: &'a [f32],
    max_z: &'a [f32],
}

impl<'a> QuadTree<'a> {
    /// `error_m` is each node's geometric error, `min_z` and `max_z` its heights, all in metres. An
    /// error that is not a number is never good enough.
    ///
    /// # Errors
    /// [`LodError::Length`] when a slice does not hold exactly [`QuadGrid::node_count`] elements.
    pub fn new(
        grid: QuadGrid,
        error_m: &'a [f32],
        min_z: &'a [f32],
        max_z: &'a [f32],
    ) -> Result<Self, LodError> {
        let expected = grid.node_count() as usize;
        for (what, actual) in
            [("error_m", error_m.len()), ("min_z", min_z.len()), ("max_z", max_z.len())]
        {
            if actual != expected {
                return Err(LodError::Length { what, expected, actual });
            }
        }
        Ok(Self { grid, error_m, min_z, max_z })
    }

    /// The tree's shape.
    #[must_use]
    pub const fn grid(&self) -> &QuadGrid {
        &self.grid
    }

    /// Box around a node, relative to the world origin.
    ///
    /// # Panics
    /// If the node is not one of this tree's [`QuadGrid`].
    #[must_use]
    pub fn node_bounds(&self, node: &QuadNode) -> Aabb {
        let (min, max) = self.grid.extent(node);
        let index = node.index as usize;
        Aabb::new(min.extend(self.min_z[index]), max.extend(self.max_z[index]))
    }

    /// Geometric error of a node, m.
    ///
    /// # Panics
    /// If the node is not one of this tree's [`QuadGrid`].
    #[must_use]
    pub fn error_m(&self, node: &QuadNode) -> f32 {
        self.error_m[node.index as usize]
    }

    /// Distance from a point to a node's box, m.
    ///
    /// # Panics
    /// If the node is not one of this tree's [`QuadGrid`].
    #[must_use]
    pub fn distance_m(&self, node: &QuadNode, point: Vec3) -> f32 {
        distance_to_aabb(point, &self.node_bounds(node))
    }
}
