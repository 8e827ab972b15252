use crate::pyramid::{self, EMPTY};
use crate::{Grid, GridError};
use core::fmt;

/// What a node of the scene's quadtree holds: nothing, nodes, or the tile in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) u32);

impl Link {
    pub(crate) const EMPTY: Self = Self(u32::MAX);
    pub(crate) const INNER: Self = Self(u32::MAX - 1);

    fn is_tile(self) -> bool {
        self.0 < Self::INNER.0
    }
}

/// Terrain as a set of tiles of any levels that do not overlap, with maxima over all of it.
///
/// `S` holds the samples of a tile: `(tile_quads + 1)²` of them, row by row, the southernmost row
/// first. Each quad is two triangles that share its south-west to north-east diagonal. Where no
/// tile lies there is nothing to hit.
#[derive(Clone, Debug)]
pub struct Scene<S> {
    pub(crate) grid: Grid,
    /// Levels of the quadtree below its root; finest tiles are at this depth.
    depth: u32,
    /// By node number; see [`pyramid::nodes_above`].
    pub(crate) links: Vec<Link>,
    /// Ceilings of each inner node's children, in height steps.
    pub(crate) max: Vec<[f32; 4]>,
    slots: Vec<Option<S>>,
    free: Vec<u32>,
    /// The tiles' pyramids, `groups` for each slot.
    pyramids: Vec<[u16; 4]>,
    groups: usize,
}

/// Why a tile cannot be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError {
    /// The grid has no such level.
    Level {
        /// Level asked for.
        level: u32,
        /// Levels of the grid.
        levels: u32,
    },
    /// The tile lies outside the world.
    Outside {
        /// Level asked for.
        level: u32,
        /// Place asked for, in tiles of that level.
        place: [u32; 2],
        /// Tiles of that level.
        tiles: [u32; 2],
    },
    /// The number of samples is wrong.
    Samples {
        /// Samples of a tile.
        expected: usize,
        /// Samples given.
        found: usize,
    },
    /// A tile of another level covers some of the same ground.
    Overlaps {
        /// Level asked for.
        level: u32,
        /// Place asked for, in tiles of that level.
        place: [u32; 2],
        /// Level of the tile in the way.
        other_level: u32,
        /// Its place, in tiles of its level.
        other_place: [u32; 2],
    },
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Level { level, levels } => {
                write!(f, "tile of level {level}, but the grid has {levels} levels")
            }
            Self::Outside { level, place: [x, y], tiles: [nx, ny] } => {
                write!(f, "tile ({x}, {y}) of level {level} lies outside its {nx} × {ny} tiles")
            }
            Self::Samples { expected, found } => {
                write!(f, "tile of {found} samples; this grid's tiles have {expected}")
            }
            Self::Overlaps { level, place: [x, y], other_level, other_place: [ox, oy] } => write!(
                f,
                "tile ({x}, {y}) of level {level} overlaps tile ({ox}, {oy}) of level \
                 {other_level}; remove that one first"
            ),
        }
    }
}

impl core::error::Error for InsertError {}

impl<S> Scene<S> {
    /// A scene without tiles.
    ///
    /// # Errors
    /// If a field of the grid makes no sense.
    pub fn new(grid: Grid) -> Result<Self, GridError> {
        grid.validate()?;
        let [x, y] = grid.tiles(0);
        let depth = x.max(y).next_power_of_two().ilog2().max(grid.levels - 1);
        Ok(Self {
            grid,
            depth,
            links: vec![Link::EMPTY; pyramid::nodes_above(depth + 1)],
            max: vec![[EMPTY; 4]; pyramid::nodes_above(depth)],
            slots: Vec::new(),
            free: Vec::new(),
            pyramids: Vec::new(),
            groups: pyramid::nodes_above(pyramid::depth(&grid)),
        })
    }

    /// Where the scene lies.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Tiles in the scene.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is no tile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples of a tile; `None` if there is no such tile.
    #[must_use]
    pub fn tile(&self, level: u32, x: u32, y: u32) -> Option<&S> {
        let node = self.node(level, [x, y]).ok()?;
        let link = self.links[node];
        if link.is_tile() { self.slots[link.0 as usize].as_ref() } else { None }
    }

    /// Takes a tile out and gives its samples back; `None` if there is no such tile.
    pub fn remove(&mut self, level: u32, x: u32, y: u32) -> Option<S> {
        let node = self.node(level, [x, y]).ok()?;
        let link = self.links[node];
        if !link.is_tile() {
            return None;
        }
        self.links[node] = Link::EMPTY;
        self.set_max(node, EMPTY);
        self.free.push(link.0);
        self.slots[link.0 as usize].take()
    }

