use crate::LodError;
use farplane_geom::Vec2;

/// Levels of a quadtree at most: 2²³ finest tiles a side.
pub const LEVELS_MAX: usize = 24;

/// One node of a quadtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuadNode {
    /// Place in the slices of the tree.
    pub index: u32,
    /// 0 is the finest.
    pub level: u32,
    /// Column, counted eastwards.
    pub x: u32,
    /// Row, counted northwards.
    pub y: u32,
}

/// The shape of a quadtree without pointers: which nodes exist, where they lie, how they are
/// numbered.
///
/// Level 0 has `dims` tiles; level *l* has ⌈dims ÷ 2ˡ⌉ nodes, each over up to 2 × 2 of the level
/// below: at the eastern and northern edge there may be fewer. The index of a node is
/// `level_offset[level] + y × width[level] + x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuadGrid {
    min: Vec2,
    tile_size_m: Vec2,
    dims: [u32; 2],
    levels: u32,
    offsets: [u32; LEVELS_MAX],
}

impl QuadGrid {
    /// Indices by levels, the finest first.
    ///
    /// `min` is the south-western corner in metres relative to the world origin, `tile_size_m` the
    /// size of a tile of level 0, `dims` their number eastwards and northwards.
    ///
    /// # Errors
    /// [`LodError::Grid`] without levels or tiles, with more than [`LEVELS_MAX`] levels or 2³²
    /// nodes, with sizes that are not positive and finite, or a corner that is not finite.
    pub fn new(
        min: Vec2,
        tile_size_m: Vec2,
        dims: [u32; 2],
        levels: u32,
    ) -> Result<Self, LodError> {
        let refused = LodError::Grid { levels, dims, tile_size_m: tile_size_m.to_array() };
        let valid = min.is_finite()
            && tile_size_m.is_finite()
            && tile_size_m.cmpgt(Vec2::ZERO).all()
            && dims.iter().all(|&n| (1..=1 << (LEVELS_MAX - 1)).contains(&n))
            && (1..=LEVELS_MAX as u32).contains(&levels);
        if !valid {
            return Err(refused);
        }
        let mut grid = Self { min, tile_size_m, dims, levels, offsets: [0; LEVELS_MAX] };
        let mut count: u64 = 0;
        for level in 0..levels {
            grid.offsets[level as usize] = u32::try_from(count).map_err(|_| refused)?;
            let [width, height] = grid.dims(level);
            count += u64::from(width) * u64::from(height);
        }
        if count > u64::from(u32::MAX) {
            return Err(refused);
        }
        Ok(grid)
    }

    /// The same shape with other first indices per level, the finest level first: for nodes that
    /// are stored in another order. The caller keeps the levels apart.
    ///
    /// # Errors
    /// [`LodError::Length`] unless there is one offset per level; [`LodError::TooMany`] where a level
    /// would end beyond 2³² − 1 nodes.
    pub fn with_level_offsets(mut self, offsets: &[u32]) -> Result<Self, LodError> {
        let (expected, actual) = (self.levels as usize, offsets.len());
        if actual != expected {
            return Err(LodError::Length { what: "level offsets", expected, actual });
        }
        for (level, &offset) in offsets.iter().enumerate() {
            let [width, height] = self.dims(level as u32);
            let end = u64::from(offset) + u64::from(width) * u64::from(height);
            if end > u64::from(u32::MAX) {
                let (count, count_max) = (end as usize, u32::MAX as usize);
                return Err(LodError::TooMany { what: "nodes", count, count_max });
            }
            self.offsets[level] = offset;
        }
        Ok(self)
    }

    /// Number of levels.
    #[must_use]
    pub const fn levels(&self) -> u32 {
        self.levels
    }

    /// South-western corner, m, relative to the world origin.
    #[must_use]
    pub const fn min(&self) -> Vec2 {
        self.min
    }

    /// Size of a tile of level 0, m.
    #[must_use]
    pub const fn tile_size_m(&self) -> Vec2 {
        self.tile_size_m
    }

    /// Nodes of a level eastwards and northwards; none where there is no such level.
    #[must_use]
    pub fn dims(&self, level: u32) -> [u32; 2] {
        if level >= self.levels {
            return [0, 0];
        }
        self.dims.map(|n| n.div_ceil(1 << level))
    }

    /// One more than the largest index: what the slices of a tree must hold.
    #[must_use]
    pub fn node_count(&self) -> u32 {
        let end = |level: u32| {
            let [width, height] = self.dims(level);
            self.offsets[level as usize] + width * height
        };
        (0..self.levels).map(end).max().unwrap_or(0)
    }

    /// The node at a place; `None` where there is none.
    #[must_use]
    pub fn node(&self, level: u32, x: u32, y: u32) -> Option<QuadNode> {
        let [width, height] = self.dims(level);
        (x < width && y < height).then(|| {
            let index = self.offsets[level as usize] + y * width + x;
            QuadNode { index, level, x, y }
        })
    }

    /// The node that covers this one a level above; `None` at the top.
    #[must_use]
    pub fn parent(&self, node: &QuadNode) -> Option<QuadNode> {
        self.ancestor(node, node.level.checked_add(1)?)
    }

    /// The node of a level that covers this one, or is it; `None` where there is no such level.
    #[must_use]
    pub fn ancestor(&self, node: &QuadNode, level: u32) -> Option<QuadNode> {
        let up = level.checked_sub(node.level)?;
        self.node(level, node.x.checked_shr(up)?, node.y.checked_shr(up)?)
    }

    /// The children that exist: 1, 2 or 4, none at level 0, nor of what is no node of this grid.
    /// Order: x fastest.
    pub fn children(&self, node: &QuadNode) -> impl DoubleEndedIterator<Item = QuadNode> + use<> {
        let (grid, node) = (*self, *node);
        let below = node.level.checked_sub(1);
        (0..4u32).filter_map(move |quadrant| {
            let (x, y) = (node.x.checked_mul(2)?, node.y.checked_mul(2)?);
            grid.node(below?, x + (quadrant & 1), y + (quadrant >> 1))
        })
    }

    /// The nodes of the coarsest level, x fastest.
    pub fn roots(&self) -> impl Iterator<Item = QuadNode> + use<> {
        let (grid, top) = (*self, self.levels - 1);
        let [width, height] = grid.dims(top);
        (0..height).flat_map(move |y| (0..width).filter_map(move |x| grid.node(top, x, y)))
    }

    /// What a node covers, m: its south-western and north-eastern corner. Nodes at the eastern and
    /// northern edge end where the tiles of level 0 end.
    #[must_use]
    pub fn extent(&self, node: &QuadNode) -> (Vec2, Vec2) {
        let corner = |x: u32, y: u32| {
            let at = |n: u32, end: u32| {
                let n = u64::from(n) << node.level.min(LEVELS_MAX as u32);
                n.min(u64::from(end)) as f32
            };
            let tiles = Vec2::new(at(x, self.dims[0]), at(y, self.dims[1]));
            self.min + tiles * self.tile_size_m
        };
        (corner(node.x, node.y), corner(node.x.saturating_add(1), node.y.saturating_add(1)))
    }
}
