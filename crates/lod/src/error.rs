use core::fmt;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LodError {
    /// Thresholds that are not finite, not positive, or in the wrong order.
    Rule {
        /// As given.
        refine_px: f32,
        /// As given.
        coarsen_px: f32,
        /// As given.
        cull_px: f32,
    },
    /// A position or focal length that is not finite, or a focal length that is not positive.
    View {
        /// As given.
        focal_px: f32,
    },
    /// A number that makes no sense.
    Value {
        /// What it is, with its unit.
        what: &'static str,
        /// As given.
        value: f32,
    },
    /// Not even the coarsest rule that is tried keeps a budget.
    Budget {
        /// Of what: triangles or bytes.
        what: &'static str,
        /// Allowed.
        budget: u64,
        /// Needed at least.
        needed: u64,
    },
    /// Slices that belong together differ in length.
    Length {
        /// Which slice.
        what: &'static str,
        /// Elements needed.
        expected: usize,
        /// Elements given.
        actual: usize,
    },
    /// An index into a slice is too large.
    Index {
        /// What it counts.
        what: &'static str,
        /// The index.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// More elements than can be numbered.
    TooMany {
        /// What they are.
        what: &'static str,
        /// As given.
        count: usize,
        /// Largest number.
        count_max: usize,
    },
    /// A node that contradicts the rest of its tree.
    Node {
        /// Which.
        index: u32,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A quadtree without a level or a tile, with too many of them, with a tile size that is not
    /// positive, or with a corner that is not finite.
    Grid {
        /// As given.
        levels: u32,
        /// As given.
        dims: [u32; 2],
        /// As given.
        tile_size_m: [f32; 2],
    },
}

impl fmt::Display for LodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Rule { refine_px, coarsen_px, cull_px } => write!(
                f,
                "lod rule: refine_px {refine_px}, coarsen_px {coarsen_px}, cull_px {cull_px}: give \
                 finite values with 0 < coarsen_px ≤ refine_px and cull_px ≥ 0"
            ),
            Self::View { focal_px } => write!(
                f,
                "lod view: focal_px {focal_px} or the position is not usable: both must be finite, \
                 the focal length positive"
            ),
            Self::Value { what, value } => {
                write!(f, "lod: {what}: {value} is not usable: give a finite number, not negative")
            }
            Self::Budget { what, budget, needed } => write!(
                f,
                "lod budget: {budget} {what} where what must be shown needs {needed}: raise the \
                 budget, or let larger objects vanish (a larger cull_px)"
            ),
            Self::Length { what, expected, actual } => {
                write!(f, "lod: {what} has {actual} elements where {expected} are needed")
            }
            Self::Index { what, index, count } => {
                write!(f, "lod: {what} {index} does not exist: there are {count}")
            }
            Self::TooMany { what, count, count_max } => {
                write!(f, "lod: {count} {what} are too many: give at most {count_max}")
            }
            Self::Node { index, why } => write!(f, "lod tree: node {index} {why}"),
            Self::Grid { levels, dims: [width, height], tile_size_m: [x, y] } => write!(
                f,
                "quadtree: {width} × {height} tiles of {x} × {y} m in {levels} levels: give a \
                 finite corner, positive sizes, at least one tile, 1 to {} levels and fewer than \
                 2³² nodes",
                crate::LEVELS_MAX
            ),
        }
    }
}

impl core::error::Error for LodError {}