    pub(crate) fn root_size(&self) -> f32 {
        (u64::from(self.grid.tile_quads) << self.depth) as f32
    }

    /// Samples from one row of a tile to the next.
    pub(crate) fn stride(&self) -> usize {
        self.grid.tile_quads as usize + 1
    }

    pub(crate) fn pyramid(&self, slot: usize) -> &[[u16; 4]] {
        &self.pyramids[slot * self.groups..][..self.groups]
    }

    fn node(&self, level: u32, place: [u32; 2]) -> Result<usize, InsertError> {
        let levels = self.grid.levels;
        if level >= levels {
            return Err(InsertError::Level { level, levels });
        }
        let tiles = self.grid.tiles(level);
        if place[0] >= tiles[0] || place[1] >= tiles[1] {
            return Err(InsertError::Outside { level, place, tiles });
        }
        let first = pyramid::nodes_above(self.depth - level);
        Ok(first + pyramid::morton(place[0], place[1]))
    }

    /// Level and place of a tile of another level that shares ground with a node.
    fn overlap(&self, node: usize, level: u32, place: [u32; 2]) -> Option<(u32, [u32; 2])> {
        let (mut above, mut up) = (node, 0);
        while above > 0 {
            above = (above - 1) / 4;
            up += 1;
            if self.links[above].is_tile() {
                return Some((level + up, place.map(|p| p >> up)));
            }
        }
        let (mut below, mut level, mut place) = (node, level, place);
        while self.links[below] == Link::INNER {
            let c = (0..4).find(|c| self.links[4 * below + 1 + c] != Link::EMPTY)?;
            below = 4 * below + 1 + c;
            level -= 1;
            place = [place[0] * 2 + (c & 1) as u32, place[1] * 2 + (c >> 1) as u32];
        }
        (below != node).then_some((level, place))
    }

    /// Writes a node's maximum and brings everything above it up to date.
    fn set_max(&mut self, mut node: usize, mut max: f32) {
        while node > 0 {
            let parent = (node - 1) / 4;
            self.max[parent][(node - 1) % 4] = max;
            let empty = (1..=4).all(|c| self.links[4 * parent + c] == Link::EMPTY);
            self.links[parent] = if empty { Link::EMPTY } else { Link::INNER };
            max = pyramid::largest(&self.max[parent]);
            node = parent;
        }
    }
}

impl<S: AsRef<[u16]>> Scene<S> {
    /// Puts a tile in, or exchanges its samples: those that were there before are given back.
    /// Places count from the south-west, in tiles of that level.
    ///
    /// `samples.as_ref()` must stay as it is while the tile is in the scene; a tile that changed
    /// its length would count as empty.
    ///
    /// # Errors
    /// If the grid has no such tile, the number of samples is wrong, or a tile of another level
    /// covers some of the same ground. The scene is then as it was.
    pub fn insert(
        &mut self,
        level: u32,
        x: u32,
        y: u32,
        samples: S,
    ) -> Result<Option<S>, InsertError> {
        let place = [x, y];
        let node = self.node(level, place)?;
        let (expected, found) = (self.grid.tile_samples(), samples.as_ref().len());
        if found != expected {
            return Err(InsertError::Samples { expected, found });
        }
        if let Some((other_level, other_place)) = self.overlap(node, level, place) {
            return Err(InsertError::Overlaps { level, place, other_level, other_place });
        }
        let slot = match self.links[node] {
            link if link.is_tile() => link.0,
            _ => self.free_slot(),
        };
        let corner = place.map(|p| (p * self.grid.tile_quads) << level);
        let valid = [0, 1].map(|a| {
            let inside = self.grid.quads[a] - corner[a];
            inside.div_ceil(1 << level).min(self.grid.tile_quads)
        });
        let groups = &mut self.pyramids[slot as usize * self.groups..][..self.groups];
        let max = pyramid::build(&self.grid, samples.as_ref(), valid, groups);
        let before = self.slots[slot as usize].replace(samples);
        self.links[node] = Link(slot);
        self.set_max(node, pyramid::ceiling(max));
        Ok(before)
    }

    fn free_slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.pyramids.resize(self.slots.len() * self.groups, [0; 4]);
            self.slots.len() as u32 - 1
        })
    }

    /// Samples of a slot's tile.
    pub(crate) fn samples(&self, slot: usize) -> Option<&[u16]> {
        let samples = self.slots[slot].as_ref()?.as_ref();
        (samples.len() == self.grid.tile_samples()).then_some(samples)
    }
}
