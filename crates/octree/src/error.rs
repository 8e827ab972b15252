use crate::{COORDINATE_MAX_M, Handle};
use core::fmt;
use farplane_geom::Aabb;

/// Why an operation was refused. The tree is unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OctreeError {
    /// A corner is not finite, `min > max` on some axis, or a coordinate is beyond
    /// [`COORDINATE_MAX_M`].
    InvalidBox {
        /// The box as given.
        bounds: Aabb,
    },
    /// The handle's item was removed before, or the handle is of another tree.
    StaleHandle {
        /// The handle as given.
        handle: Handle,
    },
    /// The tree holds as many items as a handle can tell apart.
    Full {
        /// Largest number of items.
        count_max: u32,
    },
}

impl fmt::Display for OctreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidBox { bounds: Aabb { min, max } } => write!(
                f,
                "octree: box {min} to {max} is refused: give finite corners within \
                 ±{COORDINATE_MAX_M:e} m and min ≤ max"
            ),
            Self::StaleHandle { handle } => write!(
                f,
                "octree: no item has handle {handle}: it was removed, or the handle is of another \
                 tree; drop the handle"
            ),
            Self::Full { count_max } => write!(
                f,
                "octree: all {count_max} items are in use: remove some, or split the world over \
                 several trees"
            ),
        }
    }
}

impl core::error::Error for OctreeError {}
