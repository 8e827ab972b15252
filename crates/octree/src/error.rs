use crate::{COORDINATE_MAX_M, Handle};
use core::fmt;
use farplane_geom::Aabb;

/// Why an operation was refused. The tree is unchanged, but by the moves before the refused one in
/// [`Octree::move_many`](crate::Octree::move_many).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OctreeError {
    /// A corner is not finite, `min > max` on some axis, or a coordinate is beyond
    /// [`COORDINATE_MAX_M`].
    InvalidBox {
        /// The box as given.
        bounds: Aabb,
    },
    /// The handle's item was removed before, or the handle is of another tree. Not every handle of
    /// another tree is refused: where an item of this one has the same slot, used as often, the handle
    /// names that item.
    StaleHandle {
        /// The handle as given.
        handle: Handle,
    },
    /// The tree holds as many items as a handle can tell apart.
    Full {
        /// Largest number of items.
        count_max: u32,
    },
    /// More frusta at once than one mask tells apart.
    TooManyFrusta {
        /// Frusta given.
        count: usize,
        /// Largest number.
        count_max: usize,
    },
    /// A ring's radius is negative, not a number, or less than the one before.
    InvalidRing {
        /// Its place in the list.
        index: usize,
        /// The radius, m.
        radius_m: f32,
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
            Self::TooManyFrusta { count, count_max } => write!(
                f,
                "octree: {count} frusta at once are more than {count_max}: ask in several queries"
            ),
            Self::InvalidRing { index, radius_m } => write!(
                f,
                "octree: ring {index} with a radius of {radius_m} m is refused: give radii that \
                 are not negative and ascend"
            ),
        }
    }
}

impl core::error::Error for OctreeError {}
